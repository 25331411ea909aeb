//! One worker's queue: a small public window, a tail behind it, and a slot for the next task.
//!
//! ```text
//!     next slot        window (at most 64)                tail
//!      [ t ]      front [ t t t t t t t ] back    front [ t t t t t t t t t ... ] back
//!        |                 |          ^                    |              ^
//!   own pop, at most    own pop,      +---- refill --------+         push when the window
//!   3 in a row          thieves                                      is full or the tail is not empty
//! ```
//!
//! Together window and tail are first in, first out. The window is a crossbeam deque, which anybody
//! may steal from without a lock; it never holds more than the 64 it is born with, because growing
//! one costs an allocation and leaves garbage to the epoch collector. What does not fit goes to the
//! tail, an ordinary queue behind a lock that its owner has almost always for itself. Thieves come
//! to the tail only when a window gives nothing, so work behind a stuck poll is not stuck with it.
//!
//! The slot is for a task woken by the one that runs: it will find its data in the cache. It never
//! causes a wake-up of another worker, and no more than three such tasks run in a row.
//!
//! # Orderings
//!
//! | label  | release side                    | acquire side              | what crosses |
//! |--------|---------------------------------|---------------------------|--------------|
//! | `tail` | the lock, where the length is stored | the lock             | the tasks; the length outside it is a hint |

use std::collections::VecDeque;
use std::sync::Arc;

use windlass_sync::shim::Mutex;
use windlass_sync::shim::atomic::{AtomicUsize, Ordering::*};

use crate::deque::{Steal, Stealer, Worker};
use crate::task::Runnable;
use crate::task::slot::{Glance, Slot};

/// What a crossbeam deque holds without growing.
pub const WINDOW: usize = 64;
/// The window is refilled when it holds less than this part of it: thieves should find something.
const REFILL_BELOW: usize = 4;
/// Tasks moved at once, by a refill or a theft.
pub const BATCH: usize = 32;

/// The owner's side of a queue.
#[derive(Debug)]
pub struct RunQueue {
    window: Worker<Runnable>,
    /// How many tasks it may hold.
    limit: usize,
    public: Arc<Public>,
}

/// The side that thieves and watchers see; on cache lines of its own.
#[derive(Debug)]
#[repr(align(128))]
pub struct Public {
    stealer: Stealer<Runnable>,
    tail: Mutex<VecDeque<Runnable>>,
    /// The tail's length, stored under its lock.
    tail_len: AtomicUsize,
    /// The next task. Filled only by the owner.
    slot: Slot,
}

impl RunQueue {
    /// An empty queue.
    #[allow(clippy::new_without_default, reason = "loom's atomics have no const default")]
    pub fn new() -> Self {
        Self::with_window(WINDOW)
    }

    /// An empty queue with a window of another size, for models, which come to its end sooner.
    pub fn with_window(limit: usize) -> Self {
        let window = Worker::new_fifo();
        let public = Arc::new(Public {
            stealer: window.stealer(),
            tail: Mutex::new(VecDeque::new()),
            tail_len: AtomicUsize::new(0),
            slot: Slot::new(),
        });
        Self { window, limit, public }
    }

    /// The side for others.
    pub fn public(&self) -> &Arc<Public> {
        &self.public
    }

    /// The deque, for batches that come from the injector or another window.
    pub fn window(&self) -> &Worker<Runnable> {
        &self.window
    }

    /// Adds a task at the end.
    #[inline]
    pub fn push(&self, task: Runnable) {
        if self.public.tail_len() == 0 && self.window.len() < self.limit {
            self.window.push(task);
        } else {
            self.push_behind(task);
        }
    }

    /// Adds a task to the tail. Apart, so that a push to the window is a few instructions in line.
    #[inline(never)]
    fn push_behind(&self, task: Runnable) {
        let mut tail = self.public.tail.lock();
        tail.push_back(task);
        self.public.set_tail_len(tail.len());
    }

    /// Makes `task` the next one; the one that was to be next goes to the end.
    #[inline]
    pub fn push_next(&self, task: Runnable) -> bool {
        match self.public.slot.replace(Some(task)) {
            Some(displaced) => {
                self.push(displaced);
                true
            }
            None => false,
        }
    }

    /// The task in the slot.
    #[inline]
    pub fn pop_next(&self) -> Option<Runnable> {
        self.public.slot.take()
    }

    /// The oldest task.
    #[inline]
    pub fn pop(&self) -> Option<Runnable> {
        if self.public.tail_len() > 0 && self.window.len() < self.limit.div_ceil(REFILL_BELOW) {
            self.refill();
        }
        self.window.pop()
    }

    /// Tasks in window and tail.
    pub fn len(&self) -> usize {
        self.window.len() + self.public.tail_len()
    }

    /// True if there is nothing in window and tail.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Moves the oldest tasks of the tail to the window.
    fn refill(&self) {
        let mut tail = self.public.tail.lock();
        let count = tail.len().min(self.limit / 2);
        for task in tail.drain(..count) {
            self.window.push(task);
        }
        self.public.set_tail_len(tail.len());
    }
}

impl Public {
    /// Takes up to half of what is here; one task is returned, the others go to `into`, whose
    /// window must be empty.
    pub fn steal_into(&self, into: &RunQueue) -> Steal<Runnable> {
        match self.stealer.steal_batch_with_limit_and_pop(&into.window, BATCH) {
            Steal::Empty if self.tail_len() > 0 => self.steal_tail(into),
            result => result,
        }
    }

    fn steal_tail(&self, into: &RunQueue) -> Steal<Runnable> {
        let mut tail = self.tail.lock();
        if !self.stealer.is_empty() {
            return Steal::Retry; // a refill came first, and what it moved is older
        }
        let count = tail.len().div_ceil(2).min(BATCH);
        let Some(first) = tail.pop_front() else {
            return Steal::Empty;
        };
        for task in tail.drain(..count - 1) {
            into.window.push(task);
        }
        self.set_tail_len(tail.len());
        Steal::Success(first)
    }

    /// True if there is nothing to steal; the slot does not count.
    pub fn is_empty(&self) -> bool {
        self.stealer.is_empty() && self.tail_len() == 0
    }

    /// Tasks that can be stolen, for people.
    pub fn len(&self) -> usize {
        self.stealer.len() + self.tail_len()
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
        if let Some(seen) = self.slot.glance() {
            return self.slot.take_if(seen);
        }
        loop {
            match self.stealer.steal() {
                Steal::Success(task) => return Some(task),
                Steal::Retry => {}
                Steal::Empty => break,
            }
        }
        let mut tail = self.tail.lock();
        let task = tail.pop_front();
        self.set_tail_len(tail.len());
        task
    }

    fn tail_len(&self) -> usize {
        // ORDERING: Relaxed, `tail` acquire side as a hint. A worker about to park reads it after
        // its fence, which the fence of whoever pushed makes exact; see `idle`.
        self.tail_len.load(Relaxed)
    }

    fn set_tail_len(&self, len: usize) {
        // ORDERING: Relaxed, `tail` release side; the lock that is held orders the stores.
        self.tail_len.store(len, Relaxed);
    }
}
