//! The real thing: `std` atomics and threads, `parking_lot` locks.

use std::time::Instant;

pub use parking_lot::{Mutex, MutexGuard};

/// Atomic integers, pointers and fences.
pub mod atomic {
    pub use std::sync::atomic::{
        AtomicBool, AtomicPtr, AtomicU16, AtomicU32, AtomicU64, AtomicUsize, Ordering, fence,
    };
}

/// Hints to the processor.
pub mod hint {
    pub use std::hint::spin_loop;
}

/// Threads with names.
pub mod thread {
    pub use std::thread::{JoinHandle, LocalKey, sleep, yield_now};

    /// Starts a named thread; the error is the system's when it refuses.
    pub fn spawn<F: FnOnce() + Send + 'static>(
        name: String,
        body: F,
    ) -> std::io::Result<JoinHandle<()>> {
        std::thread::Builder::new().name(name).spawn(body)
    }
}

/// A condition variable that goes with [`Mutex`].
#[derive(Debug, Default)]
pub struct Condvar(parking_lot::Condvar);

impl Condvar {
    /// A condition variable nobody waits on.
    pub const fn new() -> Self {
        Self(parking_lot::Condvar::new())
    }

    /// Releases the lock, sleeps until notified (or for no reason at all), and locks again.
    pub fn wait<T>(&self, guard: &mut MutexGuard<'_, T>) {
        self.0.wait(guard);
    }

    /// As [`wait`](Self::wait), but no longer than until `deadline`; true if that was the reason.
    pub fn wait_until<T>(&self, guard: &mut MutexGuard<'_, T>, deadline: Instant) -> bool {
        self.0.wait_until(guard, deadline).timed_out()
    }

    /// Wakes one waiter.
    pub fn notify_one(&self) {
        self.0.notify_one();
    }

    /// Wakes all waiters.
    pub fn notify_all(&self) {
        self.0.notify_all();
    }
}

/// A cell whose accesses loom can watch; here, nothing but the plain cell.
#[derive(Debug, Default)]
pub struct UnsafeCell<T>(std::cell::UnsafeCell<T>);

impl<T> UnsafeCell<T> {
    /// A cell with this content.
    pub const fn new(value: T) -> Self {
        Self(std::cell::UnsafeCell::new(value))
    }

    /// Lends a pointer for reading.
    #[inline(always)]
    pub fn with<R>(&self, read: impl FnOnce(*const T) -> R) -> R {
        read(self.0.get())
    }

    /// Lends a pointer for writing.
    #[inline(always)]
    pub fn with_mut<R>(&self, write: impl FnOnce(*mut T) -> R) -> R {
        write(self.0.get())
    }
}

/// Runs `body`, and returns the payload if it panics.
pub fn catch_unwind<R>(body: impl FnOnce() -> R) -> std::thread::Result<R> {
    std::panic::catch_unwind(std::panic::AssertUnwindSafe(body))
}

/// How loom explores a model; without loom the two are the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Loads may return stale values, as far as the orderings allow.
    Weak,
    /// Every access sees the newest value; only interleavings are explored.
    Interleaving,
}

/// True where a model checker stands behind this module.
pub const MODELED: bool = false;

/// Runs a model on real threads, many times over; returns how often.
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

/// As [`explore`]; on real threads it takes the time it takes.
pub fn explore_for(
    _: Mode,
    _preemptions: Option<usize>,
    _limit: Option<std::time::Duration>,
    body: impl Fn() + Send + Sync + 'static,
) -> Explored {
    const ROUNDS: u64 = 200; // enough to meet the common interleavings, quick enough for every test run
    (0..ROUNDS).for_each(|_| body());
    Explored { executions: ROUNDS, complete: true }
}

#[doc(hidden)]
#[macro_export]
macro_rules! windlass_thread_local {
    ($($(#[$meta:meta])* $vis:vis static $name:ident: $type:ty = $init:expr;)+) => {
        ::std::thread_local! { $($(#[$meta])* $vis static $name: $type = const { $init };)+ }
    };
}
