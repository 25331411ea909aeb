//! The futures of a pool.

use std::fmt;
use std::panic::Location;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use windlass_sync::shim::Arc;
use windlass_sync::waiting::Reason;
use windlass_sync::{budget, waiting};

use super::BlockingPool;
use super::shared::Shared;
use crate::task::Task;

/// The future of [`BlockingPool::run_when_free`].
#[must_use = "a future does nothing unless awaited"]
pub struct RunWhenFree<F, T> {
    pool: BlockingPool,
    stage: Stage<F, T>,
    at: &'static Location<'static>,
}

enum Stage<F, T> {
    /// Not polled yet.
    New(F),
    /// In line for room.
    Waiting(Task<T>),
    Over,
}

// The closure is moved into its task and never pinned.
impl<F, T> Unpin for RunWhenFree<F, T> {}

impl<F, T> RunWhenFree<F, T> {
    pub(super) fn new(pool: BlockingPool, closure: F, at: &'static Location<'static>) -> Self {
        Self { pool, stage: Stage::New(closure), at }
    }
}

impl<F, T> Future for RunWhenFree<F, T>
where
    F: FnOnce() -> T + Send + 'static,
    T: Send + 'static,
{
    type Output = Task<T>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Task<T>> {
        ready!(budget::poll_proceed_at(cx, self.at));
        let shared = &self.pool.shared().clone();
        let (task, waits) = match std::mem::replace(&mut self.stage, Stage::Over) {
            Stage::New(closure) => {
                let (job, task) = self.pool.job(closure, None, self.at);
                let waits = shared.submit_or_wait(job, cx);
                (task, waits)
            }
            Stage::Waiting(task) => {
                let waits = shared.poll_admitted(task.id().get(), cx).is_pending();
                (task, waits)
            }
            Stage::Over => panic!("a future is not polled after it is ready"),
        };
        if waits {
            self.stage = Stage::Waiting(task);
            waiting::note(Reason::Other("room in the queue of a blocking pool"), self.at);
            return Poll::Pending;
        }
        budget::spend();
        Poll::Ready(task)
    }
}

impl<F, T> fmt::Debug for RunWhenFree<F, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.stage {
            Stage::New(_) => "RunWhenFree(new)",
            Stage::Waiting(_) => "RunWhenFree(waiting)",
            Stage::Over => "RunWhenFree(over)",
        })
    }
}

/// The future of [`BlockingPool::shutdown`].
#[must_use = "the pool is closed already, but nobody waits for its threads"]
pub struct Shutdown {
    shared: Arc<Shared>,
    /// The waker that the pool keeps for us.
    key: Option<usize>,
    at: &'static Location<'static>,
}

impl Shutdown {
    pub(super) fn new(shared: Arc<Shared>, at: &'static Location<'static>) -> Self {
        Self { shared, key: None, at }
    }
}

impl Future for Shutdown {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        ready!(budget::poll_proceed_at(cx, self.at));
        let Self { shared, key, at } = &mut *self;
        if shared.poll_gone(key, cx).is_pending() {
            waiting::note(Reason::Other("the threads of a blocking pool"), at);
            return Poll::Pending;
        }
        budget::spend();
        Poll::Ready(())
    }
}

impl Drop for Shutdown {
    fn drop(&mut self) {
        if let Some(key) = self.key {
            self.shared.unwatch(key);
        }
    }
}

impl fmt::Debug for Shutdown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Shutdown({})", self.shared.settings.name)
    }
}
