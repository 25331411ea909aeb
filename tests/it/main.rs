//! The integration tests: each test's name is the sentence it proves.
#![cfg(not(windlass_loom))]
#![allow(
    clippy::async_yields_async,
    reason = "a root that hands a task out is what some tests are about"
)]
#![allow(clippy::waker_clone_wake, reason = "waking by value is another path than by reference")]
#![allow(
    clippy::map_identity,
    reason = "`map(|()| ())` names the type of an output that is never made"
)]

mod executor;
mod house;
mod kit;
mod pool;
mod programs;
mod reactor;
mod sync;
mod timer;
