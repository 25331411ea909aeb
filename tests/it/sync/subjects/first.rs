//! Semaphore, mutex, event, notify.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;

use windlass_sync::event::Event;
use windlass_sync::mutex::Mutex;
use windlass_sync::notify::Notify;
use windlass_sync::semaphore::Semaphore;

use super::{Subject, Wait};

pub fn all() -> Vec<Subject> {
    vec![
        semaphore(),
        semaphore_owned(),
        mutex(),
        mutex_owned(),
        event("event", |event| Box::pin(async move { event.wait().await })),
        event("event, owned", |event| Box::pin(event.wait_owned())),
        notify_one(),
        notify_all("notify_all", |notify| Box::pin(async move { notify.notified().await })),
        notify_all("notify_all, owned", |notify| Box::pin(notify.notified_owned())),
    ]
}

fn semaphore() -> Subject {
    let semaphore = Arc::new(Semaphore::new(0));
    let [waits, serves, counts] = [(); 3].map(|()| semaphore.clone());
    Subject {
        name: "semaphore",
        wait: Box::new(move || {
            let semaphore = waits.clone();
            Box::pin(async move { drop(semaphore.acquire().await.unwrap()) })
        }),
        serve: Box::new(move || serves.add_permits(1)),
        waiting: Box::new(move || counts.stats().waiting),
        poke: Box::new(move || {
            let _ = semaphore.try_acquire();
            let _ = (semaphore.stats(), semaphore.forget_permits(0));
            semaphore.add_permits(0);
        }),
        one_at_a_time: true,
    }
}

fn semaphore_owned() -> Subject {
    let semaphore = Arc::new(Semaphore::new(1));
    let [waits, serves, counts] = [(); 3].map(|()| semaphore.clone());
    Subject {
        name: "semaphore, two permits, owned",
        wait: Box::new(move || {
            let wait = waits.clone().acquire_many_owned(2);
            Box::pin(async move { drop(wait.await.unwrap()) })
        }),
        serve: Box::new(move || serves.add_permits(1)),
        waiting: Box::new(move || counts.stats().waiting),
        poke: Box::new(move || drop(semaphore.try_acquire())),
        one_at_a_time: true,
    }
}

fn mutex() -> Subject {
    let mutex = Arc::new(Mutex::new(()));
    let held = Rc::new(RefCell::new(mutex.clone().try_lock_owned()));
    let [waits, counts] = [(); 2].map(|()| mutex.clone());
    Subject {
        name: "mutex",
        wait: Box::new(move || {
            let mutex = waits.clone();
            Box::pin(async move { drop(mutex.lock().await) })
        }),
        serve: Box::new(move || drop(held.take())),
        waiting: Box::new(move || counts.stats().waiting),
        poke: Box::new(move || {
            let _ = (mutex.try_lock(), format!("{mutex:?}"));
        }),
        one_at_a_time: true,
    }
}

fn mutex_owned() -> Subject {
    let mutex = Arc::new(Mutex::new(()));
    let held = Rc::new(RefCell::new(mutex.clone().try_lock_owned()));
    let [waits, counts] = [(); 2].map(|()| mutex.clone());
    Subject {
        name: "mutex, owned",
        wait: Box::new(move || {
            let wait = waits.clone().lock_owned();
            Box::pin(async move { drop(wait.await) })
        }),
        serve: Box::new(move || drop(held.take())),
        waiting: Box::new(move || counts.stats().waiting),
        poke: Box::new(move || drop(mutex.try_lock())),
        one_at_a_time: true,
    }
}

fn event(name: &'static str, wait: fn(Arc<Event>) -> Wait) -> Subject {
    let event = Arc::new(Event::new());
    let [waits, serves, counts] = [(); 3].map(|()| event.clone());
    Subject {
        name,
        wait: Box::new(move || wait(waits.clone())),
        serve: Box::new(move || serves.set()),
        waiting: Box::new(move || counts.stats().waiting),
        poke: Box::new(move || {
            let _ = (event.is_set(), event.stats());
        }),
        one_at_a_time: false,
    }
}

fn notify_one() -> Subject {
    let notify = Arc::new(Notify::new());
    let [waits, serves, counts] = [(); 3].map(|()| notify.clone());
    Subject {
        name: "notify_one",
        wait: Box::new(move || {
            let notify = waits.clone();
            Box::pin(async move {
                notify.notified().await;
                notify.notify_one();
            })
        }),
        serve: Box::new(move || serves.notify_one()),
        waiting: Box::new(move || counts.stats().waiting),
        poke: Box::new(move || drop(notify.notified())),
        one_at_a_time: true,
    }
}

fn notify_all(name: &'static str, wait: fn(Arc<Notify>) -> Wait) -> Subject {
    let notify = Arc::new(Notify::new());
    let [waits, serves, counts] = [(); 3].map(|()| notify.clone());
    Subject {
        name,
        wait: Box::new(move || wait(waits.clone())),
        serve: Box::new(move || serves.notify_all()),
        waiting: Box::new(move || counts.stats().waiting),
        poke: Box::new(move || drop(notify.notified())),
        one_at_a_time: false,
    }
}
