//! Threads that queue a task and do not belong to the runtime.
//!
//! Such a thread has no share in the runtime, only a task of it. While it holds the task the runtime
//! stays, since that is freed only after its last task (rule 5 of [`crate::task`]). But once the task
//! is in a queue anybody may end it, and the thread still has to wake a worker. So it is counted:
//!
//! ```text
//!   a thread with a task                   who drops the runtime
//!   Q1  count up                           D1  drop whatever task is in a queue
//!   Q2  put the task into a queue          D2  is no task left?
//!   Q3  wake a worker                      D3  is nobody counted? done, else D1 again
//!   Q4  count down
//! ```
//!
//! If D2 finds no task left, then D1 has met this one after Q2, and so D3 comes after Q1: it sees the
//! count until Q4, after which the thread touches nothing of the runtime.
//!
//! # Orderings
//!
//! | label     | release side               | acquire side            | what crosses |
//! |-----------|----------------------------|-------------------------|--------------|
//! | `transit` | [`Transit::pass`], at its end | [`Transit::wait_out`] | the thread's last use of the runtime |

use windlass_sync::shim::atomic::{AtomicUsize, Ordering::*};
use windlass_sync::shim::thread;

/// The count of them. On cache lines of its own: they write it, and what lies beside it in the runtime
/// is read at every turn of every worker.
#[derive(Debug, Default)]
#[repr(align(128))]
pub struct Transit(AtomicUsize);

impl Transit {
    /// Runs `queue`, which puts a task into a queue and wakes who should know. The runtime stays until
    /// it returns.
    pub fn pass(&self, queue: impl FnOnce()) {
        // ORDERING: Relaxed. The task that the caller still holds keeps the runtime.
        self.0.fetch_add(1, Relaxed);
        queue();
        // ORDERING: Release, of `transit`. Nothing of the runtime is touched after it.
        self.0.fetch_sub(1, Release);
    }

    /// For who drops the runtime: calls `clear`, which drops what is queued and says whether no task is
    /// left, until that is so and nobody is under way.
    pub fn wait_out(&self, mut clear: impl FnMut() -> bool) {
        // ORDERING: Acquire, of `transit`.
        while !clear() || self.0.load(Acquire) > 0 {
            // Some thread has woken a task and not pushed it yet, or is about to wake a worker.
            thread::yield_now();
        }
    }
}
