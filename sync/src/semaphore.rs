//! A number of permits, and a fair line for those who want one.
//!
//! The count lives in one word (`semaphore/word.rs`), which is all that is touched while nobody
//! waits; the line lives under a lock. The futures are in `semaphore/acquire.rs`, the permits in
//! `semaphore/permit.rs`.

mod acquire;
mod permit;
mod word;

use std::fmt;
use std::panic::Location;
use std::task::{Context, Poll};

pub use acquire::{Acquire, AcquireOwned};
pub use permit::{OwnedPermit, Permit};

use crate::error::{Closed, TooMany, TryAcquireError};
use crate::shim::{Arc, Mutex};
use crate::wait_list::{Phase, WaitList};
use crate::waiter::{Look, Visit, Waiter};
use crate::waiting::{self, Reason};
use crate::wakes::{self, Wakes};
use crate::{blocking, budget};
use word::{OnGive, Take, Total, Word};

/// A number of permits, for as many tasks at a time as may do something.
///
/// Use it to bound how much runs at once: requests to one server, open files, heavy jobs.
///
/// # Fairness
/// Strictly first come, first served: nobody overtakes who stands in line, not even for a permit
/// that is free. A large request at the front therefore holds smaller ones up until enough permits
/// have come back (and [`try_acquire`](Self::try_acquire) fails meanwhile); the other way round
/// large requests would starve.
///
/// One exception prevents a deadlock. A permit that was handed to a waiter which has not run yet
/// may be taken by another future *of the same task*, if the permits handed to that task cover its
/// request; the waiter then is first in line again. Without it, a task that keeps an acquiring
/// future aside (in a `select!`, say) and acquires in another branch would wait for itself.
///
/// # Examples
/// ```
/// # use windlass_sync::semaphore::Semaphore;
/// let slots = Semaphore::new(2);
/// let first = slots.try_acquire().unwrap();
/// let second = slots.try_acquire().unwrap();
/// assert!(slots.try_acquire().is_err());
/// drop(first);
/// assert!(slots.try_acquire().is_ok());
/// # drop(second);
/// ```
pub struct Semaphore {
    /// Free permits, and whether anybody stands in line.
    word: Word,
    /// All permits, and how many there may be.
    total: Total,
    /// Who stands in line, and for how many permits.
    line: Mutex<WaitList<usize>>,
}

/// A snapshot of a semaphore, for reports.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stats {
    /// Permits nobody holds. They may be kept for a large request that is first in line.
    pub available: usize,
    /// Requests that stand in line.
    pub waiting: usize,
    /// Requests that were served and have not run yet.
    pub granted: usize,
    /// Whether [`Semaphore::close`] was called.
    pub is_closed: bool,
}

impl Semaphore {
    /// The most permits there can be.
    pub const MAX_PERMITS: usize = word::MAX;

    /// A semaphore with so many free permits. Zero is allowed: it then starts locked.
    ///
    /// # Panics
    /// If `permits` is more than [`MAX_PERMITS`](Self::MAX_PERMITS).
    #[track_caller]
    pub fn new(permits: usize) -> Self {
        Self::with_max(permits, Self::MAX_PERMITS)
    }

    /// A semaphore that never has more permits than now, those in use counted as well: it refuses
    /// to be given more.
    ///
    /// Use it where permits are [forgotten](Permit::forget) in one place and
    /// [added](Self::try_add_permits) in another, to find out when one is added twice.
    ///
    /// # Examples
    /// ```
    /// # use windlass_sync::semaphore::Semaphore;
    /// let places = Semaphore::bounded(2);
    /// places.try_acquire().unwrap().forget(); // a car drives in
    /// assert!(places.try_add_permits(1).is_ok()); // and out
    /// assert!(places.try_add_permits(1).is_err()); // and out?
    /// ```
    ///
    /// # Panics
    /// If `permits` is more than [`MAX_PERMITS`](Self::MAX_PERMITS).
    #[track_caller]
    pub fn bounded(permits: usize) -> Self {
        Self::with_max(permits, permits)
    }

    #[track_caller]
    fn with_max(permits: usize, max: usize) -> Self {
        possible(permits);
        let (word, total) = (Word::new(permits), Total::new(permits, max));
        Self { word, total, line: Mutex::new(WaitList::new()) }
    }

    /// Waits for a permit.
    ///
    /// # Examples
    /// ```
    /// # use std::{future::Future, pin::pin, task::{Context, Poll, Waker}};
    /// # use windlass_sync::semaphore::Semaphore;
    /// # let mut cx = Context::from_waker(Waker::noop());
    /// let gate = Semaphore::new(1);
    /// let permit = gate.try_acquire().unwrap();
    /// let mut second = pin!(gate.acquire());
    /// assert!(second.as_mut().poll(&mut cx).is_pending());
    /// drop(permit); // hands it over
    /// assert!(gate.try_acquire().is_err(), "nobody can take it in between");
    /// assert!(second.as_mut().poll(&mut cx).is_ready());
    /// ```
    ///
    /// # Errors
    /// [`Closed`] if the semaphore is or gets closed.
    ///
    /// # Cancel safety
    /// A future that is dropped leaves the line; if a permit had been handed to it, the next in
    /// line gets it. A new call starts at the end of the line.
    #[inline]
    #[track_caller]
    pub fn acquire(&self) -> Acquire<'_> {
        self.acquire_many(1)
    }

    /// Waits for `count` permits at once; see [`Semaphore`] on how large requests queue.
    ///
    /// # Errors
    /// [`Closed`] if the semaphore is or gets closed.
    ///
    /// # Panics
    /// If `count` is more than [`MAX_PERMITS`](Self::MAX_PERMITS): it could never be met.
    ///
    /// # Cancel safety
    /// As [`acquire`](Self::acquire). No part of the request is held while it waits.
    #[inline]
    #[track_caller]
    pub fn acquire_many(&self, count: usize) -> Acquire<'_> {
        possible(count);
        Acquire::new(self, count, Location::caller())
    }

    /// As [`acquire`](Self::acquire), with a permit that keeps the semaphore alive.
    ///
    /// # Errors
    /// [`Closed`] if the semaphore is or gets closed.
    ///
    /// # Cancel safety
    /// As [`acquire`](Self::acquire).
    #[track_caller]
    pub fn acquire_owned(self: Arc<Self>) -> AcquireOwned {
        self.acquire_many_owned(1)
    }

    /// As [`acquire_many`](Self::acquire_many), with a permit that keeps the semaphore alive.
    ///
    /// # Errors
    /// [`Closed`] if the semaphore is or gets closed.
    ///
    /// # Panics
    /// If `count` is more than [`MAX_PERMITS`](Self::MAX_PERMITS).
    ///
    /// # Cancel safety
    /// As [`acquire`](Self::acquire).
    #[track_caller]
    pub fn acquire_many_owned(self: Arc<Self>, count: usize) -> AcquireOwned {
        possible(count);
        AcquireOwned::new(self, count, Location::caller())
    }

    /// Takes a permit if one is free and nobody stands in line.
    ///
    /// # Errors
    /// [`TryAcquireError`] says whether it makes sense to try again.
    #[inline]
    pub fn try_acquire(&self) -> Result<Permit<'_>, TryAcquireError> {
        self.try_acquire_many(1)
    }

    /// Takes `count` permits if so many are free and nobody stands in line.
    ///
    /// # Errors
    /// [`TryAcquireError`] says whether it makes sense to try again.
    #[inline]
    pub fn try_acquire_many(&self, count: usize) -> Result<Permit<'_>, TryAcquireError> {
        self.try_take(count)?;
        Ok(Permit::new(self, count))
    }

    /// As [`try_acquire`](Self::try_acquire), with a permit that keeps the semaphore alive.
    ///
    /// # Errors
    /// [`TryAcquireError`] says whether it makes sense to try again.
    pub fn try_acquire_owned(self: Arc<Self>) -> Result<OwnedPermit, TryAcquireError> {
        self.try_acquire_many_owned(1)
    }

    /// As [`try_acquire_many`](Self::try_acquire_many), with a permit that keeps the semaphore
    /// alive.
    ///
    /// # Errors
    /// [`TryAcquireError`] says whether it makes sense to try again.
    pub fn try_acquire_many_owned(
        self: Arc<Self>,
        count: usize,
    ) -> Result<OwnedPermit, TryAcquireError> {
        self.try_take(count)?;
        Ok(OwnedPermit::new(self, count))
    }

    /// Waits for a permit on a plain thread, which sleeps meanwhile.
    ///
    /// # Examples
    /// ```
    /// # use windlass_sync::semaphore::Semaphore;
    /// let gate = Semaphore::new(0);
    /// std::thread::scope(|threads| {
    ///     let waits = threads.spawn(|| gate.acquire_blocking().is_ok());
    ///     gate.add_permits(1);
    ///     assert!(waits.join().unwrap());
    /// });
    /// ```
    ///
    /// # Errors
    /// [`Closed`] if the semaphore is or gets closed.
    ///
    /// # Panics
    /// Inside a task: it would block the worker. Use [`acquire`](Self::acquire) there.
    #[track_caller]
    pub fn acquire_blocking(&self) -> Result<Permit<'_>, Closed> {
        blocking::wait_on("acquire_blocking", "acquire().await", self.acquire())
    }

    /// Adds permits that were never there before; those in line get them first.
    ///
    /// # Panics
    /// If that makes more than it may have: those it began with if it is
    /// [bounded](Self::bounded), otherwise [`MAX_PERMITS`](Self::MAX_PERMITS).
    #[track_caller]
    pub fn add_permits(&self, count: usize) {
        if let Err(error) = self.try_add_permits(count) {
            panic!("{error}: use try_add_permits() where that may happen");
        }
    }

    /// As [`add_permits`](Self::add_permits), for a number that may be too large.
    ///
    /// # Errors
    /// [`TooMany`] if that makes more than it may have; nothing was added then.
    pub fn try_add_permits(&self, count: usize) -> Result<(), TooMany> {
        if !self.total.add(count) {
            return Err(TooMany { max: self.total.max });
        }
        self.release(count);
        Ok(())
    }

    /// Takes up to `count` free permits away for good, and says how many there were to take.
    ///
    /// Permits in use are not free; a holder can [`forget`](Permit::forget) them.
    #[must_use = "it may have taken fewer permits than asked for"]
    pub fn forget_permits(&self, count: usize) -> usize {
        let taken = self.word.take_up_to(count);
        self.total.remove(taken);
        taken
    }

    /// Takes permits away: free ones, and for what is missing those that come back next.
    ///
    /// The total does not count it. For the limiter, which keeps its own and never asks for that.
    pub(crate) fn take_away(&self, count: usize) {
        self.word.take_away(count);
    }

    /// Refuses everybody who waits or comes from now on.
    ///
    /// Permits that were handed out stay valid, and still count when they come back.
    ///
    /// # Examples
    /// ```
    /// # use windlass_sync::{error::TryAcquireError, semaphore::Semaphore};
    /// let gate = Semaphore::new(2);
    /// let permit = gate.try_acquire().unwrap();
    /// gate.close();
    /// assert_eq!(gate.try_acquire().unwrap_err(), TryAcquireError::Closed);
    /// drop(permit); // who has one may finish
    /// assert_eq!(gate.available_permits(), 2);
    /// ```
    pub fn close(&self) {
        wakes::collect(|wakes| {
            let mut line = self.line.lock();
            self.word.close();
            while let Some(first) = line.first() {
                wakes.push(line.refuse(first));
            }
            self.word.nobody_waits();
        });
    }

    /// True once [`close`](Self::close) was called.
    pub fn is_closed(&self) -> bool {
        self.word.is_closed()
    }

    /// How many permits nobody holds. Advice only: it may be outdated when it is read.
    pub fn available_permits(&self) -> usize {
        self.word.free()
    }

    /// The figures of this moment.
    pub fn stats(&self) -> Stats {
        let line = self.line.lock();
        Stats {
            available: self.word.free(),
            waiting: line.waiting(),
            granted: line.granted(),
            is_closed: self.word.is_closed(),
        }
    }

    #[inline]
    pub(crate) fn try_take(&self, count: usize) -> Result<(), TryAcquireError> {
        match self.word.take(count) {
            Take::Taken => Ok(()),
            Take::Closed => Err(TryAcquireError::Closed),
            Take::Short if self.try_borrow(count) => Ok(()),
            Take::Short => Err(TryAcquireError::NoPermits),
        }
    }

    /// Gives permits back.
    #[inline]
    pub(crate) fn release(&self, count: usize) {
        if self.word.is_awaited() {
            self.hand_over(count);
        } else if self.word.give(count) == OnGive::HandOut {
            self.hand_over(0); // somebody came in between
        }
    }

    /// Gives permits back while somebody waits.
    ///
    /// Mostly the first in line wants just as many. Then they pass from hand to hand, which saves
    /// both exchanges on the word: 176 instead of 186 ns for a permit that is waited for.
    #[cold]
    fn hand_over(&self, count: usize) {
        wakes::collect(|wakes| {
            let line = &mut *self.line.lock();
            match line.first() {
                Some(first) if count == *line.payload(first) && !self.word.owes() => {
                    wakes.push(line.grant(first));
                }
                _ => {
                    let _ = self.word.give(count); // handed out below
                }
            }
            self.hand_out_in(line, wakes); // also what is free, and was kept for the first
        });
    }

    /// Serves the line, from the front, as far as the free permits go.
    ///
    /// Whoever gives a permit while somebody waits comes here afterwards. So does whoever takes a
    /// waiter out of the line: the next one may want less, and `WAITERS` must go with the last.
    fn hand_out_in(&self, line: &mut WaitList<usize>, wakes: &mut Wakes) {
        while let Some(first) = line.first() {
            if !self.word.take_first(*line.payload(first)) {
                return;
            }
            wakes.push(line.grant(first));
        }
        self.word.nobody_waits();
    }

    /// Polls a waiter that asks for so many. If it has to wait, `why` says what is noted of it.
    #[inline]
    pub(crate) fn poll_acquire(
        &self,
        waiter: &mut Waiter,
        cx: &mut Context<'_>,
        wanted: usize,
        why: impl Fn(Reason) -> Option<Reason>,
    ) -> Poll<Result<(), Closed>> {
        // Ahead of the waiter's own poll, which takes as long again as this.
        if !waiter.is_in_line() && !budget::is_exhausted() && self.word.take(wanted) == Take::Taken
        {
            budget::spend();
            return Poll::Ready(Ok(()));
        }
        // With its waker at once: who has set `WAITERS` must stand in line, whatever a clone does.
        waiter.poll_to_wait(cx, |visit| self.look(visit, wanted, &why))
    }

    /// Looks, under the lock, whether a waiter may go on; if not, makes sure that it is woken.
    #[cold]
    fn look(
        &self,
        visit: &mut Visit<'_>,
        wanted: usize,
        why: impl Fn(Reason) -> Option<Reason>,
    ) -> Look<Result<(), Closed>> {
        let line = &mut *self.line.lock();
        let phase = visit.phase(line);
        let answer = match phase {
            None => match self.word.take_or_wait(wanted) {
                Take::Taken => return Look::Go(Ok(())),
                Take::Closed => return Look::Go(Err(Closed(()))),
                Take::Short => self.borrow(line, wanted).then_some(Ok(())),
            },
            Some(Phase::Waiting) => self.borrow(line, wanted).then_some(Ok(())),
            Some(Phase::Granted) => Some(Ok(())),
            Some(Phase::Refused) => Some(Err(Closed(()))),
        };
        let Some(answer) = answer else {
            let free = self.available_permits();
            return visit.stay(line, wanted, why(Reason::Semaphore { wanted, free }));
        };
        visit.leave(line);
        if matches!(phase, None | Some(Phase::Waiting)) {
            // It has borrowed, and may have been the first in line, or the last.
            self.hand_out_in(line, visit.wakes);
        }
        Look::Go(answer)
    }

    #[cold]
    fn try_borrow(&self, wanted: usize) -> bool {
        if waiting::owner() == 0 {
            return false;
        }
        wakes::collect(|wakes| {
            let line = &mut *self.line.lock();
            let borrowed = self.borrow(line, wanted);
            if borrowed {
                self.hand_out_in(line, wakes);
            }
            borrowed
        })
    }

    /// Takes permits that were handed to other waiters of the current owner; those are first in
    /// line again. False, and nothing has changed, if there were too few.
    ///
    /// If true, the caller hands out, but only after it has taken itself out of the line: it must
    /// not be served twice.
    fn borrow(&self, line: &mut WaitList<usize>, wanted: usize) -> bool {
        let owner = waiting::owner();
        if owner == 0 || line.granted() == 0 {
            return false;
        }
        let handed: usize = line.granted_to(owner).map(|key| *line.payload(key)).sum();
        if handed == 0 {
            return false;
        }
        // Free ones make up for what is missing, unless they are kept for somebody in line.
        let missing = wanted.saturating_sub(handed);
        if missing > 0 && (line.waiting() > 0 || !self.word.take_first(missing)) {
            return false;
        }
        self.word.somebody_waits();
        let needed = wanted - missing;
        let mut returned = 0;
        while returned < needed {
            let latest = line.granted_to(owner).next().expect("so many were counted above");
            returned += *line.payload(latest);
            line.take_back(latest);
        }
        let _ = self.word.give(returned - needed); // handed out by the caller
        true
    }

    /// Takes a waiter out that is dropped; what it was given goes to the next.
    #[cold]
    pub(crate) fn leave(&self, key: usize) {
        let left = wakes::collect(|wakes| {
            let line = &mut *self.line.lock();
            let left = line.remove(key);
            if left.phase == Phase::Granted {
                let _ = self.word.give(left.payload); // handed out below
            }
            self.hand_out_in(line, wakes);
            left
        });
        drop(left); // its waker, which may panic, after the others were fired
    }
}

impl fmt::Debug for Semaphore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let stats = self.stats();
        f.debug_struct("Semaphore")
            .field("available", &stats.available)
            .field("waiting", &stats.waiting)
            .field("is_closed", &stats.is_closed)
            .finish()
    }
}

#[inline]
#[track_caller]
fn possible(permits: usize) {
    assert!(
        permits <= Semaphore::MAX_PERMITS,
        "a semaphore has at most {} permits",
        Semaphore::MAX_PERMITS
    );
}
