//! Waiting for a point in time.

use std::fmt;
use std::panic::Location;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use windlass_sync::shim::Arc;
use windlass_sync::waiting::{self, Reason};
use windlass_sync::{budget, wakes};

use crate::clock::Clock;
use crate::deadline::Deadline;
use crate::handle;
use crate::shard::{Armed, Reset, Shard};
use crate::wheel::Key;

/// Waits for so long.
///
/// Use it to let time pass without occupying a thread. The sleep never ends early. A duration too
/// long for the clock, such as [`Duration::MAX`], means for ever. A zero one lets the others run
/// first: like every sleep whose deadline has passed, it ends at the next pass over the timers.
///
/// # Examples
/// ```
/// # use std::{future::Future, pin::pin, task::{Context, Waker}, time::Duration};
/// # use windlass_timer::{Clock, Handle, Timers, sleep};
/// # let (clock, mut cx) = (Clock::paused(), Context::from_waker(Waker::noop()));
/// # let timers = Timers::new(1, clock.clone(), Waker::noop().clone());
/// # let _entered = Handle::new(timers.clone(), 0).enter();
/// let mut nap = pin!(sleep(Duration::from_secs(1)));
/// assert!(nap.as_mut().poll(&mut cx).is_pending());
/// clock.advance(Duration::from_secs(1));
/// timers.fire(0);
/// assert!(nap.as_mut().poll(&mut cx).is_ready());
/// ```
///
/// # Cancel safety
/// A sleep that is dropped leaves nothing behind.
///
/// # Panics
/// Outside a runtime; and when it is polled before its time, after its runtime has shut down.
#[track_caller]
pub fn sleep(duration: Duration) -> Sleep {
    let shard = handle::current_shard("sleep()");
    let deadline = Deadline::after(duration, &shard.clock);
    Sleep::new(shard, deadline, Location::caller())
}

/// Waits until this instant. One that has passed is no error: see [`sleep`].
///
/// # Examples
/// ```
/// # use std::{future::Future, pin::pin, task::{Context, Waker}, time::Duration};
/// # use windlass_timer::{Clock, Handle, Timers, sleep_until};
/// # let (clock, mut cx) = (Clock::paused(), Context::from_waker(Waker::noop()));
/// # let timers = Timers::new(1, clock.clone(), Waker::noop().clone());
/// # let _entered = Handle::new(timers.clone(), 0).enter();
/// let deadline = clock.now() + Duration::from_secs(10);
/// let mut rest = pin!(sleep_until(deadline));
/// assert!(rest.as_mut().poll(&mut cx).is_pending());
/// clock.advance(Duration::from_secs(10));
/// timers.fire(0);
/// assert!(rest.as_mut().poll(&mut cx).is_ready());
/// ```
///
/// # Cancel safety
/// A sleep that is dropped leaves nothing behind.
///
/// # Panics
/// Outside a runtime; and when it is polled before its time, after its runtime has shut down.
#[track_caller]
pub fn sleep_until(deadline: Instant) -> Sleep {
    let shard = handle::current_shard("sleep_until()");
    let deadline = Deadline::at(deadline, &shard.clock);
    Sleep::new(shard, deadline, Location::caller())
}

/// The future of [`sleep`] and [`sleep_until`].
///
/// It may be polled on, and sent to, any thread. It takes its place among the timers when it is
/// first polled, and leaves it when it is dropped; otherwise dropping it takes no lock.
///
/// # Implementation
/// Three states. Without a key it is not armed: it was never polled, or has ended. With a key that
/// the shard knows it waits. With a key that the shard does not know it was fired, and the next poll
/// is ready. The clock is not asked: who fired has asked it. So a spurious poll costs one lock
/// that nobody else wants, and reads no clock.
#[must_use = "a future does nothing unless awaited"]
pub struct Sleep {
    /// The shard it is armed in, or was made in.
    shard: Arc<Shard>,
    deadline: Deadline,
    /// Its entry in the shard, from arming to the poll that sees it fired.
    key: Option<Key>,
    /// Who made it.
    at: &'static Location<'static>,
}

impl Sleep {
    pub(crate) fn new(
        shard: Arc<Shard>,
        deadline: Deadline,
        at: &'static Location<'static>,
    ) -> Sleep {
        Sleep { shard, deadline, key: None, at }
    }

    /// When it ends: the instant it was made with, or the last one it was reset to. One that is more
    /// than 146 years away, where the sleep never ends, stands for all that are.
    pub fn deadline(&self) -> Instant {
        self.deadline.instant(self.clock())
    }

    /// True if the deadline has come, whether or not the sleep was polled since.
    pub fn is_elapsed(&self) -> bool {
        self.is_due()
    }

    /// Gives it another deadline: later, earlier or past, before or after it has ended.
    ///
    /// The task that waits for it need not be polled: it is woken at the new deadline.
    ///
    /// # Examples
    /// ```
    /// # use std::{future::Future, pin::pin, task::{Context, Waker}, time::Duration};
    /// # use windlass_timer::{Clock, Handle, Timers, sleep};
    /// # let (clock, mut cx) = (Clock::paused(), Context::from_waker(Waker::noop()));
    /// # let timers = Timers::new(1, clock.clone(), Waker::noop().clone());
    /// # let _entered = Handle::new(timers.clone(), 0).enter();
    /// let mut idle = sleep(Duration::from_secs(30));
    /// assert!(pin!(&mut idle).poll(&mut cx).is_pending());
    /// clock.advance(Duration::from_secs(29));
    /// idle.reset(clock.now() + Duration::from_secs(30)); // something has come in
    /// clock.advance(Duration::from_secs(29));
    /// timers.fire(0);
    /// assert!(pin!(&mut idle).poll(&mut cx).is_pending());
    /// ```
    pub fn reset(&mut self, deadline: Instant) {
        self.deadline = Deadline::at(deadline, self.clock());
        let Some(key) = self.key else { return };
        let deadline_ns = self.deadline_ns();
        let beside = handle::shard_beside(&self.shard);
        match self.shard.reset(key, deadline_ns, beside.is_none()) {
            Reset::Moved => {}
            Reset::Gone => self.key = None,
            Reset::Taken(waker) => {
                self.shard = beside.expect("only a shard of others gives its entry up");
                match self.shard.arm(deadline_ns, waker) {
                    Ok(key) => self.key = Some(key),
                    Err(waker) => {
                        self.key = None;
                        wakes::wake(waker); // to learn that the timers are closed
                    }
                }
            }
        }
    }

    /// Polls without spending budget and without a note.
    pub(crate) fn poll_deadline(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let Some(key) = self.key else { return self.arm(cx) };
        match self.shard.poll(key, cx.waker()) {
            Armed::Waiting => return Poll::Pending,
            Armed::Fired => {}
            Armed::Closed => self.check_closed(),
        }
        self.key = None;
        Poll::Ready(())
    }

    /// Leaves the timers, if it is armed.
    pub(crate) fn disarm(&mut self) {
        if let Some(key) = self.key.take() {
            self.shard.cancel(key);
        }
    }

    /// True if the clock has reached the deadline.
    pub(crate) fn is_due(&self) -> bool {
        self.shard.clock.now_ns() >= self.deadline_ns()
    }

    pub(crate) fn clock(&self) -> &Clock {
        &self.shard.clock
    }

    pub(crate) fn location(&self) -> &'static Location<'static> {
        self.at
    }

    /// When it is due on the clock, or never.
    pub(crate) fn deadline_ns(&self) -> u64 {
        self.deadline.ns()
    }

    /// Takes a place in the shard of the thread that polls.
    fn arm(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let waker = cx.waker().clone();
        if let Some(beside) = handle::shard_beside(&self.shard) {
            self.shard = beside;
        }
        match self.shard.arm(self.deadline_ns(), waker) {
            Ok(key) => {
                self.key = Some(key);
                Poll::Pending
            }
            Err(_) => {
                self.check_closed();
                Poll::Ready(())
            }
        }
    }

    /// The timers are closed, so nobody will wake this sleep: only one that is over may go on.
    fn check_closed(&self) {
        assert!(
            self.is_due(),
            "the sleep made at {} cannot go on: its runtime has been shut down",
            self.at
        );
    }
}

impl Future for Sleep {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        ready!(budget::poll_proceed(cx));
        if self.poll_deadline(cx).is_pending() {
            waiting::note(Reason::Sleep { deadline: self.deadline() }, self.at);
            return Poll::Pending;
        }
        budget::spend();
        Poll::Ready(())
    }
}

impl Drop for Sleep {
    fn drop(&mut self) {
        self.disarm();
    }
}

impl fmt::Debug for Sleep {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sleep")
            .field("deadline", &self.deadline())
            .field("armed", &self.key.is_some())
            .field("at", &format_args!("{}", self.at))
            .finish()
    }
}
