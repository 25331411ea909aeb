//! Where trouble is told: panics that nobody joins, and what debug mode finds.
//!
//! Every report is one line on standard error, beginning with `windlass:`, unless the runtime was
//! built with a hook of its own. A panic that nobody can see any more is always reported; all the
//! rest only in debug mode.

use std::fmt;
use std::time::Duration;

use windlass_sync::shim;
use windlass_sync::waiting::{self, Waiting};

use crate::config::OnPanic;
use crate::context;
use crate::ending::{CLOSING, STOPPING};
use crate::scheduler::Shared;
use crate::task::runnable::Listed;
use crate::task::{Described, JoinError, TaskId};

/// Something that went wrong and that no caller is told.
///
/// # Examples
/// ```
/// # use std::sync::mpsc;
/// # use windlass_executor::{runtime::{Builder, Report}, spawn, yield_now};
/// let (tell, told) = mpsc::channel();
/// let runtime = Builder::new().workers(1).on_report(move |report| {
///     let Report::UnobservedPanic(error) = report else { return };
///     tell.send(error.to_string()).unwrap(); // to the program's log, for example
/// });
/// runtime.build()?.block_on(async {
///     spawn(async { panic!("no luck") }).detach();
///     yield_now().await;
/// });
/// assert!(told.recv().unwrap().contains("no luck"));
/// # std::io::Result::Ok(())
/// ```
#[derive(Debug)]
#[non_exhaustive]
pub enum Report {
    /// A task panicked, and its handle is gone.
    UnobservedPanic(JoinError),
    /// A poll took longer than the threshold, so the worker was blocked for that time.
    SlowPoll {
        /// The task that was polled, if it still exists; the root future of `block_on` is none.
        task: Option<Described>,
        /// Its number.
        id: TaskId,
        /// How long the poll took.
        took: Duration,
    },
    /// A task waits for a mutex that it has locked itself, and for nothing else that says what it
    /// is; or for a second token of a limiter. Told once for each task, in debug mode.
    ///
    /// It is no deadlock if somebody else was given the guard, or will bring a token back.
    WaitsForItself {
        /// The task, if it still exists; the root future of `block_on` is none.
        task: Option<Described>,
        /// Its number.
        id: TaskId,
        /// Where it waits, and since which line it holds what it waits for.
        waiting: Waiting,
    },
    /// A task sleeps and no waker of it is left, so it can only be cancelled.
    Lost(Described),
    /// A task was still there when the runtime shut down.
    Leftover(Described),
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Report::UnobservedPanic(error) => write!(f, "unobserved panic: {error}"),
            Report::SlowPoll { task: Some(task), took, .. } => {
                write!(f, "slow poll: blocked its worker for {took:.3?}: {task}")
            }
            Report::SlowPoll { task: None, id, took } => {
                write!(f, "slow poll: future {id} blocked its worker for {took:.3?}")
            }
            Report::WaitsForItself { task, id, waiting: Waiting { reason, at } } => {
                match task {
                    Some(task) => write!(f, "possible deadlock: {}", task.title())?,
                    None => write!(f, "possible deadlock: future {id}")?,
                }
                write!(f, " waits at {at} for a {reason}")
            }
            Report::Lost(task) => write!(f, "lost task: {task}"),
            Report::Leftover(task) => write!(f, "task left at shutdown: {task}"),
        }
    }
}

/// A panic that no handle will ever see: it is reported, and the runtime's policy applied.
pub(crate) fn unobserved(error: JoinError) {
    let current = || context::current().map(|current| current.shared.clone());
    let runtime = error.runtime().or_else(current);
    let report = Report::UnobservedPanic(error);
    match runtime {
        Some(shared) => {
            shared.count_unobserved();
            shared.report(&report);
            shared.apply(shared.config.on_panic);
        }
        None => eprintln!("windlass: {report}"),
    }
}

impl Shared {
    /// Tells a report to the hook, or to standard error.
    pub(crate) fn report(&self, report: &Report) {
        match &self.config.on_report {
            Some(hook) => {
                // A panicking hook must not end a worker; the panic hook has printed it.
                if let Err(payload) = shim::catch_unwind(|| hook(report)) {
                    std::mem::forget(payload);
                }
            }
            None => eprintln!("windlass: {report}"),
        }
    }

    /// What a dump shows of one task.
    pub(crate) fn describe(&self, id: TaskId) -> Option<Described> {
        self.find(id, |_| true)
    }

    /// As [`describe`](Self::describe), if the task is there and `is_wanted`.
    fn find(&self, id: TaskId, is_wanted: impl Fn(&Listed) -> bool) -> Option<Described> {
        let now_ns = self.clock.now_ns();
        let mut found = None;
        self.registry.each(|entry| {
            if entry.id() == id && is_wanted(entry) {
                found = Some(entry.describe(self.epoch, now_ns));
            }
        });
        found
    }

    /// A poll ended with no waker left.
    #[cold]
    pub(crate) fn report_lost(&self, id: TaskId) {
        if self.config.debug
            && let Some(task) = self.describe(id)
        {
            self.report(&Report::Lost(task));
        }
    }

    /// A poll ended with a task that waits for nothing but what it holds itself.
    #[cold]
    pub(crate) fn report_own(&self, id: TaskId, waiting: Option<Waiting>) {
        if self.config.debug
            && let Some(waiting) = waiting
            && let Some(task) = self.find(id, Listed::waits_for_itself)
        {
            self.report(&Report::WaitsForItself { task: Some(task), id, waiting });
        }
    }

    /// As [`report_own`](Self::report_own), for a root future whose poll has ended; it is no task.
    ///
    /// Its note is taken in any case, or it would end up with the task that is polled next.
    pub(crate) fn take_note_of_root(&self, id: TaskId, is_woken: bool, told: &mut bool) {
        let note = waiting::take().filter(|note| note.reason.is_own() && !is_woken);
        if self.config.debug
            && let Some(waiting) = note
            && !std::mem::replace(told, true)
        {
            self.report(&Report::WaitsForItself { task: None, id, waiting });
        }
    }

    /// A poll took too long.
    #[cold]
    pub(crate) fn report_slow(&self, id: TaskId, took: Duration) {
        self.report(&Report::SlowPoll { task: self.describe(id), id, took });
    }

    fn apply(&self, policy: OnPanic) {
        match policy {
            OnPanic::Report => {}
            OnPanic::CancelGroup => self.cancel_all(),
            OnPanic::ShutDown => {
                self.set_phase(CLOSING);
                self.registry.close();
                self.cancel_all();
                self.set_phase(STOPPING);
            }
            OnPanic::Abort => std::process::abort(),
        }
    }
}
