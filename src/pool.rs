//! A pool of connections, to whatever a [`Manager`] connects to.
//!
//! Opening a connection is dear, and a server has room for only so many. A pool keeps some open and
//! lends them: to one task at a time, in the order in which they ask.
//!
//! ```text
//!            acquire                     a permit, then whatever is idle, or a new one
//!               |
//!             Guard  -- dropped clean --> idle --> the next one
//!               |
//!               +------ dropped dirty --> "pool reset" --> idle, or closed
//!               +------ broken ---------> closed --> "pool refill", below the minimum
//! ```
//!
//! It is made of a [`Semaphore`](crate::sync::Semaphore), [`timeout`] and
//! tasks, and goes by the clock of its runtime, so its timeouts can be tested with a paused one.
//!
//! # What it promises
//! - Never more than [`max_size`](Builder::max_size) connections are open, being opened or being
//!   closed.
//! - First come, first served. Who gives up passes its turn on.
//! - Nobody gets a connection on which somebody else has left something undone.
//! - Dropping a guard never waits: what takes time is done by tasks of the pool. They carry its name
//!   in dumps ("pool connect", "pool reset", "pool cancel", "pool refill", "pool report"), and end when
//!   it closes.
//!
//! # Examples
//! ```
//! use windlass::pool::{Manager, Pool};
//!
//! struct Numbers; // a connection is a number here
//!
//! impl Manager for Numbers {
//!     type Connection = u32;
//!     type Error = std::io::Error;
//!     async fn connect(&self) -> std::io::Result<u32> {
//!         Ok(0)
//!     }
//!     async fn reset(&self, number: &mut u32) -> std::io::Result<()> {
//!         *number = 0;
//!         Ok(())
//!     }
//! }
//!
//! windlass::run(async {
//!     let pool = Pool::builder(Numbers).min_size(1).max_size(4).build().await.unwrap();
//!     let mut number = pool.acquire().await.unwrap();
//!     *number += 1;
//!     drop(number);
//!     assert_eq!(*pool.acquire().await.unwrap(), 1, "it is the same one");
//!     pool.close().await;
//! });
//! ```
//!
//! # Implementation
//! `pool/shared.rs` keeps the books and says why there are never too many connections; `slot.rs` is
//! a place in them; `guard.rs` a connection that is lent; `work.rs` has the tasks.

mod builder;
mod error;
mod guard;
mod manager;
mod shared;
mod slot;
mod stats;
mod work;

use std::fmt;
use std::future::poll_fn;
use std::panic::Location;
use std::pin::Pin;
use std::task::Poll;
use std::time::Duration;

use windlass_sync::shim::Arc;
use windlass_sync::waiting;

use crate::sync::OwnedPermit;
use crate::task::try_id;
use crate::time::{timeout, timeout_at};
pub use builder::Builder;
use builder::Settings;
pub use error::{AcquireError, ConnectError, Lent, NotClosed};
pub use guard::Guard;
pub use manager::Manager;
use shared::{Choice, Occupied, Shared, Stage, State};
use stats::Reason;
pub use stats::{Discarded, Stats};

/// A pool of connections; clones are the same pool. See the [module](self).
///
/// When the last clone is dropped the pool closes, without waiting for what is lent.
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
///     let pool = Pool::builder(Numbers).max_size(2).build().await.unwrap();
///     let tasks = [1, 2, 3].map(|n| {
///         let pool = pool.clone();
///         windlass::spawn(async move { n * *pool.acquire().await.unwrap() })
///     });
///     for (n, task) in (1..).zip(tasks) {
///         assert_eq!(task.await.unwrap(), 7 * n);
///     }
///     assert!(pool.stats().opened <= 2);
/// });
/// ```
pub struct Pool<M: Manager>(Arc<Owner<M>>);

/// Closes the pool when the last handle is gone; guards and tasks have the inside only.
struct Owner<M: Manager>(Arc<Shared<M>>);

impl<M: Manager> Pool<M> {
    /// How to make one.
    pub fn builder(manager: M) -> Builder<M> {
        Builder::new(manager)
    }

    #[track_caller]
    fn new(manager: M, settings: Settings) -> Self {
        Self(Arc::new(Owner(Arc::new(Shared::new(manager, settings)))))
    }

    /// Lends a connection: an idle one, a new one if there may be more, or else the first that comes
    /// back and is not for somebody who has asked before.
    ///
    /// The time it may take in all is the pool's [`acquire_timeout`](Builder::acquire_timeout).
    ///
    /// # Errors
    /// [`AcquireError`] says whether to try again. If a new connection cannot be opened, it says so
    /// at once.
    ///
    /// # Cancel safety
    /// Dropping it leaves the line, and the next one moves up. A connection that was being opened
    /// for it is opened all the same, and lent to somebody else; meanwhile it takes up its place.
    ///
    /// # Panics
    /// Outside a runtime.
    #[track_caller]
    pub fn acquire(
        &self,
    ) -> impl Future<Output = Result<Guard<M>, AcquireError<M::Error>>> + Send + use<M> {
        self.acquire_within(self.0.0.settings.acquire_timeout)
    }

    /// [`acquire`](Self::acquire) with a time limit of its own; [`Duration::MAX`] is none.
    ///
    /// # Errors
    /// As [`acquire`](Self::acquire).
    ///
    /// # Cancel safety
    /// As [`acquire`](Self::acquire).
    ///
    /// # Panics
    /// Outside a runtime.
    #[track_caller]
    pub fn acquire_within(
        &self,
        limit: Duration,
    ) -> impl Future<Output = Result<Guard<M>, AcquireError<M::Error>>> + Send + use<M> {
        // The clone keeps the pool open for as long as somebody wants something of it.
        let (pool, at) = (self.clone(), Location::caller());
        let deadline = self.0.0.now().checked_add(limit);
        let mut line = self.0.0.permits.clone().acquire_owned();
        async move {
            let shared = &pool.0.0;
            // Most often one is idle: that needs no timer, and no room for the rest.
            let permit = match poll_fn(|cx| Poll::Ready(Pin::new(&mut line).poll(cx))).await {
                Poll::Ready(Err(_)) => return Err(AcquireError::Closed),
                Poll::Ready(Ok(permit)) => match lend_idle(shared, permit, at) {
                    Ok(guard) => return Ok(guard),
                    Err(permit) => Some(permit),
                },
                Poll::Pending => None,
            };
            let lent = timeout_at(deadline, async {
                let permit = match permit {
                    Some(permit) => permit,
                    None => line.await.map_err(|_| AcquireError::Closed)?,
                };
                lend(shared, permit, at).await
            });
            lent.await.unwrap_or_else(|_| Err(pool.timed_out(limit)))
        }
    }

    /// Lends an idle connection if there is one that need not be checked first, and nobody stands in
    /// line for it.
    #[track_caller]
    pub fn try_acquire(&self) -> Option<Guard<M>> {
        let shared = &self.0.0;
        let permit = shared.permits.clone().try_acquire_owned().ok()?;
        lend_idle(shared, permit, Location::caller()).ok()
    }

    /// Closes the pool, and waits until everything that was lent has come back.
    ///
    /// Who asks for a connection from now on, or waits for one, gets [`AcquireError::Closed`] at
    /// once. Idle connections are closed now, lent ones when they come back. Several tasks may
    /// close one pool.
    ///
    /// # Cancel safety
    /// The pool is closed by the first poll; dropping the future only stops the wait.
    pub async fn close(&self) {
        let shared = &self.0.0;
        let tasks = shared.shut();
        tasks.iter().for_each(|task| _ = task.abort());
        for mut task in tasks {
            // Not its output: a panic that is taken here would be reported to nobody.
            poll_fn(|cx| task.poll_finished(cx)).await;
        }
        shared.gone.wait().await;
    }

    /// [`close`](Self::close), but waits for no longer than this. The pool is closed in any case.
    ///
    /// # Errors
    /// [`NotClosed`] says who has not given a connection back.
    ///
    /// # Cancel safety
    /// As [`close`](Self::close).
    ///
    /// # Panics
    /// Outside a runtime.
    pub async fn close_timeout(&self, limit: Duration) -> Result<(), NotClosed> {
        let closed = timeout(limit, self.close()).await;
        closed.map_err(|_| NotClosed { lent: self.lent() })
    }

    /// True once it was closed.
    pub fn is_closed(&self) -> bool {
        self.0.0.permits.is_closed()
    }

    /// The figures of this moment.
    pub fn stats(&self) -> Stats {
        self.0.0.stats()
    }

    /// Who has a connection at this moment.
    pub fn lent(&self) -> Vec<Lent> {
        self.0.0.lent()
    }

    /// Opens one of the first connections, for which there are permits still.
    fn open_first(&self) -> work::Opening<M> {
        let shared = &self.0.0;
        let permit = shared.permits.clone().try_acquire_owned();
        let occupied =
            permit.ok().map(|permit| shared.occupy(permit, Stage::Opening, |_| Choice::Open));
        let Some(Ok(Occupied::Empty(slot))) = occupied else {
            unreachable!("a new pool is open, and has a permit for each of its first connections")
        };
        work::open(slot)
    }

    /// Has the pool looked after from now on.
    fn keep(&self) {
        self.0.0.start("refill", work::keep(self.0.0.clone()));
    }

    fn timed_out(&self, limit: Duration) -> AcquireError<M::Error> {
        self.0.0.state.lock().counts.acquire_timeouts += 1;
        AcquireError::Timeout { limit, own: self.0.0.own() }
    }
}

impl<M: Manager> Clone for Pool<M> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<M: Manager> Drop for Owner<M> {
    fn drop(&mut self) {
        drop(self.0.shut());
    }
}

impl<M: Manager> fmt::Debug for Pool<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pool")
            .field("name", &self.0.0.settings.name)
            .field("stats", &self.stats())
            .field("lent", &self.lent())
            .finish_non_exhaustive()
    }
}

/// Lends an idle connection that can be lent as it is; gives the permit back if there is none.
fn lend_idle<M: Manager>(
    shared: &Arc<Shared<M>>,
    mut permit: OwnedPermit,
    at: &'static Location<'static>,
) -> Result<Guard<M>, OwnedPermit> {
    let now = shared.now();
    loop {
        let occupied = shared.occupy(permit, lent_here(at), |state| match state.idle.last() {
            Some(last) if shared.is_fresh(last, now) => state.any(),
            _ => Choice::Wait(None),
        });
        let Occupied::Filled(held) = occupied? else { unreachable!("it opens none") };
        match shared.unfit(&held.open, now) {
            Some(reason) => permit = held.discard(reason),
            None => return Ok(Guard::new(held)),
        }
    }
}

/// Lends an idle connection once it was checked, or a new one.
async fn lend<M: Manager>(
    shared: &Arc<Shared<M>>,
    mut permit: OwnedPermit,
    at: &'static Location<'static>,
) -> Result<Guard<M>, AcquireError<M::Error>> {
    let guard = loop {
        let held = match shared.occupy(permit, lent_here(at), State::any) {
            Err(_permit) => unreachable!("who wants any connection can always have a slot"),
            Ok(Occupied::Filled(held)) => held,
            Ok(Occupied::Empty(slot)) => {
                let mut opening = work::open(slot);
                let opened = poll_fn(|cx| {
                    let opened = Pin::new(&mut opening).poll(cx);
                    // The channel was made in this file; the one who waits is the caller.
                    waiting::note(waiting::Reason::Oneshot, at);
                    opened
                });
                match opened.await {
                    Ok(opened) => break opened?,
                    Err(_) if shared.permits.is_closed() => return Err(AcquireError::Closed),
                    Err(_) => return Err(ConnectError::Lost.into()),
                }
            }
        };
        let now = shared.now();
        if let Some(reason) = shared.unfit(&held.open, now) {
            permit = held.discard(reason);
            continue;
        }
        let is_fresh = shared.is_fresh(&held.open, now);
        let mut guard = Guard::new(held);
        if is_fresh {
            return Ok(guard);
        }
        if guard.is_healthy().await {
            break guard;
        }
        permit = guard.take().discard(Reason::Unhealthy);
    };
    if guard.enter(lent_here(at)) { Ok(guard) } else { Err(AcquireError::Closed) }
}

/// The stage of what the current task has acquired.
fn lent_here(at: &'static Location<'static>) -> Stage {
    Stage::Lent(Lent { task: try_id(), at })
}
