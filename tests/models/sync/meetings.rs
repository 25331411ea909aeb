//! Models of barrier and limiter, and of the bound of a semaphore.

use std::sync::Arc;

use windlass_sync::barrier::{Barrier, Broken};
use windlass_sync::limiter::Limiter;
use windlass_sync::semaphore::Semaphore;
use windlass_sync::shim::atomic::{AtomicUsize, Ordering::Relaxed};

use super::hands::{block_on, poll_once, spawn};
use crate::Model;

/// The models of this file.
pub const MODELS: &[Model] = &[
    Model {
        name: "a_waiter_that_goes_as_the_last_one_comes_holds_nobody_up",
        threads: 3,
        weak: Some(3),
        interleaving: Some(4),
        killed_by: "Barrier::leave not removing; end_round granting without waking",
        body: a_waiter_that_goes_as_the_last_one_comes_holds_nobody_up,
    },
    Model {
        name: "an_abort_ends_a_round_for_all_of_it_or_comes_after_it",
        threads: 3,
        weak: Some(3),
        interleaving: Some(4),
        killed_by: "Barrier::look not looking whether it is aborted; abort waking nobody",
        body: an_abort_ends_a_round_for_all_of_it_or_comes_after_it,
    },
    Model {
        name: "rounds_follow_each_other_and_show_what_came_before",
        threads: 2,
        weak: Some(3),
        interleaving: Some(4),
        killed_by: "end_round granting without telling; the last one not ending the round",
        body: rounds_follow_each_other_and_show_what_came_before,
    },
    Model {
        name: "a_limit_that_is_lowered_lets_no_surplus_through",
        threads: 3,
        weak: Some(3),
        interleaving: Some(4),
        killed_by: "set_limit taking only free permits away; free_in taking the count as unsigned",
        body: a_limit_that_is_lowered_lets_no_surplus_through,
    },
    Model {
        name: "a_token_that_is_too_many_goes_to_nobody",
        threads: 2,
        weak: None,
        interleaving: None,
        killed_by: "hand_over not looking whether permits are owed",
        body: a_token_that_is_too_many_goes_to_nobody,
    },
    Model {
        name: "a_limit_that_goes_down_and_up_gives_no_token_twice",
        threads: 3,
        weak: Some(3),
        interleaving: Some(4),
        killed_by: "set_limit taking permits away after it has unlocked",
        body: a_limit_that_goes_down_and_up_gives_no_token_twice,
    },
    Model {
        name: "a_limit_moved_by_two_at_once_is_what_the_later_one_says",
        threads: 3,
        weak: Some(3),
        interleaving: Some(4),
        killed_by: "set_limit looking at the former limit before it locks to set the new one",
        body: a_limit_moved_by_two_at_once_is_what_the_later_one_says,
    },
    Model {
        name: "of_two_who_add_the_last_permit_one_is_refused",
        threads: 2,
        weak: None,
        interleaving: None,
        killed_by: "Total::add storing the sum without comparing",
        body: of_two_who_add_the_last_permit_one_is_refused,
    },
];

/// Property: a waiter that is dropped while the others come is either not counted, or the round is
/// full with it; in both cases everybody goes on.
/// Threads: two that come; one whose first future gives up and whose second one comes. Bound: see
/// the list.
/// Killed by: `Barrier::leave` not removing; `end_round` granting without waking.
pub fn a_waiter_that_goes_as_the_last_one_comes_holds_nobody_up() {
    let barrier = Arc::new(Barrier::new(3));
    let mut gives_up = barrier.wait();
    assert!(poll_once(&mut gives_up).is_pending());
    let others = [0, 1].map(|_| {
        let barrier = barrier.clone();
        spawn(move || assert!(block_on(barrier.wait()).is_ok()))
    });
    drop(gives_up);
    let mut comes = barrier.wait();
    if poll_once(&mut comes).is_pending() {
        for other in others {
            other.join().expect("it does not panic");
        }
        // It was of their round, or else that was full with the one that gave up.
        let is_next = poll_once(&mut comes).is_pending();
        assert_eq!(barrier.stats().waiting, usize::from(is_next));
    }
    drop(comes);
    assert_eq!(barrier.stats().waiting, 0);
}

/// Property: an abort ends the wait of all who are there and of who comes later; a round passes for
/// all or for none.
/// Threads: two parties, one that aborts. Bound: see the list.
/// Killed by: `Barrier::look` not looking whether it is aborted; `abort` waking nobody.
pub fn an_abort_ends_a_round_for_all_of_it_or_comes_after_it() {
    let barrier = Arc::new(Barrier::new(2));
    let aborted = Arc::new(std::sync::atomic::AtomicUsize::new(0));
    let parties = [0, 1].map(|_| {
        let (barrier, aborted) = (barrier.clone(), aborted.clone());
        spawn(move || {
            if let Err(broken) = block_on(barrier.wait()) {
                assert_eq!(broken, Broken::Aborted);
                aborted.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
            }
        })
    });
    barrier.abort();
    for party in parties {
        party.join().expect("it does not panic");
    }
    assert_ne!(aborted.load(std::sync::atomic::Ordering::SeqCst), 1);
    assert_eq!(barrier.stats().waiting, 0);
}

/// Property: a barrier is usable again at once, and who passes sees what the other did before it
/// came.
/// Threads: two parties, two rounds. Bound: see the list.
/// Killed by: `end_round` granting without telling; the last one not ending the round.
pub fn rounds_follow_each_other_and_show_what_came_before() {
    let shared = Arc::new((Barrier::new(2), [AtomicUsize::new(0), AtomicUsize::new(0)]));
    let party = |shared: &(Barrier, [AtomicUsize; 2]), me: usize| {
        for round in 1..=2 {
            shared.1[me].store(round, Relaxed);
            assert!(block_on(shared.0.wait()).is_ok());
            assert!(shared.1[1 - me].load(Relaxed) >= round);
        }
    };
    let other = spawn({
        let shared = shared.clone();
        move || party(&shared, 1)
    });
    party(&shared, 0);
    other.join().expect("it does not panic");
}

/// Property: once the limit is lowered, a token that comes back is not handed out while too many
/// are left; and who waits gets one when they are not.
/// Threads: one that lowers and holds a token, one that gives its token back, one that waits.
/// Bound: see the list.
/// Killed by: `set_limit` taking only free permits away; `free_in` taking the count as unsigned.
pub fn a_limit_that_is_lowered_lets_no_surplus_through() {
    let limiter = Arc::new(Limiter::new(2));
    let mine = limiter.clone().try_acquire_owned().expect("it is free");
    let other = limiter.clone().try_acquire_owned().expect("it is free");
    let releases = spawn(move || drop(other));
    let waits = spawn({
        let limiter = limiter.clone();
        move || drop(block_on(limiter.acquire()))
    });
    limiter.set_limit(1);
    releases.join().expect("it does not panic");
    assert!(limiter.try_acquire().is_none(), "there is one already");
    drop(mine);
    waits.join().expect("it does not panic");
    let stats = limiter.stats();
    assert_eq!((stats.in_use, stats.waiting, stats.served, stats.peak), (0, 0, 3, 2));
    let _one = limiter.try_acquire().expect("nobody has a token");
    assert!(limiter.try_acquire().is_none(), "the limit is one");
}

/// Property: while there are more tokens than the limit, who waits gets none that comes back.
/// Threads: one that lowers and gives its two tokens back, one that waits. Bound: none.
/// Killed by: `hand_over` not looking whether permits are owed.
fn a_token_that_is_too_many_goes_to_nobody() {
    let limiter = Arc::new(Limiter::new(2));
    let [first, last] = [0, 1].map(|_| limiter.clone().try_acquire_owned().expect("it is free"));
    let is_last = Arc::new(AtomicUsize::new(0));
    let waits = spawn({
        let (limiter, is_last) = (limiter.clone(), is_last.clone());
        move || {
            let _token = block_on(limiter.acquire());
            assert_eq!(is_last.load(Relaxed), 1, "the other one is still out");
        }
    });
    limiter.set_limit(1);
    drop(first);
    is_last.store(1, Relaxed);
    drop(last);
    waits.join().expect("it does not panic");
}

/// Property: a token that the limit has lost is gone before a higher limit brings another.
/// Threads: one that lowers, one that raises again, one that tries. Bound: see the list.
/// Killed by: `set_limit` taking permits away after it has unlocked.
fn a_limit_that_goes_down_and_up_gives_no_token_twice() {
    let limiter = Arc::new(Limiter::new(1));
    let moves = [0, 1].map(|limit| {
        let limiter = limiter.clone();
        spawn(move || limiter.set_limit(limit))
    });
    let one = limiter.try_acquire();
    assert!(one.is_none() || limiter.try_acquire().is_none(), "the limit never was two");
    drop(one);
    for moved in moves {
        moved.join().expect("it does not panic");
    }
    assert_eq!(usize::from(limiter.try_acquire().is_some()), limiter.stats().limit);
}

/// Property: of two calls at once one is the later, and there are as many tokens as it says; who
/// waits gets one of them.
/// Threads: one that raises, one that raises less, one that waits. Bound: see the list.
/// Killed by: `set_limit` looking at the former limit before it locks to set the new one.
pub fn a_limit_moved_by_two_at_once_is_what_the_later_one_says() {
    let limiter = Arc::new(Limiter::new(0));
    let raises = spawn({
        let limiter = limiter.clone();
        move || limiter.set_limit(2)
    });
    let waits = spawn({
        let limiter = limiter.clone();
        move || drop(block_on(limiter.acquire()))
    });
    limiter.set_limit(1);
    raises.join().expect("it does not panic");
    waits.join().expect("it does not panic");
    let tokens = std::iter::from_fn(|| limiter.try_acquire()).collect::<Vec<_>>();
    assert_eq!(tokens.len(), limiter.stats().limit);
}

/// Property: a bounded semaphore has never more permits than its bound.
/// Threads: two that add. Bound: none.
/// Killed by: `Total::add` storing the sum without comparing.
pub fn of_two_who_add_the_last_permit_one_is_refused() {
    let semaphore = Arc::new(Semaphore::bounded(1));
    assert_eq!(semaphore.forget_permits(1), 1);
    let mine = semaphore.clone();
    let adds = spawn(move || {
        let _ = mine.try_add_permits(1);
    });
    let _ = semaphore.try_add_permits(1);
    adds.join().expect("it does not panic");
    assert_eq!(semaphore.available_permits(), 1);
}
