//! Models of the driver: one worker at a time has it, and nobody else's sleep outlasts an event.

use std::sync::Arc;

use windlass_executor::deque::Worker;
use windlass_executor::rest::hand_over;
use windlass_executor::try_lock::TryLock;
use windlass_sync::shim::atomic::{AtomicUsize, Ordering::Relaxed};

use super::hands::spawn;
use super::idle::{OPENS, WAITS};
use super::sim::{Gate, Sim};

/// Property: a lock that is tried lets one in at a time, who sees what the former one left, and
/// whoever is refused does not wait.
/// Threads: two. Bound: none.
/// Killed by: `Guard::drop` not freeing the flag; `try_lock` going on to the content without the
/// flag. Not by a Relaxed flag: the mutex around the content orders it once more.
pub fn a_tried_lock_lets_one_in_at_a_time() {
    let lock = Arc::new((TryLock::new(0), AtomicUsize::new(0)));
    let refused = Arc::new(Gate::new());
    let enter = |lock: &(TryLock<u32>, AtomicUsize)| match lock.0.try_lock() {
        Some(mut content) => {
            assert_eq!(lock.1.fetch_add(1, Relaxed), 0, "two are inside");
            *content += 1;
            lock.1.fetch_sub(1, Relaxed);
            1
        }
        None => 0,
    };
    let entered = Arc::new(std::sync::atomic::AtomicU32::new(0));
    let held = lock.0.try_lock();
    let other = spawn({
        let (lock, refused, entered) = (lock.clone(), refused.clone(), entered.clone());
        move || {
            assert!(lock.0.try_lock().is_none());
            refused.open();
            let count = enter(&lock) + enter(&lock);
            entered.store(count, std::sync::atomic::Ordering::SeqCst);
        }
    });
    refused.wait();
    drop(held);
    let mine = enter(&lock);
    other.join().expect("it does not panic");
    let all = mine + entered.load(std::sync::atomic::Ordering::SeqCst);
    assert!(all >= 1, "everybody was refused by nobody");
    assert_eq!(lock.0.try_lock().map(|content| *content), Some(all));
}

/// Two workers that share the driver, and what happens outside. Jobs come as events or are pushed.
fn two_workers(jobs: &'static [u32], outside: fn(&Sim)) {
    let queues = [0, 1].map(|_| Worker::new_fifo());
    let sim = Sim::new(2, &queues, jobs.len(), |sim, _, job| match job {
        WAITS => sim.gate.wait(),
        _ => sim.gate.open(),
    });
    let outside = spawn({
        let sim = sim.clone();
        move || outside(&sim)
    });
    let [mine, other] = queues;
    let worker = spawn({
        let sim = sim.clone();
        move || sim.work(1, Some(&other))
    });
    sim.work(0, Some(&mine));
    outside.join().expect("it does not panic");
    worker.join().expect("it does not panic");
    assert_eq!(sim.ran(), jobs);
}

/// Property: of two workers one waits in front of the reactor, so an event becomes a job.
/// Threads: two workers, the kernel. Bound: see the list.
/// Killed by: the driver given back before the sleep.
pub fn an_event_reaches_one_of_two_workers() {
    two_workers(&[OPENS], |sim| sim.poller.event(OPENS));
}

/// Property: an event and a push are both served, and the job of the event may wait for the pushed
/// one, whoever was counted as a searcher when it was pushed.
/// Threads: two workers, the outside. Bound: see the list.
/// Killed by: a worker that comes out of the reactor with a search credit keeping it while it polls
/// (`found` not called by `begin_work`); no second look in `lie_down`.
pub fn a_job_from_the_reactor_may_wait_for_one_from_outside() {
    two_workers(&[WAITS, OPENS], |sim| {
        sim.poller.event(WAITS);
        sim.inject(OPENS);
    });
}

/// Property: a thread that leaves its seat for good, and perhaps was the one in front of the
/// reactor, leaves somebody else there.
/// Threads: one that leaves, a worker, the kernel. Bound: see the list.
/// Killed by: `hand_over` waking nobody; no fence in `hand_over`; no look at the driver in
/// `lie_down`.
pub fn a_thread_that_leaves_its_seat_leaves_somebody_in_front_of_the_reactor() {
    let queues = [0, 1].map(|_| Worker::new_fifo());
    let sim = Sim::new(2, &queues, 1, |_, _, _| ());
    let kernel = spawn({
        let sim = sim.clone();
        move || sim.poller.event(OPENS)
    });
    let [_, other] = queues;
    let worker = spawn({
        let sim = sim.clone();
        move || sim.work(1, Some(&other))
    });
    // It looks for events without sleeping, finds none that it wants, and leaves.
    drop(sim.helm.take(0));
    sim.idle.set_caller(false);
    if let Some(seat) = hand_over(&sim.idle, &sim.helm.driver) {
        sim.unpark(seat);
    }
    kernel.join().expect("it does not panic");
    worker.join().expect("it does not panic");
    assert_eq!(sim.ran(), [OPENS]);
}
