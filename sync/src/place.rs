//! A future's place in the line of what it waits for, given up when the future is dropped.
//!
//! The waiter says how to wait; this adds for what, so that a primitive has one method for the looks
//! of its futures and one for those that leave.

use std::ops::Deref;
use std::panic::Location;
use std::task::{Context, Poll, Waker};

use crate::waiter::{Look, Visit, Waiter};

/// What futures stand in line at.
pub(crate) trait Lined {
    /// Takes out a future that will not be polled again, and does what follows from that. Its waker,
    /// if it has one, is returned to be dropped when no lock is held.
    fn leave(&self, key: usize) -> Option<Waker>;
}

/// A place in the line of what `O` points to.
pub(crate) struct Place<O: Deref<Target: Lined>> {
    pub(crate) owner: O,
    pub(crate) waiter: Waiter,
}

impl<O: Deref<Target: Lined>> Place<O> {
    /// For a future that is not in the line yet.
    #[inline]
    #[track_caller]
    pub(crate) fn new(owner: O) -> Self {
        Self { owner, waiter: Waiter::new(Location::caller()) }
    }

    /// The one poll of all that wait, see [`Waiter::poll`].
    #[inline]
    pub(crate) fn poll<R>(
        &mut self,
        cx: &mut Context<'_>,
        mut look: impl FnMut(&O::Target, &mut Visit<'_>) -> Look<R>,
    ) -> Poll<R> {
        let Self { owner, waiter } = self;
        waiter.poll(cx, |visit| look(owner, visit))
    }
}

impl<O: Deref<Target: Lined>> Drop for Place<O> {
    #[inline]
    fn drop(&mut self) {
        if let Some(key) = self.waiter.leave() {
            drop(self.owner.leave(key));
        }
    }
}
