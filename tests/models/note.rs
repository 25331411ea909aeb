//! What a model writes down for itself, beside what is explored.

use std::sync::{Mutex, MutexGuard, TryLockError};

/// A value behind a lock that is no part of the model.
///
/// The lock is std's, so loom sees no step in it. Nobody may do a step of the model while they hold it,
/// so under loom it is always free.
#[derive(Debug, Default)]
pub struct Note<T>(Mutex<T>);

impl<T> Note<T> {
    /// Waits by asking again. A lock that waits inside of std makes an order that ThreadSanitizer does
    /// not see, since std is not compiled for it; what is asked here is compiled along with us.
    pub fn lock(&self) -> MutexGuard<'_, T> {
        loop {
            match self.0.try_lock() {
                Ok(guard) => return guard,
                Err(TryLockError::WouldBlock) => std::thread::yield_now(),
                Err(TryLockError::Poisoned(_)) => panic!("somebody panicked under it"),
            }
        }
    }
}
