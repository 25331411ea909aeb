//! Queues: items go from those who put to those who get, in one of three orders.
//!
//! [`Queue`] gives the oldest item first, [`LifoQueue`] the newest, [`PriorityQueue`] the smallest.
//! They are one type, [`Handle`], with a store each (`queue/store.rs`) around one engine
//! (`queue/state.rs`); the waiting operations are in `queue/futures.rs`, slots and jobs in
//! `queue/held.rs`.
//!
//! # Who is granted what
//! A place that becomes free is granted to the putter who has waited longest, and he puts his item
//! into it himself when he runs. An item that comes is kept for the getter who has waited longest.
//! Nobody can take either in between, except for another future of the same task, as for the
//! [`Semaphore`](crate::semaphore::Semaphore#fairness). If the waiter is dropped instead of run, the
//! next in line gets it.
//!
//! The other way is that whoever makes room moves the waiting putter's item over. It saves nothing:
//! the putter is woken all the same. And the item would have to lie in the line, where its putter
//! could not take it back.
//!
//! # How a queue ends
//! [`shutdown`](Handle::shutdown) lets nothing more in; what is inside can still be taken, then
//! `get` ends. [`shutdown_now`](Handle::shutdown_now) takes everything out besides. The same
//! happens by itself, in this order, when the last [`Producer`] goes, and when the last
//! [`Consumer`] goes. A [`Queue`] handle counts as both, so one who holds it and waits for an item
//! waits for himself too: [`split`](Handle::split) it where the end matters.

mod futures;
mod held;
mod state;
mod store;

use std::fmt;

pub use futures::{Get, GetJob, Join, Put, Reserve};
pub use held::{Job, Slot};
pub use store::{Fifo, Lifo, Smallest, Store};

use crate::blocking;
use crate::error::{AllDone, Closed, TryGetError, TryPutError};
use crate::shim::Arc;
use futures::Place;
use state::{Line, Shared};

/// A queue that gives the oldest item first; bounded or not, for any number of tasks on both sides.
///
/// Use it between those who make work and those who do it. `put` waits while a bounded queue is
/// full, which slows producers down to the pace of their consumers; `get` waits while it is empty.
///
/// # Examples
/// ```
/// # use windlass_sync::{error::{TryGetError, TryPutError}, queue::Queue};
/// let jobs = Queue::bounded(2);
/// jobs.try_put("one").unwrap();
/// jobs.try_put("two").unwrap();
/// assert_eq!(jobs.try_put("three"), Err(TryPutError::Full("three")));
/// assert_eq!(jobs.try_get(), Ok("one"));
/// jobs.shutdown();
/// assert_eq!(jobs.try_get(), Ok("two"), "what is in it can still be taken");
/// assert_eq!(jobs.try_get(), Err(TryGetError::ShutDown));
/// ```
pub type Queue<T> = Handle<T, Fifo<T>, true, true>;

/// As [`Queue`], and the newest item comes first.
///
/// # Examples
/// ```
/// # use windlass_sync::queue::LifoQueue;
/// let pages = LifoQueue::unbounded();
/// pages.try_put("old").unwrap();
/// pages.try_put("new").unwrap();
/// assert_eq!(pages.try_get(), Ok("new"));
/// ```
pub type LifoQueue<T> = Handle<T, Lifo<T>, true, true>;

/// As [`Queue`], and the smallest item comes first; of equal ones the oldest.
///
/// The standard library's heap has its greatest on top; wrap items in [`std::cmp::Reverse`] for
/// that. Items are compared under the queue's lock: a comparison must not use the queue.
///
/// # Examples
/// ```
/// # use windlass_sync::queue::PriorityQueue;
/// let due = PriorityQueue::unbounded();
/// for job in [(20, "later"), (10, "now"), (30, "some day")] {
///     due.try_put(job).unwrap();
/// }
/// assert_eq!(due.try_get(), Ok((10, "now")));
/// ```
pub type PriorityQueue<T> = Handle<T, Smallest<T>, true, true>;

/// A handle that only puts. When the last one is gone, the queue is [shut down](Handle::shutdown).
///
/// # Examples
/// ```
/// # use windlass_sync::{error::TryGetError, queue::Queue};
/// let (producer, consumer) = Queue::unbounded().split();
/// producer.try_put(1).unwrap();
/// drop(producer);
/// assert_eq!(consumer.try_get(), Ok(1));
/// assert_eq!(consumer.try_get(), Err(TryGetError::ShutDown), "nobody is left to put");
/// ```
pub type Producer<T, S = Fifo<T>> = Handle<T, S, true, false>;

/// A handle that only gets. When the last one is gone, items that are in the queue are dropped, and
/// puts fail.
///
/// # Examples
/// ```
/// # use windlass_sync::{error::TryPutError, queue::Queue};
/// let (producer, consumer) = Queue::unbounded().split();
/// producer.try_put(1).unwrap();
/// drop(consumer);
/// assert_eq!(producer.try_put(2), Err(TryPutError::ShutDown(2)), "nobody is left to get");
/// ```
pub type Consumer<T, S = Fifo<T>> = Handle<T, S, false, true>;

/// A handle of a queue: of items `T` in the order of `S`, to put, to get, or both. Clone it to share
/// the queue.
///
/// You name it as [`Queue`], [`LifoQueue`], [`PriorityQueue`], [`Producer`] or [`Consumer`].
pub struct Handle<T, S: Store<T>, const PUTS: bool, const GETS: bool> {
    shared: Arc<Shared<T, S>>,
}

/// A snapshot of a queue, for reports.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stats {
    /// How many places there are; `None` if they are not counted.
    pub capacity: Option<usize>,
    /// Items in the queue.
    pub len: usize,
    /// Items kept for getters who were woken and have not run yet.
    pub kept: usize,
    /// Places taken: by items, by slots, and by putters who were woken and have not run yet.
    pub used: usize,
    /// The most items that ever were in it at a time.
    pub high_water: usize,
    /// Items that were put and are not marked as done.
    pub unfinished: usize,
    /// How many wait for an item.
    pub waiting_getters: usize,
    /// How many wait for a place.
    pub waiting_putters: usize,
    /// How many wait until nothing is unfinished.
    pub waiting_joiners: usize,
    /// Handles that can put, slots included.
    pub producers: usize,
    /// Handles that can get.
    pub consumers: usize,
    /// Whether it is shut down.
    pub is_shut_down: bool,
}

/// Making one.
impl<T, S: Store<T>> Handle<T, S, true, true> {
    /// A queue with room for `capacity` items; `put` waits while it is full.
    ///
    /// # Panics
    /// If `capacity` is zero.
    #[track_caller]
    pub fn bounded(capacity: usize) -> Self {
        assert!(
            capacity > 0,
            "a queue without room passes nothing on: for one without a limit, use unbounded()"
        );
        Self::with_room(capacity)
    }

    /// A queue that is never full: `put` never waits. Nothing slows its producers down.
    ///
    /// What a burst has taken of memory is freed when somebody looks for an item and finds none; room for
    /// about a thousand items is kept.
    pub fn unbounded() -> Self {
        Self::with_room(usize::MAX)
    }

    /// Two handles in place of this one: the first only puts, the second only gets.
    pub fn split(self) -> (Producer<T, S>, Consumer<T, S>) {
        (self.producer(), self.consumer())
    }

    /// Another handle, which only puts.
    pub fn producer(&self) -> Producer<T, S> {
        Handle::counted(&self.shared)
    }

    /// Another handle, which only gets.
    pub fn consumer(&self) -> Consumer<T, S> {
        Handle::counted(&self.shared)
    }

    fn with_room(capacity: usize) -> Self {
        Self::counted(&Arc::new(Shared::new(capacity)))
    }
}

/// Putting.
impl<T, S: Store<T>, const GETS: bool> Handle<T, S, true, GETS> {
    /// Puts an item in; waits while the queue is full.
    ///
    /// # Examples
    /// ```
    /// # use std::{future::Future, pin::pin, task::{Context, Waker}};
    /// # use windlass_sync::{error::TryPutError, queue::Queue};
    /// # let mut cx = Context::from_waker(Waker::noop());
    /// let jobs = Queue::bounded(1);
    /// jobs.try_put(1).unwrap();
    /// let mut second = pin!(jobs.put(2));
    /// assert!(second.as_mut().poll(&mut cx).is_pending());
    /// assert_eq!(jobs.try_get(), Ok(1)); // grants it the place
    /// assert_eq!(jobs.try_put(3), Err(TryPutError::Full(3)), "nobody can take it in between");
    /// assert!(second.as_mut().poll(&mut cx).is_ready());
    /// ```
    ///
    /// # Errors
    /// [`Closed`] with the item, if the queue is or gets shut down.
    ///
    /// # Cancel safety
    /// A future that is dropped has put nothing, and its place goes to the next in line. Its item
    /// is dropped with it: to keep it use [`Put::into_item`], or [`reserve`](Self::reserve) first.
    #[inline]
    #[track_caller]
    pub fn put(&self, item: T) -> Put<'_, T, S> {
        Put { place: Place::new(&self.shared, Line::Putters), item: Some(item) }
    }

    /// Puts an item in if there is room and nobody stands in line for it.
    ///
    /// # Errors
    /// [`TryPutError`] with the item says whether it makes sense to try again.
    #[inline]
    pub fn try_put(&self, item: T) -> Result<(), TryPutError<T>> {
        self.shared.with(|state, wakes| match state.try_reserve() {
            Ok(()) => {
                state.fill(item, wakes);
                Ok(())
            }
            Err(TryPutError::Full(())) => Err(TryPutError::Full(item)),
            Err(TryPutError::ShutDown(())) => Err(TryPutError::ShutDown(item)),
        })
    }

    /// Waits for a place, and takes it: putting into the [`Slot`] does not wait.
    ///
    /// # Errors
    /// [`Closed`] if the queue is or gets shut down.
    ///
    /// # Cancel safety
    /// A future that is dropped leaves the line; if a place had been granted to it, the next in
    /// line gets it. A new call starts at the end of the line.
    #[track_caller]
    pub fn reserve(&self) -> Reserve<'_, T, S> {
        Reserve { place: Place::new(&self.shared, Line::Putters) }
    }

    /// Takes a place if one is free and nobody stands in line for it.
    ///
    /// # Errors
    /// [`TryPutError`] says whether it makes sense to try again.
    pub fn try_reserve(&self) -> Result<Slot<T, S>, TryPutError<()>> {
        self.shared.with(|state, _| {
            state.try_reserve()?;
            state.count_in(true, false);
            Ok(Slot::new(&self.shared))
        })
    }

    /// Puts an item in on a plain thread, which sleeps while the queue is full.
    ///
    /// # Errors
    /// [`Closed`] with the item, if the queue is or gets shut down.
    ///
    /// # Panics
    /// Inside a task: it would block the worker. Use [`put`](Self::put) there.
    #[track_caller]
    pub fn put_blocking(&self, item: T) -> Result<(), Closed<T>> {
        blocking::wait_on("put_blocking", "put().await", self.put(item))
    }
}

/// Getting.
impl<T, S: Store<T>, const PUTS: bool> Handle<T, S, PUTS, true> {
    /// Takes the item whose turn it is; waits while there is none.
    ///
    /// A consumer is a loop that ends with the queue:
    /// `while let Ok(item) = jobs.get().await { ... }`.
    ///
    /// # Examples
    /// ```
    /// # use std::{future::Future, pin::pin, task::{Context, Poll, Waker}};
    /// # use windlass_sync::{error::TryGetError, queue::Queue};
    /// # let mut cx = Context::from_waker(Waker::noop());
    /// let jobs = Queue::bounded(1);
    /// let mut get = pin!(jobs.get());
    /// assert!(get.as_mut().poll(&mut cx).is_pending());
    /// jobs.try_put(1).unwrap(); // it is kept for who waits
    /// assert_eq!(jobs.try_get(), Err(TryGetError::Empty), "nobody can take it in between");
    /// assert_eq!(get.as_mut().poll(&mut cx), Poll::Ready(Ok(1)));
    /// ```
    ///
    /// # Errors
    /// [`Closed`] if the queue is shut down and nothing is left in it.
    ///
    /// # Cancel safety
    /// A future that is dropped has taken nothing; an item that was kept for it goes to the next in
    /// line. A new call starts at the end of the line.
    #[inline]
    #[track_caller]
    pub fn get(&self) -> Get<'_, T, S> {
        Get { place: Place::new(&self.shared, Line::Getters) }
    }

    /// As [`get`](Self::get), for an item that is marked as done when the [`Job`] is dropped.
    ///
    /// # Errors
    /// [`Closed`] if the queue is shut down and nothing is left in it.
    ///
    /// # Cancel safety
    /// As [`get`](Self::get).
    #[track_caller]
    pub fn get_job(&self) -> GetJob<'_, T, S> {
        GetJob { place: Place::new(&self.shared, Line::Getters) }
    }

    /// Takes an item if there is one that is not kept for somebody in line.
    ///
    /// # Errors
    /// [`TryGetError`] says whether it makes sense to try again.
    #[inline]
    pub fn try_get(&self) -> Result<T, TryGetError> {
        self.shared.with(|state, wakes| state.try_take(wakes))
    }

    /// As [`try_get`](Self::try_get), for an item that is marked as done when the [`Job`] is
    /// dropped.
    ///
    /// # Errors
    /// [`TryGetError`] says whether it makes sense to try again.
    pub fn try_get_job(&self) -> Result<Job<T, S>, TryGetError> {
        self.shared.with(|state, wakes| {
            let item = state.try_take(wakes)?;
            state.begin_job();
            Ok(Job::new(item, &self.shared))
        })
    }

    /// Takes an item on a plain thread, which sleeps while there is none.
    ///
    /// # Examples
    /// ```
    /// # use windlass_sync::queue::Queue;
    /// let (producer, consumer) = Queue::bounded(1).split();
    /// let thread = std::thread::spawn(move || {
    ///     (1..=3).for_each(|n| producer.put_blocking(n).unwrap())
    /// });
    /// let items = std::iter::from_fn(|| consumer.get_blocking().ok());
    /// assert_eq!(items.collect::<Vec<u32>>(), [1, 2, 3]);
    /// # thread.join().unwrap();
    /// ```
    ///
    /// # Errors
    /// [`Closed`] if the queue is shut down and nothing is left in it.
    ///
    /// # Panics
    /// Inside a task: it would block the worker. Use [`get`](Self::get) there.
    #[track_caller]
    pub fn get_blocking(&self) -> Result<T, Closed> {
        blocking::wait_on("get_blocking", "get().await", self.get())
    }

    /// Marks one item, taken with [`get`](Self::get), as done; [jobs](Self::get_job) do it
    /// themselves. What was done before is visible to whoever [joins](Self::join) the queue.
    ///
    /// # Errors
    /// [`AllDone`] if nothing is unfinished: it was called more often than items were put.
    pub fn task_done(&self) -> Result<(), AllDone> {
        self.shared.with(|state, wakes| {
            if state.is_finished() {
                return Err(AllDone);
            }
            state.finish(1, wakes);
            Ok(())
        })
    }
}

/// What every handle can do.
impl<T, S: Store<T>, const PUTS: bool, const GETS: bool> Handle<T, S, PUTS, GETS> {
    /// Waits until every item that was put has been taken and marked as done.
    ///
    /// Ready at once if nothing was put. What was done before the last mark is visible afterwards.
    ///
    /// # Examples
    /// ```
    /// # use std::{future::Future, pin::pin, task::{Context, Waker}};
    /// # use windlass_sync::queue::Queue;
    /// # let mut cx = Context::from_waker(Waker::noop());
    /// let jobs = Queue::bounded(1);
    /// jobs.try_put("work").unwrap();
    /// let mut join = pin!(jobs.join());
    /// let job = jobs.try_get_job().unwrap();
    /// assert!(join.as_mut().poll(&mut cx).is_pending(), "taken, but not done");
    /// job.done();
    /// assert!(join.as_mut().poll(&mut cx).is_ready());
    /// ```
    ///
    /// # Cancel safety
    /// A future that is dropped has changed nothing.
    #[track_caller]
    pub fn join(&self) -> Join<'_, T, S> {
        Join { place: Place::new(&self.shared, Line::Joiners) }
    }

    /// As [`join`](Self::join), on a plain thread, which sleeps meanwhile.
    ///
    /// # Panics
    /// Inside a task: it would block the worker. Use [`join`](Self::join) there.
    #[track_caller]
    pub fn join_blocking(&self) {
        blocking::wait_on("join_blocking", "join().await", self.join());
    }

    /// Lets nothing more in. What is in the queue can still be taken; then getters hear of the end.
    ///
    /// Whoever waits to put gets the item back, and slots are of no use any more. It may be called
    /// again, and followed by [`shutdown_now`](Self::shutdown_now).
    pub fn shutdown(&self) {
        self.shared.with(|state, wakes| state.shut_down(wakes));
    }

    /// As [`shutdown`](Self::shutdown), and takes out all that is in the queue. A
    /// [`join`](Self::join) does not wait for it any more.
    #[must_use = "these items were put and never taken"]
    pub fn shutdown_now(&self) -> Vec<T> {
        let mut store = self.shared.with(|state, wakes| state.shut_down_now(wakes));
        std::iter::from_fn(|| store.pop()).collect()
    }

    /// True once it is shut down, which includes that all producers or all consumers are gone.
    pub fn is_shut_down(&self) -> bool {
        self.stats().is_shut_down
    }

    /// How many items it has room for; `None` if it is never full. It does not change.
    pub fn capacity(&self) -> Option<usize> {
        self.stats().capacity
    }

    /// How many items are in the queue. Advice only: it may be outdated when it is read.
    pub fn len(&self) -> usize {
        self.stats().len
    }

    /// True if no item is in the queue. Advice only, as [`len`](Self::len).
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// True if all places are taken: by items, by slots, or by putters who were woken and have not
    /// run yet. A queue can therefore be full and empty. Advice only, as [`len`](Self::len).
    pub fn is_full(&self) -> bool {
        let Stats { capacity, used, .. } = self.stats();
        capacity == Some(used)
    }

    /// The figures of this moment.
    pub fn stats(&self) -> Stats {
        self.shared.with(|state, _| state.stats())
    }

    /// A new handle.
    fn counted(shared: &Arc<Shared<T, S>>) -> Self {
        shared.with(|state, _| state.count_in(PUTS, GETS));
        Self::of(shared.clone())
    }

    /// For a handle that is counted already.
    fn of(shared: Arc<Shared<T, S>>) -> Self {
        Self { shared }
    }
}

impl<T, S: Store<T>, const PUTS: bool, const GETS: bool> Clone for Handle<T, S, PUTS, GETS> {
    fn clone(&self) -> Self {
        Self::counted(&self.shared)
    }
}

impl<T, S: Store<T>, const PUTS: bool, const GETS: bool> Drop for Handle<T, S, PUTS, GETS> {
    fn drop(&mut self) {
        let rest = self.shared.with(|state, wakes| state.count_out(PUTS, GETS, wakes));
        drop(rest); // the items, after unlocking
    }
}

impl<T, S: Store<T>, const PUTS: bool, const GETS: bool> fmt::Debug for Handle<T, S, PUTS, GETS> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let stats = self.stats();
        f.debug_struct(S::NAME)
            .field("capacity", &stats.capacity)
            .field("len", &stats.len)
            .field("waiting_getters", &stats.waiting_getters)
            .field("waiting_putters", &stats.waiting_putters)
            .field("unfinished", &stats.unfinished)
            .field("is_shut_down", &stats.is_shut_down)
            .finish()
    }
}
