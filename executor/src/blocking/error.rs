//! How a pool says no.

use std::error::Error;
use std::{fmt, io};

/// Why a pool did not take a closure, with the closure.
///
/// # Examples
/// ```
/// # use std::sync::mpsc;
/// # use windlass_executor::blocking::{BlockingPool, TryRunError};
/// let pool = BlockingPool::builder().threads(0..=1).queue(1).build();
/// let (started, begun) = mpsc::channel();
/// let (go, wait) = mpsc::channel::<()>();
/// let busy = pool.run(move || started.send(()).is_ok() && wait.recv().is_err());
/// begun.recv().unwrap();
/// let queued = pool.try_run(|| 1).unwrap();
/// let Err(TryRunError::Full(closure)) = pool.try_run(|| 2) else { panic!() };
/// assert_eq!(closure(), 2, "it is ours again");
/// drop((go, busy, queued));
/// ```
pub enum TryRunError<F> {
    /// The queue is full, or others wait for room in it.
    Full(F),
    /// The pool is shut down.
    Closed(F),
    /// The pool has no thread, and the system would not give it one.
    NoThread(F, io::Error),
}

impl<F> TryRunError<F> {
    /// The closure.
    pub fn into_inner(self) -> F {
        match self {
            Self::Full(closure) | Self::Closed(closure) | Self::NoThread(closure, _) => closure,
        }
    }
}

impl<F> fmt::Debug for TryRunError<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Full(_) => f.write_str("Full"),
            Self::Closed(_) => f.write_str("Closed"),
            Self::NoThread(_, error) => write!(f, "NoThread({error:?})"),
        }
    }
}

impl<F> fmt::Display for TryRunError<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Full(_) => f.write_str(FULL),
            Self::Closed(_) => f.write_str(CLOSED),
            Self::NoThread(_, error) => write!(f, "{NO_THREAD}: {error}"),
        }
    }
}

impl<F> Error for TryRunError<F> {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::NoThread(_, error) => Some(error),
            _ => None,
        }
    }
}

const FULL: &str = "the queue of the blocking pool is full";
const CLOSED: &str = "the blocking pool is shut down";
const NO_THREAD: &str = "no thread could be started for the blocking pool";

/// For a task that was refused, since there is no closure to give back with it.
pub(super) fn full() -> io::Error {
    io::Error::new(io::ErrorKind::WouldBlock, FULL)
}

pub(super) fn closed() -> io::Error {
    io::Error::new(io::ErrorKind::BrokenPipe, CLOSED)
}

/// One failure refuses several jobs, and an `io::Error` cannot be cloned.
pub(super) fn no_thread(error: &io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("{NO_THREAD}: {error}"))
}
