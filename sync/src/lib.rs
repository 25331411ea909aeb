//! The bottom floor: what threads share, and what tasks wait on.
//!
//! Nothing here knows what a task, a timer or a socket is. The primitives need only a
//! [`Waker`](core::task::Waker), so they work under any executor. The version promise of windlass
//! covers its facade; the items here are public so that they can be read, modelled and reused.
//!
//! ```text
//!   event  notify  mutex  rwlock  condvar  semaphore  limiter  barrier  once
//!   queue  oneshot  watch  broadcast  cancel                   what tasks wait on
//!                            |
//!                    waiter, wait_list                  who waits, in which order
//!                            |
//!                 budget, waiting, wakes                how to wait politely, visibly and safely
//!                            |
//!                          shim                         the loom switch
//! ```
//!
//! # Three rules that all of them keep
//! - **First come, first served.** What becomes free is handed to the first in line, at once, and
//!   nobody can take it in between. If that waiter is dropped before it has run, it goes to the
//!   next.
//! - **No lock is held while foreign code runs.** Wakers are cloned before locking, and fired or
//!   dropped after unlocking, and so are values; a waker may call back into what woke it.
//! - **A wait is polite and visible.** Each poll asks the budget first and spends it when it is
//!   ready; and each wait notes what it waits for, and at which line.
//!
//! Reading order: [`shim`] (the loom switch), [`wakes`], [`budget`], [`waiting`], [`wait_list`],
//! `waiter`; then [`event`], [`notify`], [`mutex`], [`semaphore`], each a little more than the one
//! before, and what is built like them: [`rwlock`], [`condvar`], [`barrier`], [`limiter`], [`once`],
//! [`cancel`]. What passes values on: [`oneshot`], [`queue`], [`watch`], [`broadcast`].
#![forbid(unsafe_code)]

pub mod barrier;
mod blocking;
pub mod broadcast;
pub mod budget;
pub mod cancel;
pub mod condvar;
pub mod error;
pub mod event;
pub mod limiter;
pub mod mutex;
pub mod notify;
pub mod once;
pub mod oneshot;
mod place;
pub mod queue;
pub mod rwlock;
pub mod semaphore;
pub mod shim;
mod sides;
pub mod wait_list;
mod waiter;
pub mod waiting;
pub mod wakes;
pub mod watch;
