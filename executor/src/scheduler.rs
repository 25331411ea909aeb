//! What the workers of one runtime share.
//!
//! # Orderings
//!
//! | label     | release side                     | acquire side               | what crosses |
//! |-----------|----------------------------------|----------------------------|--------------|
//! | `transit` | `inject` in [`crate::enqueue`]   | `Shared::drop`             | the injecting thread's last use of `Shared` |
//! | `threads` | [`Shared::thread_ends`]          | [`Shared::live_threads`]   | what the worker did before it ended |
//! | `phase`   | [`Shared::set_phase`]            | [`Shared::must_stop`]      | nothing; a worker that reads it late is unparked after it |

use std::collections::VecDeque;
use std::time::Instant;

use windlass_reactor as reactor;
use windlass_sync::shim::atomic::{AtomicBool, AtomicUsize, Ordering::*};
use windlass_sync::shim::{Arc, Mutex, hint};
use windlass_timer::Timers;
use windlass_timer::clock::{Clock, Subscription};

use crate::blocking::BlockingPool;
use crate::caller::Caller;
use crate::config::Config;
use crate::counters::Counters;
use crate::deque::{Injector, Steal};
use crate::driver::Driver;
use crate::idle::Idle;
use crate::ids::Ids;
use crate::pace::Pace;
use crate::parker::Parker;
use crate::registry::{Registry, SPREAD};
use crate::run_queue::{Public, RunQueue};
use crate::task::runnable::Listed;
use crate::task::{Described, Runnable};
use crate::try_lock::TryLock;

/// Tasks are admitted.
const OPEN: usize = 0;
/// No task is admitted; those there are, are being cancelled.
pub(crate) const CLOSING: usize = 1;
/// Worker threads are to end.
pub(crate) const STOPPING: usize = 2;

/// What everybody may see of one worker. On cache lines of its own: it writes its counters at every
/// poll, and would take from its neighbour the line that he reads.
#[derive(Debug)]
#[repr(align(128))]
pub(crate) struct Seat {
    pub(crate) queue: Arc<Public>,
    pub(crate) parker: Parker,
    pub(crate) counters: Counters,
    pub(crate) pace: Pace,
}

/// One runtime.
pub(crate) struct Shared {
    pub(crate) config: Config,
    pub(crate) ids: Arc<Ids>,
    pub(crate) registry: Registry,
    pub(crate) injector: Injector<Runnable>,
    pub(crate) idle: Idle,
    pub(crate) seats: Box<[Seat]>,
    pub(crate) driver: TryLock<Driver>,
    pub(crate) reactor: reactor::Handle,
    pub(crate) timers: Arc<Timers>,
    pub(crate) clock: Clock,
    /// Tells the workers when the clock is paused, moved or resumed.
    _subscription: Subscription,
    /// The clock's zero, for waiting notes.
    pub(crate) epoch: Instant,
    /// Seat 0 and who may sit there.
    pub(crate) caller: Caller,
    /// Tasks bound to seat 0's thread that other threads have woken.
    pub(crate) local: Mutex<VecDeque<Runnable>>,
    /// How many there are, stored under the lock.
    pub(crate) local_len: AtomicUsize,
    /// Tasks bound to seat 0's thread that are not done.
    pub(crate) live_local: AtomicUsize,
    /// Threads inside `inject` or `send_local`.
    pub(crate) in_transit: AtomicUsize,
    /// Tasks whose futures were leaked, because the thread they are bound to did not come.
    pub(crate) leaked: Mutex<Vec<Described>>,
    /// Held by the worker that moves a paused clock on.
    pub(crate) jumping: TryLock<()>,
    /// A foreign loop drives seat 0.
    hosting: AtomicBool,
    /// How far shutdown has come.
    phase: AtomicUsize,
    /// Where the thread sleeps that shuts the runtime down.
    pub(crate) ending: Parker,
    /// Worker threads that have not ended.
    live_threads: AtomicUsize,
    /// Panics that nobody has seen.
    unobserved: AtomicUsize,
    /// The default pool for blocking work.
    pub(crate) blocking: BlockingPool,
    /// The process that made the runtime; a forked child has none of its threads.
    process: u32,
}

/// The parts that are made before the whole.
pub(crate) struct Parts {
    pub(crate) config: Config,
    pub(crate) ids: Arc<Ids>,
    pub(crate) seats: Box<[Seat]>,
    pub(crate) driver: Driver,
    pub(crate) reactor: reactor::Handle,
    pub(crate) timers: Arc<Timers>,
    pub(crate) blocking: BlockingPool,
    /// Seat 0's queue, if it is for the callers of `block_on`.
    pub(crate) caller_queue: Option<RunQueue>,
    /// Tells the workers when the clock is paused, moved or resumed.
    pub(crate) subscription: Subscription,
}

impl Shared {
    pub(crate) fn new(parts: Parts) -> Self {
        let Parts {
            config,
            ids,
            seats,
            driver,
            reactor,
            timers,
            blocking,
            caller_queue,
            subscription,
        } = parts;
        let clock = timers.clock().clone();
        Self {
            registry: Registry::new(seats.len() + 1, SPREAD),
            injector: Injector::new(),
            idle: Idle::new(seats.len(), caller_queue.is_some()),
            driver: TryLock::new(driver),
            epoch: clock.epoch(),
            caller: Caller::new(caller_queue),
            local: Mutex::new(VecDeque::new()),
            local_len: AtomicUsize::new(0),
            live_local: AtomicUsize::new(0),
            in_transit: AtomicUsize::new(0),
            jumping: TryLock::new(()),
            hosting: AtomicBool::new(false),
            leaked: Mutex::default(),
            phase: AtomicUsize::new(OPEN),
            ending: Parker::new(),
            live_threads: AtomicUsize::new(0),
            unobserved: AtomicUsize::new(0),
            process: std::process::id(),
            config,
            ids,
            seats,
            reactor,
            timers,
            clock,
            _subscription: subscription,
            blocking,
        }
    }

    /// A task is about to be done.
    pub(crate) fn unlist(&self, place: u64) -> Listed {
        let entry = self.registry.take(place);
        if entry.is_local() {
            // ORDERING: Relaxed, as where it is counted up.
            self.live_local.fetch_sub(1, Relaxed);
        }
        if self.is_closing() && self.registry.is_empty() {
            self.last_task_gone();
        }
        entry
    }

    /// How many tasks are bound to seat 0's thread.
    pub(crate) fn live_local(&self) -> usize {
        // ORDERING: Relaxed, as where it is counted up.
        self.live_local.load(Relaxed)
    }

    pub(crate) fn has_local(&self) -> bool {
        // ORDERING: Relaxed. Whoever stores it unparks seat 0 afterwards.
        self.local_len.load(Relaxed) > 0
    }

    /// Wakes one worker for something that is for it alone.
    pub(crate) fn call(&self, seat: usize) {
        self.idle.call(seat);
        self.unpark(seat);
    }

    pub(crate) fn unpark(&self, seat: usize) {
        self.seats[seat].parker.unpark(|| self.reactor.unpark());
    }

    /// Makes every sleeping worker look again.
    pub(crate) fn unpark_all(&self) {
        (0..self.seats.len()).for_each(|seat| self.unpark(seat));
    }

    /// True if any worker could find a task (W3 of [`crate::idle`]).
    pub(crate) fn has_work(&self) -> bool {
        self.has_work_beside(usize::MAX)
    }

    /// As [`has_work`](Self::has_work), leaving one seat's queue out.
    pub(crate) fn has_work_beside(&self, seat: usize) -> bool {
        !self.injector.is_empty()
            || (0..self.seats.len()).any(|other| other != seat && self.is_worth_a_theft(other))
    }

    /// True if a seat's queue holds more than its worker will have done at once, or if nobody is
    /// there to do it.
    pub(crate) fn is_worth_a_theft(&self, seat: usize) -> bool {
        let Seat { queue, pace, .. } = &self.seats[seat];
        let tasks = queue.len();
        let is_deserted = || self.idle.is_parked(seat) || seat == 0 && self.is_caller_vacant();
        pace.is_worth_a_theft(tasks) || tasks > 0 && is_deserted()
    }

    /// True while a foreign loop drives seat 0, and so has the reactor for itself: what it waits on
    /// must not be consumed by a worker.
    pub(crate) fn is_hosting(&self) -> bool {
        // ORDERING: Relaxed. The loop finds the driver taken by whoever reads it late.
        self.hosting.load(Relaxed)
    }

    /// See [`is_hosting`](Self::is_hosting).
    pub(crate) fn set_hosting(&self, hosting: bool) {
        // ORDERING: Relaxed, as above.
        self.hosting.store(hosting, Relaxed);
    }

    /// True if the clock would jump, were it not for a blocking job.
    pub(crate) fn awaits_job(&self) -> bool {
        let stats = self.blocking.stats();
        // Not the jobs that run: a job that is done still has to wake whoever awaits it.
        self.clock.auto_advance() && (stats.threads > stats.idle || stats.queued > 0)
    }

    /// True while no thread sits on seat 0.
    pub(crate) fn is_caller_vacant(&self) -> bool {
        self.idle.is_caller_vacant()
    }

    pub(crate) fn set_phase(&self, phase: usize) {
        // ORDERING: Release, of `phase`; every worker is unparked after it.
        self.phase.fetch_max(phase, Release);
        self.unpark_all();
        self.caller.wake_waiting();
    }

    /// True once worker threads are to end.
    pub(crate) fn must_stop(&self) -> bool {
        // ORDERING: Acquire, of `phase`.
        self.phase.load(Acquire) >= STOPPING
    }

    /// True once no task is admitted.
    pub(crate) fn is_closing(&self) -> bool {
        // ORDERING: Acquire, of `phase`.
        self.phase.load(Acquire) >= CLOSING
    }

    /// Cancels every task there is now.
    pub(crate) fn cancel_all(&self) {
        for task in self.registry.cancel_all() {
            self.schedule(task);
        }
    }

    /// The last task has gone while the runtime is closing.
    #[cold]
    fn last_task_gone(&self) {
        self.ending.unpark(|| {});
        self.call(0);
    }

    /// A worker thread is about to be started.
    pub(crate) fn thread_starts(&self) {
        // ORDERING: Relaxed. Counted by the thread that will wait for it.
        self.live_threads.fetch_add(1, Relaxed);
    }

    /// A worker thread has ended, or could not be started.
    pub(crate) fn thread_ends(&self) {
        // ORDERING: AcqRel. Release side of `threads`; the last one sees what the others did.
        let last = self.live_threads.fetch_sub(1, AcqRel) == 1;
        if last && self.must_stop() {
            // The runtime may have been dropped by somebody who could not wait for this.
            self.close_floors();
        }
        self.ending.unpark(|| {});
    }

    /// What still waits for events or timers fails from now on.
    pub(crate) fn close_floors(&self) {
        self.reactor.close();
        self.timers.close();
    }

    pub(crate) fn live_threads(&self) -> usize {
        // ORDERING: Acquire, of `threads`.
        self.live_threads.load(Acquire)
    }

    pub(crate) fn count_unobserved(&self) {
        // ORDERING: Relaxed. For people.
        self.unobserved.fetch_add(1, Relaxed);
    }

    pub(crate) fn unobserved(&self) -> usize {
        // ORDERING: Relaxed. For people.
        self.unobserved.load(Relaxed)
    }

    /// Panics in a forked child, where the worker threads do not exist.
    #[track_caller]
    pub(crate) fn check_process(&self) {
        assert!(
            std::process::id() == self.process,
            "a runtime cannot be used after fork(): its threads are in the parent process; \
             make a runtime after the fork, or exec"
        );
    }

    /// Takes one task from any queue, for taking the runtime apart.
    pub(crate) fn take_any(&self) -> Option<Runnable> {
        loop {
            match self.injector.steal() {
                Steal::Success(task) => return Some(task),
                Steal::Retry => hint::spin_loop(),
                Steal::Empty => break,
            }
        }
        if let Some(task) = self.seats.iter().find_map(|seat| seat.queue.take_any()) {
            return Some(task);
        }
        None
    }

    /// Takes the tasks that are bound to seat 0's thread and wait for it.
    pub(crate) fn take_bound(&self) -> VecDeque<Runnable> {
        let mut bound = VecDeque::new();
        self.receive_local(&mut bound);
        self.caller.take_local(&mut bound);
        bound
    }
}

impl Drop for Shared {
    /// Keeps rule 5 of [`crate::task`]: when this returns, no task is left that could name us.
    fn drop(&mut self) {
        self.registry.close();
        loop {
            // Dropping a `Runnable` drops its future.
            drop(self.registry.cancel_all());
            while let Some(task) = self.take_any() {
                drop(task);
            }
            drop(self.take_bound());
            // ORDERING: Acquire, of `transit`.
            if self.registry.is_empty() && self.in_transit.load(Acquire) == 0 {
                return;
            }
            // Some thread has woken a task and not pushed it yet.
            windlass_sync::shim::thread::yield_now();
        }
    }
}

impl std::fmt::Debug for Shared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Runtime")
            .field("seats", &self.seats)
            .field("idle", &self.idle)
            .field("injected", &self.injector.len())
            .field("tasks", &self.registry.len())
            .finish_non_exhaustive()
    }
}
