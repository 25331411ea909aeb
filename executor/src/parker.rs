//! Where one worker sleeps: on a condition variable of its own, or inside the reactor.
//!
//! ```text
//!   EMPTY --park--> ASLEEP ----------- unpark: lock, notify ------> NOTIFIED --clear--> EMPTY
//!     |  \--park--> IN_REACTOR ------- unpark: wake the reactor ---/
//!     +-------------------------------- unpark --------------------/
//! ```
//!
//! An unpark is never lost: it leaves NOTIFIED, and a park finds that and returns at once. It stays
//! until the sleeper clears it, so that others can see that something has come for a worker until
//! that has left its bed ([`crate::rest`]). Several unparks before a clear count as one.
//!
//! # Why no wake-up is lost
//!
//! The sleeper goes to ASLEEP by an exchange while it holds the lock, and the condition variable
//! gives the lock up and sleeps in one step. An unpark that comes before the exchange makes it
//! fail; one that comes after it sees ASLEEP, takes the lock, and so notifies only once the sleeper
//! sleeps. In the reactor the same holds because its own wake-up is sticky: a wake between the
//! exchange and the sleep makes the sleep end at once.
//!
//! # Orderings
//!
//! | label    | release side       | acquire side                        | what crosses |
//! |----------|--------------------|-------------------------------------|--------------|
//! | `unpark` | [`Parker::unpark`] | whatever finds NOTIFIED, or takes it | what the waker did before |
//! | `heard`  | [`Parker::clear`]  | [`Parker::is_notified`]             | that the worker has left its bed |

use std::time::Instant;

use windlass_sync::shim::atomic::{AtomicU32, Ordering::*};
use windlass_sync::shim::{Condvar, Mutex};

const EMPTY: u32 = 0; // the default: nobody sleeps in it
const ASLEEP: u32 = 1;
const IN_REACTOR: u32 = 2;
const NOTIFIED: u32 = 3;

/// One worker's bed.
#[derive(Default)]
pub struct Parker {
    state: AtomicU32,
    /// Guards nothing but the moment between deciding to sleep and sleeping.
    lock: Mutex<()>,
    condvar: Condvar,
}

impl Parker {
    /// Sleeps until unparked, or until `deadline`; true if it was unparked, which stays to be
    /// [cleared](Self::clear). Only for the worker whose parker it is.
    pub fn park(&self, deadline: Option<Instant>) -> bool {
        let mut guard = self.lock.lock();
        if !self.lie_down(ASLEEP) {
            return true;
        }
        loop {
            let timed_out = match deadline {
                Some(deadline) => self.condvar.wait_until(&mut guard, deadline),
                None => {
                    self.condvar.wait(&mut guard);
                    false
                }
            };
            if timed_out || self.is_notified() {
                return self.get_up(ASLEEP);
            }
        }
    }

    /// Sleeps inside the reactor: `turn` does the sleeping, and is not called if an unpark came
    /// first. True if it was unparked, as in [`park`](Self::park).
    pub fn park_in_reactor(&self, turn: impl FnOnce()) -> bool {
        if !self.lie_down(IN_REACTOR) {
            return true;
        }
        turn();
        self.get_up(IN_REACTOR)
    }

    /// The worker's thread goes off to a foreign loop, which waits on the poller's descriptor: from
    /// now on an unpark wakes the reactor. False if an unpark came first.
    pub fn enter_host(&self) -> bool {
        self.lie_down(IN_REACTOR)
    }

    /// The thread is back, or has not gone, and is about to look at everything again.
    pub fn leave_host(&self) {
        // ORDERING: AcqRel, as in `clear`.
        self.state.swap(EMPTY, AcqRel);
    }

    /// Wakes the worker, or makes its next park return at once. `wake_reactor` ends a turn.
    pub fn unpark(&self, wake_reactor: impl FnOnce()) {
        // ORDERING: AcqRel. Release side of `unpark`; the acquire half costs nothing here.
        match self.state.swap(NOTIFIED, AcqRel) {
            ASLEEP => {
                drop(self.lock.lock());
                self.condvar.notify_one();
            }
            IN_REACTOR => wake_reactor(),
            _ => {}
        }
    }

    /// True if an unpark has come that was not cleared.
    pub fn is_notified(&self) -> bool {
        // ORDERING: Acquire, of `unpark` if so, and else of `heard`.
        self.state.load(Acquire) == NOTIFIED
    }

    /// Takes an unpark, for a worker that is about to look at everything again.
    pub fn clear(&self) {
        if self.is_notified() {
            // ORDERING: AcqRel. Acquire side of `unpark`, release side of `heard`.
            self.state.swap(EMPTY, AcqRel);
        }
    }

    /// False if an unpark came first.
    fn lie_down(&self, how: u32) -> bool {
        // ORDERING: Acquire on failure, of `unpark`; Relaxed otherwise: nothing is published.
        self.state.compare_exchange(EMPTY, how, Relaxed, Acquire).is_ok()
    }

    /// True if an unpark has come.
    fn get_up(&self, how: u32) -> bool {
        // ORDERING: Acquire on failure, of `unpark`; Relaxed otherwise: nothing is published.
        self.state.compare_exchange(how, EMPTY, Relaxed, Acquire).is_err()
    }
}

impl std::fmt::Debug for Parker {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // ORDERING: Relaxed. For people.
        let state = match self.state.load(Relaxed) {
            EMPTY => "awake",
            ASLEEP => "asleep",
            IN_REACTOR => "asleep in the reactor",
            _ => "notified",
        };
        write!(f, "Parker({state})")
    }
}
