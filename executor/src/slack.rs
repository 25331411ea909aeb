//! Asking the kernel to wake a worker when it says, not up to 50 µs later.
//!
//! Linux lets a thread's timed sleeps overrun by its *timer slack*, 50 µs unless it says otherwise,
//! so that wake-ups can be gathered. A worker that sleeps on a condition variable until its next
//! timer would be late by that much. Elsewhere there is nothing to set.

/// A worker's setting; the thread's former one comes back when it is dropped.
#[derive(Debug)]
pub(crate) struct Slack {
    /// Absent if it could not be read or set, and then the sleeps are a little late.
    former: Option<u64>,
}

#[cfg(target_os = "linux")]
mod system {
    use std::num::NonZeroU64;

    use rustix::thread::{current_timer_slack, set_current_timer_slack};

    pub(super) fn replace(ns: u64) -> Option<u64> {
        let former = current_timer_slack().ok()?;
        set_current_timer_slack(NonZeroU64::new(ns)).ok()?;
        Some(former)
    }
}

#[cfg(not(target_os = "linux"))]
mod system {
    pub(super) fn replace(_: u64) -> Option<u64> {
        None
    }
}

impl Slack {
    /// As little slack as there can be.
    pub(crate) fn none() -> Self {
        Self { former: system::replace(1) }
    }
}

impl Drop for Slack {
    fn drop(&mut self) {
        if let Some(former) = self.former {
            system::replace(former);
        }
    }
}
