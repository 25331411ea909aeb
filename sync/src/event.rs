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
use std::future::Future;
use std::panic::Location;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use crate::shim::Mutex;
use crate::shim::atomic::{
    AtomicBool,
    Ordering::{Acquire, Relaxed, Release},
};
use crate::wait_list::{Phase, Renewed, Spare, WaitList};
use crate::wakes::Wakes;
use crate::{budget, waiting};

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

/// The future of [`Event::wait`].
#[must_use = "a future does nothing unless awaited"]
pub struct Wait<'a> {
    event: &'a Event,
    /// Its place among the waiters, from its first fruitless poll until it is ready.
    key: Option<usize>,
    /// Who waits.
    at: &'static Location<'static>,
}

impl Event {
    /// An event that is not set.
    pub fn new() -> Self {
        Self { flag: AtomicBool::new(false), line: Mutex::new(WaitList::new()) }
    }

    /// Sets the event and wakes everybody who waits, in the order they came.
    ///
    /// They go on even if the event is cleared before they run.
    pub fn set(&self) {
        let mut wakes = Wakes::new();
        {
            let mut line = self.line.lock();
            // ORDERING: Release, release side of `set`.
            self.flag.swap(true, Release);
            while let Some(first) = line.first() {
                if let Some(waker) = line.grant(first) {
                    wakes.push(waker);
                }
            }
        }
        wakes.fire();
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
    pub fn wait(&self) -> Wait<'_> {
        Wait { event: self, key: None, at: Location::caller() }
    }

    /// The figures of this moment.
    pub fn stats(&self) -> Stats {
        let line = self.line.lock();
        Stats { is_set: self.is_set(), waiting: line.waiting() }
    }
}

impl Default for Event {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Stats { is_set, waiting } = self.stats();
        f.debug_struct("Event").field("is_set", &is_set).field("waiting", &waiting).finish()
    }
}

impl Wait<'_> {
    fn is_over(&mut self, cx: &Context<'_>) -> bool {
        if self.key.is_none() && self.event.is_set() {
            return true;
        }
        let mut spare = match self.key {
            None => Spare::of(cx.waker()),
            Some(_) => Spare::none(),
        };
        loop {
            let mut line = self.event.line.lock();
            let Some(key) = self.key else {
                if self.event.is_set() {
                    return true;
                }
                self.key = Some(line.enter(spare.cloned.take(), ()));
                return false;
            };
            if line.phase(key) == Phase::Granted {
                spare.replaced = line.remove(key).waker;
                self.key = None;
                return true;
            }
            match line.renew(key, cx.waker(), &mut spare) {
                Renewed::Yes => return false,
                Renewed::NeedsWaker => drop(line),
            }
            spare = Spare::of(cx.waker());
        }
    }
}

impl Future for Wait<'_> {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        ready!(budget::poll_proceed_at(cx, self.at));
        if self.is_over(cx) {
            budget::spend();
            return Poll::Ready(());
        }
        waiting::note(waiting::Reason::Event, self.at);
        Poll::Pending
    }
}

impl Drop for Wait<'_> {
    fn drop(&mut self) {
        if let Some(key) = self.key {
            // Bound to a name, so that the waker in it is dropped after the lock is released.
            let left = self.event.line.lock().remove(key);
            drop(left);
        }
    }
}

impl fmt::Debug for Wait<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Wait").field("in_line", &self.key.is_some()).field("at", &self.at).finish()
    }
}
