//! How a runtime ends: one sequence, with a deadline, and a report of what did not end.
//!
//! 1. No task is admitted any more; a spawn gives a cancelled task.
//! 2. Every task is cancelled.
//! 3. The workers run on, with I/O and timers alive, until the last task has dropped its future or
//!    the deadline has come. The caller helps, on seat 0.
//! 4. The worker threads end; one that is stuck in a poll is left behind.
//! 5. What is left in the queues is dropped here.
//! 6. The reactor and the timers close: what still waits for them fails.
//! 7. Blocking threads are waited for until the deadline, then left behind.

use std::collections::VecDeque;
use std::fmt;
use std::time::{Duration, Instant};

use windlass_sync::shim::{Arc, thread::JoinHandle};

use crate::blocking::DescribedJob;
use crate::caller::Seated;
use crate::context;
use crate::ending::{CLOSING, STOPPING};
use crate::report::Report;
use crate::scheduler::Shared;
use crate::task::state::Phase;
use crate::task::{Described, Runnable};
use crate::worker::Step;

/// What the shutdown of a runtime found.
///
/// # Examples
/// ```
/// # use std::{future::pending, time::Duration};
/// # use windlass_executor::runtime::Builder;
/// let runtime = Builder::new().workers(1).build()?;
/// runtime.spawn(pending::<()>()).named("server").detach();
/// let report = runtime.shutdown(Duration::from_secs(60));
/// assert!(report.is_clean(), "{report}"); // all have ended ...
/// assert_eq!(report.cancelled[0].name.as_deref(), Some("server")); // ... this one by a cancel
/// # std::io::Result::Ok(())
/// ```
#[derive(Debug, Default)]
#[non_exhaustive]
pub struct ShutdownReport {
    /// Tasks that were still waiting when the shutdown began; they were cancelled.
    pub cancelled: Vec<Described>,
    /// Tasks that did not end by the deadline: their worker is stuck inside their poll. Also those
    /// that were bound to another thread than the one that shut down: their futures are leaked.
    pub tasks: Vec<Described>,
    /// Blocking jobs that were still running at the deadline.
    pub jobs: Vec<DescribedJob>,
    /// Worker threads that did not end by the deadline.
    pub threads: usize,
}

impl ShutdownReport {
    /// True if everything has ended.
    pub fn is_clean(&self) -> bool {
        self.tasks.is_empty() && self.jobs.is_empty() && self.threads == 0
    }
}

impl fmt::Display for ShutdownReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ShutdownReport { cancelled, tasks, jobs, threads } = self;
        if self.is_clean() {
            return write!(f, "shut down; {} tasks were cancelled", cancelled.len());
        }
        write!(f, "shut down at the deadline; {threads} worker threads are stuck")?;
        for task in tasks {
            write!(f, "\n  {task}")?;
        }
        for job in jobs {
            write!(f, "\n  {job}")?;
        }
        Ok(())
    }
}

/// Goes through the whole sequence. Only from a thread that is no worker of this runtime.
pub(crate) fn shut_down(
    shared: &Arc<Shared>,
    threads: Vec<JoinHandle<()>>,
    timeout: Duration,
) -> ShutdownReport {
    let deadline = Instant::now().checked_add(timeout);
    let mut report = ShutdownReport { cancelled: close(shared), ..ShutdownReport::default() };
    drain(shared, deadline);
    shared.set_phase(STOPPING);
    report.threads = end_threads(shared, threads, deadline);
    shared.drop_queued(true);
    report.tasks = std::mem::take(&mut *shared.leaked.lock());
    report.tasks.extend(shared.tasks());
    shared.close_floors();
    report.jobs = shared.blocking.close_and_wait(deadline);
    report
}

/// The sequence without waiting, for a caller who must not block: what is queued is dropped here, and
/// each worker drops what it comes upon and ends; the last one closes the reactor and the timers.
pub(crate) fn shut_down_in_background(shared: &Arc<Shared>) -> ShutdownReport {
    let cancelled = close(shared);
    let jobs = shared.blocking.close_and_wait(Some(Instant::now()));
    shared.set_phase(STOPPING);
    // A thread on seat 0 drops what is bound to it when it leaves.
    shared.drop_queued(shared.caller.is_left());
    let mut tasks = std::mem::take(&mut *shared.leaked.lock());
    tasks.extend(shared.tasks());
    let threads = shared.ending.threads();
    if threads == 0 {
        shared.close_floors();
    }
    ShutdownReport { cancelled, tasks, jobs, threads }
}

/// Steps 1 and 2; the tasks there were.
fn close(shared: &Arc<Shared>) -> Vec<Described> {
    shared.set_phase(CLOSING);
    shared.registry.close();
    let tasks = shared.tasks();
    if shared.config.debug {
        // Somebody has seen to those that are being cancelled already.
        for task in tasks.iter().filter(|task| task.phase != Phase::Cancelling) {
            shared.report(&Report::Leftover(task.clone()));
        }
    }
    shared.cancel_all();
    tasks
}

/// Step 3.
fn drain(shared: &Arc<Shared>, deadline: Option<Instant>) {
    /// Nobody tells when only tasks are left that cannot end.
    const LOOK: Duration = Duration::from_millis(10);
    let is_over = || deadline.is_some_and(|deadline| Instant::now() >= deadline);
    let seated = Seated::claim(shared, false);
    while !shared.registry.is_empty() && !is_over() {
        match &seated {
            Some(seated) => {
                let worker = &*seated.worker;
                worker.limit.set(deadline);
                if worker.step() == Step::Idle && !shared.registry.is_empty() {
                    worker.search_or_park();
                }
            }
            // Tasks that are bound to a thread which is not here cannot end.
            None if shared.caller.is_left() && shared.registry.len() <= shared.caller.bound() => {
                return;
            }
            None => {
                let look = Instant::now() + LOOK;
                shared.ending.sleep(Some(deadline.map_or(look, |deadline| deadline.min(look))));
            }
        }
    }
}

/// Step 4; how many did not end.
fn end_threads(shared: &Shared, threads: Vec<JoinHandle<()>>, deadline: Option<Instant>) -> usize {
    /// Threads that are not stuck need no longer than this to see that they are to end.
    const GRACE: Duration = Duration::from_millis(100);
    let deadline = deadline.map(|deadline| deadline.max(Instant::now() + GRACE));
    let stuck = shared.ending.wait_for_threads(deadline);
    if stuck == 0 {
        for thread in threads {
            // A worker thread ends by a panic only if windlass has a bug, and that was printed.
            let _ = thread.join();
        }
    }
    stuck
}

impl Shared {
    /// Step 5: drops every task that is in a queue; one that is being polled has its worker. With
    /// `bound`, also those that are bound to seat 0's thread: if that is not this one, their futures
    /// are leaked, and the tasks are kept for the report.
    pub(crate) fn drop_queued(self: &Arc<Self>, bound: bool) {
        // Destructors may use the runtime, and their panics belong to its reports.
        let _entered = context::enter(self, None);
        self.cancel_all();
        loop {
            while let Some(task) = self.take_any() {
                self.drop_bound(task);
            }
            let bound = if bound { self.take_bound() } else { VecDeque::new() };
            if bound.is_empty() {
                return;
            }
            bound.into_iter().for_each(|task| self.drop_bound(task));
        }
    }

    fn drop_bound(&self, task: Runnable) {
        if task.is_local() && !self.caller.is_home() {
            let described = self.describe(task.id());
            self.leaked.lock().extend(described);
        }
        drop(task);
    }
}
