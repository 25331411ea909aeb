//! The timer floor: the clock, the wheel, and the futures that wait for a point in time.
//!
//! # The problem
//!
//! A server has a deadline for everything: each request, each idle connection, each retry. Nearly
//! all of them are cancelled before they come. So arming and cancelling must cost next to nothing,
//! with a million of them armed, from many threads; and knowing which one comes next must cost
//! nothing at all, because every worker asks before it parks.
//!
//! ```text
//!    sleep   timeout   interval      futures, any thread, any executor
//!       \       |       /
//!        Handle (thread-local)       which timers, which shard
//!               |
//!    Timers = shard, shard, foreign  a lock and a next deadline each
//!               |
//!            Wheel                   pure data: 1,024 slots of marks
//!               |
//!             Clock                  real, paused, advanced
//! ```
//!
//! Nothing here starts a thread or waits: whoever owns the threads asks [`Timers::next`], sleeps as
//! it sees fit, and calls [`Timers::fire`]. Nothing here knows what a task is; what comes up is a
//! [`Waker`](std::task::Waker).
//!
//! # Promises
//!
//! - A sleep never ends early: deadlines are kept to the nanosecond.
//! - Firing goes by deadline, and among equal ones by age.
//! - No instant and no duration makes anything panic: the past is due, too far is never.
//! - No lock is held while a waker is cloned, woken or dropped.
//! - A worker arms in no shard but its own; it locks others only to fire, cancel or reset what lies
//!   there.
//!
//! # Reading order
//!
//! `clock.rs`, `wheel.rs`, `slot.rs`, `chunks.rs` (what the wheel is made of), `deadline.rs`, `timers.rs` (the
//! protocol with who parks), `shard.rs`, `handle.rs`, `sleep.rs`, `timeout.rs`, `interval.rs`.
//!
//! The version promise of windlass covers its facade; the items here are public so that they can be
//! read, modelled and reused.
#![forbid(unsafe_code)]

mod chunks;
pub mod clock;
mod deadline;
mod handle;
mod interval;
mod shard;
mod sleep;
mod slot;
mod timeout;
mod timers;
pub mod wheel;

pub use clock::Clock;
pub use handle::{EnterGuard, Handle};
pub use interval::{Interval, MissedTickBehavior, Tick, interval, interval_at};
pub use sleep::{Sleep, sleep, sleep_until};
pub use timeout::{Elapsed, Timeout, TooLate, timeout, timeout_at};
pub use timers::Timers;
