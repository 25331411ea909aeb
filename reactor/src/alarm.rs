//! Waking up in time: a timer of the kernel's that the poller listens to.
//!
//! mio rounds the time-out of a poll up to whole milliseconds, so a sleep of 300 µs would take 1 ms.
//! On Linux the deadline is given to a timerfd instead, which keeps nanoseconds. Setting it costs a
//! system call, so it is set only when the wanted deadline is *earlier* than the one it is set to.
//! A server whose next deadline moves further away with every request then never touches it; the
//! price is one early return per stale deadline, after which it is set anew.
//!
//! The timerfd is registered edge-triggered and never read: each expiry is a new edge.
//!
//! Elsewhere the poll has a time-out (kqueue's is in nanoseconds, and mio passes it on).

use std::io;
use std::time::{Duration, Instant};

use mio::{Registry, Token};

/// How the poller names the alarm.
pub(crate) const ALARM: Token = Token(usize::MAX - 1);

#[cfg(any(target_os = "linux", target_os = "android"))]
pub(crate) use timerfd::Alarm;

#[cfg(any(target_os = "linux", target_os = "android"))]
mod timerfd {
    use std::os::fd::{AsRawFd, OwnedFd};

    use mio::{Interest, unix::SourceFd};
    use rustix::time::{
        Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec, timerfd_create,
        timerfd_settime,
    };

    use super::*;

    /// The timer of one reactor.
    #[derive(Debug)]
    pub(crate) struct Alarm {
        timer: OwnedFd,
        /// What the timer is set to, if it has not rung since.
        set_to: Option<Instant>,
    }

    impl Alarm {
        pub(crate) fn new(registry: &Registry) -> io::Result<Alarm> {
            let flags = TimerfdFlags::CLOEXEC | TimerfdFlags::NONBLOCK;
            let timer = timerfd_create(TimerfdClockId::Monotonic, flags)?;
            registry.register(&mut SourceFd(&timer.as_raw_fd()), ALARM, Interest::READABLE)?;
            Ok(Alarm { timer, set_to: None })
        }

        /// The time-out to poll with, so that the poll returns by `deadline`.
        pub(crate) fn time_out(&mut self, deadline: Instant) -> Option<Duration> {
            if self.set_to.is_some_and(|set_to| set_to <= deadline) {
                return None; // the alarm rings no later
            }
            let wait = deadline.saturating_duration_since(Instant::now());
            if wait.is_zero() || self.set(wait).is_err() {
                return Some(wait);
            }
            self.set_to = Some(deadline);
            None
        }

        /// The poller has reported the alarm.
        pub(crate) fn has_rung(&mut self) {
            self.set_to = None;
        }

        fn set(&self, wait: Duration) -> rustix::io::Result<()> {
            // A deadline beyond what the kernel can count is never met anyway.
            let seconds = i64::try_from(wait.as_secs()).unwrap_or(i64::MAX);
            let once = Timespec { tv_sec: 0, tv_nsec: 0 };
            let value = Timespec { tv_sec: seconds, tv_nsec: wait.subsec_nanos().into() };
            let setting = Itimerspec { it_interval: once, it_value: value };
            timerfd_settime(&self.timer, TimerfdTimerFlags::empty(), &setting)?;
            Ok(())
        }
    }
}

/// Nothing but the poll's own time-out.
#[cfg(not(any(target_os = "linux", target_os = "android")))]
#[derive(Debug)]
pub(crate) struct Alarm;

#[cfg(not(any(target_os = "linux", target_os = "android")))]
impl Alarm {
    pub(crate) fn new(_: &Registry) -> io::Result<Alarm> {
        Ok(Alarm)
    }

    pub(crate) fn time_out(&mut self, deadline: Instant) -> Option<Duration> {
        Some(deadline.saturating_duration_since(Instant::now()))
    }

    pub(crate) fn has_rung(&mut self) {}
}
