//! Giving a future a deadline.

use std::error::Error;
use std::fmt;
use std::future::{Future, IntoFuture};
use std::io;
use std::panic::Location;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use windlass_sync::budget;
use windlass_sync::waiting::{self, Reason};

use crate::clock::NEVER;
use crate::deadline::Deadline;
use crate::handle;
use crate::sleep::Sleep;

/// Lets a future run for so long, and no longer.
///
/// The time counts from this call, not from the first poll. The future is polled first: with a zero
/// duration it still runs up to the first place where it waits. A duration too long for the
/// clock, such as [`Duration::MAX`], means no limit.
///
/// # Examples
/// ```
/// # use std::{future::{Future, pending}, pin::pin, task::{Context, Poll, Waker}, time::Duration};
/// # use windlass_timer::{Clock, Handle, Timers, timeout};
/// # let (clock, mut cx) = (Clock::paused(), Context::from_waker(Waker::noop()));
/// # let timers = Timers::new(1, clock.clone(), Waker::noop().clone());
/// # let _entered = Handle::new(timers.clone(), 0).enter();
/// let mut answer = pin!(timeout(Duration::from_secs(3), pending::<()>()));
/// assert!(answer.as_mut().poll(&mut cx).is_pending());
/// clock.advance(Duration::from_secs(3));
/// timers.fire(0);
/// let Poll::Ready(Err(elapsed)) = answer.poll(&mut cx) else { panic!() };
/// println!("{elapsed}"); // "the timeout set at src/main.rs:8:24 has elapsed"
/// ```
///
/// # Cancel safety
/// Dropping it drops the future inside. [`Timeout::into_inner`] gets that out instead.
///
/// # Panics
/// Outside a runtime; and when it is polled before its time, after its runtime has shut down.
///
/// # Errors
/// [`Elapsed`], if the future still waits at the deadline. It is dropped with the [`Timeout`].
#[track_caller]
pub fn timeout<F: IntoFuture>(duration: Duration, future: F) -> Timeout<F::IntoFuture> {
    let shard = handle::current_shard("timeout()");
    // The clock is not asked again at the first poll, unless the time is up already.
    let phase = if duration.is_zero() { Phase::Overdue } else { Phase::Created };
    let deadline = Deadline::after(duration, &shard.clock);
    let sleep = Sleep::new(shard, deadline, Location::caller());
    Timeout::new(sleep, future.into_future(), phase)
}

/// As [`timeout`], with an instant for a deadline. `None` is no limit; a past one acts like a zero
/// duration.
///
/// # Examples
/// ```
/// # use std::{future::{Future, pending}, pin::pin, task::{Context, Waker}, time::Duration};
/// # use windlass_timer::{Clock, Handle, Timers, timeout_at};
/// # let (clock, mut cx) = (Clock::paused(), Context::from_waker(Waker::noop()));
/// # let timers = Timers::new(1, clock.clone(), Waker::noop().clone());
/// # let _entered = Handle::new(timers.clone(), 0).enter();
/// let deadline = clock.now() + Duration::from_secs(3); // for the whole request
/// let mut connect = pin!(timeout_at(deadline, async {}));
/// assert!(connect.as_mut().poll(&mut cx).is_ready());
/// clock.advance(Duration::from_secs(3));
/// let mut answer = pin!(timeout_at(deadline, pending::<()>()));
/// assert!(answer.as_mut().poll(&mut cx).is_ready()); // no time is left
/// ```
///
/// # Cancel safety
/// Dropping it drops the future inside. [`Timeout::into_inner`] gets that out instead.
///
/// # Panics
/// Outside a runtime; and when it is polled before its time, after its runtime has shut down.
///
/// # Errors
/// [`Elapsed`], if the future still waits at the deadline.
#[track_caller]
pub fn timeout_at<F: IntoFuture>(
    deadline: impl Into<Option<Instant>>,
    future: F,
) -> Timeout<F::IntoFuture> {
    let shard = handle::current_shard("timeout_at()");
    let deadline =
        deadline.into().map_or(Deadline::NEVER, |deadline| Deadline::at(deadline, &shard.clock));
    let sleep = Sleep::new(shard, deadline, Location::caller());
    Timeout::new(sleep, future.into_future(), Phase::Overdue)
}

/// The future of [`timeout`] and [`timeout_at`]. Its deadline can be moved while it waits.
///
/// # Examples
/// ```
/// # use std::{future::pending, time::{Duration, Instant}};
/// # use windlass_timer::{Clock, Handle, Timers, timeout};
/// # let timers = Timers::new(1, Clock::paused(), std::task::Waker::noop().clone());
/// # let _entered = Handle::new(timers.clone(), 0).enter();
/// let mut upload = timeout(Duration::from_secs(30), pending::<()>());
/// let later = upload.deadline().unwrap() + Duration::from_secs(30);
/// upload.reset(later).unwrap(); // some bytes got through: another half minute
/// assert_eq!(upload.deadline(), Some(later));
/// upload.reset(None).unwrap(); // and now as long as it takes
/// assert_eq!(upload.deadline(), None);
/// ```
///
/// # Implementation
/// The future inside is polled first and the sleep armed only if it waits, so a future that is ready
/// costs no timer. On later polls the clock is asked, although the sleep knows whether it
/// was fired: of two nested timeouts that expire within the same moment only the outer one may have
/// been fired yet, and it must be the inner one that reports. It gets its chance because it is
/// polled first.
///
/// The future is boxed, which pins it without unsafe code and makes the `Timeout` movable.
#[must_use = "a future does nothing unless awaited"]
pub struct Timeout<F> {
    body: Pin<Box<F>>,
    sleep: Sleep,
    phase: Phase,
}

/// How far a [`Timeout`] has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// It has not been polled, and had time left when it was made.
    Created,
    /// It has not been polled, and may have no time left.
    Overdue,
    /// The body waits, and so does the sleep.
    Active,
    /// The body has ended in time.
    Finished,
    /// The deadline has come first.
    Expired,
}

impl<F> Timeout<F> {
    fn new(sleep: Sleep, body: F, phase: Phase) -> Timeout<F> {
        Timeout { body: Box::pin(body), sleep, phase }
    }

    /// The deadline, exactly as it was given; `None` if there is no limit.
    pub fn deadline(&self) -> Option<Instant> {
        (self.sleep.deadline_ns() != NEVER).then(|| self.sleep.deadline())
    }

    /// True if the deadline has come before the future was ready.
    pub fn is_expired(&self) -> bool {
        self.phase == Phase::Expired
    }

    /// Moves the deadline: later, earlier, into the past (it then expires at the next poll), or
    /// away (`None`).
    ///
    /// # Errors
    /// [`TooLate`], if the timeout has expired or its future has ended.
    pub fn reset(&mut self, deadline: impl Into<Option<Instant>>) -> Result<(), TooLate> {
        match self.phase {
            Phase::Finished | Phase::Expired => {
                return Err(TooLate { expired: self.is_expired() });
            }
            Phase::Created => self.phase = Phase::Overdue,
            Phase::Overdue | Phase::Active => {}
        }
        let never = || self.sleep.clock().instant_at(NEVER);
        let deadline = deadline.into().unwrap_or_else(never);
        self.sleep.reset(deadline);
        Ok(())
    }

    /// The future inside.
    pub fn get_ref(&self) -> &F {
        &self.body
    }

    /// The future inside, to be polled or changed.
    pub fn get_mut(&mut self) -> Pin<&mut F> {
        self.body.as_mut()
    }

    /// Takes the future out, to let it run on without a limit.
    pub fn into_inner(self) -> Pin<Box<F>> {
        self.body
    }

    fn expire(&mut self) -> Elapsed {
        self.phase = Phase::Expired;
        self.sleep.disarm();
        Elapsed { deadline: self.sleep.deadline(), at: self.sleep.location() }
    }
}

impl<F: Future> Future for Timeout<F> {
    type Output = Result<F::Output, Elapsed>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = &mut *self;
        match this.phase {
            // A body without budget would not run to its first wait.
            Phase::Overdue => ready!(budget::poll_proceed_at(cx, this.sleep.location())),
            Phase::Created | Phase::Active => {}
            Phase::Expired => return Poll::Ready(Err(this.expire())),
            Phase::Finished => panic!("a timeout was polled after it had finished"),
        }
        if let Poll::Ready(output) = this.body.as_mut().poll(cx) {
            this.phase = Phase::Finished;
            this.sleep.disarm();
            return Poll::Ready(Ok(output));
        }
        let in_time = this.phase == Phase::Created || !this.sleep.is_due();
        this.phase = Phase::Active;
        if !in_time || this.sleep.poll_deadline(cx).is_ready() {
            return Poll::Ready(Err(this.expire()));
        }
        // What the body waits for is the better answer, if it gives one.
        let reason = || Reason::Sleep { deadline: this.sleep.deadline() };
        waiting::note_otherwise(reason, this.sleep.location());
        Poll::Pending
    }
}

impl<F> fmt::Debug for Timeout<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Timeout")
            .field("phase", &self.phase)
            .field("deadline", &self.deadline())
            .field("at", &format_args!("{}", self.sleep.location()))
            .finish_non_exhaustive()
    }
}

/// The error of a future that was not ready in time.
///
/// It says which timeout has elapsed, since timeouts nest.
///
/// # Examples
/// ```
/// # use std::{future::{Future, pending}, io, pin::pin, time::Duration};
/// # use std::task::{Context, Poll, Waker};
/// # use windlass_timer::{Clock, Handle, Timers, timeout_at};
/// # let (clock, mut cx) = (Clock::paused(), Context::from_waker(Waker::noop()));
/// # let timers = Timers::new(1, clock.clone(), Waker::noop().clone());
/// # let _entered = Handle::new(timers.clone(), 0).enter();
/// let deadline = clock.now() + Duration::from_secs(3);
/// let mut answer = pin!(timeout_at(deadline, pending::<()>()));
/// clock.advance(Duration::from_secs(3));
/// let Poll::Ready(Err(elapsed)) = answer.as_mut().poll(&mut cx) else { panic!() };
/// assert_eq!(elapsed.deadline(), deadline);
/// let error = io::Error::from(elapsed); // so that `?` takes it where I/O is done
/// assert_eq!(error.kind(), io::ErrorKind::TimedOut);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Elapsed {
    deadline: Instant,
    at: &'static Location<'static>,
}

impl Elapsed {
    /// The deadline that has come.
    pub fn deadline(&self) -> Instant {
        self.deadline
    }

    /// Where the timeout was set.
    pub fn location(&self) -> &'static Location<'static> {
        self.at
    }
}

impl fmt::Display for Elapsed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the timeout set at {} has elapsed", self.at)
    }
}

impl Error for Elapsed {}

impl From<Elapsed> for io::Error {
    fn from(elapsed: Elapsed) -> io::Error {
        io::Error::new(io::ErrorKind::TimedOut, elapsed)
    }
}

/// The error of moving the deadline of a timeout that is over.
///
/// # Examples
/// ```
/// # use std::{future::Future, pin::pin, task::{Context, Waker}, time::Duration};
/// # use windlass_timer::{Clock, Handle, Timers, timeout};
/// # let (clock, mut cx) = (Clock::paused(), Context::from_waker(Waker::noop()));
/// # let timers = Timers::new(1, clock.clone(), Waker::noop().clone());
/// # let _entered = Handle::new(timers.clone(), 0).enter();
/// let mut quick = timeout(Duration::from_secs(3), async { 42 });
/// assert!(pin!(&mut quick).poll(&mut cx).is_ready());
/// let too_late = quick.reset(None).unwrap_err();
/// assert!(!too_late.is_expired(), "the future has ended in time");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TooLate {
    expired: bool,
}

impl TooLate {
    /// True if the timeout has expired, false if its future has ended in time.
    pub fn is_expired(&self) -> bool {
        self.expired
    }
}

impl fmt::Display for TooLate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.expired {
            "the timeout has already expired"
        } else {
            "the future under the timeout has already ended"
        })
    }
}

impl Error for TooLate {}
