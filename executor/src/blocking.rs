//! Pools of threads for closures that block.
//!
//! ```text
//!   run, try_run, run_when_free                     threads (NAME-1, NAME-2, ...)
//!            |                                        take the oldest job,
//!            v                                        call its closure, and so on
//!      a task with the closure --> queue, by number ------------^
//!            |                        ^                         |
//!            v                        | abort: leaves           | done: wakes whoever
//!         Task<T>  -------------------+                         v awaits the Task
//! ```
//!
//! A job is a task whose future calls the closure at its first poll, so everything that holds for
//! tasks holds for jobs: panics go to the handle, dropping the handle cancels, reports have names.
//! What is special is only the owner, which is the pool instead of a scheduler.
//!
//! Reading order: [`crew`] (when threads start, rest and end: the protocol), `job`, `state` (the
//! lists), `shared` (the lock around them), `thread`, `futures`, `builder`, `error`.
//!
//! # Three ways to submit
//!
//! A bounded queue is a promise about memory and about delay, so no way in goes past it.
//! [`run`](BlockingPool::run) answers at once, and when the queue is full the answer is a `Task`
//! that was refused: for pools without a bound, and for jobs that may be dropped under load.
//! [`try_run`](BlockingPool::try_run) gives the closure back instead.
//! [`run_when_free`](BlockingPool::run_when_free) waits for room, in line, and so slows its caller
//! down to the pace of the pool. Rejected: a `run` that queues beyond the bound, which is the
//! invisible queue that people set a bound against.
//!
//! # What the pool does not do
//!
//! It does not stop a closure that runs: no thread can be stopped from outside. It does not wait
//! for one when it is dropped. It does not know of workers, timers or sockets; a runtime hands in
//! what its threads are to enter.

mod builder;
pub mod crew;
mod error;
mod futures;
mod job;
mod queue;
mod shared;
mod state;
mod thread;

use std::fmt;
use std::panic::Location;
use std::time::{Duration, Instant};

use windlass_sync::shim::Arc;
use windlass_sync::waiting;

pub use builder::{Builder, OnSlow, Setup, Start};
pub use error::TryRunError;
pub use futures::{RunWhenFree, Shutdown};
pub use job::{CancelFlag, DescribedJob};

use crate::ids::Ids;
use crate::task::{Spec, Task, new_task};
use job::{Facts, Job, Work, nanos};
use shared::{PoolOwner, Shared};
use state::Refusal;

/// How long the oldest job waits before one thread more than the eager ones takes it: far longer
/// than a thread takes to start, far shorter than anybody notices.
pub const GRACE: Duration = Duration::from_millis(1);

/// Threads that run closures which block: file access, name resolution, long computations.
///
/// A worker that blocks keeps its tasks from running, so such work goes to a pool. A pool of its
/// own, with a name and bounds, keeps one kind of work from delaying the others.
///
/// Handles are cheap to clone. When the last one is dropped the pool takes no more jobs, runs those
/// it has, and its threads end; nobody waits for that. [`shutdown`](Self::shutdown) does.
///
/// # Examples
/// ```
/// # use std::{sync::mpsc, time::Duration};
/// # use windlass_executor::blocking::BlockingPool;
/// let pool = BlockingPool::builder().name("primes").threads(0..=2).build();
/// let (sender, receiver) = mpsc::channel();
/// pool.run(move || sender.send(6 * 7)).detach(); // in a task: `pool.run(|| 6 * 7).await`
/// assert_eq!(receiver.recv(), Ok(42));
/// assert!(pool.shutdown_timeout(Duration::from_secs(60)).is_empty());
/// ```
#[derive(Clone)]
pub struct BlockingPool(Arc<Door>);

/// What the handles share, and the threads do not: its drop is the drop of the last handle.
struct Door {
    shared: Arc<Shared>,
    ids: Arc<Ids>,
}

impl Drop for Door {
    fn drop(&mut self) {
        self.shared.close();
    }
}

impl BlockingPool {
    /// The settings of a new pool.
    pub fn builder() -> Builder {
        Builder::new()
    }

    fn new(settings: Builder, ids: Arc<Ids>) -> Self {
        Self(Arc::new(Door { shared: Arc::new(Shared::new(settings)), ids }))
    }

    /// Runs `closure` on a thread of the pool, as soon as one is free. Returns at once.
    ///
    /// Jobs start in the order they were submitted. Dropping the [`Task`] removes a job that has
    /// not started; one that runs goes on, and its result is dropped. A panic of the closure goes to
    /// the task, and the thread lives on.
    ///
    /// # Errors
    /// The task ends with an error, and the closure is dropped, if the pool is shut down, if its
    /// queue is full, or if it has no thread and cannot start one.
    #[track_caller]
    pub fn run<T, F>(&self, closure: F) -> Task<T>
    where
        T: Send + 'static,
        F: FnOnce() -> T + Send + 'static,
    {
        let (job, task) = self.job(closure, None, Location::caller());
        self.shared().submit(job);
        task
    }

    /// As [`run`](Self::run), with a flag that tells the closure when its task is cancelled.
    ///
    /// # Examples
    /// ```
    /// # use std::{sync::mpsc, time::Duration};
    /// # use windlass_executor::blocking::BlockingPool;
    /// let pool = BlockingPool::builder().build();
    /// let (started, wait) = mpsc::channel();
    /// let task = pool.run_with(move |cancelled| {
    ///     started.send(()).unwrap();
    ///     while !cancelled.is_set() {
    ///         std::thread::yield_now(); // one step of something long
    ///     }
    /// });
    /// wait.recv().unwrap();
    /// drop(task);
    /// assert!(pool.shutdown_timeout(Duration::from_secs(60)).is_empty());
    /// ```
    ///
    /// # Errors
    /// As [`run`](Self::run).
    #[track_caller]
    pub fn run_with<T, F>(&self, closure: F) -> Task<T>
    where
        T: Send + 'static,
        F: FnOnce(&CancelFlag) -> T + Send + 'static,
    {
        let flag = CancelFlag::new();
        let seen = flag.clone();
        let (job, task) = self.job(move || closure(&seen), Some(flag), Location::caller());
        self.shared().submit(job);
        task
    }

    /// As [`run`](Self::run), but gives the closure back if the pool does not take it.
    ///
    /// # Errors
    /// If the queue is full, the pool is shut down, or no thread can be had.
    ///
    /// # Examples
    /// ```
    /// # use windlass_executor::blocking::{BlockingPool, TryRunError};
    /// let pool = BlockingPool::builder().build();
    /// let _closed = pool.shutdown();
    /// let Err(TryRunError::Closed(closure)) = pool.try_run(|| 42) else { panic!() };
    /// assert_eq!(closure(), 42);
    /// ```
    #[track_caller]
    pub fn try_run<T, F>(&self, closure: F) -> Result<Task<T>, TryRunError<F>>
    where
        T: Send + 'static,
        F: FnOnce() -> T + Send + 'static,
    {
        let at = Location::caller();
        let shared = self.shared();
        if let Err(error) = shared.ensure_thread() {
            return Err(TryRunError::NoThread(closure, error));
        }
        let mut state = shared.state.lock();
        match state.admits(shared.settings.capacity) {
            Err(Refusal::Full) => return Err(TryRunError::Full(closure)),
            Err(Refusal::Closed) => return Err(TryRunError::Closed(closure)),
            Ok(()) => {}
        }
        // The cell is made under the lock: a closure that has gone into one cannot be got back.
        let (job, task) = self.job(closure, None, at);
        let errand = state.push(job);
        drop(state);
        shared.carry_out(errand);
        Ok(task)
    }

    /// Waits until there is room in the queue, then submits the closure as [`run`](Self::run) does.
    ///
    /// Use it where a producer may run ahead of a pool with a bounded queue: it waits in line with
    /// the others, strictly in the order of their first polls, and nobody overtakes them.
    ///
    /// # Examples
    /// ```
    /// # use windlass_executor::{blocking::BlockingPool, run};
    /// run(async {
    ///     let pool = BlockingPool::builder().threads(0..=1).queue(1).build();
    ///     let mut hashes = Vec::new();
    ///     for n in 0..10_u64 {
    ///         // Not ten jobs in a queue: the loop goes at the pace of the pool.
    ///         hashes.push(pool.run_when_free(move || n * n).await);
    ///     }
    ///     assert_eq!(hashes.pop().unwrap().await.unwrap(), 81);
    /// });
    /// ```
    ///
    /// # Cancel safety
    /// A future that is dropped takes its closure along; its place in line goes to the next.
    #[track_caller]
    pub fn run_when_free<T, F>(&self, closure: F) -> RunWhenFree<F, T>
    where
        T: Send + 'static,
        F: FnOnce() -> T + Send + 'static,
    {
        RunWhenFree::new(self.clone(), closure, Location::caller())
    }

    /// Closes the pool; the future is ready when its jobs are done and its threads are gone.
    ///
    /// The pool is closed by the call itself. Jobs that are queued still run, new ones are refused,
    /// and so are those that wait for room.
    ///
    /// # Examples
    /// ```
    /// # use windlass_executor::{blocking::BlockingPool, run};
    /// run(async {
    ///     let pool = BlockingPool::builder().build();
    ///     let last = pool.run(|| "written");
    ///     pool.shutdown().await;
    ///     assert_eq!(last.await.unwrap(), "written");
    ///     assert!(pool.run(|| "too late").await.unwrap_err().is_refused());
    /// });
    /// ```
    ///
    /// # Cancel safety
    /// Dropping the future only stops the wait.
    #[track_caller]
    pub fn shutdown(&self) -> Shutdown {
        self.shared().close();
        Shutdown::new(self.shared().clone(), Location::caller())
    }

    /// As [`shutdown`](Self::shutdown), but drops the jobs that are queued and sets the flags of
    /// those that run.
    ///
    /// # Examples
    /// ```
    /// # use std::sync::mpsc;
    /// # use windlass_executor::{blocking::BlockingPool, run};
    /// run(async {
    ///     let pool = BlockingPool::builder().threads(0..=1).build();
    ///     let (go, wait) = mpsc::channel::<()>();
    ///     let running = pool.run(move || wait.recv().is_err());
    ///     let queued = pool.run(|| "never");
    ///     let gone = pool.shutdown_now();
    ///     assert!(queued.await.unwrap_err().is_cancelled());
    ///     drop((go, running));
    ///     gone.await;
    /// });
    /// ```
    ///
    /// # Cancel safety
    /// Dropping the future only stops the wait.
    #[track_caller]
    pub fn shutdown_now(&self) -> Shutdown {
        self.shared().close_now();
        Shutdown::new(self.shared().clone(), Location::caller())
    }

    /// Closes the pool and blocks this thread until its jobs are done, at most for `limit`.
    ///
    /// The jobs that were still running or queued by then are returned; after that the pool is as
    /// after [`shutdown_now`](Self::shutdown_now). Called by one of the pool's own jobs it does not wait,
    /// since that job would wait for itself.
    ///
    /// # Panics
    /// Inside a task, unless the limit is zero: it would block a worker.
    #[track_caller]
    pub fn shutdown_timeout(&self, limit: Duration) -> Vec<DescribedJob> {
        assert!(
            limit.is_zero() || waiting::owner() == 0,
            "shutdown_timeout() would block a worker: inside a task, await shutdown()",
        );
        self.close_and_wait(Instant::now().checked_add(limit))
    }

    /// As [`shutdown_timeout`](Self::shutdown_timeout), for threads that are not asked who they
    /// are. No deadline is for ever.
    pub fn close_and_wait(&self, deadline: Option<Instant>) -> Vec<DescribedJob> {
        self.shared().close();
        let deadline = if self.shared().is_mine() { Some(Instant::now()) } else { deadline };
        let left = self.shared().wait_gone(deadline);
        self.shared().close_now();
        left
    }

    /// The pool's name.
    pub fn name(&self) -> &str {
        &self.shared().settings.name
    }

    /// Every job that is not done: those that run, then those that are queued, oldest first.
    pub fn jobs(&self) -> Vec<DescribedJob> {
        self.shared().jobs()
    }

    /// What the pool is doing, and has done.
    pub fn stats(&self) -> Stats {
        self.shared().stats()
    }

    fn shared(&self) -> &Arc<Shared> {
        &self.0.shared
    }

    /// Makes the task of a closure, and the pool's half of it.
    fn job<T, F>(
        &self,
        closure: F,
        flag: Option<CancelFlag>,
        spawned_at: &'static Location<'static>,
    ) -> (Job, Task<T>)
    where
        T: Send + 'static,
        F: FnOnce() -> T + Send + 'static,
    {
        let shared = self.shared();
        let since = Instant::now();
        let id = self.0.ids.one();
        let born_ns = nanos(shared.settings.epoch, since);
        let spec = Spec { id, spawned_at, born_ns, listed: true };
        let (runnable, task) = new_task(Work::new(closure), PoolOwner(shared.clone()), spec);
        let mut listed = None;
        runnable.list(|entry| {
            listed = Some(entry);
            id.get()
        });
        let listed = listed.expect("a task is listed by the call of `list`");
        (Job { runnable, facts: Facts { listed, flag, since } }, task)
    }
}

impl fmt::Debug for BlockingPool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BlockingPool")
            .field("name", &self.name())
            .field("stats", &self.stats())
            .finish_non_exhaustive()
    }
}

/// A look at a pool.
///
/// # Examples
/// ```
/// # use std::time::Duration;
/// # use windlass_executor::blocking::BlockingPool;
/// let pool = BlockingPool::builder().threads(0..=1).build();
/// pool.run(|| "one").detach();
/// pool.run(|| "two").detach();
/// pool.shutdown_timeout(Duration::from_secs(60));
/// let stats = pool.stats();
/// assert_eq!((stats.done, stats.peak, stats.threads), (2, 1, 0));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Stats {
    /// Threads that are started or being started, and not gone.
    pub threads: usize,
    /// Those of them that sleep with nothing to do.
    pub idle: usize,
    /// The most threads there ever were at once.
    pub peak: usize,
    /// Jobs that no thread has taken.
    pub queued: usize,
    /// Jobs for which there is no room in the queue yet.
    pub waiting: usize,
    /// Jobs that threads are running.
    pub running: usize,
    /// Jobs that threads have run, and those that were cancelled just when a thread had taken them.
    pub done: u64,
    /// The longest that a job was queued before a thread took it.
    pub longest_wait: Duration,
    /// The longest that a job ran.
    pub longest_run: Duration,
}
