//! A model of waiting for several tasks at once.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use windlass_executor::task::{Owner, new_task};
use windlass_executor::wait::{Until, wait};

use super::hands::{Count, Queue, Subject, spawn, spec};

/// Property: a wait that begins while its tasks end finds each end once, and is woken for the last.
/// The first task was waited for before, so its end takes whatever waker is there.
/// Threads: a worker, the waiter. Bound: see the list.
/// Killed by: `Wait::collect` not looking at `ended`; `Ends::watch` not telling a task that is done
/// already.
pub fn a_wait_that_begins_while_its_tasks_end_finds_each_end_once() {
    let queue = Queue::new();
    let mut tasks: Vec<_> = (0..2)
        .map(|_| {
            let (runnable, task) = new_task(Subject::new(0).0, queue.clone(), spec(false));
            queue.push(runnable);
            task
        })
        .collect();
    assert!(tasks[0].poll_finished(&mut Context::from_waker(Waker::noop())).is_pending());
    let worker = spawn({
        let queue = queue.clone();
        move || queue.run()
    });
    let count = Arc::new(Count::default());
    let waker = Waker::from(count.clone());
    let mut waiting = wait(&mut tasks, Until::AllCompleted);
    let mut poll = || Pin::new(&mut waiting).poll(&mut Context::from_waker(&waker));
    let first = poll();
    worker.join().expect("it does not panic");
    let waited = match first {
        Poll::Ready(waited) => waited,
        Poll::Pending => {
            assert!(count.wakes() > 0, "a wake was lost");
            match poll() {
                Poll::Ready(waited) => waited,
                Poll::Pending => panic!("an end was lost"),
            }
        }
    };
    assert_eq!((waited.done.len(), waited.pending.len()), (2, 0));
    drop((waiting, waited));
    assert_eq!(queue.cells(), 0, "a cell is leaked");
}
