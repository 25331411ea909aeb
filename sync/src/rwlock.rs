//! A lock that many may hold to read, or one to write, handed on in the order they asked.
//!
//! # Where the value lives
//! As in the [mutex](crate::mutex), nobody can reach the value without holding the lock, not
//! because of a rule but because of ownership; and here many hold it at once. So the value is in an
//! `Arc`: a reader takes a clone of it out of the slot, a writer the `Arc` itself. A writer is alone,
//! hence its `Arc` is the only one, and `Arc::get_mut` lends the value to be changed.
//!
//! That it is the only one is kept by three steps, in this order. A reader that ends drops its clone
//! *before* it takes the lock and counts itself out; a writer is let in under that lock, when no
//! reader is counted; and while it is in, the slot is empty and nobody can clone. A read guard that
//! is leaked with `mem::forget` stays counted, so no writer ever meets its clone.
//!
//! The price is that `get_mut` looks at the counts each time a write guard is dereferenced to change
//! the value. That costs about a tenth of locking, which a writer with many small changes saves by
//! dereferencing once (`let value = &mut *guard;`). A box inside the `Arc`, which writers take out,
//! would make it free and make every reader follow one pointer more; but such a lock is there for
//! its readers.
//!
//! # Who is let in
//! ```text
//!   [R R R] W R R W        three read; a writer waits, and those who came after it wait with it
//!   [W] R R W              the last reader has left: the writer is let in, alone
//!   [R R] W                it has left: all readers up to the next writer are let in together
//! ```
//! Who is let in counts as inside at once, before it has run, and so nobody overtakes. After every
//! step the first in line is one that cannot be let in; that is why a newcomer need only look
//! whether anybody stands in line.

mod guard;

use std::fmt;
use std::ops::Deref;
use std::panic::Location;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

pub use guard::{
    Guard, OwnedRwLockReadGuard, OwnedRwLockWriteGuard, RwLockReadGuard, RwLockWriteGuard,
};

use crate::shim::{self, Arc};
use crate::wait_list::{Phase, WaitList};
use crate::waiter::{Look, Visit, Waiter};
use crate::waiting::Reason;
use crate::wakes::{self, Wakes};
use crate::{blocking, waiting};

/// What somebody wants to do with the value.
type Access = bool;
/// To look at it, beside others.
const READ: Access = false;
/// To change it, alone.
const WRITE: Access = true;

const FORGOTTEN: &str = "a guard of this lock was forgotten, and the value with it";

/// A value that many tasks may read at a time, or one may write, also across awaits.
///
/// Use it for what is read much more often than written, by readers that keep it for a while. If
/// they only look at it, a lock of the standard library is quicker; if they need nothing but the
/// latest state, so is a [`watch`](crate::watch::channel) channel.
///
/// # Fairness
/// Strictly first come, first served: a reader that comes after a waiting writer waits until that
/// one has written, so neither side starves the other. Therefore a task that has a read guard must
/// not ask for another one: if a writer has asked in between, the three wait for each other.
///
/// The one exception is as for the [`Semaphore`](crate::semaphore::Semaphore#fairness). What was
/// handed to a waiter that has not run yet may be taken by another future of the same task, if it
/// is enough: for reading always, for writing if nobody else is reading.
///
/// There is no poisoning: if a writer panics, the next one finds the value as it was left.
///
/// # Examples
/// ```
/// # use windlass_sync::rwlock::RwLock;
/// let names = RwLock::new(vec!["ada"]);
/// let (one, other) = (names.try_read().unwrap(), names.try_read().unwrap());
/// assert_eq!(one[0], other[0]);
/// assert!(names.try_write().is_none());
/// drop((one, other));
/// names.try_write().unwrap().push("grace");
/// assert_eq!(names.into_inner(), ["ada", "grace"]);
/// ```
pub struct RwLock<T: ?Sized> {
    state: shim::Mutex<State<T>>,
}

/// A snapshot of a lock, for reports.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stats {
    /// How many read, or were let in to read and have not run yet.
    pub readers: usize,
    /// Whether somebody writes, or was let in to write and has not run yet.
    pub is_written: bool,
    /// Whose poll locked it to write (the executor's number of the task), 0 if nobody's or unknown.
    pub writer: u64,
    /// How many stand in line.
    pub waiting: usize,
}

/// The future of [`RwLock::read`].
pub type Read<'a, T> = Acquire<T, &'a RwLock<T>, READ>;
/// The future of [`RwLock::read_owned`].
pub type ReadOwned<T> = Acquire<T, Arc<RwLock<T>>, READ>;
/// The future of [`RwLock::write`].
pub type Write<'a, T> = Acquire<T, &'a RwLock<T>, WRITE>;
/// The future of [`RwLock::write_owned`].
pub type WriteOwned<T> = Acquire<T, Arc<RwLock<T>>, WRITE>;

/// The future of [`RwLock::read`], [`RwLock::write`] and their owned forms: `L` leads to the lock,
/// `A` is what is wanted of it.
#[must_use = "a future does nothing unless awaited"]
pub struct Acquire<T: ?Sized, L: Deref<Target = RwLock<T>>, const A: bool> {
    /// `None` once it has become a guard.
    lock: Option<L>,
    waiter: Waiter,
}

impl<T> RwLock<T> {
    /// A free lock around `value`.
    pub fn new(value: T) -> Self {
        Self::around(Arc::new(value))
    }

    /// The value, without waiting: nobody else has the lock.
    ///
    /// # Panics
    /// If a guard was leaked with `mem::forget`: the value is gone with it.
    pub fn into_inner(self) -> T {
        self.state.into_inner().value.and_then(Arc::into_inner).expect(FORGOTTEN)
    }
}

impl<T: ?Sized> From<Box<T>> for RwLock<T> {
    fn from(value: Box<T>) -> Self {
        Self::around(Arc::from(value))
    }
}

impl<T: Default> Default for RwLock<T> {
    fn default() -> Self {
        Self::new(T::default())
    }
}

impl<T: ?Sized> RwLock<T> {
    fn around(value: Arc<T>) -> Self {
        let (value, line) = (Some(value), WaitList::new());
        let state = State { value, readers: 0, is_written: false, writer: 0, crowded: false, line };
        Self { state: shim::Mutex::new(state) }
    }

    /// Waits until it may read; other readers may be there too.
    ///
    /// # Examples
    /// ```
    /// # use std::{future::Future, pin::pin, task::{Context, Waker}};
    /// # use windlass_sync::rwlock::RwLock;
    /// # let mut cx = Context::from_waker(Waker::noop());
    /// let value = RwLock::new(1);
    /// let reads = value.try_read().unwrap();
    /// let mut writer = pin!(value.write());
    /// assert!(writer.as_mut().poll(&mut cx).is_pending());
    /// assert!(value.try_read().is_none(), "no reader overtakes a writer that waits");
    /// drop(reads);
    /// assert!(writer.as_mut().poll(&mut cx).is_ready());
    /// ```
    ///
    /// # Cancel safety
    /// A future that is dropped leaves the line; if it had been let in, the next in line are. A
    /// new call starts at the end of the line.
    #[track_caller]
    pub fn read(&self) -> Read<'_, T> {
        Acquire::new(self, Location::caller())
    }

    /// Waits until it may write, alone.
    ///
    /// # Cancel safety
    /// As [`read`](Self::read). Readers that waited behind a writer that gives up are let in.
    #[track_caller]
    pub fn write(&self) -> Write<'_, T> {
        Acquire::new(self, Location::caller())
    }

    /// As [`read`](Self::read), with a guard that keeps the lock alive.
    ///
    /// # Cancel safety
    /// As [`read`](Self::read).
    #[track_caller]
    pub fn read_owned(self: Arc<Self>) -> ReadOwned<T> {
        Acquire::new(self, Location::caller())
    }

    /// As [`write`](Self::write), with a guard that keeps the lock alive.
    ///
    /// # Cancel safety
    /// As [`write`](Self::write).
    #[track_caller]
    pub fn write_owned(self: Arc<Self>) -> WriteOwned<T> {
        Acquire::new(self, Location::caller())
    }

    /// Reads if nobody writes and nobody stands in line.
    pub fn try_read(&self) -> Option<RwLockReadGuard<'_, T>> {
        Some(Guard::new(self, self.try_enter(READ, waiting::owner())?))
    }

    /// Writes if nobody else reads or writes and nobody stands in line.
    pub fn try_write(&self) -> Option<RwLockWriteGuard<'_, T>> {
        Some(Guard::new(self, self.try_enter(WRITE, waiting::owner())?))
    }

    /// As [`try_read`](Self::try_read), with a guard that keeps the lock alive.
    pub fn try_read_owned(self: Arc<Self>) -> Option<OwnedRwLockReadGuard<T>> {
        let value = self.try_enter(READ, waiting::owner())?;
        Some(Guard::new(self, value))
    }

    /// As [`try_write`](Self::try_write), with a guard that keeps the lock alive.
    pub fn try_write_owned(self: Arc<Self>) -> Option<OwnedRwLockWriteGuard<T>> {
        let value = self.try_enter(WRITE, waiting::owner())?;
        Some(Guard::new(self, value))
    }

    /// Waits until it may read on a plain thread, which sleeps meanwhile.
    ///
    /// # Panics
    /// Inside a task: it would block the worker. Use [`read`](Self::read) there.
    #[track_caller]
    pub fn read_blocking(&self) -> RwLockReadGuard<'_, T> {
        blocking::wait_on("read_blocking", "read().await", self.read())
    }

    /// Waits until it may write on a plain thread, which sleeps meanwhile.
    ///
    /// # Panics
    /// Inside a task: it would block the worker. Use [`write`](Self::write) there.
    #[track_caller]
    pub fn write_blocking(&self) -> RwLockWriteGuard<'_, T> {
        blocking::wait_on("write_blocking", "write().await", self.write())
    }

    /// The value, without waiting: nobody else has the lock.
    ///
    /// # Panics
    /// If a guard was leaked with `mem::forget`: the value is gone with it.
    pub fn get_mut(&mut self) -> &mut T {
        self.state.get_mut().value.as_mut().and_then(Arc::get_mut).expect(FORGOTTEN)
    }

    /// The figures of this moment.
    pub fn stats(&self) -> Stats {
        let state = self.state.lock();
        let State { readers, is_written, writer, .. } = *state;
        let (writer, waiting) = (waiting::number(writer), state.line.waiting());
        Stats { readers, is_written, writer, waiting }
    }

    fn try_enter(&self, access: Access, owner: u64) -> Option<Arc<T>> {
        wakes::collect(|wakes| {
            let mut state = self.state.lock();
            state.take(access, owner).then(|| state.begin(access, owner, wakes))
        })
    }

    /// Changes who is inside or in line, and lets in who fits then.
    fn change<R>(&self, act: impl FnOnce(&mut State<T>) -> R) -> R {
        wakes::collect(|wakes| {
            let mut state = self.state.lock();
            let result = act(&mut state);
            state.let_in(wakes);
            result
        })
    }

    /// Ends reading or writing: `value` is what the guard had.
    fn unlock(&self, access: Access, value: Arc<T>) {
        let written = match access {
            READ => {
                drop(value); // before it is counted out, see the head of this file
                None
            }
            WRITE => Some(value),
        };
        self.change(|state| {
            if written.is_some() {
                state.value = written;
            }
            state.leave(access);
        });
    }

    /// Turns the one who writes into one who reads; `value` is what its guard had.
    fn downgrade(&self, value: Arc<T>) -> Arc<T> {
        self.change(|state| {
            state.value = Some(value.clone());
            state.leave(WRITE);
            state.enter(READ, 0);
        });
        value
    }

    /// Takes a waiter out that is dropped; what it held up or was given goes to the next.
    #[cold]
    fn give_up(&self, key: usize) {
        let left = self.change(|state| {
            let left = state.line.remove(key);
            if left.phase == Phase::Granted {
                state.leave(left.payload);
            }
            left
        });
        drop(left); // after all are woken: its waker may panic
    }
}

impl<T: ?Sized + fmt::Debug> fmt::Debug for RwLock<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = f.debug_struct("RwLock");
        // As nobody's: what is promised to a waiter is not for printing.
        match self.try_enter(READ, 0).map(|value| RwLockReadGuard::new(self, value)) {
            Some(value) => text.field("data", &&*value),
            None => text.field("data", &format_args!("<locked>")),
        };
        text.field("waiting", &self.stats().waiting).finish()
    }
}

impl<T: ?Sized, L: Deref<Target = RwLock<T>>, const A: bool> Acquire<T, L, A> {
    fn new(lock: L, at: &'static Location<'static>) -> Self {
        Self { lock: Some(lock), waiter: Waiter::new(at) }
    }
}

impl<T: ?Sized, L, const A: bool> Future for Acquire<T, L, A>
where
    L: Deref<Target = RwLock<T>> + Unpin,
{
    type Output = Guard<T, L, A>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.get_mut();
        let lock = this.lock.as_ref().expect("a future is not polled after it is ready");
        let value = ready!(this.waiter.poll(cx, |visit| lock.state.lock().look(A, visit)));
        let lock = this.lock.take().expect("it was there a moment ago");
        Poll::Ready(Guard::new(lock, value))
    }
}

impl<T: ?Sized, L: Deref<Target = RwLock<T>>, const A: bool> Drop for Acquire<T, L, A> {
    fn drop(&mut self) {
        if let (Some(lock), Some(key)) = (&self.lock, self.waiter.leave()) {
            lock.give_up(key);
        }
    }
}

impl<T: ?Sized, L: Deref<Target = RwLock<T>>, const A: bool> fmt::Debug for Acquire<T, L, A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = if A == READ { "Read" } else { "Write" };
        f.debug_struct(name).field("waiter", &self.waiter).finish_non_exhaustive()
    }
}

/// What the internal lock guards. It is held for a few steps, and never while the value is used.
struct State<T: ?Sized> {
    /// The value; gone while a write guard has it.
    value: Option<Arc<T>>,
    /// Who is inside to read: the guards, and the waiters that were let in and have not run.
    readers: usize,
    /// Whether somebody is inside to write: the guard, or a waiter that was let in.
    is_written: bool,
    /// Whose guard or waiter that is; 0 if nobody's or unknown.
    writer: u64,
    /// Whether a writer in line may have found waiters of its own task inside, beside others.
    crowded: bool,
    /// Who stands in line, and what for.
    line: WaitList<Access>,
}

impl<T: ?Sized> State<T> {
    /// Whether there is room inside, whoever stands in line for it.
    fn fits(&self, access: Access) -> bool {
        !self.is_written && (access == READ || self.readers == 0)
    }

    fn enter(&mut self, access: Access, owner: u64) {
        match access {
            READ => self.readers += 1,
            WRITE => (self.is_written, self.writer) = (true, owner),
        }
    }

    fn leave(&mut self, access: Access) {
        match access {
            READ => self.readers -= 1,
            WRITE => (self.is_written, self.writer) = (false, 0),
        }
    }

    /// Lets in who is first in line, as long as there is room. To be called after every step that
    /// may have made some, and after a waiter was taken out of the line.
    fn let_in(&mut self, wakes: &mut Wakes) {
        while let Some(first) = self.line.first() {
            let access = *self.line.payload(first);
            if !self.fits(access) {
                break;
            }
            self.enter(access, self.line.owner(first));
            wakes.push(self.line.grant(first));
        }
        if self.readers > 0 && std::mem::take(&mut self.crowded) {
            self.let_in_instead(wakes);
        }
    }

    /// Lets a writer in who need not wait for the others any more: those inside now are waiters of
    /// its own task, which may come to them only after it has written.
    #[cold]
    fn let_in_instead(&mut self, wakes: &mut Wakes) {
        let writers = self.line.in_line().filter(|key| *self.line.payload(*key) == WRITE);
        for key in writers.collect::<Vec<_>>() {
            let owner = self.line.owner(key);
            if self.send_back(WRITE, owner) {
                self.enter(WRITE, owner);
                return wakes.push(self.line.grant(key));
            }
        }
    }

    /// Enters for `owner` if there is room and nobody stands in line, or in place of waiters of the
    /// same owner that were let in. Those are first in line again.
    fn take(&mut self, access: Access, owner: u64) -> bool {
        let is_open = self.line.first().is_none() && self.fits(access);
        let may_enter = is_open || self.send_back(access, owner);
        if may_enter {
            self.enter(access, owner);
        }
        may_enter
    }

    /// Sends the waiters of `owner` that were let in back to their places in line. False, and
    /// nobody has moved, if that makes no room.
    fn send_back(&mut self, access: Access, owner: u64) -> bool {
        if owner == 0 || self.line.granted() == 0 {
            return false;
        }
        let own = self.line.granted_to(owner).count();
        let inside = self.readers + usize::from(self.is_written);
        if own == 0 || (access == WRITE && own < inside) {
            self.crowded |= own > 0;
            return false; // if one is let in to read, there is room for readers anyway
        }
        for _ in 0..own {
            let latest = self.line.granted_to(owner).next().expect("so many were counted above");
            self.leave(*self.line.payload(latest));
            self.line.take_back(latest);
        }
        true
    }

    /// What the guard gets of one who has entered, and is not in line any more.
    fn begin(&mut self, access: Access, owner: u64, wakes: &mut Wakes) -> Arc<T> {
        self.let_in(wakes); // whom it had sent back, if they may read beside it
        let value = match access {
            READ => self.value.clone(),
            WRITE => {
                self.writer = owner; // perhaps not the one who stood in line
                self.value.take()
            }
        };
        value.expect("who is let in finds the value")
    }

    /// Looks whether a waiter may go on; if not, makes sure that it is woken.
    fn look(&mut self, access: Access, visit: &mut Visit<'_>) -> Look<Arc<T>> {
        let owner = waiting::owner();
        if visit.phase(&self.line) == Some(Phase::Granted) || self.take(access, owner) {
            visit.leave(&mut self.line);
            return Look::Go(self.begin(access, owner, visit.wakes));
        }
        let (writer, readers) = (waiting::number(self.writer), self.readers);
        let reason = match access {
            READ => Reason::RwLockRead { writer },
            WRITE => Reason::RwLockWrite { writer, readers },
        };
        visit.stay(&mut self.line, access, reason)
    }
}
