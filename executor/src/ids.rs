//! Task numbers, handed out in blocks so that workers do not meet at one counter.

use windlass_sync::shim::atomic::{AtomicU64, Ordering::*};
use windlass_sync::waiting;

use crate::task::TaskId;

/// Numbers per block: one shared write per so many spawns of a worker.
const BLOCK: u64 = 1024;

/// The source of one runtime's task numbers.
#[derive(Debug)]
pub struct Ids(AtomicU64);

impl Ids {
    /// Numbers from 1 on, for the runtime that lies there in memory; 0 for jobs of no runtime's, which own
    /// nothing.
    ///
    /// Tasks of two runtimes may share a mutex, which must not take one for the other because their
    /// numbers are the same. So an [owner](waiting::number) has above the number what comes of the
    /// place of its runtime. That two which live have the same there is possible, but improbable.
    pub fn new(place: usize) -> Self {
        let mixed = (place as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15); // 2^64 by the golden ratio
        Self(AtomicU64::new(mixed - waiting::number(mixed) + 1))
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
