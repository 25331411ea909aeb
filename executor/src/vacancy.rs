//! Seat 0 while nobody sits there, and the roots that wait for it.
//!
//! The lock guards both, so nobody gets on the list when the seat is free:
//!
//! ```text
//!   a root that wants the seat               the thread that leaves it
//!   V1  free? take it. Else, on the list     L1  leave it
//!   V2  poll the root, or sleep outside      L2  take the list, and call all of it in
//! ```
//!
//! If V1 comes after L1 it finds the seat free; if before, L2 finds the root on the list, and the call
//! is an unpark of its bell, which is never lost. A root that is off the list goes back to V1. The
//! runtime's stop is heard in the same way: it is said before L2, and the root asks for it after V1.
//!
//! Tasks that are bound to their thread bind the seat to it. They are counted by the thread that sits
//! there, and whoever else reads the count under the lock finds what it was when the seat was left.

use std::task::Poll;
use std::thread::{self, ThreadId};

use windlass_sync::shim::atomic::{AtomicUsize, Ordering::*};
use windlass_sync::shim::{Arc, Mutex};

use crate::bell::Bell;

/// The seat. What a worker leaves there for the next is a `C`; an `S` is the scheduler that its bells
/// belong to.
#[derive(Debug)]
pub struct Vacancy<C, S> {
    state: Mutex<State<C, S>>,
    /// Tasks bound to the thread `home` that are not done.
    bound: AtomicUsize,
}

#[derive(Debug)]
struct State<C, S> {
    /// What the next worker takes over; `None` while somebody sits there.
    left: Option<C>,
    /// The thread that the bound tasks belong to.
    home: Option<ThreadId>,
    /// Roots that wait outside.
    waiting: Vec<Arc<Bell<S>>>,
}

impl<C, S> Vacancy<C, S> {
    /// A vacant seat; nothing is left there if a worker thread sits on it for good.
    pub fn new(left: Option<C>) -> Self {
        let state = State { left, home: None, waiting: Vec::new() };
        Self { state: Mutex::new(state), bound: AtomicUsize::new(0) }
    }

    /// The thread on the seat has a task more that is bound to it.
    pub fn bind(&self) {
        // ORDERING: Relaxed. Read on this thread, or by others under the lock, see above.
        self.bound.fetch_add(1, Relaxed);
    }

    /// Such a task is about to be done.
    pub fn unbind(&self) {
        // ORDERING: Relaxed, as in `bind`.
        self.bound.fetch_sub(1, Relaxed);
    }

    /// How many such tasks there are.
    pub fn bound(&self) -> usize {
        // ORDERING: Relaxed, as in `bind`.
        self.bound.load(Relaxed)
    }

    /// True if this thread may run them.
    pub fn is_home(&self) -> bool {
        self.state.lock().home == Some(thread::current().id())
    }

    /// True if nobody sits there, so that bound tasks cannot go on.
    pub fn is_left(&self) -> bool {
        self.state.lock().left.is_some()
    }

    /// Shows what was left there, if nobody sits there.
    pub fn look(&self, look: impl FnOnce(&mut C)) {
        self.state.lock().left.as_mut().map(look);
    }

    /// The thread `here` sits down, if the seat is free for it.
    pub fn take(&self, here: ThreadId) -> Option<C> {
        let mut state = self.state.lock();
        if self.bound() > 0 && state.home != Some(here) {
            return None;
        }
        let left = state.left.take()?;
        state.home = Some(here);
        Some(left)
    }

    /// Leaves the seat; the caller then [calls in](Self::call_in) those who wait. `say_so` runs before
    /// anybody else can sit down.
    pub fn leave(&self, core: C, say_so: impl FnOnce()) {
        let mut state = self.state.lock();
        state.left = Some(core);
        say_so();
    }

    /// Makes the roots that wait outside try again.
    pub fn call_in(&self) {
        let waiting = std::mem::take(&mut self.state.lock().waiting);
        waiting.iter().for_each(|root| root.call_in());
    }

    /// Waits outside. Calls `turn`, which is told whether the root is to be polled, until that is
    /// ready; pending if the seat may be free before.
    pub fn wait<T>(&self, root: &Arc<Bell<S>>, mut turn: impl FnMut(bool) -> Poll<T>) -> Poll<T> {
        let mut state = self.state.lock();
        if state.left.is_some() && self.bound() == 0 {
            return Poll::Pending;
        }
        state.waiting.push(root.clone());
        drop(state);
        loop {
            let done = turn(root.take());
            if done.is_ready() {
                self.state.lock().waiting.retain(|other| !Arc::ptr_eq(other, root));
                return done;
            }
            root.sleep_outside(); // not at all if it was rung since
            // Off the list: try for the seat, or else get on the list again.
            if !self.state.lock().waiting.iter().any(|other| Arc::ptr_eq(other, root)) {
                return Poll::Pending;
            }
        }
    }
}
