//! Wakers on their way out of a lock.
//!
//! No lock of windlass is held while a waker runs: a waker is foreign code that may call back into
//! the very primitive that woke it, or panic. Whoever wakes under a lock *pushes* to a [`Wakes`],
//! releases the lock, and then *fires*.

use std::task::Waker;

use crate::shim;

/// Wakers that were collected under a lock and must run after it.
#[derive(Debug, Default)]
#[must_use = "wakers that are collected and not fired are lost wake-ups"]
pub struct Wakes(Vec<Waker>);

impl Wakes {
    /// An empty batch; it allocates at the first push and keeps its room when fired.
    pub const fn new() -> Self {
        Self(Vec::new())
    }

    /// Adds a waker.
    pub fn push(&mut self, waker: Waker) {
        self.0.push(waker);
    }

    /// How many wakers wait to be fired.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// True if there is nothing to fire.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Runs every waker, in the order they came. Call it with no lock held.
    pub fn fire(&mut self) {
        for waker in self.0.drain(..) {
            wake(waker);
        }
    }
}

/// Runs one waker, so that a panic in it reaches neither the caller nor the next waker.
///
/// The panic is not silent: the panic hook has printed it. Its payload is leaked, because dropping
/// foreign data may panic again.
pub fn wake(waker: Waker) {
    if let Err(payload) = shim::catch_unwind(|| waker.wake()) {
        std::mem::forget(payload);
    }
}
