//! A lock that is tried, never waited for.
//!
//! The flag decides who gets in; the mutex behind it is therefore always free when it is locked,
//! and is there only because handing out the content without it would take `unsafe`.
//!
//! # Orderings
//!
//! | label  | release side            | acquire side           | what crosses |
//! |--------|-------------------------|------------------------|--------------|
//! | `held` | dropping the guard      | [`TryLock::try_lock`]  | the content, with the mutex |

use windlass_sync::shim::atomic::{AtomicBool, Ordering::*};
use windlass_sync::shim::{Mutex, MutexGuard};

/// Content for one thread at a time. On cache lines of its own: those who try in vain write nothing,
/// but those who get it do.
#[derive(Debug)]
#[repr(align(128))]
pub struct TryLock<T> {
    held: AtomicBool,
    content: Mutex<T>,
}

/// Access to the content, until dropped.
#[derive(Debug)]
pub struct Guard<'a, T> {
    content: Option<MutexGuard<'a, T>>,
    held: &'a AtomicBool,
}

impl<T> TryLock<T> {
    /// A free lock around `content`.
    pub fn new(content: T) -> Self {
        Self { held: AtomicBool::new(false), content: Mutex::new(content) }
    }

    /// The content, unless somebody has it.
    pub fn try_lock(&self) -> Option<Guard<'_, T>> {
        // ORDERING: Acquire, of `held`.
        self.held.compare_exchange(false, true, Acquire, Relaxed).ok()?;
        Some(Guard { content: Some(self.content.lock()), held: &self.held })
    }

    /// True if somebody has it now.
    pub fn is_held(&self) -> bool {
        // ORDERING: Relaxed. A hint.
        self.held.load(Relaxed)
    }
}

impl<T> std::ops::Deref for Guard<'_, T> {
    type Target = T;
    fn deref(&self) -> &T {
        self.content.as_ref().expect("the content leaves the guard only when it is dropped")
    }
}

impl<T> std::ops::DerefMut for Guard<'_, T> {
    fn deref_mut(&mut self) -> &mut T {
        self.content.as_mut().expect("the content leaves the guard only when it is dropped")
    }
}

impl<T> Drop for Guard<'_, T> {
    fn drop(&mut self) {
        self.content = None;
        // ORDERING: Release, of `held`. A swap, since the flag is otherwise changed by exchanges.
        self.held.swap(false, Release);
    }
}
