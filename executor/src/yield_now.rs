//! Letting the others have a turn.

use std::panic::Location;
use std::pin::Pin;
use std::task::{Context, Poll};

use windlass_sync::waiting::{self, Reason};

/// Lets the tasks that wait in this worker's queue run once before this one goes on.
///
/// Timers, sockets and tasks that were spawned elsewhere get their turn within 61 such turns.
///
/// Use it in a long computation that cannot move to [`spawn_blocking`](crate::spawn_blocking).
///
/// # Examples
/// ```
/// # use windlass_executor::{run, spawn, yield_now};
/// run(async {
///     let other = spawn(async { "has had its turn" });
///     while !other.is_finished() {
///         yield_now().await; // after each piece of a long computation
///     }
///     assert_eq!(other.await.unwrap(), "has had its turn");
/// });
/// ```
///
/// # Cancel safety
/// There is nothing to lose.
#[track_caller]
pub fn yield_now() -> YieldNow {
    YieldNow { yielded: false, at: Location::caller() }
}

/// The future of [`yield_now`].
#[derive(Debug)]
#[must_use = "a future does nothing unless awaited"]
pub struct YieldNow {
    yielded: bool,
    at: &'static Location<'static>,
}

impl Future for YieldNow {
    type Output = ();

    #[inline]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        if self.yielded {
            return Poll::Ready(());
        }
        self.yielded = true;
        waiting::note(Reason::Yield, self.at);
        // A task that wakes itself while it runs goes behind everything that is queued.
        cx.waker().wake_by_ref();
        Poll::Pending
    }
}
