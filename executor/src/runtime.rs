//! The runtime as its users see it: made by a [`Builder`], reached through a [`Handle`].

use std::io;
use std::panic::Location;
use std::sync::Arc;
use std::time::{Duration, Instant};

use windlass_sync::shim::thread::JoinHandle;
use windlass_timer::Clock;

pub use crate::builder::Builder;
pub use crate::caller::Driven;
pub use crate::config::OnPanic;
pub use crate::counters::WorkerMetrics;
pub use crate::inspect::{Dump, Metrics};
pub use crate::report::Report;
pub use crate::shutdown::ShutdownReport;

use crate::blocking::BlockingPool;
use crate::scheduler::Shared;
use crate::task::Task;
use crate::{caller, context, shutdown};

/// A set of workers, a reactor, timers and a blocking pool, that run tasks.
///
/// Dropping it shuts it down, see [`shutdown`](Runtime::shutdown).
///
/// # Examples
/// ```
/// use windlass_executor::runtime::Runtime;
///
/// let runtime = Runtime::new()?;
/// let answer = runtime.block_on(async { 42 });
/// assert_eq!(answer, 42);
/// # std::io::Result::Ok(())
/// ```
#[derive(Debug)]
pub struct Runtime {
    handle: Handle,
    threads: Vec<JoinHandle<()>>,
    /// `shutdown` has been through.
    ended: bool,
}

impl Runtime {
    /// A runtime with the default settings, see [`Builder`].
    ///
    /// # Errors
    /// As [`Builder::build`].
    pub fn new() -> io::Result<Runtime> {
        Builder::new().build()
    }

    /// How to make one with other settings.
    pub fn builder() -> Builder {
        Builder::new()
    }

    pub(crate) fn assemble(shared: Arc<Shared>, threads: Vec<JoinHandle<()>>) -> Self {
        Self { handle: Handle(shared), threads, ended: false }
    }

    /// A handle for other threads; it does not keep the runtime running.
    pub fn handle(&self) -> &Handle {
        &self.handle
    }

    /// Runs a future to its end on this thread, which is a worker of the runtime meanwhile.
    ///
    /// The future need not be `Send`: only this thread polls it. Tasks that it has spawned go on
    /// running on the other workers when it returns, and at the next `block_on`. A second `block_on`
    /// at the same time, from another thread, polls only its own future.
    ///
    /// # Examples
    /// ```
    /// # use windlass_executor::runtime::Runtime;
    /// let runtime = Runtime::new()?;
    /// let words = String::from("borrowed, not moved");
    /// let length = runtime.block_on(async { words.len() });
    /// assert_eq!(length, words.len());
    /// # std::io::Result::Ok(())
    /// ```
    ///
    /// # Panics
    /// If the future panics; if it is called on a thread that is inside a `block_on` or polls a
    /// task; if the runtime shuts down meanwhile; in a forked child.
    #[track_caller]
    pub fn block_on<F: Future>(&self, future: F) -> F::Output {
        caller::block_on(&self.handle.0, future, Location::caller())
    }

    /// Runs tasks on this thread for at most `limit`, and returns when there is nothing to run.
    ///
    /// For programs that have a loop of their own: call it whenever the descriptor that
    /// [`poller_fd`](Handle::poller_fd) names is readable, when the returned deadline comes, and
    /// again at once while there is [`more`](Driven::more). [`Driven`] shows it.
    ///
    /// From the first call on, events of sockets are taken in here and by no other worker, so a loop
    /// that is slow to come back makes them wait; a `block_on` ends that. After a `block_on` the
    /// descriptor tells nothing until `drive` has been called again.
    ///
    /// # Panics
    /// As [`block_on`](Self::block_on); if another thread is inside `block_on` or has local tasks; and
    /// on a runtime whose caller does not work ([`Builder::caller_works`]).
    #[track_caller]
    pub fn drive(&self, limit: Duration) -> Driven {
        caller::drive(&self.handle.0, limit, Location::caller())
    }

    /// Spawns a task, see [`Handle::spawn`].
    #[track_caller]
    pub fn spawn<F>(&self, future: F) -> Task<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        self.handle.spawn(future)
    }

    /// Makes the runtime current on this thread, see [`Handle::enter`].
    pub fn enter(&self) -> Entered {
        self.handle.enter()
    }

    /// Shuts down: admits no task, cancels all, and waits until they are gone, for at most
    /// `timeout`. See the [module](crate::shutdown) for the sequence.
    ///
    /// With a zero timeout it does not wait: the report names what is not over at this moment, and
    /// the workers end by themselves.
    ///
    /// # Examples
    /// ```
    /// # use std::{sync::mpsc, time::Duration};
    /// # use windlass_executor::runtime::Builder;
    /// let runtime = Builder::new().workers(1).build()?;
    /// let (go, wait) = mpsc::channel::<()>();
    /// let job = runtime.handle().spawn_blocking(move || wait.recv().is_err()).named("stuck");
    /// let report = runtime.shutdown(Duration::from_millis(10));
    /// assert_eq!(report.jobs[0].task.name.as_deref(), Some("stuck"));
    /// drop((go, job));
    /// # std::io::Result::Ok(())
    /// ```
    ///
    /// # Panics
    /// Inside a task of any runtime, unless the timeout is zero, since it blocks.
    #[track_caller]
    pub fn shutdown(mut self, timeout: Duration) -> ShutdownReport {
        if context::is_polling() {
            assert!(
                timeout.is_zero(),
                "shutdown() blocks, and this thread runs tasks: drop the runtime, or move it to \
                 spawn_blocking"
            );
            self.ended = true;
            return shutdown::shut_down_in_background(&self.handle.0);
        }
        self.end(timeout)
    }

    fn end(&mut self, timeout: Duration) -> ShutdownReport {
        self.ended = true;
        shutdown::shut_down(&self.handle.0, std::mem::take(&mut self.threads), timeout)
    }
}

impl Drop for Runtime {
    /// Shuts down within the time that [`Builder::shutdown_timeout`] allows, and reports what did
    /// not end. On a thread that runs tasks it must not block: there the workers are told to stop
    /// and left to themselves. In a job of the runtime's own pool, it does not wait for jobs. In a
    /// forked child it does nothing.
    fn drop(&mut self) {
        if self.ended {
            return;
        }
        if self.handle.0.is_forked() {
            // The threads are the parent's, and so is the poller: to close a socket here would close its.
            return std::mem::forget(self.handle.clone());
        }
        if context::is_polling() {
            drop(shutdown::shut_down_in_background(&self.handle.0));
            return;
        }
        let report = self.end(self.handle.0.config.shutdown_timeout);
        if !report.is_clean() {
            eprintln!("windlass: {report}");
        }
    }
}

/// A reference to a runtime, for any thread.
///
/// # Examples
/// ```
/// # use std::thread;
/// # use windlass_executor::runtime::Runtime;
/// let runtime = Runtime::new()?;
/// let handle = runtime.handle().clone();
/// let thread = thread::spawn(move || handle.spawn(async { 6 * 7 })); // a thread of your own
/// let task = thread.join().unwrap();
/// assert_eq!(runtime.block_on(task).unwrap(), 42);
/// # std::io::Result::Ok(())
/// ```
#[derive(Clone, Debug)]
pub struct Handle(Arc<Shared>);

impl Handle {
    /// The runtime that this thread is in.
    ///
    /// # Panics
    /// If there is none.
    #[track_caller]
    pub fn current() -> Handle {
        match Self::try_current() {
            Some(handle) => handle,
            None => no_runtime("Handle::current()"),
        }
    }

    /// The runtime that this thread is in, if any.
    pub fn try_current() -> Option<Handle> {
        context::current().map(|current| Handle(current.shared.clone()))
    }

    /// Spawns a task from any thread. On a runtime that has shut down the task is cancelled.
    #[track_caller]
    pub fn spawn<F>(&self, future: F) -> Task<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        self.0.spawn(future, Location::caller())
    }

    /// Runs `job` on the default blocking pool.
    #[track_caller]
    pub fn spawn_blocking<T: Send + 'static>(
        &self,
        job: impl FnOnce() -> T + Send + 'static,
    ) -> Task<T> {
        self.0.blocking.run(job)
    }

    /// As [`Runtime::block_on`]. The runtime must live until it returns.
    ///
    /// # Panics
    /// As there.
    #[track_caller]
    pub fn block_on<F: Future>(&self, future: F) -> F::Output {
        caller::block_on(&self.0, future, Location::caller())
    }

    /// Makes the runtime current on this thread until the guard is dropped: `spawn`, timers and
    /// sockets work under it. It runs nothing.
    ///
    /// Guards may be dropped in any order, and outlive the `block_on` in which they were made. Current
    /// is the runtime that was entered last by a guard that lives.
    ///
    /// # Examples
    /// ```
    /// # use windlass_executor::{runtime::Builder, spawn};
    /// let runtime = Builder::new().workers(1).build()?;
    /// let here = runtime.handle().enter();
    /// let task = spawn(async { 42 }); // in a constructor, say, that is not async
    /// drop(here);
    /// assert_eq!(runtime.block_on(task).unwrap(), 42);
    /// # std::io::Result::Ok(())
    /// ```
    pub fn enter(&self) -> Entered {
        Entered(context::enter(&self.0, None))
    }

    /// The pool that `spawn_blocking` uses.
    pub fn blocking(&self) -> &BlockingPool {
        &self.0.blocking
    }

    /// The clock that the runtime's timers go by.
    pub fn clock(&self) -> &Clock {
        &self.0.clock
    }

    /// How many workers there are.
    pub fn workers(&self) -> usize {
        self.0.seats.len()
    }

    /// Figures of this moment.
    pub fn metrics(&self) -> Metrics {
        self.0.metrics()
    }

    /// Every task of this moment, with what it waits for. Polls nothing.
    pub fn dump(&self) -> Dump {
        Dump { tasks: self.0.tasks(), jobs: self.0.blocking.jobs() }
    }

    /// The descriptor that becomes readable when [`Runtime::drive`] should be called.
    pub fn poller_fd(&self) -> std::os::fd::BorrowedFd<'_> {
        self.0.reactor.poller_fd()
    }

    /// Cancels every task there is now; the runtime goes on.
    ///
    /// # Examples
    /// ```
    /// # use std::future::pending;
    /// # use windlass_executor::runtime::Builder;
    /// let runtime = Builder::new().workers(1).build()?;
    /// let task = runtime.spawn(pending::<()>());
    /// runtime.handle().cancel_all();
    /// assert!(runtime.block_on(task).unwrap_err().is_cancelled());
    /// assert_eq!(runtime.block_on(runtime.spawn(async { 42 })).unwrap(), 42);
    /// # std::io::Result::Ok(())
    /// ```
    pub fn cancel_all(&self) {
        self.0.cancel_all();
    }
}

/// The runtime is current on this thread while this guard lives.
#[derive(Debug)]
#[must_use = "the runtime is current only while this guard lives"]
pub struct Entered(#[expect(dead_code, reason = "held for its drop")] context::Entered);

/// Makes a default runtime, runs the future, and shuts down in order.
///
/// # Examples
/// ```
/// # use windlass_executor::{run, spawn};
/// let answer = run(async {
///     let other = spawn(async { 20 });
///     22 + other.await.unwrap()
/// });
/// assert_eq!(answer, 42);
/// ```
///
/// # Panics
/// If the runtime cannot be made, or the future panics.
#[track_caller]
pub fn run<F: Future>(future: F) -> F::Output {
    let runtime = match Runtime::new() {
        Ok(runtime) => runtime,
        Err(error) => panic!("the runtime cannot be made: {error}"),
    };
    runtime.block_on(future)
}

/// When the runtime's clock says it is; see [`Handle::clock`].
///
/// # Examples
/// ```
/// # use std::time::Duration;
/// # use windlass_executor::runtime::{Builder, now};
/// # use windlass_timer::Clock;
/// let clock = Clock::paused();
/// let runtime = Builder::new().workers(1).clock(clock.clone()).build()?;
/// runtime.block_on(async {
///     let begun = now();
///     clock.advance(Duration::from_secs(3_600));
///     assert_eq!(now() - begun, Duration::from_secs(3_600));
/// });
/// # std::io::Result::Ok(())
/// ```
pub fn now() -> Instant {
    Handle::try_current().map_or_else(Instant::now, |handle| handle.clock().now())
}

#[track_caller]
pub(crate) fn no_runtime(what: &str) -> ! {
    panic!("{what} needs a runtime: call it inside windlass::run, or enter a Handle first")
}
