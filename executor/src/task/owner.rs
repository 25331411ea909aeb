//! The scheduler as the owner of its tasks, without a counted reference per task.

use std::ptr::NonNull;
use std::sync::Arc;

use super::cell::Owner;
use super::describe::TaskId;
use super::runnable::{Listed, Runnable};
use crate::scheduler::Shared;

/// A pointer to the scheduler that every task of it carries.
///
/// A counted one would have all workers write one line at every spawn and every end of a task.
#[derive(Clone, Copy, Debug)]
pub struct SchedulerRef(NonNull<Shared>);

// SAFETY: rule 5; the scheduler itself is shared between threads.
unsafe impl Send for SchedulerRef {}
// SAFETY: as above.
unsafe impl Sync for SchedulerRef {}

impl SchedulerRef {
    /// For tasks that are listed in `shared`'s registry, and only those.
    pub(crate) fn new(shared: &Arc<Shared>) -> Self {
        Self(NonNull::from(&**shared))
    }
}

impl Owner for SchedulerRef {
    fn push(&self, task: Runnable) {
        // SAFETY: rule 5. We hold the `Runnable`, so the task is listed and not done, and
        // `Shared::drop` waits for the registry to empty. What `schedule` does after it has given
        // the task away is covered by `Shared::transit`, which the same drop waits for.
        unsafe { self.0.as_ref() }.schedule(task);
    }

    fn unlist(&self, place: u64) -> Listed {
        // SAFETY: rule 5: the runner asks before the task is done.
        unsafe { self.0.as_ref() }.unlist(place)
    }

    /// Nothing: a cancelled task is met in its queue soon enough, and by then the scheduler might
    /// be gone.
    fn retract(&self, _: TaskId) {}
}
