//! Tasks that are bound to one thread and were woken by others.
//!
//! They go to the thread on seat 0, whose worker looks here before it sleeps:
//!
//! ```text
//!   another thread                               the worker of seat 0
//!   B1  push and count, under the lock           C1  park
//!   B2  unpark the worker                        C2  is anything counted? is there an unpark? else sleep
//!                                                C3  take the unpark, and look again
//! ```
//!
//! The count spares the worker the lock when there is nothing; it may be read late. But an unpark is
//! never lost, and whoever takes it sees what came before it (`unpark` of [`crate::parker`]): C3 comes
//! after B2, and so the next look finds what B1 has pushed.

use std::collections::VecDeque;

use windlass_sync::shim::Mutex;
use windlass_sync::shim::atomic::{AtomicUsize, Ordering::*};

use crate::task::Runnable;

/// The queue.
#[derive(Debug, Default)]
pub struct Inbox {
    tasks: Mutex<VecDeque<Runnable>>,
    /// How many there are, stored under the lock.
    count: AtomicUsize,
}

impl Inbox {
    /// Leaves a task; `unpark` wakes the worker.
    pub fn send(&self, task: Runnable, unpark: impl FnOnce()) {
        let mut tasks = self.tasks.lock();
        tasks.push_back(task);
        // ORDERING: Relaxed. The lock orders the stores; the unpark below publishes it.
        self.count.store(tasks.len(), Relaxed);
        drop(tasks);
        unpark();
    }

    /// True if there is nothing, or nothing yet.
    #[inline]
    pub fn is_empty(&self) -> bool {
        // ORDERING: Relaxed. Whoever stores it unparks the worker afterwards.
        self.count.load(Relaxed) == 0
    }

    /// Moves everything to the worker's own queue.
    pub fn receive(&self, to: &mut VecDeque<Runnable>) {
        if !self.is_empty() {
            let mut tasks = self.tasks.lock();
            to.append(&mut tasks);
            // ORDERING: Relaxed. Under the lock.
            self.count.store(0, Relaxed);
        }
    }
}
