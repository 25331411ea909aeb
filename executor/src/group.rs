//! Structured concurrency: tasks that do not outlive the place where they were begun.
//!
//! ```text
//!    TaskGroup --run(body)--> RunGroup <-- the ends of children -- Children
//!                              | polls                               ^ admit, fill, close
//!                             body -------- Group, and clones -------+
//!                                           (also in children)
//! ```
//!
//! [`RunGroup`] is the waiter: it polls the body, hears of the children that have ended, and decides.
//! What is shared with those who add children is in [`children`]; [`Group`] and [`Child`] are what
//! they have in hand.

use std::any::Any;
use std::fmt;
use std::future::{Pending, pending};
use std::panic::{Location, resume_unwind};
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use windlass_sync::shim::{Arc, catch_unwind};
use windlass_sync::waiting::Reason;
use windlass_sync::{budget, waiting};
use windlass_timer::{Elapsed, Timeout, timeout_at};

use crate::runtime::{no_runtime, now};
use crate::task::Task;
use crate::{Scoped, context, report};

pub mod children;
mod error;
mod handle;

pub use crate::failure::Failure;
pub use error::GroupError;
pub use handle::{Child, Group, Refused};

use children::Why;
use handle::Within;

/// Tasks that belong together: when [`run`](Self::run) returns, all of them are gone.
///
/// Children are spawned by the body, which is a closure that is given the [`Group`], and by
/// children. If one of them, or the body, returns an error or panics, the others are cancelled, and
/// the group fails with it. Use it wherever a function starts tasks that should end with it.
///
/// # Examples
/// ```
/// # use windlass_executor::{group::TaskGroup, run};
/// run(async {
///     let sum = TaskGroup::new().run(async |group| {
///         let left = group.spawn(async { Ok::<_, std::io::Error>(20) });
///         let right = group.spawn(async { Ok(22) });
///         Ok(left.await.unwrap_or(0) + right.await.unwrap_or(0))
///     });
///     assert_eq!(sum.await.unwrap(), 42);
///
///     let failing = TaskGroup::new().run(async |group| {
///         group.spawn(async { Err::<(), _>("no route") });
///         group.spawn(std::future::pending::<Result<(), _>>()); // is cancelled
///         Ok(())
///     });
///     assert_eq!(failing.await.unwrap_err().failures()[0].error(), Some(&"no route"));
/// });
/// ```
#[derive(Clone, Debug, Default)]
#[must_use = "a group begins with `run`"]
pub struct TaskGroup {
    name: Option<Arc<str>>,
    collect_all: bool,
    limit: Option<usize>,
    deadline: Option<Instant>,
}

impl TaskGroup {
    /// A group that fails fast, without limit and deadline.
    pub fn new() -> Self {
        Self::default()
    }

    /// Gives the group a name, for its error.
    pub fn named(mut self, name: &str) -> Self {
        self.name = Some(name.into());
        self
    }

    /// Lets the others run on when one fails; the group's error then has all failures.
    ///
    /// # Examples
    /// ```
    /// # use windlass_executor::{group::TaskGroup, run};
    /// run(async {
    ///     let group = TaskGroup::new().collect_all().run(async |group| {
    ///         for number in 0..5 {
    ///             group.spawn(async move { if number % 2 == 0 { Ok(()) } else { Err(number) } });
    ///         }
    ///         Ok(())
    ///     });
    ///     assert_eq!(group.await.unwrap_err().failures().len(), 2);
    /// });
    /// ```
    pub fn collect_all(mut self) -> Self {
        self.collect_all = true;
        self
    }

    /// Lets at most so many children run at once; the others wait for their turn, roughly in the
    /// order in which they were spawned. See [`Group::spawn_when_free`] for a body that waits itself.
    ///
    /// # Panics
    /// If it is 0: no child would ever run.
    #[track_caller]
    pub fn limit(mut self, limit: usize) -> Self {
        assert!(limit > 0, "limit(0) would let no child run");
        self.limit = Some(limit);
        self
    }

    /// Ends the group at this instant, if it is not over by then: body and children are cancelled.
    pub fn deadline(mut self, deadline: Instant) -> Self {
        self.deadline = Some(deadline);
        self
    }

    /// As [`deadline`](Self::deadline), so long after this call.
    pub fn timeout(mut self, duration: Duration) -> Self {
        self.deadline = now().checked_add(duration);
        self
    }

    /// Runs the body, and waits until it and all children are gone.
    ///
    /// The body runs in the task that awaits this, so it may borrow; children are tasks of their
    /// own. When one fails (unless told to [`collect_all`](Self::collect_all)), the body is dropped
    /// where it waits. A child that is cancelled by itself is no failure. A panic of the body is
    /// raised here, when the children are gone. What children did is visible when this is ready.
    ///
    /// With no children, or when all are gone already, it is ready in the very poll in which the body
    /// returns.
    ///
    /// # Cancel safety
    /// Dropping it drops the body and cancels the children. It cannot wait for them: the runtime
    /// sees to them, and a group around this one is not over before they are gone.
    ///
    /// # Panics
    /// Outside a runtime.
    ///
    /// # Errors
    /// [`GroupError`], if something has failed, the deadline came, or
    /// [`Group::cancel`] has cut the body short.
    #[track_caller]
    pub fn run<R, E, B>(self, body: impl FnOnce(Group<E>) -> B) -> RunGroup<R, E, B>
    where
        E: Send + 'static,
        B: Future<Output = Result<R, E>>,
    {
        let Some(current) = context::current() else { no_runtime("TaskGroup::run()") };
        let group = Group::new(current.shared.clone(), self.limit);
        let (deadline, at) = (self.deadline, Location::caller());
        let (output, failures) = (None, Vec::new());
        let mut run =
            RunGroup { settings: self, group, body: None, output, failures, deadline: None, at };
        if let Some(deadline) = deadline {
            run.deadline = Some(timeout_at(deadline, pending()));
        }
        let body = body(run.group.clone()); // should it panic, `run` sees to what it has spawned
        run.body = Some(run.group.within(None, body));
        run
    }
}

/// The future of [`TaskGroup::run`].
#[must_use = "a future does nothing unless awaited"]
pub struct RunGroup<R, E, B> {
    settings: TaskGroup,
    group: Group<E>,
    /// Until it has ended.
    body: Option<Scoped<Within, B>>,
    /// What the body has returned, unless an error, or panicked with.
    output: Option<Result<R, Box<dyn Any + Send>>>,
    failures: Vec<Failure<E>>,
    /// Until it has come.
    deadline: Option<Timeout<Pending<()>>>,
    at: &'static Location<'static>,
}

impl<R, E, B: Future<Output = Result<R, E>>> RunGroup<R, E, B> {
    /// Goes as far as it can without the clock.
    fn advance(&mut self, cx: &mut Context<'_>) -> Poll<Result<R, GroupError<E>>> {
        ready!(self.hear(cx));
        self.poll_body(cx);
        if self.body.is_none() {
            if self.group.0.children.is_over() {
                return Poll::Ready(self.outcome());
            }
            waiting::note(Reason::Group { children: self.group.len() }, self.at);
        }
        Poll::Pending
    }

    /// Hears of the children that have ended.
    fn hear(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        loop {
            ready!(budget::poll_proceed_at(cx, self.at));
            let Poll::Ready(child) = self.group.0.children.poll_ended(cx) else {
                return Poll::Ready(());
            };
            budget::spend();
            self.judge(child);
        }
    }

    fn judge(&mut self, mut child: Task<Result<(), E>>) {
        match child.take_finished() {
            Ok(Ok(())) => {}
            Ok(Err(error)) => self.fail(Failure::of_task(&child, error)),
            Err(error) if error.is_cancelled() => {}
            Err(error) => self.fail(Failure::of_join(error)),
        }
    }

    fn fail(&mut self, failure: Failure<E>) {
        self.failures.push(failure);
        if !self.settings.collect_all {
            self.group.close(Why::Failed);
        }
    }

    /// Polls the body; drops it if it has ended, or the group is cancelled.
    fn poll_body(&mut self, cx: &mut Context<'_>) {
        let Some(body) = &mut self.body else { return };
        if !self.group.is_cancelled() {
            match catch_unwind(|| Pin::new(body).poll(cx)) {
                Ok(Poll::Pending) if !self.group.is_cancelled() => return,
                Ok(Poll::Pending) => {} // it has cancelled the group it waits in
                Ok(Poll::Ready(Ok(output))) => self.output = Some(Ok(output)),
                Ok(Poll::Ready(Err(error))) => self.fail(Failure::of_body(error)),
                Err(payload) => {
                    self.output = Some(Err(payload));
                    self.group.close(Why::Failed);
                }
            }
        }
        self.body = None;
    }

    fn outcome(&mut self) -> Result<R, GroupError<E>> {
        let why = self.group.0.children.closed();
        match self.output.take() {
            Some(Err(payload)) => resume_unwind(payload),
            Some(Ok(output))
                if self.failures.is_empty() && !matches!(why, Some(Why::Elapsed(_))) =>
            {
                Ok(output)
            }
            _ => {
                let (name, failures) =
                    (self.settings.name.take(), std::mem::take(&mut self.failures));
                Err(GroupError { name, failures, why })
            }
        }
    }
}

impl<R, E, B> Unpin for RunGroup<R, E, B> {}

impl<R, E, B: Future<Output = Result<R, E>>> Future for RunGroup<R, E, B> {
    type Output = Result<R, GroupError<E>>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = &mut *self;
        let elapsed = this.poll_deadline(cx); // first: what the others wait for is the better note
        if let Poll::Ready(output) = this.advance(cx) {
            return Poll::Ready(output);
        }
        let Some(elapsed) = elapsed else { return Poll::Pending };
        this.group.close(Why::Elapsed(elapsed));
        this.advance(cx)
    }
}

impl<R, E, B> RunGroup<R, E, B> {
    fn poll_deadline(&mut self, cx: &mut Context<'_>) -> Option<Elapsed> {
        let Poll::Ready(Err(elapsed)) = Pin::new(self.deadline.as_mut()?).poll(cx) else {
            return None;
        };
        self.deadline = None;
        Some(elapsed)
    }
}

impl<R, E, B> Drop for RunGroup<R, E, B> {
    fn drop(&mut self) {
        self.group.close(Why::Over);
        self.group.0.children.abandon();
        self.body = None; // its destructors may panic
        for failure in self.failures.drain(..) {
            if let Err(error) = failure.into_error()
                && error.is_panic()
            {
                report::unobserved(error);
            }
        }
    }
}

impl<R, E, B> fmt::Debug for RunGroup<R, E, B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let body = if self.body.is_some() { "running" } else { "done" };
        write!(f, "RunGroup(body {body}, {:?}, {} failures)", self.group, self.failures.len())
    }
}
