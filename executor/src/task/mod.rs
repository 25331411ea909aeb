//! Tasks: one allocation each, one word that says everything, and all the `unsafe` there is.
//!
//! ```text
//!   Task<T>        AbortHandle       Waker          registry        run queue
//!  (JOINABLE)       (a handle)     (a waker)        (LISTED)       Runnable (ACTIVE)
//!       \               |              |               |               /
//!        +--------------+------ one cell in the heap --+--------------+
//!                       | state word | vtable | meta | owner | future or output |
//! ```
//!
//! Read [`state`] first: it is the protocol. Then [`cell`] (the memory), [`runnable`] (who polls),
//! [`waker`], [`join`] (who waits), [`meta`] (what a dump shows), [`local`] (futures that stay on
//! their thread) and [`slot`] (a place for one task that others may take from).
//!
//! # The rules that make this sound
//!
//! Every `unsafe` block names the rule it rests on.
//!
//! 1. *Who has a reference may read the header.* A `Runnable`, a `Task`, an `AbortHandle`, a waker and the
//!    registry's entry are one reference each, counted or flagged in the state word. The transition
//!    that removes the last one returns `Free`, and only its caller frees the cell.
//! 2. *Only the holder of the `Runnable` touches the future.* There is at most one `Runnable`: it is
//!    made together with the cell, or by the one transition that sets `ACTIVE`.
//! 3. *After `DONE` the output belongs to the `Task` if it was there at that moment, else to the
//!    runner.* `complete` and `let_go` are exchanges on one word, so each sees the other or is seen.
//! 4. *The future is never moved after it was stored,* and is dropped in place, so it may be pinned.
//! 5. *The owner outlives every task that is not done.* A scheduler is freed only after it has
//!    emptied its registry; whoever holds an active task's `Runnable` may therefore use the owner.
//! 6. *A future that is not `Send` is polled and dropped only on the thread that made it.*
//! 7. *Who holds the lock of the loose part has that part for itself*, as with any mutex; the two lie
//!    apart because together they take a word more, and there is one of them in each task.

pub mod cell;
pub mod describe;
pub mod error;
pub mod join;
pub mod local;
mod loose;
pub mod meta;
pub mod owner;
pub mod runnable;
pub mod slot;
pub mod state;
pub mod waker;

pub use cell::{Owner, Spec, new_local_task, new_task};
pub use describe::{Described, TaskId};
pub use error::JoinError;
pub use join::{AbortHandle, Task};
pub use runnable::{Ran, Runnable};

/// The number of the task, or of the root future, that is being polled on this thread.
///
/// # Examples
/// ```
/// # use windlass_executor::{run, spawn, task::try_id};
/// assert!(try_id().is_none());
/// run(async {
///     let task = spawn(async { try_id().unwrap() });
///     let id = task.id();
///     assert_eq!(task.await.unwrap(), id);
/// });
/// ```
pub fn try_id() -> Option<TaskId> {
    match windlass_sync::waiting::owner() {
        0 => None,
        id => Some(TaskId(id)),
    }
}
