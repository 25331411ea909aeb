//! How the primitives say no: one small type per way of failing, each with the value in it.

use std::fmt;

use crate::shim::Arc;

/// Makes an error of a type by giving each of its cases its words. For the floors of windlass only.
#[doc(hidden)]
#[macro_export]
macro_rules! error_words {
    ($Error:ty $(, [$($parameter:tt)*])?: $($case:pat => $words:literal),+ $(,)?) => {
        impl $(<$($parameter)*>)? ::std::fmt::Display for $Error {
            fn fmt(&self, f: &mut ::std::fmt::Formatter<'_>) -> ::std::fmt::Result {
                match self {
                    $($case => ::std::write!(f, $words),)+
                }
            }
        }

        impl $(<$($parameter)*>)? ::std::error::Error for $Error {}
    };
}

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

error_words!(Closed<T>, [T]: _ => "the other side is closed");

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

error_words!(TryRecvError:
    TryRecvError::Empty => "nothing has been sent yet",
    TryRecvError::Closed => "the other side is closed",
);

/// Why an item was not put right now; it is inside.
///
/// # Examples
/// ```
/// # use windlass_sync::{error::TryPutError, queue::Queue};
/// let jobs = Queue::bounded(1);
/// jobs.try_put("first").unwrap();
/// let refused = jobs.try_put("second").unwrap_err();
/// assert_eq!(refused, TryPutError::Full("second"));
/// assert_eq!(refused.into_item(), "second");
/// ```
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum TryPutError<T> {
    /// All places are taken, or somebody else is first in line.
    Full(T),
    /// The queue is shut down and lets nothing more in.
    ShutDown(T),
}

impl<T> TryPutError<T> {
    /// The item that was not put.
    pub fn into_item(self) -> T {
        match self {
            TryPutError::Full(item) | TryPutError::ShutDown(item) => item,
        }
    }
}

impl<T> fmt::Debug for TryPutError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            TryPutError::Full(_) => "Full", // not the item, as in `Closed`
            TryPutError::ShutDown(_) => "ShutDown",
        })
    }
}

error_words!(TryPutError<T>, [T]:
    TryPutError::Full(_) => "the queue is full",
    TryPutError::ShutDown(_) => "the queue is shut down",
);

/// Why a queue gave no item right now.
///
/// # Examples
/// ```
/// # use windlass_sync::{error::TryGetError, queue::Queue};
/// let jobs = Queue::<u32>::unbounded();
/// assert_eq!(jobs.try_get(), Err(TryGetError::Empty));
/// jobs.shutdown();
/// assert_eq!(jobs.try_get(), Err(TryGetError::ShutDown));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TryGetError {
    /// Nothing is in it, or what is in it is kept for somebody in line.
    Empty,
    /// Nothing is in it, and it is shut down: nothing will come.
    ShutDown,
}

error_words!(TryGetError:
    TryGetError::Empty => "the queue is empty",
    TryGetError::ShutDown => "the queue is shut down and empty",
);

/// An item was to be marked as done, and none is unfinished.
///
/// # Examples
/// ```
/// # use windlass_sync::{error::AllDone, queue::Queue};
/// let jobs = Queue::<u32>::unbounded();
/// assert_eq!(jobs.task_done(), Err(AllDone));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AllDone;

error_words!(AllDone: _ => "every item of the queue was marked as done before");

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

error_words!(TryAcquireError:
    TryAcquireError::NoPermits => "no permits are free",
    TryAcquireError::Closed => "the semaphore is closed",
);

/// A semaphore was to be given more permits than it may have.
///
/// # Examples
/// ```
/// # use windlass_sync::{error::TooMany, semaphore::Semaphore};
/// let gate = Semaphore::bounded(3);
/// assert_eq!(gate.try_add_permits(1), Err(TooMany { max: 3 }));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TooMany {
    /// How many it may have, those in use counted as well.
    pub max: usize,
}

error_words!(TooMany: TooMany { max } => "the semaphore has at most {max} permits");

/// It was cancelled, through a token, before it had ended.
///
/// # Examples
/// ```
/// # use windlass_sync::error::Cancelled;
/// let cancelled = Cancelled { reason: Some("shutting down".into()) };
/// assert_eq!(cancelled.to_string(), "cancelled: shutting down");
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cancelled {
    /// The reason that was given, if any.
    pub reason: Option<Arc<str>>,
}

error_words!(Cancelled:
    Cancelled { reason: Some(reason) } => "cancelled: {reason}",
    Cancelled { reason: None } => "cancelled",
);
