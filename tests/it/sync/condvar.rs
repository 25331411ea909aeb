//! The condition.

use std::future::{poll_fn, ready};
use std::panic::Location;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use windlass_sync::budget;
use windlass_sync::condvar::{Condvar, Stats, Woken};
use windlass_sync::mutex::{Mutex, MutexGuard, OwnedMutexGuard};
use windlass_sync::waiting::{self, Reason};

use crate::kit::Hand;

/// So many waiters that stand in line.
fn waiters<'a, const N: usize>(
    condvar: &'a Condvar,
    mutex: &'a Mutex<u32>,
) -> [Hand<impl Future<Output = MutexGuard<'a, u32>>>; N] {
    let mut waiters = [(); N].map(|()| {
        let mut waiter = Hand::new(async { condvar.wait(mutex.lock().await).await });
        waiter.pending();
        waiter
    });
    waiters.iter_mut().for_each(Hand::pending);
    waiters
}

fn figures(condvar: &Condvar) -> (usize, usize) {
    let Stats { waiting, notified } = condvar.stats();
    (waiting, notified)
}

// CND-02
#[test]
fn a_wait_unlocks_the_mutex_waits_and_has_it_again_when_it_goes_on() {
    let (condvar, mutex) = (Condvar::new(), Mutex::new(1));
    let mut waiter = Hand::new(condvar.wait(mutex.try_lock().unwrap()));
    assert!(mutex.try_lock().is_none(), "nothing happens before the first poll");
    waiter.pending();
    *mutex.try_lock().expect("it is unlocked") = 2;
    condvar.notify_one();
    assert_eq!(waiter.wakes(), 1);
    let guard = waiter.ready();
    assert_eq!(*guard, 2);
    assert!(mutex.try_lock().is_none());
    drop(guard);
    assert!(mutex.try_lock().is_some());
}

// CND-04
#[test]
fn notify_wakes_as_many_as_are_asked_for_the_oldest_first() {
    let (condvar, mutex) = (Condvar::new(), Mutex::new(0));
    let waiters = waiters::<5>(&condvar, &mutex);
    let wakes = || waiters.each_ref().map(Hand::wakes);
    condvar.notify_one();
    assert_eq!(wakes(), [1, 0, 0, 0, 0]);
    condvar.notify_many(2);
    assert_eq!(wakes(), [1, 1, 1, 0, 0]);
    condvar.notify_many(0);
    assert_eq!(wakes(), [1, 1, 1, 0, 0]);
    condvar.notify_many(9);
    assert_eq!(wakes(), [1; 5]);
}

// CND-04
#[test]
fn notify_all_wakes_everybody_who_waits() {
    let (condvar, mutex) = (Condvar::new(), Mutex::new(0));
    let mut waiters = waiters::<3>(&condvar, &mutex);
    condvar.notify_all();
    assert_eq!(waiters.each_ref().map(Hand::wakes), [1; 3]);
    waiters.iter_mut().for_each(|waiter| drop(waiter.ready()));
}

// CND-05, CND-03
#[test]
fn the_notified_go_on_one_by_one_when_the_notifier_has_unlocked() {
    let (condvar, mutex) = (Condvar::new(), Mutex::new(0));
    let [mut first, mut second] = waiters(&condvar, &mutex);
    let notifier = mutex.try_lock().unwrap();
    condvar.notify_all();
    first.pending();
    second.pending();
    assert_eq!(mutex.stats().waiting, 2);
    drop(notifier);
    assert_eq!((first.wakes(), second.wakes()), (2, 1));
    let guard = first.ready();
    second.pending();
    drop(guard);
    drop(second.ready());
}

// CND-03
#[test]
fn a_notify_needs_no_mutex() {
    let (condvar, mutex) = (Condvar::new(), Mutex::new(0));
    let [mut waiter] = waiters(&condvar, &mutex);
    *mutex.try_lock().unwrap() = 1;
    condvar.notify_one();
    assert_eq!(*waiter.ready(), 1);
}

// CND-06
#[test]
fn a_notify_with_nobody_waiting_is_not_remembered() {
    let (condvar, mutex) = (Condvar::new(), Mutex::new(0));
    condvar.notify_one();
    condvar.notify_all();
    let [waiter] = waiters(&condvar, &mutex);
    assert_eq!((waiter.wakes(), figures(&condvar)), (0, (1, 0)));
}

// CND-10
#[test]
fn wait_while_waits_until_its_condition_is_false_and_has_the_mutex_then() {
    let (condvar, mutex) = (Condvar::new(), Mutex::new(0));
    let line = line!() + 1;
    let mut waiter = Hand::new(condvar.wait_while(mutex.try_lock().unwrap(), |n| *n < 2));
    for n in 0..2 {
        waiter.pending();
        let note = waiting::take().unwrap();
        assert_eq!((note.reason, note.at.line()), (Reason::Condvar, line));
        assert_eq!((waiter.wakes(), figures(&condvar)), (n, (1, 0)));
        *mutex.try_lock().expect("it waits") += 1;
        condvar.notify_one();
    }
    assert_eq!(*waiter.ready(), 2);
    assert!(mutex.try_lock().is_some());
}

#[test]
fn in_every_round_of_wait_while_the_line_that_called_it_is_named() {
    let (condvar, mutex) = (Condvar::new(), Mutex::new(0));
    let at = Location::caller();
    let mut waiter = Hand::new(condvar.wait_while(mutex.try_lock().unwrap(), |_| true));
    for _round in 0..3 {
        waiter.pending();
        assert_eq!(waiting::take().unwrap().at.file(), at.file());
        let held = mutex.try_lock().unwrap();
        condvar.notify_one();
        waiter.pending();
        let note = waiting::take().unwrap(); // in the line of the mutex
        assert_eq!((note.at.file(), note.at.line()), (at.file(), at.line() + 1));
        drop(held);
    }
}

// CND-10
#[test]
fn wait_while_does_not_unlock_if_its_condition_is_false_at_once() {
    let (condvar, mutex) = (Condvar::new(), Mutex::new(0));
    let guard = mutex.try_lock().unwrap();
    let mut rival = Hand::new(mutex.lock());
    rival.pending();
    let guard = Hand::new(condvar.wait_while(guard, |n| *n > 0)).ready();
    assert_eq!(rival.wakes(), 0);
    drop(guard);
}

// CND-12
#[test]
fn who_is_notified_may_find_that_another_was_quicker() {
    let (condvar, mutex) = (Condvar::new(), Mutex::new(0));
    let mut waiter = Hand::new(condvar.wait_while(mutex.try_lock().unwrap(), |n| *n == 0));
    waiter.pending();
    *mutex.try_lock().unwrap() += 1;
    condvar.notify_one();
    *mutex.try_lock().unwrap() -= 1; // by another, which came first
    waiter.pending();
    assert_eq!(figures(&condvar), (1, 0), "it waits again");
}

// CND-14
#[test]
fn several_conditions_may_go_with_one_mutex() {
    let (one, other, mutex) = (Condvar::new(), Condvar::new(), Mutex::new(0));
    let ([mut first], [second]) = (waiters(&one, &mutex), waiters(&other, &mutex));
    one.notify_all();
    assert_eq!((first.wakes(), second.wakes()), (1, 0));
    drop(first.ready());
    assert_eq!(figures(&other), (1, 0));
}

// CND-15
#[test]
fn after_notify_for_two_one_is_left_and_two_are_on_their_way() {
    let (condvar, mutex) = (Condvar::new(), Mutex::new(0));
    let mut waiters = waiters::<3>(&condvar, &mutex);
    let notifier = mutex.try_lock().unwrap();
    condvar.notify_many(2);
    assert_eq!(figures(&condvar), (1, 2));
    assert_eq!(format!("{condvar:?}"), "Condvar { waiting: 1, notified: 2 }");
    waiters.iter_mut().for_each(Hand::pending);
    assert_eq!((figures(&condvar), mutex.stats().waiting), ((1, 0), 2));
    drop(notifier);
    assert_eq!(waiters.each_ref().map(Hand::wakes), [2, 1, 0]);
}

#[test]
fn a_wait_keeps_the_mutex_until_it_stands_in_line() {
    let (condvar, mutex) = (Condvar::new(), Mutex::new(0));
    let mut waiter = Hand::new(condvar.wait(mutex.try_lock().unwrap()));
    {
        let _limit = budget::enter();
        (0..budget::OPERATIONS).for_each(|_| budget::spend());
        waiter.pending();
        assert_eq!(figures(&condvar), (0, 0));
        assert!(mutex.try_lock().is_none());
    }
    waiter.pending();
    assert_eq!(figures(&condvar), (1, 0));
    assert!(mutex.try_lock().is_some());
}

#[test]
fn a_wait_that_is_dropped_before_its_first_poll_unlocks_the_mutex() {
    let (condvar, mutex) = (Condvar::new(), Mutex::new(0));
    drop(condvar.wait(mutex.try_lock().unwrap()));
    assert!(mutex.try_lock().is_some());
}

#[test]
fn a_single_notification_goes_on_to_the_next_if_its_waiter_is_dropped_before_it_has_run() {
    let (condvar, mutex) = (Condvar::new(), Mutex::new(0));
    let [first, second, third] = waiters(&condvar, &mutex);
    condvar.notify_one();
    drop(first);
    assert_eq!((second.wakes(), third.wakes()), (1, 0));
    drop((second, third));
    assert_eq!(figures(&condvar), (0, 0));
}

#[test]
fn a_notification_for_all_does_not_go_on_to_who_came_later() {
    let (condvar, mutex) = (Condvar::new(), Mutex::new(0));
    let [told] = waiters(&condvar, &mutex);
    condvar.notify_all();
    let [late] = waiters(&condvar, &mutex);
    drop(told);
    assert_eq!((late.wakes(), figures(&condvar)), (0, (1, 0)));
}

#[test]
fn a_waiter_dropped_while_it_waits_for_the_mutex_leaves_that_line_and_passes_on() {
    let (condvar, mutex) = (Condvar::new(), Mutex::new(0));
    let [mut first, mut second] = waiters(&condvar, &mutex);
    let held = mutex.try_lock().unwrap();
    condvar.notify_one();
    first.pending();
    let count = first.count.clone();
    assert_eq!((mutex.stats().waiting, second.wakes()), (1, 0));
    drop(first);
    assert_eq!((mutex.stats().waiting, count.wakers()), (0, 0));
    assert_eq!(second.wakes(), 1, "what was to be done is done by the next");
    drop(held);
    drop(second.ready());
}

#[test]
fn a_waiter_dropped_after_it_was_handed_the_mutex_hands_it_on() {
    let (condvar, mutex) = (Condvar::new(), Mutex::new(0));
    let [mut waiter] = waiters(&condvar, &mutex);
    let held = mutex.try_lock().unwrap();
    condvar.notify_one();
    waiter.pending();
    drop(held);
    assert!(mutex.try_lock().is_none());
    drop(waiter);
    assert!(mutex.try_lock().is_some());
}

#[test]
fn a_waiter_that_went_on_passes_nothing_on() {
    let (condvar, mutex) = (Condvar::new(), Mutex::new(0));
    let [mut first, second] = waiters(&condvar, &mutex);
    condvar.notify_one();
    drop(first.ready());
    drop(first);
    assert_eq!(second.wakes(), 0);
}

#[test]
fn an_alarm_ends_a_wait_and_takes_no_notification_along() {
    let (condvar, mutex) = (Condvar::new(), Mutex::new(7));
    let rings = std::cell::Cell::new(false);
    let alarm = poll_fn(|_| {
        waiting::note(Reason::Other("the alarm"), Location::caller());
        if rings.get() { Poll::Ready(()) } else { Poll::Pending }
    });
    let line = line!() + 1;
    let mut waiter = Hand::new(condvar.wait_at_most(mutex.try_lock().unwrap(), alarm));
    waiter.pending();
    let note = waiting::take().unwrap();
    assert_eq!((note.reason, note.at.line()), (Reason::Condvar, line));
    let [next] = waiters(&condvar, &mutex);
    rings.set(true);
    let (guard, woken) = waiter.ready();
    assert_eq!((*guard, woken), (7, Woken::Alarm));
    condvar.notify_one();
    assert_eq!((next.wakes(), figures(&condvar)), (1, (0, 1)));
}

#[test]
fn a_notification_that_came_before_the_alarm_counts() {
    let (condvar, mutex) = (Condvar::new(), Mutex::new(0));
    let rings = std::cell::Cell::new(false);
    let alarm = poll_fn(|_| if rings.get() { Poll::Ready(()) } else { Poll::Pending });
    let mut waiter = Hand::new(condvar.wait_at_most(mutex.try_lock().unwrap(), alarm));
    waiter.pending();
    condvar.notify_one();
    rings.set(true);
    assert_eq!(waiter.ready().1, Woken::Notified);
}

#[test]
fn a_notification_that_the_alarm_itself_makes_counts_too() {
    let (condvar, mutex) = (Condvar::new(), Mutex::new(0));
    let alarm = poll_fn(|_| {
        condvar.notify_one();
        Poll::Ready(())
    });
    let guard = mutex.try_lock().unwrap();
    assert_eq!(Hand::new(condvar.wait_at_most(guard, alarm)).ready().1, Woken::Notified);
}

#[test]
fn after_the_alarm_the_guard_comes_back_as_soon_as_the_mutex_is_free() {
    let (condvar, mutex) = (Condvar::new(), Mutex::new(0));
    let mut taken = None;
    let alarm = poll_fn(|_| {
        taken = mutex.try_lock(); // by somebody, the moment it is unlocked
        Poll::Ready(())
    });
    let mut waiter = Hand::new(condvar.wait_at_most(mutex.try_lock().unwrap(), alarm));
    waiter.pending();
    assert_eq!((figures(&condvar), mutex.stats().waiting), ((0, 0), 1));
    assert_eq!(waiting::take().unwrap().reason, Reason::Mutex { holder: 0 });
    drop(waiter);
    drop(taken);
    assert!(mutex.try_lock().is_some());
}

#[test]
fn a_sleep_may_be_the_alarm() {
    windlass::run(async {
        let (condvar, mutex) = (Condvar::new(), Mutex::new(7));
        let alarm = windlass::time::sleep(Duration::from_millis(1));
        let (guard, woken) = condvar.wait_at_most(mutex.lock().await, alarm).await;
        assert_eq!((*guard, woken), (7, Woken::Alarm));
    });
}

#[test]
fn one_alarm_may_be_lent_to_several_waits() {
    let (condvar, mutex) = (Condvar::new(), Mutex::new(0));
    let mut polls = 0;
    let mut alarm = poll_fn(|_| {
        polls += 1;
        if polls == 3 { Poll::Ready(()) } else { Poll::Pending }
    });
    let mut waits = Hand::new(async {
        let mut guard = mutex.lock().await;
        let mut wakes = 0;
        loop {
            let woken;
            (guard, woken) = condvar.wait_at_most(guard, &mut alarm).await;
            if woken == Woken::Alarm {
                return wakes;
            }
            wakes += 1;
        }
    });
    waits.pending();
    condvar.notify_one();
    waits.pending();
    assert_eq!(waits.ready(), 1);
}

#[test]
fn an_alarm_does_not_keep_a_spent_budget_from_locking_again() {
    let (condvar, mutex) = (Condvar::new(), Mutex::new(0));
    let mut waiter = Hand::new(condvar.wait_at_most(mutex.try_lock().unwrap(), ready(())));
    {
        let _limit = budget::enter();
        (0..budget::OPERATIONS).for_each(|_| budget::spend());
        waiter.pending();
        assert_eq!(waiting::take().unwrap().reason, Reason::Yield);
    }
    assert_eq!(waiter.ready().1, Woken::Alarm);
}

#[test]
fn an_owned_guard_can_wait_too_and_keeps_its_mutex_alive() {
    let (condvar, mutex) = (Condvar::new(), Arc::new(Mutex::new(0)));
    let weak = Arc::downgrade(&mutex);
    let mut waiter = Hand::new(condvar.wait(mutex.try_lock_owned().unwrap()));
    waiter.pending();
    *weak.upgrade().expect("the waiter keeps it").try_lock().unwrap() = 3;
    condvar.notify_one();
    let guard: OwnedMutexGuard<u32> = waiter.ready();
    drop(waiter);
    assert_eq!(*guard, 3);
    drop(guard);
    assert!(weak.upgrade().is_none());
}

#[test]
fn a_wait_for_the_mutex_is_noted_where_the_wait_for_the_condition_began() {
    let (condvar, mutex) = (Condvar::new(), Mutex::new(0));
    let line = line!() + 1;
    let mut waiter = Hand::new(condvar.wait(mutex.try_lock().unwrap()));
    waiter.pending();
    let _held = mutex.try_lock().unwrap();
    condvar.notify_one();
    waiter.pending();
    let note = waiting::take().unwrap();
    assert_eq!(note.reason, Reason::Mutex { holder: 0 });
    assert_eq!((note.at.file(), note.at.line()), (file!(), line));
}

#[test]
fn the_text_form_shows_how_far_a_wait_has_come() {
    let (condvar, mutex) = (Condvar::new(), Mutex::new(0));
    let mut waiter = Hand::new(condvar.wait(mutex.try_lock().unwrap()));
    assert!(format!("{:?}", waiter.future).contains("is_notified: false"));
    waiter.pending();
    condvar.notify_one();
    let _held = mutex.try_lock().unwrap();
    waiter.pending();
    assert!(format!("{:?}", waiter.future).contains("is_notified: true"));
}

#[test]
fn a_plain_thread_can_wait_for_it() {
    let shared = Arc::new((Condvar::new(), Mutex::new(0)));
    let waits = std::thread::spawn({
        let shared = shared.clone();
        move || {
            let (condvar, mutex) = &*shared;
            let mut guard = mutex.lock_blocking();
            while *guard == 0 {
                guard = condvar.wait_blocking(guard);
            }
        }
    });
    *shared.1.lock_blocking() = 1;
    shared.0.notify_one();
    waits.join().unwrap();
}
