//! The three orders in which a queue gives its items back.
//!
//! Plain data, kept under the lock of the queue.

use std::cmp::Ordering;
use std::collections::{BinaryHeap, VecDeque};

/// Where a queue keeps its items, which is also the order in which they come out.
pub trait Store<T>: Default {
    /// The queue's name in its text form.
    const NAME: &'static str;

    /// Adds an item.
    fn push(&mut self, item: T);

    /// Takes the item whose turn it is.
    fn pop(&mut self) -> Option<T>;

    /// How many there are.
    fn count(&self) -> usize;

    /// How many fit into its memory.
    fn room(&self) -> usize;
}

/// The oldest first: the order of [`Queue`](super::Queue).
#[derive(Debug)]
pub struct Fifo<T>(VecDeque<T>);

/// The newest first: the order of [`LifoQueue`](super::LifoQueue).
#[derive(Debug)]
pub struct Lifo<T>(Vec<T>);

/// The smallest first: the order of [`PriorityQueue`](super::PriorityQueue).
#[derive(Debug)]
pub struct Smallest<T> {
    /// The items; a heap has its greatest on top, so each is wrapped to compare the other way round.
    heap: BinaryHeap<Numbered<T>>,
    /// The next item's number.
    next: u64,
}

/// An item, and which one it was; of equal ones the older comes first.
#[derive(Debug)]
struct Numbered<T> {
    item: T,
    number: u64,
}

impl<T> Default for Fifo<T> {
    fn default() -> Self {
        Self(VecDeque::new())
    }
}

impl<T> Store<T> for Fifo<T> {
    const NAME: &'static str = "Queue";

    #[inline]
    fn push(&mut self, item: T) {
        self.0.push_back(item);
    }

    #[inline]
    fn pop(&mut self) -> Option<T> {
        self.0.pop_front()
    }

    #[inline]
    fn count(&self) -> usize {
        self.0.len()
    }

    #[inline]
    fn room(&self) -> usize {
        self.0.capacity()
    }
}

impl<T> Default for Lifo<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<T> Store<T> for Lifo<T> {
    const NAME: &'static str = "LifoQueue";

    fn push(&mut self, item: T) {
        self.0.push(item);
    }

    fn pop(&mut self) -> Option<T> {
        self.0.pop()
    }

    fn count(&self) -> usize {
        self.0.len()
    }

    fn room(&self) -> usize {
        self.0.capacity()
    }
}

impl<T: Ord> Default for Smallest<T> {
    fn default() -> Self {
        Self { heap: BinaryHeap::new(), next: 0 }
    }
}

impl<T: Ord> Store<T> for Smallest<T> {
    const NAME: &'static str = "PriorityQueue";

    fn push(&mut self, item: T) {
        let number = self.next;
        self.next += 1;
        self.heap.push(Numbered { item, number });
    }

    fn pop(&mut self) -> Option<T> {
        self.heap.pop().map(|numbered| numbered.item)
    }

    fn count(&self) -> usize {
        self.heap.len()
    }

    fn room(&self) -> usize {
        self.heap.capacity()
    }
}

impl<T: Ord> Ord for Numbered<T> {
    fn cmp(&self, other: &Self) -> Ordering {
        other.item.cmp(&self.item).then(other.number.cmp(&self.number))
    }
}

impl<T: Ord> PartialOrd for Numbered<T> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl<T: Ord> PartialEq for Numbered<T> {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl<T: Ord> Eq for Numbered<T> {}
