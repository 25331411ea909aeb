//! Tasks that come and go, and whose outputs are taken as they come.

use std::fmt;
use std::panic::{self, Location};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use slab::Slab;
use windlass_sync::waiting::Reason;
use windlass_sync::{budget, waiting};

use crate::ends::Ends;
use crate::spawn;
use crate::task::{AbortHandle, JoinError, Task};

/// A set of tasks whose outputs are taken in the order in which the tasks end.
///
/// Tasks may be added at any time. A task is a member until its output is taken, so a set that is
/// filled must be drained. Dropping the set cancels its tasks, without waiting for them.
///
/// Where tasks belong together, so that the failure of one ends the others, use a
/// [`TaskGroup`](crate::group::TaskGroup).
///
/// # Examples
/// ```
/// # use std::time::Duration;
/// # use windlass_executor::{join_set::JoinSet, run};
/// # use windlass_timer::sleep;
/// run(async {
///     let mut set = JoinSet::new();
///     for seconds in [3, 1, 2] {
///         set.spawn(async move {
///             sleep(Duration::from_millis(10 * seconds)).await;
///             seconds
///         });
///     }
///     while let Some(joined) = set.join_next().await {
///         println!("{}", joined.unwrap()); // 1, 2, 3
///     }
///     assert!(set.is_empty());
/// });
/// ```
pub struct JoinSet<T> {
    /// The members, by their places.
    tasks: Slab<Task<T>>,
    /// Which of them have ended.
    ends: Ends,
}

impl<T> JoinSet<T> {
    /// An empty set.
    pub fn new() -> Self {
        Self { tasks: Slab::new(), ends: Ends::default() }
    }

    /// How many members there are: tasks whose outputs have not been taken.
    pub fn len(&self) -> usize {
        self.tasks.len()
    }

    /// True if there is no member.
    pub fn is_empty(&self) -> bool {
        self.tasks.is_empty()
    }

    /// Starts a task in the current runtime, as a member.
    ///
    /// # Panics
    /// Outside a runtime.
    #[track_caller]
    pub fn spawn<F>(&mut self, future: F) -> AbortHandle
    where
        F: Future<Output = T> + Send + 'static,
        T: Send + 'static,
    {
        self.insert(spawn::spawn(future))
    }

    /// As [`spawn`](Self::spawn), for a future that stays on this thread, see
    /// [`spawn_local`](crate::spawn_local).
    ///
    /// # Panics
    /// As there.
    #[track_caller]
    pub fn spawn_local<F>(&mut self, future: F) -> AbortHandle
    where
        F: Future<Output = T> + 'static,
        T: 'static,
    {
        self.insert(spawn::spawn_local(future))
    }

    /// As [`spawn`](Self::spawn), for a closure that blocks, see
    /// [`spawn_blocking`](crate::spawn_blocking).
    ///
    /// # Panics
    /// Outside a runtime.
    #[track_caller]
    pub fn spawn_blocking(&mut self, job: impl FnOnce() -> T + Send + 'static) -> AbortHandle
    where
        T: Send + 'static,
    {
        self.insert(spawn::spawn_blocking(job))
    }

    /// Makes a task a member, whoever has spawned it.
    ///
    /// # Examples
    /// ```
    /// # use windlass_executor::{join_set::JoinSet, run, spawn};
    /// run(async {
    ///     let mut set = JoinSet::new();
    ///     set.insert(spawn(async { panic!("no luck") }).named("gambler"));
    ///     let error = set.join_next().await.unwrap().map(|()| ()).unwrap_err();
    ///     assert_eq!(error.name(), Some("gambler"));
    /// });
    /// ```
    pub fn insert(&mut self, task: Task<T>) -> AbortHandle {
        let abort = task.abort_handle();
        let place = self.tasks.insert(task);
        self.ends.watch(place, &mut self.tasks[place]);
        abort
    }

    /// Waits for the next member that ends, and takes its output; `None` at once if the set is
    /// empty. What the task did before it ended is then visible.
    ///
    /// # Examples
    /// ```
    /// # use windlass_executor::{join_set::JoinSet, run};
    /// run(async {
    ///     let mut set = JoinSet::new();
    ///     assert!(set.join_next().await.is_none());
    ///     set.spawn(async { 42 }); // it can be used again
    ///     assert_eq!(set.join_next().await.unwrap().unwrap(), 42);
    /// });
    /// ```
    ///
    /// # Cancel safety
    /// A future that is dropped has taken no output.
    #[track_caller]
    pub fn join_next(&mut self) -> JoinNext<'_, T> {
        JoinNext(self.next_finished())
    }

    /// The output of a member that has ended, if there is one.
    ///
    /// # Errors
    /// Inside: how the member has ended, if it has no output.
    pub fn try_join_next(&mut self) -> Option<Result<T, JoinError>> {
        loop {
            let place = self.ends.next()?;
            if let Some((_, mut task)) = self.remove_finished(place) {
                return Some(task.take_finished());
            }
        }
    }

    /// As [`join_next`](Self::join_next), and gives the task itself, which knows its number and its
    /// name. Awaiting it gives the output at once.
    ///
    /// # Cancel safety
    /// A future that is dropped has taken no task.
    #[track_caller]
    pub fn next_finished(&mut self) -> NextFinished<'_, T> {
        NextFinished { set: self, at: Location::caller() }
    }

    /// Waits until all have ended, and gives their outputs in the order of the ends.
    ///
    /// # Examples
    /// ```
    /// # use windlass_executor::{join_set::JoinSet, run, spawn};
    /// run(async {
    ///     let set: JoinSet<u32> = (1..=3).map(|n| spawn(async move { n })).collect();
    ///     assert_eq!(set.join_all().await.iter().sum::<u32>(), 6);
    /// });
    /// ```
    ///
    /// # Cancel safety
    /// Dropping it cancels the tasks.
    ///
    /// # Panics
    /// If a task has panicked, with what it panicked with; if one was cancelled. The others are
    /// cancelled then.
    #[track_caller]
    pub fn join_all(mut self) -> impl Future<Output = Vec<T>> {
        let at = Location::caller();
        async move {
            let mut outputs = Vec::with_capacity(self.len());
            while let Some(joined) = JoinNext(NextFinished { set: &mut self, at }).await {
                match joined.map_err(JoinError::into_panic) {
                    Ok(output) => outputs.push(output),
                    Err(Ok(payload)) => panic::resume_unwind(payload),
                    Err(Err(error)) => panic!("{error}"),
                }
            }
            outputs
        }
    }

    /// Asks for every member to be cancelled. They stay members until their ends are taken: as
    /// cancelled, or as finished, if they were.
    pub fn abort_all(&self) {
        self.tasks.iter().for_each(|(_, task)| _ = task.abort());
    }

    /// Cancels every member and waits until they are really gone; the set is empty then.
    ///
    /// Outputs of tasks that had finished are dropped; a panic among them is reported.
    ///
    /// # Cancel safety
    /// The members are cancelled by the call itself. Dropping the future only stops the wait.
    #[track_caller]
    pub fn shutdown(&mut self) -> impl Future<Output = ()> {
        self.abort_all();
        let at = Location::caller();
        async move { while (NextFinished { set: self, at }).await.is_some() {} }
    }

    /// Lets every member run on by itself, see [`Task::detach`]; the set is empty then.
    pub fn detach_all(&mut self) {
        self.take_all().into_iter().for_each(Task::detach);
    }

    /// Polls as [`join_next`](Self::join_next) does.
    #[track_caller]
    pub fn poll_join_next(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<T, JoinError>>> {
        let finished = self.poll_finished(cx, Location::caller());
        finished.map(|finished| finished.map(|(_, mut task)| task.take_finished()))
    }

    /// The next member that has ended, and its place; it is no member any more.
    pub(crate) fn poll_finished(
        &mut self,
        cx: &mut Context<'_>,
        at: &'static Location<'static>,
    ) -> Poll<Option<(usize, Task<T>)>> {
        if self.tasks.is_empty() {
            return Poll::Ready(None);
        }
        ready!(budget::poll_proceed_at(cx, at));
        while let Poll::Ready(place) = self.ends.poll_next(cx) {
            if let Some(finished) = self.remove_finished(place) {
                budget::spend();
                return Poll::Ready(Some(finished));
            }
        }
        waiting::note(Reason::Wait { pending: self.tasks.len() }, at);
        Poll::Pending
    }

    /// Every member, running or finished; the set is empty then. They come in the order in which
    /// they were added, unless that went on after outputs had been taken.
    ///
    /// # Examples
    /// ```
    /// # use std::{future::pending, time::Duration};
    /// # use windlass_executor::{join_set::as_completed, run, spawn};
    /// # use windlass_timer::timeout;
    /// run(async {
    ///     let mut answers = as_completed([spawn(pending()), spawn(async { 1 })]);
    ///     let soon = Duration::from_millis(5);
    ///     while let Ok(Some(answer)) = timeout(soon, answers.join_next()).await {
    ///         assert_eq!(answer.unwrap(), 1);
    ///     }
    ///     assert_eq!(answers.take_all().len(), 1); // too slow, but still running
    /// });
    /// ```
    pub fn take_all(&mut self) -> Vec<Task<T>> {
        self.ends = Ends::default();
        let mut tasks: Vec<_> = self.tasks.drain().collect();
        tasks.iter_mut().for_each(Task::forget_waker);
        tasks
    }

    /// The member at a place whose end was told; `None` if that was told before. Another task may
    /// have taken the place meanwhile: if that has ended too, its own word will find nobody.
    fn remove_finished(&mut self, place: usize) -> Option<(usize, Task<T>)> {
        let is_finished = self.tasks.get(place).is_some_and(Task::is_finished);
        is_finished.then(|| (place, self.tasks.remove(place)))
    }
}

impl<T> Default for JoinSet<T> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T> FromIterator<Task<T>> for JoinSet<T> {
    fn from_iter<I: IntoIterator<Item = Task<T>>>(tasks: I) -> Self {
        let mut set = Self::new();
        tasks.into_iter().for_each(|task| _ = set.insert(task));
        set
    }
}

impl<T> fmt::Debug for JoinSet<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "JoinSet({} tasks)", self.len())
    }
}

/// The tasks as a set, to be awaited in the order in which they end.
///
/// # Examples
/// ```
/// # use std::time::Duration;
/// # use windlass_executor::{join_set::as_completed, run, spawn};
/// # use windlass_timer::sleep;
/// run(async {
///     let slow = spawn(async {
///         sleep(Duration::from_millis(20)).await;
///         "late"
///     });
///     let mut answers = as_completed([slow.named("slow"), spawn(async { "soon" })]);
///     assert_eq!(answers.join_next().await.unwrap().unwrap(), "soon");
///     // One can stop here, and go on later.
///     let last = answers.next_finished().await.unwrap();
///     assert_eq!(last.name().as_deref(), Some("slow"));
///     assert_eq!(last.await.unwrap(), "late");
/// });
/// ```
///
/// # Cancel safety
/// Dropping the set cancels the tasks that are left; [`JoinSet::take_all`] gets them back.
pub fn as_completed<T>(tasks: impl IntoIterator<Item = Task<T>>) -> JoinSet<T> {
    tasks.into_iter().collect()
}

/// The future of [`JoinSet::next_finished`].
#[must_use = "a future does nothing unless awaited"]
pub struct NextFinished<'a, T> {
    set: &'a mut JoinSet<T>,
    at: &'static Location<'static>,
}

impl<T> Future for NextFinished<'_, T> {
    type Output = Option<Task<T>>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let at = self.at;
        self.set.poll_finished(cx, at).map(|finished| finished.map(|(_, task)| task))
    }
}

impl<T> Drop for NextFinished<'_, T> {
    fn drop(&mut self) {
        self.set.ends.forget_waker();
    }
}

impl<T> fmt::Debug for NextFinished<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "NextFinished({:?})", self.set)
    }
}

/// The future of [`JoinSet::join_next`].
#[derive(Debug)]
#[must_use = "a future does nothing unless awaited"]
pub struct JoinNext<'a, T>(NextFinished<'a, T>);

impl<T> Future for JoinNext<'_, T> {
    type Output = Option<Result<T, JoinError>>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let finished = ready!(Pin::new(&mut self.0).poll(cx));
        Poll::Ready(finished.map(|mut task| task.take_finished()))
    }
}
