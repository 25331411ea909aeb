//! Models of the parker: an unpark is never lost, and publishes what came before it.

use std::sync::Arc;

use windlass_executor::parker::Parker;
use windlass_sync::shim::atomic::{AtomicBool, Ordering::Relaxed};

use super::hands::spawn;
use super::sim::Poller;

/// What an unpark publishes.
struct Bed {
    parker: Parker,
    poller: Poller,
    written: AtomicBool,
}

impl Bed {
    fn new() -> Arc<Self> {
        let (parker, poller) = (Parker::default(), Poller::new());
        Arc::new(Self { parker, poller, written: AtomicBool::new(false) })
    }

    /// Writes, and wakes whoever sleeps here.
    fn unpark(&self) {
        self.written.store(true, Relaxed);
        self.parker.unpark(|| self.poller.wake());
    }

    /// Sleeps, and reads.
    fn park(&self, in_poller: bool) {
        let unparked = if in_poller {
            self.parker.park_in_reactor(|| drop(self.poller.turn()))
        } else {
            self.parker.park(None)
        };
        assert!(unparked);
        assert!(self.written.load(Relaxed), "it was written before the unpark");
        self.parker.clear();
    }
}

/// Property: an unpark before, during or after the way to bed ends the sleep, and what was written
/// before it is seen.
/// Threads: a sleeper, a waker. Bound: none.
/// Killed by: `unpark` not taking the lock; `Relaxed` in `Parker::unpark`; `lie_down` not acquiring.
pub fn an_unpark_ends_a_sleep_on_the_condvar() {
    let bed = Bed::new();
    let waker = spawn({
        let bed = bed.clone();
        move || bed.unpark()
    });
    bed.park(false);
    waker.join().expect("it does not panic");
}

/// Property: the same in the reactor.
/// Threads: a sleeper, a waker. Bound: none.
/// Killed by: `unpark` not waking the reactor; `Relaxed` in `Parker::unpark`.
pub fn an_unpark_ends_a_sleep_in_the_reactor() {
    let bed = Bed::new();
    let waker = spawn({
        let bed = bed.clone();
        move || bed.unpark()
    });
    bed.park(true);
    waker.join().expect("it does not panic");
}

/// Property: of two unparks by two threads neither is lost to a sleeper that looks for both, and
/// that changes its bed from sleep to sleep.
/// Threads: a sleeper, two wakers. Bound: see the list.
/// Killed by: `clear` leaving NOTIFIED in place of EMPTY; `unpark` not taking the lock.
pub fn a_sleeper_that_waits_for_two_unparks_gets_both() {
    let bed = Bed::new();
    let flags: Arc<[AtomicBool]> = (0..2).map(|_| AtomicBool::new(false)).collect();
    let wakers = [0, 1].map(|which| {
        let (bed, flags) = (bed.clone(), flags.clone());
        spawn(move || {
            flags[which].store(true, Relaxed);
            bed.parker.unpark(|| bed.poller.wake());
        })
    });
    let mut sleeps = 0;
    while !flags.iter().all(|flag| flag.load(Relaxed)) {
        let in_poller = sleeps % 2 == 1;
        sleeps += 1;
        if in_poller {
            bed.parker.park_in_reactor(|| drop(bed.poller.turn()));
        } else {
            bed.parker.park(None);
        }
        bed.parker.clear();
    }
    assert!(sleeps <= 2, "two unparks end at most two sleeps");
    for waker in wakers {
        waker.join().expect("it does not panic");
    }
}

/// Property: a turn of the reactor that ends for no reason leaves the next unpark for the next
/// sleep.
/// Threads: a sleeper, a waker, somebody who wakes the reactor by itself. Bound: see the list.
/// Killed by: `Relaxed` in `Parker::get_up`; `get_up` leaving IN_REACTOR.
pub fn a_reactor_that_wakes_for_nothing_loses_no_unpark() {
    let bed = Bed::new();
    let waker = spawn({
        let bed = bed.clone();
        move || bed.unpark()
    });
    let gremlin = spawn({
        let bed = bed.clone();
        move || bed.poller.wake()
    });
    if !bed.parker.park_in_reactor(|| drop(bed.poller.turn())) {
        bed.park(false);
    }
    assert!(bed.written.load(Relaxed), "it was written before the unpark");
    waker.join().expect("it does not panic");
    gremlin.join().expect("it does not panic");
}

/// Property: a worker that is awake and takes what unparks have come sees what was written before
/// each of them, so that it does not go to sleep over one.
/// Threads: a worker, two wakers. Bound: see the list.
/// Killed by: `clear` not acquiring. Not by `Relaxed` in `is_notified`: the exchange of `clear`
/// follows it.
pub fn a_worker_that_takes_its_unparks_sees_what_came_before_each() {
    let bed = Bed::new();
    let flags: Arc<[AtomicBool]> = (0..2).map(|_| AtomicBool::new(false)).collect();
    let wakers = [0, 1].map(|which| {
        let (bed, flags) = (bed.clone(), flags.clone());
        spawn(move || {
            flags[which].store(true, Relaxed);
            bed.parker.unpark(|| bed.poller.wake());
        })
    });
    let all = || flags.iter().all(|flag| flag.load(Relaxed));
    while !all() {
        bed.parker.clear();
        if !all() {
            bed.parker.park(None);
            bed.parker.clear();
        }
    }
    for waker in wakers {
        waker.join().expect("it does not panic");
    }
}
