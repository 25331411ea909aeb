//! The reactor floor.
#![forbid(unsafe_code)]
