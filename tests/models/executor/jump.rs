//! Models of a paused clock that goes on by itself: it must not leave behind what is under way.

use std::sync::Arc;

use windlass_executor::idle::{Bed, Idle};
use windlass_executor::parker::Parker;
use windlass_executor::rest::{is_quiet, lie_down};
use windlass_sync::shim::atomic::{AtomicBool, Ordering::Relaxed};
use windlass_sync::shim::{Mutex, hint};

use super::hands::spawn;

/// Two seats and a blocking job.
struct Runtime {
    idle: Idle,
    parkers: [Parker; 2],
    /// The job runs.
    running: Mutex<bool>,
    /// It has woken the task that waits for it, which is bound to seat 1.
    woken: AtomicBool,
    /// The task has run, and has armed a timer, say.
    armed: AtomicBool,
    /// The worker is to end.
    over: AtomicBool,
}

impl Runtime {
    fn new(running: bool) -> Arc<Self> {
        Arc::new(Self {
            idle: Idle::new(2, false),
            parkers: [Parker::default(), Parker::default()],
            running: Mutex::new(running),
            woken: AtomicBool::new(false),
            armed: AtomicBool::new(false),
            over: AtomicBool::new(false),
        })
    }

    /// The job's end: it wakes the task, as `Shared::send_local` does, and then goes.
    fn job(&self) {
        self.woken.store(true, Relaxed);
        self.idle.call(1);
        self.parkers[1].unpark(|| {});
        *self.running.lock() = false;
    }

    /// The worker of seat 1: runs its task once it is woken, and sleeps before and after that.
    fn worker(&self) {
        let (mut searching, mut ran) = (false, false);
        while !self.over.load(Relaxed) {
            if self.woken.load(Relaxed) && !ran {
                ran = true;
                self.armed.store(true, Relaxed);
            }
            let me = (&self.idle, &self.parkers[1], 1);
            let sleep = |_: &mut Option<()>, _| _ = self.parkers[1].park(None);
            searching = lie_down(me, searching, None, || false, sleep).searching;
        }
    }

    /// The sleeper on seat 0, as `Worker::advance_clock` asks.
    fn advance_clock(&self) {
        let _ = self.idle.park(0, false, Bed::Reactor);
        while !is_quiet(&self.idle, self.parkers.iter(), || *self.running.lock()) {
            hint::spin_loop();
        }
        assert!(self.armed.load(Relaxed), "the clock leaves a timer behind");
    }
}

/// Property: a sleeper that finds nothing under way, and moves the clock, sees what was done by the task
/// that a blocking job has woken, and by the worker that ran it.
/// Threads: the sleeper, a worker, the job. Bound: see the list.
/// Killed by: `is_quiet` not looking at the parkers, or looking for jobs last; `lie_down` clearing the
/// parker before it has left the bed; `Parker::clear` not releasing.
pub fn a_clock_goes_on_only_when_nothing_is_under_way() {
    let runtime = Runtime::new(true);
    let job = spawn({
        let runtime = runtime.clone();
        move || runtime.job()
    });
    let worker = spawn({
        let runtime = runtime.clone();
        move || runtime.worker()
    });
    runtime.advance_clock();
    runtime.over.store(true, Relaxed);
    runtime.parkers[1].unpark(|| {});
    job.join().expect("it does not panic");
    worker.join().expect("it does not panic");
}

/// Property: who finds that all workers sleep sees what they did before they lay down.
/// Threads: who looks, a worker. Bound: none.
/// Killed by: `all_parked` with a `Relaxed` load; `Idle::park` without its fence of `bed`.
pub fn who_finds_everybody_asleep_sees_what_they_did() {
    let runtime = Runtime::new(false);
    let worker = spawn({
        let runtime = runtime.clone();
        move || {
            runtime.armed.store(true, Relaxed);
            let _ = runtime.idle.park(1, false, Bed::Condvar);
        }
    });
    runtime.advance_clock();
    worker.join().expect("it does not panic");
}
