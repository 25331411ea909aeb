//! The futures that wait for permits.

use std::fmt;
use std::future::Future;
use std::panic::Location;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use super::{Look, OwnedPermit, Permit, Semaphore, Take};
use crate::error::Closed;
use crate::shim::Arc;
use crate::wait_list::Spare;
use crate::wakes::Wakes;
use crate::{budget, waiting};

/// The future of [`Semaphore::acquire`] and [`Semaphore::acquire_many`].
#[must_use = "a future does nothing unless awaited"]
pub struct Acquire<'a> {
    semaphore: &'a Semaphore,
    waiter: Waiter,
}

/// The future of [`Semaphore::acquire_owned`] and [`Semaphore::acquire_many_owned`].
#[must_use = "a future does nothing unless awaited"]
pub struct AcquireOwned {
    /// `None` once it has become a permit.
    semaphore: Option<Arc<Semaphore>>,
    waiter: Waiter,
}

impl<'a> Acquire<'a> {
    #[inline]
    pub(super) fn new(semaphore: &'a Semaphore, waiter: Waiter) -> Self {
        Self { semaphore, waiter }
    }
}

impl AcquireOwned {
    pub(super) fn new(semaphore: Arc<Semaphore>, waiter: Waiter) -> Self {
        Self { semaphore: Some(semaphore), waiter }
    }
}

impl<'a> Future for Acquire<'a> {
    type Output = Result<Permit<'a>, Closed>;

    #[inline]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let semaphore = self.semaphore;
        let acquired = ready!(self.waiter.poll(semaphore, cx));
        Poll::Ready(acquired.map(|()| Permit::new(semaphore, self.waiter.wanted)))
    }
}

impl Future for AcquireOwned {
    type Output = Result<OwnedPermit, Closed>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.get_mut();
        let semaphore = this.semaphore.as_ref().expect("a future is not polled after it is ready");
        let acquired = ready!(this.waiter.poll(semaphore, cx));
        let semaphore = this.semaphore.take().expect("it was there a moment ago");
        Poll::Ready(acquired.map(|()| OwnedPermit::new(semaphore, this.waiter.wanted)))
    }
}

impl Drop for Acquire<'_> {
    #[inline]
    fn drop(&mut self) {
        self.waiter.leave(self.semaphore);
    }
}

impl Drop for AcquireOwned {
    fn drop(&mut self) {
        if let Some(semaphore) = &self.semaphore {
            self.waiter.leave(semaphore);
        }
    }
}

impl fmt::Debug for Acquire<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.waiter.describe("Acquire", f)
    }
}

impl fmt::Debug for AcquireOwned {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.waiter.describe("AcquireOwned", f)
    }
}

/// One request for permits.
pub(super) struct Waiter {
    /// Its place among the waiters, from its first fruitless poll until it is ready.
    pub(super) key: Option<usize>,
    /// How many permits it asks for.
    pub(super) wanted: usize,
    /// Who asked.
    at: &'static Location<'static>,
}

impl Waiter {
    pub(super) fn new(wanted: usize, at: &'static Location<'static>) -> Self {
        Self { key: None, wanted, at }
    }

    #[inline]
    fn poll(&mut self, semaphore: &Semaphore, cx: &mut Context<'_>) -> Poll<Result<(), Closed>> {
        ready!(budget::poll_proceed_at(cx, self.at));
        let acquired = match self.key {
            None if semaphore.word.take(self.wanted) == Take::Taken => Ok(()),
            _ => ready!(self.poll_at_the_lock(semaphore, cx)),
        };
        budget::spend();
        Poll::Ready(acquired)
    }

    #[cold]
    fn poll_at_the_lock(
        &mut self,
        semaphore: &Semaphore,
        cx: &mut Context<'_>,
    ) -> Poll<Result<(), Closed>> {
        let mut wakes = Wakes::new();
        let mut spare = match self.key {
            None => Spare::of(cx.waker()),
            Some(_) => Spare::none(),
        };
        let look = loop {
            match semaphore.look(self, cx.waker(), &mut spare, &mut wakes) {
                Look::NeedsWaker => spare = Spare::of(cx.waker()),
                look => break look,
            }
        };
        wakes.fire();
        if let Look::Go(acquired) = look {
            return Poll::Ready(acquired);
        }
        let free = semaphore.available_permits();
        waiting::note(waiting::Reason::Semaphore { wanted: self.wanted, free }, self.at);
        Poll::Pending
    }

    #[inline]
    fn leave(&mut self, semaphore: &Semaphore) {
        if let Some(key) = self.key.take() {
            semaphore.leave(key);
        }
    }

    fn describe(&self, name: &str, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct(name)
            .field("wanted", &self.wanted)
            .field("in_line", &self.key.is_some())
            .field("at", &self.at)
            .finish()
    }
}
