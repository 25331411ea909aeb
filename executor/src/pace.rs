//! How much work is worth waking somebody for, and how much is worth a theft.
//!
//! A wake-up costs some microseconds, on both sides. A dozen tasks that take a tenth of one each are
//! done before anybody has come to help; two that take a millisecond are not. So a worker keeps an
//! estimate of how long its polls take, and calls for help when its queue holds two wake-ups' worth: who
//! comes takes half of it. The estimate costs no clock: it is made of the readings that timers need anyway.
//!
//! A theft costs less, but not nothing: the task, its data and the primitives it shares with its
//! neighbours move to another processor, and back when a neighbour wakes it. Two workers that steal
//! a microsecond's work from each other for ever are slower than one. So a worker that is awake takes
//! nothing from who will have done it at once, and sleeps.
//!
//! It says nothing of tasks that come back again and again: two hundred of them, a tenth of a
//! microsecond each, are never more than twenty microseconds of work, and may be so for an hour. So a
//! worker also calls for help when a crowd has waited behind it for as long as a wake-up takes, in the
//! belief that it will for as long again. A handful of short tasks is no crowd: those mostly work on
//! one thing, as the producers of one queue do, and two workers would fight for it (2.4 times the time
//! for eight producers and one consumer).
//!
//! The estimate may be wrong: a poll may block without any before it having done so. What lies behind
//! such a one waits for the sentinel then ([`crate::sentinel`]), as what lies behind a single task does.

use std::cell::Cell;

use windlass_sync::shim::atomic::{AtomicU64, Ordering::*};

/// How long it takes until a worker that is woken has its first task.
const WAKE_NS: u64 = 50_000;
/// A queue with so much work in it deserves another worker.
const SHARE_NS: u64 = 2 * WAKE_NS;
/// A queue with so much work in it is worth a theft. Measured with two workers that share one queue,
/// or one semaphore: 0.5 and 0.6 of the time from 1 to 8 µs on; with a hundred independent pairs:
/// 1.02 to 1.08 of it up to 2 µs, 1.5 at 8.
const THEFT_NS: u64 = 2_000;
/// So many queued tasks are a crowd.
const CROWD: usize = 32;
/// What a poll is taken to last before one was measured: everything is worth sharing.
pub const UNKNOWN_NS: u64 = SHARE_NS;
/// The estimate moves towards each new mean by one such part.
const INERTIA: u64 = 4;

/// One worker's estimate, which the others read to judge whether its queue is worth a theft.
#[derive(Debug)]
pub struct Pace {
    poll_ns: AtomicU64,
}

impl Pace {
    /// That of a worker whose polls take so long, as far as is known.
    pub fn new(poll_ns: u64) -> Self {
        Self { poll_ns: AtomicU64::new(poll_ns) }
    }

    /// How many workers deserve a share of so many queued tasks.
    #[inline]
    pub fn shares(&self, tasks: usize) -> usize {
        (self.work_ns(tasks) / SHARE_NS) as usize
    }

    /// True if so many queued tasks are more than their worker will have done at once.
    #[inline]
    pub fn is_worth_a_theft(&self, tasks: usize) -> bool {
        self.work_ns(tasks) >= THEFT_NS
    }

    #[inline]
    fn work_ns(&self, tasks: usize) -> u64 {
        // ORDERING: Relaxed. An estimate that is late by one reading is as good. A worker about to
        // park reads it after its fence, as it does the lengths of the queues.
        (tasks as u64).saturating_mul(self.poll_ns.load(Relaxed))
    }

    /// The estimate was wrong: the worker is stuck in a poll. Until it has measured anew, everything
    /// is worth sharing.
    pub fn doubt(&self) {
        // ORDERING: Relaxed, as in `work_ns`.
        self.poll_ns.store(UNKNOWN_NS, Relaxed);
    }
}

/// Where the worker's present stretch of work began.
#[derive(Debug)]
pub struct Stretch {
    since_ns: Cell<u64>,
    polls: Cell<u64>,
    /// For how long a crowd has waited that is worth a theft.
    laden_ns: Cell<u64>,
}

impl Stretch {
    /// Work that begins now.
    pub fn new(now_ns: u64) -> Self {
        Self { since_ns: Cell::new(now_ns), polls: Cell::new(0), laden_ns: Cell::new(0) }
    }

    /// The worker has slept: the time until now was no work.
    pub fn begin(&self, now_ns: u64) {
        self.since_ns.set(now_ns);
    }

    /// True if a crowd has waited behind this worker for as long as a wake-up takes.
    #[inline]
    pub fn is_laden(&self) -> bool {
        self.laden_ns.get() >= WAKE_NS
    }

    /// The clock was read after so many polls in all, with so many tasks in the queue.
    pub fn measure(&self, pace: &Pace, now_ns: u64, polls: u64, queued: usize) {
        let took_ns = now_ns.saturating_sub(self.since_ns.replace(now_ns));
        let done = polls.wrapping_sub(self.polls.replace(polls));
        if let Some(mean_ns) = took_ns.checked_div(done) {
            // ORDERING: Relaxed, as in `work_ns`. A doubt that comes between is one estimate more.
            let before = pace.poll_ns.load(Relaxed);
            // ORDERING: Relaxed, as above.
            pace.poll_ns.store(before - before / INERTIA + mean_ns / INERTIA, Relaxed);
        }
        let laden_ns = self.laden_ns.get() + took_ns;
        let is_laden = queued >= CROWD && pace.is_worth_a_theft(queued);
        self.laden_ns.set(if is_laden { laden_ns } else { 0 });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_never_measured_is_worth_sharing() {
        assert_eq!(Pace::new(UNKNOWN_NS).shares(2), 2);
    }

    #[test]
    fn short_polls_are_shared_by_the_hundred_and_long_ones_by_the_handful() {
        let (pace, stretch) = (Pace::new(UNKNOWN_NS), Stretch::new(0));
        (1..=40).for_each(|turn| stretch.measure(&pace, turn * 6_100, turn * 61, 0)); // 100 ns each
        assert_eq!(pace.shares(64), 0);
        assert_eq!(pace.shares(900), 0, "half of it is done before anybody has come");
        assert!(pace.shares(1_200) >= 1);
        stretch.measure(&pace, 40 * 6_100 + 5_000_000, 41 * 61, 0); // one of them took 5 ms
        assert!(pace.shares(16) >= 3);
    }

    #[test]
    fn sleep_is_no_work() {
        let (pace, stretch) = (Pace::new(UNKNOWN_NS), Stretch::new(0));
        stretch.begin(1_000_000_000);
        (1..=40)
            .for_each(|turn| stretch.measure(&pace, 1_000_000_000 + turn * 1_000, turn * 10, 0));
        assert_eq!(pace.shares(64), 0);
    }

    #[test]
    fn a_reading_without_polls_says_nothing() {
        let (pace, stretch) = (Pace::new(UNKNOWN_NS), Stretch::new(0));
        stretch.measure(&pace, 5_000_000, 0, 0);
        assert_eq!(pace.shares(2), 2);
    }

    #[test]
    fn what_will_be_done_at_once_is_not_worth_a_theft_unless_its_worker_is_stuck() {
        let (pace, stretch) = (Pace::new(UNKNOWN_NS), Stretch::new(0));
        assert!(pace.is_worth_a_theft(1), "nothing is known yet");
        (1..=40).for_each(|turn| stretch.measure(&pace, turn * 6_100, turn * 61, 0)); // 100 ns each
        assert!(!pace.is_worth_a_theft(10));
        assert!(pace.is_worth_a_theft(30));
        pace.doubt();
        assert!(pace.is_worth_a_theft(1));
        assert!(!Pace::new(UNKNOWN_NS).is_worth_a_theft(0), "there is nothing");
    }

    #[test]
    fn a_crowd_that_stays_deserves_help_and_a_handful_or_a_crowd_that_goes_does_not() {
        let laden_after = |looks: u64, queued: &dyn Fn(u64) -> usize| {
            let (pace, stretch) = (Pace::new(UNKNOWN_NS), Stretch::new(0));
            let mut measure = |turn| stretch.measure(&pace, turn * 6_100, turn * 61, queued(turn));
            (1..=looks).for_each(&mut measure); // 100 ns each
            stretch.is_laden()
        };
        assert!(!laden_after(5, &|_| 200), "30 us are too short");
        assert!(laden_after(20, &|_| 200));
        assert!(!laden_after(1_000, &|_| 16), "a handful");
        assert!(!laden_after(1_000, &|turn| if turn % 5 == 0 { 0 } else { 200 }), "it goes");
    }
}
