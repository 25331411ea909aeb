//! Targets for a fuzzer: each turns bytes into steps, and takes the steps on the real thing and on a
//! simple reference.
//!
//! | target | what runs | what it is held against |
//! |---|---|---|
//! | [`wheel`] | the timer wheel | a sorted map |
//! | [`queue`] | the three queues, all operations, futures dropped anywhere | the rules as a list |
//! | [`parsers`] | the parsers of the attributes | what the macros rely on |
//! | [`lines`] | the line reader and the helpers beside it | the whole text in memory |
//!
//! `cargo xtask fuzz TARGET` builds and runs them, beginning with the inputs in `seeds/`.
#![forbid(unsafe_code)]

mod bytes;
pub mod lines;
pub mod parsers;
pub mod queue;
pub mod wheel;

// The parsers of the macros, the very files: `proc_macro` works only inside the compiler, so they
// parse trees of their own, and nothing of them is public. They call each other from the root.
#[rustfmt::skip] // rustfmt does not find its unit tests from here
#[path = "../../../macros/src/function.rs"]
mod function;
#[rustfmt::skip] // rustfmt does not find its unit tests from here
#[path = "../../../macros/src/options.rs"]
mod options;
#[rustfmt::skip] // rustfmt does not find its unit tests from here
#[path = "../../../macros/src/tree.rs"]
mod tree;
