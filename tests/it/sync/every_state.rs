//! Every primitive, with a waiter dropped in every state it can be in.

use std::cell::RefCell;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;

use windlass_sync::event::Event;
use windlass_sync::mutex::Mutex;
use windlass_sync::notify::Notify;
use windlass_sync::semaphore::Semaphore;

use crate::kit::Hand;

type Wait = Pin<Box<dyn Future<Output = ()>>>;

/// A primitive that nobody can pass at first.
pub struct Subject {
    pub name: &'static str,
    /// Starts a wait; it passes what it got on when it is over.
    pub wait: Box<dyn Fn() -> Wait>,
    /// Serves one waiter, or all.
    pub serve: Box<dyn Fn()>,
    /// How many wait.
    pub waiting: Box<dyn Fn() -> usize>,
    /// Calls everything that can be called on it and does not serve anybody.
    pub poke: Box<dyn Fn()>,
    /// One `serve` is for one waiter at a time, not for all.
    pub one_at_a_time: bool,
}

/// Every primitive with a line.
pub fn subjects() -> Vec<Subject> {
    vec![
        semaphore(),
        semaphore_owned(),
        mutex(),
        mutex_owned(),
        event(),
        notify_one(),
        notify_all(),
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

fn event() -> Subject {
    let event = Arc::new(Event::new());
    let [waits, serves, counts] = [(); 3].map(|()| event.clone());
    Subject {
        name: "event",
        wait: Box::new(move || {
            let event = waits.clone();
            Box::pin(async move { event.wait().await })
        }),
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

fn notify_all() -> Subject {
    let notify = Arc::new(Notify::new());
    let [waits, serves, counts] = [(); 3].map(|()| notify.clone());
    Subject {
        name: "notify_all",
        wait: Box::new(move || {
            let notify = waits.clone();
            Box::pin(async move { notify.notified().await })
        }),
        serve: Box::new(move || serves.notify_all()),
        waiting: Box::new(move || counts.stats().waiting),
        poke: Box::new(move || drop(notify.notified())),
        one_at_a_time: false,
    }
}

/// How far a waiter has come when it is dropped.
#[derive(Clone, Copy, Debug, PartialEq)]
enum State {
    New,
    Pending,
    Woken,
    Over,
}

#[test]
fn a_waiter_dropped_in_any_state_takes_nothing_along_and_holds_nobody_up() {
    for state in [State::New, State::Pending, State::Woken, State::Over] {
        for subject in subjects() {
            let case = format!("{} dropped when {state:?}", subject.name);
            let mut first = Hand::new((subject.wait)());
            if state != State::New {
                first.pending();
            }
            let mut second = Hand::new((subject.wait)());
            second.pending();
            if matches!(state, State::Woken | State::Over) {
                (subject.serve)();
                assert_eq!(first.wakes(), 1, "{case}");
                assert_eq!(second.wakes(), usize::from(!subject.one_at_a_time), "{case}");
            }
            if state == State::Over {
                first.ready();
            }
            let count = first.count.clone();
            drop(first);
            if matches!(state, State::New | State::Pending) {
                (subject.serve)();
            }
            assert_eq!(second.wakes(), 1, "{case}: the next one is served");
            second.ready();
            assert_eq!((subject.waiting)(), 0, "{case}: the line is empty");
            assert_eq!(count.wakers(), 0, "{case}: its waker is gone");
            assert_eq!(second.count.wakers(), 0, "{case}: and the other's");
        }
    }
}

#[test]
fn waiters_dropped_in_any_order_after_the_first_was_served_leave_an_open_primitive() {
    for order in [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]] {
        for subject in subjects() {
            let mut waiters = [(); 3].map(|()| Some(Hand::new((subject.wait)())));
            waiters.iter_mut().flatten().for_each(Hand::pending);
            (subject.serve)();
            for i in order {
                drop(waiters[i].take());
            }
            assert_eq!((subject.waiting)(), 0, "{}", subject.name);
            if subject.one_at_a_time {
                Hand::new((subject.wait)()).ready();
            }
        }
    }
}
