//! Models of the condition: both phases of a wait, and its alarm.

use std::future::{Future, poll_fn};
use std::sync::Arc;
use std::task::Poll;

use windlass_sync::condvar::{Condvar, Woken};
use windlass_sync::mutex::Mutex;

use super::hands::{block_on, poll_once, spawn};
use crate::Model;

/// The models of this file.
pub const MODELS: &[Model] = &[
    Model {
        name: "no_change_is_missed_with_or_without_the_mutex_held",
        threads: 3,
        weak: Some(3),
        interleaving: Some(3),
        killed_by: "Wait::poll_told unlocking before it stands in line",
        body: no_change_is_missed_with_or_without_the_mutex_held,
    },
    Model {
        name: "a_notification_goes_on_from_who_is_dropped_in_either_phase",
        threads: 3,
        weak: Some(3),
        interleaving: Some(4),
        killed_by: "Wait::drop notifying nobody; its forgetting `told` of the second phase",
        body: a_notification_goes_on_from_who_is_dropped_in_either_phase,
    },
    Model {
        name: "a_wait_dropped_in_the_line_of_the_mutex_hands_that_on",
        threads: 3,
        weak: None,
        interleaving: None,
        killed_by: "Mutex::leave not handing over what was promised",
        body: a_wait_dropped_in_the_line_of_the_mutex_hands_that_on,
    },
    Model {
        name: "no_notification_is_lost_to_an_alarm",
        threads: 3,
        weak: Some(3),
        interleaving: Some(3),
        killed_by: "Wait::give_up always saying Alarm",
        body: no_notification_is_lost_to_an_alarm,
    },
    Model {
        name: "a_notification_goes_on_from_who_is_dropped_after_its_alarm",
        threads: 3,
        weak: Some(3),
        interleaving: Some(3),
        killed_by: "Wait::give_up forgetting `told`",
        body: a_notification_goes_on_from_who_is_dropped_after_its_alarm,
    },
];

/// Property: who looks, and waits if it is too early, hears of every change that comes after.
/// Threads: a waiter, a notifier with the mutex held, one without. Bound: see the list.
/// Killed by: `Wait::poll_told` unlocking before it stands in line.
fn no_change_is_missed_with_or_without_the_mutex_held() {
    let shared = Arc::new((Condvar::new(), Mutex::new(0)));
    let notifiers = [true, false].map(|is_held| {
        let shared = shared.clone();
        spawn(move || {
            let mut guard = block_on(shared.1.lock());
            *guard += 1;
            let held = is_held.then_some(guard);
            shared.0.notify_one();
            drop(held);
        })
    });
    let (condvar, mutex) = &*shared;
    let guard =
        block_on(async { condvar.wait_while(mutex.lock().await, |changes| *changes < 2).await });
    assert_eq!(*guard, 2);
    drop(guard);
    for notifier in notifiers {
        notifier.join().expect("it does not panic");
    }
}

/// Waits until the value is 1, on a thread of its own.
fn waits_for_it(shared: &Arc<(Condvar, Mutex<u32>)>) -> impl FnOnce() + Send + 'static {
    let shared = shared.clone();
    move || {
        let (condvar, mutex) = &*shared;
        drop(block_on(async { condvar.wait_while(mutex.lock().await, |n| *n == 0).await }));
    }
}

/// Makes the value 1 and tells one waiter, with the mutex held.
fn tells_one(shared: &Arc<(Condvar, Mutex<u32>)>) -> impl FnOnce() + Send + 'static {
    let shared = shared.clone();
    move || {
        let mut guard = block_on(shared.1.lock());
        *guard = 1;
        shared.0.notify_one();
    }
}

/// Property: a notification reaches somebody who answers it, whoever gives up in between.
/// Threads: one that gives up, in either phase, one that waits, a notifier. Bound: see the list.
/// Killed by: `Wait::drop` notifying nobody; its forgetting `told` of the second phase.
fn a_notification_goes_on_from_who_is_dropped_in_either_phase() {
    let shared = Arc::new((Condvar::new(), Mutex::new(0)));
    let mut gives_up = shared.0.wait(shared.1.try_lock().expect("it is free"));
    assert!(poll_once(&mut gives_up).is_pending());
    let waits = spawn(waits_for_it(&shared));
    let tells = spawn(tells_one(&shared));
    if poll_once(&mut gives_up).is_ready() {
        shared.0.notify_one(); // it went on, so it is to answer, and does so
    }
    drop(gives_up);
    waits.join().expect("it does not panic");
    tells.join().expect("it does not panic");
    assert!(shared.1.try_lock().is_some());
}

/// Property: who gives up in the second phase, handed the mutex or not, holds nobody up.
/// Threads: one that gives up, a holder, one that locks. Bound: see the list.
/// Killed by: `Mutex::leave` not handing over what was promised.
fn a_wait_dropped_in_the_line_of_the_mutex_hands_that_on() {
    let shared = Arc::new((Condvar::new(), Arc::new(Mutex::new(0))));
    let (condvar, mutex) = &*shared;
    let mut gives_up = condvar.wait(mutex.try_lock().expect("it is free"));
    assert!(poll_once(&mut gives_up).is_pending());
    let held = mutex.clone().try_lock_owned().expect("it is unlocked");
    condvar.notify_all();
    assert!(poll_once(&mut gives_up).is_pending());
    let holder = spawn(move || drop(held));
    let locks = spawn({
        let mutex = mutex.clone();
        move || drop(block_on(mutex.lock()))
    });
    drop(gives_up);
    locks.join().expect("it does not panic");
    holder.join().expect("it does not panic");
    assert!(mutex.try_lock().is_some());
}

/// Property: a wait that an alarm has ended has used no notification up.
/// Threads: one with an alarm, one that waits, a notifier. Bound: see the list.
/// Killed by: `Wait::give_up` always saying `Alarm`.
fn no_notification_is_lost_to_an_alarm() {
    let shared = Arc::new((Condvar::new(), Mutex::new(0)));
    let guard = shared.1.try_lock().expect("it is free");
    let mut with_alarm = Box::pin(shared.0.wait_at_most(guard, second_poll()));
    assert!(poll_once(&mut with_alarm).is_pending());
    let waits = spawn(waits_for_it(&shared));
    let tells = spawn(tells_one(&shared));
    let (guard, woken) = block_on(with_alarm);
    drop(guard);
    if woken == Woken::Notified {
        shared.0.notify_one(); // it is to answer, and does so
    }
    waits.join().expect("it does not panic");
    tells.join().expect("it does not panic");
}

/// Property: a wait that an alarm has ended, a notification being quicker, passes that on if it is
/// dropped before it has the mutex again.
/// Threads: one with an alarm that gives up, one that waits, a notifier. Bound: see the list.
/// Killed by: `Wait::give_up` forgetting `told`.
fn a_notification_goes_on_from_who_is_dropped_after_its_alarm() {
    let shared = Arc::new((Condvar::new(), Mutex::new(0)));
    let guard = shared.1.try_lock().expect("it is free");
    let mut with_alarm = Box::pin(shared.0.wait_at_most(guard, second_poll()));
    assert!(poll_once(&mut with_alarm).is_pending());
    let waits = spawn(waits_for_it(&shared));
    let tells = spawn(tells_one(&shared));
    if let Poll::Ready((guard, woken)) = poll_once(&mut with_alarm) {
        drop(guard);
        if woken == Woken::Notified {
            shared.0.notify_one(); // it is to answer, and does so
        }
    }
    drop(with_alarm);
    waits.join().expect("it does not panic");
    tells.join().expect("it does not panic");
}

/// An alarm that is ready when it is polled for the second time.
fn second_poll() -> impl Future<Output = ()> {
    let mut is_second = false;
    poll_fn(move |_| match std::mem::replace(&mut is_second, true) {
        true => Poll::Ready(()),
        false => Poll::Pending,
    })
}
