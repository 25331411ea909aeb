//! Wakers on their way out of a lock, and one on its way in.
//!
//! No lock of windlass is held while a waker runs: a waker is foreign code that may call back into
//! the very primitive that woke it, or panic. Whoever wakes under a lock *pushes* to a [`Wakes`],
//! releases the lock, and then *fires*. To clone or drop a waker is foreign code as well, so a place
//! where one task leaves its waker is filled by [`poll_slot`].

use std::task::{Context, Poll, Waker};

use crate::shim::{self, Mutex};

/// Wakers that were collected under a lock and must run after it.
#[derive(Debug, Default)]
#[must_use = "wakers that are collected and not fired are lost wake-ups"]
pub struct Wakes {
    /// The first one. Most batches are of one, and those must not allocate.
    first: Option<Waker>,
    /// The others; empty while there is no first. In a box, because batches of two are rare: an
    /// empty one is then made and dropped within every operation at the price of two checks.
    others: Option<Box<Others>>,
}

/// All but the first.
#[derive(Debug, Default)]
struct Others(Vec<Waker>);

impl Wakes {
    /// An empty batch; it allocates at the second push and keeps its room when fired.
    pub const fn new() -> Self {
        Self { first: None, others: None }
    }

    /// Adds a waker, if there is one.
    #[inline]
    pub fn push(&mut self, waker: impl Into<Option<Waker>>) {
        match (&self.first, waker.into()) {
            (None, waker) => self.first = waker,
            (Some(_), Some(waker)) => self.others.get_or_insert_default().0.push(waker),
            (Some(_), None) => {}
        }
    }

    /// How many wakers wait to be fired.
    pub fn len(&self) -> usize {
        let others = self.others.as_ref().map_or(0, |others| others.0.len());
        usize::from(self.first.is_some()) + others
    }

    /// True if there is nothing to fire.
    pub fn is_empty(&self) -> bool {
        self.first.is_none()
    }

    /// Runs every waker, in the order they came. Call it with no lock held.
    #[inline]
    pub fn fire(&mut self) {
        let Some(first) = self.first.take() else { return };
        wake(first);
        if let Some(others) = &mut self.others {
            others.0.drain(..).for_each(wake::<Waker>);
        }
    }

    /// Drops the batch. By name, for where it is mostly empty: then this is two checks, and the
    /// compiler does not call its destructor.
    #[inline]
    pub(crate) fn end(self) {
        if self.first.is_none() && self.others.is_none() {
            std::mem::forget(self);
        }
    }
}

/// Runs `act`, which pushes while it holds a lock, and fires when that is free again.
#[inline]
pub fn collect<R>(act: impl FnOnce(&mut Wakes) -> R) -> R {
    let mut wakes = Wakes::new();
    let result = act(&mut wakes);
    wakes.fire();
    wakes.end();
    result
}

/// Runs a waker, if there is one, so that a panic in it reaches neither the caller nor the next.
///
/// The panic is not silent: the panic hook has printed it. Its payload is leaked, because dropping
/// foreign data may panic again.
#[inline]
pub fn wake<W: Into<Option<Waker>>>(waker: W) {
    let Some(waker) = waker.into() else { return };
    if let Err(payload) = shim::catch_unwind(|| waker.wake()) {
        std::mem::forget(payload);
    }
}

/// Polls `look` under a lock; while it finds nothing, keeps the current waker in `slot`.
///
/// Wakers are cloned and dropped while the lock is not held: they are foreign code.
pub fn poll_slot<S, R>(
    lock: &Mutex<S>,
    cx: &mut Context<'_>,
    look: impl Fn(&mut S) -> Option<R>,
    slot: impl Fn(&mut S) -> &mut Option<Waker>,
) -> Poll<R> {
    let mut cloned = None;
    loop {
        let mut state = lock.lock();
        if let Some(found) = look(&mut state) {
            return Poll::Ready(found);
        }
        let stored = slot(&mut state);
        if stored.as_ref().is_some_and(|stored| stored.will_wake(cx.waker())) {
            return Poll::Pending;
        }
        if cloned.is_some() {
            std::mem::swap(stored, &mut cloned);
            return Poll::Pending;
        }
        drop(state);
        cloned = Some(cx.waker().clone());
    }
}
