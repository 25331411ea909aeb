//! How a pool says no.

use std::error::Error;
use std::fmt;
use std::panic::Location;
use std::time::Duration;

use crate::task::TaskId;

/// Why there is no connection.
///
/// # Examples
/// ```
/// # use std::{convert::Infallible, time::Duration};
/// # use windlass::pool::{AcquireError, Manager, Pool};
/// # struct Numbers;
/// # impl Manager for Numbers {
/// #     type Connection = u32;
/// #     type Error = Infallible;
/// #     async fn connect(&self) -> Result<u32, Infallible> { Ok(7) }
/// #     async fn reset(&self, _: &mut u32) -> Result<(), Infallible> { Ok(()) }
/// # }
/// windlass::run(async {
///     let pool = Pool::builder(Numbers).max_size(1).build().await.unwrap();
///     let _held = pool.acquire().await.unwrap();
///     let error = pool.acquire_within(Duration::from_millis(5)).await.unwrap_err();
///     assert!(matches!(error, AcquireError::Timeout { own: Some(_), .. }));
///     println!("{error}"); // "no connection within 5ms; this task holds one, taken at src/..."
/// });
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AcquireError<E> {
    /// None came free, or was opened, in time.
    Timeout {
        /// The time there was.
        limit: Duration,
        /// Where the task that has waited took a connection which is lent still: it may have
        /// waited for itself.
        own: Option<&'static Location<'static>>,
    },
    /// The pool is closed, or was closed meanwhile.
    Closed,
    /// A new one could not be opened.
    Connect(ConnectError<E>),
}

/// Why a connection could not be opened.
///
/// # Examples
/// ```
/// # use windlass::pool::{ConnectError, Manager, Pool};
/// # struct Nobody;
/// # impl Manager for Nobody {
/// #     type Connection = ();
/// #     type Error = &'static str;
/// #     async fn connect(&self) -> Result<(), &'static str> { Err("refused") }
/// #     async fn reset(&self, _: &mut ()) -> Result<(), &'static str> { Ok(()) }
/// # }
/// windlass::run(async {
///     let error = Pool::builder(Nobody).min_size(2).build().await.unwrap_err();
///     assert_eq!(error, ConnectError::Failed("refused"));
/// });
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ConnectError<E> {
    /// The manager says why.
    Failed(E),
    /// It took longer than this.
    Timeout(Duration),
    /// The task that was to open it has panicked or was cancelled.
    Lost,
}

/// A pool did not close in time: some of what it has lent was not given back.
///
/// # Examples
/// ```
/// # use std::{convert::Infallible, time::Duration};
/// # use windlass::pool::{Manager, Pool};
/// # struct Numbers;
/// # impl Manager for Numbers {
/// #     type Connection = u32;
/// #     type Error = Infallible;
/// #     async fn connect(&self) -> Result<u32, Infallible> { Ok(7) }
/// #     async fn reset(&self, _: &mut u32) -> Result<(), Infallible> { Ok(()) }
/// # }
/// windlass::run(async {
///     let pool = Pool::builder(Numbers).build().await.unwrap();
///     let held = pool.acquire().await.unwrap();
///     let error = pool.close_timeout(Duration::from_millis(5)).await.unwrap_err();
///     assert_eq!(error.lent.len(), 1);
///     drop(held); // it is closed when it comes back
///     pool.close().await;
/// });
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct NotClosed {
    /// What is still lent.
    pub lent: Vec<Lent>,
}

/// Who has a connection.
///
/// # Examples
/// ```
/// # use std::convert::Infallible;
/// # use windlass::pool::{Manager, Pool};
/// # struct Numbers;
/// # impl Manager for Numbers {
/// #     type Connection = u32;
/// #     type Error = Infallible;
/// #     async fn connect(&self) -> Result<u32, Infallible> { Ok(7) }
/// #     async fn reset(&self, _: &mut u32) -> Result<(), Infallible> { Ok(()) }
/// # }
/// windlass::run(async {
///     let pool = Pool::builder(Numbers).build().await.unwrap();
///     let held = pool.acquire().await.unwrap();
///     let lent = pool.lent();
///     assert_eq!(lent[0].task, windlass::task::try_id());
///     println!("{}", lent[0]); // "task 7 at src/main.rs:4:21"
///     drop(held);
/// });
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Lent {
    /// The task that has acquired it.
    pub task: Option<TaskId>,
    /// The line that has acquired it.
    pub at: &'static Location<'static>,
}

impl<E: fmt::Display> fmt::Display for AcquireError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            AcquireError::Timeout { limit, own } => {
                write!(f, "no connection within {limit:?}")?;
                own.map_or(Ok(()), |at| write!(f, "; this task holds one, taken at {at}"))
            }
            AcquireError::Closed => f.write_str("the pool is closed"),
            AcquireError::Connect(error) => error.fmt(f),
        }
    }
}

impl<E: fmt::Display> fmt::Display for ConnectError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ConnectError::Failed(error) => write!(f, "cannot connect: {error}"),
            ConnectError::Timeout(limit) => write!(f, "cannot connect within {limit:?}"),
            ConnectError::Lost => f.write_str("the task that was to connect has not ended well"),
        }
    }
}

impl fmt::Display for NotClosed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the pool is not closed yet, {} connections are lent", self.lent.len())?;
        self.lent.iter().try_for_each(|lent| write!(f, "; one to {lent}"))
    }
}

impl fmt::Display for Lent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.task {
            Some(task) => write!(f, "task {task} at {}", self.at),
            None => write!(f, "{}", self.at),
        }
    }
}

impl<E> From<ConnectError<E>> for AcquireError<E> {
    fn from(error: ConnectError<E>) -> Self {
        AcquireError::Connect(error)
    }
}

impl<E: Error + 'static> Error for AcquireError<E> {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            AcquireError::Connect(ConnectError::Failed(error)) => Some(error),
            _ => None,
        }
    }
}

impl<E: Error + 'static> Error for ConnectError<E> {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            ConnectError::Failed(error) => Some(error),
            _ => None,
        }
    }
}

impl Error for NotClosed {}
