//! A channel for one value.

use std::panic::Location;
use std::pin::Pin;
use std::task::{Context, Poll, Waker, ready};

use crate::error::{Closed, TryRecvError};
use crate::shim::{Arc, Mutex};
use crate::shown::shown;
use crate::waiting::Reason;
use crate::{blocking, budget, waiting, wakes};

const UNSENT: &str = "a sender that has sent is gone";

/// A channel through which one value goes once: the way to answer a request.
///
/// # Examples
/// ```
/// # use windlass_sync::{error::TryRecvError, oneshot};
/// let (sender, mut receiver) = oneshot::channel();
/// assert_eq!(receiver.try_recv(), Err(TryRecvError::Empty));
/// sender.send(42).unwrap();
/// assert_eq!(receiver.try_recv(), Ok(42));
/// ```
#[track_caller]
pub fn channel<T>() -> (Sender<T>, Receiver<T>) {
    let state = State { value: None, over: false, receiver: None, sender: None };
    let channel = Arc::new(Mutex::new(state));
    let receiver = Receiver { channel: channel.clone(), received: false, at: Location::caller() };
    (Sender { channel: Some(channel) }, receiver)
}

/// The end that sends. Dropping it unused tells the receiver that nothing will come.
pub struct Sender<T> {
    /// `None` once the value is sent, so that `drop` need not lock again.
    channel: Option<Channel<T>>,
}

/// The end that receives: a future of the value, or of [`Closed`] if none will come.
///
/// It names as its place of waiting the line that made the channel.
///
/// # Cancel safety
/// Await `&mut receiver` to keep it: nothing is taken before it is ready. Dropping it closes the
/// channel, and a value that was in it is dropped.
#[must_use = "a future does nothing unless awaited"]
pub struct Receiver<T> {
    channel: Channel<T>,
    /// The value is out, and nobody is left to be told anything: `drop` need not lock again.
    received: bool,
    /// Who made the channel.
    at: &'static Location<'static>,
}

/// The future of [`Sender::closed`].
#[must_use = "a future does nothing unless awaited"]
pub struct SenderClosed<'a, T> {
    sender: &'a mut Sender<T>,
    /// Who waits.
    at: &'static Location<'static>,
}

impl<T> Sender<T> {
    /// Sends the value.
    ///
    /// # Errors
    /// [`Closed`] with the value, if the receiver is gone or has closed the channel.
    pub fn send(mut self, value: T) -> Result<(), Closed<T>> {
        let channel = self.channel.take().expect(UNSENT);
        let (waker, _own, refused) = {
            let mut state = channel.lock();
            let refused = state.put(value);
            (state.receiver.take(), state.sender.take(), refused)
        };
        wakes::wake(waker);
        refused.map_or(Ok(()), |value| Err(Closed(value)))
    }

    /// True if a value that was sent now would not arrive.
    pub fn is_closed(&self) -> bool {
        self.channel().lock().over
    }

    /// Waits until the receiver is gone or has closed the channel.
    ///
    /// Use it to stop working on an answer that nobody waits for.
    ///
    /// # Examples
    /// ```
    /// # use std::{future::Future, pin::pin, task::{Context, Waker}};
    /// # use windlass_sync::oneshot;
    /// # let mut cx = Context::from_waker(Waker::noop());
    /// let (mut sender, receiver) = oneshot::channel::<u32>();
    /// let mut given_up = pin!(sender.closed());
    /// assert!(given_up.as_mut().poll(&mut cx).is_pending());
    /// drop(receiver);
    /// assert!(given_up.as_mut().poll(&mut cx).is_ready());
    /// ```
    ///
    /// # Cancel safety
    /// A future that is dropped has changed nothing.
    #[track_caller]
    pub fn closed(&mut self) -> SenderClosed<'_, T> {
        SenderClosed { sender: self, at: Location::caller() }
    }

    fn channel(&self) -> &Channel<T> {
        self.channel.as_ref().expect(UNSENT)
    }
}

impl<T> Receiver<T> {
    /// Takes the value if it has come.
    ///
    /// # Errors
    /// [`TryRecvError`] says whether one may still come. After the value it is `Closed`.
    pub fn try_recv(&mut self) -> Result<T, TryRecvError> {
        let mut state = self.channel.lock();
        match state.value.take() {
            Some(value) => {
                self.received = true;
                Ok(value)
            }
            None if state.over => Err(TryRecvError::Closed),
            None => Err(TryRecvError::Empty),
        }
    }

    /// Waits for the value on a plain thread, which sleeps meanwhile.
    ///
    /// # Examples
    /// ```
    /// # use windlass_sync::oneshot;
    /// let (sender, receiver) = oneshot::channel();
    /// let thread = std::thread::spawn(move || receiver.recv_blocking());
    /// sender.send("the answer").unwrap(); // from a task, for example
    /// assert_eq!(thread.join().unwrap(), Ok("the answer"));
    /// ```
    ///
    /// # Errors
    /// [`Closed`] if none will come.
    ///
    /// # Panics
    /// Inside a task: it would block the worker. Await the receiver there.
    #[track_caller]
    pub fn recv_blocking(self) -> Result<T, Closed> {
        blocking::wait_on("recv_blocking", "receiver.await", self)
    }

    /// Refuses what is sent from now on; a value that was sent before can still be received.
    pub fn close(&mut self) {
        let waker = self.channel.lock().end();
        wakes::wake(waker);
    }

    /// True if nothing more can be sent: it has been, or the sender is gone, or this end closed.
    pub fn is_closed(&self) -> bool {
        self.channel.lock().over
    }
}

impl<T> Future for Receiver<T> {
    type Output = Result<T, Closed>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        ready!(budget::poll_proceed_at(cx, self.at));
        let look = |state: &mut State<T>| match state.value.take() {
            Some(value) => Some(Ok(value)),
            None if state.over => Some(Err(Closed(()))),
            None => None,
        };
        match wakes::poll_slot(&self.channel, cx, look, |state| &mut state.receiver) {
            Poll::Ready(received) => {
                budget::spend();
                self.received = received.is_ok();
                Poll::Ready(received)
            }
            Poll::Pending => {
                waiting::note(Reason::Oneshot, self.at);
                Poll::Pending
            }
        }
    }
}

impl<T> Future for SenderClosed<'_, T> {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        ready!(budget::poll_proceed_at(cx, self.at));
        let look = |state: &mut State<T>| state.over.then_some(());
        let polled = wakes::poll_slot(self.sender.channel(), cx, look, |state| &mut state.sender);
        match polled {
            Poll::Ready(()) => budget::spend(),
            Poll::Pending => {
                waiting::note(Reason::Other("the receiver of a oneshot to go away"), self.at);
            }
        }
        polled
    }
}

impl<T> Drop for Sender<T> {
    fn drop(&mut self) {
        let Some(channel) = &self.channel else { return };
        // Its own waker must not live as long as the receiver does.
        let (waker, _own) = {
            let mut state = channel.lock();
            state.over = true;
            (state.receiver.take(), state.sender.take())
        };
        wakes::wake(waker);
    }
}

impl<T> Drop for Receiver<T> {
    fn drop(&mut self) {
        if self.received {
            return;
        }
        let (waker, _own, _value) = {
            let mut state = self.channel.lock();
            (state.end(), state.receiver.take(), state.value.take())
        };
        wakes::wake(waker);
    }
}

impl<T> Drop for SenderClosed<'_, T> {
    fn drop(&mut self) {
        let waker = self.sender.channel().lock().sender.take();
        drop(waker); // by name, so that it is dropped after the lock is released
    }
}

shown!([T] Sender[T] |this| { is_closed: this.is_closed() });

shown!([T] Receiver[T] |this| { is_closed: this.is_closed() });

shown!([T] SenderClosed['_, T] |this| { at: this.at });

/// What the two ends share. A lock around everything: without `unsafe` the value needs one anyway.
type Channel<T> = Arc<Mutex<State<T>>>;

/// What the lock guards.
struct State<T> {
    /// The value, from `send` until it is received.
    value: Option<T>,
    /// Nothing can be sent any more. Never unset.
    over: bool,
    /// Wakes who waits to receive.
    receiver: Option<Waker>,
    /// Wakes who waits for the receiver to go away.
    sender: Option<Waker>,
}

impl<T> State<T> {
    /// Puts the value in from the sender's side; gives it back if it cannot be received any more.
    fn put(&mut self, value: T) -> Option<T> {
        if self.over {
            return Some(value);
        }
        self.over = true;
        self.value.replace(value)
    }

    /// Ends it from the receiver's side; the waker is to be fired after unlocking.
    fn end(&mut self) -> Option<Waker> {
        self.over = true;
        self.sender.take()
    }
}
