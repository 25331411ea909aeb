//! The channel that holds the latest value.

use std::cell::Cell;
use std::sync::Arc;

use windlass_sync::error::Closed;
use windlass_sync::waiting::{self, Reason};
use windlass_sync::{budget, watch};

use crate::kit::Hand;

#[test]
fn a_receiver_sees_the_latest_value_and_not_those_in_between() {
    let (sender, mut receiver) = watch::channel(0);
    (1..=3).for_each(|value| sender.send(value).unwrap());
    Hand::new(receiver.changed()).ready().unwrap();
    assert_eq!(*receiver.get(), 3);
    Hand::new(receiver.changed()).pending();
}

#[test]
fn the_value_that_was_there_at_first_is_no_change() {
    let (sender, mut receiver) = watch::channel(0);
    let mut later = sender.subscribe();
    Hand::new(receiver.changed()).pending();
    Hand::new(later.changed()).pending();
    later.mark_changed();
    assert!(later.has_changed());
    Hand::new(later.changed()).ready().unwrap();
    Hand::new(later.changed()).pending();
}

#[test]
fn every_receiver_that_waits_is_woken_by_one_value() {
    let (sender, mut first) = watch::channel(0);
    let mut second = first.clone();
    let mut hands = [Hand::new(first.changed()), Hand::new(second.changed())];
    hands.iter_mut().for_each(Hand::pending);
    sender.send(1).unwrap();
    for hand in &mut hands {
        assert_eq!(hand.wakes(), 1);
        hand.ready().unwrap();
    }
}

#[test]
fn looking_marks_nothing_as_seen_and_updating_does() {
    let (sender, mut receiver) = watch::channel(0);
    sender.send(1).unwrap();
    assert_eq!(*receiver.get(), 1);
    assert!(receiver.has_changed());
    assert_eq!(*receiver.update(), 1);
    assert!(!receiver.has_changed());
    assert!(!receiver.clone().has_changed(), "a clone has seen it too");
}

#[test]
fn a_dropped_wait_has_marked_nothing_as_seen() {
    let (sender, mut receiver) = watch::channel(0);
    let mut wait = Hand::new(receiver.changed());
    wait.pending();
    sender.send(1).unwrap();
    assert_eq!(wait.wakes(), 1);
    drop(wait);
    assert!(receiver.has_changed());
    Hand::new(receiver.changed()).ready().unwrap();
}

// QUE-45
#[test]
fn the_last_value_is_seen_before_the_end() {
    let (sender, mut receiver) = watch::channel(0);
    let clone = sender.clone();
    drop(sender);
    Hand::new(receiver.changed()).pending();
    clone.send(1).unwrap();
    drop(clone);
    Hand::new(receiver.changed()).ready().unwrap();
    assert_eq!(*receiver.get(), 1);
    assert_eq!(Hand::new(receiver.changed()).ready(), Err(Closed(())));
}

#[test]
fn the_last_sender_that_goes_ends_every_wait() {
    let (sender, mut receiver) = watch::channel(0);
    let mut wait = Hand::new(receiver.changed());
    wait.pending();
    drop(sender);
    assert_eq!(wait.wakes(), 1);
    assert_eq!(wait.ready(), Err(Closed(())));
}

// QUE-44
#[test]
fn a_value_that_nobody_can_see_comes_back_and_changes_nothing() {
    let (sender, receiver) = watch::channel("old");
    drop(receiver);
    assert_eq!(sender.send("new"), Err(Closed("new")));
    assert_eq!(*sender.get(), "old");
    assert_eq!(*sender.send_replace("set"), "old");
    assert_eq!(*sender.subscribe().get(), "set");
}

#[test]
fn what_a_receiver_has_taken_out_stays_as_it_is_and_stops_nobody() {
    let (sender, receiver) = watch::channel(vec![1]);
    let kept = receiver.get();
    sender.modify(|list| list.push(2));
    sender.send(vec![]).unwrap();
    assert_eq!(*kept, [1]);
}

#[test]
fn a_value_is_dropped_when_it_is_replaced_and_nobody_looks_at_it_any_more() {
    let (first, second) = (Arc::new(1), Arc::new(2));
    let (sender, receiver) = watch::channel(first.clone());
    let kept = receiver.get();
    sender.send(second.clone()).unwrap();
    assert_eq!(Arc::strong_count(&first), 2);
    drop(kept);
    assert_eq!(Arc::strong_count(&first), 1);
    drop((sender, receiver));
    assert_eq!(Arc::strong_count(&second), 1);
}

#[test]
fn a_change_that_was_overtaken_starts_again_from_the_new_value() {
    let (sender, receiver) = watch::channel(1);
    let runs = Cell::new(0);
    sender.modify(|value| {
        if runs.replace(runs.get() + 1) == 0 {
            sender.send(10).unwrap(); // no lock is held
        }
        *value += 1;
    });
    assert_eq!((*receiver.get(), runs.get()), (11, 2));
}

#[test]
fn a_change_that_is_called_off_wakes_nobody_and_changes_nothing() {
    let (sender, mut receiver) = watch::channel(1);
    let mut wait = Hand::new(receiver.changed());
    wait.pending();
    let changed = sender.modify_if(|value| {
        *value += 1;
        false
    });
    assert!(!changed);
    assert_eq!(wait.wakes(), 0);
    wait.pending();
    assert_eq!(*sender.get(), 1);
}

#[test]
fn a_change_that_panics_changes_nothing_and_the_channel_goes_on() {
    let (sender, mut receiver) = watch::channel(1);
    let change = std::panic::AssertUnwindSafe(|| {
        sender.modify(|value| {
            *value = 2;
            panic!("on purpose")
        });
    });
    assert!(std::panic::catch_unwind(change).is_err());
    assert!(!receiver.has_changed());
    sender.send(3).unwrap();
    assert_eq!(*receiver.update(), 3);
}

#[test]
fn waiting_for_a_value_looks_at_the_present_one_first() {
    let (_sender, mut receiver) = watch::channel(5);
    assert_eq!(*Hand::new(receiver.wait_for(|value| *value == 5)).ready().unwrap(), 5);
}

#[test]
fn waiting_for_a_value_goes_on_until_one_does() {
    let (sender, mut receiver) = watch::channel(0);
    let asked = Cell::new(0);
    let mut wait = Hand::new(receiver.wait_for(|value| {
        asked.set(asked.get() + 1);
        *value >= 2
    }));
    wait.pending();
    sender.send(1).unwrap();
    wait.pending();
    wait.pending();
    assert_eq!(asked.get(), 2, "each value is judged once");
    sender.send(2).unwrap();
    assert_eq!(wait.wakes(), 2);
    assert_eq!(*wait.ready().unwrap(), 2);
    drop(wait);
    assert!(!receiver.has_changed());
}

#[test]
fn waiting_for_a_value_that_cannot_come_any_more_ends() {
    let (sender, mut receiver) = watch::channel(0);
    let mut wait = Hand::new(receiver.wait_for(|value| *value == 2));
    wait.pending();
    sender.send(1).unwrap();
    drop(sender);
    assert_eq!(wait.wakes(), 1);
    assert_eq!(wait.ready(), Err(Closed(())));
    drop(wait);
    assert!(Hand::new(receiver.wait_for(|value| *value == 1)).ready().is_ok());
}

#[test]
fn a_predicate_that_is_never_content_does_not_keep_the_worker() {
    let (sender, mut receiver) = watch::channel(0);
    let asked = Cell::new(0);
    let mut wait = Hand::new(receiver.wait_for(|value| {
        asked.set(asked.get() + 1);
        sender.send(value + 1).unwrap(); // as if another thread sent at full speed
        false
    }));
    let _limit = budget::enter();
    wait.pending();
    assert_eq!(asked.get(), budget::OPERATIONS);
    assert_eq!(waiting::take().unwrap().reason, Reason::Yield);
}

#[test]
fn a_sender_can_wait_until_nobody_is_interested() {
    let (sender, receiver) = watch::channel(0);
    let second = receiver.clone();
    let mut closed = Hand::new(sender.closed());
    closed.pending();
    drop(receiver);
    assert_eq!((closed.wakes(), sender.receiver_count()), (0, 1));
    drop(second);
    assert_eq!(closed.wakes(), 1);
    let _again = sender.subscribe();
    closed.ready();
    Hand::new(sender.closed()).pending();
}
