//! Waiting for several tasks at once.

use std::fmt;
use std::mem;
use std::panic::Location;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use windlass_sync::waiting::Reason;
use windlass_sync::{budget, waiting};

use crate::ends::Ends;
use crate::task::Task;

/// When [`wait`] is over.
///
/// # Examples
/// ```
/// # use std::future::pending;
/// # use windlass_executor::{run, spawn, wait::{Until, wait}};
/// run(async {
///     let mut parts = vec![spawn(async { panic!("broken") }), spawn(pending::<()>())];
///     let waited = wait(&mut parts, Until::FirstFailed).await;
///     assert!(waited.done[0].has_failed());
///     assert_eq!(waited.pending.len(), 1); // dropped here, and so cancelled
/// });
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Until {
    /// One task has ended, in whatever way.
    FirstCompleted,
    /// One task has ended by a panic or a cancel, or all have ended.
    FirstFailed,
    /// All tasks have ended.
    AllCompleted,
}

/// The two sets that [`wait`] returns.
///
/// # Examples
/// ```
/// # use windlass_executor::{run, spawn, wait::{Until, Waited, wait}};
/// run(async {
///     let mut tasks: Vec<_> = (1..=3).map(|n| spawn(async move { n })).collect();
///     let Waited { done, pending } = wait(&mut tasks, Until::AllCompleted).await;
///     assert!(pending.is_empty());
///     let mut sum = 0;
///     for task in done {
///         sum += task.await.unwrap(); // at once: it has ended
///     }
///     assert_eq!(sum, 6);
/// });
/// ```
#[derive(Debug)]
pub struct Waited<T> {
    /// The tasks that have ended, in the order in which they did; those that had ended before the
    /// wait began come first, as they were given. Awaiting one gives its output at once.
    pub done: Vec<Task<T>>,
    /// The tasks that have not, in the order in which they were given.
    pub pending: Vec<Task<T>>,
}

/// Waits until one, or all, of the tasks have ended, and sorts them.
///
/// The tasks stay in `tasks` until the wait is over, which then leaves it empty. All tasks that
/// have ended by then are among the done ones. With no task the wait is over at once.
///
/// For a time limit, put a [`timeout`](windlass_timer::timeout) around it: when that elapses, the
/// tasks are still in `tasks`, and [`Task::is_finished`] tells them apart.
///
/// # Examples
/// ```
/// # use windlass_executor::{runtime::Runtime, spawn, wait::{Until, Waited, wait}};
/// # Runtime::new().unwrap().block_on(async {
/// let mut tasks = vec![spawn(std::future::pending()), spawn(async { 7 })];
/// let Waited { done, pending } = wait(&mut tasks, Until::FirstCompleted).await;
/// assert_eq!((done.len(), pending.len()), (1, 1));
/// for task in done {
///     assert_eq!(task.await.unwrap(), 7);
/// }
/// // Dropping the pending ones cancels them.
/// # });
/// ```
///
/// # Cancel safety
/// Dropping the wait leaves the tasks in `tasks`, running.
#[track_caller]
pub fn wait<T>(tasks: &mut Vec<Task<T>>, until: Until) -> Wait<'_, T> {
    Wait {
        tasks,
        until,
        ends: Ends::default(),
        order: Vec::new(),
        ended: Vec::new(),
        failed: false,
        at: Location::caller(),
    }
}

/// The future of [`wait`].
#[must_use = "a future does nothing unless awaited"]
pub struct Wait<'a, T> {
    tasks: &'a mut Vec<Task<T>>,
    until: Until,
    /// Who has ended since the last poll.
    ends: Ends,
    /// The tasks that have ended, by their place in `tasks`.
    order: Vec<usize>,
    /// Which places `order` has; empty until every task is watched.
    ended: Vec<bool>,
    /// A task in `order` has failed.
    failed: bool,
    at: &'static Location<'static>,
}

impl<T> Wait<'_, T> {
    fn begin(&mut self) {
        self.ended = vec![false; self.tasks.len()];
        for (place, task) in self.tasks.iter_mut().enumerate() {
            self.ends.watch(place, task);
        }
    }

    /// Moves what has arrived since the last poll to `order`.
    fn collect(&mut self, cx: &mut Context<'_>) {
        while let Poll::Ready(place) = self.ends.poll_next(cx) {
            if !mem::replace(&mut self.ended[place], true) {
                self.order.push(place);
                self.failed |= self.tasks[place].has_failed();
            }
        }
    }

    fn is_over(&self) -> bool {
        self.order.len() == self.tasks.len()
            || match self.until {
                Until::AllCompleted => false,
                Until::FirstCompleted => !self.order.is_empty(),
                Until::FirstFailed => self.failed,
            }
    }

    fn sort(&mut self) -> Waited<T> {
        let mut tasks: Vec<_> = mem::take(self.tasks).into_iter().map(Some).collect();
        let mut take = |place: usize| tasks[place].take().expect("a task ends once");
        let done = mem::take(&mut self.order).into_iter().map(&mut take).collect();
        let pending: Vec<_> = tasks.into_iter().flatten().collect();
        let mut waited = Waited { done, pending };
        waited.pending.iter_mut().for_each(Task::forget_waker);
        waited
    }
}

impl<T> Unpin for Wait<'_, T> {}

impl<T> Future for Wait<'_, T> {
    type Output = Waited<T>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Waited<T>> {
        ready!(budget::poll_proceed_at(cx, self.at));
        let this = &mut *self;
        if this.ended.is_empty() {
            this.begin();
        }
        this.collect(cx);
        if this.is_over() {
            budget::spend();
            return Poll::Ready(this.sort());
        }
        let pending = this.tasks.len() - this.order.len();
        waiting::note(Reason::Wait { pending }, this.at);
        Poll::Pending
    }
}

impl<T> Drop for Wait<'_, T> {
    fn drop(&mut self) {
        self.tasks.iter_mut().for_each(Task::forget_waker);
    }
}

impl<T> fmt::Debug for Wait<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Wait({} of {} ended, {:?})", self.order.len(), self.tasks.len(), self.until)
    }
}
