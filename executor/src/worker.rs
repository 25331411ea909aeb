//! A worker's turn: find a task, poll it, see whether somebody else should be woken.
//!
//! [`Worker::step`] is one turn and never sleeps, so that the same code serves worker threads,
//! `block_on`, a foreign loop through `drive`, and shutdown. What a worker does when a turn finds
//! nothing is in [`crate::search`] and [`crate::rest`].
//!
//! Where the next task comes from, in this order:
//!
//! 1. every 61st turn: due timers, the reactor, then the injector, so that none of them starves;
//! 2. the next-task slot, at most three times in a row (it is used where the queue is long);
//! 3. the queue;
//! 4. tasks that are bound to this thread (they alternate with the queue);
//! 5. the injector, a batch at a time;
//! 6. other workers' queues, see [`crate::search`].

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::ops::Range;
use std::time::{Duration, Instant};

use windlass_sync::shim::Arc;
use windlass_sync::{budget, waiting};

use crate::counters::Counters;
use crate::gap::Gap;
use crate::pace::Stretch;
use crate::run_queue::RunQueue;
use crate::scheduler::{Seat, Shared};
use crate::sentinel::{Sentinel, WATCH};
use crate::task::{Ran, Runnable, TaskId, waker};

/// Turns between two looks at timers, reactor and injector. Prime, so that it drifts against
/// periodic tasks.
const LOOK_EVERY: u32 = 61;
/// Tasks from the next-task slot in a row: two that wake each other must not lock out the rest.
const SLOT_STREAK: u32 = 3;
/// Queued tasks that may be worth waking somebody: one is what this worker runs next anyway.
const SURPLUS: usize = 2;

/// A worker that is so late for its own timers is stuck.
const OVERDUE_NS: u64 = 4_000_000;

/// What a turn came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// A task was polled.
    Ran,
    /// There was nothing to poll.
    Idle,
}

/// One seat's worker; it belongs to the thread that sits there.
pub(crate) struct Worker {
    pub(crate) shared: Arc<Shared>,
    pub(crate) seat: usize,
    pub(crate) queue: RunQueue,
    /// Tasks bound to this thread; only on seat 0.
    pub(crate) local: RefCell<VecDeque<Runnable>>,
    /// The clock's reading at the last look, in nanoseconds.
    pub(crate) now_ns: Cell<u64>,
    /// For the estimate of how long its polls take.
    pub(crate) stretch: Stretch,
    /// How soon it wakes for the next timer.
    pub(crate) gap: Gap,
    /// It is counted as a searcher.
    pub(crate) searching: Cell<bool>,
    /// It has polled nothing since it was parked, or since it sat down.
    pub(crate) fresh: Cell<bool>,
    /// What it knows as the sentinel.
    pub(crate) sentinel: Sentinel,
    /// No sleep goes beyond this; for shutdown.
    pub(crate) limit: Cell<Option<Instant>>,
    /// Tasks that go before the root future.
    pub(crate) root_after: Cell<usize>,
    /// A task or the root future is being polled.
    polling: Cell<bool>,
    /// Something was pushed by the poll that runs.
    pushed: Cell<bool>,
    ticks: Cell<u32>,
    streak: Cell<u32>,
    /// Numbers for tasks spawned here.
    ids: RefCell<Range<u64>>,
    /// Whom a theft is tried at first.
    pub(crate) next_victim: Cell<usize>,
}

impl Worker {
    pub(crate) fn new(shared: Arc<Shared>, seat: usize, queue: RunQueue) -> Self {
        Self {
            now_ns: Cell::new(shared.clock.now_ns()),
            stretch: Stretch::new(shared.clock.now_ns()),
            shared,
            seat,
            queue,
            local: RefCell::default(),
            gap: Gap::default(),
            searching: Cell::new(false),
            fresh: Cell::new(true),
            sentinel: Sentinel::new(Instant::now()),
            limit: Cell::new(None),
            root_after: Cell::new(0),
            polling: Cell::new(false),
            pushed: Cell::new(false),
            ticks: Cell::new(0),
            streak: Cell::new(0),
            ids: RefCell::new(0..0),
            next_victim: Cell::new(seat + 1),
        }
    }

    /// What others see of this worker.
    pub(crate) fn my_seat(&self) -> &Seat {
        &self.shared.seats[self.seat]
    }

    pub(crate) fn counters(&self) -> &Counters {
        &self.my_seat().counters
    }

    /// One turn.
    #[inline]
    pub(crate) fn step(&self) -> Step {
        match self.next() {
            Some(task) => {
                self.run(task);
                Step::Ran
            }
            None => Step::Idle,
        }
    }

    /// The number of the next task that is spawned here.
    pub(crate) fn next_id(&self) -> TaskId {
        let mut ids = self.ids.borrow_mut();
        let id = ids.next().or_else(|| {
            *ids = self.shared.ids.block();
            ids.next()
        });
        TaskId(id.expect("a block of numbers is not empty"))
    }

    /// A task that this thread has woken.
    #[inline]
    pub(crate) fn accept_woken(&self, task: Runnable, local: bool) {
        if local {
            self.accept_local(task);
        } else if self.polling.get() && self.shared.seats.len() > 1 {
            self.stretch.note_woken();
            // That wakes nobody; what it displaces is a push like any other.
            if self.queue.push_next(task) {
                self.pushed.set(true);
            }
        } else {
            self.accept_new(task);
        }
    }

    /// A task that this thread has spawned, or that comes back after a yield.
    #[inline]
    pub(crate) fn accept_new(&self, task: Runnable) {
        self.queue.push(task);
        self.pushed.set(true);
    }

    /// A task that must stay on this thread.
    pub(crate) fn accept_local(&self, task: Runnable) {
        if self.shared.seats.len() == 1 {
            // Nobody steals here, so it takes its place in the one queue, in order.
            self.queue.push(task);
        } else {
            self.local.borrow_mut().push_back(task);
            // Others do not see this queue; they must not believe that this worker sleeps.
            self.shared.idle.call(self.seat);
        }
    }

    #[inline]
    fn next(&self) -> Option<Runnable> {
        let tick = self.ticks.get().wrapping_add(1);
        self.ticks.set(tick);
        if tick.is_multiple_of(LOOK_EVERY) {
            self.look_around();
            if self.shared.seats.len() == 1 {
                self.queue_injected();
            } else if let Some(task) = self.take_injected() {
                return Some(task);
            }
        }
        if self.streak.get() < SLOT_STREAK
            && let Some(task) = self.queue.pop_next()
        {
            self.streak.set(self.streak.get() + 1);
            self.counters().next_slot.add(1);
            return Some(task);
        }
        self.streak.set(0);
        if self.seat == 0
            && tick.is_multiple_of(2)
            && let Some(task) = self.take_local()
        {
            return Some(task);
        }
        self.queue
            .pop()
            .or_else(|| self.queue.pop_next())
            .or_else(|| self.take_local())
            .or_else(|| self.take_injected())
    }

    /// Due timers and ready sources, in the middle of work.
    fn look_around(&self) {
        self.fire_timers();
        self.fire_timers_of_a_neighbour();
        if let Some(mut driver) = self.shared.helm.take(self.seat) {
            let woken = self.collecting(|| driver.look());
            drop(driver);
            self.after_turn(woken);
        }
    }

    /// Fires what is due in this worker's shard, in the foreign one, and in those of a vacant seat and
    /// of workers that are stuck.
    pub(crate) fn fire_timers(&self) -> usize {
        let now_ns = self.shared.clock.now_ns();
        self.now_ns.set(now_ns);
        let polls = self.counters().polls.get();
        let awake = self.shared.idle.awake();
        self.stretch.measure(&self.my_seat().pace, now_ns, polls, self.queue.len(), awake);
        let vacant = (self.seat != 0 && self.shared.idle.is_caller_vacant()).then_some(0);
        let mine = [self.seat, self.shared.timers.foreign()].into_iter();
        let shards = mine.chain(vacant).chain(self.stuck());
        let fired = shards.map(|shard| self.fire_shard(shard, now_ns)).sum();
        if fired > 0 {
            self.gap.begin(now_ns, fired);
            self.share_surplus();
        }
        fired
    }

    /// One other worker's shard, in turn: if that worker is stuck and everybody else has work, then
    /// nobody parks who could look after it.
    fn fire_timers_of_a_neighbour(&self) {
        let (timers, now_ns) = (&self.shared.timers, self.now_ns.get());
        let shard = (self.ticks.get() / LOOK_EVERY) as usize % self.shared.seats.len();
        let overdue = |next: u64| next.saturating_add(OVERDUE_NS) <= now_ns;
        if shard != self.seat && timers.next(shard).is_some_and(overdue) {
            self.fire_shard(shard, now_ns);
        }
    }

    /// Fires what is due in a shard, and says how many that was.
    pub(crate) fn fire_shard(&self, shard: usize, now_ns: u64) -> usize {
        let timers = &self.shared.timers;
        let fired = self.collecting(|| timers.fire_at(shard, now_ns, waker::foresee));
        self.counters().timers.add(fired as u64);
        fired
    }

    /// Counts a turn of the reactor, and wakes as many workers as its batch deserves.
    pub(crate) fn after_turn(&self, woken: usize) {
        if woken > 0 {
            self.counters().turns.add(1);
            self.counters().events.add(woken as u64);
            self.share_surplus();
        }
    }

    /// Runs `turn`, whose wakers push to the queue in their order, past the next-task slot.
    pub(crate) fn collecting<T>(&self, turn: impl FnOnce() -> T) -> T {
        let polling = self.polling.replace(false);
        let result = turn();
        self.polling.set(polling);
        self.pushed.set(false);
        result
    }

    /// Wakes a worker for each share of a batch that this one would take long to come to.
    fn share_surplus(&self) {
        let shares = self.my_seat().pace.shares(self.queue.len());
        for _ in 0..shares.min(self.shared.idle.parked()) {
            self.rouse(self.shared.idle.call_anybody());
        }
    }

    #[inline]
    fn take_local(&self) -> Option<Runnable> {
        if self.seat != 0 || self.local.borrow().is_empty() && self.shared.inbox.is_empty() {
            return None;
        }
        let mut local = self.local.borrow_mut();
        self.shared.inbox.receive(&mut local);
        local.pop_front()
    }

    /// Polls one task.
    pub(crate) fn run(&self, task: Runnable) {
        let id = task.id();
        let counters = self.counters();
        counters.current.set(id.0);
        counters.polls.add(1);
        let (epoch, now_ns) = (&self.shared.epoch, self.now_ns.get());
        let ran = self.polling(id, move || task.run(epoch, now_ns));
        match ran {
            Ran::Asleep | Ran::Done => {}
            Ran::AsleepForItself => self.shared.report_own(id, waiting::take()),
            // Behind everything else: this is how a yield is fair.
            Ran::Again(task) if task.is_local() => self.accept_local(task),
            Ran::Again(task) => self.queue.push(task),
            Ran::Lost => {
                counters.lost.add(1);
                self.shared.report_lost(id);
            }
        }
        self.after_poll();
    }

    /// Runs `poll` as a poll of `owner`: with a budget, with slots, and on the watch in debug mode.
    pub(crate) fn polling<T>(&self, owner: TaskId, poll: impl FnOnce() -> T) -> T {
        if self.fresh.take() {
            self.begin_work();
        }
        let _budget = budget::enter();
        let _owner = waiting::enter(owner.0);
        let begun = self.shared.config.debug.then(Instant::now);
        self.polling.set(true);
        let result = poll();
        self.polling.set(false);
        if let Some(took) = begun.map(|begun| begun.elapsed())
            && took >= self.shared.config.slow_poll
        {
            self.slow_poll(owner, took);
        }
        result
    }

    #[cold]
    fn slow_poll(&self, owner: TaskId, took: Duration) {
        self.counters().slow_polls.add(1);
        self.shared.report_slow(owner, took);
    }

    /// After a poll that has pushed, or while somebody looks idle: if this worker has a surplus, wake
    /// one. The barrier in that is paid only for a surplus.
    #[inline]
    pub(crate) fn after_poll(&self) {
        if self.shared.seats.len() == 1 {
            return;
        }
        if (self.pushed.take() || self.shared.idle.looks_idle()) && self.has_surplus() {
            self.wake_one();
        }
    }

    fn has_surplus(&self) -> bool {
        let queued = self.queue.len();
        queued >= SURPLUS
            && (self.my_seat().pace.shares(queued) > 0
                || self.stretch.is_laden() && self.shared.idle.looks_idle())
    }

    /// The first poll after a sleep: it is no search any more, and somebody must watch over it.
    fn begin_work(&self) {
        self.my_seat().pace.try_again();
        self.found_by_pace();
        if !self.shared.idle.is_watched() && !self.somebody_wakes_soon() {
            self.rouse(self.shared.idle.relieve());
        }
    }

    /// True if a sleeper's own timer wakes it within a watch: it takes the post when it lies down
    /// again, and need not be woken for it.
    fn somebody_wakes_soon(&self) -> bool {
        let shared = &*self.shared;
        let soon = self.now_ns.get().saturating_add(WATCH.as_nanos() as u64);
        let wakes_soon = |seat: usize| {
            shared.idle.is_parked(seat) && shared.timers.next(seat).is_some_and(|next| next <= soon)
        };
        // A foreign loop on seat 0 never takes the post.
        let first = usize::from(shared.helm.is_hosting());
        !shared.clock.is_paused() && (first..shared.seats.len()).any(wakes_soon)
    }
}
