//! A cache that is filled once, by whoever asks first, and read without a lock from then on.
//!
//! It is an example of a structure that is built from [`windlass_sync::shim`], so that loom can check
//! it: `cargo loom-example`. See `tests/models/FOR_USERS.md`.

use windlass_sync::shim::Mutex;
use windlass_sync::shim::atomic::{AtomicBool, AtomicU64, Ordering};

/// A number that is expensive to get.
#[derive(Debug)]
pub struct Cache {
    /// The number is there; nobody needs the lock any more.
    ready: AtomicBool,
    /// The number, once it is there.
    number: AtomicU64,
    /// Held by who fills it.
    filling: Mutex<()>,
    /// How the number is published.
    publish: Ordering,
}

impl Cache {
    /// An empty cache.
    pub fn new() -> Self {
        Self::publishing(Ordering::Release)
    }

    /// One that publishes its number like this; anything weaker than `Release` is a bug, which the
    /// tests use to see that the model finds it.
    #[doc(hidden)]
    pub fn publishing(publish: Ordering) -> Self {
        let (ready, number) = (AtomicBool::new(false), AtomicU64::new(0));
        Self { ready, number, filling: Mutex::new(()), publish }
    }

    /// The number; `get` is called if it is not there, once for all.
    pub fn number(&self, get: impl FnOnce() -> u64) -> u64 {
        // Acquire: who sees that it is ready sees the number.
        if !self.ready.load(Ordering::Acquire) {
            let _filling = self.filling.lock();
            // Again: somebody else may have filled it while we waited. The lock orders it.
            if !self.ready.load(Ordering::Relaxed) {
                self.number.store(get(), Ordering::Relaxed);
                self.ready.store(true, self.publish);
            }
        }
        self.number.load(Ordering::Relaxed)
    }
}

impl Default for Cache {
    fn default() -> Self {
        Self::new()
    }
}
