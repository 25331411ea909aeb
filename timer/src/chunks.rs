//! Storage for the wheel's entries: a slab that never moves what it holds.
//!
//! A plain slab is one vector. With a million sleepers its next doubling copies 32 MB, under the
//! lock of the shard. Here the vector is cut into chunks, so growing costs one allocation of a fixed
//! size. When the last entry leaves, all chunks but the first are given back.
//!
//! Each entry has a *serial number*, never used twice: a [`Key`] of an entry that is gone finds
//! nothing, also when another entry has moved into its place.

use std::num::NonZeroU64;

/// Entries per chunk: 128 KiB of them.
const CHUNK: usize = 4096;

/// The end of the list of vacant places.
const NONE: u32 = u32::MAX;

/// Names one entry for ever.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Key {
    serial: NonZeroU64,
    /// Where the entry is, if it still is.
    pub(crate) index: u32,
}

/// One entry: with a waker for payload half a cache line, and never parts of two.
#[derive(Debug)]
#[repr(align(32))]
pub(crate) struct Entry<T> {
    /// Its number, older entries have lower ones.
    pub serial: u64,
    /// What the owner gets back; `None` only in a vacant place.
    pub payload: Option<T>,
    /// Where its mark is in the slot; in a vacant place, the next vacant one.
    pub position: u32,
    /// The part of its deadline that its mark does not have.
    pub low: u32,
}

/// The slab of chunks.
#[derive(Debug)]
pub(crate) struct Chunks<T> {
    chunks: Vec<Vec<Entry<T>>>,
    /// The first vacant place, [`NONE`] if every place is taken.
    vacant: u32,
    /// Entries that are not vacant.
    len: usize,
    /// The serial number of the last entry.
    serial: u64,
}

impl<T> Chunks<T> {
    pub fn new() -> Self {
        Self { chunks: Vec::new(), vacant: NONE, len: 0, serial: 0 }
    }

    pub fn len(&self) -> usize {
        self.len
    }

    /// Where the next entry will be, for its mark: in a vacant place, or else behind the others.
    #[inline]
    pub fn next_index(&self) -> u32 {
        if self.vacant == NONE { self.len as u32 } else { self.vacant }
    }

    /// Adds an entry at the [next index](Self::next_index); its mark is in the slot already.
    #[inline]
    pub fn insert(&mut self, payload: T, position: u32, low: u32) -> Key {
        self.serial += 1;
        let serial = NonZeroU64::new(self.serial).expect("the first serial number is 1");
        let entry = Entry { serial: self.serial, payload: Some(payload), position, low };
        let index = self.next_index();
        if self.vacant == NONE {
            self.push(entry);
        } else {
            self.vacant = std::mem::replace(self.at(index), entry).position;
        }
        self.len += 1;
        Key { serial, index }
    }

    /// Takes an entry out; its place is vacant then.
    #[inline]
    pub fn remove(&mut self, index: u32) -> Entry<T> {
        // The serial number is one that no key has.
        let vacant = Entry { serial: 0, payload: None, position: self.vacant, low: 0 };
        let entry = std::mem::replace(self.at(index), vacant);
        self.vacant = index;
        self.len -= 1;
        if self.len == 0 && self.chunks.len() > 1 {
            self.clear();
        }
        entry
    }

    /// Gives all chunks but the first back.
    #[cold]
    fn clear(&mut self) {
        self.chunks.truncate(1);
        self.chunks[0].clear();
        self.vacant = NONE;
    }

    /// The index of a live entry.
    pub fn find(&self, key: Key) -> Option<u32> {
        let entry = self.chunks.get(key.index as usize / CHUNK)?.get(key.index as usize % CHUNK)?;
        (entry.serial == key.serial.get()).then_some(key.index)
    }

    /// The entry at an index that a mark or [`find`](Self::find) gave.
    #[inline]
    pub fn at(&mut self, index: u32) -> &mut Entry<T> {
        &mut self.chunks[index as usize / CHUNK][index as usize % CHUNK]
    }

    /// As [`at`](Self::at), to look only.
    #[inline]
    pub fn look(&self, index: u32) -> &Entry<T> {
        &self.chunks[index as usize / CHUNK][index as usize % CHUNK]
    }

    /// Places there is memory for.
    #[cfg(test)]
    pub fn room(&self) -> usize {
        self.chunks.iter().map(Vec::capacity).sum()
    }

    /// Puts an entry at the end, where every place is taken.
    fn push(&mut self, entry: Entry<T>) {
        assert!(self.len < NONE as usize, "four thousand million sleepers do not fit into memory");
        if self.len / CHUNK == self.chunks.len() {
            self.chunks.push(Vec::with_capacity(CHUNK));
        }
        self.chunks[self.len / CHUNK].push(entry);
    }
}
