//! Everything in a pool that changes, under its one lock: the lists of jobs, and the crew.
//!
//! A job is in exactly one of three lists: `waiting` (for room), `queue`, or `taken`, where its
//! facts stay while a thread runs it or somebody drops it.
//!
//! They are ordered by the jobs' numbers. Those are given out in the order of the calls, so the first is
//! the oldest, and a job that is cancelled is found by its number.

use std::cmp::max;
use std::collections::BTreeMap;
use std::task::Waker;
use std::time::{Duration, Instant};

use slab::Slab;
use windlass_sync::shim::{Arc, Condvar};
use windlass_sync::wakes::Wakes;

use super::GRACE;
use super::crew::{Call, Crew};
use super::job::{DescribedJob, Facts, Job};
use super::queue::Queue;
use crate::task::Runnable;

/// Everything that changes.
pub(super) struct State {
    /// Who works, rests or comes.
    pub(super) crew: Crew,
    /// The jobs that no thread has taken, by number.
    pub(super) queue: Queue<Job>,
    /// The jobs for which there is no room in the queue, by number. Only while it is full.
    pub(super) waiting: BTreeMap<u64, Waiting>,
    /// The jobs that a thread runs or that somebody drops, by number.
    pub(super) taken: BTreeMap<u64, Taken>,
    /// Where each thread sleeps, by its number.
    pub(super) bells: Vec<Arc<Condvar>>,
    /// The tasks that wait for the last thread to be gone.
    pub(super) watchers: Slab<Waker>,
    /// What has happened so far.
    pub(super) tally: Tally,
}

/// A job in front of a full queue.
pub(super) struct Waiting {
    pub(super) job: Job,
    /// To be woken when the job has got into the queue, or is refused.
    pub(super) waker: Waker,
}

pub(super) struct Taken {
    pub(super) facts: Facts,
    /// False if it is being dropped.
    pub(super) running: bool,
}

#[derive(Default)]
pub(super) struct Tally {
    pub(super) done: u64,
    pub(super) peak: usize,
    pub(super) longest_wait: Duration,
    pub(super) longest_run: Duration,
}

/// What is to be done after the lock is released.
#[must_use = "a thread that should be called and is not leaves a job behind"]
pub(super) enum Errand {
    Nothing,
    Ring(Arc<Condvar>),
    Start(usize),
}

/// Why a job does not get into the queue.
pub(super) enum Refusal {
    Full,
    Closed,
}

impl State {
    pub(super) fn new(crew: Crew) -> Self {
        Self {
            crew,
            queue: Queue::new(),
            waiting: BTreeMap::new(),
            taken: BTreeMap::new(),
            bells: Vec::new(),
            watchers: Slab::new(),
            tally: Tally::default(),
        }
    }

    /// Whether a new job may get into the queue now.
    pub(super) fn admits(&self, capacity: usize) -> Result<(), Refusal> {
        if self.crew.is_closing() {
            return Err(Refusal::Closed);
        }
        // Nobody overtakes those who wait for room.
        if self.queue.len() < capacity && self.waiting.is_empty() {
            Ok(())
        } else {
            Err(Refusal::Full)
        }
    }

    /// Puts a job in the queue.
    pub(super) fn push(&mut self, job: Job) -> Errand {
        self.queue.insert(job.runnable.id().get(), job);
        self.crew.enqueue();
        self.call()
    }

    /// Takes the oldest job out of the queue, for a thread that the crew has booked for it.
    pub(super) fn take(&mut self, wakes: &mut Wakes) -> (Runnable, Errand) {
        let (id, mut job) = self.queue.pop_first().expect("the crew counts what is queued");
        let now = Instant::now();
        let waited = now.saturating_duration_since(job.facts.since);
        self.tally.longest_wait = max(self.tally.longest_wait, waited);
        job.facts.since = now;
        self.taken.insert(id, Taken { facts: job.facts, running: true });
        self.admit_next(wakes);
        (job.runnable, self.call())
    }

    /// There is room for one more: the first who waits gets it.
    pub(super) fn admit_next(&mut self, wakes: &mut Wakes) {
        if let Some((id, Waiting { job, waker })) = self.waiting.pop_first() {
            self.queue.insert(id, job);
            self.crew.enqueue();
            wakes.push(waker);
        }
    }

    /// Keeps the facts of a job that is not run, until its task is done.
    pub(super) fn set_aside(&mut self, Job { runnable, facts }: Job) -> Runnable {
        self.taken.insert(runnable.id().get(), Taken { facts, running: false });
        runnable
    }

    /// Empties the queue.
    pub(super) fn set_queue_aside(&mut self) -> Vec<Runnable> {
        let queue = std::mem::replace(&mut self.queue, Queue::new());
        queue.into_jobs().map(|job| (self.crew.withdraw(), self.set_aside(job)).1).collect()
    }

    /// Turns away everybody who waits for room.
    pub(super) fn set_waiting_aside(&mut self, wakes: &mut Wakes) -> Vec<Runnable> {
        let waiting = std::mem::take(&mut self.waiting);
        let turn_away = |Waiting { job, waker }| {
            wakes.push(waker);
            self.set_aside(job)
        };
        waiting.into_values().map(turn_away).collect()
    }

    /// Calls a thread if one is needed.
    pub(super) fn call(&mut self) -> Errand {
        let call = self.crew.call();
        self.errand(call)
    }

    pub(super) fn errand(&mut self, call: Call) -> Errand {
        match call {
            Call::Nobody => Errand::Nothing,
            Call::Wake(thread) => Errand::Ring(self.bells[thread].clone()),
            Call::Start(thread) => {
                if thread == self.bells.len() {
                    self.bells.push(Arc::new(Condvar::new()));
                }
                self.tally.peak = max(self.tally.peak, self.crew.threads());
                Errand::Start(thread)
            }
        }
    }

    /// True if the oldest job has waited so long that one more thread should take it.
    pub(super) fn is_overdue(&self) -> bool {
        self.overdue_at().is_some_and(|at| at <= Instant::now())
    }

    /// When the oldest job will have waited for [`GRACE`].
    pub(super) fn overdue_at(&self) -> Option<Instant> {
        self.queue.first().map(|job| job.facts.since + GRACE)
    }

    pub(super) fn describe(&self, epoch: Instant) -> Vec<DescribedJob> {
        let now = Instant::now();
        let running = self.taken.values().filter(|taken| taken.running);
        let queued = self.queue.iter().chain(self.waiting.values().map(|waiting| &waiting.job));
        running
            .map(|taken| taken.facts.describe(true, epoch, now))
            .chain(queued.map(|job| job.facts.describe(false, epoch, now)))
            .collect()
    }
}
