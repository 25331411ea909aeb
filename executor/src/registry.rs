//! Every task that is not done, for shutdown and for dumps.
//!
//! Sharded by worker: a task is listed in the shard of the worker that spawned it, so that two
//! spawning workers do not meet at one lock. Nothing of the user's runs or is dropped under these
//! locks: an entry is a reference to a cell, and never the last one.

use slab::Slab;
use windlass_sync::shim::Mutex;

use crate::task::Runnable;
use crate::task::runnable::Listed;

/// The lists of one runtime.
#[derive(Debug)]
pub struct Registry(Box<[Mutex<Shard>]>);

#[derive(Debug)]
struct Shard {
    entries: Slab<Listed>,
    /// No task is admitted any more.
    closed: bool,
}

impl Registry {
    /// Empty lists.
    pub fn new(shards: usize) -> Self {
        let shard = || Mutex::new(Shard { entries: Slab::new(), closed: false });
        Self((0..shards).map(|_| shard()).collect())
    }

    /// Makes a task by `make` and lists it; `None`, without making it, once the registry is closed.
    ///
    /// `make` runs under the shard's lock, so it must only allocate.
    pub fn admit<T>(
        &self,
        shard: usize,
        make: impl FnOnce() -> (Runnable, T),
    ) -> Option<(Runnable, T)> {
        let mut list = self.0[shard].lock();
        if list.closed {
            return None;
        }
        let (runnable, rest) = make();
        runnable.list(|entry| ((shard as u64) << 32) | list.entries.insert(entry) as u64);
        Some((runnable, rest))
    }

    /// Takes an entry off its list; the caller gives it back to the task.
    pub fn take(&self, place: u64) -> Listed {
        let (shard, key) = ((place >> 32) as usize, (place & 0xFFFF_FFFF) as usize);
        let mut list = self.0[shard].lock();
        let entry = list.entries.remove(key);
        // A million tasks that have come and gone should not keep their room for ever.
        if list.entries.is_empty() && list.entries.capacity() > 1024 {
            list.entries = Slab::new();
        }
        entry
    }

    /// Admits no task any more.
    pub fn close(&self) {
        for shard in &self.0 {
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
        for shard in &self.0 {
            for (_, entry) in &shard.lock().entries {
                look(entry);
            }
        }
    }

    /// How many tasks are not done.
    pub fn len(&self) -> usize {
        self.0.iter().map(|shard| shard.lock().entries.len()).sum()
    }

    /// True if every task is done.
    pub fn is_empty(&self) -> bool {
        self.0.iter().all(|shard| shard.lock().entries.is_empty())
    }
}
