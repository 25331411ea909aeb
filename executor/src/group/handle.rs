//! What the body and the children of a group have in hand: the group, and its children.

use std::fmt;
use std::panic::Location;
use std::pin::Pin;
use std::task::{Context, Poll};

use windlass_sync::semaphore::{AcquireOwned, OwnedPermit, Semaphore};
use windlass_sync::shim::Arc;
use windlass_sync::waiting::{self, Reason};
use windlass_sync::{error_words, oneshot};

use super::children::{Children, Hold, Parent, Why};
use crate::scheduler;
use crate::task::{AbortHandle, Task};
use crate::{Scoped, task_local};

task_local! {
    /// The group whose child, or body, is being polled.
    static WITHIN: Within;
}

/// What a child carries with it.
#[derive(Clone)]
pub(super) struct Within {
    group: Arc<dyn Parent>,
    /// Dropped after the child's future.
    _outer: Option<Hold>,
}

/// A group that is running: adds children to it, or cancels it.
///
/// The body has one, and children may be given clones of it. Once the group is over, a clone that
/// is left refuses every child.
///
/// # Examples
/// ```
/// # use windlass_executor::{group::{Group, TaskGroup}, run};
/// fn walk(group: &Group<String>, depth: u32) {
///     let inner = group.clone();
///     group.spawn(async move {
///         if depth < 3 {
///             walk(&inner, depth + 1); // children of children are children of the same group
///         }
///         Ok(())
///     });
/// }
/// run(async {
///     let walked = TaskGroup::new().run(async |group| Ok(walk(&group, 0)));
///     walked.await.unwrap();
/// });
/// ```
pub struct Group<E>(pub(super) Arc<Shared<E>>);

pub(super) struct Shared<E> {
    pub(super) children: Arc<Children<Result<(), E>>>,
    /// A permit for each child that may run at once.
    limit: Option<Arc<Semaphore>>,
    /// Where the children run.
    runtime: Arc<scheduler::Shared>,
}

impl<E: Send + 'static> Group<E> {
    pub(super) fn new(runtime: Arc<scheduler::Shared>, limit: Option<usize>) -> Self {
        let outer = WITHIN.try_with(|within| within.group.clone()).ok().map(Parent::hold);
        let children = Arc::new(Children::new(outer));
        let limit = limit.map(|limit| Arc::new(Semaphore::new(limit)));
        Self(Arc::new(Shared { children, limit, runtime }))
    }

    /// Starts a child, on the runtime of the group.
    ///
    /// An `Err` or a panic of it is a failure of the group; its value is there for whoever awaits
    /// the [`Child`]. Where the group has a limit and as many children are running, it waits for its
    /// turn. A group that is over or being cancelled drops the future, and the `Child` gives `None`.
    ///
    /// # Cancel safety
    /// Dropping the `Child` changes nothing: the group has the child.
    #[track_caller]
    pub fn spawn<T, F>(&self, future: F) -> Child<T>
    where
        T: Send + 'static,
        F: Future<Output = Result<T, E>> + Send + 'static,
    {
        self.try_spawn(future).unwrap_or_else(|_| Child::refused())
    }

    /// As [`spawn`](Self::spawn), but gives the future back if the group takes no more.
    ///
    /// # Cancel safety
    /// As [`spawn`](Self::spawn).
    ///
    /// # Errors
    /// [`Refused`] with the future, if the group is over or being cancelled.
    #[track_caller]
    pub fn try_spawn<T, F>(&self, future: F) -> Result<Child<T>, Refused<F>>
    where
        T: Send + 'static,
        F: Future<Output = Result<T, E>> + Send + 'static,
    {
        self.start(future, self.turn(), None, Location::caller())
    }

    /// Waits until there are fewer children than the limit, then starts one.
    ///
    /// Use it where children are made of a long list, or of what comes in: the list is read as fast
    /// as the children end. The place in line is that of the first poll. Without a limit it does not
    /// wait.
    ///
    /// # Examples
    /// ```
    /// # use windlass_executor::{group::TaskGroup, run};
    /// run(async {
    ///     let group = TaskGroup::new().limit(10).run(async |group| {
    ///         for number in 0..1_000_u32 {
    ///             let work = async move { Ok::<_, String>(number * 2) };
    ///             if group.spawn_when_free(work).await.is_err() {
    ///                 break; // the group is being cancelled
    ///             }
    ///         }
    ///         Ok(())
    ///     });
    ///     group.await.unwrap();
    /// });
    /// ```
    ///
    /// # Cancel safety
    /// Dropping it drops the future that was to be started; the place in line goes to the next.
    ///
    /// # Errors
    /// [`Refused`] with the future, if the group is over or being cancelled.
    #[track_caller]
    pub fn spawn_when_free<T, F>(
        &self,
        future: F,
    ) -> impl Future<Output = Result<Child<T>, Refused<F>>>
    where
        T: Send + 'static,
        F: Future<Output = Result<T, E>> + Send + 'static,
    {
        let (turn, at) = (self.turn(), Location::caller());
        async move {
            let permit = match turn {
                Some(turn) => match turn.await {
                    Ok(permit) => Some(permit),
                    Err(_) => return Err(Refused(future)),
                },
                None => None,
            };
            self.start(future, None, permit, at)
        }
    }

    /// As [`spawn`](Self::spawn), for a closure that blocks. A closure that runs cannot be
    /// cancelled: the group waits for it. The limit does not count it, the blocking pool does.
    ///
    /// # Cancel safety
    /// As [`spawn`](Self::spawn).
    #[track_caller]
    pub fn spawn_blocking<T: Send + 'static>(
        &self,
        job: impl FnOnce() -> Result<T, E> + Send + 'static,
    ) -> Child<T> {
        let Some((place, outer)) = self.0.children.admit() else { return Child::refused() };
        let (give, value) = oneshot::channel();
        let task = self.0.runtime.blocking.run(move || {
            let _outer = outer; // dropped last
            _ = give.send(job()?); // perhaps nobody wants the value
            Ok(())
        });
        self.fill(place, task, value)
    }

    /// What the body, or a child that holds `outer`, carries with it.
    pub(super) fn within<F: Future>(&self, outer: Option<Hold>, future: F) -> Scoped<Within, F> {
        WITHIN.scope(Within { group: self.0.children.clone(), _outer: outer }, future)
    }

    fn start<T, F>(
        &self,
        future: F,
        turn: Option<AcquireOwned>,
        permit: Option<OwnedPermit>,
        at: &'static Location<'static>,
    ) -> Result<Child<T>, Refused<F>>
    where
        T: Send + 'static,
        F: Future<Output = Result<T, E>> + Send + 'static,
    {
        let Some((place, outer)) = self.0.children.admit() else { return Err(Refused(future)) };
        let (give, value) = oneshot::channel();
        let work = self.within(outer, async move {
            let _permit = match turn {
                Some(turn) => match turn.await {
                    Ok(permit) => Some(permit),
                    Err(_) => return Ok(()), // the group is being cancelled, and this child too
                },
                None => permit,
            };
            _ = give.send(future.await?); // perhaps nobody wants the value
            Ok(())
        });
        let task = self.0.runtime.spawn(work, at);
        Ok(self.fill(place, task, value))
    }
}

impl<E> Group<E> {
    /// Ends the group early: cancels the children and takes no more.
    ///
    /// That is no failure. If the body has returned, its output is that of the group. A body that is
    /// still waiting is cut short there, and has no output: [`TaskGroup::run`] then gives an error
    /// that [`is_cancelled`](super::GroupError::is_cancelled).
    ///
    /// # Examples
    /// ```
    /// # use std::future::pending;
    /// # use windlass_executor::{group::TaskGroup, run};
    /// run(async {
    ///     let group = TaskGroup::new().run(async |group| {
    ///         group.spawn(pending::<Result<(), String>>());
    ///         group.cancel();
    ///         Ok("enough") // there was no need to wait
    ///     });
    ///     assert_eq!(group.await.unwrap(), "enough");
    /// });
    /// ```
    ///
    /// [`TaskGroup::run`]: super::TaskGroup::run
    pub fn cancel(&self) {
        self.close(Why::Asked(None));
    }

    /// [`cancel`](Self::cancel), and says why. Of several reasons the first counts.
    pub fn cancel_with(&self, reason: &str) {
        self.close(Why::Asked(Some(reason.into())));
    }

    /// True if the group takes no more children: it was cancelled, has failed, or is over.
    pub fn is_cancelled(&self) -> bool {
        self.0.children.closed().is_some()
    }

    /// How many children there are: running, waiting for their turn, or ended so recently that the
    /// group has not taken notice.
    pub fn len(&self) -> usize {
        self.0.children.count()
    }

    /// True if there is no child.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    pub(super) fn close(&self, why: Why) {
        self.0.children.close(why);
        if let Some(limit) = &self.0.limit {
            limit.close();
        }
    }

    /// How to get a permit, if one is needed. Who waits for it waits at the caller's line.
    #[track_caller]
    fn turn(&self) -> Option<AcquireOwned> {
        let limit = self.0.limit.clone()?;
        Some(limit.acquire_owned())
    }

    fn fill<T>(
        &self,
        place: usize,
        task: Task<Result<(), E>>,
        value: oneshot::Receiver<T>,
    ) -> Child<T> {
        let abort = Some(task.abort_handle());
        self.0.children.fill(place, task);
        Child { value, abort }
    }
}

impl<E> Clone for Group<E> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<E> fmt::Debug for Group<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Group({} children)", self.0.children.count())
    }
}

/// A child of a group: await it for its value, or leave it; the group has the child either way.
///
/// The value is `None` if the child has failed or was cancelled: the group's own error says why. It
/// can be awaited after the group, too. What the child did before it returned is then visible.
///
/// # Examples
/// ```
/// # use windlass_executor::{group::TaskGroup, run};
/// run(async {
///     let group = TaskGroup::new().run(async |group| {
///         let left = group.spawn(async { Ok::<_, String>(20) }).named("left");
///         Ok((left, group.spawn(async { Ok(22) })))
///     });
///     let (left, right) = group.await.unwrap(); // none of them has failed
///     assert_eq!(left.await.unwrap() + right.await.unwrap(), 42);
/// });
/// ```
///
/// # Cancel safety
/// Dropping it changes nothing. Await `&mut child` to keep it.
pub struct Child<T> {
    value: oneshot::Receiver<T>,
    /// `None` if the group did not take it.
    abort: Option<AbortHandle>,
}

impl<T> Child<T> {
    fn refused() -> Self {
        Self { value: oneshot::channel().1, abort: None }
    }

    /// Gives the child a name, for errors, reports and dumps.
    pub fn named(self, name: &str) -> Self {
        self.abort.iter().for_each(|child| child.rename(name));
        self
    }

    /// Asks for the child to be cancelled, which is no failure of the group; false if it was
    /// finished or asked before.
    pub fn abort(&self) -> bool {
        self.abort.as_ref().is_some_and(AbortHandle::abort)
    }

    /// True once the child has returned, panicked or been cancelled.
    pub fn is_finished(&self) -> bool {
        self.abort.as_ref().is_none_or(AbortHandle::is_finished)
    }
}

impl<T> Future for Child<T> {
    type Output = Option<T>;

    #[track_caller]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<T>> {
        let polled = Pin::new(&mut self.value).poll(cx);
        if let (Poll::Pending, Some(child)) = (&polled, &self.abort) {
            waiting::note(Reason::Join { task: child.id().get() }, Location::caller());
        }
        polled.map(Result::ok)
    }
}

impl<T> fmt::Debug for Child<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Child({:?})", self.abort)
    }
}

/// The future that a group did not take, because it is over or being cancelled.
///
/// # Examples
/// ```
/// # use windlass_executor::{group::{Refused, TaskGroup}, run};
/// run(async {
///     let group = TaskGroup::new().run(async |group| {
///         group.cancel();
///         let Err(Refused(late)) = group.try_spawn(async { Ok(7) }) else { panic!() };
///         late.await.map_err(|error: String| error)
///     });
///     assert_eq!(group.await.unwrap(), 7);
/// });
/// ```
pub struct Refused<F>(pub F);

error_words!(Refused<F>, [F]: _ => "the group takes no more children");

impl<F> fmt::Debug for Refused<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Refused")
    }
}
