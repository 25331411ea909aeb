//! Spawning in the current runtime.

use std::panic::Location;

use crate::context;
use crate::runtime::{Handle, no_runtime};
use crate::task::Task;

/// Starts a task in the current runtime. Its future is first polled later, not inside this call.
///
/// # Examples
/// ```
/// # use windlass_executor::{run, spawn};
/// let total: u32 = run(async {
///     let tasks: Vec<_> = (1..=3).map(|n| spawn(async move { n * 10 })).collect();
///     let mut total = 0;
///     for task in tasks {
///         total += task.await.unwrap();
///     }
///     total
/// });
/// assert_eq!(total, 60);
/// ```
///
/// # Cancel safety
/// Dropping the task cancels it.
///
/// # Panics
/// Outside a runtime.
#[track_caller]
pub fn spawn<F: Future<Output: Send + 'static> + Send + 'static>(future: F) -> Task<F::Output> {
    let Some(current) = context::current() else { no_runtime("spawn()") };
    current.shared.spawn(future, Location::caller())
}

/// Starts a task that stays on this thread, so its future need not be `Send`.
///
/// It runs while this thread is inside `block_on` or `drive`, and waits in between. Until it is done, seat 0
/// is this thread's: the `block_on` of another thread polls only its own future then. With one worker
/// there is nobody else to serve timers, sockets and tasks, so those wait for this thread to come back,
/// too. When this thread ends, the task is cancelled.
///
/// # Examples
/// ```
/// # use windlass_executor::{run, spawn_local};
/// use std::rc::Rc;
///
/// run(async {
///     let shared = Rc::new(5);
///     let task = spawn_local({
///         let shared = shared.clone();
///         async move { *shared + 1 }
///     });
///     assert_eq!(task.await.unwrap(), 6);
/// });
/// ```
///
/// # Cancel safety
/// Dropping the task cancels it.
///
/// # Panics
/// On a thread that does not sit on seat 0, where nobody would run it: outside `block_on` and `drive`, on a
/// worker, in a second `block_on` at the same time, and where the caller
/// [does not work](crate::runtime::Builder::caller_works).
#[track_caller]
pub fn spawn_local<F: Future<Output: 'static> + 'static>(future: F) -> Task<F::Output> {
    let Some(current) = context::current() else { no_runtime("spawn_local()") };
    assert!(
        current.worker.as_ref().is_some_and(|worker| worker.seat == 0),
        "spawn_local() needs the thread on seat 0, the first inside block_on, and this is another: \
         spawn it from the root future, or use spawn()"
    );
    current.shared.spawn_local(future, Location::caller())
}

/// Runs a closure that blocks on a thread where that does no harm, and gives its result.
///
/// # Examples
/// ```
/// # use windlass_executor::{run, spawn_blocking};
/// let text = run(async {
///     spawn_blocking(|| std::fs::read_to_string("Cargo.toml")).await.unwrap().unwrap()
/// });
/// assert!(text.contains("windlass"));
/// ```
///
/// # Cancel safety
/// Dropping the task of a job that has not begun removes the job. One that runs goes on, and its
/// result is dropped.
///
/// # Panics
/// Outside a runtime.
#[track_caller]
pub fn spawn_blocking<T: Send + 'static>(job: impl FnOnce() -> T + Send + 'static) -> Task<T> {
    match Handle::try_current() {
        Some(handle) => handle.spawn_blocking(job),
        None => no_runtime("spawn_blocking()"),
    }
}
