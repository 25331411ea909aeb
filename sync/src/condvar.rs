//! A condition: who waits for it gives a mutex up meanwhile, and has it again afterwards.
//!
//! # The two phases
//! ```text
//!   wait(guard) --> in line for the condition --notify--> in line for the mutex --> guard
//!      has the         mutex is unlocked                    mutex is unlocked       has the
//!      mutex                                                                         mutex
//! ```
//! The first poll enters the line of the condition *before* it unlocks the mutex. So who changes the
//! value, which takes the mutex, either does it before the waiter has looked at the value, or finds
//! the waiter in line; the notification may then come with the mutex held or without.
//!
//! Between the phases the waiter has to run: a notification wakes its task, whose poll leaves the one
//! line and enters the other. A notifier cannot move it from line to line, since a condition does not
//! know which mutexes its waiters come with; but the mutex wakes one at a time, whatever was notified.
//!
//! A future that is dropped leaves the line it is in. If a `notify_one` had reached it, in either
//! phase, that goes to the next in line: it stands for something to be done, and who was to do it is
//! gone. One that has not been polled yet has unlocked nothing, and drops its guard.
//!
//! Orderings: there are none to choose. The value is guarded by the mutex, the line by its own lock,
//! and neither lock is held while the other is taken.

use std::fmt;
use std::future::poll_fn;
use std::ops::{Deref, DerefMut};
use std::panic::Location;
use std::pin::{Pin, pin};
use std::task::{Context, Poll, ready};

use crate::mutex::{Acquire, Guard, Mutex};
use crate::shim;
use crate::shown::shown;
use crate::wait_list::{Phase, WaitList};
use crate::waiter::{Look, Visit, Waiter};
use crate::waiting::{self, Reason};
use crate::{blocking, budget, wakes};

/// Tells tasks that wait for a change of what a [`Mutex`] guards to look again.
///
/// Use it for a condition over a value that several tasks change, like "the list is not empty". The
/// waiter says so with its guard in hand, and has it again when it goes on. For a condition that is
/// a flag there is [`Event`](crate::event::Event), for one over a single value that is replaced
/// [`watch`](crate::watch::channel).
///
/// A notification reaches only who waits at that moment; it is not remembered. A waiter may also go
/// on although its condition does not hold (any more), so look at it in a loop, as
/// [`wait_while`](Self::wait_while) does. Several conditions may go with one mutex.
///
/// # Examples
/// ```
/// # use std::{future::Future, pin::pin, task::{Context, Waker}};
/// # use windlass_sync::{condvar::Condvar, mutex::Mutex};
/// # let mut cx = Context::from_waker(Waker::noop());
/// let (jobs, added) = (Mutex::new(Vec::new()), Condvar::new());
/// let mut takes = pin!(async {
///     let mut jobs = added.wait_while(jobs.lock().await, |jobs| jobs.is_empty()).await;
///     jobs.pop()
/// });
/// assert!(takes.as_mut().poll(&mut cx).is_pending());
/// jobs.try_lock().expect("who waits does not hold it").push("job");
/// added.notify_one();
/// assert!(takes.as_mut().poll(&mut cx).is_ready());
/// ```
#[derive(Default)]
pub struct Condvar {
    /// Who waits, and whether a single notification has reached them, which must not be lost.
    line: shim::Mutex<WaitList<bool>>,
}

/// A snapshot of a condition, for reports.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stats {
    /// How many wait for a notification.
    pub waiting: usize,
    /// How many were notified and have not run yet. Then they wait for their mutex.
    pub notified: usize,
}

/// How a wait with an alarm has ended, see [`Condvar::wait_at_most`].
///
/// # Examples
/// ```
/// # use std::{future::{Future, ready}, pin::pin, task::{Context, Poll, Waker}};
/// # use windlass_sync::{condvar::{Condvar, Woken}, mutex::Mutex};
/// # let mut cx = Context::from_waker(Waker::noop());
/// let (count, changed) = (Mutex::new(7), Condvar::new());
/// let mut waits = pin!(changed.wait_at_most(count.try_lock().unwrap(), ready(())));
/// let Poll::Ready((_, woken)) = waits.as_mut().poll(&mut cx) else { panic!() };
/// assert_eq!(woken, Woken::Alarm);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Woken {
    /// By a notification.
    Notified,
    /// By the alarm; no notification has been used up.
    Alarm,
}

/// A guard that can be given up and got back: that of a mutex, or its owned form.
pub trait Relock: DerefMut + Unpin {
    /// Locks again.
    type Lock: Future<Output = Self> + Unpin;

    /// What locks again once this guard is dropped, for somebody at that line.
    ///
    /// # Cancel safety
    /// As that of locking.
    fn relock(&self, at: &'static Location<'static>) -> Self::Lock;
}

/// The future of [`Condvar::wait`].
#[must_use = "a future does nothing unless awaited"]
pub struct Wait<'a, G: Relock> {
    condvar: &'a Condvar,
    at: &'static Location<'static>,
    /// What it came with, until it stands in line.
    guard: Option<G>,
    waiter: Waiter,
    /// From the second phase on: whether a single notification is lost if it is dropped.
    told: Option<bool>,
    /// The second phase.
    lock: G::Lock,
}

impl Condvar {
    /// A condition nobody waits for.
    pub fn new() -> Self {
        Self::default()
    }

    /// Unlocks, waits for a notification, and locks again.
    ///
    /// It unlocks at the first poll, when it stands in line: a change that is made after the caller
    /// has looked at the value is not missed.
    ///
    /// # Cancel safety
    /// A future that is dropped leaves the line, and the guard is gone with it. If a
    /// [`notify_one`](Self::notify_one) had reached it, that goes to the next in line.
    #[track_caller]
    pub fn wait<G: Relock>(&self, guard: G) -> Wait<'_, G> {
        Wait::new(self, guard, Location::caller())
    }

    /// Waits as long as `condition` is true for the value, and returns with the mutex locked; at
    /// once, and without unlocking it, if the condition is false now.
    ///
    /// # Cancel safety
    /// As [`wait`](Self::wait).
    #[track_caller]
    pub fn wait_while<G, F>(&self, guard: G, mut condition: F) -> impl Future<Output = G>
    where
        G: Relock,
        F: FnMut(&mut G::Target) -> bool,
    {
        let mut wait = self.wait(guard);
        async move {
            loop {
                let mut guard = wait.guard.take().expect("it has not been polled yet");
                if !condition(&mut guard) {
                    return guard;
                }
                wait.guard = Some(guard);
                let guard = (&mut wait).await;
                wait = Wait::new(self, guard, wait.at);
            }
        }
    }

    /// As [`wait`](Self::wait), but no longer than until `alarm` is ready; it says which of the two
    /// came first. The guard comes back in any case, for which it may have to wait.
    ///
    /// The alarm may be a sleep, or whatever else ends the patience. To wait several times with one
    /// deadline, lend the same alarm to each wait.
    ///
    /// # Examples
    /// ```
    /// # use std::{future::{Future, ready}, pin::pin, task::{Context, Poll, Waker}};
    /// # use windlass_sync::{condvar::{Condvar, Woken}, mutex::Mutex};
    /// # let mut cx = Context::from_waker(Waker::noop());
    /// let (count, changed) = (Mutex::new(7), Condvar::new());
    /// let guard = count.try_lock().unwrap();
    /// // In a task: `changed.wait_at_most(guard, time::sleep(SECOND)).await`.
    /// let mut waits = pin!(changed.wait_at_most(guard, ready(())));
    /// let Poll::Ready((guard, woken)) = waits.as_mut().poll(&mut cx) else { panic!() };
    /// assert_eq!((*guard, woken), (7, Woken::Alarm));
    /// ```
    ///
    /// # Cancel safety
    /// As [`wait`](Self::wait).
    #[track_caller]
    pub fn wait_at_most<G, A>(&self, guard: G, alarm: A) -> impl Future<Output = (G, Woken)>
    where
        G: Relock,
        A: Future<Output = ()>,
    {
        let mut wait = self.wait(guard);
        async move {
            let mut alarm = pin!(alarm);
            let woken = poll_fn(|cx| {
                if wait.poll_told(cx).is_ready() {
                    return Poll::Ready(Woken::Notified);
                }
                if alarm.as_mut().poll(cx).is_ready() {
                    return Poll::Ready(wait.give_up());
                }
                if !budget::is_exhausted() {
                    waiting::note(Reason::Condvar, wait.at); // says more than the alarm's
                }
                Poll::Pending
            });
            let woken = woken.await;
            (wait.await, woken)
        }
    }

    /// As [`wait`](Self::wait), on a plain thread, which sleeps meanwhile.
    ///
    /// # Panics
    /// Inside a task: it would block the worker. Use [`wait`](Self::wait) there.
    #[track_caller]
    pub fn wait_blocking<G: Relock>(&self, guard: G) -> G {
        blocking::wait_on("wait_blocking", "wait(guard).await", self.wait(guard))
    }

    /// Wakes who has waited longest, if anybody waits. The mutex need not be held.
    pub fn notify_one(&self) {
        self.notify_many(1);
    }

    /// Wakes the `count` who have waited longest, or as many as there are.
    pub fn notify_many(&self, count: usize) {
        wakes::collect(|wakes| {
            let mut line = self.line.lock();
            for _ in 0..count {
                let Some(first) = line.first() else { break };
                *line.payload_mut(first) = true;
                wakes.push(line.grant(first));
            }
        });
    }

    /// Wakes everybody who waits.
    pub fn notify_all(&self) {
        wakes::collect(|wakes| self.line.lock().grant_all(wakes));
    }

    /// The figures of this moment.
    pub fn stats(&self) -> Stats {
        let line = self.line.lock();
        Stats { waiting: line.waiting(), notified: line.granted() }
    }

    /// Looks whether a waiter was notified, and by a call that is lost if nobody answers it.
    fn look(&self, visit: &mut Visit<'_>) -> Look<bool> {
        let mut line = self.line.lock();
        match visit.phase(&line) {
            Some(Phase::Granted) => Look::Go(visit.leave(&mut line) == Some(true)),
            _ => visit.stay(&mut line, false, Reason::Condvar),
        }
    }
}

impl fmt::Debug for Condvar {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Stats { waiting, notified } = self.stats();
        f.debug_struct("Condvar").field("waiting", &waiting).field("notified", &notified).finish()
    }
}

impl<T: ?Sized, M: Deref<Target = Mutex<T>> + Clone + Unpin> Relock for Guard<T, M> {
    type Lock = Acquire<T, M>;

    fn relock(&self, at: &'static Location<'static>) -> Acquire<T, M> {
        Acquire::new(Guard::mutex(self).clone(), at)
    }
}

impl<'a, G: Relock> Wait<'a, G> {
    fn new(condvar: &'a Condvar, guard: G, at: &'static Location<'static>) -> Self {
        let (waiter, lock) = (Waiter::new(at), guard.relock(at));
        Self { condvar, at, guard: Some(guard), waiter, told: None, lock }
    }

    /// The first phase; ready in the second one.
    fn poll_told(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if self.told.is_none() {
            let mut is_in_line = false;
            let told = self.waiter.poll(cx, |visit| {
                is_in_line = true;
                self.condvar.look(visit)
            });
            if is_in_line {
                self.guard = None; // unlocks
            }
            self.told = Some(ready!(told));
        }
        Poll::Ready(())
    }

    /// Ends the first phase, and says whether a notification was quicker.
    fn give_up(&mut self) -> Woken {
        self.guard = None; // it is there if the budget was spent before it stood in line
        let left = self.waiter.leave().map(|key| self.condvar.line.lock().remove(key));
        let is_notified = left.as_ref().is_some_and(|left| left.phase == Phase::Granted);
        self.told = Some(left.as_ref().is_some_and(|left| left.payload));
        if is_notified { Woken::Notified } else { Woken::Alarm }
    }
}

impl<G: Relock> Future for Wait<'_, G> {
    type Output = G;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<G> {
        ready!(self.poll_told(cx));
        let guard = ready!(Pin::new(&mut self.lock).poll(cx));
        self.told = Some(false); // from here on the caller answers it
        Poll::Ready(guard)
    }
}

impl<G: Relock> Drop for Wait<'_, G> {
    fn drop(&mut self) {
        let left = self.waiter.leave().map(|key| self.condvar.line.lock().remove(key));
        let told = left.as_ref().map(|left| left.payload).or(self.told);
        if told == Some(true) {
            self.condvar.notify_one(); // before `left` drops its waker, which may panic
        }
    }
}

shown!([G: Relock] Wait['_, G] |this| { waiter: this.waiter, is_notified: this.told.is_some() });
