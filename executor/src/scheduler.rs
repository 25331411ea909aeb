//! What the workers of one runtime share.
//!
//! The protocols between them have files of their own, with their arguments; here they are put
//! together.

use std::collections::VecDeque;
use std::sync::Weak;
use std::time::Instant;

use windlass_reactor as reactor;
use windlass_sync::shim::atomic::{AtomicUsize, Ordering::*};
use windlass_sync::shim::{Arc, Mutex};
use windlass_timer::Timers;
use windlass_timer::clock::{Clock, Subscription};

use crate::blocking::BlockingPool;
use crate::caller::Core;
use crate::config::Config;
use crate::counters::Counters;
use crate::deque::{Injector, insist};
use crate::driver::Driver;
use crate::ending::Ending;
use crate::helm::Helm;
use crate::idle::Idle;
use crate::ids::Ids;
use crate::inbox::Inbox;
use crate::pace::Pace;
use crate::parker::Parker;
use crate::registry::{Registry, SPREAD};
use crate::run_queue::Public;
use crate::task::runnable::Listed;
use crate::task::{Described, Runnable};
use crate::transit::Transit;
use crate::try_lock::TryLock;
use crate::vacancy::Vacancy;

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
    pub(crate) helm: Helm<Driver>,
    pub(crate) reactor: reactor::Handle,
    pub(crate) timers: Arc<Timers>,
    pub(crate) clock: Clock,
    /// Tells the workers when the clock is paused, moved or resumed.
    _subscription: Subscription,
    /// The clock's zero, for waiting notes.
    pub(crate) epoch: Instant,
    /// Seat 0 and who may sit there.
    pub(crate) caller: Vacancy<Core, Weak<Self>>,
    /// Tasks bound to seat 0's thread that other threads have woken.
    pub(crate) inbox: Inbox,
    /// Threads inside `inject` or `send_local`.
    pub(crate) transit: Transit,
    /// Tasks whose futures were leaked, because the thread they are bound to did not come.
    pub(crate) leaked: Mutex<Vec<Described>>,
    /// Held by the worker that moves a paused clock on.
    pub(crate) jumping: TryLock<()>,
    /// How far shutdown has come, and who waits for it.
    pub(crate) ending: Ending,
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
    pub(crate) reactor: reactor::Reactor,
    pub(crate) timers: Arc<Timers>,
    pub(crate) blocking: BlockingPool,
    /// What lies on seat 0, if that is for the callers of `block_on`.
    pub(crate) core: Option<Core>,
    /// Tells the workers when the clock is paused, moved or resumed.
    pub(crate) subscription: Subscription,
}

impl Shared {
    pub(crate) fn new(parts: Parts) -> Self {
        let clock = parts.timers.clock().clone();
        Self {
            registry: Registry::new(parts.seats.len() + 1, SPREAD),
            injector: Injector::new(),
            idle: Idle::new(parts.seats.len(), parts.core.is_some()),
            reactor: parts.reactor.handle(),
            helm: Helm::new(Driver(parts.reactor)),
            epoch: clock.epoch(),
            caller: Vacancy::new(parts.core),
            inbox: Inbox::default(),
            transit: Transit::default(),
            jumping: TryLock::new(()),
            leaked: Mutex::default(),
            ending: Ending::default(),
            unobserved: AtomicUsize::new(0),
            process: std::process::id(),
            config: parts.config,
            ids: parts.ids,
            seats: parts.seats,
            timers: parts.timers,
            clock,
            _subscription: parts.subscription,
            blocking: parts.blocking,
        }
    }

    /// A task is about to be done.
    pub(crate) fn unlist(&self, place: u64) -> Listed {
        let entry = self.registry.take(place);
        if entry.is_local() {
            self.caller.unbind();
        }
        if self.ending.task_gone(|| self.registry.is_empty()) {
            self.call(0);
        }
        entry
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
        pace.is_worth_a_theft(tasks) || tasks > 0 && self.idle.is_deserted(seat)
    }

    /// True if the clock would jump, were it not for a blocking job.
    pub(crate) fn awaits_job(&self) -> bool {
        let stats = self.blocking.stats();
        // Not the jobs that run: a job that is done still has to wake whoever awaits it.
        self.clock.auto_advance() && (stats.threads > stats.idle || stats.queued > 0)
    }

    pub(crate) fn set_phase(&self, phase: usize) {
        self.ending.say(phase);
        self.unpark_all();
        self.caller.call_in();
    }

    /// Cancels every task there is now.
    pub(crate) fn cancel_all(&self) {
        for task in self.registry.cancel_all() {
            self.schedule(task);
        }
    }

    /// What still waits for events or timers fails from now on.
    pub(crate) fn close_floors(&self) {
        self.reactor.close();
        self.timers.close();
    }

    pub(crate) fn count_unobserved(&self) {
        // ORDERING: Relaxed. For people.
        self.unobserved.fetch_add(1, Relaxed);
    }

    pub(crate) fn unobserved(&self) -> usize {
        // ORDERING: Relaxed. For people.
        self.unobserved.load(Relaxed)
    }

    /// True in a forked child, where the worker threads do not exist.
    pub(crate) fn is_forked(&self) -> bool {
        std::process::id() != self.process
    }

    /// Panics in a forked child.
    #[track_caller]
    pub(crate) fn check_process(&self) {
        assert!(
            !self.is_forked(),
            "a runtime cannot be used after fork(): its threads are in the parent process; \
             make a runtime after the fork, or exec"
        );
    }

    /// Takes one task from any queue, for taking the runtime apart.
    pub(crate) fn take_any(&self) -> Option<Runnable> {
        insist(|| self.injector.steal())
            .or_else(|| self.seats.iter().find_map(|seat| seat.queue.take_any()))
    }

    /// Takes the tasks that are bound to seat 0's thread and wait for it.
    pub(crate) fn take_bound(&self) -> VecDeque<Runnable> {
        let mut bound = VecDeque::new();
        self.inbox.receive(&mut bound);
        self.caller.look(|core| {
            bound.append(&mut core.local);
            let queued: Vec<_> = std::iter::from_fn(|| core.queue.pop()).collect();
            for task in queued {
                if task.is_local() { bound.push_back(task) } else { core.queue.push(task) }
            }
        });
        bound
    }
}

impl Drop for Shared {
    /// Keeps rule 5 of [`crate::task`]: when this returns, no task is left that could name us.
    fn drop(&mut self) {
        self.registry.close();
        self.transit.wait_out(|| {
            // Dropping a `Runnable` drops its future.
            drop(self.registry.cancel_all());
            while let Some(task) = self.take_any() {
                drop(task);
            }
            drop(self.take_bound());
            self.registry.is_empty()
        });
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
