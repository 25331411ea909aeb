//! One worker's queue, and a slot for the task that is next.
//!
//! ```text
//!     next slot              queue
//!      [ t ]        front [ t t t t t t t t ] back
//!        |                 |       ^        ^
//!   own pop, at most    own pop,   |       push
//!   3 in a row          thieves ---+
//! ```
//!
//! The queue is a crossbeam deque, first in, first out, which anybody may steal from without a lock, so
//! work behind a stuck poll is not stuck with it. It has room for 64 tasks, doubles when it is full and
//! halves when three quarters are empty. To keep what does not fit in a second queue, so that the deque
//! never grows, costs more: each such task is moved twice, under a lock (ARCHITECTURE.md has the figures).
//!
//! The slot is for a task woken by the one that runs, where the queue is long: it need not wait for all the
//! others, and will find its data in the cache. No more than three such tasks run in a row. In a short
//! queue it goes to the end. That is soon enough, costs an exchange less, and is better for tasks that
//! work on one thing: a consumer that came right after each producer would find one item each time (with a
//! queue of three places, 0.71 of the time). Neither way causes a wake-up of another worker.

use std::sync::Arc;

use crate::deque::{Stealer, Worker, insist};
use crate::task::Runnable;
use crate::task::slot::{Glance, Slot};

/// Tasks moved at once by a theft.
pub const BATCH: usize = 32;
/// A queue with fewer tasks is short.
const SHORT: usize = 8;

/// The owner's side of a queue.
#[derive(Debug)]
pub struct RunQueue {
    tasks: Worker<Runnable>,
    /// With fewer tasks it is short.
    short: usize,
    public: Arc<Public>,
}

/// The side that thieves and watchers see; on cache lines of its own.
#[derive(Debug)]
#[repr(align(128))]
pub struct Public {
    stealer: Stealer<Runnable>,
    /// The next task. Filled only by the owner.
    slot: Slot,
}

impl RunQueue {
    /// An empty queue.
    #[allow(clippy::new_without_default, reason = "loom's atomics have no const default")]
    pub fn new() -> Self {
        Self::with_short(SHORT)
    }

    /// As `new`, with another notion of short; for models, to which each task is a step.
    pub fn with_short(short: usize) -> Self {
        let tasks = Worker::new_fifo();
        let public = Arc::new(Public { stealer: tasks.stealer(), slot: Slot::new() });
        Self { tasks, short, public }
    }

    /// The side for others.
    pub fn public(&self) -> &Arc<Public> {
        &self.public
    }

    /// The deque, for batches that come from the injector.
    pub fn deque(&self) -> &Worker<Runnable> {
        &self.tasks
    }

    /// Adds a task at the end.
    #[inline]
    pub fn push(&self, task: Runnable) {
        self.tasks.push(task);
    }

    /// Makes `task` the next one, or adds it to a short queue; true if the one that was to be next has gone
    /// to the end for it.
    #[inline]
    pub fn push_next(&self, task: Runnable) -> bool {
        if self.len() < self.short && self.public.slot.glance().is_none() {
            self.push(task);
            return false;
        }
        let displaced = self.public.slot.put(task);
        displaced.map(|displaced| self.push(displaced)).is_some()
    }

    /// The task in the slot.
    #[inline]
    pub fn pop_next(&self) -> Option<Runnable> {
        self.public.slot.take()
    }

    /// The oldest task; the slot does not count.
    #[inline]
    pub fn pop(&self) -> Option<Runnable> {
        self.tasks.pop()
    }

    /// How many tasks there are; the slot does not count.
    #[inline]
    pub fn len(&self) -> usize {
        self.tasks.len()
    }

    /// True if there is none; the slot does not count.
    pub fn is_empty(&self) -> bool {
        self.tasks.is_empty()
    }
}

impl Public {
    /// Takes up to half of what is here, but no more than a batch; one task is returned, the others go
    /// to the end of `into`.
    pub fn steal_into(&self, into: &RunQueue) -> Option<Runnable> {
        insist(|| self.stealer.steal_batch_with_limit_and_pop(&into.tasks, BATCH))
    }

    /// True if there is nothing to steal; the slot does not count.
    pub fn is_empty(&self) -> bool {
        self.stealer.is_empty()
    }

    /// Tasks that can be stolen.
    pub fn len(&self) -> usize {
        self.stealer.len()
    }

    /// What is in the next-task slot now.
    pub fn glance(&self) -> Option<Glance> {
        self.slot.glance()
    }

    /// Takes the task out of the slot if it is still the one that was seen.
    pub fn take_slot(&self, seen: Glance) -> Option<Runnable> {
        self.slot.take_if(seen)
    }

    /// Takes one task from anywhere, for taking a queue apart.
    pub fn take_any(&self) -> Option<Runnable> {
        let next = self.slot.glance().and_then(|seen| self.slot.take_if(seen));
        next.or_else(|| insist(|| self.stealer.steal()))
    }
}
