//! The values of a broadcast channel, and where each receiver is among them. Pure data.
//!
//! Values are numbered in the order they were sent, and a receiver's position is the number of the
//! value it takes next. A value is kept until the last receiver has passed it, or until it is
//! overtaken. To know when, each slot counts the receivers whose position it is:
//!
//! ```text
//!   number      7    8    9    10             four receivers: at 7, at 7, at 9, and one that has
//!   readers     2    0    1    .   idle: 1    taken all (10 is sent next)
//!               ^ oldest: always has a reader, or it would not be kept
//! ```
//!
//! A receiver that takes a value moves on by one slot: two counts change. Overtaking moves the
//! readers of the oldest slot to the next one, which is where those receivers go on. So each
//! operation takes the same time, however many receivers there are and however far behind; a count
//! of those who have still to see a value would have to be changed in every slot when a receiver
//! goes.

use std::collections::VecDeque;

use super::RecvError;
use crate::shim::Arc;

/// Values on their way to all receivers.
pub(super) struct Ring<T> {
    /// How many values are kept at most.
    capacity: usize,
    /// The values that somebody has still to take, the oldest first.
    kept: VecDeque<Slot<T>>,
    /// How many values were ever sent, which is the number of the next one.
    sent: u64,
    /// How many receivers have taken all there is.
    idle: usize,
}

impl<T> Ring<T> {
    /// An empty one, with a receiver at its end.
    pub(super) fn new(capacity: usize) -> Self {
        Self { capacity, kept: VecDeque::new(), sent: 0, idle: 1 }
    }

    /// Lets a receiver in; it will take what is sent from now on. Returns its position.
    pub(super) fn enter(&mut self) -> u64 {
        self.idle += 1;
        self.sent
    }

    /// Adds a value; returns the oldest one if that had to make room, to be dropped after unlocking.
    ///
    /// There must be a receiver.
    pub(super) fn push(&mut self, value: Arc<T>) -> Option<Arc<T>> {
        let is_full = self.kept.len() == self.capacity;
        let overtaken = if is_full { self.kept.pop_front() } else { None };
        self.kept.push_back(Slot { value, readers: std::mem::take(&mut self.idle) });
        self.sent += 1;
        let Slot { value, readers } = overtaken?;
        self.kept[0].readers += readers;
        Some(value)
    }

    /// Takes what is at a receiver's position, and moves that on; `None` if nothing is there yet.
    ///
    /// A value that nobody is left to take is not shared with the ring any more.
    pub(super) fn take(&mut self, position: &mut u64) -> Option<Result<Arc<T>, RecvError>> {
        let oldest = self.oldest();
        if *position < oldest {
            let missed = oldest - *position;
            *position = oldest;
            return Some(Err(RecvError::Lagged(missed)));
        }
        let index = (*position - oldest) as usize;
        let slot = self.kept.get_mut(index)?;
        slot.readers -= 1;
        let value = slot.value.clone();
        *position += 1;
        match self.kept.get_mut(index + 1) {
            Some(next) => next.readers += 1,
            None => self.idle += 1,
        }
        if self.kept[0].readers == 0 {
            self.kept.pop_front(); // `value` is another of its owners, so nothing is dropped here
        }
        Some(Ok(value))
    }

    /// Lets a receiver go. Returns what nobody is left to take, to be dropped after unlocking.
    pub(super) fn leave(&mut self, position: u64) -> Vec<Arc<T>> {
        let index = position.saturating_sub(self.oldest()) as usize;
        match self.kept.get_mut(index) {
            Some(slot) => slot.readers -= 1,
            None => self.idle -= 1,
        }
        let passed = self.kept.iter().take_while(|slot| slot.readers == 0).count();
        self.kept.drain(..passed).map(|slot| slot.value).collect()
    }

    /// How many values are kept.
    pub(super) fn len(&self) -> usize {
        self.kept.len()
    }

    /// How many of them a receiver at `position` has still to take.
    pub(super) fn ahead_of(&self, position: u64) -> usize {
        (self.sent - position.max(self.oldest())) as usize
    }

    /// The number of the oldest value that is kept, or of the next one if none is.
    fn oldest(&self) -> u64 {
        self.sent - self.kept.len() as u64
    }
}

/// A value that somebody has still to take.
struct Slot<T> {
    value: Arc<T>,
    /// How many receivers take it next. The oldest slot also counts those whose next one was
    /// overtaken.
    readers: usize,
}

#[cfg(test)]
mod tests;
