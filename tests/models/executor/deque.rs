//! Models of the run queues: the twin under loom, crossbeam's on real threads.

use std::sync::Arc;

use windlass_executor::deque::{Injector, Steal, Stealer, Worker};
use windlass_sync::shim::UnsafeCell;

use super::hands::spawn;
use crate::note::Note;

/// An item that must have crossed from whoever pushed it to whoever takes it.
struct Item(u32, UnsafeCell<()>);

fn item(number: u32) -> Item {
    Item(number, UnsafeCell::new(()))
}

/// Who took what; no part of the model.
#[derive(Clone, Default)]
struct Taken(Arc<Note<Vec<u32>>>);

impl Taken {
    fn note(&self, items: impl IntoIterator<Item = Item>) {
        // First, since taking them is a step of the model, which must not happen under this lock.
        let touch = |Item(number, own): Item| {
            own.with_mut(|_| ());
            number
        };
        let numbers: Vec<u32> = items.into_iter().map(touch).collect();
        self.0.lock().extend(numbers);
    }

    /// Everything that was taken, in the order of the items.
    fn sorted(&self) -> Vec<u32> {
        let mut all = self.0.lock().clone();
        all.sort_unstable();
        all
    }
}

/// One attempt of a thief.
fn steal_once(stealer: &Stealer<Item>) -> Option<Item> {
    match stealer.steal() {
        Steal::Success(item) => Some(item),
        Steal::Empty | Steal::Retry => None,
    }
}

/// Property: each item is taken once, whoever takes it; none is lost.
/// Threads: the owner, two thieves. Bound: see the list.
/// Killed by: no fence in `Worker::publish`; `Stealer::claim` storing `front`, not exchanging it.
pub fn an_owner_and_two_thieves_take_each_item_of_a_deque_once() {
    let worker = Worker::new_fifo();
    let taken = Taken::default();
    let thieves = [0, 1].map(|_| {
        let (stealer, taken) = (worker.stealer(), taken.clone());
        spawn(move || taken.note(steal_once(&stealer)))
    });
    worker.push(item(0));
    worker.push(item(1));
    taken.note(worker.pop());
    taken.note(worker.pop());
    for thread in thieves {
        thread.join().expect("it does not panic");
    }
    taken.note(std::iter::from_fn(|| worker.pop()));
    assert_eq!(taken.sorted(), [0, 1]);
}

/// Property: a batch arrives whole, and may be stolen again where it has arrived.
/// Threads: the owner, a thief that takes a batch, a thief of the thief. Bound: see the list.
/// Killed by: no fence in `Worker::publish`; `Stealer::claim` exchanging for `front + 1`.
pub fn a_batch_moves_from_deque_to_deque_and_on_to_a_third() {
    let worker = Worker::new_fifo();
    let taken = Taken::default();
    (0..4).for_each(|number| worker.push(item(number)));
    let second = Worker::new_fifo();
    let third = {
        let (stealer, taken) = (second.stealer(), taken.clone());
        spawn(move || taken.note(steal_once(&stealer)))
    };
    let thief = {
        let (stealer, taken) = (worker.stealer(), taken.clone());
        spawn(move || {
            if let Steal::Success(item) = stealer.steal_batch_with_limit_and_pop(&second, 3) {
                taken.note([item]);
            }
            let _ = stealer.steal_batch_with_limit(&second, 1);
            taken.note(std::iter::from_fn(|| second.pop()));
        })
    };
    taken.note(worker.pop());
    thief.join().expect("it does not panic");
    third.join().expect("it does not panic");
    taken.note(std::iter::from_fn(|| worker.pop()));
    assert_eq!(taken.sorted(), [0, 1, 2, 3]);
}

/// Property: each item of two pushers is taken once; a thief that has claimed a slot waits for its
/// item.
/// Threads: two pushers, a thief. Bound: see the list.
/// Killed by: `Relaxed` in `Marks::announce`; `receive` not waiting for the mark; `push` storing
/// the tail instead of exchanging it.
pub fn two_pushers_and_a_thief_share_an_injector() {
    let injector = Arc::new(Injector::new());
    let taken = Taken::default();
    let pushers = [0, 1].map(|number| {
        let injector = injector.clone();
        spawn(move || injector.push(item(number)))
    });
    let worker = Worker::new_fifo();
    let steal = || match injector.steal_batch_with_limit_and_pop(&worker, 2) {
        Steal::Success(item) => Some(item),
        Steal::Empty | Steal::Retry => None,
    };
    taken.note(steal());
    taken.note(steal());
    for thread in pushers {
        thread.join().expect("it does not panic");
    }
    taken.note(std::iter::from_fn(|| worker.pop()));
    taken.note(std::iter::from_fn(steal));
    taken.note(std::iter::from_fn(|| worker.pop()));
    assert_eq!(taken.sorted(), [0, 1]);
    assert!(injector.is_empty());
}
