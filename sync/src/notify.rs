//! Single notifications, for those who wait or for the next one who comes.
//!
//! Everything is under one lock but the count of `notify_all` calls, which `notified` reads: a
//! future counts as waiting from the moment it is made, and making it must not cost a lock.
//!
//! # Orderings
//!
//! | label   | release side | acquire side    | what crosses                                          |
//! |---------|--------------|-----------------|-------------------------------------------------------|
//! | `calls` | `notify_all` | `Notified::new` | what was done before the call, for who comes after it |

use std::fmt;
use std::ops::Deref;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use crate::place::{Lined, Place};
use crate::shim::atomic::{
    AtomicUsize,
    Ordering::{Acquire, Release},
};
use crate::shim::{Arc, Mutex};
use crate::wait_list::{Phase, WaitList};
use crate::waiter::{Look, Visit};
use crate::waiting::Reason;
use crate::wakes;

/// Tells one task, or all that wait, that something has changed.
///
/// Use it to build what is not here yet: the state lives elsewhere, whoever changes it notifies,
/// and whoever waits looks at it again. For a flag that stays on use
/// [`Event`](crate::event::Event).
///
/// [`notify_one`](Self::notify_one) is not lost if nobody waits: it is kept for the next who comes.
/// Several such calls are kept as one. [`notify_all`](Self::notify_all) is never kept.
///
/// # Examples
/// ```
/// # use windlass_sync::notify::Notify;
/// let changed = Notify::new();
/// changed.notify_one();
/// changed.notify_one();
/// let mut first = changed.notified();
/// let mut second = changed.notified();
/// assert!(first.enable(), "the first one takes what was kept");
/// assert!(!second.enable());
/// changed.notify_all();
/// assert!(second.enable());
/// ```
#[derive(Default)]
pub struct Notify {
    /// How often `notify_all` was called. Written under the lock.
    calls: AtomicUsize,
    state: Mutex<State>,
}

/// A snapshot of a notifier, for reports.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stats {
    /// Whether a notification is kept for the next who comes.
    pub is_kept: bool,
    /// How many wait.
    pub waiting: usize,
}

/// The future of [`Notify::notified`] and [`Notify::notified_owned`].
#[must_use = "a future does nothing unless awaited"]
pub struct Notified<N: Deref<Target = Notify>> {
    place: Place<N>,
    /// How many calls of `notify_all` were before it; `None` once it has been notified.
    calls: Option<usize>,
}

impl Notify {
    /// A notifier with nothing kept.
    pub fn new() -> Self {
        Self::default()
    }

    /// Notifies who has waited longest; if nobody waits, the next who comes.
    pub fn notify_one(&self) {
        let first = self.state.lock().notify_one();
        wakes::wake(first);
    }

    /// Notifies everybody who waits, that is whose [`notified`](Self::notified) was called before.
    pub fn notify_all(&self) {
        wakes::collect(|wakes| {
            let mut state = self.state.lock();
            // ORDERING: Release, release side of `calls`.
            self.calls.fetch_add(1, Release);
            state.line.grant_all(wakes);
        });
    }

    /// Waits for a notification.
    ///
    /// `notify_all` counts from this call on. The place in line for `notify_one`, however, is taken
    /// at the first poll, or by [`Notified::enable`].
    ///
    /// # Examples
    /// ```
    /// # use std::{future::Future, pin::pin, task::{Context, Waker}};
    /// # use windlass_sync::notify::Notify;
    /// # let mut cx = Context::from_waker(Waker::noop());
    /// let changed = Notify::new();
    /// let mut waiter = pin!(changed.notified());
    /// assert!(waiter.as_mut().poll(&mut cx).is_pending());
    /// changed.notify_one();
    /// assert!(waiter.as_mut().poll(&mut cx).is_ready());
    /// ```
    ///
    /// # Cancel safety
    /// If a `notify_one` had reached a future that is dropped, it goes to the next in line, or is
    /// kept. A new call starts at the end of the line.
    #[inline]
    #[track_caller]
    pub fn notified(&self) -> Notified<&Self> {
        Notified::new(self)
    }

    /// As [`notified`](Self::notified), with a future that keeps the notifier alive.
    ///
    /// # Cancel safety
    /// As [`notified`](Self::notified).
    #[track_caller]
    pub fn notified_owned(self: Arc<Self>) -> Notified<Arc<Self>> {
        Notified::new(self)
    }

    /// The figures of this moment.
    pub fn stats(&self) -> Stats {
        let state = self.state.lock();
        Stats { is_kept: state.kept, waiting: state.line.waiting() }
    }

    /// Looks whether a waiter was notified. `calls` says how far it has come, see [`Notified`].
    fn look(&self, calls: &mut Option<usize>, visit: &mut Visit<'_>) -> Look<()> {
        let Some(before) = *calls else { return Look::Go(()) };
        let mut state = self.state.lock();
        let is_notified = match visit.phase(&state.line) {
            // ORDERING: Acquire, acquire side of `calls`.
            None => self.calls.load(Acquire) != before || std::mem::take(&mut state.kept),
            phase => phase == Some(Phase::Granted),
        };
        if !is_notified {
            return visit.stay(&mut state.line, Told::Nothing, Reason::Notify);
        }
        visit.leave(&mut state.line);
        *calls = None;
        Look::Go(())
    }
}

impl Lined for Notify {
    /// Passes on what only this one was told.
    fn leave(&self, key: usize) -> Option<Waker> {
        let (left, first) = {
            let mut state = self.state.lock();
            let left = state.line.remove(key);
            let first = match left.payload {
                Told::One => state.notify_one(),
                Told::Nothing => None,
            };
            (left, first)
        };
        wakes::wake(first);
        left.waker
    }
}

impl fmt::Debug for Notify {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Stats { is_kept, waiting } = self.stats();
        f.debug_struct("Notify").field("is_kept", &is_kept).field("waiting", &waiting).finish()
    }
}

impl<N: Deref<Target = Notify>> Notified<N> {
    #[inline]
    #[track_caller]
    fn new(notify: N) -> Self {
        // ORDERING: Acquire, acquire side of `calls`. If this reads a call that has been, the
        // caller sees what changed before it, and must not wait for that call.
        let calls = notify.calls.load(Acquire);
        Self { place: Place::new(notify), calls: Some(calls) }
    }

    /// Stands in line without being awaited; true if it was notified already.
    ///
    /// Use it to look at the state in between without missing a `notify_one`: make the future,
    /// enable it, look, and then await it if need be. It takes a notification that was kept; the
    /// future is then ready.
    pub fn enable(&mut self) -> bool {
        let Self { place, calls } = self;
        let Place { owner, waiter } = place;
        calls.is_none() || waiter.enable(|visit| owner.look(calls, visit)).is_some()
    }
}

impl<N: Deref<Target = Notify> + Unpin> Future for Notified<N> {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let Self { place, calls } = &mut *self;
        place.poll(cx, |notify, visit| notify.look(calls, visit))
    }
}

impl<N: Deref<Target = Notify>> fmt::Debug for Notified<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Notified")
            .field("is_over", &self.calls.is_none())
            .field("waiter", &self.place.waiter)
            .finish_non_exhaustive()
    }
}

/// What the lock guards.
#[derive(Default)]
struct State {
    /// A notification for the next who comes. Never while somebody stands in line.
    kept: bool,
    /// Who waits, and whether a `notify_one` reached them, which they must pass on if dropped.
    line: WaitList<Told>,
}

impl State {
    /// Tells the first in line, or keeps it; the waker is to be fired after unlocking.
    fn notify_one(&mut self) -> Option<Waker> {
        let Some(first) = self.line.first() else {
            self.kept = true;
            return None;
        };
        *self.line.payload_mut(first) = Told::One;
        self.line.grant(first)
    }
}

/// What has reached a waiter that must not get lost with it.
#[derive(Clone, Copy)]
enum Told {
    /// Nothing, or a `notify_all`.
    Nothing,
    /// A `notify_one`.
    One,
}
