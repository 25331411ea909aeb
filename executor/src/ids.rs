//! Task numbers, handed out in blocks so that workers do not meet at one counter.

use windlass_sync::shim::atomic::{AtomicU64, Ordering::*};

use crate::task::TaskId;

/// Numbers per block: one shared write per so many spawns of a worker.
const BLOCK: u64 = 1024;

/// The source of one runtime's task numbers.
#[derive(Debug)]
pub struct Ids(AtomicU64);

impl Ids {
    /// Numbers from 1 on.
    #[allow(clippy::new_without_default, reason = "loom's atomics have no const default")]
    pub fn new() -> Self {
        Self(AtomicU64::new(1))
    }

    /// A number for a task that no worker spawns.
    pub fn one(&self) -> TaskId {
        // ORDERING: Relaxed. Only that it is unique matters.
        TaskId(self.0.fetch_add(1, Relaxed))
    }

    /// A block of numbers for one worker.
    pub fn block(&self) -> std::ops::Range<u64> {
        // ORDERING: Relaxed. Only that they are unique matters.
        let first = self.0.fetch_add(BLOCK, Relaxed);
        first..first + BLOCK
    }
}
