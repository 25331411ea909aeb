//! The executor floor.
#![deny(unsafe_code)]
