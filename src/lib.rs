//! windlass: a small work-stealing async runtime.
//!
//! It runs tasks on a few threads, waits for sockets and timers, and gives them the locks, events
//! and pools that tasks need. It is written to be embedded (few dependencies, a caller that works
//! along, a foreign loop that can drive it), to be read from top to bottom, and to be checked: every
//! protocol between its threads has a model that loom explores.
//!
//! ```
//! use std::time::Duration;
//! use windlass::{spawn, time};
//!
//! let answer = windlass::run(async {
//!     let slow = spawn(async {
//!         time::sleep(Duration::from_millis(10)).await;
//!         40
//!     });
//!     let quick = spawn(async { 2 });
//!     slow.await.unwrap() + quick.await.unwrap()
//! });
//! assert_eq!(answer, 42);
//! ```
//!
//! This crate is the facade: names, and convenience. It adds no mechanism to the runtime: `future` and
//! `pool` are built of what lies below. The crates there are public so that they can be read and
//! modelled, but only the names here carry the promise of stable versions.
#![forbid(unsafe_code)]

#[doc(hidden)]
pub mod __private;
pub mod future;
pub mod net;
pub mod pool;

pub use windlass_executor::{Task, run, spawn, spawn_blocking, spawn_local, yield_now};
/// The start of a program: runs an `async fn main` on a runtime of its own.
///
/// # Examples
/// ```
/// #[windlass::main(workers = 2)]
/// async fn main() -> std::io::Result<()> {
///     let read = windlass::spawn_blocking(|| std::fs::read_to_string("Cargo.toml"));
///     assert!(read.await??.contains("windlass"));
///     Ok(())
/// }
/// ```
///
/// # In full
pub use windlass_macros::main;
/// A test with a runtime of its own, which must leave nothing behind.
///
/// # Examples
/// ```test_harness
/// use std::time::Duration;
/// use windlass::{runtime::now, time::sleep};
///
/// #[windlass::test(paused)]
/// async fn a_day_passes_in_no_time() {
///     let begun = now();
///     sleep(Duration::from_secs(86_400)).await;
///     assert_eq!(now() - begun, Duration::from_secs(86_400));
/// }
/// ```
///
/// # In full
pub use windlass_macros::test;

/// The runtime itself: making one, reaching it, ending it, looking into it.
///
/// # Examples
/// ```
/// use std::time::Duration;
/// use windlass::runtime::Builder;
///
/// let runtime = Builder::new().workers(2).name("demo").build()?;
/// let task = runtime.spawn(async { 6 * 7 });
/// assert_eq!(runtime.block_on(task).unwrap(), 42);
/// let report = runtime.shutdown(Duration::from_secs(1));
/// assert!(report.is_clean());
/// # std::io::Result::Ok(())
/// ```
pub mod runtime {
    pub use windlass_executor::runtime::{
        Builder, Driven, Dump, Entered, Handle, Metrics, OnPanic, Report, Runtime, ShutdownReport,
        WorkerMetrics, now,
    };
}

/// Tasks, and waiting for several of them.
///
/// # Examples
/// ```
/// use windlass::task::{Until, Waited, wait};
///
/// windlass::run(async {
///     let mut tasks = vec![windlass::spawn(async { 1 }), windlass::spawn(std::future::pending())];
///     let Waited { done, pending } = wait(&mut tasks, Until::FirstCompleted).await;
///     assert_eq!((done.len(), pending.len()), (1, 1));
/// });
/// ```
pub mod task {
    pub use windlass_executor::gather::{Gather, TryGather, gather, try_gather};
    pub use windlass_executor::group::{
        Child, Failure, Group, GroupError, Refused, RunGroup, TaskGroup,
    };
    pub use windlass_executor::join_set::{JoinNext, JoinSet, NextFinished, as_completed};
    pub use windlass_executor::shield::{Shield, shield};
    pub use windlass_executor::task::{AbortHandle, Described, JoinError, Task, TaskId, try_id};
    pub use windlass_executor::time_limit::TimeLimit;
    pub use windlass_executor::wait::{Until, Wait, Waited, wait};
    pub use windlass_executor::{LocalKey, Scoped, Unset, task_local};
    pub use windlass_executor::{YieldNow, spawn, spawn_blocking, spawn_local, yield_now};
    pub use windlass_sync::budget::{Unconstrained, unconstrained};
    pub use windlass_sync::cancel::{CancelToken, DropGuard, RunUntilCancelled, UntilCancelled};
    pub use windlass_sync::error::Cancelled;
}

/// Sleeping, timeouts, intervals, and a clock that can be stopped.
///
/// # Examples
/// ```
/// use std::time::Duration;
/// use windlass::time::{sleep, timeout};
///
/// windlass::run(async {
///     let nap = timeout(Duration::from_millis(5), sleep(Duration::from_secs(60)));
///     assert!(nap.await.is_err());
/// });
/// ```
pub mod time {
    pub use std::time::{Duration, Instant};
    pub use windlass_timer::{
        Clock, Elapsed, Interval, MissedTickBehavior, Sleep, Timeout, TooLate, interval,
        interval_at, sleep, sleep_until, timeout, timeout_at,
    };
}

/// What tasks wait on together. Nothing here needs a runtime: the primitives work under any.
///
/// # Examples
/// ```
/// use std::sync::Arc;
/// use windlass::sync::Semaphore;
///
/// windlass::run(async {
///     let two_at_a_time = Arc::new(Semaphore::new(2));
///     let permit = two_at_a_time.acquire().await.unwrap();
///     assert_eq!(two_at_a_time.available_permits(), 1);
///     drop(permit);
/// });
/// ```
pub mod sync {
    pub use windlass_sync::barrier::{Barrier, Broken, Passed};
    pub use windlass_sync::condvar::{Condvar, Woken};
    pub use windlass_sync::event::Event;
    pub use windlass_sync::limiter::{Limiter, Token};
    pub use windlass_sync::mutex::{MappedGuard, Mutex, MutexGuard, OwnedMutexGuard};
    pub use windlass_sync::notify::Notify;
    pub use windlass_sync::once::OnceCell;
    pub use windlass_sync::queue::{
        Consumer, Job, LifoQueue, PriorityQueue, Producer, Queue, Slot,
    };
    pub use windlass_sync::rwlock::{
        OwnedRwLockReadGuard, OwnedRwLockWriteGuard, RwLock, RwLockReadGuard, RwLockWriteGuard,
    };
    pub use windlass_sync::semaphore::{OwnedPermit, Permit, Semaphore};
    pub use windlass_sync::{broadcast, error, oneshot, watch};
}

/// Reading and writing: helpers over the streams of [`net`].
///
/// # Examples
/// ```
/// use windlass::{io, net};
///
/// windlass::run(async {
///     let (left, right) = net::UnixStream::pair()?;
///     io::write_all(&left, b"one\ntwo\n").await?;
///     drop(left);
///     let mut lines = io::LineReader::new(&right, 1024);
///     assert_eq!(lines.next_line().await?.as_deref(), Some("one"));
///     std::io::Result::Ok(())
/// })?;
/// # std::io::Result::Ok(())
/// ```
pub mod io {
    pub use windlass_reactor::io::*;
    pub use windlass_reactor::is_runtime_gone;
}

/// Threads for work that blocks: pools with a name, a size and a bound.
///
/// # Examples
/// ```
/// use windlass::blocking::BlockingPool;
///
/// windlass::run(async {
///     let pool = BlockingPool::builder().name("disk").threads(0..=3).build();
///     let size = pool.run(|| std::fs::metadata("Cargo.toml").map(|file| file.len()));
///     assert!(size.await.unwrap()? > 0);
///     pool.shutdown().await;
///     std::io::Result::Ok(())
/// })?;
/// # std::io::Result::Ok(())
/// ```
pub mod blocking {
    pub use windlass_executor::blocking::{
        BlockingPool, Builder, CancelFlag, DescribedJob, Stats, TryRunError,
    };
}

/// Signals of the operating system.
///
/// # Examples
/// ```
/// # use rustix::process::{Signal, getpid, kill_process};
/// windlass::run(async {
///     let stop = windlass::signal::ctrl_c();
///     kill_process(getpid(), Signal::INT)?; // as Ctrl-C in the terminal does
///     stop.await?;
///     println!("good night");
///     std::io::Result::Ok(())
/// })?;
/// # std::io::Result::Ok(())
/// ```
pub mod signal {
    pub use windlass_reactor::signal::*;
}

/// The README's programs, run as tests.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
#[derive(Debug)]
pub struct Readme;
