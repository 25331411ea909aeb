//! The integration tests: each test's name is the sentence it proves.
#![cfg(not(windlass_loom))]

mod executor;
mod house;
mod kit;
mod programs;
mod reactor;
mod sync;
mod timer;
