//! The wheel: which deadline comes next, for a million deadlines, in constant time.
//!
//! Pure data: no clock, no lock, no waker. Time is a number of nanoseconds that the caller passes.
//!
//! ```text
//!   deadline, 62 bits of nanoseconds
//!                                      low bits
//!   +--------------------------------+------------+----------------------+
//!   |  turn, 32 bits                 | slot, 10   |  within the tick, 20 |
//!   +--------------------------------+------------+----------------------+
//!                                        |
//!   slots      [ ][ ][m m][ ] ... [m m m m][ ]       m = mark { turn, index }, contiguous
//!   occupied    0  0   1   0  ...     1     0        one bit per slot
//!   least       .  .   7   .  ...     6     .        a lower bound of the turns in the slot
//!                                  \
//!   entries                          { low bits of the deadline, payload, place of its mark }
//! ```
//!
//! A tick is 2^20 ns, 1.05 ms, and a turn of the wheel 1,024 ticks. A mark lies in the slot of its
//! tick and says in which turn it is due; so a slot is shared by deadlines 1.07 s apart, and a far
//! deadline is never moved on its way here, as it would be between the levels of a hierarchical
//! wheel. The price is that a slot is looked through when one of its marks is due. Marks are 8 bytes
//! side by side, so that is a few hundred per microsecond; a linked list would miss the cache at each.
//!
//! The tick only sorts: entries are due by their exact deadline, so nothing ever fires early. The mark
//! has the turn and the entry the rest of it, so that an entry is half a cache line.
//!
//! Rejected: a heap (a logarithm of cache misses per cancel, and most timers are cancelled); a
//! sorted map (the same, with allocation); ticking while idle (the [`next`](Wheel::next) deadline is
//! known instead).
//!
//! # Invariants
//!
//! 1. A slot's bit is set if and only if the slot has marks.
//! 2. No mark is behind the cursor: a deadline that has passed moves it back. So the slots in order
//!    from the cursor are in order of time.
//! 3. The `least` of a slot is at most the turn of each mark in it; it is exact after the slot was
//!    looked through.
//! 4. `next` is at most the deadline of each entry; it is exact after an [`advance`](Wheel::advance).

use crate::chunks::{Chunks, Entry};
use crate::clock::{NEVER, REACH_NS};
use crate::slot::{HOLE, Mark, Slot};

pub use crate::chunks::Key;

/// A tick is this power of two of nanoseconds: a shift, and about the millisecond that a poll call
/// resolves anyway.
const TICK_BITS: u32 = 20;
/// Nanoseconds of a tick: no timer fires later than by one.
pub const TICK_NS: u64 = 1 << TICK_BITS;
/// The power of two of the number of slots.
const SLOT_BITS: u32 = 10;
/// Slots: as many as bits in sixteen words, and a turn of about a second.
const SLOTS: usize = 1 << SLOT_BITS;
/// The bits of a deadline that say when within a turn.
const LOW_BITS: u32 = SLOT_BITS + TICK_BITS;
/// A mask of them.
const LOW: u64 = (1 << LOW_BITS) - 1;
/// What is never due has a turn, and it is not that of holes.
const _: () = assert!(REACH_NS >> LOW_BITS < HOLE as u64, "the reach goes into the turn of holes");
const LIVE: &str = "only live entries have marks";
/// Bits per word of the bitmap.
const WORD: usize = 64;

/// A set of deadlines, each with a payload.
#[derive(Debug)]
pub struct Wheel<T> {
    /// None before the first deadline: a runtime without timers does not pay for them.
    slots: Vec<Slot>,
    /// Invariant 1.
    occupied: [u64; SLOTS / WORD],
    entries: Chunks<T>,
    /// A tick before which there is nothing; invariant 2.
    cursor: u64,
    /// Invariant 4; [`NEVER`] if there is nothing.
    next: u64,
}

/// An entry that is due.
#[derive(Debug, PartialEq, Eq)]
pub struct Due<T> {
    /// The deadline that has come.
    pub deadline: u64,
    /// Which of several with the same deadline was inserted first.
    pub serial: u64,
    /// What was inserted with it.
    pub payload: T,
}

impl<T> Wheel<T> {
    /// An empty wheel at time 0.
    pub fn new() -> Self {
        Self {
            slots: Vec::new(),
            occupied: [0; SLOTS / WORD],
            entries: Chunks::new(),
            cursor: 0,
            next: NEVER,
        }
    }

    /// Deadlines in the wheel.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// True if there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// No deadline is earlier than this; `None` if nothing will ever be due.
    ///
    /// It is the earliest deadline itself, unless that one has been cancelled or moved since the
    /// last [`advance`](Self::advance): then it may be too early, and the next advance corrects it.
    pub fn next(&self) -> Option<u64> {
        (self.next < REACH_NS).then_some(self.next)
    }

    /// Adds a deadline. One at the end of [`REACH_NS`] or beyond is kept, but never due.
    pub fn insert(&mut self, deadline: u64, payload: T) -> Key {
        let (position, low) = self.mark(self.entries.next_index(), deadline);
        self.entries.insert(payload, position, low)
    }

    /// Takes an entry out; `None` if it is gone already.
    pub fn cancel(&mut self, key: Key) -> Option<T> {
        let index = self.entries.find(key)?;
        let Entry { payload, low, position, .. } = self.entries.remove(index);
        self.unmark(low, position);
        if self.is_empty() {
            self.next = NEVER;
        }
        payload
    }

    /// Gives an entry another deadline; false if it is gone.
    pub fn reset(&mut self, key: Key, deadline: u64) -> bool {
        let Some(index) = self.entries.find(key) else { return false };
        let &Entry { low, position, .. } = self.entries.look(index);
        self.unmark(low, position);
        let (position, low) = self.mark(index, deadline);
        let entry = self.entries.at(index);
        (entry.position, entry.low) = (position, low);
        true
    }

    /// The deadline of an entry, cut to the reach.
    pub fn deadline(&self, key: Key) -> Option<u64> {
        let &Entry { low, position, .. } = self.entries.look(self.entries.find(key)?);
        Some(self.due_at(self.slots[slot_of(low)].at(position)?))
    }

    /// The payload of an entry.
    pub fn payload(&mut self, key: Key) -> Option<&mut T> {
        let index = self.entries.find(key)?;
        self.entries.at(index).payload.as_mut()
    }

    /// Moves entries that are due at `now` to the end of `due`, by deadline and then by age, until
    /// there are at least `limit`. True if more may be due.
    pub fn advance(&mut self, now: u64, limit: usize, due: &mut Vec<Due<T>>) -> bool {
        let now = now.min(REACH_NS - 1);
        loop {
            let Some((tick, deadline)) = self.soonest() else {
                self.next = NEVER;
                self.cursor = self.cursor.max(now >> TICK_BITS);
                return false;
            };
            self.next = deadline;
            if deadline > now {
                // Not beyond the tick that was found: later ones are not fired yet.
                self.cursor = self.cursor.max(tick.min(now >> TICK_BITS));
                return false;
            }
            if due.len() >= limit {
                return true;
            }
            self.cursor = tick;
            self.take_due(tick, now, due);
        }
    }

    /// Empties the wheel, and gives its slots back.
    pub fn drain(&mut self, mut each: impl FnMut(T)) {
        for slot in std::mem::take(&mut self.slots) {
            for mark in slot.live() {
                each(self.entries.remove(mark.index).payload.expect(LIVE));
            }
        }
        self.occupied = [0; SLOTS / WORD];
        self.next = NEVER;
    }

    /// Puts the mark of an entry into its slot: its position there, and the part of the deadline that it
    /// does not have.
    #[inline]
    fn mark(&mut self, index: u32, deadline: u64) -> (u32, u32) {
        let deadline = deadline.min(REACH_NS);
        let (turn, low) = ((deadline >> LOW_BITS) as u32, (deadline & LOW) as u32);
        let slot = slot_of(low);
        if self.slots.is_empty() {
            self.make_slots();
        }
        self.cursor = self.cursor.min(deadline >> TICK_BITS); // invariant 2
        self.occupied[slot / WORD] |= 1 << (slot % WORD);
        self.next = self.next.min(deadline);
        (self.slots[slot].put(Mark { turn, index }), low)
    }

    #[cold]
    fn make_slots(&mut self) {
        self.slots.resize_with(SLOTS, Slot::new);
    }

    /// Takes the mark of an entry out of its slot.
    #[inline]
    fn unmark(&mut self, low: u32, position: u32) {
        let slot = slot_of(low);
        self.slots[slot].take(position);
        if self.slots[slot].is_empty() {
            self.occupied[slot / WORD] &= !(1 << (slot % WORD));
        }
    }

    /// The earliest tick that has a mark, and the earliest deadline in it.
    fn soonest(&mut self) -> Option<(u64, u64)> {
        loop {
            let slot = self.first_in_coming_turn().or_else(|| self.first_of_all())?;
            let marks = &self.slots[slot];
            let least = marks.iter().map(|mark| mark.turn).min(); // a hole's is the greatest
            let least = least.expect("the bit of an empty slot is not set");
            if least == marks.least {
                let marks = marks.iter().filter(|mark| mark.turn == least);
                let deadline = marks.map(|mark| self.due_at(mark)).min();
                let tick = u64::from(least) << SLOT_BITS | slot as u64;
                return deadline.map(|deadline| (tick, deadline));
            }
            // The bound was stale. Now it is exact, so the loop ends after one round per slot.
            self.slots[slot].least = least;
        }
    }

    /// The deadline of the entry that has this mark.
    fn due_at(&self, mark: Mark) -> u64 {
        u64::from(mark.turn) << LOW_BITS | u64::from(self.entries.look(mark.index).low)
    }

    /// The first slot, in order of time, that may have a mark within one turn from the cursor.
    fn first_in_coming_turn(&self) -> Option<usize> {
        let (turn, from) = split(self.cursor);
        let this_turn = |slot: &usize| self.slots[*slot].least <= turn;
        let next_turn = |slot: &usize| self.slots[*slot].least <= turn + 1; // not beyond that of holes
        self.occupied_in(from, SLOTS)
            .find(this_turn)
            .or_else(|| self.occupied_in(0, from).find(next_turn))
    }

    /// The slot that has the lowest bound of all.
    fn first_of_all(&self) -> Option<usize> {
        self.occupied_in(0, SLOTS).min_by_key(|slot| (self.slots[*slot].least, *slot))
    }

    /// The occupied slots in a range, in order.
    fn occupied_in(&self, from: usize, to: usize) -> impl Iterator<Item = usize> {
        (from / WORD..to.div_ceil(WORD)).flat_map(move |word| {
            let first = word * WORD;
            let mut bits = self.occupied[word];
            if from > first {
                bits &= u64::MAX << (from - first);
            }
            if to < first + WORD {
                bits &= !(u64::MAX << (to - first));
            }
            std::iter::from_fn(move || {
                let slot = first + bits.trailing_zeros() as usize;
                (bits != 0).then(|| bits &= bits - 1)?;
                Some(slot)
            })
        })
    }

    /// Moves what is due in this tick to `due`, in order.
    fn take_due(&mut self, tick: u64, now: u64, due: &mut Vec<Due<T>>) {
        let (turn, slot) = split(tick);
        let begin = due.len();
        let mut position = 0;
        while let Some(mark) = self.slots[slot].at(position) {
            position += 1;
            if mark.turn > turn {
                continue; // or it is a hole
            }
            let deadline = self.due_at(mark);
            if deadline <= now {
                let Entry { serial, payload, low, position, .. } = self.entries.remove(mark.index);
                self.unmark(low, position);
                due.push(Due { deadline, serial, payload: payload.expect(LIVE) });
            }
        }
        due[begin..].sort_unstable_by_key(|due| (due.deadline, due.serial));
        self.slots[slot].tidy(|mark, position| self.entries.at(mark.index).position = position);
    }
}

impl<T> Default for Wheel<T> {
    fn default() -> Self {
        Self::new()
    }
}

/// The turn and the slot of a tick.
fn split(tick: u64) -> (u32, usize) {
    // Ticks are not beyond REACH_NS >> TICK_BITS, so 32 bits are left of them.
    ((tick >> SLOT_BITS) as u32, tick as usize % SLOTS)
}

/// The slot in the low bits of a deadline.
fn slot_of(low: u32) -> usize {
    (low >> TICK_BITS) as usize
}

#[cfg(test)]
mod tests;
