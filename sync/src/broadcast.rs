//! A channel in which every receiver gets every value.
//!
//! The values are in a ring under the lock of the channel, each in an [`Arc`]. A receiver takes
//! the `Arc` and clones the value after unlocking; the last one to take it usually gets the value
//! itself.

use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use self::ring::Ring;
use crate::blocking;
use crate::error::Closed;
use crate::place::{Lined, Place};
use crate::shim::{Arc, Mutex};
use crate::shown::{shown, shown_by_place};
use crate::sides::Sides;
use crate::waiter::Look;
use crate::waiting::Reason;
use crate::wakes;

mod error;
mod ring;

pub use self::error::{RecvError, TryRecvError};

/// What [`Sender::closed`] waits for.
const AWAITED: &str = "the receivers of a broadcast channel to go away";

/// A channel whose receivers each get every value that is sent after they have subscribed.
///
/// Use it for events that several tasks want to see. It keeps the last `capacity` values for those
/// who are slow; sending never waits, so a receiver that is further behind loses values, and its
/// next `recv` tells how many. For the latest value only, use a [`watch`](crate::watch::channel).
///
/// # Examples
/// ```
/// # use windlass_sync::broadcast;
/// let (news, mut paper) = broadcast::channel(16);
/// let mut radio = news.subscribe();
/// assert_eq!(news.send("rain"), Ok(2));
/// assert_eq!(paper.try_recv(), Ok("rain"));
/// assert_eq!(radio.try_recv(), Ok("rain"));
/// ```
///
/// # Panics
/// If `capacity` is 0.
#[track_caller]
pub fn channel<T>(capacity: usize) -> (Sender<T>, Receiver<T>) {
    assert!(capacity > 0, "a broadcast channel keeps values: give it a capacity of at least 1");
    let state = State { ring: Ring::new(capacity), sides: Sides::new() };
    let channel = Arc::new(Mutex::new(state));
    (Sender { channel: channel.clone() }, Receiver { channel, position: 0 })
}

/// The end that sends. When the last one is dropped, receivers get what is left and no more.
pub struct Sender<T> {
    channel: Arc<Mutex<State<T>>>,
}

/// The end that receives.
pub struct Receiver<T> {
    channel: Arc<Mutex<State<T>>>,
    /// Where it is in the ring.
    position: u64,
}

/// A snapshot of a channel, for reports.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stats {
    /// How many senders there are.
    pub senders: usize,
    /// How many receivers there are.
    pub receivers: usize,
    /// How many values are kept.
    pub kept: usize,
    /// How many wait, for a value or for the last receiver to go.
    pub waiting: usize,
}

/// The future of [`Receiver::recv`].
#[must_use = "a future does nothing unless awaited"]
pub struct Recv<'a, T> {
    place: Place<&'a mut Receiver<T>>,
}

/// The future of [`Sender::closed`].
#[must_use = "a future does nothing unless awaited"]
pub struct SenderClosed<'a, T> {
    place: Place<&'a Sender<T>>,
}

impl<T> Sender<T> {
    /// Sends a value to everybody who has subscribed, and returns how many these are. Never waits.
    ///
    /// # Errors
    /// [`Closed`] with the value, if there is no receiver.
    pub fn send(&self, value: T) -> Result<usize, Closed<T>> {
        let value = Arc::new(value);
        let sent = wakes::collect(|wakes| {
            let mut state = self.channel.lock();
            if state.sides.receivers == 0 {
                return Err(value);
            }
            state.sides.receiving.grant_all(wakes);
            Ok((state.sides.receivers, state.ring.push(value)))
        });
        // What was overtaken is dropped after all are woken; it may panic.
        let (receivers, _overtaken) =
            sent.map_err(|value| Closed(Arc::into_inner(value).expect("nobody else has seen it")))?;
        Ok(receivers)
    }

    /// A new receiver, for what is sent from now on.
    pub fn subscribe(&self) -> Receiver<T> {
        subscribe(&self.channel)
    }

    /// How many values are kept: sent, and not yet received by everybody.
    pub fn len(&self) -> usize {
        self.stats().kept
    }

    /// True if everybody has received everything.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// How many receivers there are.
    pub fn receiver_count(&self) -> usize {
        self.stats().receivers
    }

    /// Waits until there is no receiver; ready at once if there is none.
    ///
    /// Use it to stop making what nobody wants. Who waited goes on even if somebody has subscribed
    /// again in between.
    ///
    /// # Cancel safety
    /// A future that is dropped has changed nothing.
    #[track_caller]
    pub fn closed(&self) -> SenderClosed<'_, T> {
        SenderClosed { place: Place::new(self) }
    }

    /// The figures of this moment.
    pub fn stats(&self) -> Stats {
        self.channel.lock().stats()
    }
}

impl<T> Receiver<T> {
    /// Another receiver, for what is sent from now on.
    pub fn resubscribe(&self) -> Receiver<T> {
        subscribe(&self.channel)
    }

    /// How many values this receiver can take without waiting; those it has lost do not count.
    pub fn len(&self) -> usize {
        self.channel.lock().ring.ahead_of(self.position)
    }

    /// True if there is nothing to take right now.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The figures of this moment.
    pub fn stats(&self) -> Stats {
        self.channel.lock().stats()
    }
}

impl<T: Clone> Receiver<T> {
    /// Waits for the next value.
    ///
    /// # Examples
    /// ```
    /// # use std::{future::Future, pin::pin, task::{Context, Poll, Waker}};
    /// # use windlass_sync::broadcast::{self, RecvError};
    /// # let mut cx = Context::from_waker(Waker::noop());
    /// let (sender, mut receiver) = broadcast::channel(2);
    /// (1..=5).for_each(|n| assert!(sender.send(n).is_ok()));
    /// drop(sender);
    /// let mut sum = pin!(async {
    ///     let (mut sum, mut lost) = (0, 0);
    ///     loop {
    ///         match receiver.recv().await {
    ///             Ok(n) => sum += n,
    ///             Err(RecvError::Lagged(missed)) => lost += missed,
    ///             Err(RecvError::Closed) => return (sum, lost),
    ///         }
    ///     }
    /// });
    /// assert_eq!(sum.as_mut().poll(&mut cx), Poll::Ready((4 + 5, 3)));
    /// ```
    ///
    /// # Cancel safety
    /// A future that is dropped has taken nothing; the next call gets the value.
    ///
    /// # Errors
    /// [`RecvError::Lagged`], if values were lost; the call after it gets the oldest one that is
    /// left. [`RecvError::Closed`], if everything has been received and there are no senders.
    #[track_caller]
    pub fn recv(&mut self) -> Recv<'_, T> {
        Recv { place: Place::new(self) }
    }

    /// Takes the next value if there is one.
    ///
    /// # Errors
    /// As [`recv`](Self::recv), and [`TryRecvError::Empty`] where that would wait.
    pub fn try_recv(&mut self) -> Result<T, TryRecvError> {
        let taken = self.channel.lock().take(&mut self.position);
        Ok(Arc::unwrap_or_clone(taken.ok_or(TryRecvError::Empty)??))
    }

    /// Waits for the next value on a plain thread, which sleeps meanwhile.
    ///
    /// # Errors
    /// As [`recv`](Self::recv).
    ///
    /// # Panics
    /// Inside a task: it would block the worker. Use [`recv`](Self::recv) there.
    #[track_caller]
    pub fn recv_blocking(&mut self) -> Result<T, RecvError> {
        blocking::wait_on("recv_blocking", "recv().await", self.recv())
    }
}

impl<T> Clone for Sender<T> {
    fn clone(&self) -> Self {
        self.channel.lock().sides.senders += 1;
        Self { channel: self.channel.clone() }
    }
}

impl<T> Drop for Sender<T> {
    fn drop(&mut self) {
        wakes::collect(|wakes| self.channel.lock().sides.drop_sender(wakes));
    }
}

impl<T> Drop for Receiver<T> {
    fn drop(&mut self) {
        let unwanted = wakes::collect(|wakes| {
            let mut state = self.channel.lock();
            state.sides.drop_receiver(wakes);
            state.ring.leave(self.position)
        });
        drop(unwanted); // after all are woken: it may panic
    }
}

impl<T: Clone> Future for Recv<'_, T> {
    type Output = Result<T, RecvError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let Place { owner: Receiver { channel, position }, waiter } = &mut self.place;
        let received = waiter.poll(cx, |visit| {
            let mut state = channel.lock();
            let Some(taken) = state.take(position) else {
                return visit.stay(&mut state.sides.receiving, (), Reason::Broadcast);
            };
            visit.leave(&mut state.sides.receiving);
            Look::Go(taken)
        });
        received.map_ok(Arc::unwrap_or_clone) // only now: cloning is foreign code
    }
}

impl<T> Future for SenderClosed<'_, T> {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        self.place.poll(cx, |sender, visit| sender.channel.lock().sides.look_closed(AWAITED, visit))
    }
}

impl<T> Lined for Receiver<T> {
    fn leave(&self, key: usize) -> Option<Waker> {
        self.channel.lock().sides.receiving.remove(key).waker
    }
}

impl<T> Lined for Sender<T> {
    fn leave(&self, key: usize) -> Option<Waker> {
        self.channel.lock().sides.closing.remove(key).waker
    }
}

shown!([T] Sender[T] |this| { channel: this.stats() });

shown!([T] Receiver[T] |this| { len: this.len(), channel: this.stats() });

shown_by_place!([T] Recv['_, T] [T] SenderClosed['_, T]);

/// What the lock guards.
struct State<T> {
    /// The values, and where the receivers are among them.
    ring: Ring<T>,
    /// Who sends and who receives. Nobody stands in line for a value who has one to take.
    sides: Sides,
}

impl<T> State<T> {
    /// Takes the next value of the receiver at `position`; `None` if it has to wait for it.
    fn take(&mut self, position: &mut u64) -> Option<Result<Arc<T>, RecvError>> {
        let is_over = self.sides.senders == 0;
        self.ring.take(position).or_else(|| is_over.then_some(Err(RecvError::Closed)))
    }

    fn stats(&self) -> Stats {
        let Sides { senders, receivers, .. } = self.sides;
        Stats { senders, receivers, kept: self.ring.len(), waiting: self.sides.waiting() }
    }
}

/// A receiver for what is sent from now on.
fn subscribe<T>(channel: &Arc<Mutex<State<T>>>) -> Receiver<T> {
    let mut state = channel.lock();
    state.sides.receivers += 1;
    Receiver { channel: channel.clone(), position: state.ring.enter() }
}
