//! Models of what joins several tasks: groups and sets.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::task::{Context, Poll, Waker};

use windlass_executor::group::children::{Children, Parent, Why};
use windlass_executor::join_set::JoinSet;
use windlass_executor::task::{Owner, Task, new_task};

use super::hands::{Count, Queue, Subject, spawn, spec};
use crate::Model;

/// The models of this file.
pub const MODELS: &[Model] = &[
    Model {
        name: "a_child_that_is_spawned_while_its_group_is_cancelled_is_refused_or_cancelled",
        threads: 3,
        weak: Some(3),
        interleaving: Some(4),
        killed_by: "Children::fill not looking at closed; Children::is_over not closing; Ends::poll_next not looking again with its waker",
        body: a_child_that_is_spawned_while_its_group_is_cancelled_is_refused_or_cancelled,
    },
    Model {
        name: "a_child_that_is_spawned_while_its_group_is_dropped_is_refused_or_cancelled",
        threads: 2,
        weak: None,
        interleaving: None,
        killed_by: "Children::fill forgetting a task that finds no place; Children::abandon not closing",
        body: a_child_that_is_spawned_while_its_group_is_dropped_is_refused_or_cancelled,
    },
    Model {
        name: "an_outer_group_is_told_when_the_last_group_within_is_gone",
        threads: 3,
        weak: None,
        interleaving: None,
        killed_by: "Holding::drop waking nobody; List::is_empty not looking at held",
        body: an_outer_group_is_told_when_the_last_group_within_is_gone,
    },
    Model {
        name: "each_end_of_a_member_is_taken_once_and_the_last_wakes_who_waits_for_it",
        threads: 2,
        weak: Some(2),
        interleaving: Some(3),
        killed_by: "Ends::poll_next not looking again with its waker; Ends::watch not telling a task that is done already; JoinSet::remove_finished not looking",
        body: each_end_of_a_member_is_taken_once_and_the_last_wakes_who_waits_for_it,
    },
];

/// A future that waits for ever, and is counted when it is dropped.
struct Held(Arc<AtomicUsize>);

impl Future for Held {
    type Output = ();

    fn poll(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<()> {
        Poll::Pending
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.0.fetch_add(1, SeqCst);
    }
}

/// What a group's handle does, without a runtime; true if the group took the child.
fn spawn_child(children: &Children<()>, queue: &Queue, dropped: &Arc<AtomicUsize>) -> bool {
    let Some((place, _outer)) = children.admit() else { return false };
    let (runnable, task) = new_task(Held(dropped.clone()), queue.clone(), spec(false));
    queue.push(runnable);
    children.fill(place, task);
    true
}

/// A group's waiter: hears of what has ended, and asks if that was all.
struct Waiter {
    count: Arc<Count>,
    /// How often it had been woken when it looked last.
    seen: usize,
    ended: usize,
}

impl Waiter {
    fn new() -> Self {
        Self { count: Arc::default(), seen: 0, ended: 0 }
    }

    fn look(&mut self, children: &Children<()>) -> bool {
        self.seen = self.count.wakes();
        let waker = Waker::from(self.count.clone());
        while let Poll::Ready(child) = children.poll_ended(&mut Context::from_waker(&waker)) {
            assert!(Task::is_finished(&child), "only an end is told");
            self.ended += 1;
        }
        children.is_over()
    }

    fn look_if_woken(&mut self, children: &Children<()>) -> bool {
        self.count.wakes() > self.seen && self.look(children)
    }
}

/// Property: a child that is spawned while its group is cancelled is refused, or it is cancelled and
/// its end is heard of; then the group is over, and its waiter was woken.
/// Threads: a spawner, a canceller that runs tasks, the waiter. Bound: see the list.
/// Killed by: `Children::fill` not looking at `closed`; `Children::is_over` not closing;
/// `Ends::poll_next` storing its waker without looking again.
fn a_child_that_is_spawned_while_its_group_is_cancelled_is_refused_or_cancelled() {
    let (queue, dropped) = (Queue::new(), Arc::default());
    let children = Arc::new(Children::new(None));
    let admitted = Arc::new(AtomicUsize::new(0));
    let spawner = spawn({
        let (children, queue, dropped) = (children.clone(), queue.clone(), Arc::clone(&dropped));
        let admitted = admitted.clone();
        move || _ = admitted.fetch_add(spawn_child(&children, &queue, &dropped).into(), SeqCst)
    });
    let canceller = spawn({
        let (children, queue) = (children.clone(), queue.clone());
        move || {
            children.close(Why::Asked(None));
            queue.run();
        }
    });
    let mut waiter = Waiter::new();
    let mut over = waiter.look(&children);
    canceller.join().expect("it does not panic");
    // The wake of the cancel itself is used up here, so it cannot stand in for that of the end.
    over = over || waiter.look_if_woken(&children);
    spawner.join().expect("it does not panic");
    queue.run();
    assert!(over || waiter.look_if_woken(&children), "a wake or an end was lost");
    assert_eq!(waiter.ended, admitted.load(SeqCst), "the group was over too early");
    assert_eq!(dropped.load(SeqCst), waiter.ended);
    assert!(children.admit().is_none());
    assert_eq!(queue.cells(), 0, "a cell is leaked");
}

/// Property: a child that is spawned while its group is dropped is refused, or it is cancelled.
/// Threads: a spawner, the one that drops the group. Bound: none.
/// Killed by: `Children::fill` forgetting a task that finds no place; `Children::abandon` not
/// closing the group.
fn a_child_that_is_spawned_while_its_group_is_dropped_is_refused_or_cancelled() {
    let (queue, dropped) = (Queue::new(), Arc::default());
    let children = Arc::new(Children::new(None));
    let admitted = Arc::new(AtomicUsize::new(0));
    let spawner = spawn({
        let (children, queue, dropped) = (children.clone(), queue.clone(), Arc::clone(&dropped));
        let admitted = admitted.clone();
        move || _ = admitted.fetch_add(spawn_child(&children, &queue, &dropped).into(), SeqCst)
    });
    children.abandon();
    spawner.join().expect("it does not panic");
    queue.run();
    assert_eq!(dropped.load(SeqCst), admitted.load(SeqCst));
    assert_eq!(queue.cells(), 0, "a cell is leaked");
}

/// Property: a group is not over while one within it is not gone, and is told when that is.
/// Threads: two that let go of their holds, the waiter. Bound: none.
/// Killed by: `Holding::drop` waking nobody; `List::is_empty` not looking at `held`.
fn an_outer_group_is_told_when_the_last_group_within_is_gone() {
    let children = Arc::new(Children::<()>::new(None));
    let gone = Arc::new(AtomicUsize::new(0));
    let within: Vec<_> = (0..2)
        .map(|_| {
            let (hold, gone) = (children.clone().hold(), gone.clone());
            spawn(move || {
                gone.fetch_add(1, SeqCst);
                drop(hold);
            })
        })
        .collect();
    let mut waiter = Waiter::new();
    let over = waiter.look(&children);
    assert!(!over || gone.load(SeqCst) == 2, "the group was over too early");
    within.into_iter().for_each(|thread| thread.join().expect("it does not panic"));
    assert!(over || waiter.look_if_woken(&children), "a wake was lost");
}

/// Property: a set whose members end while they are added and awaited gives each end once, and the
/// last end wakes the waiter. The first task was waited for before, so its end takes whatever waker
/// is there.
/// Threads: a worker, the waiter. Bound: see the list.
/// Killed by: `Ends::poll_next` storing its waker without looking again; `Ends::watch` not telling a
/// task that is done already; `JoinSet::remove_finished` not looking who is there.
fn each_end_of_a_member_is_taken_once_and_the_last_wakes_who_waits_for_it() {
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
    let mut set: JoinSet<_> = tasks.into_iter().collect();
    let mut taken = 0;
    let mut take = |set: &mut JoinSet<_>| {
        while let Poll::Ready(Some(joined)) = set.poll_join_next(&mut Context::from_waker(&waker)) {
            assert!(joined.is_ok());
            taken += 1;
        }
        taken
    };
    let first = take(&mut set);
    worker.join().expect("it does not panic");
    assert!(first == 2 || count.wakes() > 0, "a wake was lost");
    assert_eq!(take(&mut set), 2, "an end was lost");
    assert!(set.is_empty());
    drop(set);
    assert_eq!(queue.cells(), 0, "a cell is leaked");
}
