//! Who is parked, who searches, and who watches: one word, so that nothing can drift apart.
//!
//! Waking a thread costs a hundred times what running a small task costs, so nobody is woken
//! without need: a push wakes a worker only if somebody is parked and *nobody is searching* for
//! work already. The price is a race, and this file is its proof.
//!
//! # No work is left behind while a worker sleeps
//!
//! ```text
//!   pusher                                   worker that runs out of work
//!   P1  publish the task in a queue          W1  set PARKED, give the search credit back
//!   P2  fence(SeqCst)                        W2  fence(SeqCst)
//!   P3  read the word: wake somebody?        W3  look through every queue again
//!                                            W4  sleep
//! ```
//!
//! One of the two fences comes first. If P2 does, then W3 comes after P1 and finds the task. If W2
//! does, then P3 comes after W1: the pusher sees the worker parked. Then either nobody searches and
//! it wakes somebody, or it sees a searcher, who has one of two things still before it.
//!
//! ```text
//!   searcher that finds work                 searcher that finds nothing
//!   S1  give the search credit back          W1 gives it back, too;
//!   S2  fence(SeqCst), if it was the last    W2 and W3 follow, and if there is work
//!   S3  look through every queue again       it becomes a searcher again
//!   S4  wake one more if there is work
//! ```
//!
//! Its fence comes after P2, or P3 would not have seen its credit. So S3 or W3 finds the task, if it
//! is still there. What W3 finds may be more than one task, and the pushers of all of them may have
//! relied on this one searcher: that is why it goes on as a searcher, and comes to S1.
//!
//! A queue that its worker will have done at once is no work to steal ([`crate::pace`]): whoever looks
//! passes it by, and its worker calls nobody for it, nor does a thief for the batch that it has just
//! taken. So it is with the queue of a worker that is left alone. What a worker calls for is worth a
//! theft, too, and the estimate was stored before P2, as the task was. If it rises later, then the
//! worker, who asks after each poll whether anybody is idle, calls then; and if it is stuck, the
//! sentinel comes.
//!
//! Everybody re-checks at W3, not just the last searcher: it costs a few loads, and it is what makes
//! the first case hold without any reasoning about who else was awake.
//!
//! # The sentinel
//!
//! A worker that is stuck inside a poll serves neither its timers nor its queue, and if it came out
//! of the reactor to run that task, nobody waits for events. So one of the parked workers, the
//! sentinel, sleeps for a few milliseconds at a time and looks. It stops when it finds that nobody
//! runs, nor has polled since its last look; an idle runtime makes no wake-ups. Its seat is part of the
//! word, so "is there a sentinel" and "is anybody left to be one" are answered by the same exchange that
//! parks or wakes a worker.
//! A worker that sleeps in the reactor is a poor sentinel, since every event would end its watch:
//! one that sleeps elsewhere takes the post from it.
//!
//! # Orderings
//!
//! | label   | release side                          | acquire side                           | what crosses |
//! |---------|---------------------------------------|----------------------------------------|--------------|
//! | `sleep` | the fences in [`notify`], [`park`] and [`Idle::end_search`] | the same three   | the proof above |
//! | `bed`   | the other fence in [`park`]           | [`Idle::all_parked`]                   | what workers did before they parked |
//!
//! The word itself is changed with Relaxed exchanges: it carries no data, and the fences order it
//! against the queues. Where nothing is to be changed it is only read: the proof above asks of P3
//! that it sees W1 or S1 if P2 comes after W2 or S2, and a load does. Nor does a worker ever read a
//! word from before its own last exchange.
//!
//! [`notify`]: Idle::notify
//! [`park`]: Idle::park

use windlass_sync::shim::atomic::{AtomicU64, Ordering::*, fence};

/// Seats that fit the word.
pub const MAX_SEATS: usize = 48;

/// One bit for each parked seat.
const PARKED: u64 = (1 << MAX_SEATS) - 1;
/// One searcher.
const SEARCHER: u64 = 1 << 48;
/// The count of searchers, up to 127.
const SEARCHERS: u64 = 0x7F << 48;
/// Seat 0 is occupied: some thread is inside `block_on` or `drive`, or a worker thread sits there.
const CALLER: u64 = 1 << 55;
/// The sentinel sleeps in the reactor.
const IN_REACTOR: u64 = 1 << 56;
/// One more than the sentinel's seat; 0 for none.
const SENTINEL: u64 = 0x7F << 57;
const SENTINEL_SHIFT: u32 = 57;

/// Where a worker sleeps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bed {
    /// On its condition variable.
    Condvar,
    /// In the reactor, with the driver.
    Reactor,
    /// Not at all: seat 0's thread is off in a foreign loop, which waits on the poller's descriptor.
    /// The seat is vacant, and may be called as a last resort: a foreign loop comes when it pleases,
    /// so it is not counted as a searcher, and no worker relies on it.
    Host,
}

/// How a worker is to sleep.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Parked {
    /// It is the sentinel: it must look again after [`crate::sentinel::WATCH`].
    pub sentinel: bool,
}

/// What a worker finds when it leaves its bed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Left {
    /// Somebody woke it to look for work, and has counted it as a searcher.
    pub searching: bool,
}

/// The word; on cache lines of its own, apart from what every poll reads.
#[repr(align(128))]
pub struct Idle {
    word: AtomicU64,
    /// How many seats there are.
    seats: usize,
}

impl Idle {
    /// All worker threads awake; seat 0 vacant if `caller` is to take it later.
    pub fn new(seats: usize, caller: bool) -> Self {
        assert!((1..=MAX_SEATS).contains(&seats), "a runtime has 1 to {MAX_SEATS} workers");
        Self { word: AtomicU64::new(if caller { 0 } else { CALLER }), seats }
    }

    /// A worker with surplus work asks before it pays for [`notify`](Self::notify).
    #[inline]
    pub fn looks_idle(&self) -> bool {
        // ORDERING: Relaxed. A stale answer costs a poll of lost parallelism; whoever must not miss
        // a sleeper calls `notify`.
        let word = self.word.load(Relaxed);
        word & PARKED != 0 && word & SEARCHERS == 0
    }

    /// After work was published: the seat to unpark, if any. It is counted as a searcher already.
    #[must_use = "the seat must be unparked"]
    pub fn notify(&self) -> Option<usize> {
        // ORDERING: SeqCst, `sleep` (P2).
        fence(SeqCst);
        self.step(|word| if word & SEARCHERS != 0 { (word, None) } else { call_in(word) })
    }

    /// True if there is a sentinel.
    pub fn is_watched(&self) -> bool {
        // ORDERING: Relaxed. A hint; `relieve` decides.
        self.word.load(Relaxed) & SENTINEL != 0
    }

    /// A worker that was parked goes to work and there is no sentinel: the seat to unpark for that
    /// post, if there is anybody left.
    #[must_use = "the seat must be unparked"]
    pub fn relieve(&self) -> Option<usize> {
        self.step(|word| if word & SENTINEL != 0 { (word, None) } else { call_thread(word) })
    }

    /// Wakes anybody who is parked, searchers or not: for shutdown and the like.
    #[must_use = "the seat must be unparked"]
    pub fn call_anybody(&self) -> Option<usize> {
        self.step(call_in)
    }

    /// Something has come for this seat alone. If it is parked, it is taken out of its bed and counted
    /// as a searcher, so that from now on nobody believes it to be asleep. The caller unparks it.
    #[inline]
    pub fn call(&self, seat: usize) {
        // A worker that parks after this finds the unpark, or its own wake.
        self.step(|word| {
            let in_bed = asleep(word) & bit(seat) != 0;
            if in_bed { (take_out(word, seat), ()) } else { (word, ()) }
        });
    }

    /// The worker has run out of work (W1, W2). The caller must now look through every queue (W3)
    /// and then either sleep or [`leave`](Self::leave).
    #[must_use = "it says how to sleep"]
    pub fn park(&self, seat: usize, searching: bool, bed: Bed) -> Parked {
        // ORDERING: Release, of `bed`.
        fence(Release);
        let parked = self.step(|word| {
            let mut next = word | bit(seat);
            if searching {
                next -= SEARCHER;
            }
            if bed == Bed::Host {
                next &= !CALLER;
            }
            let vacant = word & SENTINEL == 0;
            let takes_over = bed == Bed::Condvar && word & IN_REACTOR != 0;
            let sentinel = self.seats > 1 && bed != Bed::Host && (vacant || takes_over);
            if sentinel {
                next &= !(SENTINEL | IN_REACTOR);
                next |= (seat as u64 + 1) << SENTINEL_SHIFT;
                next |= if bed == Bed::Reactor { IN_REACTOR } else { 0 };
            }
            (next, Parked { sentinel })
        });
        // ORDERING: SeqCst, `sleep` (W2).
        fence(SeqCst);
        parked
    }

    /// The worker is awake again, whatever the reason.
    #[must_use = "a searcher must end its search"]
    pub fn leave(&self, seat: usize) -> Left {
        self.step(|word| {
            let searching = word & bit(seat) == 0;
            (resign(word & !bit(seat), seat), Left { searching })
        })
    }

    /// The worker was about to sleep and has seen work (W3): it leaves its bed as a searcher, like
    /// one that was woken. Others may have relied on its search while it still had its credit, so
    /// it owes them the look for more of [`end_search`](Self::end_search).
    #[must_use = "a searcher must end its search"]
    pub fn leave_to_search(&self, seat: usize) -> Left {
        self.step(|word| {
            let credit = if word & bit(seat) == 0 { 0 } else { SEARCHER };
            (resign(word & !bit(seat), seat) + credit, Left { searching: true })
        })
    }

    /// The sentinel's watch is over: true if somebody runs, or has just run (`active`), and it must
    /// watch on. Otherwise it is the sentinel no more, and may sleep as long as it likes.
    pub fn watch_on(&self, seat: usize, active: bool) -> bool {
        self.step(|word| {
            let running = self.awake_in(word) > 0;
            let mine = sentinel(word) == Some(seat);
            if mine && (running || active) { (word, true) } else { (resign(word, seat), false) }
        })
    }

    /// Becomes a searcher, unless half of the workers are searching already.
    #[must_use = "a searcher must end its search"]
    pub fn begin_search(&self) -> bool {
        self.step(|word| {
            let searchers = ((word & SEARCHERS) / SEARCHER) as usize;
            if 2 * searchers >= self.seats { (word, false) } else { (word + SEARCHER, true) }
        })
    }

    /// The searcher has found work (S1, S2); true if it was the last one and must look whether
    /// there is more (S3), and then [`notify`](Self::notify).
    #[must_use = "the last searcher must look whether there is more"]
    pub fn end_search(&self) -> bool {
        let last = self.step(|word| (word - SEARCHER, word & SEARCHERS == SEARCHER));
        if last {
            // ORDERING: SeqCst, `sleep` (S2).
            fence(SeqCst);
        }
        last
    }

    /// Seat 0 is taken, or left. Its worker is neither parked nor searching then, unless it hosts a
    /// foreign loop.
    pub fn set_caller(&self, present: bool) {
        self.step(|word| if present { (word | CALLER, ()) } else { (word & !CALLER, ()) });
    }

    /// True while no thread sits on seat 0.
    pub fn is_caller_vacant(&self) -> bool {
        // ORDERING: Relaxed. Whoever leaves the seat unparks the reactor's holder after it.
        self.word.load(Relaxed) & CALLER == 0
    }

    /// True if that seat is parked, for those who look at others.
    pub fn is_parked(&self, seat: usize) -> bool {
        // ORDERING: Relaxed. A hint.
        self.word.load(Relaxed) & bit(seat) != 0
    }

    /// True if nobody runs on that seat: its worker is parked, or it is vacant.
    pub fn is_deserted(&self, seat: usize) -> bool {
        self.is_parked(seat) || seat == 0 && self.is_caller_vacant()
    }

    /// How many workers are parked now.
    pub fn parked(&self) -> usize {
        // ORDERING: Relaxed. A hint, and for people.
        (self.word.load(Relaxed) & PARKED).count_ones() as usize
    }

    /// True if every occupied seat is parked.
    pub fn all_parked(&self) -> bool {
        // ORDERING: Acquire, of `bed`.
        self.awake_in(self.word.load(Acquire)) == 0
    }

    /// How many workers are awake now.
    pub fn awake(&self) -> usize {
        // ORDERING: Relaxed. A hint.
        self.awake_in(self.word.load(Relaxed))
    }

    /// The occupied seats that are not parked.
    fn awake_in(&self, word: u64) -> usize {
        let occupied = self.seats - usize::from(word & CALLER == 0);
        occupied - asleep(word).count_ones() as usize
    }

    /// The one loop that writes the word. `f` may run more than once, so it only computes.
    fn step<T>(&self, f: impl Fn(u64) -> (u64, T)) -> T {
        // ORDERING: Relaxed. A first guess.
        let mut now = self.word.load(Relaxed);
        loop {
            let (next, answer) = f(now);
            // Under full work most calls change nothing, and must not take the line from the others.
            if next == now {
                return answer;
            }
            // ORDERING: Relaxed, both: the fences carry the protocol, see the top of the file.
            match self.word.compare_exchange_weak(now, next, Relaxed, Relaxed) {
                Ok(_) => return answer,
                Err(seen) => now = seen,
            }
        }
    }
}

fn bit(seat: usize) -> u64 {
    1 << seat
}

fn sentinel(word: u64) -> Option<usize> {
    ((word & SENTINEL) >> SENTINEL_SHIFT).checked_sub(1).map(|seat| seat as usize)
}

/// The word when `seat` is not the sentinel any more, if it was.
fn resign(word: u64, seat: usize) -> u64 {
    if sentinel(word) == Some(seat) { word & !(SENTINEL | IN_REACTOR) } else { word }
}

/// The parked seats that are occupied; all but one in a foreign loop.
fn asleep(word: u64) -> u64 {
    if word & CALLER == 0 { word & PARKED & !bit(0) } else { word & PARKED }
}

/// The word when somebody has woken the parked worker of `seat`: it counts as a searcher.
fn take_out(word: u64, seat: usize) -> u64 {
    resign((word & !bit(seat)) + SEARCHER, seat)
}

/// Takes the lowest parked seat out of the word. The lowest, so that a half-idle runtime keeps the
/// same workers warm and lets the others sleep deeply.
fn call_thread(word: u64) -> (u64, Option<usize>) {
    if asleep(word) == 0 {
        return (word, None);
    }
    let seat = asleep(word).trailing_zeros() as usize;
    (take_out(word, seat), Some(seat))
}

/// As [`call_thread`]; if there is none, but a foreign loop has seat 0, then that.
fn call_in(word: u64) -> (u64, Option<usize>) {
    match call_thread(word) {
        (_, None) => (word, (word & PARKED != 0).then_some(0)),
        called => called,
    }
}

impl std::fmt::Debug for Idle {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // ORDERING: Relaxed. For people.
        let word = self.word.load(Relaxed);
        f.debug_struct("Idle")
            .field("parked", &format_args!("{:#b}", word & PARKED))
            .field("searching", &((word & SEARCHERS) / SEARCHER))
            .field("sentinel", &sentinel(word))
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seat_that_is_vacant_parked_or_hosted_is_not_awake() {
        let idle = Idle::new(3, true);
        assert_eq!(idle.awake(), 2, "nobody sits on seat 0");
        idle.set_caller(true);
        assert_eq!(idle.awake(), 3);
        let _ = idle.park(1, false, Bed::Condvar);
        assert_eq!(idle.awake(), 2);
        let _ = idle.park(0, false, Bed::Host);
        assert_eq!((idle.awake(), idle.all_parked()), (1, false));
        let _ = idle.park(2, false, Bed::Reactor);
        assert_eq!((idle.awake(), idle.all_parked()), (0, true));
        let _ = idle.leave(1);
        assert_eq!((idle.awake(), idle.all_parked()), (1, false));
    }
}
