//! Model threads.

use std::panic::Location;

use super::trace::{self, Object, Step, step};
pub use loom::thread::LocalKey;

/// Lets the other threads run.
#[track_caller]
pub fn yield_now() {
    step(Location::caller(), Object::NOTHING, "yield", loom::thread::yield_now);
}

/// A model has no time: others may run.
#[track_caller]
pub fn sleep(_: std::time::Duration) {
    yield_now();
}

/// Starts a model thread; it never fails.
#[track_caller]
pub fn spawn<F: FnOnce() + Send + 'static>(
    _name: String,
    body: F,
) -> std::io::Result<JoinHandle<()>> {
    let thread = trace::new_thread();
    let mut begins = Step::new(Location::caller(), Object::NOTHING, "spawn");
    begins.other = Some(thread);
    let start = || {
        loom::thread::spawn(move || {
            trace::run_as(thread);
            body();
        })
    };
    Ok(JoinHandle { handle: begins.run(start, |_, _| ()), thread })
}

/// Waits for a model thread.
#[derive(Debug)]
pub struct JoinHandle<T> {
    handle: loom::thread::JoinHandle<T>,
    thread: usize,
}

impl<T> JoinHandle<T> {
    /// Waits for its end; what it returned.
    #[track_caller]
    pub fn join(self) -> std::thread::Result<T> {
        let mut joins = Step::new(Location::caller(), Object::NOTHING, "join");
        joins.other = Some(self.thread);
        joins.run(|| self.handle.join(), |_, _| ())
    }
}
