//! A limit that can be moved while tasks run under it.
//!
//! The line and the counting are the [`Semaphore`]'s. On top of it stands a list of who has a token,
//! under a lock of its own, which is what the figures are read from. That lock is taken once for a
//! token and once when it comes back; a limiter is for work that is long beside that.
//!
//! To lower the limit, permits are taken away whether they are free or not; the semaphore then owes
//! some, and nothing is handed out until as many tokens have come back as were too many. One word
//! keeps that account, so no moment between two steps lets a token through.

use std::fmt;
use std::ops::Deref;
use std::panic::Location;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use slab::Slab;

use crate::place::{Lined, Place};
use crate::semaphore::Semaphore;
use crate::shim::{Arc, Mutex};
use crate::shown::{shown, shown_by_place};
use crate::waiting::{self, Reason};

/// Who waits looks among so many tokens for one of its own. A look among more costs more than the
/// hint is worth; and where there are more, it is hardly the own one that is missing.
const LOOK_AMONG: usize = 64;

/// A limit on how many do something at a time, which can be moved while they do it.
///
/// Use it where the right limit is found out as you go, or differs by the hour, and where you want
/// to see how full it is. For a number that stays, a [`Semaphore`] costs less.
///
/// It is as fair as the [`Semaphore`](Semaphore#fairness), also while the limit moves.
///
/// # Examples
/// ```
/// # use windlass_sync::limiter::Limiter;
/// let requests = Limiter::new(2);
/// let first = requests.try_acquire().unwrap(); // in a task: `requests.acquire().await`
/// let second = requests.try_acquire().unwrap();
/// requests.set_limit(1); // the server is slow today
/// drop(first);
/// assert!(requests.try_acquire().is_none(), "one is still at work");
/// drop(second);
/// assert!(requests.try_acquire().is_some());
/// let stats = requests.stats();
/// assert_eq!((stats.limit, stats.peak, stats.served), (1, 2, 3));
/// ```
pub struct Limiter {
    /// A permit for each token: the free ones, and who stands in line.
    permits: Semaphore,
    state: Mutex<State>,
}

/// The right to do what a [`Limiter`] limits, given back when dropped.
///
/// `L` is a borrow of the limiter, or an `Arc` that keeps it alive.
///
/// # Examples
/// ```
/// # use std::{sync::Arc, thread};
/// # use windlass_sync::limiter::{Limiter, Token};
/// let requests = Arc::new(Limiter::new(1));
/// let token: Token<Arc<Limiter>> = requests.clone().try_acquire_owned().unwrap();
/// thread::spawn(move || drop(token)).join().unwrap();
/// assert_eq!(requests.stats().in_use, 0);
/// ```
#[must_use = "a token that is not kept is given back at once"]
pub struct Token<L: Deref<Target = Limiter>> {
    limiter: L,
    /// Where it is listed.
    key: usize,
}

/// A snapshot of a limiter, for reports.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stats {
    /// How many tokens there may be at a time.
    pub limit: usize,
    /// How many there are. More than the limit after that was lowered, until they come back.
    pub in_use: usize,
    /// How many stand in line.
    pub waiting: usize,
    /// The most that there were at a time.
    pub peak: usize,
    /// How many there have been in all.
    pub served: u64,
}

/// Who has a token, see [`Limiter::holders`].
///
/// # Examples
/// ```
/// # use windlass_sync::limiter::{Holder, Limiter};
/// let requests = Limiter::new(2);
/// let _token = requests.try_acquire();
/// let [Holder { task, at }] = requests.holders()[..] else { panic!() };
/// assert_eq!((task, at.line()), (0, line!() - 2));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Holder {
    /// Whose poll took it (the executor's number of the task), 0 if nobody's or unknown.
    pub task: u64,
    /// The line that took it.
    pub at: &'static Location<'static>,
}

/// The future of [`Limiter::acquire`] and [`Limiter::acquire_owned`].
#[must_use = "a future does nothing unless awaited"]
pub struct Acquire<L: Deref<Target = Limiter>> {
    place: Place<L>,
}

impl Limiter {
    /// A limiter with so many tokens. Zero is allowed: it then lets nobody through.
    ///
    /// # Panics
    /// If `limit` is more than [`Semaphore::MAX_PERMITS`].
    #[track_caller]
    pub fn new(limit: usize) -> Self {
        let state = State { limit, peak: 0, served: 0, holders: Slab::new() };
        Self { permits: Semaphore::new(limit), state: Mutex::new(state) }
    }

    /// Waits for a token.
    ///
    /// # Cancel safety
    /// A future that is dropped leaves the line; if a token had been handed to it, the next in line
    /// gets it. A new call starts at the end of the line.
    #[track_caller]
    pub fn acquire(&self) -> Acquire<&Self> {
        Acquire { place: Place::new(self) }
    }

    /// As [`acquire`](Self::acquire), with a token that keeps the limiter alive.
    ///
    /// # Cancel safety
    /// As [`acquire`](Self::acquire).
    #[track_caller]
    pub fn acquire_owned(self: Arc<Self>) -> Acquire<Arc<Self>> {
        Acquire { place: Place::new(self) }
    }

    /// Takes a token if one is free and nobody stands in line.
    #[track_caller]
    pub fn try_acquire(&self) -> Option<Token<&Self>> {
        self.permits.try_take(1).ok()?;
        Some(Token::new(self, Location::caller()))
    }

    /// As [`try_acquire`](Self::try_acquire), with a token that keeps the limiter alive.
    #[track_caller]
    pub fn try_acquire_owned(self: Arc<Self>) -> Option<Token<Arc<Self>>> {
        self.permits.try_take(1).ok()?;
        Some(Token::new(self, Location::caller()))
    }

    /// Moves the limit.
    ///
    /// If it is raised, those in line get the new tokens, in their order. If it is lowered, whoever
    /// has a token keeps it; as many as are too many are not handed out again when they come back.
    ///
    /// # Panics
    /// If `limit` is more than [`Semaphore::MAX_PERMITS`].
    #[track_caller]
    pub fn set_limit(&self, limit: usize) {
        let most = Semaphore::MAX_PERMITS;
        assert!(limit <= most, "a limiter has at most {most} tokens");
        let more = {
            let mut state = self.state.lock();
            let before = std::mem::replace(&mut state.limit, limit);
            // Under the lock, so that no later call can raise what was not lowered yet.
            self.permits.take_away(before.saturating_sub(limit));
            limit.saturating_sub(before)
        };
        self.permits.release(more);
    }

    /// The figures of this moment.
    pub fn stats(&self) -> Stats {
        let waiting = self.permits.stats().waiting;
        let State { limit, peak, served, holders } = &*self.state.lock();
        Stats { limit: *limit, in_use: holders.len(), waiting, peak: *peak, served: *served }
    }

    /// Who has a token, in no particular order.
    pub fn holders(&self) -> Vec<Holder> {
        let shown = |Holder { task, at }| Holder { task: waiting::number(task), at };
        self.state.lock().holders.iter().map(|(_, holder)| shown(*holder)).collect()
    }

    /// What somebody waits for who gets no token.
    fn reason(&self) -> Reason {
        let (state, owner) = (self.state.lock(), waiting::owner());
        let mut few = state.holders.iter().take(LOOK_AMONG);
        match few.find(|(_, holder)| owner != 0 && holder.task == owner) {
            Some((_, own)) => Reason::OwnToken { taken_at: Some(own.at) },
            None => Reason::Limiter { in_use: state.holders.len(), limit: state.limit },
        }
    }
}

impl fmt::Debug for Limiter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Stats { limit, in_use, waiting, .. } = self.stats();
        f.debug_struct("Limiter")
            .field("limit", &limit)
            .field("in_use", &in_use)
            .field("waiting", &waiting)
            .finish_non_exhaustive()
    }
}

impl<L: Deref<Target = Limiter>> Token<L> {
    /// Lists a token whose permit was taken.
    fn new(limiter: L, at: &'static Location<'static>) -> Self {
        let key = {
            let state = &mut *limiter.state.lock();
            let key = state.holders.insert(Holder { task: waiting::owner(), at });
            state.peak = state.peak.max(state.holders.len());
            state.served += 1;
            key
        };
        Self { limiter, key }
    }
}

impl<L: Deref<Target = Limiter>> Drop for Token<L> {
    fn drop(&mut self) {
        // Before the permit can be handed on, or there would seem to be one token too many.
        self.limiter.state.lock().holders.remove(self.key);
        self.limiter.permits.release(1);
    }
}

shown!([L: Deref<Target = Limiter>] Token[L] |_this| {});

impl<L: Deref<Target = Limiter> + Clone + Unpin> Future for Acquire<L> {
    type Output = Token<L>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Token<L>> {
        let Place { owner: limiter, waiter } = &mut self.place;
        let Poll::Ready(acquired) = limiter.permits.poll_acquire(waiter, cx, 1, |_| None) else {
            if waiter.is_in_line() {
                waiting::note(limiter.reason(), waiter.at);
            }
            return Poll::Pending;
        };
        acquired.expect("nobody closes the semaphore of a limiter");
        Poll::Ready(Token::new(limiter.clone(), waiter.at))
    }
}

impl Lined for Limiter {
    fn leave(&self, key: usize) -> Option<Waker> {
        self.permits.leave(key);
        None
    }
}

shown_by_place!([L: Deref<Target = Limiter>] Acquire[L]);

/// What the lock guards.
struct State {
    limit: usize,
    /// The most holders at a time.
    peak: usize,
    /// All holders there have been.
    served: u64,
    holders: Slab<Holder>,
}
