//! A model of a worker's queue and its slot against thieves, with real tasks.

use std::sync::Arc;

use windlass_executor::ids::Ids;
use windlass_executor::run_queue::RunQueue;
use windlass_executor::task::{Runnable, Spec, new_task};

use super::hands::{Queue, spawn, spec};
use crate::note::Note;

/// Tasks numbered from 1 on, each ready at its first poll.
fn tasks<const COUNT: usize>() -> [Runnable; COUNT] {
    let ids = Ids::new(0);
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

/// Steals, and takes what came along.
fn steal(from: &windlass_executor::run_queue::Public, into: &RunQueue, taken: &Taken) {
    taken.note(from.steal_into(into));
    while let Some(task) = into.pop() {
        taken.note(Some(task));
    }
}

/// Property: the next task, the one that it displaces and the one before both are taken once each, by the
/// owner or by one that takes the slot it has seen.
/// Threads: the owner, a thief. Bound: see the list.
/// Killed by: `push_next` dropping what it displaces.
pub fn a_next_task_and_the_one_it_displaces_are_taken_once() {
    let queue = RunQueue::with_short(1);
    let [first, second, third] = tasks();
    let [mine, stolen] = [Taken::default(), Taken::default()];
    queue.push(first);
    assert!(!queue.push_next(second));
    let thief = spawn({
        let (public, taken) = (queue.public().clone(), stolen.clone());
        move || {
            if let Some(seen) = public.glance() {
                taken.note(public.take_slot(seen));
            }
            steal(&public, &RunQueue::new(), &taken);
        }
    });
    queue.push_next(third);
    mine.note(queue.pop_next());
    mine.note(queue.pop());
    thief.join().expect("it does not panic");
    while let Some(task) = queue.pop().or_else(|| queue.pop_next()) {
        mine.note(Some(task));
    }
    let mut all = [mine.numbers(), stolen.numbers()].concat();
    all.sort_unstable();
    assert_eq!(all, [1, 2, 3]);
}
