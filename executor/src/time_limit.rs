//! Waiting for a task that must not run longer than so long.

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use windlass_timer::{Elapsed, Timeout, timeout};

use crate::task::{JoinError, Task};

impl<T> Task<T> {
    /// Waits for the task for so long; if it has not finished by then, cancels it and waits until
    /// its future is really gone.
    ///
    /// `timeout(duration, task)` drops the handle at the deadline, which asks for the cancel but
    /// does not wait for it; `timeout(duration, &mut task)` lets the task run on.
    ///
    /// # Examples
    /// ```
    /// # use std::time::Duration;
    /// # use windlass_executor::{run, spawn};
    /// run(async {
    ///     let quick = spawn(async { 7 }).timeout(Duration::from_secs(60));
    ///     assert_eq!(quick.await.unwrap().unwrap(), 7);
    ///
    ///     let endless = spawn(std::future::pending::<()>()).timeout(Duration::from_millis(5));
    ///     println!("{}", endless.await.unwrap_err()); // "the timeout set at src/main.rs:8 has elapsed"
    /// });
    /// ```
    ///
    /// # Cancel safety
    /// Dropping it cancels the task.
    ///
    /// # Panics
    /// Outside a runtime.
    ///
    /// # Errors
    /// [`Elapsed`], if the task was cancelled by this deadline. What the task itself has come to
    /// wins over it: an output that was ready by then, a cancel that came before, a panic in a
    /// destructor that the cancel ran.
    #[track_caller]
    pub fn timeout(self, duration: Duration) -> TimeLimit<T> {
        TimeLimit { task: timeout(duration, self), expired: None }
    }
}

/// The future of [`Task::timeout`].
#[must_use = "dropping it cancels the task"]
pub struct TimeLimit<T> {
    task: Timeout<Task<T>>,
    /// The deadline has come before the task was finished.
    expired: Option<Expired>,
}

struct Expired {
    elapsed: Elapsed,
    /// The task was not being cancelled already.
    first: bool,
}

impl<T> Future for TimeLimit<T> {
    type Output = Result<Result<T, JoinError>, Elapsed>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = &mut *self;
        let expired = match &mut this.expired {
            Some(expired) => expired,
            None => match ready!(Pin::new(&mut this.task).poll(cx)) {
                Ok(joined) => return Poll::Ready(Ok(joined)),
                Err(elapsed) => {
                    let first = this.task.get_ref().abort();
                    this.expired.insert(Expired { elapsed, first })
                }
            },
        };
        let joined = ready!(this.task.get_mut().poll(cx));
        Poll::Ready(match joined {
            Err(error) if expired.first && error.is_cancelled() => Err(expired.elapsed),
            joined => Ok(joined),
        })
    }
}

impl<T> fmt::Debug for TimeLimit<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TimeLimit({:?}, {:?})", self.task.get_ref(), self.task)
    }
}
