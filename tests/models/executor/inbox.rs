//! A model of the tasks that other threads send to the one that they are bound to.

use std::collections::VecDeque;
use std::sync::Arc;

use windlass_executor::idle::Idle;
use windlass_executor::inbox::Inbox;
use windlass_executor::parker::Parker;
use windlass_executor::rest::lie_down;
use windlass_executor::task::new_task;

use super::hands::{Queue, spawn, spec};

/// Seat 0, and what others see of it.
struct Seat {
    inbox: Inbox,
    idle: Idle,
    parker: Parker,
}

/// Property: tasks that are sent to the thread that they are bound to reach it, wherever it is on its
/// way to bed.
/// Threads: the worker, two that send. Bound: see the list.
/// Killed by: `receive` resetting the count after it has unlocked; `send` unparking before it has
/// pushed; `Parker::clear` not acquiring.
pub fn tasks_that_are_sent_to_their_thread_reach_it_before_it_sleeps() {
    let (inbox, parker) = (Inbox::default(), Parker::default());
    let seat = Arc::new(Seat { inbox, idle: Idle::new(1, false), parker });
    let queue = Queue::new();
    let senders = [(); 2].map(|()| {
        let (runnable, task) = new_task(async {}, queue.clone(), spec(false));
        task.detach();
        let seat = seat.clone();
        // As `Shared::send_local` does.
        spawn(move || {
            seat.inbox.send(runnable, || {
                seat.idle.call(0);
                seat.parker.unpark(|| {});
            });
        })
    });
    let (mut received, mut searching) = (VecDeque::new(), false);
    while received.len() < 2 {
        seat.inbox.receive(&mut received);
        if received.len() < 2 {
            let has_work = || !seat.inbox.is_empty();
            let me = (&seat.idle, &seat.parker, 0);
            let sleep = |_: &mut Option<()>, _| _ = seat.parker.park(None);
            searching = lie_down(me, searching, None, has_work, sleep).searching;
        }
    }
    received.into_iter().for_each(|task| queue.run_one(task));
    for sender in senders {
        sender.join().expect("it does not panic");
    }
    assert_eq!(queue.cells(), 0, "a cell is leaked");
}
