//! How a pool is set up.

use std::fmt;
use std::future::poll_fn;
use std::pin::Pin;
use std::task::Poll;
use std::time::Duration;

use super::{ConnectError, Manager, Pool};

/// What a duration says that is no limit.
const NO_LIMIT: Duration = Duration::MAX;

/// The settings of a [`Pool`].
///
/// Where a limit is asked for, `None` says that there shall be none.
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
///     let pool = Pool::builder(Numbers)
///         .min_size(5)
///         .max_size(20)
///         .command_timeout(Duration::from_secs(60))
///         .max_lifetime(None)
///         .build();
///     assert_eq!(pool.await.unwrap().stats().idle, 5);
/// });
/// ```
#[must_use = "a builder does nothing until it builds"]
pub struct Builder<M> {
    manager: M,
    settings: Settings,
}

/// See the methods of [`Builder`].
#[derive(Clone, Debug)]
pub(super) struct Settings {
    pub(super) name: String,
    pub(super) min_size: usize,
    pub(super) max_size: usize,
    pub(super) acquire_timeout: Duration,
    pub(super) connect_timeout: Duration,
    pub(super) command_timeout: Duration,
    pub(super) recovery_timeout: Duration,
    pub(super) max_lifetime: Duration,
    pub(super) idle_timeout: Duration,
    pub(super) check_after: Duration,
    pub(super) backoff: Duration,
    pub(super) max_backoff: Duration,
}

impl<M: Manager> Builder<M> {
    pub(super) fn new(manager: M) -> Self {
        let settings = Settings {
            name: "pool".into(),
            min_size: 0,
            max_size: 10,
            acquire_timeout: Duration::from_secs(30),
            connect_timeout: Duration::from_secs(10),
            command_timeout: Duration::from_secs(60),
            recovery_timeout: Duration::from_secs(5),
            max_lifetime: Duration::from_secs(30 * 60),
            idle_timeout: Duration::from_secs(10 * 60),
            check_after: Duration::from_secs(10),
            backoff: Duration::from_millis(100),
            max_backoff: Duration::from_secs(10),
        };
        Self { manager, settings }
    }

    /// What the pool's tasks are called after, in dumps: "pool reset" for a pool called "pool",
    /// which is the default.
    pub fn name(mut self, name: &str) -> Self {
        self.settings.name = name.into();
        self
    }

    /// How many connections to open at the start and to keep open from then on; 0 by default.
    pub fn min_size(mut self, count: usize) -> Self {
        self.settings.min_size = count;
        self
    }

    /// How many connections may be open at a time, those included that are being opened, reset or
    /// closed; 10 by default.
    pub fn max_size(mut self, count: usize) -> Self {
        self.settings.max_size = count;
        self
    }

    /// How long [`Pool::acquire`] may take, everything included; 30 s by default.
    pub fn acquire_timeout(mut self, limit: impl Into<Option<Duration>>) -> Self {
        self.settings.acquire_timeout = limit.into().unwrap_or(NO_LIMIT);
        self
    }

    /// How long opening a connection may take; 10 s by default.
    pub fn connect_timeout(mut self, limit: impl Into<Option<Duration>>) -> Self {
        self.settings.connect_timeout = limit.into().unwrap_or(NO_LIMIT);
        self
    }

    /// How long a command given to [`Guard::run`](super::Guard::run) may take; 60 s by default.
    pub fn command_timeout(mut self, limit: impl Into<Option<Duration>>) -> Self {
        self.settings.command_timeout = limit.into().unwrap_or(NO_LIMIT);
        self
    }

    /// How long a health check may take, and how long cleaning a dirty connection; one that takes
    /// longer is closed. 5 s by default.
    pub fn recovery_timeout(mut self, limit: impl Into<Option<Duration>>) -> Self {
        self.settings.recovery_timeout = limit.into().unwrap_or(NO_LIMIT);
        self
    }

    /// How old a connection may get; 30 minutes by default. One that is older is not lent again.
    pub fn max_lifetime(mut self, limit: impl Into<Option<Duration>>) -> Self {
        self.settings.max_lifetime = limit.into().unwrap_or(NO_LIMIT);
        self
    }

    /// How long a connection above [`min_size`](Self::min_size) stays open while nobody wants it;
    /// 10 minutes by default.
    pub fn idle_timeout(mut self, limit: impl Into<Option<Duration>>) -> Self {
        self.settings.idle_timeout = limit.into().unwrap_or(NO_LIMIT);
        self
    }

    /// After how long in the pool a connection is checked before it is lent; 10 s by default. Zero
    /// checks always, `None` never.
    pub fn check_after(mut self, idle: impl Into<Option<Duration>>) -> Self {
        self.settings.check_after = idle.into().unwrap_or(NO_LIMIT);
        self
    }

    /// How long to wait before a lost connection is replaced a second time, if the first attempt
    /// has failed. The wait doubles with each failure up to `longest`. 100 ms and 10 s by default.
    pub fn backoff(mut self, first: Duration, longest: Duration) -> Self {
        (self.settings.backoff, self.settings.max_backoff) = (first, longest);
        self
    }

    /// Opens the first connections, all at the same time, and makes the pool. Its tasks run on the
    /// current runtime.
    ///
    /// # Errors
    /// If one of the connections cannot be opened; the others are closed before it returns.
    ///
    /// # Cancel safety
    /// Dropping it closes what was opened.
    ///
    /// # Panics
    /// Outside a runtime; if `max_size` is 0 or less than `min_size`, or more than
    /// [`MAX_PERMITS`](crate::sync::Semaphore::MAX_PERMITS).
    #[track_caller]
    pub fn build(self) -> impl Future<Output = Result<Pool<M>, ConnectError<M::Error>>> + Send {
        let Settings { min_size, max_size, .. } = self.settings;
        assert!(max_size > 0, "a pool of 0 connections could never lend one");
        assert!(min_size <= max_size, "a pool cannot keep {min_size} of at most {max_size} open");
        let pool = Pool::new(self.manager, self.settings);
        async move {
            match open_all(&pool, min_size).await {
                Ok(()) => {
                    pool.keep();
                    Ok(pool)
                }
                Err(error) => {
                    pool.close().await;
                    Err(error)
                }
            }
        }
    }
}

impl<M> fmt::Debug for Builder<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Builder").field("settings", &self.settings).finish_non_exhaustive()
    }
}

/// Opens so many connections at once; ready with the first failure.
async fn open_all<M: Manager>(pool: &Pool<M>, count: usize) -> Result<(), ConnectError<M::Error>> {
    let mut opening: Vec<_> = (0..count).map(|_| pool.open_first()).collect();
    // Kept until all are there: they would be lent to each other's place otherwise.
    let mut open = Vec::new();
    poll_fn(|cx| {
        let mut failed = None;
        opening.retain_mut(|dialled| match Pin::new(dialled).poll(cx) {
            Poll::Pending => true,
            Poll::Ready(answer) => {
                match answer.unwrap_or(Err(ConnectError::Lost)) {
                    Ok(guard) => open.push(guard),
                    Err(error) => failed = failed.take().or(Some(error)),
                }
                false
            }
        });
        match failed {
            Some(error) => Poll::Ready(Err(error)),
            None if opening.is_empty() => Poll::Ready(Ok(())),
            None => Poll::Pending,
        }
    })
    .await
}
