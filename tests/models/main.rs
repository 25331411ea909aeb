//! The models: every protocol between threads, explored by loom or run on real threads.
//!
//! `cargo loom` explores all of them within their bounds, `cargo loom NAME` those whose name
//! contains `NAME`; `cargo loom --help` tells the rest. `cargo models` and `cargo test` run the same
//! bodies on real threads. README.md beside this file says what is proved, and what is not.
//!
//! A model that cannot fail proves nothing. `cargo xtask mutants` puts the bugs of
//! `tests/models/mutants` into the code, one at a time, and sees each make its model fail.
//!
//! Each model is explored twice, see [`Mode`](windlass_sync::shim::Mode).

mod broken;
mod executor;
mod facade;
mod note;
mod reactor;
mod runner;
mod sync;
mod timer;

use std::process::ExitCode;

#[derive(Debug)]
/// One model: a property, the threads it takes, and how far it is explored.
pub struct Model {
    /// The sentence it proves.
    pub name: &'static str,
    /// Threads, the main one included.
    pub threads: u32,
    /// Preemptions in weak mode; `None` is exhaustive.
    pub weak: Option<usize>,
    /// Preemptions in interleaving mode; `None` is exhaustive.
    pub interleaving: Option<usize>,
    /// The one-line mutation that it was seen to catch.
    pub killed_by: &'static str,
    /// The model itself.
    pub body: fn(),
}

/// Every model, in the order of the floors.
const ALL: &[&[Model]] = &[
    sync::MODELS,
    sync::queue::MODELS,
    sync::locks::MODELS,
    sync::lending::MODELS,
    sync::condvar::MODELS,
    sync::channels::MODELS,
    sync::meetings::MODELS,
    timer::MODELS,
    reactor::MODELS,
    executor::MODELS,
    executor::together::MODELS,
    facade::MODELS,
];

fn main() -> ExitCode {
    let models: Vec<&Model> = ALL.iter().copied().flatten().collect();
    runner::main(&models)
}
