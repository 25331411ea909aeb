//! The waiting operations of a queue.

use std::panic::Location;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use super::state::{Line, Shared, State};
use super::{Fifo, Job, Slot, Store};
use crate::error::Closed;
use crate::shim::Arc;
use crate::shown::shown_by_place;
use crate::waiter::{Look, Visit, Waiter};

const OVER: &str = "a future is not polled after it is ready";

/// The future of [`Handle::put`](super::Handle::put).
#[must_use = "a future does nothing unless awaited"]
pub struct Put<'a, T, S: Store<T> = Fifo<T>> {
    pub(super) place: Place<'a, T, S>,
    /// What to put; gone once it is in the queue.
    pub(super) item: Option<T>,
}

/// The future of [`Handle::reserve`](super::Handle::reserve).
#[must_use = "a future does nothing unless awaited"]
pub struct Reserve<'a, T, S: Store<T> = Fifo<T>> {
    pub(super) place: Place<'a, T, S>,
}

/// The future of [`Handle::get`](super::Handle::get).
#[must_use = "a future does nothing unless awaited"]
pub struct Get<'a, T, S: Store<T> = Fifo<T>> {
    pub(super) place: Place<'a, T, S>,
}

/// The future of [`Handle::get_job`](super::Handle::get_job).
#[must_use = "a future does nothing unless awaited"]
pub struct GetJob<'a, T, S: Store<T> = Fifo<T>> {
    pub(super) place: Place<'a, T, S>,
}

/// The future of [`Handle::join`](super::Handle::join).
#[must_use = "a future does nothing unless awaited"]
pub struct Join<'a, T, S: Store<T> = Fifo<T>> {
    pub(super) place: Place<'a, T, S>,
}

impl<T, S: Store<T>> Put<'_, T, S> {
    /// Gives up, and returns the item; `None` if it is in the queue already.
    ///
    /// Use it after a `put` that lost a race, to try again later. It leaves the line as a drop does.
    pub fn into_item(mut self) -> Option<T> {
        self.item.take()
    }
}

impl<T, S: Store<T>> Unpin for Put<'_, T, S> {} // the item only lies in it

impl<T, S: Store<T>> Future for Put<'_, T, S> {
    type Output = Result<(), Closed<T>>;

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let Self { place, item } = self.get_mut();
        assert!(item.is_some(), "{OVER}"); // here, where it has taken no place yet
        let has_put = ready!(place.poll(cx, |state, visit| {
            let found = state.look_for_place(visit);
            if let Look::Go(true) = found {
                state.fill(item.take().expect(OVER), visit.wakes);
            }
            found
        }));
        Poll::Ready(if has_put { Ok(()) } else { Err(Closed(item.take().expect(OVER))) })
    }
}

impl<T, S: Store<T>> Future for Reserve<'_, T, S> {
    type Output = Result<Slot<T, S>, Closed>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let has_place = ready!(self.place.poll(cx, State::look_for_slot));
        Poll::Ready(if has_place { Ok(Slot::new(self.place.queue)) } else { Err(Closed(())) })
    }
}

impl<T, S: Store<T>> Future for Get<'_, T, S> {
    type Output = Result<T, Closed>;

    #[inline]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let item = ready!(self.place.poll(cx, State::look_for_item));
        Poll::Ready(item.ok_or(Closed(())))
    }
}

impl<T, S: Store<T>> Future for GetJob<'_, T, S> {
    type Output = Result<Job<T, S>, Closed>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let item = ready!(self.place.poll(cx, State::look_for_job));
        let queue = self.place.queue;
        Poll::Ready(item.map(|item| Job::new(item, queue)).ok_or(Closed(())))
    }
}

impl<T, S: Store<T>> Future for Join<'_, T, S> {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        self.place.poll(cx, State::look_for_end)
    }
}

/// A place in one of the lines of a queue, which is left when dropped.
pub(super) struct Place<'a, T, S: Store<T>> {
    queue: &'a Arc<Shared<T, S>>,
    line: Line,
    waiter: Waiter,
}

impl<'a, T, S: Store<T>> Place<'a, T, S> {
    #[inline]
    #[track_caller]
    pub(super) fn new(queue: &'a Arc<Shared<T, S>>, line: Line) -> Self {
        Self { queue, line, waiter: Waiter::new(Location::caller()) }
    }

    #[inline]
    fn poll<R>(
        &mut self,
        cx: &mut Context<'_>,
        mut look: impl FnMut(&mut State<T, S>, &mut Visit<'_>) -> Look<R>,
    ) -> Poll<R> {
        let queue = self.queue;
        self.waiter.poll(cx, |visit| queue.look(|state| look(state, visit)))
    }

    /// Leaves the line; what it was granted goes to the next.
    #[cold]
    fn leave(&self, key: usize) {
        let left = self.queue.with(|state, wakes| {
            let left = state.line(self.line).remove(key);
            state.serve(wakes);
            left
        });
        drop(left); // its waker, which may panic, after the others were fired
    }
}

impl<T, S: Store<T>> Drop for Place<'_, T, S> {
    #[inline]
    fn drop(&mut self) {
        if let Some(key) = self.waiter.leave() {
            self.leave(key);
        }
    }
}

shown_by_place!(
    [T, S: Store<T>] Put['_, T, S]
    [T, S: Store<T>] Reserve['_, T, S]
    [T, S: Store<T>] Get['_, T, S]
    [T, S: Store<T>] GetJob['_, T, S]
    [T, S: Store<T>] Join['_, T, S]
);
