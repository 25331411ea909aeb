//! A place for one task that its worker fills and takes, and that others may take from.
//!
//! # Orderings
//!
//! | label  | release side  | acquire side                                      | what crosses |
//! |--------|---------------|---------------------------------------------------|--------------|
//! | `slot` | [`Slot::put`] | [`Slot::take`], [`Slot::take_if`], [`Slot::put`]  | the task that was put there |
//!
//! Nobody but its worker fills a slot, so one that the worker sees empty stays so until it is filled, for
//! which a store is enough. Two that filled it at once could lose a task, and would break no rule.

use std::ptr::{self, NonNull};

use windlass_sync::shim::atomic::{AtomicPtr, Ordering::*};

use super::cell::Header;
use super::runnable::Runnable;

/// Room for one [`Runnable`].
pub struct Slot(AtomicPtr<Header>);

/// What a slot held at a glance; only good for [`Slot::take_if`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Glance(*mut Header);

impl Slot {
    /// An empty slot.
    #[allow(clippy::new_without_default, reason = "loom's atomics have no Default")]
    pub fn new() -> Self {
        Self(AtomicPtr::new(ptr::null_mut()))
    }

    /// Puts `task` there and returns what was there. For the slot's worker.
    #[inline]
    pub fn put(&self, task: Runnable) -> Option<Runnable> {
        let task = task.into_header().as_ptr();
        if self.glance().is_none() {
            // ORDERING: Release, of `slot`.
            self.0.store(task, Release);
            return None;
        }
        // ORDERING: AcqRel, both sides of `slot`. What was there was put there by the same worker; it is
        // acquired all the same, so that nothing unsound can come of a call from elsewhere.
        to_task(self.0.swap(task, AcqRel))
    }

    /// Takes what is there; costs a load if nothing is. For the slot's worker.
    #[inline]
    pub fn take(&self) -> Option<Runnable> {
        self.glance()?;
        // ORDERING: Acquire, of `slot`, for whoever drops the slot, and as in `put`.
        to_task(self.0.swap(ptr::null_mut(), Acquire))
    }

    /// What is there now, if anything.
    #[inline]
    pub fn glance(&self) -> Option<Glance> {
        // ORDERING: Relaxed. Compared, never followed; `take_if` synchronises. Its worker knows its own
        // store; a thief that misses a task finds it the next time.
        let seen = self.0.load(Relaxed);
        (!seen.is_null()).then_some(Glance(seen))
    }

    /// Takes the task if it is still the one that was seen.
    pub fn take_if(&self, seen: Glance) -> Option<Runnable> {
        // ORDERING: Acquire, of `slot`.
        let taken = self.0.compare_exchange(seen.0, ptr::null_mut(), Acquire, Relaxed);
        taken.ok().and_then(to_task)
    }
}

impl std::fmt::Debug for Slot {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(if self.glance().is_some() { "Slot(a task)" } else { "Slot(empty)" })
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        drop(self.take());
    }
}

/// Only for pointers that were in a slot, and that this caller has taken out.
fn to_task(pointer: *mut Header) -> Option<Runnable> {
    NonNull::new(pointer).map(Runnable::new)
}
