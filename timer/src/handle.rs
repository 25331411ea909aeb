//! Which timers the code on this thread uses.
//!
//! A thread-local names them, set for a while with [`Handle::enter`]. It names the shard, too: a
//! worker's own, or the foreign one.

use windlass_sync::current::{self, Current, Entered};
use windlass_sync::shim::{self, Arc};

use crate::clock::Clock;
use crate::shard::Shard;
use crate::timers::Timers;

shim::thread_local! {
    static CURRENT: Current<Handle> = Current::new();
}

/// A way to use some [`Timers`] from a thread.
#[derive(Clone, Debug)]
pub struct Handle {
    timers: Arc<Timers>,
    /// The shard that sleeps armed on this thread go to.
    shard: Arc<Shard>,
}

impl Handle {
    /// A handle for the thread that serves this shard of the timers.
    ///
    /// Shards below [`Timers::foreign`] belong to one thread each, which looks at
    /// [`Timers::next`] before it parks. Any number of threads may use the foreign one.
    ///
    /// # Panics
    /// If there is no such shard.
    pub fn new(timers: Arc<Timers>, shard: usize) -> Handle {
        let shard = timers.shard(shard).clone();
        Handle { timers, shard }
    }

    /// A handle to the timers of this thread. It may be entered on any other thread.
    ///
    /// # Panics
    /// If there are no timers on this thread.
    #[track_caller]
    pub fn current() -> Handle {
        match Handle::try_current() {
            Some(handle) => handle,
            None => missing("timer::Handle::current()"),
        }
    }

    /// As [`current`](Self::current), or `None`.
    pub fn try_current() -> Option<Handle> {
        current::with(&CURRENT, |handle| {
            let handle = handle?;
            // Not the shard of this thread: the handle may go anywhere.
            let shard = handle.shard.outside().unwrap_or(&handle.shard).clone();
            Some(Handle { timers: handle.timers.clone(), shard })
        })
    }

    /// Makes these the timers of this thread until the guard is dropped.
    pub fn enter(&self) -> EnterGuard {
        EnterGuard(current::enter(&CURRENT, self.clone()))
    }

    /// The timers.
    pub fn timers(&self) -> &Arc<Timers> {
        &self.timers
    }

    /// The clock of the timers.
    pub fn clock(&self) -> &Clock {
        self.timers.clock()
    }
}

/// Leaves the timers when dropped. Of several, the ones entered last by a guard that lives are current.
#[derive(Debug)]
#[must_use = "the timers are entered only while this guard lives"]
pub struct EnterGuard(#[expect(dead_code, reason = "held for its drop")] Entered<Handle>);

/// The shard to make a timer in; `what` is the function that needs one.
#[track_caller]
pub(crate) fn current_shard(what: &str) -> Arc<Shard> {
    match current::with(&CURRENT, |handle| handle.map(|handle| handle.shard.clone())) {
        Some(shard) => shard,
        None => missing(what),
    }
}

/// The shard that this thread arms in, among those beside `home`; `None` if that is `home`.
///
/// A worker's shard may be made earlier by this worker alone, or it would sleep too long. So a sleep
/// that travelled is armed where it arrived, and on a thread without these timers in the foreign
/// shard.
pub(crate) fn shard_beside(home: &Arc<Shard>) -> Option<Arc<Shard>> {
    current::with(&CURRENT, |handle| match handle {
        Some(handle) if Arc::ptr_eq(&handle.shard, home) => None,
        Some(handle) if handle.shard.is_beside(home) => Some(handle.shard.clone()),
        _ => home.outside().cloned(),
    })
}

#[track_caller]
fn missing(what: &str) -> ! {
    panic!("{what} needs a runtime: call it inside windlass::run, or enter a runtime::Handle first")
}
