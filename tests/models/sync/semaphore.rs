//! Models of the semaphore: its word against its line.

use std::sync::Arc;

use windlass_sync::error::TryAcquireError;
use windlass_sync::semaphore::Semaphore;
use windlass_sync::shim::atomic::{AtomicUsize, Ordering::Relaxed};
use windlass_sync::waiting;

use super::hands::{block_on, poll_once, spawn};

/// Property: an acquirer that goes to sleep is woken by a release that comes at any moment.
/// Threads: an acquirer, a releaser. Bound: none.
/// Killed by: `take_or_wait` answering `Short` without setting `WAITERS`.
pub fn a_release_wakes_an_acquirer_at_whatever_moment_it_goes_to_sleep() {
    let semaphore = Arc::new(Semaphore::new(1));
    let held = semaphore.clone().try_acquire_owned().expect("it is free");
    let releaser = spawn(move || drop(held));
    let permit = block_on(semaphore.acquire()).expect("it is open");
    releaser.join().expect("it does not panic");
    drop(permit);
    assert_eq!(semaphore.available_permits(), 1);
}

/// Property: what was done under a permit is seen by its next holder, whichever way it came.
/// Threads: three holders. Bound: see the list.
/// Killed by: `Relaxed` in `Word::give`; `Release` instead of `AcqRel` in `Word::step`.
pub fn what_was_done_under_a_permit_is_seen_by_its_next_holder() {
    let shared = Arc::new((Semaphore::new(1), AtomicUsize::new(0)));
    let use_once = |shared: &(Semaphore, AtomicUsize)| {
        let _permit = block_on(shared.0.acquire()).expect("it is open");
        let seen = shared.1.load(Relaxed);
        shared.1.store(seen + 1, Relaxed);
    };
    let others = [0, 1].map(|_| {
        let shared = shared.clone();
        spawn(move || use_once(&shared))
    });
    use_once(&shared);
    for other in others {
        other.join().expect("it does not panic");
    }
    let _permit = block_on(shared.0.acquire()).expect("it is open");
    assert_eq!(shared.1.load(Relaxed), 3);
}

/// Property: a waiter that is dropped, served or not, takes no permit with it and holds nobody up.
/// Threads: one that gives up, one that waits, a releaser. Bound: see the list.
/// Killed by: `leave` not giving a granted permit back; `leave` not handing out.
pub fn a_waiter_that_is_dropped_passes_its_grant_on() {
    let semaphore = Arc::new(Semaphore::new(1));
    let held = semaphore.clone().try_acquire_owned().expect("it is free");
    let mut gives_up = semaphore.acquire();
    assert!(poll_once(&mut gives_up).is_pending());
    let releaser = spawn(move || drop(held));
    let waits = spawn({
        let semaphore = semaphore.clone();
        move || drop(block_on(semaphore.acquire()).expect("it is open"))
    });
    drop(gives_up);
    waits.join().expect("it does not panic");
    releaser.join().expect("it does not panic");
    assert_eq!(semaphore.available_permits(), 1);
    assert_eq!(semaphore.stats().waiting, 0);
}

/// Property: closing ends every wait, and no permit is lost on the way.
/// Threads: an acquirer, a releaser, a closer. Bound: see the list.
/// Killed by: `close` dropping the wakers of those it refuses; `look` taking `Closed` for
/// `Short`.
pub fn closing_ends_every_wait_and_loses_no_permit() {
    let semaphore = Arc::new(Semaphore::new(1));
    let held = semaphore.clone().try_acquire_owned().expect("it is free");
    let releaser = spawn(move || drop(held));
    let closer = spawn({
        let semaphore = semaphore.clone();
        move || semaphore.close()
    });
    drop(block_on(semaphore.acquire()));
    releaser.join().expect("it does not panic");
    closer.join().expect("it does not panic");
    assert_eq!(semaphore.available_permits(), 1);
    assert_eq!(semaphore.try_acquire().unwrap_err(), TryAcquireError::Closed);
}

/// Property: who asks whether it is closed, and hears that it is, sees what was done before.
/// Threads: one that asks, a closer. Bound: none.
/// Killed by: `Relaxed` in `is_closed`.
pub fn who_hears_that_it_is_closed_sees_what_came_before() {
    closed_shows_what_came_before(Semaphore::is_closed);
}

/// Property: who is refused because it is closed sees what was done before.
/// Threads: one that tries, a closer. Bound: none.
/// Killed by: `Relaxed` in the first load of `Word::step`, or in its exchange that fails.
pub fn who_is_refused_because_it_is_closed_sees_what_came_before() {
    closed_shows_what_came_before(|semaphore| {
        matches!(semaphore.try_acquire(), Err(TryAcquireError::Closed))
    });
}

/// Two models and not one with three threads: of two threads that only load, loom 0.7 tries but one
/// against the closer.
fn closed_shows_what_came_before(is_closed: fn(&Semaphore) -> bool) {
    // With a free permit, so that the answer may also come from an exchange that fails.
    let shared = Arc::new((Semaphore::new(1), AtomicUsize::new(0)));
    let closer = spawn({
        let shared = shared.clone();
        move || {
            shared.1.store(1, Relaxed);
            shared.0.close();
        }
    });
    if is_closed(&shared.0) {
        assert_eq!(shared.1.load(Relaxed), 1);
    }
    closer.join().expect("it does not panic");
}

/// Property: a request for more than is free gets it once that many have come back.
/// Threads: one that wants two, two that give back one each. Bound: see the list.
/// Killed by: `hand_out_in` unsetting `WAITERS` although the first in line could not be served.
pub fn a_request_for_more_than_is_free_is_met_when_enough_came_back() {
    let semaphore = Arc::new(Semaphore::new(2));
    let releasers = [0, 1].map(|_| {
        let held = semaphore.clone().try_acquire_owned().expect("it is free");
        spawn(move || drop(held))
    });
    let both = block_on(semaphore.acquire_many(2)).expect("it is open");
    assert_eq!(semaphore.available_permits(), 0);
    for releaser in releasers {
        releaser.join().expect("it does not panic");
    }
    drop(both);
    assert_eq!(semaphore.available_permits(), 2);
}

/// Property: adding, trying and forgetting at the same time add up.
/// Threads: one of each. Bound: see the list.
/// Killed by: `take_up_to` computing from a load before `step`, outside its loop.
pub fn adding_trying_and_forgetting_at_once_add_up() {
    let semaphore = Arc::new(Semaphore::new(1));
    let adds = spawn({
        let semaphore = semaphore.clone();
        move || semaphore.add_permits(1)
    });
    let tries = spawn({
        let semaphore = semaphore.clone();
        move || {
            if let Ok(permit) = semaphore.try_acquire() {
                permit.forget();
                semaphore.add_permits(1);
            }
        }
    });
    let forgotten = semaphore.forget_permits(2);
    adds.join().expect("it does not panic");
    tries.join().expect("it does not panic");
    assert_eq!(semaphore.available_permits(), 2 - forgotten);
}

/// Property: a permit handed to a waiter that nobody polls can be taken by its own task, and comes
/// back to that waiter.
/// Threads: the task with two futures, a releaser, a rival. Bound: see the list.
/// Killed by: `borrow` returning false; `borrow` not marking that somebody waits again.
pub fn a_task_may_take_what_was_handed_to_another_of_its_futures() {
    let semaphore = Arc::new(Semaphore::new(1));
    let held = semaphore.clone().try_acquire_owned().expect("it is free");
    let _owned = waiting::enter(1);
    let mut aside = semaphore.acquire();
    assert!(poll_once(&mut aside).is_pending());
    let releaser = spawn(move || drop(held));
    let rival = spawn({
        let semaphore = semaphore.clone();
        move || {
            let _owned = waiting::enter(2);
            drop(block_on(semaphore.acquire()).expect("it is open"));
        }
    });
    releaser.join().expect("it does not panic"); // `aside` is served now, and not polled
    drop(semaphore.try_acquire().expect("it is ours"));
    drop(block_on(semaphore.acquire()).expect("it is open"));
    drop(block_on(aside).expect("it is open"));
    rival.join().expect("it does not panic");
    assert_eq!(semaphore.available_permits(), 1);
}
