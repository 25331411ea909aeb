//! Every task that is not done, for shutdown and for dumps.
//!
//! Sharded by worker, and each worker's tasks once more by their numbers: two workers that spawn do
//! not meet at one lock, nor does one that spawns meet another that ends what was spawned a moment
//! before. Nothing of the user's runs or is dropped under these locks: an entry is a reference to a cell, and never the last one.

use slab::Slab;
use windlass_sync::shim::{Mutex, MutexGuard};

use crate::task::runnable::Listed;
use crate::task::{Runnable, TaskId};

/// Shards for each owner.
pub const SPREAD: usize = 8;
/// Tasks in a row that an owner lists in one shard: about as many as are stolen at once.
const ROW: u64 = 32;

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
    entries: Slab<Listed>,
    /// No task is admitted any more.
    closed: bool,
}

impl Registry {
    /// Empty lists, for so many owners, each with so many shards: [`SPREAD`], but for models, to
    /// which each lock is a step.
    pub fn new(owners: usize, spread: usize) -> Self {
        let shard = |_| Mutex::new(Shard { entries: Slab::new(), closed: false });
        Self { shards: (0..owners * spread).map(shard).collect(), spread }
    }

    /// Opens a shard for one task of that number, which is to be made and [listed](Admission::list)
    /// next; `None` once the registry is closed.
    #[inline]
    pub fn open(&self, owner: usize, id: TaskId) -> Option<Admission<'_>> {
        let shard = owner * self.spread + (id.get() / ROW) as usize % self.spread;
        let list = self.shards[shard].lock();
        (!list.closed).then(|| Admission { list, shard })
    }

    /// Takes an entry off its list; the caller gives it back to the task.
    pub fn take(&self, place: u64) -> Listed {
        let (shard, key) = ((place >> 32) as usize, (place & 0xFFFF_FFFF) as usize);
        let mut list = self.shards[shard].lock();
        let entry = list.entries.remove(key);
        // A million tasks that have come and gone should not keep their room for ever; but to grow
        // again for every few thousand costs more than they do. It is at most 256 KiB that stay.
        if list.entries.is_empty() && list.entries.capacity() > 16_384 {
            list.entries = Slab::new();
        }
        entry
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
            for (_, entry) in &shard.lock().entries {
                look(entry);
            }
        }
    }

    /// How many tasks are not done.
    pub fn len(&self) -> usize {
        self.shards.iter().map(|shard| shard.lock().entries.len()).sum()
    }

    /// True if every task is done.
    pub fn is_empty(&self) -> bool {
        self.shards.iter().all(|shard| shard.lock().entries.is_empty())
    }
}

/// Leave to make one task: the runtime does not end before it is listed. It holds the shard's lock,
/// so whoever has it must only allocate.
#[derive(Debug)]
#[must_use = "a task that is not listed is not found at the end"]
pub struct Admission<'a> {
    list: MutexGuard<'a, Shard>,
    shard: usize,
}

impl Admission<'_> {
    /// Lists the task that was made.
    #[inline]
    pub fn list(mut self, task: &Runnable) {
        let shard = (self.shard as u64) << 32;
        task.list(|entry| shard | self.list.entries.insert(entry) as u64);
    }
}
