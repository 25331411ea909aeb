//! Why a receiver of a broadcast channel gets no value.

use crate::error_words;

/// Why a receiver that waited got no value.
///
/// # Examples
/// ```
/// # use windlass_sync::broadcast::{self, RecvError, TryRecvError};
/// let (sender, mut receiver) = broadcast::channel(1);
/// (1..=3).for_each(|n| assert_eq!(sender.send(n), Ok(1)));
/// assert_eq!(receiver.recv_blocking(), Err(RecvError::Lagged(2)));
/// assert_eq!(receiver.recv_blocking(), Ok(3));
/// drop(sender);
/// assert_eq!(receiver.recv_blocking(), Err(RecvError::Closed));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RecvError {
    /// The receiver was too slow and has lost so many values. The next call gets the oldest value
    /// that is left.
    Lagged(u64),
    /// Nothing will ever come.
    Closed,
}

/// Why there is nothing to receive right now.
///
/// # Examples
/// ```
/// # use windlass_sync::broadcast::{self, TryRecvError};
/// let (sender, mut receiver) = broadcast::channel(1);
/// assert_eq!(receiver.try_recv(), Err(TryRecvError::Empty));
/// (1..=3).for_each(|n| assert_eq!(sender.send(n), Ok(1)));
/// assert_eq!(receiver.try_recv(), Err(TryRecvError::Lagged(2)));
/// assert_eq!(receiver.try_recv(), Ok(3));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TryRecvError {
    /// Nothing has come yet.
    Empty,
    /// The receiver was too slow and has lost so many values. The next call gets the oldest value
    /// that is left.
    Lagged(u64),
    /// Nothing will ever come.
    Closed,
}

error_words!(RecvError:
    RecvError::Lagged(missed) => "{missed} values were sent too fast",
    RecvError::Closed => "the other side is closed",
);

error_words!(TryRecvError:
    TryRecvError::Empty => "there is nothing to receive right now",
    TryRecvError::Lagged(missed) => "{missed} values were sent too fast",
    TryRecvError::Closed => "the other side is closed",
);

impl From<RecvError> for TryRecvError {
    fn from(error: RecvError) -> Self {
        match error {
            RecvError::Lagged(missed) => TryRecvError::Lagged(missed),
            RecvError::Closed => TryRecvError::Closed,
        }
    }
}
