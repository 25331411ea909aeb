//! A scheduler of one queue, turned by hand.

use std::collections::VecDeque;
use std::panic::Location;
use std::sync::atomic::{AtomicU64, Ordering::SeqCst};
use std::sync::{Arc, Mutex};
use std::time::Instant;

use windlass_executor::ids::Ids;
use windlass_executor::task::runnable::Listed;
use windlass_executor::task::{Described, Owner, Ran, Runnable, Spec, TaskId};

/// A scheduler of one queue; each cell holds one clone of it.
#[derive(Clone)]
pub struct Queue(Arc<Inner>);

struct Inner {
    ready: Mutex<VecDeque<Runnable>>,
    list: Mutex<Vec<Option<Listed>>>,
    ids: Ids,
    retracted: AtomicU64,
}

impl Queue {
    pub fn new() -> Self {
        Self(Arc::new(Inner {
            ready: Mutex::default(),
            list: Mutex::default(),
            ids: Ids::new(0),
            retracted: AtomicU64::new(0),
        }))
    }

    /// The facts of a task that is spawned at the caller's line.
    #[track_caller]
    pub fn spec(&self, listed: bool) -> Spec {
        Spec { id: self.0.ids.one(), spawned_at: Location::caller(), born_ns: 0, listed }
    }

    /// Runs the task at the front once; false if there is none. `Lost` is an end of a poll, too.
    pub fn step(&self) -> bool {
        let next = self.0.ready.lock().unwrap().pop_front();
        let Some(task) = next else { return false };
        if let Ran::Again(task) = task.run(&Instant::now(), 0) {
            self.push(task);
        }
        true
    }

    /// Runs what is queued, until nothing is; returns how many polls that took.
    pub fn run(&self) -> usize {
        let mut polls = 0;
        while self.step() {
            polls += 1;
            assert!(polls < 1000, "a task is queued for ever");
        }
        polls
    }

    /// Runs what is left, and checks that nothing stays behind.
    pub fn end(&self) {
        self.run();
        assert_eq!((self.cells(), self.listed()), (0, 0), "a cell is leaked");
    }

    /// How many tasks are queued.
    pub fn queued(&self) -> usize {
        self.0.ready.lock().unwrap().len()
    }

    /// The task at the front, taken off the queue.
    pub fn take(&self) -> Runnable {
        self.0.ready.lock().unwrap().pop_front().expect("a task is queued")
    }

    /// Lists a task.
    pub fn list(&self, task: &Runnable) {
        let place = self.0.list.lock().unwrap().len();
        self.list_as(task, place);
    }

    /// Lists a task, and tells it that its entry has this place.
    pub fn list_as(&self, task: &Runnable, place: usize) {
        task.list(|entry| {
            self.0.list.lock().unwrap().push(Some(entry));
            place as u64
        });
    }

    /// How many tasks are listed.
    pub fn listed(&self) -> usize {
        self.0.list.lock().unwrap().iter().flatten().count()
    }

    /// Cancels every listed task.
    pub fn cancel_listed(&self) {
        let list = self.0.list.lock().unwrap();
        let cancelled: Vec<Runnable> = list.iter().flatten().filter_map(Listed::cancel).collect();
        drop(list);
        cancelled.into_iter().for_each(|task| self.push(task));
    }

    /// What a dump would show.
    pub fn describe(&self) -> Vec<Described> {
        let list = self.0.list.lock().unwrap();
        list.iter().flatten().map(|entry| entry.describe(Instant::now(), 0)).collect()
    }

    /// Cells that are not freed yet.
    pub fn cells(&self) -> usize {
        Arc::strong_count(&self.0) - 1
    }

    /// The number of the task that was retracted last; 0 if none was.
    pub fn retracted(&self) -> u64 {
        self.0.retracted.load(SeqCst)
    }
}

impl Owner for Queue {
    fn push(&self, task: Runnable) {
        self.0.ready.lock().unwrap().push_back(task);
    }

    fn unlist(&self, place: u64) -> Listed {
        self.0.list.lock().unwrap()[place as usize].take().expect("a listed task has its entry")
    }

    fn retract(&self, id: TaskId) {
        self.0.retracted.store(id.get(), SeqCst);
    }
}
