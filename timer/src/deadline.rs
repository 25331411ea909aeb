//! A point in time as a sleep keeps it: eight bytes, where an [`Instant`] has sixteen.
//!
//! The wheel wants nanoseconds anyway. They are signed here, so that a deadline from before the clock
//! was made is reported as it was given.

use std::time::{Duration, Instant};

use crate::clock::{Clock, NEVER, REACH_NS, nanoseconds};

/// Nanoseconds from the epoch of a clock; from [`REACH_NS`] on it is never.
#[derive(Clone, Copy)]
pub(crate) struct Deadline(i64);

impl Deadline {
    /// What does not come.
    pub const NEVER: Deadline = Deadline(i64::MAX);

    /// The deadline at this instant.
    pub fn at(instant: Instant, clock: &Clock) -> Deadline {
        match clock.ns_at(instant) {
            0 => Deadline(-capped(nanoseconds(clock.epoch().duration_since(instant)))),
            ns => Deadline(capped(ns)),
        }
    }

    /// The deadline so long from now.
    #[inline]
    pub fn after(duration: Duration, clock: &Clock) -> Deadline {
        Deadline(capped(clock.now_ns().saturating_add(nanoseconds(duration))))
    }

    /// The nanosecond of the clock: 0 if it lies before the clock, [`NEVER`] if it is too far.
    #[inline]
    pub fn ns(self) -> u64 {
        match self.0.max(0).cast_unsigned() {
            ns if ns < REACH_NS => ns,
            _ => NEVER,
        }
    }

    /// The instant, on the clock that it was made with.
    #[inline]
    pub fn instant(self, clock: &Clock) -> Instant {
        if self.0 >= 0 {
            return clock.instant_at(self.0.cast_unsigned());
        }
        let before = clock.epoch().checked_sub(Duration::from_nanos(self.0.unsigned_abs()));
        before.unwrap_or(clock.epoch())
    }
}

fn capped(ns: u64) -> i64 {
    ns.min(REACH_NS).cast_signed()
}
