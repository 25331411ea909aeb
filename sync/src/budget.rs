//! The cooperative budget: how many operations one poll may complete before it must yield.
//!
//! A task whose queue is never empty and whose socket is always ready would never return from its
//! poll. So every leaf future asks [`poll_proceed`] before it looks, and calls [`spend`] when it
//! has completed something. When the budget is used up the leaf wakes its own task and returns
//! `Pending`; the task goes to the back of the queue and finds a full budget at its next poll.
//!
//! The executor refills it with [`enter`] around each poll. Outside an executor there is no budget,
//! so the primitives work under any runtime.

use std::panic::Location;
use std::pin::Pin;
use std::task::{Context, Poll};

use crate::{shim, waiting};

/// Operations per poll: tokio's figure, about 10 µs of ready queue operations.
pub const OPERATIONS: u32 = 128;

/// The mark of a thread that is not counting.
const UNLIMITED: u32 = u32::MAX;

shim::thread_local! {
    static LEFT: std::cell::Cell<u32> = std::cell::Cell::new(UNLIMITED);
}

/// Puts the former budget back when dropped, also when the poll panics.
#[derive(Debug)]
#[must_use = "the budget holds only while this guard lives"]
pub struct Limit(u32);

impl Drop for Limit {
    #[inline]
    fn drop(&mut self) {
        // A thread that is being torn down has no budget to restore.
        let _ = LEFT.try_with(|left| left.set(self.0));
    }
}

#[inline]
fn replace(budget: u32) -> Limit {
    Limit(LEFT.try_with(|left| left.replace(budget)).unwrap_or(UNLIMITED))
}

/// Gives the code under the guard a full budget of [`OPERATIONS`]. For executors, around a poll.
#[inline]
pub fn enter() -> Limit {
    replace(OPERATIONS)
}

/// Ready if an operation may be tried; otherwise wakes the task, so that it runs again later.
#[inline]
pub fn poll_proceed(cx: &mut Context<'_>) -> Poll<()> {
    if is_exhausted() {
        cx.waker().wake_by_ref();
        Poll::Pending
    } else {
        Poll::Ready(())
    }
}

/// As [`poll_proceed`], and notes that the task at `at` waits for its turn.
#[inline]
pub fn poll_proceed_at(cx: &mut Context<'_>, at: &'static Location<'static>) -> Poll<()> {
    let proceed = poll_proceed(cx);
    if proceed.is_pending() {
        waiting::note(waiting::Reason::Yield, at);
    }
    proceed
}

/// Counts one completed operation.
#[inline]
pub fn spend() {
    let _ = LEFT.try_with(|left| match left.get() {
        UNLIMITED | 0 => {}
        n => left.set(n - 1),
    });
}

/// True if the poll that is running has no operations left.
#[inline]
pub fn is_exhausted() -> bool {
    LEFT.try_with(|left| left.get() == 0).unwrap_or(false)
}

/// Runs a future without a budget: it may complete any number of operations in one poll.
///
/// Use it for a future that is known to end soon and must not be interrupted by a yield.
///
/// # Examples
/// ```
/// # use std::{future::Future, pin::pin, task::{Context, Waker}};
/// # use windlass_sync::{budget::{self, unconstrained}, semaphore::Semaphore};
/// let gate = Semaphore::new(1);
/// let mut many = pin!(unconstrained(async {
///     for _ in 0..1_000 {
///         drop(gate.acquire().await.unwrap());
///     }
/// }));
/// let _budget = budget::enter(); // what an executor does before it polls
/// assert!(many.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_ready());
/// ```
///
/// # Cancel safety
/// That of the future inside, which is dropped with it.
pub fn unconstrained<F: Future>(future: F) -> Unconstrained<F> {
    Unconstrained { future: Box::pin(future) }
}

/// The future of [`unconstrained`].
#[derive(Debug)]
#[must_use = "a future does nothing unless awaited"]
pub struct Unconstrained<F> {
    /// Boxed, so that no unsafe pin projection is needed.
    future: Pin<Box<F>>,
}

impl<F: Future> Future for Unconstrained<F> {
    type Output = F::Output;
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        let _no_limit = replace(UNLIMITED);
        self.future.as_mut().poll(cx)
    }
}
