//! A lock that tasks hold across awaits, handed on in the order they asked.
//!
//! # Where the value lives
//! This crate has no `unsafe`, so the value cannot sit in a cell which the guard points into. It
//! moves: a free mutex has it in its slot, and a locked one has given it to the guard, which puts
//! it back when dropped. So "nobody but the holder can reach the value" is not a rule but
//! ownership. What moves is a box, for three reasons: a guard kept across an await makes its future
//! larger by two words, not by the value; locking costs the same for every type; and the value
//! may be unsized. It costs one allocation per mutex (not per lock) and a pointer to follow.
//!
//! The others: the value in a `parking_lot` mutex that only the holder locks needs two exchanges
//! more, its guard is not `Send`, and an owned guard is impossible without `unsafe`. A value that
//! moves unboxed is as quick as the box up to 64 bytes and slower from there: with 128 bytes a lock
//! and unlock take twice as long, with 4 KiB six times, since the value is copied four times.
//!
//! The one thing given up: who calls `mem::forget` on a guard forgets the value with it.
//!
//! # Why one lock
//! The slot needs a lock anyway, so the line lives under the same one, and lock and unlock are two
//! exchanges each. A word for the quick path beside it would come on top, not instead.

mod guard;

use std::fmt;
use std::ops::Deref;
use std::panic::Location;
use std::pin::Pin;
use std::task::{Context, Poll, Waker, ready};

pub use guard::{Guard, MappedGuard, MutexGuard, OwnedMutexGuard};

use crate::shim::{self, Arc};
use crate::wait_list::{Phase, WaitList};
use crate::waiter::{Look, Visit, Waiter};
use crate::waiting::Reason;
use crate::{blocking, budget, waiting, wakes};

const FORGOTTEN: &str = "a guard of this mutex was forgotten, and the value with it";

/// A value that one task at a time may use, also across awaits.
///
/// Use it for what must stay consistent while its holder waits, like a connection with a protocol.
/// For short steps without an await, a mutex of the standard library is quicker.
///
/// It is fair: an unlock hands it to who asked first, and nobody overtakes. The one exception is as
/// for the [`Semaphore`](crate::semaphore::Semaphore#fairness): a mutex handed to a waiter that has
/// not run yet may be locked by another future of the same task.
///
/// There is no poisoning: if a holder panics, the next one finds the value as it was left.
///
/// # Examples
/// ```
/// # use windlass_sync::mutex::Mutex;
/// let mut counter = Mutex::new(1);
/// *counter.try_lock().unwrap() += 1;
/// let held = counter.try_lock();
/// assert!(counter.try_lock().is_none());
/// drop(held);
/// assert_eq!(*counter.get_mut(), 2);
/// ```
pub struct Mutex<T: ?Sized> {
    state: shim::Mutex<State<T>>,
}

/// A snapshot of a mutex, for reports.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stats {
    /// Whether somebody holds it, or was handed it and has not run yet.
    pub is_locked: bool,
    /// Whose poll locked it (the executor's number of the task), 0 if nobody's or unknown.
    pub holder: u64,
    /// The line that locked it; `None` while nobody has a guard.
    pub locked_at: Option<&'static Location<'static>>,
    /// How many stand in line.
    pub waiting: usize,
}

/// The future of [`Mutex::lock`].
pub type Lock<'a, T> = Acquire<T, &'a Mutex<T>>;
/// The future of [`Mutex::lock_owned`].
pub type LockOwned<T> = Acquire<T, Arc<Mutex<T>>>;

/// The future of a guard; it is called [`Lock`] or [`LockOwned`].
#[must_use = "a future does nothing unless awaited"]
pub struct Acquire<T: ?Sized, M: Deref<Target = Mutex<T>>> {
    /// `None` once it has become a guard.
    mutex: Option<M>,
    waiter: Waiter,
}

impl<T> Mutex<T> {
    /// A free mutex around `value`.
    pub fn new(value: T) -> Self {
        Self::from(Box::new(value))
    }

    /// The value, without waiting: nobody else has the mutex.
    ///
    /// # Panics
    /// If a guard was leaked with `mem::forget`: the value is gone with it.
    pub fn into_inner(self) -> T {
        *self.state.into_inner().value.expect(FORGOTTEN)
    }
}

impl<T: ?Sized> From<Box<T>> for Mutex<T> {
    fn from(value: Box<T>) -> Self {
        let (line, locked_at) = (WaitList::new(), Location::caller());
        let state = State { value: Some(value), promised: None, holder: 0, locked_at, line };
        Self { state: shim::Mutex::new(state) }
    }
}

impl<T: Default> Default for Mutex<T> {
    fn default() -> Self {
        Self::new(T::default())
    }
}

impl<T: ?Sized> Mutex<T> {
    /// Waits for the mutex; the guard unlocks it when dropped.
    ///
    /// # Examples
    /// ```
    /// # use std::{future::Future, pin::pin, task::{Context, Poll, Waker}};
    /// # use windlass_sync::mutex::Mutex;
    /// # let mut cx = Context::from_waker(Waker::noop());
    /// let value = Mutex::new(1);
    /// let held = value.try_lock().unwrap();
    /// let mut second = pin!(value.lock());
    /// assert!(second.as_mut().poll(&mut cx).is_pending());
    /// drop(held); // hands it over
    /// assert!(value.try_lock().is_none(), "nobody can take it in between");
    /// let Poll::Ready(guard) = second.as_mut().poll(&mut cx) else { panic!() };
    /// assert_eq!(*guard, 1);
    /// ```
    ///
    /// # Cancel safety
    /// A future that is dropped leaves the line; if the mutex had been handed to it, the next in
    /// line gets it. A new call starts at the end of the line.
    #[track_caller]
    pub fn lock(&self) -> Lock<'_, T> {
        Acquire::new(self, Location::caller())
    }

    /// As [`lock`](Self::lock), with a guard that keeps the mutex alive.
    ///
    /// # Cancel safety
    /// As [`lock`](Self::lock).
    #[track_caller]
    pub fn lock_owned(self: Arc<Self>) -> LockOwned<T> {
        Acquire::new(self, Location::caller())
    }

    /// Locks the mutex if it is free and nobody stands in line.
    #[track_caller]
    pub fn try_lock(&self) -> Option<MutexGuard<'_, T>> {
        let value = self.state.lock().take(waiting::owner(), Location::caller())?;
        Some(Guard::new(self, value))
    }

    /// As [`try_lock`](Self::try_lock), with a guard that keeps the mutex alive.
    #[track_caller]
    pub fn try_lock_owned(self: Arc<Self>) -> Option<OwnedMutexGuard<T>> {
        let value = self.state.lock().take(waiting::owner(), Location::caller())?;
        Some(Guard::new(self, value))
    }

    /// Waits for the mutex on a plain thread, which sleeps meanwhile.
    ///
    /// # Examples
    /// ```
    /// # use windlass_sync::mutex::Mutex;
    /// let total = Mutex::new(0);
    /// std::thread::scope(|threads| {
    ///     for n in 1..=3 {
    ///         let total = &total;
    ///         threads.spawn(move || *total.lock_blocking() += n);
    ///     }
    /// });
    /// assert_eq!(total.into_inner(), 6);
    /// ```
    ///
    /// # Panics
    /// Inside a task: it would block the worker. Use [`lock`](Self::lock) there.
    #[track_caller]
    pub fn lock_blocking(&self) -> MutexGuard<'_, T> {
        blocking::wait_on("lock_blocking", "lock().await", self.lock())
    }

    /// The value, without waiting: nobody else has the mutex.
    ///
    /// # Panics
    /// If a guard was leaked with `mem::forget`: the value is gone with it.
    pub fn get_mut(&mut self) -> &mut T {
        self.state.get_mut().value.as_mut().expect(FORGOTTEN)
    }

    /// The figures of this moment.
    pub fn stats(&self) -> Stats {
        let state = self.state.lock();
        Stats {
            is_locked: !state.is_free(),
            holder: waiting::number(state.holder),
            locked_at: state.value.is_none().then_some(state.locked_at),
            waiting: state.line.waiting(),
        }
    }

    /// Ahead of the waiter's own poll, which takes as long again as this.
    #[inline]
    fn take_at_once(&self, waiter: &Waiter) -> Option<Box<T>> {
        if waiter.is_in_line() || budget::is_exhausted() {
            return None;
        }
        let value = self.state.lock().take(waiting::owner(), waiter.at)?;
        budget::spend();
        Some(value)
    }

    /// Puts the value back and hands it to the first in line.
    fn unlock(&self, value: Box<T>) {
        let next = {
            let mut state = self.state.lock();
            state.value = Some(value);
            state.hand_over()
        };
        wakes::wake(next);
    }

    /// Takes a waiter out that is dropped; what it was promised goes to the next.
    #[cold]
    fn leave(&self, key: usize) {
        let (left, next) = {
            let mut state = self.state.lock();
            let left = state.line.remove(key);
            let next = if left.phase == Phase::Granted { state.hand_over() } else { None };
            (left, next)
        };
        wakes::wake(next); // before `left` drops its waker, which may panic
        drop(left);
    }
}

impl<T: ?Sized + fmt::Debug> fmt::Debug for Mutex<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = f.debug_struct("Mutex");
        // As nobody's: what is promised to a waiter is not for printing.
        let value = self.state.lock().take(0, Location::caller());
        match value.map(|value| Guard::new(self, value)) {
            Some(value) => text.field("data", &&*value),
            None => text.field("data", &format_args!("<locked>")),
        };
        text.field("waiting", &self.stats().waiting).finish()
    }
}

impl<T: ?Sized, M: Deref<Target = Mutex<T>>> Acquire<T, M> {
    /// For somebody at that line.
    pub(crate) fn new(mutex: M, at: &'static Location<'static>) -> Self {
        Self { mutex: Some(mutex), waiter: Waiter::new(at) }
    }
}

impl<T: ?Sized, M: Deref<Target = Mutex<T>> + Unpin> Future for Acquire<T, M> {
    type Output = Guard<T, M>;

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.get_mut();
        let mutex = this.mutex.as_ref().expect("a future is not polled after it is ready");
        let value = match mutex.take_at_once(&this.waiter) {
            Some(value) => value,
            None => ready!(this.waiter.poll(cx, |visit| mutex.state.lock().look(visit))),
        };
        let mutex = this.mutex.take().expect("it was there a moment ago");
        Poll::Ready(Guard::new(mutex, value))
    }
}

impl<T: ?Sized, M: Deref<Target = Mutex<T>>> Drop for Acquire<T, M> {
    #[inline]
    fn drop(&mut self) {
        if let (Some(mutex), Some(key)) = (&self.mutex, self.waiter.leave()) {
            mutex.leave(key);
        }
    }
}

impl<T: ?Sized, M: Deref<Target = Mutex<T>>> fmt::Debug for Acquire<T, M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Lock").field("waiter", &self.waiter).finish_non_exhaustive()
    }
}

/// What the internal lock guards. It is held for a few steps, and never while the value is used.
struct State<T: ?Sized> {
    /// The value; gone while a guard has it.
    value: Option<Box<T>>,
    /// The waiter to whom the value in the slot was handed and who has not run yet.
    promised: Option<usize>,
    /// Whose guard or promise it is; 0 if nobody's or unknown.
    holder: u64,
    /// The line that locked it last.
    locked_at: &'static Location<'static>,
    /// Who stands in line.
    line: WaitList<()>,
}

impl<T: ?Sized> State<T> {
    fn is_free(&self) -> bool {
        self.value.is_some() && self.promised.is_none()
    }

    /// Locks for `owner`, if it is free or promised to the same owner. In the latter case the
    /// waiter who loses it is first in line again.
    fn take(&mut self, owner: u64, at: &'static Location<'static>) -> Option<Box<T>> {
        if let Some(key) = self.promised {
            if owner == 0 || self.line.owner(key) != owner {
                return None;
            }
            self.line.take_back(key);
            self.promised = None;
        }
        self.take_as(owner, at)
    }

    /// Takes what is in the slot.
    fn take_as(&mut self, owner: u64, at: &'static Location<'static>) -> Option<Box<T>> {
        let value = self.value.take()?;
        self.holder = owner;
        self.locked_at = at;
        Some(value)
    }

    /// Promises the value in the slot to the first in line; the waker is to be fired after
    /// unlocking.
    ///
    /// After it a free mutex has nobody in line, which is what lets `take` look at the slot only.
    fn hand_over(&mut self) -> Option<Waker> {
        self.promised = self.line.first();
        let Some(first) = self.promised else {
            self.holder = 0;
            return None;
        };
        self.holder = self.line.owner(first);
        self.line.grant(first)
    }

    /// Looks whether a waiter may go on; if not, makes sure that it is woken.
    fn look(&mut self, visit: &mut Visit<'_>) -> Look<Box<T>> {
        let owner = waiting::owner();
        let value = match visit.phase(&self.line) {
            Some(Phase::Granted) => {
                self.promised = None;
                self.take_as(owner, visit.at)
            }
            _ => self.take(owner, visit.at), // it is free, or another waiter of the same owner has it
        };
        if let Some(value) = value {
            visit.leave(&mut self.line);
            return Look::Go(value);
        }
        let reason = match self.holder {
            holder if holder != 0 && holder == owner => {
                Reason::OwnMutex { locked_at: Some(self.locked_at) }
            }
            holder => Reason::Mutex { holder: waiting::number(holder) },
        };
        visit.stay(&mut self.line, (), reason)
    }
}
