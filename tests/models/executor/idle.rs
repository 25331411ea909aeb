//! Models of the idle protocol: nobody sleeps while there is work, and somebody watches.

use std::sync::Arc;

use windlass_executor::deque::Worker;
use windlass_executor::idle::{Bed, Idle};
use windlass_executor::pace::Pace;

use super::hands::spawn;
use super::sim::{Run, Sim};

/// Waits for another job to run.
pub const WAITS: u32 = 0;
/// Lets the other job go on.
pub const OPENS: u32 = 1;
/// Pushes both to its worker's own queue.
const FORKS: u32 = 2;

/// Property: a push from outside reaches a worker that is about to sleep.
/// Threads: a worker, a pusher. Bound: none.
/// Killed by: no fence in `Idle::park`; no fence in `Idle::notify`; no second look in `lie_down`.
pub fn a_push_reaches_a_worker_that_is_about_to_sleep() {
    let sim = Sim::new(1, &[], 1, |_, _, _| ());
    let asleep_elsewhere = sim.helm.take(0);
    let pusher = spawn({
        let sim = sim.clone();
        move || sim.inject(0)
    });
    sim.work(0, None);
    pusher.join().expect("it does not panic");
    drop(asleep_elsewhere);
    assert_eq!(sim.ran(), [0]);
}

/// Property: two pushes in a row reach it, too, the second perhaps between two sleeps.
/// Threads: a worker, a pusher. Bound: see the list.
/// Killed by: no fence in `Idle::park`; no second look in `lie_down`.
pub fn two_pushes_reach_a_worker_that_sleeps_twice() {
    let sim = Sim::new(1, &[], 2, |_, _, _| ());
    let asleep_elsewhere = sim.helm.take(0);
    let pusher = spawn({
        let sim = sim.clone();
        move || (0..2).for_each(|job| sim.inject(job))
    });
    sim.work(0, None);
    pusher.join().expect("it does not panic");
    drop(asleep_elsewhere);
    assert_eq!(sim.ran(), [0, 1]);
}

/// Two workers without queues of their own, and a thread that pushes these jobs.
fn two_workers(jobs: &'static [u32]) {
    let sim = Sim::new(2, &[], jobs.len(), |sim, _, job| match job {
        WAITS => sim.gate.wait(),
        _ => sim.gate.open(),
    });
    let asleep_elsewhere = sim.helm.take(0);
    let pusher = spawn({
        let sim = sim.clone();
        move || jobs.iter().for_each(|job| sim.inject(*job))
    });
    let worker = spawn({
        let sim = sim.clone();
        move || sim.work(1, None)
    });
    sim.work(0, None);
    pusher.join().expect("it does not panic");
    worker.join().expect("it does not panic");
    drop(asleep_elsewhere);
    assert_eq!(sim.ran(), jobs);
}

/// Property: a push from outside reaches one of two workers, one of which may be searching.
/// Threads: two workers, a pusher. Bound: see the list.
/// Killed by: no fence in `Idle::park`; `Idle::park` keeping the searcher's credit.
pub fn a_push_reaches_one_of_two_workers() {
    two_workers(&[OPENS]);
}

/// Property: a job that blocks its worker until another queued job has run does not wait for ever:
/// whoever finds work sends another worker out to search on.
/// Threads: two workers, a pusher. Bound: see the list.
/// Killed by: no fence in `Idle::end_search`; nobody woken after `end_search`; no search credit for
/// a worker that finds work in its second look.
pub fn no_job_is_stranded_behind_one_that_waits_for_it() {
    two_workers(&[WAITS, OPENS]);
}

/// Property: jobs that a worker pushes to its own queue are shared with a worker that sleeps.
/// Threads: two workers. Bound: see the list.
/// Killed by: no second look in `lie_down`. Not by a missing fence: the fence inside the second push
/// publishes the first task, and a look into a deque has a fence of its own.
pub fn a_fork_is_shared_with_a_worker_that_is_about_to_sleep() {
    a_fork_is_shared(None);
}

/// Property: so are jobs that were worth no theft when they were pushed, and then prove to be.
/// Threads: two workers. Bound: see the list.
/// Killed by: no second look in `lie_down`; `Pace::doubt` changing nothing.
pub fn a_backlog_that_proves_worth_a_theft_is_shared_with_a_worker_that_is_about_to_sleep() {
    let for_nothing = Pace::new(0);
    a_fork_is_shared(Some(for_nothing));
}

/// One worker pushes two jobs, of which the first waits for the second. If there is an estimate, it
/// changes between the pushes and the wake.
fn a_fork_is_shared(pace: Option<Pace>) {
    let queues = [0, 1].map(|_| Worker::new_fifo());
    let run: Run = |sim, queue, job| match job {
        WAITS => sim.gate.wait(),
        OPENS => sim.gate.open(),
        _ => {
            let queue = queue.expect("each worker has one");
            queue.push(WAITS);
            queue.push(OPENS);
            if let Some(pace) = &sim.pace {
                pace.doubt();
            }
            // As `Worker::after_poll` does: there is more than this worker can run at once.
            sim.wake_one();
        }
    };
    let sim = Sim::with_pace(2, &queues, 3, run, pace);
    let [mine, other] = queues;
    let asleep_elsewhere = sim.helm.take(0);
    let worker = spawn({
        let sim = sim.clone();
        move || sim.work(1, Some(&other))
    });
    sim.run(Some(&mine), FORKS);
    sim.work(0, Some(&mine));
    worker.join().expect("it does not panic");
    drop(asleep_elsewhere);
    assert_eq!(sim.ran(), [WAITS, OPENS, FORKS]);
}

/// Property: while one worker runs, exactly one of those that are parked is the sentinel, whoever
/// has parked, taken the post over, ended a watch or woken meanwhile.
/// Threads: one that wakes and runs, one that parks, one whose watch ends. Bound: none.
/// Killed by: `relieve` waking nobody; `watch_on` saying no while somebody runs; `park` not taking
/// the post over from the reactor; `leave` leaving the seat's bit.
pub fn there_is_one_sentinel_while_somebody_runs() {
    let idle = Arc::new(Idle::new(3, false));
    // Seat 0 sleeps in the reactor and has lost the post to seat 1; seat 2 runs.
    assert!(idle.park(0, false, Bed::Reactor).sentinel);
    assert!(idle.park(1, false, Bed::Condvar).sentinel);
    assert!(!idle.watch_on(0, false));
    let runner = spawn({
        let idle = idle.clone();
        move || {
            assert!(!idle.leave(0).searching);
            relieve(&idle);
        }
    });
    let parker = spawn({
        let idle = idle.clone();
        move || {
            let _ = idle.park(2, false, Bed::Condvar);
        }
    });
    let _ = idle.watch_on(1, false);
    runner.join().expect("it does not panic");
    parker.join().expect("it does not panic");
    // Seat 0 runs now, the others are parked.
    assert_eq!(idle.parked(), 2);
    let sentinels = [1, 2].into_iter().filter(|seat| idle.watch_on(*seat, false)).count();
    assert_eq!(sentinels, 1);
}

/// Goes to work, as `Worker::begin_work` does. Whoever is called for the post finds nothing to do
/// and parks again.
fn relieve(idle: &Idle) {
    if let Some(seat) = idle.relieve() {
        let left = idle.leave(seat);
        assert!(left.searching, "whoever is woken is counted as a searcher");
        let _ = idle.park(seat, left.searching, Bed::Condvar);
    }
}
