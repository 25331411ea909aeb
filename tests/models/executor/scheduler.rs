//! Models of the end: whoever pushes meanwhile loses nothing, and nobody sleeps on.

use std::sync::Arc;

use windlass_executor::deque::Steal;
use windlass_sync::shim::atomic::{AtomicBool, Ordering::Relaxed};

use super::hands::spawn;
use super::sim::{NEVER, Sim};

/// Property: a stop ends a worker wherever it sleeps or is about to, and the worker sees what was done
/// before the stop; a task that is pushed at the same time is run, or found by whoever takes the
/// queues apart, and not both.
/// Threads: a worker, a pusher, one that stops. Bound: see the list.
/// Killed by: `stop` unparking nobody; Relaxed in `Ending::say`; Relaxed in `Ending::must_stop`.
pub fn a_stop_ends_every_worker_and_leaves_what_was_pushed_to_one_side() {
    let sim = Sim::new(2, &[], NEVER, |_, _, _| ());
    let closed = Arc::new(AtomicBool::new(false));
    let worker = spawn({
        let (sim, closed) = (sim.clone(), closed.clone());
        move || {
            sim.work(1, None);
            assert!(closed.load(Relaxed), "what came before the stop is not seen");
        }
    });
    let pusher = spawn({
        let sim = sim.clone();
        move || sim.inject(0)
    });
    closed.store(true, Relaxed);
    sim.stop();
    worker.join().expect("it does not panic");
    pusher.join().expect("it does not panic");
    let mut all = sim.ran();
    while let Steal::Success(left) = sim.injector.steal() {
        all.push(left);
    }
    assert_eq!(all, [0]);
}
