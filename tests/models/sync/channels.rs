//! Models of watch and broadcast channels and of cancel tokens.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize as Tally, Ordering::SeqCst};

use windlass_sync::broadcast::{self, RecvError};
use windlass_sync::cancel::CancelToken;
use windlass_sync::shim::atomic::{AtomicUsize, Ordering::Relaxed};
use windlass_sync::watch;

use super::hands::{block_on, poll_once, spawn};
use crate::Model;

/// The models of this file.
pub const MODELS: &[Model] = &[
    Model {
        name: "a_watcher_misses_no_change_and_sees_the_last_value_before_the_end",
        threads: 2,
        weak: None,
        interleaving: Some(4),
        killed_by: "watch: look not comparing again under the lock; Relaxed in replace",
        body: a_watcher_misses_no_change_and_sees_the_last_value_before_the_end,
    },
    Model {
        name: "changes_at_the_same_time_are_all_made",
        threads: 3,
        weak: Some(3),
        interleaving: Some(3),
        killed_by: "watch: modify_if not comparing the version; replace waking nobody",
        body: changes_at_the_same_time_are_all_made,
    },
    Model {
        name: "a_sender_hears_of_the_last_receiver_that_goes",
        threads: 3,
        weak: Some(3),
        interleaving: Some(4),
        killed_by: "watch, broadcast: Receiver's drop waking nobody",
        body: a_sender_hears_of_the_last_receiver_that_goes,
    },
    Model {
        name: "every_receiver_gets_every_value_once",
        threads: 3,
        weak: Some(3),
        interleaving: Some(3),
        killed_by: "broadcast: send waking nobody; Ring::take not moving the position on",
        body: every_receiver_gets_every_value_once,
    },
    Model {
        name: "a_receiver_is_told_exactly_how_many_it_lost",
        threads: 2,
        weak: None,
        interleaving: None,
        killed_by: "broadcast: Ring::take reporting one less; Sender's drop waking nobody",
        body: a_receiver_is_told_exactly_how_many_it_lost,
    },
    Model {
        name: "no_value_stays_for_a_receiver_that_is_gone",
        threads: 3,
        weak: Some(3),
        interleaving: Some(4),
        killed_by: "broadcast: Ring::leave not counting down; send not looking for receivers",
        body: no_value_stays_for_a_receiver_that_is_gone,
    },
    Model {
        name: "a_child_is_cancelled_whenever_it_is_created",
        threads: 2,
        weak: None,
        interleaving: None,
        killed_by: "cancel: child not looking whether its parent is cancelled",
        body: a_child_is_cancelled_whenever_it_is_created,
    },
    Model {
        name: "a_cancel_reaches_who_is_about_to_wait",
        threads: 3,
        weak: Some(3),
        interleaving: Some(3),
        killed_by: "cancel: look not looking again under the lock; Relaxed in mark",
        body: a_cancel_reaches_who_is_about_to_wait,
    },
    Model {
        name: "when_a_cancel_returns_all_below_is_cancelled_with_the_reason_of_its_parent",
        threads: 2,
        weak: None,
        interleaving: None,
        killed_by: "cancel: mark turning round at a node that is cancelled; mark passing its own reason on",
        body: when_a_cancel_returns_all_below_is_cancelled_with_the_reason_of_its_parent,
    },
    Model {
        name: "a_child_that_is_dropped_during_a_cancel_leaves_nothing_behind",
        threads: 3,
        weak: Some(3),
        interleaving: Some(4),
        killed_by: "cancel: Node's drop not taking itself off the list, or insisting that it is on it",
        body: a_child_that_is_dropped_during_a_cancel_leaves_nothing_behind,
    },
];

/// Property: a receiver that waits hears of every change that is the latest, the last one included,
/// and then sees what was done before it.
/// Threads: a sender, a receiver. Bound: see the list.
/// Killed by: `watch`'s `look` not comparing again under the lock; `Relaxed` in `replace`; `Sender`'s
/// drop waking nobody.
fn a_watcher_misses_no_change_and_sees_the_last_value_before_the_end() {
    let (sender, mut receiver) = watch::channel(0);
    let data = Arc::new(AtomicUsize::new(0));
    let watches = spawn({
        let data = data.clone();
        move || {
            let mut seen = 0;
            while block_on(receiver.changed()).is_ok() {
                assert!(data.load(Relaxed) > seen, "it took no lock to hear of it");
                let value = *receiver.update();
                assert!(value > seen);
                seen = value;
            }
            assert_eq!(seen, 2);
        }
    });
    for value in 1..=2 {
        data.store(value, Relaxed);
        sender.send(value).expect("the receiver waits");
    }
    drop(sender);
    watches.join().expect("it does not panic");
}

/// Property: changes that are made at the same time are all made, and who waits for them is told.
/// Threads: two that change, one that waits. Bound: see the list.
/// Killed by: `modify_if` not comparing the version; `replace` waking nobody.
fn changes_at_the_same_time_are_all_made() {
    let (sender, mut receiver) = watch::channel(0);
    let changes = [0, 1].map(|_| {
        let sender = sender.clone();
        spawn(move || sender.modify(|value| *value += 1))
    });
    assert!(block_on(receiver.wait_for(|value| *value == 2)).is_ok());
    for change in changes {
        change.join().expect("it does not panic");
    }
}

/// Property: a sender that waits for the receivers to go hears of the last one.
/// Threads: two receivers that go, a sender of each kind. Bound: see the list.
/// Killed by: a `Receiver`'s drop waking nobody.
fn a_sender_hears_of_the_last_receiver_that_goes() {
    let (latest, watcher) = watch::channel(0);
    let (all, listener) = broadcast::channel::<u8>(1);
    let go = [(watcher.clone(), listener.resubscribe()), (watcher, listener)]
        .map(|receivers| spawn(move || drop(receivers)));
    block_on(latest.closed());
    block_on(all.closed());
    assert_eq!((latest.receiver_count(), all.receiver_count()), (0, 0));
    for goes in go {
        goes.join().expect("it does not panic");
    }
}

/// Property: every receiver that waits gets every value, once, in order.
/// Threads: two receivers, a sender. Bound: see the list.
/// Killed by: `send` waking nobody; `Ring::take` not moving the position on.
fn every_receiver_gets_every_value_once() {
    let (sender, mut receiver) = broadcast::channel(2);
    let mut other = sender.subscribe();
    let receives = spawn(move || {
        assert_eq!([block_on(other.recv()), block_on(other.recv())], [Ok(1), Ok(2)]);
    });
    let sends = spawn({
        let sender = sender.clone();
        move || (1..=2).for_each(|value| assert!(sender.send(value).is_ok()))
    });
    assert_eq!([block_on(receiver.recv()), block_on(receiver.recv())], [Ok(1), Ok(2)]);
    receives.join().expect("it does not panic");
    sends.join().expect("it does not panic");
    assert!(sender.is_empty());
}

/// Property: what a slow receiver gets and what it is told it lost add up, and it gets the newest.
/// Threads: a receiver, a sender. Bound: none.
/// Killed by: `Ring::take` reporting one less; `Sender`'s drop waking nobody.
fn a_receiver_is_told_exactly_how_many_it_lost() {
    let (sender, mut receiver) = broadcast::channel(1);
    let sends = spawn(move || {
        for value in 1..=3 {
            sender.send(value).expect("the receiver listens");
        }
    });
    let mut heard_of = 0;
    loop {
        match block_on(receiver.recv()) {
            Ok(value) => {
                heard_of += 1;
                assert_eq!(value, heard_of);
            }
            Err(RecvError::Lagged(missed)) => heard_of += missed,
            Err(RecvError::Closed) => break,
        }
    }
    assert_eq!(heard_of, 3);
    sends.join().expect("it does not panic");
}

/// Property: a value is dropped once, as soon as the last receiver has it or is gone, or it comes
/// back.
/// Threads: a sender, a receiver that goes, one that receives and goes. Bound: see the list.
/// Killed by: `Ring::leave` not counting down; `send` not looking for receivers.
fn no_value_stays_for_a_receiver_that_is_gone() {
    let (sender, mut receiver) = broadcast::channel(1);
    let other = sender.subscribe();
    let drops = Arc::new(Tally::new(0));
    let goes = spawn(move || drop(other));
    let sends = spawn({
        let (sender, drops) = (sender.clone(), drops.clone());
        move || drop(sender.send(Arc::new(Counted(drops))))
    });
    let _ = receiver.try_recv();
    drop(receiver);
    goes.join().expect("it does not panic");
    sends.join().expect("it does not panic");
    assert!(sender.is_empty());
    assert_eq!(drops.load(SeqCst), 1);
}

/// Counts its drops.
struct Counted(Arc<Tally>);

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.fetch_add(1, SeqCst);
    }
}

/// Property: a child is cancelled with its parent, whichever of cancel and creation comes first.
/// Threads: one that cancels, one that creates. Bound: none.
/// Killed by: `child` not looking whether its parent is cancelled.
fn a_child_is_cancelled_whenever_it_is_created() {
    let parent = CancelToken::new();
    let cancels = spawn({
        let parent = parent.clone();
        move || parent.cancel()
    });
    let child = parent.child();
    cancels.join().expect("it does not panic");
    assert!(child.is_cancelled());
}

/// Property: a cancel ends every wait for the token or for one below, at whatever moment it begins,
/// and who waited sees what was done before.
/// Threads: one that waits for the token, one for its child, one that cancels. Bound: see the list.
/// Killed by: `look` not looking again under the lock; `Relaxed` in `mark`.
fn a_cancel_reaches_who_is_about_to_wait() {
    let shared = Arc::new((CancelToken::new(), AtomicUsize::new(0)));
    let child = shared.0.child();
    let waits = spawn({
        let shared = shared.clone();
        move || {
            block_on(child.cancelled());
            assert_eq!(shared.1.load(Relaxed), 1);
        }
    });
    let cancels = spawn({
        let shared = shared.clone();
        move || {
            shared.1.store(1, Relaxed);
            shared.0.cancel();
        }
    });
    block_on(shared.0.cancelled());
    assert_eq!(shared.1.load(Relaxed), 1);
    waits.join().expect("it does not panic");
    cancels.join().expect("it does not panic");
}

/// Property: a cancel that returns leaves nothing below uncancelled, even if another one is still on
/// its way there; and each token has the reason of its parent, unless it was cancelled before it.
/// Threads: one that cancels the root, one that cancels what is between. Bound: none.
/// Killed by: `mark` turning round at a node that is cancelled; `mark` passing its own reason on.
fn when_a_cancel_returns_all_below_is_cancelled_with_the_reason_of_its_parent() {
    let root = CancelToken::new();
    let between = root.child();
    let leaf = between.child();
    let cancels = spawn({
        let between = between.clone();
        move || between.cancel_with("between")
    });
    root.cancel_with("root");
    assert!(leaf.is_cancelled());
    cancels.join().expect("it does not panic");
    assert_eq!(leaf.reason(), between.reason());
    assert_eq!(root.reason().as_deref(), Some("root"));
}

/// Property: tokens that are dropped while a cancel is on its way to them leave no list behind and no
/// waker.
/// Threads: one that cancels, two that drop. Bound: see the list.
/// Killed by: `Node`'s drop not taking itself off the list, or insisting that it is on it.
fn a_child_that_is_dropped_during_a_cancel_leaves_nothing_behind() {
    let root = CancelToken::new();
    let between = root.child();
    let (leaf, other) = (between.child(), root.child());
    let mut told = leaf.cancelled();
    assert!(poll_once(&mut told).is_pending());
    let cancels = spawn(move || between.cancel());
    let drops = spawn(move || drop(other));
    drop(leaf);
    drop(told);
    cancels.join().expect("it does not panic");
    drops.join().expect("it does not panic");
    assert_eq!(root.stats().children, 0);
}
