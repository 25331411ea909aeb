//! Futures that must not leave their thread.

use std::mem::ManuallyDrop;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::thread::{self, ThreadId};

/// A future that may be carried to other threads, but is polled and dropped only on its own.
///
/// The scheduler keeps such a task on the seat of the thread that spawned it. Should a runtime be
/// taken apart by another thread all the same, the future is leaked, not dropped: its destructor
/// might touch what belongs to its thread. It is leaked with its memory, which is why it has a box
/// of its own: others may hold pointers into a pinned future until its destructor has run, so the
/// place where it stood must not be used again.
pub(super) struct Pinned<F> {
    future: ManuallyDrop<Pin<Box<F>>>,
    home: ThreadId,
}

// SAFETY: rule 6: `poll` and `drop` compare the thread before they touch the future, and there is
// no other way to it.
unsafe impl<F> Send for Pinned<F> {}

impl<F: Future> Pinned<F> {
    pub(super) fn new(future: F) -> Self {
        Self { future: ManuallyDrop::new(Box::pin(future)), home: thread::current().id() }
    }
}

impl<F: Future> Future for Pinned<F> {
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        assert!(thread::current().id() == self.home, "a local task is polled on its own thread");
        self.future.as_mut().poll(cx)
    }
}

impl<F> Drop for Pinned<F> {
    fn drop(&mut self) {
        if thread::current().id() == self.home {
            // SAFETY: rule 6, checked above; nothing touches the field after us.
            unsafe { ManuallyDrop::drop(&mut self.future) };
        }
    }
}
