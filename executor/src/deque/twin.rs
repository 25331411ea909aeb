//! The queues of crossbeam-deque as loom may see them.
//!
//! The sleep protocol of the workers leans on what these queues order and on what they leave
//! unordered. A queue behind a mutex would order every access with every other one, and a missing
//! fence in the protocol would go unseen. So the twin takes the steps of the original (a first-in
//! first-out Chase-Lev deque, and an injector made of slots that are claimed first and written
//! after) with the same fences, and answers [`Steal::Retry`] as the original does.
//!
//! It leaves out what has no part in the ordering: a position is used once (there is no wrap-around
//! and no growth, and [`CAPACITY`] is asserted), so nothing is ever reclaimed.
//!
//! # Implementation
//!
//! There is no `unsafe` here. What the atomics carry is a mark per position: *written* or not. The
//! items stand beside them in a `std` mutex, which loom does not know and which therefore orders
//! nothing in a model. It is locked for a moment, with no atomic operation and no foreign code
//! inside. Whoever reads a position before its mark is visible fails an assertion, as does whoever
//! takes an item that somebody else has taken.
//!
//! Loads and exchanges that are `SeqCst` in the original are `Acquire` and `AcqRel` here. loom does
//! not tell them apart, and whatever holds for the weaker ones holds for the original.
//!
//! # Orderings
//!
//! | label         | release side                          | acquire side                           | what crosses |
//! |---------------|---------------------------------------|----------------------------------------|--------------|
//! | `deque-item`  | [`Worker::push`], a batch that arrives | [`Stealer::steal`], batches            | the marks below `back`, and the items |
//! | `deque-front` | the thief's exchange, [`Worker::pop`] | [`Stealer::steal`], [`Worker::is_empty`] | which positions are taken |
//! | `deque-sleep` | the pusher's `fence(SeqCst)`, outside | the fence between `front` and `back`   | a push that came before the pusher's fence |
//! | `inject-slot` | [`Injector::push`], the mark          | `wait_written`                         | the item |
//! | `inject-ends` | the exchanges on `tail` and `head`    | loads and exchanges of the same        | which slots are claimed |

use std::cell::Cell;
use std::fmt;
use std::marker::PhantomData;
use std::sync::PoisonError;

use crossbeam_deque::Steal;
use windlass_sync::shim::Arc;
use windlass_sync::shim::atomic::{AtomicUsize, Ordering::*, fence};
use windlass_sync::shim::hint;

/// Pushes in the life of one queue. A model with more of them has more executions than patience.
pub const CAPACITY: usize = 8;

/// The owner's end of a deque: pushes at the back, pops at the front.
pub struct Worker<T> {
    inner: Arc<Inner<T>>,
    /// One owner at a time, so a `Worker` is not shared.
    _owned: PhantomData<Cell<()>>,
}

/// The end of a deque that anybody may steal from.
pub struct Stealer<T>(Arc<Inner<T>>);

struct Inner<T> {
    /// The next position to be taken. Written by the owner and by thieves.
    front: AtomicUsize,
    /// The next position to be filled. Written by the owner.
    back: AtomicUsize,
    marks: Marks,
    items: Items<T>,
}

impl<T> Worker<T> {
    /// An empty deque.
    #[allow(clippy::new_without_default, reason = "the original has none either")]
    pub fn new_fifo() -> Self {
        let (front, back) = (AtomicUsize::new(0), AtomicUsize::new(0));
        let inner = Arc::new(Inner { front, back, marks: Marks::new(), items: Items::new() });
        Self { inner, _owned: PhantomData }
    }

    /// Another way to steal from this deque.
    pub fn stealer(&self) -> Stealer<T> {
        Stealer(self.inner.clone())
    }

    /// Adds an item at the back.
    pub fn push(&self, item: T) {
        let at = self.end();
        self.inner.items.put(at, item);
        self.inner.marks.set(at);
        self.publish(at + 1);
    }

    /// Takes the item at the front.
    pub fn pop(&self) -> Option<T> {
        let inner = &*self.inner;
        let back = self.end();
        // ORDERING: Relaxed. Only whether an attempt is worth while; the addition below decides.
        if length(inner.front.load(Relaxed), back) == 0 {
            return None;
        }
        // ORDERING: AcqRel, both sides of `deque-front`.
        let at = inner.front.fetch_add(1, AcqRel);
        if at >= back {
            // Thieves were faster. None of them touches `front` while it is beyond `back`.
            // ORDERING: Relaxed. It takes the addition back, and publishes nothing.
            inner.front.store(at, Relaxed);
            return None;
        }
        inner.marks.check(at);
        Some(inner.items.take(at))
    }

    /// How many items there are, thieves permitting.
    pub fn len(&self) -> usize {
        let back = self.end();
        // ORDERING: Acquire, of `deque-front`.
        length(self.inner.front.load(Acquire), back)
    }

    /// True if there is no item.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The next position to be filled.
    fn end(&self) -> usize {
        // ORDERING: Relaxed. Only the owner writes it, and we are the owner.
        self.inner.back.load(Relaxed)
    }

    /// Shows thieves what was put in the positions before `back`.
    fn publish(&self, back: usize) {
        // ORDERING: Release, of `deque-item`; a fence and a relaxed store, as in the original.
        fence(Release);
        // ORDERING: Relaxed. The fence above orders it.
        self.inner.back.store(back, Relaxed);
    }

    /// Makes room in front of `publish`; the items come later.
    fn mark(&self, count: usize) -> usize {
        let at = self.end();
        (at..at + count).for_each(|at| self.inner.marks.set(at));
        at
    }
}

impl<T> Stealer<T> {
    /// Takes the item at the front.
    pub fn steal(&self) -> Steal<T> {
        match self.claim(|_| 1) {
            Steal::Success(claimed) => Steal::Success(self.0.items.take(claimed.start)),
            Steal::Empty => Steal::Empty,
            Steal::Retry => Steal::Retry,
        }
    }

    /// Moves half of the items, at most `limit`, to the back of `dest`.
    pub fn steal_batch_with_limit(&self, dest: &Worker<T>, limit: usize) -> Steal<()> {
        assert!(limit > 0, "a batch has room for something");
        if Arc::ptr_eq(&self.0, &dest.inner) {
            return if dest.is_empty() { Steal::Empty } else { Steal::Success(()) };
        }
        let mut to = 0;
        let claimed = self.claim(|length| {
            let count = length.div_ceil(2).min(limit);
            to = dest.mark(count);
            count
        });
        match claimed {
            Steal::Success(claimed) => {
                self.deliver(claimed, dest, to);
                Steal::Success(())
            }
            Steal::Empty => Steal::Empty,
            Steal::Retry => Steal::Retry,
        }
    }

    /// Moves half of the items, at most `limit`: the first to the caller, the rest to `dest`.
    pub fn steal_batch_with_limit_and_pop(&self, dest: &Worker<T>, limit: usize) -> Steal<T> {
        assert!(limit > 0, "a batch has room for something");
        if Arc::ptr_eq(&self.0, &dest.inner) {
            return dest.pop().map_or(Steal::Empty, Steal::Success);
        }
        let mut to = 0;
        let claimed = self.claim(|length| {
            let others = ((length - 1) / 2).min(limit - 1);
            to = dest.mark(others);
            others + 1
        });
        match claimed {
            Steal::Success(claimed) => {
                let first = self.0.items.take(claimed.start);
                self.deliver(claimed.start + 1..claimed.end, dest, to);
                Steal::Success(first)
            }
            Steal::Empty => Steal::Empty,
            Steal::Retry => Steal::Retry,
        }
    }

    /// How many items there are at a glance.
    pub fn len(&self) -> usize {
        let (front, back) = self.glance();
        length(front, back)
    }

    /// True if there is no item at a glance. A push that was followed by a `fence(SeqCst)` is not
    /// overlooked by whoever has passed one since.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Both ends, `front` first: then what lies between them was there.
    fn glance(&self) -> (usize, usize) {
        // ORDERING: Acquire, of `deque-front`.
        let front = self.0.front.load(Acquire);
        // ORDERING: SeqCst fence, `deque-sleep`. In the original it is the pin of the epoch.
        fence(SeqCst);
        // ORDERING: Acquire, of `deque-item`.
        let back = self.0.back.load(Acquire);
        (front, back)
    }

    /// Takes as many positions from the front as `wish` makes of their number.
    fn claim(&self, wish: impl FnOnce(usize) -> usize) -> Steal<std::ops::Range<usize>> {
        let (front, back) = self.glance();
        let length = length(front, back);
        if length == 0 {
            return Steal::Empty;
        }
        let end = front + wish(length);
        // The original copies the items here, before it knows whether they are its own.
        (front..end).for_each(|at| self.0.marks.check(at));
        // ORDERING: AcqRel, both sides of `deque-front`; Relaxed on failure, which tells nothing.
        match self.0.front.compare_exchange(front, end, AcqRel, Relaxed) {
            Ok(_) => Steal::Success(front..end),
            Err(_) => Steal::Retry,
        }
    }

    /// Moves claimed items to positions of `dest` that were marked for them.
    fn deliver(&self, claimed: std::ops::Range<usize>, dest: &Worker<T>, to: usize) {
        let count = claimed.len();
        for (offset, from) in claimed.enumerate() {
            let item = self.0.items.take(from);
            dest.inner.items.put(to + offset, item);
        }
        dest.publish(to + count);
    }
}

impl<T> Clone for Stealer<T> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

/// A queue that everybody may push to and steal from.
pub struct Injector<T> {
    /// The next slot to be taken.
    head: AtomicUsize,
    /// The next slot to be claimed by a push.
    tail: AtomicUsize,
    marks: Marks,
    items: Items<T>,
}

impl<T> Injector<T> {
    /// An empty queue.
    #[allow(clippy::new_without_default, reason = "only the names that we use")]
    pub fn new() -> Self {
        let (head, tail) = (AtomicUsize::new(0), AtomicUsize::new(0));
        Self { head, tail, marks: Marks::new(), items: Items::new() }
    }

    /// Adds an item at the back.
    pub fn push(&self, item: T) {
        // ORDERING: Acquire, of `inject-ends`.
        let mut at = self.tail.load(Acquire);
        // ORDERING: AcqRel, both sides of `inject-ends`; Acquire on failure, a fresh end to try.
        while let Err(seen) = self.tail.compare_exchange_weak(at, at + 1, AcqRel, Acquire) {
            at = seen;
        }
        // The slot is ours now, and thieves who claim it already wait for the mark.
        self.items.put(at, item);
        self.marks.announce(at);
    }

    /// Takes the item at the front.
    pub fn steal(&self) -> Steal<T> {
        match self.claim(|_| 1) {
            Steal::Success(claimed) => Steal::Success(self.receive(claimed.start)),
            Steal::Empty => Steal::Empty,
            Steal::Retry => Steal::Retry,
        }
    }

    /// Moves half of the items, at most `limit`: the first to the caller, the rest to `dest`.
    pub fn steal_batch_with_limit_and_pop(&self, dest: &Worker<T>, limit: usize) -> Steal<T> {
        assert!(limit > 0, "a batch has room for something");
        let claimed = match self.claim(|length| length.div_ceil(2).min(limit)) {
            Steal::Success(claimed) => claimed,
            Steal::Empty => return Steal::Empty,
            Steal::Retry => return Steal::Retry,
        };
        let others = claimed.start + 1..claimed.end;
        let to = dest.mark(others.len());
        let first = self.receive(claimed.start);
        let end = to + others.len();
        for (to, from) in (to..end).zip(others) {
            let item = self.receive(from);
            dest.inner.items.put(to, item);
        }
        dest.publish(end);
        Steal::Success(first)
    }

    /// How many items there are at a glance.
    pub fn len(&self) -> usize {
        // ORDERING: Acquire, of `inject-ends`.
        let head = self.head.load(Acquire);
        // ORDERING: Acquire, of `inject-ends`. After `head`, so that it is not the older of the two.
        length(head, self.tail.load(Acquire))
    }

    /// True if there is no item at a glance.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Takes as many slots from the front as `wish` makes of their number.
    fn claim(&self, wish: impl FnOnce(usize) -> usize) -> Steal<std::ops::Range<usize>> {
        // ORDERING: Acquire, of `inject-ends`.
        let head = self.head.load(Acquire);
        // ORDERING: SeqCst fence, as `deque-sleep`: a push before the pusher's fence is seen.
        fence(SeqCst);
        // ORDERING: Relaxed. Only a number; the mark of each slot publishes its item.
        let length = length(head, self.tail.load(Relaxed));
        if length == 0 {
            return Steal::Empty;
        }
        let end = head + wish(length);
        // ORDERING: AcqRel, both sides of `inject-ends`.
        match self.head.compare_exchange_weak(head, end, AcqRel, Acquire) {
            Ok(_) => Steal::Success(head..end),
            Err(_) => Steal::Retry,
        }
    }

    /// The item of a claimed slot; its pusher may not have written it yet.
    fn receive(&self, at: usize) -> T {
        self.marks.wait_written(at);
        self.items.take(at)
    }
}

/// One mark per position: 1 when its item is there.
struct Marks(Vec<AtomicUsize>);

impl Marks {
    fn new() -> Self {
        Self((0..CAPACITY).map(|_| AtomicUsize::new(0)).collect())
    }

    fn at(&self, at: usize) -> &AtomicUsize {
        self.0.get(at).expect("a model pushes at most CAPACITY items to one queue")
    }

    /// For the deque: the item's bytes, which `Worker::publish` publishes.
    fn set(&self, at: usize) {
        // ORDERING: Relaxed. `deque-item` orders it.
        self.at(at).store(1, Relaxed);
    }

    /// For the deque: fails if the item's bytes would not be visible.
    fn check(&self, at: usize) {
        // ORDERING: Relaxed. `deque-item` orders it.
        assert!(self.at(at).load(Relaxed) == 1, "an item is read before it is visible");
    }

    /// For the injector: the item is there.
    fn announce(&self, at: usize) {
        // ORDERING: Release, of `inject-slot`.
        self.at(at).fetch_or(1, Release);
    }

    /// For the injector: waits for the pusher that has claimed the slot.
    fn wait_written(&self, at: usize) {
        // ORDERING: Acquire, of `inject-slot`.
        while self.at(at).load(Acquire) == 0 {
            hint::spin_loop();
        }
    }
}

/// The items by position, out of loom's sight.
struct Items<T>(std::sync::Mutex<Vec<Option<T>>>);

impl<T> Items<T> {
    fn new() -> Self {
        Self(std::sync::Mutex::new((0..CAPACITY).map(|_| None).collect()))
    }

    fn put(&self, at: usize, item: T) {
        let mut items = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let place = items.get_mut(at).expect("a model pushes at most CAPACITY items to one queue");
        let former = place.replace(item);
        drop(items);
        assert!(former.is_none(), "a position is filled once");
    }

    fn take(&self, at: usize) -> T {
        let taken = self.0.lock().unwrap_or_else(PoisonError::into_inner)[at].take();
        taken.expect("an item is taken once")
    }
}

/// The positions between two ends; none while the owner has `front` beyond `back` for a moment.
fn length(front: usize, back: usize) -> usize {
    back.saturating_sub(front)
}

impl<T> fmt::Debug for Worker<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad("Worker { .. }")
    }
}

impl<T> fmt::Debug for Stealer<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad("Stealer { .. }")
    }
}

impl<T> fmt::Debug for Injector<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad("Injector { .. }")
    }
}
