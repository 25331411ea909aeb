//! Permits: what a semaphore gives, and takes back when they are dropped.

use super::Semaphore;
use crate::shim::Arc;
use crate::shown::shown;

/// One or more permits of a [`Semaphore`], given back when dropped.
///
/// However the holder ends, by return, `?`, panic or cancellation, its permits come back.
///
/// # Examples
/// ```
/// # use windlass_sync::semaphore::Semaphore;
/// let places = Semaphore::new(3);
/// let mut all = places.try_acquire_many(3).unwrap();
/// let one = all.split(1).unwrap();
/// drop(all);
/// assert_eq!(places.available_permits(), 2);
/// one.forget(); // this one never comes back
/// assert_eq!(places.available_permits(), 2);
/// ```
#[must_use = "a permit that is not kept is given back at once"]
pub struct Permit<'a> {
    semaphore: &'a Semaphore,
    count: usize,
}

/// One or more permits that keep their [`Semaphore`] alive, given back when dropped.
///
/// # Examples
/// ```
/// # use std::{sync::Arc, thread};
/// # use windlass_sync::semaphore::Semaphore;
/// let connections = Arc::new(Semaphore::new(1));
/// let permit = connections.clone().try_acquire_owned().unwrap();
/// assert!(connections.try_acquire().is_err());
/// // It goes where a borrow could not: into a thread, a task, a struct.
/// thread::spawn(move || drop(permit)).join().unwrap();
/// assert!(connections.try_acquire().is_ok());
/// ```
#[must_use = "a permit that is not kept is given back at once"]
pub struct OwnedPermit {
    semaphore: Arc<Semaphore>,
    count: usize,
}

macro_rules! permit_methods {
    ($clone:expr, $same:expr) => {
        /// How many permits this is.
        pub fn count(&self) -> usize {
            self.count
        }

        /// Adds the permits of `other` to this one.
        ///
        /// # Panics
        /// If `other` comes from another semaphore.
        #[track_caller]
        pub fn merge(&mut self, mut other: Self) {
            assert!($same(self, &other), "permits of different semaphores cannot be merged");
            self.count += std::mem::take(&mut other.count);
        }

        /// Parts `count` permits from this one; `None` if it has fewer.
        pub fn split(&mut self, count: usize) -> Option<Self> {
            self.count = self.count.checked_sub(count)?;
            Some(Self { semaphore: $clone(self), count })
        }

        /// Drops the permits without giving them back: the semaphore is smaller from now on.
        pub fn forget(mut self) {
            self.semaphore.total.remove(std::mem::take(&mut self.count));
        }
    };
}

impl<'a> Permit<'a> {
    pub(super) fn new(semaphore: &'a Semaphore, count: usize) -> Self {
        Self { semaphore, count }
    }

    permit_methods!(|this: &Self| this.semaphore, |this: &Self, other: &Self| std::ptr::eq(
        this.semaphore,
        other.semaphore
    ));
}

impl OwnedPermit {
    pub(super) fn new(semaphore: Arc<Semaphore>, count: usize) -> Self {
        Self { semaphore, count }
    }

    permit_methods!(|this: &Self| this.semaphore.clone(), |this: &Self, other: &Self| Arc::ptr_eq(
        &this.semaphore,
        &other.semaphore
    ));

    /// The semaphore these permits belong to.
    pub fn semaphore(&self) -> &Arc<Semaphore> {
        &self.semaphore
    }
}

impl Drop for Permit<'_> {
    #[inline]
    fn drop(&mut self) {
        if self.count > 0 {
            self.semaphore.release(self.count);
        }
    }
}

impl Drop for OwnedPermit {
    #[inline]
    fn drop(&mut self) {
        if self.count > 0 {
            self.semaphore.release(self.count);
        }
    }
}

shown!([] Permit['_] |this| { count: this.count } [] OwnedPermit[] |this| { count: this.count });
