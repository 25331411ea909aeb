//! A connection that is lent.

use std::fmt;
use std::ops::{Deref, DerefMut};
use std::thread;
use std::time::Duration;

use windlass_sync::shim::Arc;

use super::Manager;
use super::shared::{Shared, Stage};
use super::slot::Held;
use super::stats::Reason;
use super::work::recover;
use crate::sync::oneshot;
use crate::time::{Elapsed, timeout};

const HELD: &str = "a guard has its connection until it is consumed";

/// A connection of a [`Pool`](super::Pool), given back when dropped.
///
/// It can be used as the connection itself. What is given back is lent again as it is, so a guard
/// keeps a mark: a connection on which something was left undone is *dirty*, and is reset before
/// somebody else gets it. [`run`](Self::run) marks it while a command is under way, so a command
/// that is cancelled, or panics, leaves it dirty; for what takes several commands, like a
/// transaction, call [`mark_dirty`](Self::mark_dirty) and [`mark_clean`](Self::mark_clean). The
/// reset is the pool's work: dropping a guard never waits. A guard that is dropped by a panic counts
/// as dirty, too.
///
/// # Examples
/// ```
/// # use std::{convert::Infallible, future::pending, time::Duration};
/// # use windlass::pool::{Manager, Pool};
/// # struct Words;
/// # impl Manager for Words {
/// #     type Connection = Vec<&'static str>;
/// #     type Error = Infallible;
/// #     async fn connect(&self) -> Result<Self::Connection, Infallible> { Ok(Vec::new()) }
/// #     async fn reset(&self, words: &mut Self::Connection) -> Result<(), Infallible> {
/// #         Ok(words.clear())
/// #     }
/// # }
/// windlass::run(async {
///     let pool = Pool::builder(Words).max_size(1).build().await.unwrap();
///     let mut words = pool.acquire().await.unwrap();
///     words.push("begin");
///     let cut_off = words.run_within(Duration::from_millis(5), async |words| {
///         words.push("slow");
///         pending::<()>().await
///     });
///     assert!(cut_off.await.is_err());
///     drop(words); // dirty, so the pool resets it
///     assert!(pool.acquire().await.unwrap().is_empty());
/// });
/// ```
#[must_use = "a connection that is not kept is given back at once"]
pub struct Guard<M: Manager> {
    /// `None` only while it is consumed.
    held: Option<Held<M>>,
    is_dirty: bool,
    /// Over when the command that was cut off has been cancelled at the other end, or will not be.
    cancelling: Option<oneshot::Receiver<()>>,
}

impl<M: Manager> Guard<M> {
    pub(super) fn new(held: Held<M>) -> Self {
        Self { held: Some(held), is_dirty: false, cancelling: None }
    }

    /// Runs a command on the connection, for as long as the pool's
    /// [`command_timeout`](super::Builder::command_timeout) allows.
    ///
    /// A command that is cut off, because time is up or because the returned future is dropped,
    /// leaves the connection dirty; the pool at once sets out to
    /// [cancel](Manager::cancel) it at the other end. The next command on this guard waits for that,
    /// within its own time. Two commands at a time on one connection do not compile:
    ///
    /// ```compile_fail,E0499
    /// # async fn both<M: windlass::pool::Manager>(mut held: windlass::pool::Guard<M>) {
    /// let (one, other) = (held.run(async |_| ()), held.run(async |_| ()));
    /// let _ = (one.await, other.await);
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`Elapsed`], if the command takes too long. It is dropped then. The command's own error is in
    /// its output.
    ///
    /// # Cancel safety
    /// Dropping it drops the command, and the connection is dirty.
    ///
    /// # Panics
    /// Outside a runtime.
    #[track_caller]
    pub fn run<T, F>(&mut self, command: F) -> impl Future<Output = Result<T, Elapsed>>
    where
        F: AsyncFnOnce(&mut M::Connection) -> T,
    {
        self.run_within(self.shared().settings.command_timeout, command)
    }

    /// [`run`](Self::run) with a time limit of its own; [`Duration::MAX`] is none.
    ///
    /// # Errors
    /// As [`run`](Self::run).
    ///
    /// # Cancel safety
    /// As [`run`](Self::run).
    ///
    /// # Panics
    /// Outside a runtime.
    #[track_caller]
    pub fn run_within<T, F>(
        &mut self,
        limit: Duration,
        command: F,
    ) -> impl Future<Output = Result<T, Elapsed>>
    where
        F: AsyncFnOnce(&mut M::Connection) -> T,
    {
        timeout(limit, async move {
            if let Some(cancelling) = &mut self.cancelling {
                let _ = cancelling.await; // either way it is over
                self.cancelling = None;
            }
            let busy = Busy::new(self);
            let output = command(&mut busy.guard.held_mut().open.connection).await;
            busy.finish();
            output
        })
    }

    /// Asks the manager whether the connection is still good.
    pub(super) async fn is_healthy(&mut self) -> bool {
        self.enter(Stage::Upkeep);
        let shared = self.shared().clone();
        let busy = Busy::new(self);
        let asked = shared.manager.is_healthy(&mut busy.guard.held_mut().open.connection);
        let is_healthy = timeout(shared.settings.recovery_timeout, asked).await;
        busy.finish();
        is_healthy.unwrap_or(false)
    }

    /// Says that the connection must be reset before somebody else gets it.
    pub fn mark_dirty(&mut self) {
        self.is_dirty = true;
    }

    /// Takes back what [`mark_dirty`](Self::mark_dirty) has said.
    ///
    /// After a command was cut off, this is a promise that the caller has cleaned up after it. The
    /// connection is reset all the same, unless a command has been run since: the other one may not
    /// be cancelled yet.
    pub fn mark_clean(&mut self) {
        self.is_dirty = false;
    }

    /// True if the connection would be reset if it were given back now.
    pub fn is_dirty(&self) -> bool {
        self.is_dirty || self.cancelling.is_some() || self.shared().manager.is_dirty(self)
    }

    /// Takes the connection out of the pool, as it is. Another may be opened in its place.
    pub fn detach(mut self) -> M::Connection {
        self.take().detach()
    }

    /// Writes down what the connection is for; false if the pool is closed.
    pub(super) fn enter(&self, stage: Stage) -> bool {
        self.held().slot.enter(stage)
    }

    pub(super) fn take(&mut self) -> Held<M> {
        self.held.take().expect(HELD)
    }

    fn held(&self) -> &Held<M> {
        self.held.as_ref().expect(HELD)
    }

    fn held_mut(&mut self) -> &mut Held<M> {
        self.held.as_mut().expect(HELD)
    }

    fn shared(&self) -> &Arc<Shared<M>> {
        &self.held().slot.shared
    }

    /// Has the command that was cut off cancelled.
    fn cancel(&mut self) {
        let shared = self.shared().clone();
        let cancel = shared.manager.cancel(&mut self.held_mut().open.connection);
        let limit = shared.settings.recovery_timeout;
        let (over, cancelling) = oneshot::channel();
        shared.start("cancel", async move {
            let _over = over;
            let _ = timeout(limit, cancel).await;
        });
        self.cancelling = Some(cancelling);
    }
}

impl<M: Manager> Deref for Guard<M> {
    type Target = M::Connection;

    fn deref(&self) -> &M::Connection {
        &self.held().open.connection
    }
}

impl<M: Manager> DerefMut for Guard<M> {
    fn deref_mut(&mut self) -> &mut M::Connection {
        &mut self.held_mut().open.connection
    }
}

impl<M: Manager> Drop for Guard<M> {
    fn drop(&mut self) {
        let Some(held) = self.held.take() else { return };
        let (manager, connection) = (&held.slot.shared.manager, &held.open.connection);
        let cancelling = self.cancelling.take(); // it could still hit the command of the next one
        let must_reset = self.is_dirty || cancelling.is_some() || thread::panicking();
        if manager.is_broken(connection) {
            drop(held.discard(Reason::Broken));
        } else if must_reset || manager.is_dirty(connection) {
            recover(held, cancelling);
        } else {
            held.put();
        }
    }
}

impl<M: Manager> fmt::Debug for Guard<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Guard").field("is_dirty", &self.is_dirty).finish_non_exhaustive()
    }
}

/// A command is under way; if it is dropped unfinished, the command was cut off.
struct Busy<'a, M: Manager> {
    guard: &'a mut Guard<M>,
    was_dirty: bool,
    is_finished: bool,
}

impl<'a, M: Manager> Busy<'a, M> {
    fn new(guard: &'a mut Guard<M>) -> Self {
        let was_dirty = std::mem::replace(&mut guard.is_dirty, true);
        Self { guard, was_dirty, is_finished: false }
    }

    fn finish(mut self) {
        self.is_finished = true;
        self.guard.is_dirty = self.was_dirty;
    }
}

impl<M: Manager> Drop for Busy<'_, M> {
    fn drop(&mut self) {
        if !self.is_finished {
            self.guard.cancel();
        }
    }
}
