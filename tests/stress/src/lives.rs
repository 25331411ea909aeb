//! Witnesses that what has begun has ended.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};

use windlass::sync::Notify;

use crate::sabotage::Sabotage;

/// How many of something are alive.
#[derive(Clone, Debug, Default)]
pub struct Lives(Arc<Counts>);

#[derive(Debug, Default)]
struct Counts {
    now: AtomicUsize,
    /// Rings when the last one ends.
    none: Notify,
}

/// One of them; it is put into the future, closure or output that must be dropped.
#[derive(Debug)]
pub struct Life(Lives);

impl Lives {
    pub fn begin(&self) -> Life {
        self.0.now.fetch_add(1, SeqCst);
        Life(self.clone())
    }

    pub fn now(&self) -> usize {
        self.0.now.load(SeqCst)
    }

    /// Waits until all have ended. If one never does, the watchdog tells.
    pub async fn over(&self) {
        if Sabotage::Leak.is_on() {
            std::mem::forget(self.begin());
        }
        while self.now() > 0 {
            self.0.none.notified().await;
        }
    }
}

impl Drop for Life {
    fn drop(&mut self) {
        let counts = &self.0.0;
        if counts.now.fetch_sub(1, SeqCst) == 1 {
            counts.none.notify_one();
        }
    }
}
