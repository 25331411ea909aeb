//! Who may have the driver: one worker at a time, and none while a foreign loop hosts seat 0.
//!
//! Such a loop waits on the poller's descriptor. A worker that turned the reactor meanwhile would take
//! the loop's wake-up away with the events.
//!
//! ```text
//!   the loop's thread                        a worker
//!   H1  say that it hosts                    W1  take the driver
//!   H2  take the driver, prepare to wait,    W2  does a loop host? give it back
//!       and give it back
//! ```
//!
//! If H2 comes before W1 then W2 sees H1, which the driver's lock carries over. If it comes after,
//! while the worker has the driver, the loop wakes that worker and tries again, and does not wait
//! before it has had the driver. A worker that asked before it took the driver could take it right
//! after H2, with an answer from before H1.

use windlass_sync::shim::atomic::{AtomicBool, Ordering::*};

use crate::try_lock::{Guard, TryLock};

/// The driver, and whether a foreign loop drives.
#[derive(Debug)]
pub struct Helm<D> {
    /// Taken by [`take`](Self::take) only.
    pub driver: TryLock<D>,
    hosting: AtomicBool,
}

impl<D> Helm<D> {
    /// Nobody has the driver.
    pub fn new(driver: D) -> Self {
        Self { driver: TryLock::new(driver), hosting: AtomicBool::new(false) }
    }

    /// The driver, unless somebody has it, or a foreign loop that is not on this seat needs it.
    pub fn take(&self, seat: usize) -> Option<Guard<'_, D>> {
        self.driver.try_lock().filter(|_| seat == 0 || !self.is_hosting())
    }

    /// True if `take` has a chance now.
    pub fn is_free_for(&self, seat: usize) -> bool {
        !self.driver.is_held() && (seat == 0 || !self.is_hosting())
    }

    /// True while a foreign loop drives seat 0, and so has the reactor for itself.
    pub fn is_hosting(&self) -> bool {
        // ORDERING: Relaxed. The driver's lock orders it where it counts, see above.
        self.hosting.load(Relaxed)
    }

    /// See [`is_hosting`](Self::is_hosting).
    pub fn set_hosting(&self, hosting: bool) {
        // ORDERING: Relaxed, as above.
        self.hosting.store(hosting, Relaxed);
    }
}
