//! What the handles, the tasks and the threads of one pool share: the queue and the crew.
//!
//! A job is in exactly one of three lists, all under one lock: `waiting` (for room), `queue`, or
//! `taken`, where its facts stay while a thread runs it or somebody drops it. Its closure is never
//! called, nor dropped, while the lock is held.
//!
//! The queue is ordered by the jobs' numbers. Those are given out in the order of the calls, so the
//! first is the oldest, and a job that is cancelled is found by its number.

use std::cmp::max;
use std::collections::BTreeMap;
use std::io;
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use slab::Slab;
use windlass_sync::shim::{self, Arc, Condvar, Mutex};
use windlass_sync::wakes::Wakes;

use super::crew::{Call, Crew, Failed};
use super::job::{CancelFlag, DescribedJob, Facts, Job};
use super::{Builder, GRACE, Stats, error};
use crate::task::runnable::Listed;
use crate::task::{Owner, Runnable, TaskId};

/// One pool.
pub(super) struct Shared {
    pub(super) settings: Builder,
    pub(super) state: Mutex<State>,
    /// Tells plain threads that the last thread of a closed pool is gone.
    ended: Condvar,
}

/// Everything that changes.
pub(super) struct State {
    /// Who works, rests or comes.
    pub(super) crew: Crew,
    /// The jobs that no thread has taken, by number.
    queue: BTreeMap<u64, Job>,
    /// The jobs for which there is no room in the queue, by number. Only while it is full.
    waiting: BTreeMap<u64, Waiting>,
    /// The jobs that a thread runs or that somebody drops, by number.
    taken: BTreeMap<u64, Taken>,
    /// Where each thread sleeps, by its number.
    pub(super) bells: Vec<Arc<Condvar>>,
    /// The tasks that wait for the last thread to be gone.
    watchers: Slab<Waker>,
    /// What has happened so far.
    tally: Tally,
}

/// A job in front of a full queue.
struct Waiting {
    job: Job,
    /// To be woken when the job has got into the queue, or is refused.
    waker: Waker,
}

struct Taken {
    facts: Facts,
    /// False if it is being dropped.
    running: bool,
}

#[derive(Default)]
struct Tally {
    done: u64,
    peak: usize,
    longest_wait: Duration,
    longest_run: Duration,
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

/// The pool as the owner of its tasks. It is counted, so a task may reach it at any time.
#[derive(Clone)]
pub(super) struct PoolOwner(pub(super) Arc<Shared>);

impl Owner for PoolOwner {
    fn push(&self, _: Runnable) {
        unreachable!("a job ends with its first poll, so it never sleeps and nothing wakes it")
    }

    fn unlist(&self, id: u64) -> Listed {
        self.0.forget(id)
    }

    fn retract(&self, id: TaskId) {
        self.0.retract(id.get());
    }
}

impl State {
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
    fn admit_next(&mut self, wakes: &mut Wakes) {
        if let Some((id, Waiting { job, waker })) = self.waiting.pop_first() {
            self.queue.insert(id, job);
            self.crew.enqueue();
            wakes.push(waker);
        }
    }

    /// Keeps the facts of a job that is not run, until its task is done.
    fn set_aside(&mut self, Job { runnable, facts }: Job) -> Runnable {
        self.taken.insert(runnable.id().get(), Taken { facts, running: false });
        runnable
    }

    /// Empties the queue.
    fn set_queue_aside(&mut self) -> Vec<Runnable> {
        let queue = std::mem::take(&mut self.queue);
        queue.into_values().map(|job| (self.crew.withdraw(), self.set_aside(job)).1).collect()
    }

    /// Turns away everybody who waits for room.
    fn set_waiting_aside(&mut self, wakes: &mut Wakes) -> Vec<Runnable> {
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
        self.queue.first_key_value().map(|(_, job)| job.facts.since + GRACE)
    }

    fn describe(&self, epoch: Instant) -> Vec<DescribedJob> {
        let now = Instant::now();
        let running = self.taken.values().filter(|taken| taken.running);
        let queued = self.queue.values().chain(self.waiting.values().map(|waiting| &waiting.job));
        running
            .map(|taken| taken.facts.describe(true, epoch, now))
            .chain(queued.map(|job| job.facts.describe(false, epoch, now)))
            .collect()
    }
}

impl Shared {
    pub(super) fn new(settings: Builder) -> Self {
        let state = State {
            crew: Crew::new(settings.limits),
            queue: BTreeMap::new(),
            waiting: BTreeMap::new(),
            taken: BTreeMap::new(),
            bells: Vec::new(),
            watchers: Slab::new(),
            tally: Tally::default(),
        };
        Self { settings, state: Mutex::new(state), ended: Condvar::new() }
    }

    /// Queues a job; if that cannot be, its task ends with an error.
    pub(super) fn submit(self: &Arc<Self>, job: Job) {
        let mut state = self.state.lock();
        let reason = match state.admits(self.settings.capacity) {
            Ok(()) => {
                let errand = state.push(job);
                drop(state);
                return self.carry_out(errand);
            }
            Err(Refusal::Full) => error::full(),
            Err(Refusal::Closed) => error::closed(),
        };
        let runnable = state.set_aside(job);
        drop(state);
        refuse(runnable, reason);
    }

    /// Queues a job, or lets it wait for room; true if it waits, and `cx` is woken when it got in.
    pub(super) fn submit_or_wait(self: &Arc<Self>, job: Job, cx: &mut Context<'_>) -> bool {
        let waker = cx.waker().clone();
        let mut state = self.state.lock();
        if let Err(Refusal::Full) = state.admits(self.settings.capacity) {
            state.waiting.insert(job.runnable.id().get(), Waiting { job, waker });
            return true;
        }
        drop(state);
        self.submit(job);
        false
    }

    /// Ready when the job with this number does not wait for room any more.
    pub(super) fn poll_admitted(&self, id: u64, cx: &mut Context<'_>) -> Poll<()> {
        let mut waker = cx.waker().clone();
        let mut state = self.state.lock();
        let Some(waiting) = state.waiting.get_mut(&id) else {
            return Poll::Ready(());
        };
        if !waiting.waker.will_wake(&waker) {
            std::mem::swap(&mut waiting.waker, &mut waker);
        }
        drop(state);
        drop(waker); // the former one, or the new one if that was not needed
        Poll::Pending
    }

    /// Starts a thread if there is none, so that a failure is known before a closure is taken.
    pub(super) fn ensure_thread(self: &Arc<Self>) -> io::Result<()> {
        let mut state = self.state.lock();
        if state.crew.threads() > 0 || state.crew.is_closing() {
            return Ok(());
        }
        let call = state.crew.recruit();
        let errand = state.errand(call);
        drop(state);
        match errand {
            Errand::Start(thread) => {
                self.start(thread).inspect_err(|error| self.start_failed(thread, error))
            }
            _ => unreachable!("a crew of nobody recruits by starting a thread"),
        }
    }

    pub(super) fn carry_out(self: &Arc<Self>, errand: Errand) {
        match errand {
            Errand::Nothing => {}
            Errand::Ring(bell) => bell.notify_one(),
            Errand::Start(thread) => {
                if let Err(error) = self.start(thread) {
                    self.start_failed(thread, &error);
                }
            }
        }
    }

    /// A thread is not coming after all.
    pub(super) fn start_failed(self: &Arc<Self>, thread: usize, error: &io::Error) {
        let mut wakes = Wakes::new();
        let mut refused = Vec::new();
        let mut state = self.state.lock();
        let errand = match state.crew.start_failed(thread) {
            Failed::Carry(call) => state.errand(call),
            Failed::RefuseAll => {
                refused = state.set_queue_aside();
                refused.extend(state.set_waiting_aside(&mut wakes));
                Errand::Nothing
            }
        };
        self.announce_end(&mut state, &mut wakes);
        drop(state);
        self.carry_out(errand);
        for runnable in refused {
            refuse(runnable, error::no_thread(error));
        }
        wakes.fire();
    }

    /// A thread has left.
    pub(super) fn gone(self: &Arc<Self>, thread: usize) {
        let mut wakes = Wakes::new();
        let mut state = self.state.lock();
        let call = state.crew.gone(thread);
        let errand = state.errand(call);
        self.announce_end(&mut state, &mut wakes);
        drop(state);
        self.carry_out(errand);
        wakes.fire();
    }

    /// Tells those who wait for the last thread of a closed pool, if that is gone.
    fn announce_end(&self, state: &mut State, wakes: &mut Wakes) {
        if state.crew.is_gone() {
            state.watchers.drain().for_each(|waker| wakes.push(waker));
            self.ended.notify_all();
        }
    }

    /// A job is about to be done, on the thread that ran it or dropped it.
    fn forget(&self, id: u64) -> Listed {
        let now = Instant::now();
        let mut state = self.state.lock();
        let taken = state.taken.remove(&id).expect("a job that ends was taken or set aside");
        let Taken { facts, running } = taken;
        let mut slow = None;
        if running {
            let took = now.saturating_duration_since(facts.since);
            state.tally.done += 1;
            state.tally.longest_run = max(state.tally.longest_run, took);
            slow = self.settings.slow.as_ref().filter(|(threshold, _)| took >= *threshold);
        }
        drop(state);
        if let Some((_, report)) = slow {
            let job = facts.describe(true, self.settings.epoch, now);
            if let Err(payload) = shim::catch_unwind(|| report(&job)) {
                std::mem::forget(payload); // the panic hook has printed it
            }
        }
        facts.listed
    }

    /// A task was cancelled: a job that waits gives its place up, one that runs is told.
    fn retract(self: &Arc<Self>, id: u64) {
        let mut wakes = Wakes::new();
        let mut errand = Errand::Nothing;
        let mut former_waker = None;
        let mut state = self.state.lock();
        let removed = if let Some(job) = state.queue.remove(&id) {
            state.crew.withdraw();
            state.admit_next(&mut wakes);
            errand = state.call();
            Some(state.set_aside(job))
        } else if let Some(Waiting { job, waker }) = state.waiting.remove(&id) {
            former_waker = Some(waker);
            Some(state.set_aside(job))
        } else {
            let flag = state.taken.get(&id).and_then(|taken| taken.facts.flag.as_ref());
            flag.into_iter().for_each(CancelFlag::set);
            None
        };
        drop(state);
        self.carry_out(errand);
        wakes.fire();
        drop((removed, former_waker));
    }

    /// Admits no more jobs; those in the queue still run.
    pub(super) fn close(self: &Arc<Self>) {
        let mut wakes = Wakes::new();
        let mut state = self.state.lock();
        let sleepers = state.crew.close();
        let bells: Vec<_> = sleepers.iter().map(|thread| state.bells[*thread].clone()).collect();
        let refused = state.set_waiting_aside(&mut wakes);
        self.announce_end(&mut state, &mut wakes);
        drop(state);
        bells.iter().for_each(|bell| bell.notify_one());
        refused.into_iter().for_each(|runnable| refuse(runnable, error::closed()));
        wakes.fire();
    }

    /// Admits no more jobs, drops those in the queue, and tells those that run.
    pub(super) fn close_now(self: &Arc<Self>) {
        self.close();
        let mut state = self.state.lock();
        let dropped = state.set_queue_aside();
        state
            .taken
            .values()
            .filter_map(|taken| taken.facts.flag.as_ref())
            .for_each(CancelFlag::set);
        drop(state);
        drop(dropped);
    }

    /// Blocks until the last thread of the closed pool is gone; what is left at the deadline.
    pub(super) fn wait_gone(&self, deadline: Option<Instant>) -> Vec<DescribedJob> {
        let mut state = self.state.lock();
        while !state.crew.is_gone() {
            match deadline {
                None => self.ended.wait(&mut state),
                Some(deadline) => {
                    if self.ended.wait_until(&mut state, deadline) && !state.crew.is_gone() {
                        return state.describe(self.settings.epoch);
                    }
                }
            }
        }
        Vec::new()
    }

    /// Ready when the last thread of the closed pool is gone. `key` names the waker that is kept.
    pub(super) fn poll_gone(&self, key: &mut Option<usize>, cx: &mut Context<'_>) -> Poll<()> {
        let mut waker = cx.waker().clone();
        let mut state = self.state.lock();
        if state.crew.is_gone() {
            return Poll::Ready(());
        }
        let Some(kept) = *key else {
            *key = Some(state.watchers.insert(waker));
            return Poll::Pending;
        };
        if !state.watchers[kept].will_wake(&waker) {
            std::mem::swap(&mut state.watchers[kept], &mut waker);
        }
        drop(state);
        drop(waker);
        Poll::Pending
    }

    /// Takes a waker back that [`poll_gone`](Self::poll_gone) has kept.
    pub(super) fn unwatch(&self, key: usize) {
        // Once the pool is gone all wakers are, and none comes after.
        let waker = self.state.lock().watchers.try_remove(key);
        drop(waker);
    }

    pub(super) fn jobs(&self) -> Vec<DescribedJob> {
        self.state.lock().describe(self.settings.epoch)
    }

    pub(super) fn stats(&self) -> Stats {
        let state = self.state.lock();
        Stats {
            threads: state.crew.threads(),
            idle: state.crew.idle(),
            peak: state.tally.peak,
            queued: state.queue.len(),
            waiting: state.waiting.len(),
            running: state.taken.values().filter(|taken| taken.running).count(),
            done: state.tally.done,
            longest_wait: state.tally.longest_wait,
            longest_run: state.tally.longest_run,
        }
    }
}

/// Ends the task of a job that the pool does not run. Its facts have been set aside.
fn refuse(runnable: Runnable, reason: io::Error) {
    // A cell has no way to end with a reason of ours, so the task ends cancelled.
    drop(runnable);
    drop(reason);
}
