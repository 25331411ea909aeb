//! Waiting for a task that must not be cancelled along with the waiter.

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll};

use crate::task::{JoinError, Task};

const HERE: &str = "a shield has its task until it is dropped";

/// Waits for a task; if the waiter is dropped meanwhile, the task runs on.
///
/// Use it for what must not stop halfway because somebody has lost interest: a write, a payment, a
/// refresh that others want too. A task that is merely awaited is cancelled together with the
/// waiter. Once the shield is gone the runtime owns the task, as after [`Task::detach`], so it runs
/// to its end; only a shutdown cancels it.
///
/// To protect several tasks, shield one that gathers them: `shield(spawn(gather(tasks)))`.
///
/// # Examples
/// ```
/// # use std::time::Duration;
/// # use windlass_executor::{run, shield::shield, spawn};
/// # use windlass_sync::oneshot;
/// # use windlass_timer::{sleep, timeout};
/// run(async {
///     let (tell, told) = oneshot::channel();
///     let write = spawn(async move {
///         sleep(Duration::from_millis(5)).await;
///         tell.send("written").unwrap();
///     });
///     timeout(Duration::ZERO, shield(write)).await.unwrap_err(); // nobody waits any more
///     assert_eq!(told.await.unwrap(), "written");
/// });
/// ```
///
/// # Cancel safety
/// Dropping it detaches the task. A cancel of the task itself, by an
/// [`AbortHandle`](crate::task::AbortHandle), reaches the waiter as an error.
pub fn shield<T>(task: Task<T>) -> Shield<T> {
    Shield(Some(task))
}

/// The future of [`shield`].
#[must_use = "a future does nothing unless awaited"]
pub struct Shield<T>(Option<Task<T>>);

impl<T> Future for Shield<T> {
    type Output = Result<T, JoinError>;

    /// # Panics
    /// If it is polled after it was ready.
    #[track_caller]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        Pin::new(self.0.as_mut().expect(HERE)).poll(cx)
    }
}

impl<T> Drop for Shield<T> {
    fn drop(&mut self) {
        if let Some(task) = self.0.take() {
            task.detach();
        }
    }
}

impl<T> fmt::Debug for Shield<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Shield({:?})", self.0.as_ref().expect(HERE))
    }
}
