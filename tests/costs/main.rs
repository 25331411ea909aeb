//! What operations cost, counted instead of timed: allocations, what is kept of them, and polls that come
//! before.
//!
//! A binary of its own, since it brings an allocator that counts.

mod allocations;
mod bounds;
mod kept;
#[path = "../it/executor/rig.rs"]
#[allow(dead_code, reason = "it has what all tests of runtimes need")]
mod rig;
