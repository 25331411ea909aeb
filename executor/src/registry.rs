//! Every task that is not done, for shutdown and for dumps.
//!
//! Sharded by worker, and each worker's tasks once more by their numbers: two workers that spawn do
//! not meet at one lock, nor does one that spawns meet another that ends what was spawned a moment
//! before. Nothing of the user's runs or is dropped under these locks: an entry is a reference to a cell,
//! and never the last one.

use windlass_sync::shim::{Mutex, MutexGuard};

use crate::task::runnable::Listed;
use crate::task::{Runnable, TaskId};

/// Shards for each owner.
pub const SPREAD: usize = 8;
/// Tasks in a row that an owner lists in one shard: about as many as are stolen at once.
const ROW: u64 = 32;
/// A list that is empty gives back what it had room for beyond this; less is kept, since to grow again for
/// every few thousand tasks costs more than they do.
const ROOM: usize = 16_384;

/// The lists of one runtime.
#[derive(Debug)]
pub struct Registry {
    shards: Box<[Mutex<Shard>]>,
    spread: usize,
}

/// One list, on cache lines of its own.
#[derive(Debug)]
#[repr(align(128))]
struct Shard {
    list: List<Listed>,
    /// No task is admitted any more.
    closed: bool,
}

/// Entries by their places, and the places that are free. A slab keeps the free ones in the list itself
/// and takes two words for each entry; this takes one, and half as many cache lines.
#[derive(Debug)]
struct List<T> {
    entries: Vec<Option<T>>,
    free: Vec<u32>,
}

impl<T> List<T> {
    const fn new() -> Self {
        Self { entries: Vec::new(), free: Vec::new() }
    }

    #[inline]
    fn insert(&mut self, entry: T) -> u32 {
        let Some(place) = self.free.pop() else {
            self.entries.push(Some(entry));
            return u32::try_from(self.entries.len() - 1).expect("there is no memory for so many");
        };
        self.entries[place as usize] = Some(entry);
        place
    }

    fn remove(&mut self, place: u32) -> T {
        let entry = self.entries[place as usize].take().expect("an entry is taken once");
        self.free.push(place);
        if self.len() == 0 {
            self.entries.clear();
            self.free.clear();
            self.entries.shrink_to(ROOM);
            self.free.shrink_to(ROOM);
        }
        entry
    }

    fn len(&self) -> usize {
        self.entries.len() - self.free.len()
    }
}

impl Registry {
    /// Empty lists, for so many owners, each with so many shards: [`SPREAD`], but for models, to
    /// which each lock is a step.
    pub fn new(owners: usize, spread: usize) -> Self {
        let shard = |_| Mutex::new(Shard { list: List::new(), closed: false });
        Self { shards: (0..owners * spread).map(shard).collect(), spread }
    }

    /// Opens a shard for one task of that number, which is to be made and [listed](Admission::list)
    /// next; `None` once the registry is closed.
    #[inline]
    pub fn open(&self, owner: usize, id: TaskId) -> Option<Admission<'_>> {
        let shard = owner * self.spread + (id.get() / ROW) as usize % self.spread;
        let open = self.shards[shard].lock();
        (!open.closed).then(|| Admission { open, shard })
    }

    /// Takes an entry off its list; the caller gives it back to the task.
    pub fn take(&self, place: u64) -> Listed {
        self.shards[(place >> 32) as usize].lock().list.remove(place as u32)
    }

    /// Admits no task any more.
    pub fn close(&self) {
        for shard in &self.shards {
            shard.lock().closed = true;
        }
    }

    /// Cancels every task; the ones that must be pushed for it are returned.
    pub fn cancel_all(&self) -> Vec<Runnable> {
        let mut woken = Vec::new();
        self.each(|entry| woken.extend(entry.cancel()));
        woken
    }

    /// Calls `look` for every task, under a lock: it must not call foreign code.
    pub fn each(&self, mut look: impl FnMut(&Listed)) {
        for shard in &self.shards {
            shard.lock().list.entries.iter().flatten().for_each(&mut look);
        }
    }

    /// How many tasks are not done.
    pub fn len(&self) -> usize {
        self.shards.iter().map(|shard| shard.lock().list.len()).sum()
    }

    /// True if every task is done.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// Leave to make one task: the runtime does not end before it is listed. It holds the shard's lock,
/// so whoever has it must only allocate.
#[derive(Debug)]
#[must_use = "a task that is not listed is not found at the end"]
pub struct Admission<'a> {
    open: MutexGuard<'a, Shard>,
    shard: usize,
}

impl Admission<'_> {
    /// Lists the task that was made.
    #[inline]
    pub fn list(mut self, task: &Runnable) {
        let shard = (self.shard as u64) << 32;
        task.list(|entry| shard | u64::from(self.open.list.insert(entry)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_gives_each_entry_once_and_its_place_to_the_next() {
        let mut list = List::new();
        let places: Vec<_> = ["a", "b", "c"].into_iter().map(|entry| list.insert(entry)).collect();
        assert_eq!((places.as_slice(), list.len()), ([0, 1, 2].as_slice(), 3));
        assert_eq!(list.remove(1), "b");
        assert_eq!((list.insert("d"), list.insert("e")), (1, 3));
        let left: Vec<_> = list.entries.iter().flatten().copied().collect();
        assert_eq!(left, ["a", "d", "c", "e"]);
    }

    #[test]
    fn an_empty_list_gives_back_what_is_far_too_much_and_keeps_the_rest() {
        let mut list = List::new();
        for (entries, kept) in [(ROOM / 2, ROOM / 2), (10 * ROOM, ROOM)] {
            (0..entries).for_each(|entry| assert_eq!(list.insert(entry), entry as u32));
            (0..entries).rev().for_each(|entry| assert_eq!(list.remove(entry as u32), entry));
            assert_eq!(list.len(), 0);
            let room = list.entries.capacity();
            assert!((kept..=2 * kept).contains(&room), "room for {room}");
            assert!(list.free.capacity() <= ROOM);
        }
    }
}
