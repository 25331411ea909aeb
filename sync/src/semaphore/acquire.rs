//! The futures that wait for permits.

use std::panic::Location;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use super::{OwnedPermit, Permit, Semaphore};
use crate::error::Closed;
use crate::shim::Arc;
use crate::shown::shown;
use crate::waiter::Waiter;

/// The future of [`Semaphore::acquire`] and [`Semaphore::acquire_many`].
#[must_use = "a future does nothing unless awaited"]
pub struct Acquire<'a> {
    semaphore: &'a Semaphore,
    /// How many permits it asks for.
    wanted: usize,
    waiter: Waiter,
}

/// The future of [`Semaphore::acquire_owned`] and [`Semaphore::acquire_many_owned`].
#[must_use = "a future does nothing unless awaited"]
pub struct AcquireOwned {
    /// `None` once it has become a permit.
    semaphore: Option<Arc<Semaphore>>,
    /// How many permits it asks for.
    wanted: usize,
    waiter: Waiter,
}

impl<'a> Acquire<'a> {
    #[inline]
    pub(super) fn new(
        semaphore: &'a Semaphore,
        wanted: usize,
        at: &'static Location<'static>,
    ) -> Self {
        Self { semaphore, wanted, waiter: Waiter::new(at) }
    }
}

impl AcquireOwned {
    pub(super) fn new(
        semaphore: Arc<Semaphore>,
        wanted: usize,
        at: &'static Location<'static>,
    ) -> Self {
        Self { semaphore: Some(semaphore), wanted, waiter: Waiter::new(at) }
    }
}

impl<'a> Future for Acquire<'a> {
    type Output = Result<Permit<'a>, Closed>;

    #[inline]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let Self { semaphore, wanted, waiter } = &mut *self;
        let acquired = ready!(semaphore.poll_acquire(waiter, cx, *wanted, Some));
        Poll::Ready(acquired.map(|()| Permit::new(semaphore, *wanted)))
    }
}

impl Future for AcquireOwned {
    type Output = Result<OwnedPermit, Closed>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let Self { semaphore: place, wanted, waiter } = &mut *self;
        let semaphore = place.as_ref().expect("a future is not polled after it is ready");
        let acquired = ready!(semaphore.poll_acquire(waiter, cx, *wanted, Some));
        let semaphore = place.take().expect("it was there a moment ago");
        Poll::Ready(acquired.map(|()| OwnedPermit::new(semaphore, *wanted)))
    }
}

impl Drop for Acquire<'_> {
    #[inline]
    fn drop(&mut self) {
        if let Some(key) = self.waiter.leave() {
            self.semaphore.leave(key);
        }
    }
}

impl Drop for AcquireOwned {
    fn drop(&mut self) {
        if let (Some(semaphore), Some(key)) = (&self.semaphore, self.waiter.leave()) {
            semaphore.leave(key);
        }
    }
}

shown!([] Acquire['_] |this| { wanted: this.wanted, waiter: this.waiter });

shown!([] AcquireOwned[] |this| { wanted: this.wanted, waiter: this.waiter });
