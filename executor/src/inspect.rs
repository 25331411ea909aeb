//! Looking at a running runtime: figures, and a list of every task.
//!
//! Neither polls anything or stops anybody. A dump reads what each task's last poll has noted.

use std::fmt;

use windlass_sync::waiting;

use crate::blocking::{DescribedJob, Stats};
use crate::counters::WorkerMetrics;
use crate::scheduler::Shared;
use crate::task::Described;

/// Figures of a runtime at one moment.
///
/// # Examples
/// ```
/// # use std::future::pending;
/// # use windlass_executor::runtime::Builder;
/// let runtime = Builder::new().workers(1).build()?;
/// let tasks = [runtime.spawn(pending::<()>()), runtime.spawn(pending())];
/// let metrics = runtime.handle().metrics();
/// assert_eq!(metrics.tasks, tasks.len());
/// assert_eq!(metrics.total(|worker| worker.polls), 0, "nobody has driven it yet");
/// # std::io::Result::Ok(())
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Metrics {
    /// Each worker's counters.
    pub workers: Vec<WorkerMetrics>,
    /// Tasks queued at each worker.
    pub queued: Vec<usize>,
    /// Tasks queued for whoever comes first.
    pub injected: usize,
    /// Tasks that are not done.
    pub tasks: usize,
    /// Workers that sleep.
    pub parked: usize,
    /// Sources registered with the reactor.
    pub sources: usize,
    /// Timers armed.
    pub timers: usize,
    /// Panics that nobody has seen.
    pub unobserved_panics: usize,
    /// The default blocking pool.
    pub blocking: Stats,
}

impl Metrics {
    /// The sum of one counter over all workers.
    pub fn total(&self, counter: impl Fn(&WorkerMetrics) -> u64) -> u64 {
        self.workers.iter().map(counter).sum()
    }
}

/// Every task of a runtime at one moment, the oldest first.
///
/// # Examples
/// ```
/// # use windlass_executor::{runtime::Builder, spawn, yield_now};
/// # use windlass_sync::event::Event;
/// let runtime = Builder::new().workers(1).build()?;
/// let dump = runtime.block_on(async {
///     let stuck = spawn(async { Event::new().wait().await }).named("stuck");
///     yield_now().await;
///     let dump = runtime.handle().dump();
///     drop(stuck);
///     dump
/// });
/// assert!(dump.to_string().contains("waits for event at"));
/// # std::io::Result::Ok(())
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Dump {
    /// The tasks.
    pub tasks: Vec<Described>,
    /// Blocking jobs that are queued or running.
    pub jobs: Vec<DescribedJob>,
}

impl fmt::Display for Dump {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} tasks, {} blocking jobs", self.tasks.len(), self.jobs.len())?;
        for task in &self.tasks {
            write!(f, "\n  {task}")?;
        }
        for job in &self.jobs {
            write!(f, "\n  {job}")?;
        }
        Ok(())
    }
}

/// A worker's figures, with its task's number as it is shown.
fn shown(figures: WorkerMetrics) -> WorkerMetrics {
    WorkerMetrics { current: waiting::number(figures.current), ..figures }
}

impl Shared {
    pub(crate) fn metrics(&self) -> Metrics {
        let timers = &self.timers;
        Metrics {
            workers: self.seats.iter().map(|seat| shown(seat.counters.snapshot())).collect(),
            queued: self.seats.iter().map(|seat| seat.queue.len()).collect(),
            injected: self.injector.len(),
            tasks: self.registry.len(),
            parked: self.idle.parked(),
            sources: self.reactor.source_count(),
            timers: (0..=timers.foreign()).map(|shard| timers.armed(shard)).sum(),
            unobserved_panics: self.unobserved(),
            blocking: self.blocking.stats(),
        }
    }

    /// Every task that is not done, the oldest first.
    pub(crate) fn tasks(&self) -> Vec<Described> {
        let now_ns = self.clock.now_ns();
        let mut tasks = Vec::new();
        self.registry.each(|entry| tasks.push(entry.describe(self.epoch, now_ns)));
        tasks.sort_by_key(|task| (std::cmp::Reverse(task.age), task.id));
        tasks
    }
}
