//! One shard of the timers: a wheel of wakers behind a lock.
//!
//! The lock is held for one insertion, one removal, or one batch of firing. No waker is cloned,
//! woken or dropped under it: clones are made before, and what comes out of the wheel is carried out
//! of the lock. Comparing wakers is comparing pointers, so a poll that finds its own waker locks
//! once and is done.

use std::fmt;
use std::task::Waker;

use windlass_sync::shim::atomic::AtomicU64;
use windlass_sync::shim::atomic::Ordering::Relaxed;
use windlass_sync::shim::{Arc, Mutex};
use windlass_sync::wakes::{self, Wakes};

use crate::clock::{Clock, NEVER};
use crate::timers::Watch;
use crate::wheel::{Key, Wheel};

/// After so many due sleeps the lock is given up for a moment, to wake them.
const BATCH: usize = 128;

/// A wheel, and its next deadline where it can be read without the lock.
///
/// Aligned to two cache lines, so that one worker's timers do not slow another's down.
#[repr(align(128))]
pub(crate) struct Shard {
    /// A lower bound of the deadlines, [`NEVER`] if there are none. Stored to under the lock.
    next: AtomicU64,
    state: Mutex<State>,
    pub clock: Clock,
    place: Place,
}

/// Whose shard it is.
enum Place {
    /// A worker's. It knows the foreign shard, for sleeps that come into other threads' hands.
    Worker { foreign: Arc<Shard> },
    /// Everybody else's.
    Foreign { watch: Watch },
}

/// What the lock guards.
struct State {
    wheel: Wheel<Waker>,
    /// No sleep may be armed any more.
    closed: bool,
}

/// What a poll of an armed sleep finds.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Armed {
    /// It waits, with the waker of this poll.
    Waiting,
    /// It has been fired.
    Fired,
    /// It is gone because the timers were closed, perhaps before its time.
    Closed,
}

/// What became of a sleep that was given another deadline.
#[derive(Debug)]
pub(crate) enum Reset {
    /// It waits here for the new one.
    Moved,
    /// It was fired before.
    Gone,
    /// It would come earlier, behind the back of the shard's owner: arm it elsewhere.
    Taken(Waker),
}

impl Shard {
    pub fn of_worker(clock: Clock, foreign: Arc<Shard>) -> Shard {
        Shard::new(clock, Place::Worker { foreign })
    }

    pub fn foreign(clock: Clock, unpark: Waker) -> Shard {
        Shard::new(clock, Place::Foreign { watch: Watch::new(unpark) })
    }

    fn new(clock: Clock, place: Place) -> Shard {
        let state = Mutex::new(State { wheel: Wheel::new(), closed: false });
        Shard { next: AtomicU64::new(NEVER), state, clock, place }
    }

    #[inline]
    pub fn next(&self) -> u64 {
        // ORDERING: Relaxed. A worker reads what it wrote itself, the foreign shard is read again
        // after a fence (see `timers.rs`), and for everybody else it is a hint.
        self.next.load(Relaxed)
    }

    /// The shard of the same timers for threads that are no workers; `None` if this is it.
    pub fn outside(&self) -> Option<&Arc<Shard>> {
        match &self.place {
            Place::Worker { foreign } => Some(foreign),
            Place::Foreign { .. } => None,
        }
    }

    /// True if both belong to the same timers.
    pub fn is_beside(self: &Arc<Shard>, other: &Arc<Shard>) -> bool {
        Arc::ptr_eq(self.outside().unwrap_or(self), other.outside().unwrap_or(other))
    }

    /// The watch of the foreign shard.
    pub fn watch(&self) -> &Watch {
        match &self.place {
            Place::Foreign { watch } => watch,
            Place::Worker { foreign } => foreign.watch(),
        }
    }

    pub fn armed(&self) -> usize {
        self.state.lock().wheel.len()
    }

    /// Adds a sleep; gives the waker back if the timers are closed.
    ///
    /// # Errors
    /// The waker, if the timers are closed.
    pub fn arm(&self, deadline: u64, waker: Waker) -> Result<Key, Waker> {
        let mut state = self.state.lock();
        if state.closed {
            return Err(waker);
        }
        let key = state.wheel.insert(deadline, waker);
        self.publish(&state);
        drop(state);
        self.announce(deadline);
        Ok(key)
    }

    /// Looks whether a sleep still waits, and makes sure that it will wake `waker`.
    pub fn poll(&self, key: Key, waker: &Waker) -> Armed {
        let mut state = self.state.lock();
        match state.waiting(key) {
            Ok(stored) if stored.will_wake(waker) => return Armed::Waiting,
            Ok(_) => drop(state),
            Err(gone) => return gone,
        }
        // Another waker, which is rare: it is cloned outside the lock, and the old one dropped there.
        let mut waker = waker.clone();
        state = self.state.lock();
        let answer = match state.waiting(key) {
            Ok(stored) => {
                std::mem::swap(stored, &mut waker);
                Armed::Waiting
            }
            Err(gone) => gone,
        };
        drop(state);
        drop(waker);
        answer
    }

    /// Takes a sleep out, if it still waits.
    pub fn cancel(&self, key: Key) {
        let mut state = self.state.lock();
        let waker = state.wheel.cancel(key);
        self.publish(&state);
        drop(state);
        drop(waker);
    }

    /// Gives a sleep another deadline, an earlier one only if the caller may `hasten` this shard.
    pub fn reset(&self, key: Key, deadline: u64, hasten: bool) -> Reset {
        let mut state = self.state.lock();
        let Some(former) = state.wheel.deadline(key) else { return Reset::Gone };
        if deadline < former && !hasten {
            let waker = state.wheel.cancel(key).expect("the entry was found under this lock");
            self.publish(&state);
            return Reset::Taken(waker);
        }
        state.wheel.reset(key, deadline);
        self.publish(&state);
        drop(state);
        if deadline < former {
            self.announce(deadline);
        }
        Reset::Moved
    }

    /// Wakes what is due.
    pub fn fire(&self, now_ns: u64, foresee: impl Fn(&Waker)) -> usize {
        if self.next() > now_ns {
            return 0;
        }
        let mut fired = 0;
        let mut due = Vec::new();
        loop {
            let mut state = self.state.lock();
            let more = state.wheel.advance(now_ns, BATCH, &mut due);
            self.publish(&state);
            drop(state);
            fired += due.len();
            due.iter().for_each(|due| foresee(&due.payload));
            due.drain(..).for_each(|due| wakes::wake(due.payload));
            if !more {
                return fired;
            }
        }
    }

    /// Wakes everything and admits nothing more.
    pub fn close(&self) {
        let mut woken = Wakes::new();
        let mut state = self.state.lock();
        state.closed = true;
        state.wheel.drain(|waker| woken.push(waker));
        self.publish(&state);
        drop(state);
        woken.fire();
    }

    /// Copies the wheel's next deadline to where others can read it.
    fn publish(&self, state: &State) {
        let next = state.wheel.next().unwrap_or(NEVER);
        // ORDERING: Relaxed, see `next`. Most calls change nothing and leave the line alone.
        if self.next.load(Relaxed) != next {
            // ORDERING: Relaxed, see `next`. In the foreign shard a fence follows in `announce`.
            self.next.store(next, Relaxed);
        }
    }

    /// Tells the holder of the driver of a new deadline in the foreign shard.
    fn announce(&self, deadline: u64) {
        if let Place::Foreign { watch } = &self.place {
            watch.armed(deadline);
        }
    }
}

impl State {
    /// The waker of a sleep that waits, or why it does not.
    fn waiting(&mut self, key: Key) -> Result<&mut Waker, Armed> {
        let gone = if self.closed { Armed::Closed } else { Armed::Fired };
        self.wheel.payload(key).ok_or(gone)
    }
}

impl fmt::Debug for Shard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shard")
            .field("next_ns", &Some(self.next()).filter(|next| *next != NEVER))
            .field("armed", &self.armed())
            .field("foreign", &self.outside().is_none())
            .finish()
    }
}
