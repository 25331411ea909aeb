//! Read-write lock, condition, once cell.

use std::cell::RefCell;
use std::future::{pending, poll_fn};
use std::mem::replace;
use std::rc::Rc;
use std::sync::Arc;
use std::task::Poll;

use windlass_sync::condvar::Condvar;
use windlass_sync::mutex::Mutex;
use windlass_sync::once::OnceCell;
use windlass_sync::rwlock::RwLock;

use super::{Subject, Wait};
use crate::kit::Hand;

pub fn all() -> Vec<Subject> {
    vec![
        reading("rwlock, reading", |lock| {
            Box::pin(async move { drop(lock.read().await) }) // over at once
        }),
        reading("rwlock, reading, owned", |lock| {
            let wait = lock.read_owned();
            Box::pin(async move { drop(wait.await) })
        }),
        writing("rwlock, writing", |lock| Box::pin(async move { drop(lock.write().await) })),
        writing("rwlock, writing, owned", |lock| {
            let wait = lock.write_owned();
            Box::pin(async move { drop(wait.await) })
        }),
        told_all("condvar", |condvar, mutex| {
            Box::pin(async move {
                let guard = mutex.lock().await;
                drop(condvar.wait(guard).await);
            })
        }),
        told_all("condvar, with an alarm, owned guard", |condvar, mutex| {
            Box::pin(async move {
                let guard = mutex.lock_owned().await;
                drop(condvar.wait_at_most(guard, pending()).await);
            })
        }),
        told_one(),
        once_tried(),
        once_made(),
    ]
}

fn poke_lock(lock: &RwLock<()>) {
    let _ = (lock.try_read(), lock.try_write(), format!("{lock:?}"));
}

fn reading(name: &'static str, wait: fn(Arc<RwLock<()>>) -> Wait) -> Subject {
    let lock = Arc::new(RwLock::new(()));
    let held = Rc::new(RefCell::new(lock.clone().try_write_owned()));
    let [waits, counts] = [(); 2].map(|()| lock.clone());
    Subject {
        name,
        wait: Box::new(move || wait(waits.clone())),
        serve: Box::new(move || drop(held.take())),
        waiting: Box::new(move || counts.stats().waiting),
        poke: Box::new(move || poke_lock(&lock)),
        one_at_a_time: false,
    }
}

fn writing(name: &'static str, wait: fn(Arc<RwLock<()>>) -> Wait) -> Subject {
    let lock = Arc::new(RwLock::new(()));
    let held = Rc::new(RefCell::new(lock.clone().try_read_owned()));
    let [waits, counts] = [(); 2].map(|()| lock.clone());
    Subject {
        name,
        wait: Box::new(move || wait(waits.clone())),
        serve: Box::new(move || drop(held.take())),
        waiting: Box::new(move || counts.stats().waiting),
        poke: Box::new(move || poke_lock(&lock)),
        one_at_a_time: true,
    }
}

fn told_all(name: &'static str, wait: fn(Arc<Condvar>, Arc<Mutex<u32>>) -> Wait) -> Subject {
    let (condvar, mutex) = (Arc::new(Condvar::new()), Arc::new(Mutex::new(0)));
    let [waits, serves, counts] = [(); 3].map(|()| condvar.clone());
    Subject {
        name,
        wait: Box::new(move || wait(waits.clone(), mutex.clone())),
        serve: Box::new(move || serves.notify_all()),
        waiting: Box::new(move || counts.stats().waiting),
        poke: Box::new(move || {
            let _ = format!("{condvar:?}");
            condvar.notify_many(0);
        }),
        one_at_a_time: false,
    }
}

/// The value counts what was served and not yet taken, and who takes it passes it on.
fn told_one() -> Subject {
    let shared = Arc::new((Condvar::new(), Mutex::new(0)));
    let [waits, serves, counts] = [(); 3].map(|()| shared.clone());
    Subject {
        name: "condvar, wait_while",
        wait: Box::new(move || {
            let shared = waits.clone();
            Box::pin(async move {
                let (condvar, mutex) = &*shared;
                drop(condvar.wait_while(mutex.lock().await, |served| *served == 0).await);
                condvar.notify_one();
            })
        }),
        serve: Box::new(move || {
            *serves.1.try_lock().expect("nobody keeps it") += 1;
            serves.0.notify_one();
        }),
        waiting: Box::new(move || counts.0.stats().waiting),
        poke: Box::new(move || {
            let _ = (format!("{:?}", shared.0), shared.1.try_lock());
        }),
        one_at_a_time: true,
    }
}

/// Somebody who makes a value, until dropped or polled.
type Maker = RefCell<Option<Hand<Wait>>>;

/// A cell whose value somebody makes.
fn being_made<E: 'static>(
    make: impl Future<Output = Result<(), E>> + 'static,
) -> (Arc<OnceCell<()>>, Maker) {
    let cell = Arc::new(OnceCell::new());
    let makes: Wait = Box::pin({
        let cell = cell.clone();
        async move { drop(cell.get_or_try_init(|| make).await) }
    });
    let mut makes = Hand::new(makes);
    makes.pending();
    (cell, RefCell::new(Some(makes)))
}

/// Nobody succeeds in making it.
fn once_tried() -> Subject {
    let (cell, makes) = being_made(pending::<Result<(), ()>>());
    let [waits, counts] = [(); 2].map(|()| cell.clone());
    Subject {
        name: "once cell, that fails",
        wait: Box::new(move || {
            let cell = waits.clone();
            Box::pin(async move { assert!(cell.get_or_try_init(async || Err(())).await.is_err()) })
        }),
        serve: Box::new(move || drop(makes.take())),
        waiting: Box::new(move || counts.stats().waiting),
        poke: Box::new(move || drop((cell.get(), format!("{cell:?}")))),
        one_at_a_time: true,
    }
}

/// The first one succeeds.
fn once_made() -> Subject {
    let mut is_second = false;
    let (cell, makes) = being_made(poll_fn(move |_| match replace(&mut is_second, true) {
        true => Poll::Ready(Ok::<(), ()>(())),
        false => Poll::Pending,
    }));
    let [waits, counts] = [(); 2].map(|()| cell.clone());
    Subject {
        name: "once cell",
        wait: Box::new(move || {
            let cell = waits.clone();
            Box::pin(async move {
                cell.get_or_init(pending).await;
            })
        }),
        serve: Box::new(move || {
            if let Some(mut makes) = makes.take() {
                makes.ready();
            }
        }),
        waiting: Box::new(move || counts.stats().waiting),
        poke: Box::new(move || drop((cell.get(), cell.set(()), format!("{cell:?}")))),
        one_at_a_time: false,
    }
}
