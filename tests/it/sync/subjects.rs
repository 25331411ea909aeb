//! Every primitive that can be waited on, in one shape, for the tests that treat all alike.

mod channels;
mod first;
mod locks;
mod meetings;
mod queues;

use std::pin::Pin;

pub type Wait = Pin<Box<dyn Future<Output = ()>>>;

/// A primitive that nobody can pass at first.
pub struct Subject {
    pub name: &'static str,
    /// Starts a wait; it passes what it got on when it is over.
    pub wait: Box<dyn Fn() -> Wait>,
    /// Serves one waiter, or all.
    pub serve: Box<dyn Fn()>,
    /// How many wait.
    pub waiting: Box<dyn Fn() -> usize>,
    /// Calls everything that can be called on it and does not serve anybody.
    pub poke: Box<dyn Fn()>,
    /// One `serve` is for one waiter at a time, not for all.
    pub one_at_a_time: bool,
}

/// Every primitive with a line.
pub fn subjects() -> Vec<Subject> {
    [first::all(), locks::all(), queues::all(), channels::all(), meetings::all()]
        .into_iter()
        .flatten()
        .collect()
}
