//! loom's thing: every access to shared memory is a step that the model checker may reorder.
//!
//! Each model is explored in two [`Mode`]s. loom 0.7 drops interleavings in which a thread loads a
//! word and then writes it while another loads it (tokio-rs/loom issue 392), which is the very shape
//! of a check-then-exchange. In interleaving mode each load is a `fetch_or(0)` and each store a
//! `swap`; that form is explored completely, and being cheaper it affords one more preemption. Stale
//! values are left to the weak mode.
//!
//! Each operation is noted in a [`trace`], so that an execution that fails can be shown as a table
//! with a column per thread. The trace is no loom object, and so no part of the model.

#[path = "modeled/atomic.rs"]
pub mod atomic;
#[path = "modeled/lock.rs"]
mod lock;
#[path = "modeled/table.rs"]
mod table;
#[path = "modeled/thread.rs"]
pub mod thread;
#[path = "modeled/trace.rs"]
mod trace;

use std::cell::Cell;
use std::panic::Location;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};

pub use lock::{Condvar, Mutex, MutexGuard};
use trace::{Kind, Object, step};

/// Hints to the processor; a spinning thread must let the others run.
pub mod hint {
    pub use super::thread::yield_now as spin_loop;
}

/// A cell that reports two accesses at once, or one that is not ordered after the last write.
#[derive(Debug)]
pub struct UnsafeCell<T> {
    cell: loom::cell::UnsafeCell<T>,
    object: Object,
}

impl<T: Default> Default for UnsafeCell<T> {
    fn default() -> Self {
        Self::new(T::default())
    }
}

impl<T> UnsafeCell<T> {
    /// A cell with this content.
    #[track_caller]
    pub fn new(value: T) -> Self {
        Self { cell: loom::cell::UnsafeCell::new(value), object: Object::new(Kind::Cell) }
    }

    /// Lends a pointer for reading.
    #[track_caller]
    pub fn with<R>(&self, read: impl FnOnce(*const T) -> R) -> R {
        step(Location::caller(), self.object, "read", || self.cell.with(read))
    }

    /// Lends a pointer for writing.
    #[track_caller]
    pub fn with_mut<R>(&self, write: impl FnOnce(*mut T) -> R) -> R {
        step(Location::caller(), self.object, "write", || self.cell.with_mut(write))
    }
}

/// Runs `body` and lets a panic through: it is loom's own report, or a failed assertion of the model.
pub fn catch_unwind<R>(body: impl FnOnce() -> R) -> std::thread::Result<R> {
    Ok(body())
}

/// How loom explores a model.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Loads may return stale values, as far as the orderings allow.
    Weak,
    /// Every access sees the newest value; only interleavings are explored.
    Interleaving,
}

/// True where a model checker stands behind this module.
pub const MODELED: bool = true;

thread_local! {
    /// The mode of the model that runs. loom runs all its threads on this one of the system. Not a
    /// loom object, so reading it is not a step of the model.
    static INTERLEAVING: Cell<bool> = const { Cell::new(false) };
}

fn interleaving() -> bool {
    INTERLEAVING.get()
}

/// Runs `body` through every interleaving with at most this many preemptions; returns how many
/// executions there were. At the first one that fails it prints what the threads did, and panics.
pub fn explore(
    mode: Mode,
    preemptions: Option<usize>,
    body: impl Fn() + Send + Sync + 'static,
) -> u64 {
    explore_for(mode, preemptions, None, body).executions
}

/// What an exploration came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Explored {
    /// How often the body was run.
    pub executions: u64,
    /// False if the time was over before every interleaving had been seen.
    pub complete: bool,
}

/// How many executions loom makes between two looks at the time.
const LOOKS_EVERY: usize = 500; // at 8,000 a second it is late by less than a tenth of a second

/// As [`explore`], but no longer than `limit`.
pub fn explore_for(
    mode: Mode,
    preemptions: Option<usize>,
    limit: Option<Duration>,
    body: impl Fn() + Send + Sync + 'static,
) -> Explored {
    INTERLEAVING.set(mode == Mode::Interleaving);
    table::print_on_panic();
    let mut builder = loom::model::Builder::new();
    builder.max_branches = 20_000; // the default of 1,000 is too small for a whole scheduler
    builder.preemption_bound = preemptions;
    builder.max_duration = limit; // not what the environment says: loom tells nobody if it was cut
    builder.max_permutations = None;
    builder.checkpoint_interval = LOOKS_EVERY;
    let executions = std::sync::Arc::new(AtomicU64::new(0));
    let count = executions.clone();
    let begun = Instant::now();
    builder.check(move || {
        trace::begin_execution(count.fetch_add(1, Relaxed) + 1);
        body();
    });
    let executions = executions.load(Relaxed);
    // loom looks at the time before each execution whose number is a multiple, and returns silently.
    let may_be_cut = (executions + 1).is_multiple_of(LOOKS_EVERY as u64);
    let is_late = limit.is_some_and(|limit| begun.elapsed() >= limit);
    Explored { executions, complete: !(may_be_cut && is_late) }
}

#[doc(hidden)]
#[macro_export]
macro_rules! windlass_thread_local {
    ($($(#[$meta:meta])* $vis:vis static $name:ident: $type:ty = $init:expr;)+) => {
        $crate::shim::__loom_thread_local! { $($(#[$meta])* $vis static $name: $type = $init;)+ }
    };
}
#[doc(hidden)]
pub use loom::thread_local as __loom_thread_local;
