//! The driver: the reactor together with whoever turns it.
//!
//! One worker at a time holds it, for as long as it sleeps there or for one look at the events. A
//! worker that parks tries to take it and sleeps on its own condition variable if it cannot. Which
//! timers the sleeper answers for is decided in [`crate::rest`].

use std::io;
use std::time::{Duration, Instant};

use windlass_reactor::Reactor;
use windlass_sync::shim::thread;

/// What the holder of the driver may do.
#[derive(Debug)]
pub(crate) struct Driver(pub(crate) Reactor);

impl Driver {
    /// Collects the events there are, without sleeping; the number of wakers called.
    pub(crate) fn look(&mut self) -> usize {
        forgive(self.0.turn(Some(Duration::ZERO)))
    }

    /// Sleeps until there are events, an unpark, or `deadline`; the number of wakers called.
    pub(crate) fn sleep(&mut self, deadline: Option<Instant>) -> usize {
        forgive(self.0.turn_until(deadline))
    }
}

/// The kernel refuses to wait only if the poller's descriptor was closed behind our back. Nothing
/// can be awaited then, but tasks and timers go on, at the pace of this pause.
fn forgive(turned: io::Result<usize>) -> usize {
    const PAUSE: Duration = Duration::from_millis(1); // a failing loop must not burn a processor
    turned.unwrap_or_else(|error| {
        eprintln!("windlass: the reactor cannot wait for events: {error}");
        thread::sleep(PAUSE);
        0
    })
}
