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
//!                        current                     what a thread belongs to
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
//! # Checking your own code with loom
//! The switch by which windlass checks itself is open to everybody. Code that takes what its threads
//! share from [`shim`] uses the real things in every normal build, and loom's in a build with
//! `--cfg windlass_loom`; then [`shim::explore`] runs a closure in every order of its threads' steps,
//! with the stale values that the orderings allow, and a failure is shown as a table with a column for
//! each thread. Without the flag it runs the closure many times on real threads.
//!
//! ```text
//! RUSTFLAGS="--cfg windlass_loom" cargo test --profile models --target-dir target/loom --test model
//! ```
//!
//! - [`shim::atomic`], [`shim::Mutex`] and [`shim::Condvar`], [`shim::UnsafeCell`], [`shim::thread`],
//!   [`shim::thread_local`] and [`shim::hint`] are what it sees; [`shim::Arc`] is the standard one.
//! - The primitives of this crate are built from them, so they may be used in a model.
//! - [`shim::Mode`] says how it explores; [`shim::MODELED`] is true where loom is behind it.
//!
//! `tests/models/FOR_USERS.md` in the repository has a whole package to begin with, the profile that the
//! command names, and the rules for a model; `examples/model_check` is a package that does it.
//!
//! Reading order: [`shim`] (the loom switch), [`wakes`], [`budget`], [`waiting`], [`current`], [`wait_list`],
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
pub mod current;
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
mod shown;
mod sides;
pub mod wait_list;
mod waiter;
pub mod waiting;
pub mod wakes;
pub mod watch;
