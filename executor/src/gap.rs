//! How soon after firing timers a worker wakes for the next ones.
//!
//! Deadlines are exact, and nothing fires early; but a wake-up that fires one timer costs many times
//! what the timer's task does (28 µs of processor time against one, measured). So timers that are due
//! shortly after others wait a little and fire with those that come after them: each wake-up is at
//! least a gap behind the last firing. Where timers are sparse, nobody waits for that.
//!
//! ```text
//!   sparse:   |   x   |        |x     |            |    x  |         a gap of a quarter of a tick
//!   dense:    |xxxxxxxxxxxxxxxxxxxx|xxxxxxxxxxxxxxxxxxx|xxxx          of three quarters
//! ```
//!
//! Both keep the promise "at most one tick late". Which of them it is, the last tick's timers say.
//! With the longer one, a hundred thousand timers spread over a second take 0.82 of the processor
//! time on two workers, and 0.73 on one.

use std::cell::Cell;

use windlass_timer::wheel::TICK_NS;

/// The gap where timers are sparse.
const SPARSE_NS: u64 = TICK_NS / 4;
/// The gap where they are dense.
const DENSE_NS: u64 = TICK_NS / 4 * 3;
/// So many timers of one worker in a tick are dense: with the short gap, a wake-up would fire two.
const DENSE: u64 = 4;

/// One worker's gap.
#[derive(Debug, Default)]
pub struct Gap {
    /// When it last fired a timer.
    fired_ns: Cell<u64>,
    /// Since when it counts, for at least a tick.
    since_ns: Cell<u64>,
    /// Timers fired since then.
    count: Cell<u64>,
    /// The timers were dense when it had counted last.
    dense: Cell<bool>,
}

impl Gap {
    /// So many timers have fired.
    pub fn begin(&self, now_ns: u64, fired: usize) {
        self.fired_ns.set(now_ns);
        let count = self.count.get() + fired as u64;
        let took_ns = now_ns.saturating_sub(self.since_ns.get());
        let is_over = took_ns >= TICK_NS;
        if is_over {
            self.dense.set(count.saturating_mul(TICK_NS) >= took_ns.saturating_mul(DENSE));
            self.since_ns.set(now_ns);
        }
        self.count.set(if is_over { 0 } else { count });
    }

    /// When the worker may wake for a timer, and not before.
    pub fn ends_ns(&self) -> u64 {
        self.fired_ns.get() + if self.dense.get() { DENSE_NS } else { SPARSE_NS }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The gap after timers that came so many per tick, one by one, for ten ticks from `since_ns` on.
    fn gap_after(gap: &Gap, since_ns: u64, per_tick: u64) -> u64 {
        let each_ns = TICK_NS / per_tick;
        (1..=10 * per_tick).for_each(|n| gap.begin(since_ns + n * each_ns, 1));
        gap.ends_ns() - (since_ns + 10 * per_tick * each_ns)
    }

    #[test]
    fn dense_timers_have_the_longer_gap_and_both_are_below_a_tick() {
        assert_eq!(gap_after(&Gap::default(), 0, 2), SPARSE_NS);
        assert_eq!(gap_after(&Gap::default(), 0, 100), DENSE_NS);
        const { assert!(SPARSE_NS < DENSE_NS && DENSE_NS < TICK_NS) };
    }

    #[test]
    fn a_batch_counts_as_many_timers() {
        let gap = Gap::default();
        (1..=10).for_each(|n| gap.begin(n * SPARSE_NS, 10));
        assert_eq!(gap.ends_ns(), 10 * SPARSE_NS + DENSE_NS);
    }

    #[test]
    fn a_burst_after_a_rest_is_not_dense_and_one_timer_after_a_dense_time_is_not_either() {
        let gap = Gap::default();
        gap.begin(1_000 * TICK_NS, 500);
        assert_eq!(gap.ends_ns(), 1_000 * TICK_NS + SPARSE_NS);
        let _ = gap_after(&gap, 2_000 * TICK_NS, 100);
        gap.begin(3_000 * TICK_NS, 1);
        assert_eq!(gap.ends_ns(), 3_000 * TICK_NS + SPARSE_NS);
    }
}
