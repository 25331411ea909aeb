//! Waiting again and again.

use std::panic::Location;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use windlass_sync::budget;
use windlass_sync::waiting::{self, Reason};

use crate::deadline::Deadline;
use crate::handle;
use crate::sleep::Sleep;

/// A tick that comes this much late, or by a whole period if that is shorter, counts as missed. Less
/// is what timers and a busy runtime do, and must not move the ticks that follow.
const TOLERANCE: Duration = Duration::from_millis(5);

/// Ticks at once and then each `period`.
///
/// Unlike a loop around [`sleep`](crate::sleep()), it does not drift by the time its own loop takes.
///
/// # Examples
/// ```
/// # use std::{future::Future, pin::pin, task::{Context, Poll, Waker}, time::Duration};
/// # use windlass_timer::{Clock, Handle, Timers, interval};
/// # let (clock, mut cx) = (Clock::paused(), Context::from_waker(Waker::noop()));
/// # let timers = Timers::new(1, clock.clone(), Waker::noop().clone());
/// # let _entered = Handle::new(timers.clone(), 0).enter();
/// let mut beat = interval(Duration::from_secs(10));
/// assert!(pin!(beat.tick()).poll(&mut cx).is_ready());
/// assert!(pin!(beat.tick()).poll(&mut cx).is_pending());
/// clock.advance(Duration::from_secs(10));
/// assert!(pin!(beat.tick()).poll(&mut cx).is_ready());
/// ```
///
/// # Panics
/// If the period is zero, and outside a runtime; and when it is polled before its time, after its
/// runtime has shut down.
#[track_caller]
pub fn interval(period: Duration) -> Interval {
    let shard = handle::current_shard("interval()");
    let first = Deadline::after(Duration::ZERO, &shard.clock);
    Interval::new(Sleep::new(shard, first, Location::caller()), period)
}

/// Ticks at `first` and then each `period`.
///
/// # Examples
/// ```
/// # use std::{task::{Context, Poll, Waker}, time::Duration};
/// # use windlass_timer::{Clock, Handle, Timers, interval_at};
/// # let (clock, mut cx) = (Clock::paused(), Context::from_waker(Waker::noop()));
/// # let timers = Timers::new(1, clock.clone(), Waker::noop().clone());
/// # let _entered = Handle::new(timers.clone(), 0).enter();
/// let first = clock.now() + Duration::from_secs(3);
/// let mut beat = interval_at(first, Duration::from_secs(10));
/// assert!(beat.poll_tick(&mut cx).is_pending());
/// clock.advance(Duration::from_secs(3));
/// assert_eq!(beat.poll_tick(&mut cx), Poll::Ready(first));
/// ```
///
/// # Panics
/// If the period is zero, and outside a runtime; and when it is polled before its time, after its
/// runtime has shut down.
#[track_caller]
pub fn interval_at(first: Instant, period: Duration) -> Interval {
    let shard = handle::current_shard("interval_at()");
    let first = Deadline::at(first, &shard.clock);
    Interval::new(Sleep::new(shard, first, Location::caller()), period)
}

/// What becomes of the ticks that came due while nobody waited for them.
///
/// A tick that is less than 5 ms late, and less than a period, is not missed: the next one comes when
/// it would have come anyway.
///
/// # Examples
/// ```
/// # use std::{task::{Context, Poll, Waker}, time::Duration};
/// # use windlass_timer::{Clock, Handle, MissedTickBehavior, Timers, interval};
/// # let (clock, mut cx) = (Clock::paused(), Context::from_waker(Waker::noop()));
/// # let timers = Timers::new(1, clock.clone(), Waker::noop().clone());
/// # let _entered = Handle::new(timers.clone(), 0).enter();
/// let begun = clock.now();
/// let mut beat = interval(Duration::from_secs(10));
/// beat.set_missed_tick_behavior(MissedTickBehavior::Skip);
/// clock.advance(Duration::from_secs(35)); // nobody looks, and four ticks come due
/// assert_eq!(beat.poll_tick(&mut cx), Poll::Ready(begun));
/// assert!(beat.poll_tick(&mut cx).is_pending()); // those at 10, 20 and 30 s are left out
/// clock.advance(Duration::from_secs(5));
/// assert_eq!(beat.poll_tick(&mut cx), Poll::Ready(begun + Duration::from_secs(40)));
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum MissedTickBehavior {
    /// They come at once, one after the other, until the interval has caught up.
    #[default]
    Burst,
    /// The next one comes a full period after the late one: the rhythm moves.
    Delay,
    /// They are left out; the next one comes when it would have come anyway.
    Skip,
}

/// What [`interval`] and [`interval_at`] return.
///
/// # Examples
/// ```
/// # use std::{task::{Context, Waker}, time::Duration};
/// # use windlass_timer::{Clock, Handle, Timers, interval};
/// # let (clock, mut cx) = (Clock::paused(), Context::from_waker(Waker::noop()));
/// # let timers = Timers::new(1, clock.clone(), Waker::noop().clone());
/// # let _entered = Handle::new(timers.clone(), 0).enter();
/// let mut heartbeat = interval(Duration::from_secs(10));
/// assert!(heartbeat.poll_tick(&mut cx).is_ready()); // in a task: `heartbeat.tick().await`
/// clock.advance(Duration::from_secs(9));
/// heartbeat.reset(); // a message went out, which does for a heartbeat
/// clock.advance(Duration::from_secs(9));
/// assert!(heartbeat.poll_tick(&mut cx).is_pending());
/// ```
#[derive(Debug)]
pub struct Interval {
    /// Its deadline is the next tick.
    sleep: Sleep,
    period: Duration,
    missed: MissedTickBehavior,
}

impl Interval {
    #[track_caller]
    fn new(sleep: Sleep, period: Duration) -> Interval {
        assert!(!period.is_zero(), "an interval needs a period longer than zero");
        Interval { sleep, period, missed: MissedTickBehavior::default() }
    }

    /// Waits for the next tick and returns the instant it was due at.
    ///
    /// # Cancel safety
    /// A tick that is dropped before it was ready is not lost: the next call waits for the same.
    #[track_caller]
    pub fn tick(&mut self) -> Tick<'_> {
        Tick { interval: self, at: Location::caller() }
    }

    /// As [`tick`](Self::tick), by hand.
    pub fn poll_tick(&mut self, cx: &mut Context<'_>) -> Poll<Instant> {
        self.poll_from(cx, self.sleep.location())
    }

    /// The time between two ticks.
    pub fn period(&self) -> Duration {
        self.period
    }

    /// What becomes of missed ticks.
    pub fn missed_tick_behavior(&self) -> MissedTickBehavior {
        self.missed
    }

    /// Says what shall become of missed ticks.
    pub fn set_missed_tick_behavior(&mut self, behavior: MissedTickBehavior) {
        self.missed = behavior;
    }

    /// Makes the next tick come one period from now.
    pub fn reset(&mut self) {
        self.reset_after(self.period);
    }

    /// Makes the next tick come at once, and the others a period apart from then on.
    pub fn reset_immediately(&mut self) {
        self.reset_after(Duration::ZERO);
    }

    /// Makes the next tick come so long from now, which may be more than a period.
    pub fn reset_after(&mut self, delay: Duration) {
        let clock = self.sleep.clock();
        let next = clock.later(clock.now(), delay);
        self.sleep.reset(next);
    }

    /// Makes the next tick come at this instant.
    pub fn reset_at(&mut self, next: Instant) {
        self.sleep.reset(next);
    }

    fn poll_from(&mut self, cx: &mut Context<'_>, at: &'static Location<'static>) -> Poll<Instant> {
        ready!(budget::poll_proceed(cx));
        let due = self.sleep.deadline();
        // A due tick is there at once, also if the timers have not been fired since.
        if !self.sleep.is_due() && self.sleep.poll_deadline(cx).is_pending() {
            waiting::note(Reason::Sleep { deadline: due }, at);
            return Poll::Pending;
        }
        self.sleep.disarm();
        let next = self.after(due);
        self.sleep.reset(next);
        budget::spend();
        Poll::Ready(due)
    }

    /// The tick that follows the one which was due then and comes now.
    fn after(&self, due: Instant) -> Instant {
        let (clock, period) = (self.sleep.clock(), self.period);
        let now = clock.now();
        let late = now.saturating_duration_since(due);
        if late < TOLERANCE.min(period) {
            return clock.later(due, period);
        }
        match self.missed {
            MissedTickBehavior::Burst => clock.later(due, period),
            MissedTickBehavior::Delay => clock.later(now, period),
            MissedTickBehavior::Skip => clock.later(now, period - remainder(late, period)),
        }
    }
}

/// The future of [`Interval::tick`].
#[derive(Debug)]
#[must_use = "a future does nothing unless awaited"]
pub struct Tick<'a> {
    interval: &'a mut Interval,
    /// Who waits.
    at: &'static Location<'static>,
}

impl Future for Tick<'_> {
    type Output = Instant;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Instant> {
        let at = self.at;
        self.interval.poll_from(cx, at)
    }
}

/// What is left of `late` after whole periods.
fn remainder(late: Duration, period: Duration) -> Duration {
    const PER_SECOND: u128 = 1_000_000_000;
    let rest = late.as_nanos() % period.as_nanos();
    Duration::new((rest / PER_SECOND) as u64, (rest % PER_SECOND) as u32)
}
