//! The timer floor.
#![forbid(unsafe_code)]
