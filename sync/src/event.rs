//! A flag that tasks can wait for.
//!
//! The flag changes only under the lock of the line, and a waiter looks at it again under that lock
//! before it queues; so `set` either is seen by a waiter or sees it in line. The flag is an atomic
//! all the same, so that looking at an event that is set costs no lock.
//!
//! # Orderings
//!
//! | label | release side | acquire side    | what crosses                  |
//! |-------|--------------|-----------------|-------------------------------|
//! | `set` | `set`        | `is_set`        | what was done before the set  |

use std::fmt;
use std::ops::Deref;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use crate::place::{Lined, Place};
use crate::shim::atomic::{
    AtomicBool,
    Ordering::{Acquire, Relaxed, Release},
};
use crate::shim::{Arc, Mutex};
use crate::shown::shown_by_place;
use crate::wait_list::{Phase, WaitList};
use crate::waiter::{Look, Visit};
use crate::waiting::Reason;
use crate::wakes;

/// A flag: off until somebody sets it, and then everybody who waited goes on.
///
/// Use it for something that happens once and stays true, like "the server is ready", or that can
/// be switched, like "paused". To pass single notifications use [`Notify`](crate::notify::Notify).
///
/// # Examples
/// ```
/// # use windlass_sync::event::Event;
/// let ready = Event::new();
/// assert!(!ready.is_set());
/// ready.set();
/// assert!(ready.is_set());
/// ready.clear();
/// assert!(!ready.is_set());
/// ```
#[derive(Default)]
pub struct Event {
    /// Whether it is set. Written under the lock of the line.
    flag: AtomicBool,
    /// Who waits. While the flag is on, nobody stands in line.
    line: Mutex<WaitList<()>>,
}

/// A snapshot of an event, for reports.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stats {
    /// Whether it is set.
    pub is_set: bool,
    /// How many wait for it.
    pub waiting: usize,
}

/// The future of [`Event::wait`] and [`Event::wait_owned`].
#[must_use = "a future does nothing unless awaited"]
pub struct Wait<E: Deref<Target = Event>> {
    place: Place<E>,
}

impl Event {
    /// An event that is not set.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets the event and wakes everybody who waits, in the order they came.
    ///
    /// They go on even if the event is cleared before they run.
    pub fn set(&self) {
        wakes::collect(|wakes| {
            let mut line = self.line.lock();
            // ORDERING: Release, release side of `set`.
            self.flag.swap(true, Release);
            line.grant_all(wakes);
        });
    }

    /// Unsets the event: who comes from now on waits.
    pub fn clear(&self) {
        let _line = self.line.lock();
        // ORDERING: Relaxed. It takes a promise back and makes none; the lock orders it with `set`.
        self.flag.swap(false, Relaxed);
    }

    /// True if the event is set. What was done before [`set`](Self::set) is then visible.
    #[must_use = "looking at an event does not wait for it"]
    #[inline]
    pub fn is_set(&self) -> bool {
        // ORDERING: Acquire, acquire side of `set`.
        self.flag.load(Acquire)
    }

    /// Waits until the event is set; ready at once if it is.
    ///
    /// # Examples
    /// ```
    /// # use std::{future::Future, pin::pin, task::{Context, Waker}};
    /// # use windlass_sync::event::Event;
    /// # let mut cx = Context::from_waker(Waker::noop());
    /// let ready = Event::new();
    /// let mut waiter = pin!(ready.wait());
    /// assert!(waiter.as_mut().poll(&mut cx).is_pending());
    /// ready.set();
    /// ready.clear(); // who waited goes on all the same
    /// assert!(waiter.as_mut().poll(&mut cx).is_ready());
    /// ```
    ///
    /// # Cancel safety
    /// A future that is dropped has taken nothing from anybody.
    #[track_caller]
    pub fn wait(&self) -> Wait<&Self> {
        Wait { place: Place::new(self) }
    }

    /// As [`wait`](Self::wait), with a future that keeps the event alive.
    ///
    /// # Cancel safety
    /// As [`wait`](Self::wait).
    #[track_caller]
    pub fn wait_owned(self: Arc<Self>) -> Wait<Arc<Self>> {
        Wait { place: Place::new(self) }
    }

    /// The figures of this moment.
    pub fn stats(&self) -> Stats {
        let line = self.line.lock();
        Stats { is_set: self.is_set(), waiting: line.waiting() }
    }

    fn look(&self, visit: &mut Visit<'_>) -> Look<()> {
        if visit.key().is_none() && self.is_set() {
            return Look::Go(());
        }
        let mut line = self.line.lock();
        match visit.phase(&line) {
            None if self.is_set() => return Look::Go(()),
            None | Some(Phase::Waiting) => return visit.stay(&mut line, (), Reason::Event),
            Some(Phase::Granted | Phase::Refused) => {}
        }
        visit.leave(&mut line);
        Look::Go(())
    }
}

impl Lined for Event {
    fn leave(&self, key: usize) -> Option<Waker> {
        self.line.lock().remove(key).waker
    }
}

impl fmt::Debug for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Stats { is_set, waiting } = self.stats();
        f.debug_struct("Event").field("is_set", &is_set).field("waiting", &waiting).finish()
    }
}

impl<E: Deref<Target = Event> + Unpin> Future for Wait<E> {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        self.place.poll(cx, Event::look)
    }
}

shown_by_place!([E: Deref<Target = Event>] Wait[E]);
