//! How the primitives say no: one small type per way of failing, each with the value in it.

use std::error::Error;
use std::fmt;

/// It is closed, and nothing more goes through; what could not be handed over is inside.
///
/// `Closed` alone (`Closed<()>`) is the error of those who wait or receive.
///
/// # Examples
/// ```
/// # use windlass_sync::oneshot;
/// let (sender, receiver) = oneshot::channel();
/// drop(receiver);
/// let refused = sender.send("precious").unwrap_err();
/// assert_eq!(refused.0, "precious");
/// ```
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Closed<T = ()>(pub T);

impl<T> fmt::Debug for Closed<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Closed") // not the value: `T` need not be `Debug` for an `unwrap`
    }
}

impl<T> fmt::Display for Closed<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the other side is closed")
    }
}

impl<T> Error for Closed<T> {}

/// Why there is nothing to receive right now.
///
/// # Examples
/// ```
/// # use windlass_sync::{error::TryRecvError, oneshot};
/// let (sender, mut receiver) = oneshot::channel::<u32>();
/// assert_eq!(receiver.try_recv(), Err(TryRecvError::Empty));
/// drop(sender);
/// assert_eq!(receiver.try_recv(), Err(TryRecvError::Closed));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TryRecvError {
    /// Nothing has come yet.
    Empty,
    /// Nothing will ever come.
    Closed,
}

impl fmt::Display for TryRecvError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            TryRecvError::Empty => "nothing has been sent yet",
            TryRecvError::Closed => "the other side is closed",
        })
    }
}

impl Error for TryRecvError {}

/// Why a semaphore gave no permit right now.
///
/// # Examples
/// ```
/// # use windlass_sync::{error::TryAcquireError, semaphore::Semaphore};
/// let gate = Semaphore::new(0);
/// assert_eq!(gate.try_acquire().unwrap_err(), TryAcquireError::NoPermits);
/// gate.close();
/// assert_eq!(gate.try_acquire().unwrap_err(), TryAcquireError::Closed);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TryAcquireError {
    /// Too few permits are free, or somebody else is first in line.
    NoPermits,
    /// The semaphore is closed and gives no more permits.
    Closed,
}

impl fmt::Display for TryAcquireError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            TryAcquireError::NoPermits => "no permits are free",
            TryAcquireError::Closed => "the semaphore is closed",
        })
    }
}

impl Error for TryAcquireError {}
