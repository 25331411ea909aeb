//! How far the end of a runtime has come, and where those sleep who wait for it.
//!
//! It has two phases: no task is admitted any more; then the worker threads are to end. The threads
//! that have not ended are counted in the same word, because who says stop need not be able to wait
//! for them. Then the last thread closes the reactor and the timers:
//!
//! ```text
//!   who says stop and leaves               a thread that ends
//!   S1  set STOPPING                       T1  count down
//!   S2  is no thread left? close           T2  was it the last, and STOPPING set? close
//! ```
//!
//! A thread mostly ends because it has seen STOPPING, but also by a panic of the user's hook. S1 and
//! T1 change one word, so one of them comes first, and the other one's side sees it. With two words
//! each side could miss what the other has just written, and nobody would close.
//!
//! Who waits for the last thread or the last task sleeps on the parker here, and looks again after
//! each unpark. Whatever he looks at is changed before the unpark. That a task is the last one is
//! seen by its runner only if that sees CLOSING; it does, if it takes its task off the registry after
//! who waits has looked there, because CLOSING is set before that look, and the registry has a lock.
//!
//! # Orderings
//!
//! | label     | release side             | acquire side           | what crosses |
//! |-----------|--------------------------|------------------------|--------------|
//! | `phase`   | [`Ending::say`]          | [`Ending::must_stop`], [`Ending::task_gone`] | what was done before it was said; who reads it late is unparked after it |
//! | `threads` | [`Ending::thread_ends`]  | [`Ending::threads`]    | what the thread did before it ended |

use std::time::Instant;

use windlass_sync::shim::atomic::{AtomicUsize, Ordering::*};

use crate::parker::Parker;

/// No task is admitted; those there are, are being cancelled.
pub const CLOSING: usize = 1;
/// Worker threads are to end. Comes after [`CLOSING`].
pub const STOPPING: usize = 2;
/// One thread that has not ended.
const THREAD: usize = 4;

/// The end of one runtime.
#[derive(Debug, Default)]
pub struct Ending {
    /// The phases that have come, and the count of the threads.
    word: AtomicUsize,
    /// Where the thread sleeps that shuts the runtime down.
    sleeper: Parker,
}

impl Ending {
    /// A phase has come. The caller then wakes everybody who must see it.
    pub fn say(&self, phase: usize) {
        // ORDERING: Release, of `phase`.
        self.word.fetch_or(phase, Release);
    }

    /// True once worker threads are to end.
    #[inline]
    pub fn must_stop(&self) -> bool {
        // ORDERING: Acquire, of `phase`.
        self.word.load(Acquire) & STOPPING != 0
    }

    /// A worker thread is about to be started.
    pub fn thread_starts(&self) {
        // ORDERING: Relaxed. Counted by the thread that will wait for it.
        self.word.fetch_add(THREAD, Relaxed);
    }

    /// A worker thread has ended, or could not be started. Calls `close` if it was the last one after
    /// a stop: who said that may have found it still alive, and gone.
    pub fn thread_ends(&self, close: impl FnOnce()) {
        // ORDERING: AcqRel, release side of `threads`; the last one sees what the others did.
        let before = self.word.fetch_sub(THREAD, AcqRel);
        if before / THREAD == 1 && before & STOPPING != 0 {
            close();
        }
        self.sleeper.unpark(|| {});
    }

    /// Worker threads that have not ended.
    pub fn threads(&self) -> usize {
        // ORDERING: Acquire, of `threads`.
        self.word.load(Acquire) / THREAD
    }

    /// Waits for the worker threads; how many have not ended by the deadline.
    pub fn wait_for_threads(&self, deadline: Option<Instant>) -> usize {
        while self.threads() > 0 && deadline.is_none_or(|deadline| Instant::now() < deadline) {
            self.sleep(deadline);
        }
        self.threads()
    }

    /// Sleeps until a thread or the last task is gone, or until `deadline`.
    pub fn sleep(&self, deadline: Option<Instant>) {
        self.sleeper.park(deadline);
        self.sleeper.clear();
    }

    /// A task has left the registry; true if it was the last one while the runtime is closing. Then
    /// who waits here is woken, and the caller wakes seat 0, where somebody may wait as well.
    pub fn task_gone(&self, is_empty: impl FnOnce() -> bool) -> bool {
        // ORDERING: Acquire, of `phase`.
        let last = self.word.load(Acquire) & CLOSING != 0 && is_empty();
        if last {
            self.sleeper.unpark(|| {});
        }
        last
    }
}
