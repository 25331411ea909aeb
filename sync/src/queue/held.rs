//! What a queue has given out: a place that is not filled yet, an item that is not done yet.

use std::fmt;
use std::ops::{Deref, DerefMut};

use super::state::Shared;
use super::{Fifo, Producer, Store};
use crate::error::Closed;
use crate::shim::Arc;
use crate::shown::shown;

/// A place in a queue: putting into it does not wait.
///
/// Made by [`Handle::reserve`](super::Handle::reserve). Use it when making the item is dear or
/// cannot be undone: first the place, then the item. Dropping the slot gives the place to the next
/// in line. While it lives it counts as a producer, so the queue does not end before it is filled.
///
/// # Examples
/// ```
/// # use windlass_sync::queue::Queue;
/// let jobs = Queue::bounded(1);
/// let slot = jobs.try_reserve().unwrap();
/// assert!(jobs.try_put(1).is_err(), "the only place is taken");
/// slot.put(2).unwrap();
/// assert_eq!(jobs.try_get(), Ok(2));
/// ```
#[must_use = "dropping a slot gives its place to the next in line"]
pub struct Slot<T, S: Store<T> = Fifo<T>> {
    queue: Producer<T, S>,
    /// The place is still to be filled or given up.
    is_held: bool,
}

/// An item that was taken and is marked as done when this is dropped.
///
/// Made by [`Handle::get_job`](super::Handle::get_job). It is the item (through `Deref`), and
/// counts it as done once, also when its task panics or is cancelled; so a
/// [`join`](super::Handle::join) never waits for an item that nobody works on. The item is dropped
/// first.
///
/// # Examples
/// ```
/// # use windlass_sync::queue::Queue;
/// let jobs = Queue::unbounded();
/// jobs.try_put(vec![3, 1, 2]).unwrap();
/// let mut job = jobs.try_get_job().unwrap();
/// job.sort();
/// assert_eq!((job.len(), jobs.stats().unfinished), (3, 1));
/// job.done();
/// assert_eq!(jobs.stats().unfinished, 0);
/// ```
#[must_use = "dropping a job marks it as done"]
pub struct Job<T, S: Store<T> = Fifo<T>> {
    item: T,
    /// Behind the item, so that it is dropped after it.
    mark: Mark<T, S>,
}

impl<T, S: Store<T>> Slot<T, S> {
    /// For a place that is taken already, and a producer that is counted already.
    pub(super) fn new(queue: &Arc<Shared<T, S>>) -> Self {
        Self { queue: Producer::of(queue.clone()), is_held: true }
    }

    /// Puts the item into the place.
    ///
    /// # Errors
    /// [`Closed`] with the item, if the queue was shut down meanwhile.
    pub fn put(mut self, item: T) -> Result<(), Closed<T>> {
        self.is_held = false;
        self.queue.shared.with(|state, wakes| {
            if state.is_shut_down() {
                state.vacate(wakes);
                return Err(Closed(item));
            }
            state.fill(item, wakes);
            Ok(())
        })
    }
}

impl<T, S: Store<T>> Drop for Slot<T, S> {
    fn drop(&mut self) {
        if self.is_held {
            self.queue.shared.with(|state, wakes| state.vacate(wakes));
        }
    }
}

shown!([T, S: Store<T>] Slot[T, S] |this| { queue: this.queue });

impl<T, S: Store<T>> Job<T, S> {
    /// For an item that is counted as a job already.
    pub(super) fn new(item: T, queue: &Arc<Shared<T, S>>) -> Self {
        Self { item, mark: Mark(queue.clone()) }
    }

    /// Marks the item as done; the same as dropping it. What was done before is visible to whoever
    /// [joins](super::Handle::join) the queue.
    pub fn done(self) {}

    /// Marks the item as done and keeps it.
    pub fn into_inner(self) -> T {
        let Self { item, mark } = self;
        drop(mark);
        item
    }
}

impl<T, S: Store<T>> Deref for Job<T, S> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.item
    }
}

impl<T, S: Store<T>> DerefMut for Job<T, S> {
    fn deref_mut(&mut self) -> &mut T {
        &mut self.item
    }
}

impl<T: fmt::Debug, S: Store<T>> fmt::Debug for Job<T, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Job").field(&self.item).finish()
    }
}

/// Marks one item as done when dropped.
struct Mark<T, S: Store<T>>(Arc<Shared<T, S>>);

impl<T, S: Store<T>> Drop for Mark<T, S> {
    fn drop(&mut self) {
        self.0.with(|state, wakes| state.finish_job(wakes));
    }
}
