//! A slot of the wheel: the marks of the deadlines that share it.
//!
//! A mark that is taken out leaves a *hole*, which the next mark fills. To move the last mark there
//! would keep the marks dense, but the entry of that mark would have to be told, and to write to an
//! entry that nobody looks at is a cache miss: with a million timers armed, a cancel had four of them and
//! has three (`timers_1m`: 0.87).
//!
//! # Invariants
//!
//! 1. Each hole is on the list that begins at `hole` and goes on in the index of each.
//! 2. `live` counts the marks that are no holes. When none is left, the holes go, too.
//! 3. `least` is at most the turn of each mark, if there are any.

/// The turn that a hole has; no deadline is so late.
pub(crate) const HOLE: u32 = u32::MAX;
/// The end of the list of holes.
const NONE: u32 = u32::MAX;
/// A vector with this many times the room that is needed gives it back.
const SLACK: usize = 8;
/// A vector with no more room than this is not worth shrinking.
const SMALL: usize = 64;

/// An entry as its slot knows it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Mark {
    /// The turn of the wheel in which it is due.
    pub turn: u32,
    /// Its place among the entries.
    pub index: u32,
}

/// The marks of a slot.
#[derive(Debug)]
pub(crate) struct Slot {
    marks: Vec<Mark>,
    /// Where the last hole was made, [`NONE`] if there is none; invariant 1.
    hole: u32,
    /// Invariant 2.
    live: u32,
    /// Invariant 3.
    pub least: u32,
}

impl Slot {
    pub fn new() -> Slot {
        Slot { marks: Vec::new(), hole: NONE, live: 0, least: 0 }
    }

    pub fn is_empty(&self) -> bool {
        self.live == 0
    }

    /// Adds a mark and says where it is.
    pub fn put(&mut self, mark: Mark) -> u32 {
        self.least = if self.is_empty() { mark.turn } else { self.least.min(mark.turn) };
        self.live += 1;
        let position = self.hole;
        if position == NONE {
            self.marks.push(mark);
            return self.marks.len() as u32 - 1; // not more than there are entries
        }
        let hole = std::mem::replace(&mut self.marks[position as usize], mark);
        self.hole = hole.index;
        position
    }

    /// Takes the mark at this position out.
    pub fn take(&mut self, position: u32) {
        self.marks[position as usize] = Mark { turn: HOLE, index: self.hole };
        self.hole = position;
        self.live -= 1;
        if self.is_empty() {
            self.marks.clear();
            self.hole = NONE;
        }
    }

    /// The mark at this position; or a hole; `None` at the end.
    pub fn at(&self, position: u32) -> Option<Mark> {
        self.marks.get(position as usize).copied()
    }

    /// Marks and holes.
    pub fn iter(&self) -> impl Iterator<Item = Mark> {
        self.marks.iter().copied()
    }

    /// The marks that are no holes.
    pub fn live(&self) -> impl Iterator<Item = Mark> {
        self.iter().filter(|mark| mark.turn != HOLE)
    }

    /// Gives room back, if there is far too much; `moved` is told which mark is where then.
    pub fn tidy(&mut self, mut moved: impl FnMut(Mark, u32)) {
        let live = self.live as usize;
        if self.marks.capacity() <= SMALL || live >= self.marks.capacity() / SLACK {
            return;
        }
        self.marks.retain(|mark| mark.turn != HOLE);
        self.marks.shrink_to(live * 2);
        self.hole = NONE;
        for (mark, position) in self.iter().zip(0..) {
            moved(mark, position);
        }
    }

    /// Places there is memory for.
    #[cfg(test)]
    pub fn room(&self) -> usize {
        self.marks.capacity()
    }

    /// The positions of the holes, the last one first.
    #[cfg(test)]
    pub fn holes(&self) -> impl Iterator<Item = u32> {
        let next = |hole: &u32| self.at(*hole).map(|hole| hole.index);
        std::iter::successors(Some(self.hole), next).take_while(|hole| *hole != NONE)
    }
}
