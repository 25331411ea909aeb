//! What is known about one source, as one word.
//!
//! The poller tells of *edges*: "this socket has become readable". An edge comes once, so it is
//! written down here until a system call says `WouldBlock`, and only then struck out again. The
//! word holds a *tick*, which counts the edges, five bits of what they said, `GONE` once the reactor is
//! closed, and one bit per direction for "somebody waits".
//!
//! ```text
//!   63           32 31        8   7          6         5      4     3       2       1      0
//!  +---------------+----------+----------+---------+------+-----+-------+-------+------+------+
//!  |     tick      |    0     | WRITE_   | READ_   | GONE | ERR | WRITE | READ  | WRIT | READ |
//!  |               |          | WAITING  | WAITING |      |     | ENDED | ENDED | ABLE | ABLE |
//!  +---------------+----------+----------+---------+------+-----+-------+-------+------+------+
//! ```
//!
//! Everything that can happen to it is one row here and one method below; nothing else writes it.
//!
//! ```text
//!  happening        tick   ready bits            waiting bits             answer
//!  --------------   ----   -------------------   ----------------------   -------------------------
//!  event(bits)      + 1    | bits                cleared where served     directions to wake
//!  close            + 1    | GONE                cleared                  directions to wake
//!  clear(snapshot)  =      READABLE or WRITABLE  =                        -
//!                          of one direction
//!                          taken away, if the
//!                          tick is unchanged
//!  wait(direction)  =      =                     set, if not ready        wait, or the snapshot
//! ```
//!
//! # Why no edge is lost
//!
//! A reader takes a snapshot, calls the kernel, hears `WouldBlock`, clears with that snapshot, and
//! waits. An edge that the kernel's answer did not include is reported by an `event` that comes
//! after the snapshot: the snapshot was taken before the call. Two cases. If the event comes before
//! `clear`, the tick differs and nothing is cleared; the reader tries again. If it comes after
//! `clear`, it sets the bit again; then it either precedes `wait`, which answers "ready", or finds
//! the waiting bit set and wakes. All four are read-modify-writes of one word, so they have an
//! order. The tick is 32 bits wide: a reader would have to sleep through exactly 2³² edges between
//! its system call and its clear to be fooled (tokio compares 15 bits, and compared 8 for years).
//!
//! The two directions share the tick. A write edge may so keep a stale read bit alive; that costs
//! one system call and no edge.
//!
//! `READ_ENDED`, `WRITE_ENDED` and `ERROR` are never cleared. They do not say "try again" (their
//! edges set `READABLE` and `WRITABLE` as well); they say that a short count proves nothing any
//! more, see [`Snapshot::trusts_short_counts`].
//!
//! # Orderings
//!
//! | label        | release side                          | acquire side                              | what crosses |
//! |--------------|---------------------------------------|-------------------------------------------|--------------|
//! | `event-call` | [`Readiness::event`], [`Readiness::close`] | [`Readiness::observe`], [`Readiness::wait`] | what the kernel told the poller, so that the system call that follows sees at least that |
//!
//! The acquire side has a second duty: the system call must not begin before the snapshot is taken.
//! The waiting bits carry no data: wakers are kept under a lock, see [`source`](crate::source).

use windlass_sync::shim;
use windlass_sync::shim::atomic::{AtomicU64, Ordering::Acquire};

const READABLE: u64 = 1;
const WRITABLE: u64 = 1 << 1;
/// The peer will send no more.
const READ_ENDED: u64 = 1 << 2;
/// The peer takes no more.
const WRITE_ENDED: u64 = 1 << 3;
const ERROR: u64 = 1 << 4;
/// The reactor has closed.
const GONE: u64 = 1 << 5;
const READ_WAITING: u64 = 1 << 6;
const WRITE_WAITING: u64 = 1 << 7;
/// One edge.
const TICK: u64 = 1 << 32;

/// One of the two things a source can be ready for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// Reading and accepting.
    Read,
    /// Writing and connecting.
    Write,
}

impl Direction {
    const fn ready(self) -> u64 {
        match self {
            Direction::Read => READABLE | GONE,
            Direction::Write => WRITABLE | GONE,
        }
    }

    const fn waiting(self) -> u64 {
        match self {
            Direction::Read => READ_WAITING,
            Direction::Write => WRITE_WAITING,
        }
    }
}

/// What one event says about a source.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Edge(u64);

impl Edge {
    /// Nothing; a source that must wait for its first event.
    pub const NONE: Edge = Edge(0);
    /// A read will not block.
    pub const READABLE: Edge = Edge(READABLE);
    /// A write will not block.
    pub const WRITABLE: Edge = Edge(WRITABLE);
    /// Both: the hopeful start of a source that is tried before it is waited for.
    pub const BOTH: Edge = Edge(READABLE | WRITABLE);
    /// The stream to us has ended; a read will tell.
    pub const READ_ENDED: Edge = Edge(READABLE | READ_ENDED);
    /// The stream from us has ended; a write will tell.
    pub const WRITE_ENDED: Edge = Edge(WRITABLE | WRITE_ENDED);
    /// Something failed; whoever calls next is told.
    pub const ERROR: Edge = Edge(READABLE | WRITABLE | ERROR);

    /// Both edges as one.
    #[must_use]
    pub const fn and(self, other: Edge) -> Edge {
        Edge(self.0 | other.0)
    }
}

/// The directions whose waiters must be woken.
#[must_use = "waiters that are not woken wait for ever"]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Woken(u64);

impl Woken {
    /// True if nobody has to be woken.
    pub fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// True if the waiters of this direction must be woken.
    pub fn includes(self, direction: Direction) -> bool {
        self.0 & direction.waiting() != 0
    }
}

/// The word as it was at one moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Snapshot(u64);

impl Snapshot {
    /// True if a call in this direction is worth trying.
    pub fn is_ready(self, direction: Direction) -> bool {
        self.0 & direction.ready() != 0
    }

    /// True if the reactor has closed: every call must fail.
    pub fn is_gone(self) -> bool {
        self.0 & GONE != 0
    }

    /// True if somebody waits in this direction.
    pub fn is_awaited(self, direction: Direction) -> bool {
        self.0 & direction.waiting() != 0
    }

    /// True if a short count on a stream proves that its buffer is drained (or full).
    ///
    /// A stream that has ended has nothing new to tell: its last edge may be the one that came with
    /// the data. After a short count one more call must be made, or the end is never heard.
    pub fn trusts_short_counts(self, direction: Direction) -> bool {
        let ended = match direction {
            Direction::Read => READ_ENDED,
            Direction::Write => WRITE_ENDED,
        };
        self.0 & (ended | ERROR | GONE) == 0
    }
}

/// What [`Readiness::wait`] answers.
#[must_use]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnWait {
    /// The waiting bit is set; the next edge will answer with this direction.
    Wait,
    /// No need to: an edge has come in between.
    Ready(Snapshot),
}

/// The word.
#[derive(Debug)]
pub struct Readiness(AtomicU64);

impl Readiness {
    /// A word that starts with what is hoped for.
    pub fn new(hope: Edge) -> Self {
        Self(AtomicU64::new(hope.0))
    }

    /// Looks, before a system call.
    #[inline]
    pub fn observe(&self) -> Snapshot {
        // ORDERING: Acquire, acquire side of `event-call`; it also keeps the call after the look.
        Snapshot(self.0.load(Acquire))
    }

    /// Writes an edge down.
    pub fn event(&self, edge: Edge) -> Woken {
        // ORDERING: AcqRel in `step`, release side of `event-call`. Written even when no bit
        // changes: the tick is the message.
        self.step(|word| after_event(word, edge.0))
    }

    /// The reactor closes: every direction is "ready", to fail.
    pub fn close(&self) -> Woken {
        // ORDERING: AcqRel in `step`, release side of `event-call`.
        self.step(|word| after_event(word, GONE))
    }

    /// Strikes readiness out, unless an edge has come since the snapshot was taken.
    pub fn clear(&self, seen: Snapshot, direction: Direction) {
        // ORDERING: AcqRel in `step`. Nothing crosses; the order within the word is all it needs.
        self.step(|word| (after_clear(word, seen.0, direction), ()));
    }

    /// Asks to be told of the next edge, unless the direction is ready by now.
    pub fn wait(&self, direction: Direction) -> OnWait {
        // ORDERING: AcqRel in `step`, acquire side of `event-call` when it answers "ready".
        self.step(|word| after_wait(word, direction))
    }

    /// The one place that writes the word. `f` may run more than once, so it only computes.
    fn step<T>(&self, f: impl Fn(u64) -> (u64, T)) -> T {
        shim::step(&self.0, f)
    }
}

fn after_event(word: u64, bits: u64) -> (u64, Woken) {
    let mut served = 0;
    for direction in [Direction::Read, Direction::Write] {
        if bits & direction.ready() != 0 {
            served |= word & direction.waiting();
        }
    }
    let next = (word.wrapping_add(TICK) | bits) & !served; // the tick is on top: it wraps by itself
    (next, Woken(served))
}

fn after_clear(word: u64, seen: u64, direction: Direction) -> u64 {
    let unchanged = word / TICK == seen / TICK;
    if unchanged { word & !(direction.ready() & !GONE) } else { word }
}

fn after_wait(word: u64, direction: Direction) -> (u64, OnWait) {
    if word & direction.ready() == 0 {
        (word | direction.waiting(), OnWait::Wait)
    } else {
        (word, OnWait::Ready(Snapshot(word)))
    }
}

#[cfg(test)]
#[path = "readiness/tests.rs"]
mod tests;
