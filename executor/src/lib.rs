//! The executor floor.
#![deny(unsafe_code)]

pub mod deque;
pub mod ids;
pub mod report;
#[allow(unsafe_code)]
pub mod task;
