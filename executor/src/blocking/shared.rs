//! What the handles, the tasks and the threads of one pool share, and what they do with it.
//!
//! Each method here locks, changes the [`State`], unlocks, and only then does what that asks for:
//! rings a bell, starts a thread, wakes tasks. No closure is called or dropped under the lock.

use std::cmp::max;
use std::io;
use std::task::{Context, Poll};
use std::time::Instant;

use windlass_sync::shim::{self, Arc, Condvar, Mutex, MutexGuard};
use windlass_sync::wakes::Wakes;

use super::crew::{Crew, Failed};
use super::job::{CancelFlag, DescribedJob, Job};
use super::state::{Errand, Refusal, State, Taken, Waiting};
use super::{Builder, Stats, error};
use crate::task::runnable::Listed;
use crate::task::{Owner, Runnable, TaskId};

/// One pool.
pub(super) struct Shared {
    pub(super) settings: Builder,
    pub(super) state: Mutex<State>,
    /// Tells plain threads that the last thread of a closed pool is gone.
    ended: Condvar,
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

impl Shared {
    pub(super) fn new(settings: Builder) -> Self {
        let state = Mutex::new(State::new(Crew::new(settings.limits)));
        Self { settings, state, ended: Condvar::new() }
    }

    /// Queues a job; if that cannot be, its task ends with an error.
    pub(super) fn submit(self: &Arc<Self>, job: Job) {
        self.submit_in(self.state.lock(), job);
    }

    fn submit_in(self: &Arc<Self>, mut state: MutexGuard<'_, State>, job: Job) {
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
        runnable.refuse(reason);
    }

    /// Queues a job, or lets it wait for room; true if it waits, and `cx` is woken when it got in.
    pub(super) fn submit_or_wait(self: &Arc<Self>, job: Job, cx: &mut Context<'_>) -> bool {
        let waker = cx.waker().clone();
        let mut state = self.state.lock();
        if let Err(Refusal::Full) = state.admits(self.settings.capacity) {
            state.waiting.insert(job.runnable.id().get(), Waiting { job, waker });
            return true;
        }
        self.submit_in(state, job); // under the same lock, or the room may be gone again
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
            runnable.refuse(error::no_thread(error));
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
        let removed = if let Some(job) = state.queue.remove(id) {
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
        refused.into_iter().for_each(|runnable| runnable.refuse(error::closed()));
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
