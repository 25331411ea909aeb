//! The word of a semaphore: how many permits are free, and whether the lock must be asked.
//!
//! ```text
//!   | permits ........................ | WAITERS | CLOSED |
//! ```
//!
//! The count is signed: where permits in use are taken away, fewer than none are free until as many
//! have come back. So nobody has to know which of the permits that come back were taken away.
//!
//! While nobody waits, the word is all there is: taking and giving back are one exchange each. A
//! set `WAITERS` sends everybody to the lock, takers and givers alike; so while somebody stands in
//! line, permits are added by anyone but taken only by whoever holds the lock, for the first in
//! line. (`forget_permits` may take them for good; that serves nobody, so it overtakes nobody.)
//!
//! # No wake-up is lost
//! The danger is a giver that adds a permit, sees nobody in line and leaves, while a taker that saw
//! no permit goes to sleep. Both do it in one exchange on this one word: the giver adds and reads
//! `WAITERS`; the taker sets `WAITERS` only from a value with too few permits. One comes first:
//!
//! - the giver: the taker's exchange fails, and the taker looks again and finds the permit;
//! - the taker: the giver sees `WAITERS` and takes the lock, behind the taker who queues under it.
//!
//! One word has one order of changes, so neither side needs a fence. Two words (a count here, a
//! length there) would need two.
//!
//! # Orderings
//!
//! | label    | release side   | acquire side        | what crosses                                   |
//! |----------|----------------|---------------------|------------------------------------------------|
//! | `permit` | `give`, `step` | `step`              | what was done under a permit, to its next user |
//! | `closed` | `close`        | `is_closed`, `step` | what was done before `close`                   |
//!
//! A permit that is granted through the line crosses twice: `give` to the `step` of whoever hands
//! it out, then through the lock to the waiter. One that is handed over without touching the word
//! crosses through the lock alone.

use crate::shim::atomic::{
    AtomicUsize,
    Ordering::{AcqRel, Acquire, Relaxed, Release},
};

/// The semaphore gives no more permits. Never unset.
const CLOSED: usize = 0b01;
/// Somebody stands in line. Changed only under the lock of the line.
const WAITERS: usize = 0b10;
/// Where the count of free permits begins.
const SHIFT: u32 = 2;
/// One permit.
const ONE: usize = 1 << SHIFT;

/// The most permits a semaphore can have: one bit is left over, for the sign.
pub(super) const MAX: usize = usize::MAX >> (SHIFT + 1);

/// The state word of a semaphore.
#[derive(Debug)]
pub(super) struct Word(AtomicUsize);

/// How an attempt to take permits ended.
#[must_use]
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Take {
    /// They are the caller's.
    Taken,
    /// There are too few, or others are first.
    Short,
    /// There will be none any more.
    Closed,
}

/// What the caller of [`Word::give`] owes the others.
#[must_use = "permits that are not handed out are not seen by those who wait"]
#[derive(Debug, PartialEq, Eq)]
pub(super) enum OnGive {
    /// Somebody waits: lock the line and hand permits out.
    HandOut,
    /// Nobody waits.
    Nothing,
}

impl Word {
    pub(super) fn new(permits: usize) -> Self {
        Self(AtomicUsize::new(permits << SHIFT))
    }

    /// How many permits are free, at some moment.
    pub(super) fn free(&self) -> usize {
        // ORDERING: Relaxed. A figure for reports; whoever wants a permit asks by exchange.
        free_in(self.0.load(Relaxed))
    }

    /// True if somebody stands in line, or did a moment ago.
    #[inline]
    pub(super) fn is_awaited(&self) -> bool {
        // ORDERING: Relaxed. A guess: if it is wrong the one way, the line turns out to be empty, if
        // the other, `give` says so.
        self.0.load(Relaxed) & WAITERS != 0
    }

    /// True if more permits were taken away than were free. Under the lock of the line.
    pub(super) fn owes(&self) -> bool {
        // ORDERING: Relaxed. A `take_away` that happened before is seen, as by any load; one at the
        // same time counts as later.
        self.0.load(Relaxed).cast_signed() < 0
    }

    /// True once `close` was called.
    pub(super) fn is_closed(&self) -> bool {
        // ORDERING: Acquire, acquire side of `closed`.
        self.0.load(Acquire) & CLOSED != 0
    }

    /// Takes `count` permits if nobody waits for any.
    #[inline]
    pub(super) fn take(&self, count: usize) -> Take {
        self.step(|word| match word {
            _ if word & CLOSED != 0 => (word, Take::Closed),
            _ if word & WAITERS == 0 && free_in(word) >= count => (word - count * ONE, Take::Taken),
            _ => (word, Take::Short),
        })
    }

    /// As [`take`](Self::take), but marks the caller as waiting if there are too few.
    ///
    /// Under the lock of the line, where the caller then queues.
    pub(super) fn take_or_wait(&self, count: usize) -> Take {
        self.step(|word| match word {
            _ if word & CLOSED != 0 => (word, Take::Closed),
            _ if word & WAITERS == 0 && free_in(word) >= count => (word - count * ONE, Take::Taken),
            _ => (word | WAITERS, Take::Short),
        })
    }

    /// Takes `count` permits for somebody who has a right to them before all others; false if there
    /// are too few. Under the lock of the line.
    pub(super) fn take_first(&self, count: usize) -> bool {
        self.step(|word| match free_in(word) >= count {
            true => (word - count * ONE, true),
            false => (word, false),
        })
    }

    /// Takes up to `count` of the free permits, and says how many.
    pub(super) fn take_up_to(&self, count: usize) -> usize {
        self.step(|word| {
            let taken = count.min(free_in(word));
            (word - taken * ONE, taken)
        })
    }

    /// Takes `count` permits away, of the free ones and of those in use.
    pub(super) fn take_away(&self, count: usize) {
        // ORDERING: Relaxed. It hands nothing over; and it is an exchange like all others here, so
        // what was released into the word before stays visible to whoever acquires from it later.
        self.0.fetch_sub(count * ONE, Relaxed);
    }

    /// Gives permits back that were taken from here.
    #[inline]
    pub(super) fn give(&self, count: usize) -> OnGive {
        // ORDERING: Release, release side of `permit`. Not acquire: what this caller does next, if
        // anything, it does under the lock.
        let before = self.0.fetch_add(count * ONE, Release);
        if before & WAITERS != 0 { OnGive::HandOut } else { OnGive::Nothing }
    }

    /// Marks that somebody stands in line. Under the lock of the line.
    pub(super) fn somebody_waits(&self) {
        self.step(|word| (word | WAITERS, ()));
    }

    /// Marks that nobody stands in line. Under the lock of the line.
    pub(super) fn nobody_waits(&self) {
        self.step(|word| (word & !WAITERS, ()));
    }

    /// Closes. Under the lock of the line, which the caller then empties.
    pub(super) fn close(&self) {
        // ORDERING: Release, release side of `closed`.
        self.0.fetch_or(CLOSED, Release);
    }

    /// The one loop that writes the word, but for `give`, `close` and `take_away`, which need not look at
    /// it first.
    ///
    /// `f` may run more than once, so it only computes. Where it changes nothing, nothing is
    /// written: no caller publishes by standing still.
    #[inline]
    fn step<T>(&self, f: impl Fn(usize) -> (usize, T)) -> T {
        // ORDERING: Acquire, acquire side of `closed`: an answer without an exchange rests on this.
        // It may be old, but not older than what this thread or the holder of the lock before it
        // has done, and that is all the argument above needs.
        let mut now = self.0.load(Acquire);
        loop {
            let (next, answer) = f(now);
            if next == now {
                return answer;
            }
            // ORDERING: AcqRel, acquire side of `permit` where permits are taken, release side of
            // it for the lock's holder. Acquire on failure, for the reason above.
            match self.0.compare_exchange_weak(now, next, AcqRel, Acquire) {
                Ok(_) => return answer,
                Err(seen) => now = seen,
            }
        }
    }
}

/// How many permits are to be had; none while some are owed.
#[inline]
fn free_in(word: usize) -> usize {
    (word.cast_signed() >> SHIFT).max(0).cast_unsigned()
}

/// How many permits there are, the free ones and those in use, and how many there may be.
#[derive(Debug)]
pub(super) struct Total {
    now: AtomicUsize,
    pub(super) max: usize,
}

impl Total {
    pub(super) fn new(permits: usize, max: usize) -> Self {
        Self { now: AtomicUsize::new(permits), max }
    }

    /// Counts permits that are about to be added; false if that makes too many.
    pub(super) fn add(&self, count: usize) -> bool {
        // ORDERING: Relaxed, as all here. It is a count and guards nothing else. Permits are counted
        // before they are there and until they are gone, so there are never more than it says.
        let mut now = self.now.load(Relaxed);
        while let Some(sum) = now.checked_add(count).filter(|sum| *sum <= self.max) {
            // ORDERING: Relaxed, as above.
            match self.now.compare_exchange_weak(now, sum, Relaxed, Relaxed) {
                Ok(_) => return true,
                Err(seen) => now = seen,
            }
        }
        false
    }

    /// Counts permits that are gone for good.
    pub(super) fn remove(&self, count: usize) {
        // ORDERING: Relaxed, as above.
        self.now.fetch_sub(count, Relaxed);
    }
}
