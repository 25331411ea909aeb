//! A model of scheduler, reactor and blocking pool together.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};

use windlass_executor::blocking::BlockingPool;
use windlass_executor::deque::Worker;
use windlass_executor::task::Task;

use super::hands::spawn;
use super::idle::{OPENS, WAITS};
use super::sim::Sim;

/// The waker of a task: it is pushed from outside.
struct Pushes(Arc<Sim>);

impl Wake for Pushes {
    fn wake(self: Arc<Self>) {
        self.0.inject(OPENS);
    }
}

/// True if the blocking job is done; else its end wakes.
fn is_done(job: &mut Task<u32>, waker: &Waker) -> bool {
    match Pin::new(job).poll(&mut Context::from_waker(waker)) {
        Poll::Ready(result) => {
            assert_eq!(result.expect("it is not refused"), 7);
            true
        }
        Poll::Pending => false,
    }
}

/// Property: a worker that sleeps in front of the reactor runs the task whose blocking job ends, and
/// the one whose socket is ready, whichever comes first and wherever the worker is then.
/// Threads: a worker, a thread of the blocking pool, the kernel. Bound: see the list.
/// Killed by: `Parker::unpark` not waking the reactor; no second look in `lie_down`.
pub fn a_blocking_job_and_an_event_both_reach_a_worker() {
    let queues = [Worker::new_fifo()];
    let sim = Sim::new(1, &queues, 2, |_, _, _| ());
    let pool = BlockingPool::builder().threads(0..=1).eager(1).build();
    let mut job = pool.run(|| 7);
    let waker = Waker::from(Arc::new(Pushes(sim.clone())));
    let kernel = spawn({
        let sim = sim.clone();
        move || sim.poller.event(WAITS)
    });
    let [mine] = queues;
    let was_done = is_done(&mut job, &waker);
    if was_done {
        sim.run(Some(&mine), OPENS);
    }
    sim.work(0, Some(&mine));
    kernel.join().expect("it does not panic");
    assert!(was_done || is_done(&mut job, &waker), "it was woken before the job was done");
    assert!(pool.close_and_wait(None).is_empty());
    let mut expected = [OPENS, WAITS];
    expected.sort_unstable();
    assert_eq!(sim.ran(), expected);
}
