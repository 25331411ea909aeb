//! loom's thing: every access to shared memory is a step that the model checker may reorder.
//!
//! The atomics are newtypes, because each model is explored in two [`Mode`]s. loom 0.7 drops
//! interleavings in which a thread loads a word and then writes it while another loads it
//! (tokio-rs/loom issue 392), which is the very shape of a check-then-exchange. In interleaving
//! mode each load is a `fetch_or(0)` and each store a `swap`; that form is explored completely, and
//! being cheaper it affords one more preemption. Stale values are left to the weak mode.

use std::time::Instant;

/// Atomic integers, pointers and fences.
pub mod atomic {
    use super::interleaving;
    pub use loom::sync::atomic::{Ordering, fence};

    macro_rules! integer {
        ($(#[$doc:meta])* $name:ident, $value:ty) => {
            $(#[$doc])*
            #[derive(Debug, Default)]
            pub struct $name(loom::sync::atomic::$name);

            #[allow(missing_docs)]
            impl $name {
                #[track_caller]
                pub fn new(value: $value) -> Self {
                    Self(loom::sync::atomic::$name::new(value))
                }
                #[track_caller]
                pub fn load(&self, order: Ordering) -> $value {
                    if interleaving() { self.0.fetch_or(Default::default(), order) } else { self.0.load(order) }
                }
                #[track_caller]
                pub fn store(&self, value: $value, order: Ordering) {
                    if interleaving() {
                        self.0.swap(value, order);
                    } else {
                        self.0.store(value, order);
                    }
                }
                #[track_caller]
                pub fn swap(&self, value: $value, order: Ordering) -> $value {
                    self.0.swap(value, order)
                }
                #[track_caller]
                pub fn compare_exchange(
                    &self, current: $value, new: $value, success: Ordering, failure: Ordering,
                ) -> Result<$value, $value> {
                    self.0.compare_exchange(current, new, success, failure)
                }
                #[track_caller]
                pub fn compare_exchange_weak(
                    &self, current: $value, new: $value, success: Ordering, failure: Ordering,
                ) -> Result<$value, $value> {
                    self.0.compare_exchange(current, new, success, failure)
                }
                #[track_caller]
                pub fn fetch_or(&self, value: $value, order: Ordering) -> $value {
                    self.0.fetch_or(value, order)
                }
                #[track_caller]
                pub fn fetch_and(&self, value: $value, order: Ordering) -> $value {
                    self.0.fetch_and(value, order)
                }
            }
        };
    }

    macro_rules! arithmetic {
        ($name:ident, $value:ty) => {
            #[allow(missing_docs)]
            impl $name {
                #[track_caller]
                pub fn fetch_add(&self, value: $value, order: Ordering) -> $value {
                    self.0.fetch_add(value, order)
                }
                #[track_caller]
                pub fn fetch_sub(&self, value: $value, order: Ordering) -> $value {
                    self.0.fetch_sub(value, order)
                }
                #[track_caller]
                pub fn fetch_max(&self, value: $value, order: Ordering) -> $value {
                    self.0.fetch_max(value, order)
                }
                #[track_caller]
                pub fn fetch_min(&self, value: $value, order: Ordering) -> $value {
                    self.0.fetch_min(value, order)
                }
            }
        };
    }

    integer!(/// A flag.
        AtomicBool, bool);
    integer!(/// A 32-bit word.
        AtomicU32, u32);
    integer!(/// A 64-bit word.
        AtomicU64, u64);
    integer!(/// A pointer-sized word.
        AtomicUsize, usize);
    arithmetic!(AtomicU32, u32);
    arithmetic!(AtomicU64, u64);
    arithmetic!(AtomicUsize, usize);

    /// A pointer.
    #[derive(Debug)]
    pub struct AtomicPtr<T>(loom::sync::atomic::AtomicPtr<T>);

    #[allow(missing_docs)]
    impl<T> AtomicPtr<T> {
        #[track_caller]
        pub fn new(value: *mut T) -> Self {
            Self(loom::sync::atomic::AtomicPtr::new(value))
        }
        #[track_caller]
        pub fn load(&self, order: Ordering) -> *mut T {
            if interleaving() {
                let nothing = std::ptr::null_mut();
                match self.0.compare_exchange(nothing, nothing, order, Ordering::Relaxed) {
                    Ok(seen) | Err(seen) => seen,
                }
            } else {
                self.0.load(order)
            }
        }
        #[track_caller]
        pub fn store(&self, value: *mut T, order: Ordering) {
            if interleaving() {
                self.0.swap(value, order);
            } else {
                self.0.store(value, order);
            }
        }
        #[track_caller]
        pub fn swap(&self, value: *mut T, order: Ordering) -> *mut T {
            self.0.swap(value, order)
        }
        #[track_caller]
        pub fn compare_exchange(
            &self,
            current: *mut T,
            new: *mut T,
            success: Ordering,
            failure: Ordering,
        ) -> Result<*mut T, *mut T> {
            self.0.compare_exchange(current, new, success, failure)
        }
    }
}

/// Hints to the processor; a spinning thread must let the others run.
pub mod hint {
    pub use loom::thread::yield_now as spin_loop;
}

/// Model threads.
pub mod thread {
    pub use loom::thread::{JoinHandle, LocalKey, yield_now};

    /// A model has no time: others may run.
    pub fn sleep(_: std::time::Duration) {
        yield_now();
    }

    /// Starts a model thread; it never fails.
    pub fn spawn<F: FnOnce() + Send + 'static>(
        _name: String,
        body: F,
    ) -> std::io::Result<JoinHandle<()>> {
        Ok(loom::thread::spawn(body))
    }
}

/// A mutual exclusion lock in parking_lot's shape: no poisoning, no `Result`.
#[derive(Debug, Default)]
pub struct Mutex<T>(loom::sync::Mutex<T>);

/// Access to what the lock guards, until dropped.
#[derive(Debug)]
pub struct MutexGuard<'a, T>(Option<loom::sync::MutexGuard<'a, T>>);

const HELD: &str = "the guard gives its lock up only inside Condvar::wait";
const UNPOISONED: &str = "a panic ends the model, so no lock is ever seen poisoned";

impl<T> Mutex<T> {
    /// A free lock around `value`.
    pub fn new(value: T) -> Self {
        Self(loom::sync::Mutex::new(value))
    }

    /// Waits for the lock.
    pub fn lock(&self) -> MutexGuard<'_, T> {
        MutexGuard(Some(self.0.lock().expect(UNPOISONED)))
    }

    /// Access without locking: nobody else can.
    pub fn get_mut(&mut self) -> &mut T {
        self.0.get_mut().expect(UNPOISONED)
    }

    /// What the lock guarded.
    pub fn into_inner(self) -> T {
        self.0.into_inner().expect(UNPOISONED)
    }
}

impl<T> std::ops::Deref for MutexGuard<'_, T> {
    type Target = T;
    fn deref(&self) -> &T {
        self.0.as_ref().expect(HELD)
    }
}

impl<T> std::ops::DerefMut for MutexGuard<'_, T> {
    fn deref_mut(&mut self) -> &mut T {
        self.0.as_mut().expect(HELD)
    }
}

/// A condition variable that goes with [`Mutex`].
#[derive(Debug, Default)]
pub struct Condvar(loom::sync::Condvar);

impl Condvar {
    /// A condition variable nobody waits on.
    pub fn new() -> Self {
        Self(loom::sync::Condvar::new())
    }

    /// Releases the lock, sleeps until notified, and locks again.
    pub fn wait<T>(&self, guard: &mut MutexGuard<'_, T>) {
        let held = guard.0.take().expect(HELD);
        guard.0 = Some(self.0.wait(held).expect(UNPOISONED));
    }

    /// As [`wait`](Self::wait): a model has no clock, so the deadline never comes.
    pub fn wait_until<T>(&self, guard: &mut MutexGuard<'_, T>, _deadline: Instant) -> bool {
        self.wait(guard);
        false
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

/// A cell that reports two accesses at once, or one that is not ordered after the last write.
#[derive(Debug, Default)]
pub struct UnsafeCell<T>(loom::cell::UnsafeCell<T>);

impl<T> UnsafeCell<T> {
    /// A cell with this content.
    #[track_caller]
    pub fn new(value: T) -> Self {
        Self(loom::cell::UnsafeCell::new(value))
    }

    /// Lends a pointer for reading.
    #[track_caller]
    pub fn with<R>(&self, read: impl FnOnce(*const T) -> R) -> R {
        self.0.with(read)
    }

    /// Lends a pointer for writing.
    #[track_caller]
    pub fn with_mut<R>(&self, write: impl FnOnce(*mut T) -> R) -> R {
        self.0.with_mut(write)
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

// The mode of this process. Set before the model starts and not a loom object, so reading it is not
// a step of the model.
static INTERLEAVING: std::sync::atomic::AtomicBool = std::sync::atomic::AtomicBool::new(false);

fn interleaving() -> bool {
    INTERLEAVING.load(std::sync::atomic::Ordering::Relaxed)
}

/// Runs `body` through every interleaving with at most this many preemptions; returns how many
/// executions there were. Panics at the first one that fails, and says before which one it is.
pub fn explore(
    mode: Mode,
    preemptions: Option<usize>,
    body: impl Fn() + Send + Sync + 'static,
) -> u64 {
    INTERLEAVING.store(mode == Mode::Interleaving, std::sync::atomic::Ordering::Relaxed);
    let mut builder = loom::model::Builder::new();
    builder.max_branches = 20_000; // the default of 1,000 is too small for a whole scheduler
    builder.preemption_bound = preemptions;
    let executions = std::sync::Arc::new(std::sync::atomic::AtomicU64::new(0));
    let (count, reached) = (executions.clone(), executions.clone());
    let report = std::panic::take_hook();
    // A hook, since loom may end the process while it unwinds.
    std::panic::set_hook(Box::new(move |info| {
        let execution = reached.load(std::sync::atomic::Ordering::Relaxed);
        eprintln!("failed at execution {execution}");
        report(info);
    }));
    builder.check(move || {
        count.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        body();
    });
    executions.load(std::sync::atomic::Ordering::Relaxed)
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
