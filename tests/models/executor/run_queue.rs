//! Models of a worker's queue: window, tail and slot against thieves, with real tasks.

use std::sync::Arc;

use windlass_executor::deque::Steal;
use windlass_executor::ids::Ids;
use windlass_executor::run_queue::RunQueue;
use windlass_executor::task::{Runnable, Spec, new_task};
use windlass_sync::shim::hint;

use super::hands::{Queue, spawn, spec};
use crate::note::Note;

/// Tasks numbered from 1 on, each ready at its first poll.
fn tasks<const COUNT: usize>() -> [Runnable; COUNT] {
    let ids = Ids::new();
    let owner = Queue::new();
    [(); COUNT].map(|()| {
        let spec = Spec { id: ids.one(), ..spec(false) };
        let (runnable, task) = new_task(async {}, owner.clone(), spec);
        task.detach();
        runnable
    })
}

/// What one thread has taken, in its order; no part of the model.
#[derive(Clone, Default)]
struct Taken(Arc<Note<Vec<Runnable>>>);

impl Taken {
    fn note(&self, task: Option<Runnable>) {
        // Taking it was a step of the model; keeping it is none.
        self.0.lock().extend(task);
    }

    fn numbers(&self) -> Vec<u64> {
        let taken = self.0.lock();
        let first = |task: &Runnable| task.id().get();
        taken.iter().map(first).collect()
    }
}

/// Steals until there is an answer, and takes what came along.
fn steal(from: &windlass_executor::run_queue::Public, into: &RunQueue, taken: &Taken) {
    let first = loop {
        match from.steal_into(into) {
            Steal::Success(task) => break Some(task),
            Steal::Empty => break None,
            Steal::Retry => hint::spin_loop(),
        }
    };
    taken.note(first);
    while let Some(task) = into.pop() {
        taken.note(Some(task));
    }
}

/// Each task was taken once, and each thread met its tasks in the order of their pushes.
fn check(owner: &Taken, thief: &Taken, expected: &[u64]) {
    let (mine, stolen) = (owner.numbers(), thief.numbers());
    assert!(mine.is_sorted() && stolen.is_sorted(), "{mine:?} {stolen:?}");
    let mut all = [mine, stolen].concat();
    all.sort_unstable();
    assert_eq!(all, expected);
}

/// Property: window and tail are one queue, first in, first out; an owner that pops and refills and
/// a thief that takes a batch get each task once.
/// Threads: the owner, a thief. Bound: see the list.
/// Killed by: `refill` taking the newest of the tail; `push` filling the window past a tail;
/// `steal_tail` not looking at the window again.
pub fn a_thief_and_the_owner_take_each_task_of_window_and_tail_once() {
    let queue = RunQueue::with_window(2);
    let [first, second, third, fourth] = tasks();
    let [mine, stolen] = [Taken::default(), Taken::default()];
    queue.push(first);
    queue.push(second);
    queue.push(third);
    let thief = spawn({
        let (public, taken) = (queue.public().clone(), stolen.clone());
        move || {
            let own = RunQueue::with_window(2);
            steal(&public, &own, &taken);
            steal(&public, &own, &taken);
        }
    });
    mine.note(queue.pop());
    queue.push(fourth);
    while let Some(task) = queue.pop() {
        mine.note(Some(task));
    }
    thief.join().expect("it does not panic");
    // A thief may have emptied the window just after the owner has refilled it.
    while let Some(task) = queue.pop() {
        mine.note(Some(task));
    }
    check(&mine, &stolen, &[1, 2, 3, 4]);
}

/// Property: the next task, and the one that it displaces, are taken once each, by the owner or by
/// one that takes the slot it has seen.
/// Threads: the owner, a thief. Bound: see the list.
/// Killed by: `push_next` dropping what it displaces.
pub fn a_next_task_and_the_one_it_displaces_are_taken_once() {
    let queue = RunQueue::with_window(2);
    let [first, second] = tasks();
    let [mine, stolen] = [Taken::default(), Taken::default()];
    assert!(!queue.push_next(first));
    let thief = spawn({
        let (public, taken) = (queue.public().clone(), stolen.clone());
        move || {
            if let Some(seen) = public.glance() {
                taken.note(public.take_slot(seen));
            }
            steal(&public, &RunQueue::with_window(2), &taken);
        }
    });
    queue.push_next(second);
    mine.note(queue.pop_next());
    mine.note(queue.pop());
    thief.join().expect("it does not panic");
    mine.note(queue.pop());
    assert!(queue.pop_next().is_none());
    let mut all = [mine.numbers(), stolen.numbers()].concat();
    all.sort_unstable();
    assert_eq!(all, [1, 2]);
}
