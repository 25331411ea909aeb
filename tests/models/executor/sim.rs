//! What the scheduling models share: a runtime without tasks.
//!
//! The idle word, the parkers, the driver's lock, the queues and the way to bed ([`lie_down`]) are
//! the real ones. Jobs are numbers, the poller is a condition variable that remembers ([`Poller`]),
//! and the worker's turn is restated in a few lines, without the sentinel's post: it would wake a
//! sleeper for other reasons, and a wake-up that was lost would go unseen.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};

use windlass_executor::deque::{Injector, Stealer, Worker, insist};
use windlass_executor::ending::{Ending, STOPPING};
use windlass_executor::helm::Helm;
use windlass_executor::idle::Idle;
use windlass_executor::pace::Pace;
use windlass_executor::parker::Parker;
use windlass_executor::rest::lie_down;
use windlass_sync::shim::{Condvar, Mutex};

use crate::note::Note;

/// What a model's jobs do; it may block.
pub type Run = fn(&Sim, Option<&Worker<u32>>, u32);

/// As the number of jobs: the model is stopped from outside.
pub const NEVER: usize = usize::MAX;

/// A runtime of a few seats.
pub struct Sim {
    pub idle: Idle,
    pub injector: Injector<u32>,
    pub helm: Helm<Turns>,
    pub poller: Poller,
    pub gate: Gate,
    parkers: Vec<Parker>,
    stealers: Vec<Stealer<u32>>,
    /// How long the jobs of all workers take; every queue is worth a theft if there is none.
    pub pace: Option<Pace>,
    run: Run,
    /// What was run; no part of the model.
    ran: Note<Vec<u32>>,
    /// How many jobs there will be.
    jobs: usize,
    /// Workers are to end; no part of the model.
    stopped: AtomicBool,
    /// The same as a part of it, for the models of the end: it is read late, perhaps.
    ending: Option<Ending>,
}

/// What the driver's lock guards: how often the poller was turned.
#[derive(Debug)]
pub struct Turns(usize);

impl Sim {
    /// With so many seats, and stealers of those that have queues. Ends after `jobs` jobs.
    pub fn new(seats: usize, queues: &[Worker<u32>], jobs: usize, run: Run) -> Arc<Self> {
        Self::with_pace(seats, queues, jobs, run, None)
    }

    /// As [`new`](Self::new), with workers that judge whether a queue is worth a theft.
    pub fn with_pace(
        seats: usize,
        queues: &[Worker<u32>],
        jobs: usize,
        run: Run,
        pace: Option<Pace>,
    ) -> Arc<Self> {
        Arc::new(Self {
            idle: Idle::new(seats, false),
            injector: Injector::new(),
            helm: Helm::new(Turns(0)),
            poller: Poller::new(),
            gate: Gate::new(),
            parkers: (0..seats).map(|_| Parker::default()).collect(),
            stealers: queues.iter().map(Worker::stealer).collect(),
            pace,
            run,
            ran: Note::default(),
            jobs,
            stopped: AtomicBool::new(false),
            ending: (jobs == NEVER).then(Ending::default),
        })
    }

    /// A job from outside, as `Shared::inject` brings it.
    pub fn inject(&self, job: u32) {
        self.injector.push(job);
        self.wake_one();
    }

    /// After work was published.
    pub fn wake_one(&self) {
        if let Some(seat) = self.idle.notify() {
            self.unpark(seat);
        }
    }

    /// Wakes a seat, wherever it sleeps.
    pub fn unpark(&self, seat: usize) {
        self.parkers[seat].unpark(|| self.poller.wake());
    }

    /// Ends the workers.
    pub fn stop(&self) {
        match &self.ending {
            Some(ending) => ending.say(STOPPING),
            None => self.stopped.store(true, SeqCst),
        }
        (0..self.parkers.len()).for_each(|seat| self.unpark(seat));
    }

    /// What was run, sorted.
    pub fn ran(&self) -> Vec<u32> {
        let mut ran = self.ran.lock().clone();
        ran.sort_unstable();
        ran
    }

    /// A worker's life, as `Worker::step` and `Worker::search_or_park` lead it.
    pub fn work(&self, seat: usize, queue: Option<&Worker<u32>>) {
        let mut searching = false;
        while !self.must_stop() {
            match self.find(seat, queue, &mut searching) {
                Some(job) => {
                    self.found(&mut searching);
                    self.run(queue, job);
                }
                None => searching = self.rest(seat, queue, searching),
            }
        }
    }

    /// Polls one job, and ends the model after the last.
    pub fn run(&self, queue: Option<&Worker<u32>>, job: u32) {
        (self.run)(self, queue, job);
        let mut ran = self.ran.lock();
        ran.push(job);
        let all = ran.len();
        drop(ran);
        if all == self.jobs {
            self.stop();
        }
    }

    fn find(&self, seat: usize, queue: Option<&Worker<u32>>, searching: &mut bool) -> Option<u32> {
        if let Some(job) = queue.and_then(Worker::pop) {
            return Some(job);
        }
        if !self.injector.is_empty()
            && let Some(job) = insist(|| self.injector.steal())
        {
            return Some(job);
        }
        if self.parkers.len() == 1 {
            return None;
        }
        *searching = *searching || self.idle.begin_search();
        let others = self.stealers.iter().enumerate().filter(|(other, _)| *other != seat);
        if *searching {
            let mut worthy = others.filter(|(_, other)| self.is_worth_a_theft(other));
            worthy.find_map(|(_, other)| insist(|| other.steal()))
        } else {
            None
        }
    }

    /// As `Worker::found`.
    pub fn found(&self, searching: &mut bool) {
        if std::mem::take(searching) && self.idle.end_search() && self.has_work() {
            self.wake_one();
        }
    }

    /// Parks; true if the seat was woken to search.
    fn rest(&self, seat: usize, queue: Option<&Worker<u32>>, searching: bool) -> bool {
        let has_work = || self.has_work() || self.must_stop();
        let parker = &self.parkers[seat];
        let me = (&self.idle, parker, seat);
        let left =
            lie_down(me, searching, self.helm.take(seat), has_work, |driver, _| match driver {
                Some(driver) => self.turn(parker, driver, queue),
                None if self.helm.is_free_for(seat) => {}
                None => _ = parker.park(None),
            });
        left.searching
    }

    /// Sleeps in the poller; its events become jobs of this worker.
    fn turn(&self, parker: &Parker, turns: &mut Turns, queue: Option<&Worker<u32>>) {
        parker.park_in_reactor(|| {
            turns.0 += 1;
            for event in self.poller.turn() {
                queue.expect("a model with events has queues").push(event);
            }
        });
    }

    fn must_stop(&self) -> bool {
        match &self.ending {
            Some(ending) => ending.must_stop(),
            None => self.stopped.load(SeqCst),
        }
    }

    /// As `Shared::has_work`.
    pub fn has_work(&self) -> bool {
        !self.injector.is_empty() || self.stealers.iter().any(|queue| self.is_worth_a_theft(queue))
    }

    /// As `Shared::is_worth_a_theft`, of a queue whose worker is awake.
    fn is_worth_a_theft(&self, queue: &Stealer<u32>) -> bool {
        match &self.pace {
            Some(pace) => pace.is_worth_a_theft(queue.len()),
            None => !queue.is_empty(),
        }
    }
}

/// The reactor of the models: events come from outside, and a wake-up is remembered.
pub struct Poller {
    state: Mutex<Polled>,
    condvar: Condvar,
}

#[derive(Default)]
struct Polled {
    /// A turn is to end.
    woken: bool,
    /// Events that no turn has returned.
    events: Vec<u32>,
}

impl Poller {
    pub fn new() -> Self {
        Self { state: Mutex::new(Polled::default()), condvar: Condvar::new() }
    }

    /// Makes the turn in progress, or the next one, return.
    pub fn wake(&self) {
        self.state.lock().woken = true;
        self.condvar.notify_one();
    }

    /// Something has happened in the kernel.
    pub fn event(&self, event: u32) {
        self.state.lock().events.push(event);
        self.condvar.notify_one();
    }

    /// Sleeps until there are events or a wake-up.
    pub fn turn(&self) -> Vec<u32> {
        let mut state = self.state.lock();
        while !state.woken && state.events.is_empty() {
            self.condvar.wait(&mut state);
        }
        state.woken = false;
        std::mem::take(&mut state.events)
    }
}

/// What one job waits for and another opens.
pub struct Gate {
    open: Mutex<bool>,
    condvar: Condvar,
}

impl Gate {
    pub fn new() -> Self {
        Self { open: Mutex::new(false), condvar: Condvar::new() }
    }

    pub fn open(&self) {
        *self.open.lock() = true;
        self.condvar.notify_all();
    }

    /// Blocks the thread.
    pub fn wait(&self) {
        let mut open = self.open.lock();
        while !*open {
            self.condvar.wait(&mut open);
        }
    }
}
