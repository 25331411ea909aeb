//! Single notifications, for those who wait or for the next one who comes.
//!
//! Everything is written under one lock, and two numbers are read without it. A future counts as
//! waiting from the moment it is made, and making it must not cost a lock: so it reads how often
//! `notify_all` was called. And who was woken must not pay for a second lock to learn why: so he
//! reads how far the line was served.
//!
//! # How far the line was served
//! Who comes draws a ticket, and `notify_one` tells whoever stands in line with the lowest one. It
//! takes him out at once and writes down the ticket behind his. So from then on, a waiter whose
//! ticket is below that mark stands in line no more, and is one of two:
//!
//! - He was told by `notify_one`, and his place is gone: perhaps somebody else has it already.
//! - He was told by `notify_all`, which leaves him his place until he comes to fetch it.
//!
//! The second may only be if the calls of `notify_all` have changed since he came. If they have not,
//! he knows without the lock; if they have, a look at his place, under the lock, tells which it was.
//! The difference counts for who is dropped: what only he was told goes to the next.
//!
//! # Orderings
//!
//! | label    | release side | acquire side     | what crosses                                          |
//! |----------|--------------|------------------|-------------------------------------------------------|
//! | `calls`  | `notify_all` | `Notified::new`  | what was done before the call, for who comes after it |
//! | `served` | `notify_one` | `Notified`'s poll | what was done before the call; earlier `calls`        |

use std::fmt;
use std::ops::Deref;
use std::panic::Location;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use crate::shim::atomic::{
    AtomicU64, AtomicUsize,
    Ordering::{Acquire, Relaxed, Release},
};
use crate::shim::{Arc, Mutex};
use crate::shown::shown;
use crate::wait_list::{Phase, WaitList};
use crate::waiter::{Look, Visit, Waiter};
use crate::waiting::Reason;
use crate::{budget, wakes};

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
    /// No ticket below this one stands in line. Written under the lock.
    served: AtomicU64,
    state: Mutex<State>,
}

/// A snapshot of a notifier, for reports.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stats {
    /// Whether a notification is kept for the next who comes.
    pub is_kept: bool,
    /// How many wait.
    pub waiting: usize,
    /// How many were told by `notify_all` and have not run since.
    pub told: usize,
}

/// The future of [`Notify::notified`] and [`Notify::notified_owned`].
#[must_use = "a future does nothing unless awaited"]
pub struct Notified<N: Deref<Target = Notify>> {
    notify: N,
    waiter: Waiter,
    /// `None` once it has been notified.
    since: Option<Since>,
}

/// When a waiter came.
struct Since {
    /// How many calls of `notify_all` were before it was made.
    calls: usize,
    /// What it has drawn, once it is in line.
    ticket: u64,
}

impl Notify {
    /// A notifier with nothing kept.
    pub fn new() -> Self {
        Self::default()
    }

    /// Notifies who has waited longest; if nobody waits, the next who comes.
    pub fn notify_one(&self) {
        let first = self.tell_one(&mut self.state.lock());
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
        let (waiting, told) = (state.line.waiting(), state.line.granted());
        Stats { is_kept: state.kept, waiting, told }
    }

    /// Tells the first in line, or keeps it; the waker is to be fired after unlocking.
    fn tell_one(&self, state: &mut State) -> Option<Waker> {
        let Some(first) = state.line.first() else {
            state.kept = true;
            return None;
        };
        // ORDERING: Release, release side of `served`.
        self.served.store(state.line.ticket(first) + 1, Release);
        state.line.remove(first).waker
    }

    /// True if a waiter was told by `notify_one`, as far as can be seen without the lock.
    #[inline]
    fn was_told_alone(&self, since: &Since) -> bool {
        // ORDERING: Acquire, acquire side of `served`.
        let is_served = self.served.load(Acquire) > since.ticket;
        // ORDERING: Relaxed. Of the calls that may have told this waiter, those before the mark that
        // was read are seen through it. A later one was made when its place was gone already.
        is_served && self.calls.load(Relaxed) == since.calls
    }

    /// Looks whether a waiter was notified.
    fn look(&self, waiter: &mut Option<Since>, visit: &mut Visit<'_>) -> Look<()> {
        let Some(since) = waiter else { return Look::Go(()) };
        let mut state = self.state.lock();
        let is_notified = match visit.key() {
            // ORDERING: Relaxed. The calls are counted under the lock that is held.
            None => self.calls.load(Relaxed) != since.calls || std::mem::take(&mut state.kept),
            Some(key) => match state.line.phase_of(key, since.ticket) {
                Some(Phase::Waiting) => false,
                Some(_) => true,
                None => {
                    visit.forget();
                    true
                }
            },
        };
        if !is_notified {
            let found = visit.stay(&mut state.line, (), Reason::Notify);
            if let Some(key) = visit.key() {
                since.ticket = state.line.ticket(key);
            }
            return found;
        }
        visit.leave(&mut state.line);
        *waiter = None;
        Look::Go(())
    }

    /// Takes out a future that will not be polled again, and passes on what only it was told.
    #[cold]
    fn leave(&self, key: usize, ticket: u64) {
        let (left, first) = {
            let mut state = self.state.lock();
            match state.line.phase_of(key, ticket) {
                Some(_) => (Some(state.line.remove(key)), None),
                None => (None, self.tell_one(&mut state)),
            }
        };
        wakes::wake(first);
        drop(left); // its waker, which may panic
    }
}

impl fmt::Debug for Notify {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Stats { is_kept, waiting, told } = self.stats();
        f.debug_struct("Notify")
            .field("is_kept", &is_kept)
            .field("waiting", &waiting)
            .field("told", &told)
            .finish()
    }
}

impl<N: Deref<Target = Notify>> Notified<N> {
    #[inline]
    #[track_caller]
    fn new(notify: N) -> Self {
        // ORDERING: Acquire, acquire side of `calls`. If this reads a call that has been, the
        // caller sees what changed before it, and must not wait for that call.
        let calls = notify.calls.load(Acquire);
        let since = Some(Since { calls, ticket: 0 });
        Self { notify, waiter: Waiter::new(Location::caller()), since }
    }

    /// Stands in line without being awaited; true if it was notified already.
    ///
    /// Use it to look at the state in between without missing a `notify_one`: make the future,
    /// enable it, look, and then await it if need be. It takes a notification that was kept; the
    /// future is then ready.
    pub fn enable(&mut self) -> bool {
        let Self { notify, waiter, since } = self;
        since.is_none() || waiter.enable(|visit| notify.look(since, visit)).is_some()
    }
}

impl<N: Deref<Target = Notify> + Unpin> Future for Notified<N> {
    type Output = ();

    #[inline]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let Self { notify, waiter, since } = &mut *self;
        if waiter.is_in_line()
            && let Some(_) = since.take_if(|since| notify.was_told_alone(since))
        {
            waiter.leave();
            budget::spend(); // it was asked for before the wait
            return Poll::Ready(());
        }
        waiter.poll(cx, |visit| notify.look(since, visit))
    }
}

impl<N: Deref<Target = Notify>> Drop for Notified<N> {
    #[inline]
    fn drop(&mut self) {
        if let Some(key) = self.waiter.leave() {
            let since = self.since.as_ref().expect("who stands in line has drawn a ticket");
            self.notify.leave(key, since.ticket);
        }
    }
}

shown!([N: Deref<Target = Notify>] Notified[N] |this| {
    is_over: this.since.is_none(), waiter: this.waiter
});

/// What the lock guards.
#[derive(Default)]
struct State {
    /// A notification for the next who comes. Never while somebody stands in line.
    kept: bool,
    /// Who waits, or was told by `notify_all`.
    line: WaitList<()>,
}
