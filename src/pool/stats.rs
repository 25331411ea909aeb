//! The figures of a pool.

/// The figures of a pool at one moment, see [`Pool::stats`](super::Pool::stats).
///
/// Each connection that was `opened` is in exactly one place: `idle`, `in_use`, or among those
/// `in_upkeep`; or it has left: `detached`, or `discarded` for one of the reasons.
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
///     let pool = Pool::builder(Numbers).min_size(2).build().await.unwrap();
///     let held = pool.acquire().await.unwrap();
///     let stats = pool.stats();
///     assert_eq!((stats.size, stats.idle, stats.in_use), (2, 1, 1));
///     held.detach();
///     assert_eq!(pool.stats().detached, 1);
/// });
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Stats {
    /// Connections there are, those included that are being opened or closed.
    pub size: usize,
    /// Connections nobody uses.
    pub idle: usize,
    /// Connections that are lent.
    pub in_use: usize,
    /// Connections that are being opened.
    pub opening: usize,
    /// Connections that the pool itself is busy with: checking, resetting or closing them, or about
    /// to hand a new one over.
    pub in_upkeep: usize,
    /// Requests that stand in line. One may be the pool's own, to replace a connection.
    pub waiting: usize,
    /// How many connections were opened so far.
    pub opened: u64,
    /// How often opening one has failed or took too long.
    pub failed: u64,
    /// How many requests found no connection in time.
    pub acquire_timeouts: u64,
    /// How many connections were [detached](super::Guard::detach).
    pub detached: u64,
    /// How many connections were closed, and why.
    pub discarded: Discarded,
}

/// How many connections a pool has closed, by reason.
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
///     let pool = Pool::builder(Numbers).min_size(2).build().await.unwrap();
///     pool.close().await;
///     let discarded = pool.stats().discarded;
///     assert_eq!((discarded.closed, discarded.total()), (2, 2));
/// });
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Discarded {
    /// They were broken when they came back or were to be lent.
    pub broken: u64,
    /// They failed the health check.
    pub unhealthy: u64,
    /// They came back dirty and could not be reset, or not in time.
    pub not_reset: u64,
    /// They had reached the maximum lifetime.
    pub too_old: u64,
    /// Nobody has wanted them for long.
    pub too_idle: u64,
    /// The pool was closed.
    pub closed: u64,
}

impl Discarded {
    /// How many it were, whatever the reason.
    pub fn total(&self) -> u64 {
        let Self { broken, unhealthy, not_reset, too_old, too_idle, closed } = self;
        broken + unhealthy + not_reset + too_old + too_idle + closed
    }

    pub(super) fn count(&mut self, reason: Reason) {
        *match reason {
            Reason::Broken => &mut self.broken,
            Reason::Unhealthy => &mut self.unhealthy,
            Reason::NotReset => &mut self.not_reset,
            Reason::TooOld => &mut self.too_old,
            Reason::TooIdle => &mut self.too_idle,
            Reason::Closed => &mut self.closed,
        } += 1;
    }
}

/// Why a connection is closed, see [`Discarded`].
#[derive(Clone, Copy, Debug)]
pub(super) enum Reason {
    Broken,
    Unhealthy,
    NotReset,
    TooOld,
    TooIdle,
    Closed,
}
