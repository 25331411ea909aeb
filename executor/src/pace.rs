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
//! belief that it will for as long again. A handful of short tasks that wake each other is no crowd: those
//! work on one thing, as the producers of one queue do, and two workers would fight for it (2.1 times the
//! time for eight producers and one consumer). A handful of which each goes its own way is one: sixteen
//! tasks that put timeouts around their yields take 0.6 to 0.7 of the time.
//!
//! Whether help helps is measured, too. Many short tasks that all go through one lock are slower on two
//! processors than on one, since its cache lines come and go with each of them. A worker knows what a short
//! poll took while nobody else was awake. If its polls take so much longer that all who are awake do less
//! together than it did alone, it is left alone for a while: nobody is called, and nothing is stolen. Then
//! it is tried again. With ten thousand tasks at one queue that takes 0.27 of the time. (To let each poll
//! that is shorter than alone correct what is known is worse: with a mixture of tasks that finds slowness
//! where there is none, and `spawn_join` takes 1.7 of the time.)
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
/// So many are, if each goes its own way.
const LONERS: usize = 8;
/// What a poll is taken to last before one was measured: everything is worth sharing.
pub const UNKNOWN_NS: u64 = SHARE_NS;
/// The estimate moves towards each new mean by one such part.
const INERTIA: u64 = 4;
/// Polls that take longer do not wait for cache lines.
const SHORT_NS: u64 = 2_000;
/// So many readings in a row must say that help does not help. One may be a processor that was taken away.
const READINGS: u32 = 4;
/// For so long a worker is left alone that was slower with help.
const ALONE_NS: u64 = 10_000_000;

/// One worker's estimate, which the others read to judge whether its queue is worth a theft.
#[derive(Debug)]
pub struct Pace {
    poll_ns: AtomicU64,
    /// So much work is worth a theft, and worth a call.
    theft_ns: AtomicU64,
}

impl Pace {
    /// That of a worker whose polls take so long, as far as is known.
    pub fn new(poll_ns: u64) -> Self {
        Self { poll_ns: AtomicU64::new(poll_ns), theft_ns: AtomicU64::new(THEFT_NS) }
    }

    /// How many workers deserve a share of so many queued tasks.
    #[inline]
    pub fn shares(&self, tasks: usize) -> usize {
        if self.is_worth_a_theft(tasks) { (self.work_ns(tasks) / SHARE_NS) as usize } else { 0 }
    }

    /// True if so many queued tasks are more than their worker will have done at once.
    #[inline]
    pub fn is_worth_a_theft(&self, tasks: usize) -> bool {
        // ORDERING: Relaxed, as in `work_ns`.
        self.work_ns(tasks) >= self.theft_ns.load(Relaxed)
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
        self.try_again();
    }

    /// Help is tried again, until the next measurement says otherwise: after a sleep it may be other work.
    pub fn try_again(&self) {
        // ORDERING: Relaxed, as in `work_ns`.
        self.theft_ns.store(THEFT_NS, Relaxed);
    }
}

/// Where the worker's present stretch of work began.
#[derive(Debug, Default)]
pub struct Stretch {
    since_ns: Cell<u64>,
    polls: Cell<u64>,
    /// A poll has woken another task since then.
    woken: Cell<bool>,
    /// For how long a crowd has waited that is worth a theft.
    laden_ns: Cell<u64>,
    /// What a short poll took while nobody else was awake; 0 if that is unknown.
    alone_ns: Cell<u64>,
    /// Readings in a row by which help does not help.
    slow: Cell<u32>,
    /// Until when it is left alone.
    apart_ns: Cell<u64>,
}

impl Stretch {
    /// Work that begins now.
    pub fn new(now_ns: u64) -> Self {
        Self { since_ns: Cell::new(now_ns), ..Self::default() }
    }

    /// The worker has slept: the time until now was no work.
    pub fn begin(&self, now_ns: u64) {
        self.since_ns.set(now_ns);
    }

    /// A poll wakes another task.
    #[inline]
    pub fn note_woken(&self) {
        self.woken.set(true);
    }

    /// True if a crowd has waited behind this worker for as long as a wake-up takes.
    #[inline]
    pub fn is_laden(&self) -> bool {
        self.laden_ns.get() >= WAKE_NS
    }

    /// The clock was read after so many polls in all, with so many tasks in the queue and so many workers
    /// awake, this one among them.
    pub fn measure(&self, pace: &Pace, now_ns: u64, polls: u64, queued: usize, awake: usize) {
        let took_ns = now_ns.saturating_sub(self.since_ns.replace(now_ns));
        let done = polls.wrapping_sub(self.polls.replace(polls));
        if let Some(mean_ns) = took_ns.checked_div(done) {
            // ORDERING: Relaxed, as in `work_ns`. A doubt that comes between is one estimate more.
            let before = pace.poll_ns.load(Relaxed);
            // ORDERING: Relaxed, as above.
            pace.poll_ns.store(towards(before, mean_ns), Relaxed);
            self.compare(mean_ns, now_ns, awake as u64);
            let is_apart = now_ns < self.apart_ns.get() && mean_ns < SHORT_NS;
            // ORDERING: Relaxed, as above.
            pace.theft_ns.store(if is_apart { u64::MAX } else { THEFT_NS }, Relaxed);
        }
        let laden_ns = self.laden_ns.get() + took_ns;
        let crowd = if self.woken.take() { CROWD } else { LONERS };
        let is_laden = queued >= crowd && pace.is_worth_a_theft(queued);
        self.laden_ns.set(if is_laden { laden_ns } else { 0 });
    }

    /// Finds out whether the others help.
    fn compare(&self, mean_ns: u64, now_ns: u64, awake: u64) {
        let alone_ns = self.alone_ns.get();
        if awake == 1 && mean_ns < SHORT_NS {
            self.alone_ns.set(towards(if alone_ns > 0 { alone_ns } else { mean_ns }, mean_ns));
        }
        let is_slow = alone_ns > 0 && awake > 1 && mean_ns > awake * alone_ns && mean_ns < SHORT_NS;
        let slow = if is_slow { self.slow.get() + 1 } else { 0 };
        self.slow.set(slow % READINGS);
        if slow == READINGS {
            self.apart_ns.set(now_ns + ALONE_NS);
        }
    }
}

fn towards(before: u64, mean_ns: u64) -> u64 {
    before - before / INERTIA + mean_ns / INERTIA
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
        (1..=40).for_each(|turn| stretch.measure(&pace, turn * 6_100, turn * 61, 0, 1)); // 100 ns each
        assert_eq!(pace.shares(64), 0);
        assert_eq!(pace.shares(900), 0, "half of it is done before anybody has come");
        assert!(pace.shares(1_200) >= 1);
        stretch.measure(&pace, 40 * 6_100 + 5_000_000, 41 * 61, 0, 1); // one of them took 5 ms
        assert!(pace.shares(16) >= 3);
    }

    #[test]
    fn sleep_is_no_work() {
        let (pace, stretch) = (Pace::new(UNKNOWN_NS), Stretch::new(0));
        stretch.begin(1_000_000_000);
        (1..=40)
            .for_each(|turn| stretch.measure(&pace, 1_000_000_000 + turn * 1_000, turn * 10, 0, 1));
        assert_eq!(pace.shares(64), 0);
    }

    #[test]
    fn a_reading_without_polls_says_nothing() {
        let (pace, stretch) = (Pace::new(UNKNOWN_NS), Stretch::new(0));
        stretch.measure(&pace, 5_000_000, 0, 0, 1);
        assert_eq!(pace.shares(2), 2);
    }

    #[test]
    fn what_will_be_done_at_once_is_not_worth_a_theft_unless_its_worker_is_stuck() {
        let (pace, stretch) = (Pace::new(UNKNOWN_NS), Stretch::new(0));
        assert!(pace.is_worth_a_theft(1), "nothing is known yet");
        (1..=40).for_each(|turn| stretch.measure(&pace, turn * 6_100, turn * 61, 0, 1)); // 100 ns each
        assert!(!pace.is_worth_a_theft(10));
        assert!(pace.is_worth_a_theft(30));
        pace.doubt();
        assert!(pace.is_worth_a_theft(1));
        assert!(!Pace::new(UNKNOWN_NS).is_worth_a_theft(0), "there is nothing");
    }

    #[test]
    fn a_crowd_that_stays_deserves_help_and_one_that_goes_does_not() {
        assert!(!laden_after(3, true, |_| 200), "45 us are too short");
        assert!(laden_after(20, true, |_| 200));
        assert!(!laden_after(1_000, true, |turn| if turn % 5 == 0 { 0 } else { 200 }), "it goes");
    }

    #[test]
    fn a_handful_is_a_crowd_if_its_tasks_do_not_wake_each_other() {
        assert!(!laden_after(1_000, true, |_| 16), "they work on one thing");
        assert!(laden_after(1_000, false, |_| 16), "each goes its own way");
        assert!(!laden_after(1_000, false, |_| 7), "too few");
    }

    /// Whether a worker is laden after so many readings of 61 polls, 250 ns each, of which one `wakes` another
    /// task; `queued` is given the number of each reading.
    fn laden_after(readings: u64, wakes: bool, queued: impl Fn(u64) -> usize) -> bool {
        let (pace, stretch) = (Pace::new(UNKNOWN_NS), Stretch::new(0));
        for turn in 1..=readings {
            wakes.then(|| stretch.note_woken());
            stretch.measure(&pace, turn * 61 * 250, turn * 61, queued(turn), 1);
        }
        stretch.is_laden()
    }

    /// One worker whose polls took 100 ns while it was alone.
    struct Helped {
        pace: Pace,
        stretch: Stretch,
        now_ns: u64,
        polls: u64,
    }

    impl Helped {
        fn new() -> Self {
            let (pace, stretch) = (Pace::new(UNKNOWN_NS), Stretch::new(0));
            let mut helped = Self { pace, stretch, now_ns: 0, polls: 0 };
            helped.work(100, 100, 1);
            helped
        }

        /// So many readings, 61 polls each, of so long a poll and with so many workers awake.
        fn work(&mut self, readings: u64, poll_ns: u64, awake: usize) {
            for _ in 0..readings {
                (self.now_ns, self.polls) = (self.now_ns + 61 * poll_ns, self.polls + 61);
                self.stretch.measure(&self.pace, self.now_ns, self.polls, 0, awake);
            }
        }

        fn is_left_alone(&self) -> bool {
            assert_eq!(self.pace.shares(1_000_000) == 0, !self.pace.is_worth_a_theft(1_000_000));
            !self.pace.is_worth_a_theft(1_000_000)
        }
    }

    #[test]
    fn a_worker_that_is_slower_with_help_is_left_alone_for_a_while() {
        let mut helped = Helped::new();
        helped.work(u64::from(READINGS) - 1, 250, 2);
        assert!(!helped.is_left_alone(), "it may be a processor that was taken away");
        helped.work(1, 250, 2);
        assert!(helped.is_left_alone());
        helped.work(ALONE_NS / 6_100 - 10, 100, 1);
        assert!(helped.is_left_alone());
        helped.work(20, 100, 1);
        assert!(!helped.is_left_alone(), "it is tried again");
    }

    #[test]
    fn help_that_adds_more_than_it_costs_stays() {
        let mut helped = Helped::new();
        helped.work(100, 150, 2);
        helped.work(100, 350, 4);
        assert!(!helped.is_left_alone());
    }

    #[test]
    fn who_is_stuck_or_has_long_polls_is_not_left_alone() {
        let mut helped = Helped::new();
        helped.work(10, 5_000, 2);
        assert!(!helped.is_left_alone(), "that is no matter of cache lines");
        helped.work(200, 100, 1);
        helped.work(10, 250, 2);
        assert!(helped.is_left_alone());
        helped.work(1, 5_000, 2);
        assert!(!helped.is_left_alone(), "the polls are long now");
        helped.work(1, 100, 1);
        assert!(helped.is_left_alone());
        helped.pace.doubt();
        assert!(!helped.is_left_alone());
        helped.work(1, 100, 1);
        assert!(helped.is_left_alone());
        helped.pace.try_again();
        assert!(!helped.is_left_alone(), "it has slept");
    }

    #[test]
    fn long_polls_say_nothing_of_what_a_short_one_takes_alone() {
        let mut helped = Helped::new();
        helped.work(100, 5_000, 1); // as when it spawns a thousand tasks in one poll
        helped.work(10, 250, 2);
        assert!(helped.is_left_alone());
    }
}
