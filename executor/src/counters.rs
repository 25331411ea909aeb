//! What each worker counts, at the price of a plain store: each counter has one writer.
//!
//! # Orderings
//!
//! All Relaxed: the counters are read for people and by the sentinel, which compares two readings.

use windlass_sync::shim::atomic::{AtomicU64, Ordering::*};

/// A counter that one thread writes and any may read.
#[derive(Debug)]
pub struct Counter(AtomicU64);

impl Counter {
    fn new() -> Self {
        Self(AtomicU64::new(0))
    }

    /// Adds to it. Only for its one writer.
    #[inline]
    pub fn add(&self, n: u64) {
        // ORDERING: Relaxed. The one writer reads its own store.
        let before = self.0.load(Relaxed);
        self.set(before.wrapping_add(n));
    }

    /// Replaces it. Only for its one writer.
    #[inline]
    pub fn set(&self, n: u64) {
        // ORDERING: Relaxed. For people, and for comparison.
        self.0.store(n, Relaxed);
    }

    /// The value.
    pub fn get(&self) -> u64 {
        // ORDERING: Relaxed. For people, and for comparison.
        self.0.load(Relaxed)
    }
}

macro_rules! counters {
    ($($(#[$doc:meta])* $name:ident),+ $(,)?) => {
        /// The counters of one worker.
        #[derive(Debug)]
        pub struct Counters { $($(#[$doc])* pub $name: Counter),+ }

        impl Counters {
            /// All zero.
            #[allow(clippy::new_without_default, reason = "loom's atomics have no const default")]
            pub fn new() -> Self {
                Self { $($name: Counter::new()),+ }
            }

            /// Their values now.
            pub fn snapshot(&self) -> WorkerMetrics {
                WorkerMetrics { $($name: self.$name.get()),+ }
            }
        }

        /// What one worker has done so far.
        ///
        /// # Examples
        /// ```
        /// # use windlass_executor::runtime::Builder;
        /// let runtime = Builder::new().workers(1).build()?;
        /// runtime.block_on(runtime.spawn(async {})).unwrap();
        /// let worker = runtime.handle().metrics().workers[0];
        /// assert_eq!((worker.polls, worker.timers), (1, 0));
        /// # std::io::Result::Ok(())
        /// ```
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
        #[non_exhaustive]
        pub struct WorkerMetrics { $($(#[$doc])* pub $name: u64),+ }
    };
}

counters! {
    /// Tasks polled.
    polls,
    /// The task polled last.
    current,
    /// Tasks that came through the next-task slot.
    next_slot,
    /// Thefts from other workers, each of one task or many.
    steals,
    /// Tasks or batches taken from the injector.
    injector,
    /// Times it went to sleep.
    parks,
    /// Times it woke another worker.
    wakes,
    /// Looks at the reactor, and sleeps in it, that brought something.
    turns,
    /// Wakers that the reactor called.
    events,
    /// Timers fired.
    timers,
    /// Times it looked after the others as sentinel.
    watches,
    /// Tasks found asleep with no waker left.
    lost,
    /// Polls longer than the threshold of debug mode.
    slow_polls,
}
