//! The bottom floor: what threads share, and what tasks wait on.
//!
//! Nothing here knows what a task, a timer or a socket is. The primitives need only a
//! [`Waker`](core::task::Waker), so they work under any executor. The version promise of windlass
//! covers its facade; the items here are public so that they can be read, modelled and reused.
//!
//! ```text
//!   oneshot   event   notify   mutex   semaphore        what tasks wait on
//!      |        |        |       |         |
//!      |        +--------+-------+---------+
//!      |                     |
//!      |                 wait_list                      who waits, in which order
//!      |                     |
//!      +--------- budget, waiting, wakes ----------     how to wait politely, visibly and safely
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
//! Reading order: [`shim`] (the loom switch), [`wakes`], [`budget`], [`waiting`], [`wait_list`];
//! then [`event`], [`notify`], [`semaphore`], [`mutex`], each a little more than the one before;
//! [`oneshot`] and [`error`] stand alone.
#![forbid(unsafe_code)]

mod blocking;
pub mod budget;
pub mod error;
pub mod event;
pub mod mutex;
pub mod notify;
pub mod oneshot;
pub mod semaphore;
pub mod shim;
pub mod wait_list;
pub mod waiting;
pub mod wakes;
