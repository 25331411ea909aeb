//! The event.

use std::sync::Arc;

use windlass_sync::event::Event;

use crate::kit::Hand;

// EVT-01
#[test]
fn setting_wakes_every_waiter() {
    let event = Event::new();
    let mut waiters = [(); 3].map(|()| Hand::new(event.wait()));
    waiters.iter_mut().for_each(Hand::pending);
    event.set();
    for waiter in &mut waiters {
        assert_eq!(waiter.wakes(), 1);
        waiter.ready();
    }
}

// EVT-02
#[test]
fn who_comes_after_the_set_need_not_wait_for_older_waiters_to_run() {
    let event = Event::new();
    let mut older = Hand::new(event.wait());
    older.pending();
    event.set();
    Hand::new(event.wait()).ready();
    older.ready();
}

// EVT-03
#[test]
fn waiting_for_a_set_event_is_ready_at_once() {
    let event = Event::new();
    event.set();
    assert!(event.is_set());
    Hand::new(event.wait()).ready();
}

// EVT-04
#[test]
fn clearing_makes_later_waits_block_again() {
    let event = Event::new();
    event.set();
    event.clear();
    assert!(!event.is_set());
    let mut waiter = Hand::new(event.wait());
    waiter.pending();
    event.set();
    waiter.ready();
}

#[test]
fn a_waiter_that_was_woken_goes_on_even_if_the_event_is_cleared_before_it_runs() {
    let event = Event::new();
    let mut waiter = Hand::new(event.wait());
    waiter.pending();
    event.set();
    event.clear();
    waiter.ready();
}

// EVT-06
#[test]
fn a_cancelled_wait_leaves_no_waiter_and_no_waker() {
    let event = Event::new();
    let mut waiter = Hand::new(event.wait());
    waiter.pending();
    let count = waiter.count.clone();
    assert_eq!(event.stats().waiting, 1);
    drop(waiter);
    assert_eq!(event.stats().waiting, 0);
    assert_eq!(count.wakers(), 0);
}

// EVT-07
#[test]
fn setting_twice_wakes_each_waiter_once() {
    let event = Event::new();
    let mut waiters = [(); 2].map(|()| Hand::new(event.wait()));
    waiters.iter_mut().for_each(Hand::pending);
    event.set();
    event.clear();
    event.set();
    for waiter in &mut waiters {
        assert_eq!(waiter.wakes(), 1);
        waiter.ready();
    }
}

// EVT-01
#[test]
fn an_owned_wait_keeps_the_event_alive() {
    let event = Arc::new(Event::new());
    let weak = Arc::downgrade(&event);
    let mut waiter = Hand::new(event.clone().wait_owned());
    waiter.pending();
    event.set();
    drop(event);
    waiter.ready();
    assert!(weak.upgrade().is_some_and(|event| event.is_set()));
    drop(waiter);
    assert!(weak.upgrade().is_none());
}

// INT-19
#[test]
fn the_text_form_shows_the_flag_and_who_waits() {
    let event = Event::default();
    let mut waiter = Hand::new(event.wait());
    waiter.pending();
    assert_eq!(format!("{event:?}"), "Event { is_set: false, waiting: 1 }");
}
