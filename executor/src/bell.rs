//! What wakes a root future, wherever the thread that polls it sleeps.
//!
//! A root sits on seat 0 or waits outside for it (`caller.rs`), and moves from the one to the
//! other while others wake it. So a wake raises a flag, and then rings where the root is now:
//!
//! ```text
//!   waker                                  root
//!   R1  raise the flag                     M1  move: say where, under the lock
//!   R2  where does it sit, under the lock  M2  look at the flag, and sleep there if it is down
//!   R3  ring there
//! ```
//!
//! If R2 comes before M1, then R1 does too, and M2 finds the flag. If it comes after, it rings at the
//! new place, and whoever sleeps there wakes.
//!
//! # Orderings
//!
//! | label  | release side     | acquire side     | what crosses                                     |
//! |--------|------------------|------------------|--------------------------------------------------|
//! | `root` | [`Bell::ring`]   | [`Bell::take`]   | what the waker did before                        |

use windlass_sync::shim::Mutex;
use windlass_sync::shim::atomic::{AtomicBool, Ordering::*};

use crate::parker::Parker;

/// The bell of one root.
#[derive(Debug)]
pub struct Bell<S> {
    /// Where the root waits for a seat: whose waker calls the seat's worker.
    pub scheduler: S,
    /// The root is to be polled.
    rung: AtomicBool,
    /// It sits on seat 0, and sleeps as that seat's worker does; else on the parker here.
    seated: Mutex<bool>,
    outside: Parker,
}

impl<S> Bell<S> {
    /// For a root that waits outside and was not polled yet.
    pub fn new(scheduler: S) -> Self {
        let (rung, seated) = (AtomicBool::new(true), Mutex::new(false));
        Self { scheduler, rung, seated, outside: Parker::default() }
    }

    /// Says that the root is to be polled; true if the caller must wake seat 0 for it.
    #[must_use = "the root sits on seat 0, and may sleep there"]
    pub fn ring(&self) -> bool {
        // ORDERING: Release, of `root`.
        if self.rung.swap(true, Release) {
            return false;
        }
        let seated = *self.seated.lock();
        if !seated {
            self.outside.unpark(|| {});
        }
        seated
    }

    /// The root has moved to the seat, or away from it.
    pub fn sit(&self, seated: bool) {
        *self.seated.lock() = seated;
    }

    /// True if the root is to be polled.
    pub fn is_rung(&self) -> bool {
        // ORDERING: Relaxed. `take` synchronises.
        self.rung.load(Relaxed)
    }

    /// True if the root is to be polled, which the caller does now. Costs a load if it is not: seat 0
    /// asks at every turn.
    pub fn take(&self) -> bool {
        // ORDERING: Acquire, of `root`.
        self.is_rung() && self.rung.swap(false, Acquire)
    }

    /// Sleeps outside until the bell rings, or the seat may be free.
    pub fn sleep_outside(&self) {
        self.outside.park(None);
        self.outside.clear();
    }

    /// Tells the root outside that the seat may be free.
    pub fn call_in(&self) {
        self.outside.unpark(|| {});
    }
}
