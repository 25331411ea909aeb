//! What a runtime was told when it was built.

use std::fmt;
use std::sync::{Arc, OnceLock};
use std::thread;
use std::time::Duration;

use crate::report::Report;

/// What an unobserved panic of a task does besides being reported.
///
/// A panic in a [`TaskGroup`](crate::group::TaskGroup) is not unobserved: the group cancels its other
/// children and has the panic in its error. The group that is meant here is the one around all, to
/// which detached tasks belong: the runtime.
///
/// # Examples
/// ```
/// # use std::future::pending;
/// # use windlass_executor::runtime::{Builder, OnPanic};
/// let runtime = Builder::new().workers(1).on_panic(OnPanic::CancelGroup).build()?;
/// let server = runtime.spawn(pending::<()>());
/// runtime.spawn(async { panic!("the database is gone") }).detach();
/// let ended = runtime.block_on(server);
/// assert!(ended.unwrap_err().is_cancelled(), "it does not go on alone");
/// # std::io::Result::Ok(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum OnPanic {
    /// Nothing more: the other tasks run on.
    #[default]
    Report,
    /// All tasks of the runtime are cancelled; it goes on and takes new ones.
    CancelGroup,
    /// The runtime shuts down; a `block_on` in progress panics.
    ShutDown,
    /// The process aborts.
    Abort,
}

/// Called when a thread of the runtime, a worker's or a blocking one, starts or stops.
pub(crate) type ThreadHook = Arc<dyn Fn() + Send + Sync>;
/// Called with every report.
pub(crate) type ReportHook = Arc<dyn Fn(&Report) + Send + Sync>;

/// The settled configuration.
#[derive(Clone)]
pub(crate) struct Config {
    pub(crate) name: String,
    pub(crate) debug: bool,
    pub(crate) slow_poll: Duration,
    pub(crate) on_panic: OnPanic,
    pub(crate) on_report: Option<ReportHook>,
    pub(crate) on_thread_start: Option<ThreadHook>,
    pub(crate) on_thread_stop: Option<ThreadHook>,
    pub(crate) shutdown_timeout: Duration,
}

impl fmt::Debug for Config {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Config")
            .field("name", &self.name)
            .field("debug", &self.debug)
            .field("slow_poll", &self.slow_poll)
            .field("on_panic", &self.on_panic)
            .field("shutdown_timeout", &self.shutdown_timeout)
            .finish_non_exhaustive()
    }
}

/// How many processors this process may use; 1 if that cannot be known. Asked once: the answer takes
/// several files to read, and that a quarter of the time in which a small runtime starts and stops.
pub(crate) fn processors() -> usize {
    static PROCESSORS: OnceLock<usize> = OnceLock::new();
    *PROCESSORS.get_or_init(|| thread::available_parallelism().map_or(1, usize::from))
}
