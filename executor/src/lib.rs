//! The executor floor: tasks, the workers that run them, and the runtime around both.
//!
//! # The problem
//!
//! Many tasks, few threads. A task is polled when it has been woken, by whatever worker is free, and
//! by one at a time. No worker may sleep while a task is ready, and none should be woken for
//! nothing, because a wake-up costs as much as a hundred small tasks. A task that keeps its worker
//! to itself must not take timers, sockets or its neighbours along.
//!
//! ```text
//!     spawn            wake                        block_on
//!       |               |                             |
//!   registry        state word                      caller (seat 0)
//!       \               |                             |
//!        +--> run queue | injector  <---- worker ---->+
//!                          |          step, search, rest
//!                 idle word, parker       |        \
//!                                    driver         timers
//!                                 (reactor.turn)    (fire)
//! ```
//!
//! # Reading order
//!
//! 1. [`task`]: what is run. Its own module doc says how to read it.
//! 2. `deque.rs`, `run_queue.rs`: where ready tasks wait.
//! 3. `idle.rs`, `parker.rs`, `try_lock.rs`, `helm.rs`, `driver.rs`, `slack.rs`, `gap.rs`, `pace.rs`: how
//!    workers sleep, the proof that they do not oversleep, and what is worth waking one for.
//! 4. `worker.rs`, `search.rs`, `rest.rs`, `sentinel.rs`: a worker's turn, and what it does when there is
//!    nothing to do.
//! 5. `scheduler.rs`, `transit.rs`, `inbox.rs`, `enqueue.rs`, `context.rs`, `bell.rs`, `vacancy.rs`,
//!    `caller.rs`, `home.rs`: what the workers share, and who they are.
//! 6. `registry.rs`, `ids.rs`, `counters.rs`, `inspect.rs`, `report.rs`: what can be seen of it.
//! 7. [`blocking`]: threads for what cannot be awaited.
//! 8. `config.rs`, `builder.rs`, `runtime.rs`, `spawn.rs`, `ending.rs`, `shutdown.rs`: the runtime from its
//!    making to its end.
//! 9. `yield_now.rs`, `task_local.rs`, `time_limit.rs`: small futures on top.
//! 10. `ends.rs`, `failure.rs`, then [`wait`], [`gather`], [`join_set`], [`shield`], [`group`]: several tasks
//!     at once.
//!
//! The version promise of windlass covers its facade; the items here are public so that they can be
//! read, modelled and reused.
#![deny(unsafe_code)]

pub mod bell;
pub mod blocking;
mod builder;
mod caller;
mod config;
mod context;
pub mod counters;
pub mod deque;
mod driver;
pub mod ending;
mod ends;
mod enqueue;
pub mod failure;
mod gap;
pub mod gather;
pub mod group;
pub mod helm;
mod home;
pub mod idle;
pub mod ids;
pub mod inbox;
mod inspect;
pub mod join_set;
pub mod pace;
pub mod parker;
pub mod registry;
pub mod report;
pub mod rest;
pub mod run_queue;
pub mod runtime;
mod scheduler;
mod search;
pub mod sentinel;
pub mod shield;
pub mod shutdown;
mod slack;
mod spawn;
#[allow(unsafe_code)]
pub mod task;
mod task_local;
pub mod time_limit;
pub mod transit;
pub mod try_lock;
pub mod vacancy;
pub mod wait;
mod worker;
mod yield_now;

pub use runtime::{Handle, Runtime, run};
pub use spawn::{spawn, spawn_blocking, spawn_local};
pub use task::{JoinError, Task, TaskId};
pub use task_local::{LocalKey, Scoped, Unset};
#[doc(hidden)]
pub use windlass_sync::shim::thread_local as __thread_local;
pub use yield_now::{YieldNow, yield_now};
