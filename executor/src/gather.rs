//! The outputs of several tasks, in the order of the tasks.

use std::fmt;
use std::panic::Location;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::{mem, vec};

use windlass_sync::waiting::Reason;
use windlass_sync::{budget, waiting};

use crate::failure::Failure;
use crate::join_set::JoinSet;
use crate::task::{JoinError, Task};

/// Waits for all tasks and gives their outputs in the order of the tasks.
///
/// A task that fails is an `Err` in its place, and the others run on. Use [`try_gather`] where one
/// failure makes the others pointless, and a [`JoinSet`] to see the outputs as they come. Gathering
/// nothing is ready at once. What a task did before it ended is visible to whoever has its output.
///
/// # Examples
/// ```
/// # use windlass_executor::{gather::gather, run, spawn, yield_now};
/// run(async {
///     let slow = spawn(async {
///         yield_now().await;
///         1
///     });
///     let outputs = gather([slow, spawn(async { 2 }), spawn(async { panic!("no luck") })]).await;
///     assert_eq!(*outputs[0].as_ref().unwrap(), 1);
///     assert_eq!(*outputs[1].as_ref().unwrap(), 2);
///     assert!(outputs[2].as_ref().unwrap_err().is_panic());
/// });
/// ```
///
/// # Cancel safety
/// Dropping it cancels the tasks.
#[track_caller]
pub fn gather<T>(tasks: impl IntoIterator<Item = Task<T>>) -> Gather<T> {
    let tasks = Vec::from_iter(tasks);
    let outputs = Vec::with_capacity(tasks.len());
    Gather { tasks: tasks.into_iter(), outputs, at: Location::caller() }
}

/// The future of [`gather`].
///
/// # Implementation
/// It waits for the first task, then for the second, and so on: they run by themselves, so the last
/// output is there as early as with any other order, and nobody has to keep a list of ends.
#[must_use = "dropping it cancels the tasks"]
pub struct Gather<T> {
    /// Those whose outputs are not here yet.
    tasks: vec::IntoIter<Task<T>>,
    /// The outputs of those before them.
    outputs: Vec<Result<T, JoinError>>,
    at: &'static Location<'static>,
}

impl<T> Unpin for Gather<T> {}

impl<T> Future for Gather<T> {
    type Output = Vec<Result<T, JoinError>>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = &mut *self;
        while let Some(task) = this.tasks.as_mut_slice().first_mut() {
            ready!(budget::poll_proceed_at(cx, this.at));
            if task.poll_finished(cx).is_pending() {
                waiting::note(Reason::Wait { pending: this.tasks.len() }, this.at);
                return Poll::Pending;
            }
            budget::spend();
            this.outputs.push(task.take_finished());
            this.tasks.next();
        }
        Poll::Ready(mem::take(&mut this.outputs))
    }
}

impl<T> fmt::Debug for Gather<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Gather({} outputs, {} to come)", self.outputs.len(), self.tasks.len())
    }
}

/// Waits for all tasks to succeed and gives their values in the order of the tasks.
///
/// The first that fails, by an `Err`, a panic or a cancel, cancels the others; once they are really
/// gone, its failure is the answer. A panic in one of the others is reported as an unobserved one.
/// Gathering nothing is ready at once.
///
/// # Examples
/// ```
/// # use std::{future::pending, sync::Arc};
/// # use windlass_executor::{gather::try_gather, run, spawn};
/// run(async {
///     let values = try_gather((1..=3).map(|n| spawn(async move { Ok::<_, &str>(n * 10) })));
///     assert_eq!(values.await.unwrap(), [10, 20, 30]);
///
///     let connection = Arc::new("open");
///     let inside = connection.clone();
///     let endless = spawn(async move { Ok(pending::<usize>().await + inside.len()) });
///     let failure = try_gather([endless, spawn(async { Err("no route") })]).await.unwrap_err();
///     assert_eq!(failure.error(), Some(&"no route"));
///     assert_eq!(Arc::strong_count(&connection), 1, "the endless one is gone");
/// });
/// ```
///
/// # Cancel safety
/// Dropping it cancels the tasks.
///
/// # Errors
/// The first [`Failure`].
#[track_caller]
pub fn try_gather<T, E>(tasks: impl IntoIterator<Item = Task<Result<T, E>>>) -> TryGather<T, E> {
    let set = JoinSet::from_iter(tasks);
    let values = Vec::from_iter((0..set.len()).map(|_| None));
    TryGather { set, values, failure: None, at: Location::caller() }
}

/// The future of [`try_gather`].
#[must_use = "dropping it cancels the tasks"]
pub struct TryGather<T, E> {
    /// Those that have not ended; the places there are those of `values`.
    set: JoinSet<Result<T, E>>,
    values: Vec<Option<T>>,
    /// The first one; the tasks that are left have been cancelled then.
    failure: Option<Failure<E>>,
    at: &'static Location<'static>,
}

impl<T, E> Unpin for TryGather<T, E> {}

impl<T, E> Future for TryGather<T, E> {
    type Output = Result<Vec<T>, Failure<E>>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = &mut *self;
        while let Some((place, mut task)) = ready!(this.set.poll_finished(cx, this.at)) {
            if this.failure.is_some() {
                continue; // dropped unread, so that a panic is reported
            }
            this.failure = match task.take_finished() {
                Ok(Ok(value)) => {
                    this.values[place] = Some(value);
                    continue;
                }
                Ok(Err(error)) => Some(Failure::of_task(&task, error)),
                Err(error) => Some(Failure::of_join(error)),
            };
            this.set.abort_all();
        }
        Poll::Ready(match this.failure.take() {
            Some(failure) => Err(failure),
            None => Ok(mem::take(&mut this.values).into_iter().flatten().collect()),
        })
    }
}

impl<T, E> fmt::Debug for TryGather<T, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let failed = if self.failure.is_some() { ", one has failed" } else { "" };
        write!(f, "TryGather({} of {} to come{failed})", self.set.len(), self.values.len())
    }
}
