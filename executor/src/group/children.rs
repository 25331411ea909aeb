//! The children of a group, as its waiter and everybody who may add one share them.
//!
//! ```text
//!   a spawn:    admit -> (the task is made) -> fill        admit says no once the group is closed
//!   a cancel:   close: no more children, and every child that is there is cancelled
//!   the waiter: poll_ended, child by child; is_over
//! ```
//!
//! A task is made without the lock: its future may be dropped there, if the runtime is ending. So a
//! place is kept for it before, and a `close` in between finds an empty place; then `fill` finds
//! the group closed and does the cancel. Under the lock one of the two comes first. The waiter sees
//! the place in either case, and waits until its task has ended.
//!
//! # Groups within groups
//! A group that runs inside a child, or inside the body, of another may be dropped there, and cannot
//! wait for its own children then. It leaves that to the outer group: it [holds](Parent::hold) the
//! outer group's end back, and so do its children, until the last of them is gone.

use std::any::Any;
use std::fmt;
use std::task::{Context, Poll, ready};

use slab::Slab;
use windlass_sync::shim::{Arc, Mutex};
use windlass_timer::Elapsed;

use crate::ends::Ends;
use crate::task::Task;

/// The children, by their places, and whether there may be more.
pub struct Children<T> {
    /// Which of them have ended.
    ends: Ends,
    list: Mutex<List<T>>,
}

struct List<T> {
    /// Those whose ends have not been heard of; `None` is a place for one that is being made.
    places: Slab<Option<Task<T>>>,
    /// Why there may be no more.
    closed: Option<Why>,
    /// Groups within that are not gone.
    held: usize,
    /// Holds the end of the group around this one back; for each child to have a clone of.
    outer: Option<Hold>,
}

/// Why a group takes no more children.
#[derive(Clone, Debug)]
pub enum Why {
    /// Its body or one of its children has failed.
    Failed,
    /// Somebody has asked for it, and perhaps said why.
    Asked(Option<Arc<str>>),
    /// Its deadline has come.
    Elapsed(Elapsed),
    /// It has ended, or its future was dropped.
    Over,
}

/// Keeps an outer group from being over until its last clone is dropped.
pub type Hold = Arc<dyn Any + Send + Sync>;

/// A group, as the groups within see it.
pub trait Parent: Send + Sync {
    /// The group is not over as long as this lives.
    fn hold(self: Arc<Self>) -> Hold;
}

struct Holding<T>(Arc<Children<T>>);

impl<T> Children<T> {
    /// No children, within the group that is held.
    pub fn new(outer: Option<Hold>) -> Self {
        let list = List { places: Slab::new(), closed: None, held: 0, outer };
        Self { ends: Ends::default(), list: Mutex::new(list) }
    }

    /// A place for a child that is about to be made, and what it is to hold; `None` if there may be
    /// no more.
    pub fn admit(&self) -> Option<(usize, Option<Hold>)> {
        let mut list = self.list.lock();
        if list.closed.is_some() {
            return None;
        }
        Some((list.places.insert(None), list.outer.clone()))
    }

    /// Puts the child into its place; cancels it if the group has been closed since.
    pub fn fill(&self, place: usize, task: Task<T>) {
        let (waker, abort) = (self.ends.waker(place), task.abort_handle());
        let mut list = self.list.lock();
        let closed = list.closed.is_some();
        let Some(empty) = list.places.get_mut(place) else {
            drop(list);
            return drop(task); // abandoned
        };
        let task = empty.insert(task);
        let ended = task.poll_finished(&mut Context::from_waker(&waker)).is_ready();
        drop(list);
        if closed {
            abort.abort();
        }
        if ended {
            self.ends.tell(place);
        }
    }

    /// Admits nobody any more and cancels those that are there. The first reason counts.
    pub fn close(&self, why: Why) {
        let mut list = self.list.lock();
        if list.closed.is_some() {
            return;
        }
        list.closed = Some(why);
        let children: Vec<_> = list
            .places
            .iter()
            .filter_map(|(_, child)| Some(child.as_ref()?.abort_handle()))
            .collect();
        drop(list);
        children.iter().for_each(|child| _ = child.abort());
        self.ends.wake();
    }

    /// A child that has ended, and is forgotten here; `cx` is woken if there is none.
    pub fn poll_ended(&self, cx: &mut Context<'_>) -> Poll<Task<T>> {
        let place = ready!(self.ends.poll_next(cx));
        let child = self.list.lock().places.remove(place);
        Poll::Ready(child.expect("a place is filled before its end is told"))
    }

    /// True once no child is left, and then there will be no more.
    pub fn is_over(&self) -> bool {
        let mut list = self.list.lock();
        if !list.is_empty() {
            return false;
        }
        list.closed.get_or_insert(Why::Over);
        let outer = list.let_go();
        drop(list);
        drop(outer);
        true
    }

    /// Cancels the children and forgets them.
    pub fn abandon(&self) {
        let mut list = self.list.lock();
        list.closed.get_or_insert(Why::Over);
        let left = (std::mem::take(&mut list.places), list.let_go());
        drop(list);
        drop(left);
    }

    /// How many there are, with those whose ends have not been heard of.
    pub fn count(&self) -> usize {
        self.list.lock().places.len()
    }

    /// Why there may be no more; `None` if there may be.
    pub fn closed(&self) -> Option<Why> {
        self.list.lock().closed.clone()
    }
}

impl<T> List<T> {
    /// True if neither a child nor a group within is left.
    fn is_empty(&self) -> bool {
        self.places.is_empty() && self.held == 0
    }

    /// The hold on the outer group, to be dropped without the lock, if it is needed no more.
    fn let_go(&mut self) -> Option<Hold> {
        if self.is_empty() && self.closed.is_some() { self.outer.take() } else { None }
    }
}

impl<T> fmt::Debug for Children<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Children({}, closed: {:?})", self.count(), self.closed())
    }
}

impl<T: Send + 'static> Parent for Children<T> {
    fn hold(self: Arc<Self>) -> Hold {
        self.list.lock().held += 1;
        Arc::new(Holding(self))
    }
}

impl<T> Drop for Holding<T> {
    fn drop(&mut self) {
        let mut list = self.0.list.lock();
        list.held -= 1;
        let outer = list.let_go();
        drop(list);
        drop(outer);
        self.0.ends.wake();
    }
}
