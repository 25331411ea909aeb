//! Who must write to the poller's wake-up channel, and when nobody need.
//!
//! Waking a thread out of `epoll_wait` takes a system call, and waking one that does not sleep is
//! that call for nothing. So one word says whether the reactor sleeps, and [`Sleep::unpark`] answers
//! with an order: write, or do nothing.
//!
//! ```text
//!  happening   AWAKE        ASLEEP             NOTIFIED
//!  ---------   ----------   ----------------   -----------------
//!  begin       ASLEEP       -                  = (do not sleep)
//!  unpark      NOTIFIED     NOTIFIED (write)   =
//!  end         =            AWAKE              AWAKE
//!
//!  =  no change     -  cannot happen: only the owner of the reactor begins and ends
//! ```
//!
//! # Why no unpark is lost
//!
//! Every change is a read-modify-write of one word, so they have an order. An unpark that comes
//! before `begin` leaves `NOTIFIED`, and `begin` says not to sleep. One that comes between `begin`
//! and `end` finds `ASLEEP` and writes; the poller keeps what is written until it is asked, so it
//! does not matter whether `epoll_wait` has begun. One that comes after `end` is the first case of
//! the next turn. At most one unpark per sleep writes. A write may arrive after the turn was ended
//! by something else; the next sleep then ends at once, for nothing, which is allowed.
//!
//! # Orderings
//!
//! | label         | release side      | acquire side                    | what crosses |
//! |---------------|-------------------|---------------------------------|--------------|
//! | `unpark-turn` | [`Sleep::unpark`] | [`Sleep::begin`], [`Sleep::end`] | what the caller did before it unparked: the turn that returns sees it |

use windlass_sync::shim::atomic::{
    AtomicU32,
    Ordering::{AcqRel, Acquire},
};

const AWAKE: u32 = 0; // the default
const ASLEEP: u32 = 1;
const NOTIFIED: u32 = 2;

/// What the caller of [`Sleep::unpark`] owes the sleeper.
#[must_use = "a sleeper that is owed a write and gets none sleeps on"]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnUnpark {
    /// Write to the poller's wake-up channel.
    Write,
    /// The reactor is awake, or somebody else has written.
    Nothing,
}

/// The word; at first nobody sleeps.
#[derive(Debug, Default)]
pub struct Sleep(AtomicU32);

impl Sleep {
    /// The owner is about to sleep; false if it must not, because somebody has unparked it.
    #[must_use = "a sleep that must not begin would miss the unpark"]
    pub fn begin(&self) -> bool {
        // ORDERING: AcqRel, acquire side of `unpark-turn` in the failure case.
        self.0.compare_exchange(AWAKE, ASLEEP, AcqRel, Acquire).is_ok()
    }

    /// The owner is awake again, and everything said by unparks so far has been heard.
    pub fn end(&self) {
        // ORDERING: AcqRel, acquire side of `unpark-turn`.
        self.0.swap(AWAKE, AcqRel);
    }

    /// Makes the turn in progress, or the next one, return.
    pub fn unpark(&self) -> OnUnpark {
        // ORDERING: AcqRel, release side of `unpark-turn`; written even when it is `NOTIFIED`
        // already, or what this caller did would not be published.
        match self.0.swap(NOTIFIED, AcqRel) {
            ASLEEP => OnUnpark::Write,
            _ => OnUnpark::Nothing,
        }
    }
}
