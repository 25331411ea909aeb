//! One closure on its way through a pool, and how reports show it.
//!
//! # Orderings
//!
//! | label    | release side        | acquire side           | what crosses                     |
//! |----------|---------------------|------------------------|----------------------------------|
//! | `cancel` | [`CancelFlag::set`] | [`CancelFlag::is_set`] | what was done before the cancel  |

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use windlass_sync::shim::Arc;
use windlass_sync::shim::atomic::{AtomicBool, Ordering::*};

use crate::task::describe::quoted;
use crate::task::runnable::Listed;
use crate::task::{Described, Runnable};

/// Tells a running closure that nobody waits for its result any more.
///
/// It is set when the closure's `Task` is dropped or aborted, and when the pool is shut down
/// without waiting. Nothing stops a thread from outside, so a closure that runs for long looks at
/// it from time to time.
///
/// # Examples
/// ```
/// # use std::{sync::mpsc, thread};
/// # use windlass_executor::blocking::BlockingPool;
/// let pool = BlockingPool::builder().build();
/// let (tell, told) = mpsc::channel();
/// let task = pool.run_with(move |cancelled| {
///     tell.send("begun").unwrap();
///     while !cancelled.is_set() {
///         thread::yield_now(); // one step of something long
///     }
///     tell.send("given up").unwrap();
/// });
/// assert_eq!(told.recv(), Ok("begun"));
/// drop(task);
/// assert_eq!(told.recv(), Ok("given up"));
/// ```
#[derive(Clone, Debug)]
pub struct CancelFlag(Arc<AtomicBool>);

impl CancelFlag {
    pub(super) fn new() -> Self {
        Self(Arc::new(AtomicBool::new(false)))
    }

    pub(super) fn set(&self) {
        // ORDERING: Release, release side of `cancel`.
        self.0.store(true, Release);
    }

    /// True once the result is not wanted any more. Never false again after that.
    pub fn is_set(&self) -> bool {
        // ORDERING: Acquire, acquire side of `cancel`.
        self.0.load(Acquire)
    }
}

/// A closure as the future of a task: its first poll is the whole work.
pub(super) struct Work<F>(Option<F>);

impl<F> Work<F> {
    pub(super) fn new(closure: F) -> Self {
        Self(Some(closure))
    }
}

// The closure is called by value and never pinned.
impl<F> Unpin for Work<F> {}

impl<T, F: FnOnce() -> T> Future for Work<F> {
    type Output = T;

    fn poll(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<T> {
        let closure = self.0.take().expect("a task is not polled after it is ready");
        Poll::Ready(closure())
    }
}

/// A job that no thread has taken.
pub(super) struct Job {
    /// Runs the closure; dropping it cancels the task.
    pub(super) runnable: Runnable,
    pub(super) facts: Facts,
}

/// What the pool keeps of a job until it is done.
pub(super) struct Facts {
    /// The pool's entry for the task; given back when it is done.
    pub(super) listed: Listed,
    /// For a closure that wants to know whether it is still wanted.
    pub(super) flag: Option<CancelFlag>,
    /// When it was submitted; from the moment a thread takes it, when that was.
    pub(super) since: Instant,
}

impl Facts {
    pub(super) fn describe(&self, running: bool, epoch: Instant, now: Instant) -> DescribedJob {
        DescribedJob {
            task: self.listed.describe(epoch, nanos(epoch, now)),
            running: running.then(|| now.saturating_duration_since(self.since)),
        }
    }
}

/// A job as a report shows it.
///
/// # Examples
/// ```
/// # use std::{sync::mpsc, time::Duration};
/// # use windlass_executor::blocking::BlockingPool;
/// let pool = BlockingPool::builder().build();
/// let (go, wait) = mpsc::channel::<()>();
/// let task = pool.run(move || wait.recv().is_err()).named("stuck");
/// let left = pool.shutdown_timeout(Duration::from_millis(1));
/// assert_eq!(left[0].task.name.as_deref(), Some("stuck"));
/// println!("{}", left[0]); // job 1 "stuck" (submitted at src/main.rs:7:17): has been ...
/// drop((go, task));
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct DescribedJob {
    /// Its task: number, name, the line that submitted it, and how long ago that was.
    pub task: Described,
    /// How long it has been running; `None` while it is queued.
    pub running: Option<Duration>,
}

impl fmt::Display for DescribedJob {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Described { id, name, spawned_at, .. } = &self.task;
        write!(f, "job {id}{} (submitted at {spawned_at}): ", quoted(name))?;
        match self.running {
            Some(time) => write!(f, "has been running for {time:.1?}"),
            None => write!(f, "has been queued for {:.1?}", self.task.age),
        }
    }
}

/// Nanoseconds of the runtime's clock.
pub(super) fn nanos(epoch: Instant, now: Instant) -> u64 {
    u64::try_from(now.saturating_duration_since(epoch).as_nanos()).unwrap_or(u64::MAX)
}
