//! How much work is worth waking somebody for.
//!
//! A wake-up costs some microseconds, on both sides. A dozen tasks that take a tenth of one each are
//! done before anybody has come to help; two that take a millisecond are not. So a worker keeps an
//! estimate of how long its polls take, and calls for help when its queue holds more than a wake-up's
//! worth. The estimate costs no clock: it is made of the readings that timers need anyway.
//!
//! It may be wrong: a poll may block without any before it having done so. What lies behind such a
//! one waits for the sentinel then ([`crate::rest`]), as what lies behind a single task does.

use std::cell::Cell;

/// A queue with so much work in it deserves another worker.
const SHARE_NS: u64 = 50_000;
/// What a poll is taken to last before one was measured: everything is worth sharing.
const UNKNOWN_NS: u64 = SHARE_NS;
/// The estimate moves towards each new mean by one such part.
const INERTIA: u64 = 4;

/// One worker's estimate.
#[derive(Debug)]
pub(crate) struct Pace {
    poll_ns: Cell<u64>,
    /// The reading at which the present stretch of work began, and the polls until then.
    since_ns: Cell<u64>,
    polls: Cell<u64>,
}

impl Pace {
    pub(crate) fn new(now_ns: u64) -> Self {
        Self { poll_ns: Cell::new(UNKNOWN_NS), since_ns: Cell::new(now_ns), polls: Cell::new(0) }
    }

    /// The worker has slept: the time until now was no work.
    pub(crate) fn begin(&self, now_ns: u64) {
        self.since_ns.set(now_ns);
    }

    /// The clock was read after so many polls in all.
    pub(crate) fn measure(&self, now_ns: u64, polls: u64) {
        let took_ns = now_ns.saturating_sub(self.since_ns.replace(now_ns));
        let done = polls.wrapping_sub(self.polls.replace(polls));
        if let Some(mean_ns) = took_ns.checked_div(done) {
            let before = self.poll_ns.get();
            self.poll_ns.set(before - before / INERTIA + mean_ns / INERTIA);
        }
    }

    /// How many workers deserve a share of so many queued tasks.
    #[inline]
    pub(crate) fn shares(&self, tasks: usize) -> usize {
        ((tasks as u64).saturating_mul(self.poll_ns.get()) / SHARE_NS) as usize
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_never_measured_is_worth_sharing() {
        assert_eq!(Pace::new(0).shares(2), 2);
    }

    #[test]
    fn short_polls_are_shared_by_the_hundred_and_long_ones_by_the_handful() {
        let pace = Pace::new(0);
        (1..=40).for_each(|turn| pace.measure(turn * 6_100, turn * 61)); // 100 ns each
        assert_eq!(pace.shares(64), 0);
        assert!(pace.shares(600) >= 1);
        pace.measure(40 * 6_100 + 5_000_000, 41 * 61); // one of them took 5 ms
        assert!(pace.shares(8) >= 3);
    }

    #[test]
    fn sleep_is_no_work() {
        let pace = Pace::new(0);
        pace.begin(1_000_000_000);
        (1..=40).for_each(|turn| pace.measure(1_000_000_000 + turn * 1_000, turn * 10));
        assert_eq!(pace.shares(64), 0);
    }

    #[test]
    fn a_reading_without_polls_says_nothing() {
        let pace = Pace::new(0);
        pace.measure(5_000_000, 0);
        assert_eq!(pace.shares(2), 2);
    }
}
