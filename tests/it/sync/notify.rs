//! Notifications.

use std::sync::Arc;

use windlass_sync::notify::Notify;

use crate::kit::Hand;

// EVT-08
#[test]
fn a_notification_before_anybody_waits_is_kept_and_two_are_kept_as_one() {
    let notify = Notify::new();
    notify.notify_one();
    notify.notify_one();
    assert!(notify.stats().is_kept);
    Hand::new(notify.notified()).ready();
    Hand::new(notify.notified()).pending();
}

#[test]
fn a_notification_goes_to_who_has_waited_longest() {
    let notify = Notify::new();
    let mut waiters = [(); 3].map(|()| Hand::new(notify.notified()));
    waiters.iter_mut().for_each(Hand::pending);
    notify.notify_one();
    notify.notify_one();
    assert_eq!(waiters.each_ref().map(Hand::wakes), [1, 1, 0]);
    assert!(!notify.stats().is_kept);
}

#[test]
fn a_notified_future_that_is_dropped_passes_it_on() {
    let notify = Notify::new();
    let mut waiters = [(); 2].map(|()| Hand::new(notify.notified()));
    waiters.iter_mut().for_each(Hand::pending);
    notify.notify_one();
    let [first, mut second] = waiters;
    drop(first);
    assert_eq!(second.wakes(), 1);
    second.ready();
    drop(second);
    assert!(!notify.stats().is_kept, "who has heard it does not pass it on");

    let mut only = Hand::new(notify.notified());
    only.pending();
    notify.notify_one();
    drop(only);
    assert!(notify.stats().is_kept);
}

#[test]
fn who_was_told_alone_takes_nothing_from_who_has_his_place_by_now() {
    let notify = Notify::new();
    let told_then_all = || {
        let mut first = Hand::new(notify.notified());
        first.pending();
        notify.notify_one();
        let mut second = Hand::new(notify.notified()); // stands where the first one stood
        second.pending();
        notify.notify_all();
        assert_eq!((second.wakes(), notify.stats().told), (1, 1));
        (first, second)
    };
    let (mut first, mut second) = told_then_all();
    first.ready();
    assert_eq!(notify.stats().told, 1);
    second.ready();
    assert_eq!(notify.stats().told, 0);

    let (first, mut second) = told_then_all();
    drop(first);
    assert!(notify.stats().is_kept, "what only the first one was told goes on");
    second.ready();
    assert_eq!(notify.stats().told, 0);
}

// EVT-10
#[test]
fn notifying_all_keeps_nothing_for_the_future() {
    let notify = Notify::new();
    notify.notify_all();
    Hand::new(notify.notified()).pending();

    let mut waiters = [(); 2].map(|()| Hand::new(notify.notified()));
    waiters.iter_mut().for_each(Hand::pending);
    notify.notify_all();
    assert_eq!(waiters.each_ref().map(Hand::wakes), [1, 1]);
    drop(waiters);
    assert!(!notify.stats().is_kept, "a dropped waiter has nothing to pass on");
    Hand::new(notify.notified()).pending();
}

#[test]
fn notifying_all_reaches_futures_that_were_made_and_not_polled() {
    let notify = Notify::new();
    let mut before = Hand::new(notify.notified());
    notify.notify_all();
    let mut after = Hand::new(notify.notified());
    before.ready();
    after.pending();
}

// EVT-17
#[test]
fn enabling_takes_a_kept_notification() {
    let notify = Notify::new();
    notify.notify_one();
    let mut first = notify.notified();
    assert!(first.enable());
    assert!(first.enable());
    assert!(!notify.stats().is_kept);
    Hand::new(first).ready();
    Hand::new(notify.notified()).pending();
}

// EVT-17
#[test]
fn an_enabled_future_stands_in_line_without_being_awaited() {
    let notify = Notify::new();
    let mut enabled = notify.notified();
    assert!(!enabled.enable());
    assert_eq!(notify.stats().waiting, 1);
    let mut later = Hand::new(notify.notified());
    later.pending();
    notify.notify_one();
    assert_eq!(later.wakes(), 0);
    Hand::new(enabled).ready();
}

#[test]
fn an_enabled_future_is_woken_once_it_is_polled() {
    let notify = Notify::new();
    let mut enabled = notify.notified();
    assert!(!enabled.enable());
    let mut waiter = Hand::new(enabled);
    waiter.pending();
    notify.notify_one();
    assert_eq!(waiter.wakes(), 1);
    waiter.ready();
    waiter.ready(); // and stays ready
}

#[test]
fn an_owned_wait_keeps_the_notifier_alive_and_counts_from_its_call_as_well() {
    let notify = Arc::new(Notify::new());
    let weak = Arc::downgrade(&notify);
    let mut before = Hand::new(notify.clone().notified_owned());
    notify.notify_all();
    before.ready();
    let mut after = notify.clone().notified_owned();
    assert!(!after.enable());
    notify.notify_one();
    drop(notify);
    Hand::new(after).ready();
    drop(before);
    assert!(weak.upgrade().is_none());
}
