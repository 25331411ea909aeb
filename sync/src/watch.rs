//! A channel that holds one value, the latest, for any number of receivers to see.
//!
//! The value is an [`Arc`] under the lock of the channel. Whoever looks at it takes the `Arc` out
//! and looks after unlocking: a snapshot. So nobody holds a lock while they look, however long, and
//! no receiver that keeps what it got across an await can stop a sender. (Where looking is
//! borrowing, a borrow that is kept for too long is a deadlock.) The price is paid by
//! [`Sender::modify`], which changes a copy.
//!
//! Each value has a version, and a receiver has the version it saw last. The version changes only
//! under the lock, and a waiter compares again under that lock before it queues; so a new value is
//! either seen by a waiter or sees it in line. The version is an atomic all the same: a receiver
//! that asks before each piece of work whether there is something new must not lock for it.
//!
//! # Orderings
//!
//! | label     | release side | acquire side | what crosses                             |
//! |-----------|--------------|--------------|------------------------------------------|
//! | `version` | `replace`    | `version`    | what was done before the value was sent  |

use std::pin::Pin;
use std::task::{Context, Poll, Waker, ready};

use crate::error::Closed;
use crate::place::{Lined, Place};
use crate::shim::atomic::{
    AtomicU64,
    Ordering::{Acquire, Release},
};
use crate::shim::{Arc, Mutex};
use crate::shown::{shown, shown_by_place};
use crate::sides::Sides;
use crate::waiter::{Look, Visit};
use crate::waiting::Reason;
use crate::wakes;

/// What [`Sender::closed`] waits for.
const AWAITED: &str = "the receivers of a watch channel to go away";

/// A channel whose receivers see the latest value, and may wait for it to change.
///
/// Use it for what has a present state: settings that can be reloaded, the phase of a service, a
/// progress. A receiver that is slow misses the values in between; if each one counts, use a
/// [`broadcast`](crate::broadcast::channel).
///
/// # Examples
/// ```
/// # use windlass_sync::watch;
/// let (sender, mut receiver) = watch::channel("starting");
/// assert_eq!(*receiver.get(), "starting");
/// sender.send("loading").unwrap();
/// sender.send("ready").unwrap();
/// assert!(receiver.has_changed());
/// assert_eq!(*receiver.update(), "ready");
/// assert!(!receiver.has_changed());
/// ```
pub fn channel<T>(value: T) -> (Sender<T>, Receiver<T>) {
    let state = State { value: Arc::new(value), sides: Sides::new() };
    let channel = Arc::new(Channel { version: AtomicU64::new(0), state: Mutex::new(state) });
    (Sender { channel: channel.clone() }, Receiver { channel, seen: Some(0) })
}

/// The end that sends. When the last one is dropped, no receiver waits any longer.
pub struct Sender<T> {
    channel: Arc<Channel<T>>,
}

/// The end that sees the latest value. Each clone waits and sees for itself.
pub struct Receiver<T> {
    channel: Arc<Channel<T>>,
    /// The version of the value it saw last; `None` if it wants to see the present one as new.
    seen: Option<u64>,
}

/// A snapshot of a channel, for reports.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stats {
    /// How many senders there are.
    pub senders: usize,
    /// How many receivers there are.
    pub receivers: usize,
    /// How many wait, for a value or for the last receiver to go.
    pub waiting: usize,
}

/// The future of [`Receiver::changed`].
#[must_use = "a future does nothing unless awaited"]
pub struct Changed<'a, T> {
    place: Place<&'a mut Receiver<T>>,
    /// Any other version ends the wait.
    seen: Option<u64>,
}

/// The future of [`Receiver::wait_for`].
#[must_use = "a future does nothing unless awaited"]
pub struct WaitFor<'a, T, F> {
    changed: Changed<'a, T>,
    predicate: F,
}

/// The future of [`Sender::closed`].
#[must_use = "a future does nothing unless awaited"]
pub struct SenderClosed<'a, T> {
    place: Place<&'a Sender<T>>,
}

impl<T> Sender<T> {
    /// Makes `value` the latest one, and wakes everybody who waits for a change.
    ///
    /// # Errors
    /// [`Closed`] with the value, if there is no receiver to see it. The old value then stays;
    /// [`send_replace`](Self::send_replace) sets one for receivers that are still to come.
    pub fn send(&self, value: T) -> Result<(), Closed<T>> {
        match self.channel.replace(Arc::new(value), |state, _| state.sides.receivers > 0) {
            Ok(_old) => Ok(()),
            Err(value) => Err(Closed(Arc::into_inner(value).expect("nobody else has seen it"))),
        }
    }

    /// Makes `value` the latest one, whether or not there are receivers; returns the former.
    pub fn send_replace(&self, value: T) -> Arc<T> {
        let replaced = self.channel.replace(Arc::new(value), |_, _| true);
        replaced.unwrap_or_else(|_| unreachable!("there is no condition"))
    }

    /// Changes the value, starting from the present one, whether or not there are receivers.
    ///
    /// `change` works on a copy, while no lock is held, so it may take its time and use the
    /// channel. If another value is sent meanwhile, the copy is discarded and `change` runs
    /// again on that one: changes are never lost. If it panics, nothing has changed.
    ///
    /// # Examples
    /// ```
    /// # use windlass_sync::watch;
    /// let (progress, receiver) = watch::channel(0);
    /// progress.modify(|percent| *percent += 10);
    /// progress.modify(|percent| *percent += 5);
    /// assert_eq!(*receiver.get(), 15);
    /// ```
    pub fn modify(&self, mut change: impl FnMut(&mut T))
    where
        T: Clone,
    {
        self.modify_if(|value| {
            change(value);
            true
        });
    }

    /// As [`modify`](Self::modify), if `change` returns true. Otherwise nothing has changed, even if
    /// it has written to its copy, and nobody is woken.
    pub fn modify_if(&self, mut change: impl FnMut(&mut T) -> bool) -> bool
    where
        T: Clone,
    {
        loop {
            let (version, value) = self.channel.snapshot();
            let mut copy = T::clone(&value);
            if !change(&mut copy) {
                return false;
            }
            if self.channel.replace(Arc::new(copy), |_, now| now == version).is_ok() {
                return true;
            }
        }
    }

    /// The latest value.
    pub fn get(&self) -> Arc<T> {
        self.channel.snapshot().1
    }

    /// A new receiver, which has seen the present value.
    pub fn subscribe(&self) -> Receiver<T> {
        let mut state = self.channel.state.lock();
        state.sides.receivers += 1;
        Receiver { channel: self.channel.clone(), seen: Some(self.channel.version()) }
    }

    /// How many receivers there are.
    pub fn receiver_count(&self) -> usize {
        self.stats().receivers
    }

    /// Waits until there is no receiver; ready at once if there is none.
    ///
    /// Use it to stop watching what nobody is interested in. Who waited goes on even if somebody
    /// has subscribed again in between.
    ///
    /// # Cancel safety
    /// A future that is dropped has changed nothing.
    #[track_caller]
    pub fn closed(&self) -> SenderClosed<'_, T> {
        SenderClosed { place: Place::new(self) }
    }

    /// The figures of this moment.
    pub fn stats(&self) -> Stats {
        self.channel.stats()
    }
}

impl<T> Receiver<T> {
    /// The latest value, which this does not mark as seen.
    ///
    /// It is a snapshot: it stays as it is while others send, and may be kept as long as you like.
    pub fn get(&self) -> Arc<T> {
        self.channel.snapshot().1
    }

    /// The latest value, which is marked as seen.
    pub fn update(&mut self) -> Arc<T> {
        let (version, value) = self.channel.snapshot();
        self.seen = Some(version);
        value
    }

    /// True if the latest value has not been seen. What was done before it was sent is then visible.
    ///
    /// It takes no lock, so it may be asked often.
    #[inline]
    pub fn has_changed(&self) -> bool {
        self.seen != Some(self.channel.version())
    }

    /// Takes the present value for a new one, so that a loop over [`changed`](Self::changed) starts
    /// with it.
    pub fn mark_changed(&mut self) {
        self.seen = None;
    }

    /// Waits for a value that has not been seen, and marks it as seen; ready at once if there is one.
    ///
    /// # Examples
    /// ```
    /// # use std::{future::Future, pin::pin, task::{Context, Poll, Waker}};
    /// # use windlass_sync::watch;
    /// # let mut cx = Context::from_waker(Waker::noop());
    /// let (sender, mut receiver) = watch::channel(1);
    /// let mut reloads = pin!(async {
    ///     let mut sum = 0;
    ///     while receiver.changed().await.is_ok() {
    ///         sum += *receiver.get();
    ///     }
    ///     sum
    /// });
    /// assert!(reloads.as_mut().poll(&mut cx).is_pending());
    /// sender.send(2).unwrap();
    /// drop(sender);
    /// assert_eq!(reloads.poll(&mut cx), Poll::Ready(2)); // the last value is not lost
    /// ```
    ///
    /// # Cancel safety
    /// A future that is dropped has marked nothing as seen.
    ///
    /// # Errors
    /// [`Closed`], if the last value has been seen and there are no senders.
    #[track_caller]
    pub fn changed(&mut self) -> Changed<'_, T> {
        Changed { seen: self.seen, place: Place::new(self) }
    }

    /// Waits for a value for which `predicate` is true, and returns it; the present one counts.
    ///
    /// The predicate runs while no lock is held. It does not see every value, only the latest one
    /// each time it looks; what it has looked at is marked as seen.
    ///
    /// # Examples
    /// ```
    /// # use std::{future::Future, pin::pin, task::{Context, Waker}};
    /// # use windlass_sync::watch;
    /// # let mut cx = Context::from_waker(Waker::noop());
    /// let (workers, mut receiver) = watch::channel(0);
    /// let mut enough = pin!(receiver.wait_for(|count| *count >= 2));
    /// assert!(enough.as_mut().poll(&mut cx).is_pending());
    /// workers.modify(|count| *count += 1);
    /// assert!(enough.as_mut().poll(&mut cx).is_pending());
    /// workers.modify(|count| *count += 1);
    /// assert!(enough.poll(&mut cx).is_ready());
    /// ```
    ///
    /// # Cancel safety
    /// A future that is dropped has taken nothing from anybody; a new call looks at the present
    /// value again.
    ///
    /// # Errors
    /// [`Closed`], if the last value does not do and there are no senders.
    #[track_caller]
    pub fn wait_for<F: FnMut(&T) -> bool>(&mut self, predicate: F) -> WaitFor<'_, T, F> {
        WaitFor { changed: Changed { seen: None, place: Place::new(self) }, predicate }
    }

    /// The figures of this moment.
    pub fn stats(&self) -> Stats {
        self.channel.stats()
    }
}

impl<T> Clone for Sender<T> {
    fn clone(&self) -> Self {
        self.channel.state.lock().sides.senders += 1;
        Self { channel: self.channel.clone() }
    }
}

impl<T> Clone for Receiver<T> {
    /// The clone has seen what the original has seen.
    fn clone(&self) -> Self {
        self.channel.state.lock().sides.receivers += 1;
        Self { channel: self.channel.clone(), seen: self.seen }
    }
}

impl<T> Drop for Sender<T> {
    fn drop(&mut self) {
        wakes::collect(|wakes| self.channel.state.lock().sides.drop_sender(wakes));
    }
}

impl<T> Drop for Receiver<T> {
    fn drop(&mut self) {
        wakes::collect(|wakes| self.channel.state.lock().sides.drop_receiver(wakes));
    }
}

impl<T> Future for Changed<'_, T> {
    type Output = Result<(), Closed>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let Self { place, seen } = &mut *self;
        let found = ready!(place.poll(cx, |receiver, visit| receiver.channel.look(*seen, visit)));
        place.owner.seen = Some(found?);
        Poll::Ready(Ok(()))
    }
}

impl<T, F: FnMut(&T) -> bool> Future for WaitFor<'_, T, F> {
    type Output = Result<Arc<T>, Closed>;

    /// Each value that does not do has been a wait of its own and has spent of the budget, so a
    /// sender that never rests does not keep the task here.
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let Self { changed, predicate } = &mut *self;
        loop {
            ready!(Pin::new(&mut *changed).poll(cx))?;
            let value = changed.place.owner.update(); // perhaps newer than what woke us
            changed.seen = changed.place.owner.seen;
            if predicate(&value) {
                return Poll::Ready(Ok(value));
            }
        }
    }
}

/// The predicate is called and never pinned.
impl<T, F> Unpin for WaitFor<'_, T, F> {}

impl<T> Future for SenderClosed<'_, T> {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let look = |sender: &Sender<T>, visit: &mut Visit<'_>| {
            sender.channel.state.lock().sides.look_closed(AWAITED, visit)
        };
        self.place.poll(cx, look)
    }
}

impl<T> Lined for Receiver<T> {
    fn leave(&self, key: usize) -> Option<Waker> {
        self.channel.state.lock().sides.receiving.remove(key).waker
    }
}

impl<T> Lined for Sender<T> {
    fn leave(&self, key: usize) -> Option<Waker> {
        self.channel.state.lock().sides.closing.remove(key).waker
    }
}

shown!([T] Sender[T] |this| { channel: this.stats() });

shown!([T] Receiver[T] |this| { has_changed: this.has_changed(), channel: this.stats() });

shown!([T, F] WaitFor['_, T, F] |this| { waiter: this.changed.place.waiter });

shown_by_place!([T] Changed['_, T] [T] SenderClosed['_, T]);

/// What the ends share.
struct Channel<T> {
    /// The number of the latest value. Written under the lock.
    version: AtomicU64,
    state: Mutex<State<T>>,
}

/// What the lock guards.
struct State<T> {
    /// The latest value.
    value: Arc<T>,
    /// Who sends and who receives.
    sides: Sides,
}

impl<T> Channel<T> {
    /// The number of the latest value.
    #[inline]
    fn version(&self) -> u64 {
        // ORDERING: Acquire, acquire side of `version`.
        self.version.load(Acquire)
    }

    /// The latest value and its number.
    fn snapshot(&self) -> (u64, Arc<T>) {
        let state = self.state.lock();
        (self.version(), state.value.clone())
    }

    /// Makes `value` the latest one and returns the former, for the caller to drop; or gives it back
    /// if `may`, which is told the version, says no.
    fn replace(
        &self,
        value: Arc<T>,
        may: impl FnOnce(&State<T>, u64) -> bool,
    ) -> Result<Arc<T>, Arc<T>> {
        wakes::collect(|wakes| {
            let mut state = self.state.lock();
            if !may(&state, self.version()) {
                return Err(value);
            }
            // ORDERING: Release, release side of `version`.
            self.version.fetch_add(1, Release);
            state.sides.receiving.grant_all(wakes);
            Ok(std::mem::replace(&mut state.value, value))
        })
    }

    /// Looks for a value of another version than `seen`, and finds its version.
    fn look(&self, seen: Option<u64>, visit: &mut Visit<'_>) -> Look<Result<u64, Closed>> {
        let mut version = self.version();
        if visit.key().is_none() && Some(version) != seen {
            return Look::Go(Ok(version));
        }
        let mut state = self.state.lock();
        version = self.version();
        let found = if Some(version) != seen {
            Ok(version)
        } else if state.sides.senders == 0 {
            Err(Closed(()))
        } else {
            return visit.stay(&mut state.sides.receiving, (), Reason::Watch);
        };
        visit.leave(&mut state.sides.receiving);
        Look::Go(found)
    }

    fn stats(&self) -> Stats {
        let state = self.state.lock();
        let Sides { senders, receivers, .. } = state.sides;
        Stats { senders, receivers, waiting: state.sides.waiting() }
    }
}
