//! The guards of a read-write lock.

use std::fmt;
use std::ops::{Deref, DerefMut};

use super::{READ, RwLock, WRITE};
use crate::shim::Arc;

const KEPT: &str = "a guard has the value until it is dropped";

/// Access to what an [`RwLock`] guards, to read it.
///
/// It may be sent to another thread, and be dropped there.
///
/// # Examples
/// ```
/// # use windlass_sync::rwlock::{RwLock, RwLockReadGuard};
/// fn longest<'a>(words: &'a RwLockReadGuard<'_, Vec<String>>) -> &'a str {
///     words.iter().max_by_key(|word| word.len()).map_or("", |word| word)
/// }
/// let words = RwLock::new(vec!["a".to_owned(), "word".to_owned()]);
/// let reads = words.try_read().unwrap(); // in a task: `words.read().await`
/// assert_eq!(longest(&reads), "word");
/// ```
pub type RwLockReadGuard<'a, T> = Guard<T, &'a RwLock<T>, READ>;

/// Access to what an [`RwLock`] guards, to write it.
///
/// It may be sent to another thread, and be dropped there.
///
/// # Examples
/// ```
/// # use windlass_sync::rwlock::{RwLock, RwLockWriteGuard};
/// let total = RwLock::new(1);
/// let mut writes = total.try_write().unwrap(); // in a task: `total.write().await`
/// *writes += 1;
/// assert!(total.try_read().is_none());
/// let reads = RwLockWriteGuard::downgrade(writes);
/// assert_eq!((*reads, *total.try_read().unwrap()), (2, 2));
/// ```
pub type RwLockWriteGuard<'a, T> = Guard<T, &'a RwLock<T>, WRITE>;

/// As [`RwLockReadGuard`], and keeps its lock alive.
///
/// # Examples
/// ```
/// # use std::{sync::Arc, thread};
/// # use windlass_sync::rwlock::RwLock;
/// let words = Arc::new(RwLock::new(vec!["a", "word"]));
/// let reads = words.try_read_owned().unwrap();
/// // It borrows nothing, so it may go into a thread or a task.
/// assert_eq!(thread::spawn(move || reads.len()).join().unwrap(), 2);
/// ```
pub type OwnedRwLockReadGuard<T> = Guard<T, Arc<RwLock<T>>, READ>;

/// As [`RwLockWriteGuard`], and keeps its lock alive.
///
/// # Examples
/// ```
/// # use std::{sync::Arc, thread};
/// # use windlass_sync::rwlock::RwLock;
/// let words = Arc::new(RwLock::new(vec!["a"]));
/// let mut writes = words.clone().try_write_owned().unwrap();
/// thread::spawn(move || writes.push("word")).join().unwrap();
/// assert_eq!(*words.try_read().unwrap(), ["a", "word"]);
/// ```
pub type OwnedRwLockWriteGuard<T> = Guard<T, Arc<RwLock<T>>, WRITE>;

/// What the four guards are: `L` leads to the lock, and `A` says what for. It unlocks when dropped.
#[must_use = "a guard that is not kept unlocks at once"]
pub struct Guard<T: ?Sized, L: Deref<Target = RwLock<T>>, const A: bool> {
    lock: L,
    /// The value: for a writer the only `Arc` of it; `None` only inside `drop`.
    value: Option<Arc<T>>,
}

impl<T: ?Sized, L: Deref<Target = RwLock<T>>, const A: bool> Guard<T, L, A> {
    pub(super) fn new(lock: L, value: Arc<T>) -> Self {
        Self { lock, value: Some(value) }
    }

    /// The way to the lock this guard will unlock.
    pub fn lock(guard: &Self) -> &L {
        &guard.lock
    }
}

impl<T: ?Sized, L: Deref<Target = RwLock<T>> + Clone> Guard<T, L, WRITE> {
    /// Keeps reading what was written, and lets other readers in: nobody writes in between.
    ///
    /// The readers that are first in line come in. Those behind a writer that waits stay there.
    ///
    /// # Examples
    /// ```
    /// # use windlass_sync::rwlock::{RwLock, RwLockWriteGuard};
    /// let price = RwLock::new(5);
    /// let mut writes = price.try_write().unwrap();
    /// *writes = 6;
    /// let reads = RwLockWriteGuard::downgrade(writes);
    /// assert_eq!(*price.try_read().unwrap(), *reads);
    /// ```
    pub fn downgrade(mut guard: Self) -> Guard<T, L, READ> {
        let lock = guard.lock.clone();
        let value = lock.downgrade(guard.value.take().expect(KEPT));
        Guard::new(lock, value)
    }
}

impl<T: ?Sized, L: Deref<Target = RwLock<T>>, const A: bool> Deref for Guard<T, L, A> {
    type Target = T;

    fn deref(&self) -> &T {
        self.value.as_ref().expect(KEPT)
    }
}

impl<T: ?Sized, L: Deref<Target = RwLock<T>>> DerefMut for Guard<T, L, WRITE> {
    fn deref_mut(&mut self) -> &mut T {
        let value = self.value.as_mut().expect(KEPT);
        Arc::get_mut(value).expect("readers give their clones back before a writer is let in")
    }
}

impl<T: ?Sized, L: Deref<Target = RwLock<T>>, const A: bool> Drop for Guard<T, L, A> {
    fn drop(&mut self) {
        if let Some(value) = self.value.take() {
            self.lock.unlock(A, value);
        }
    }
}

impl<T, L, const A: bool> fmt::Debug for Guard<T, L, A>
where
    T: ?Sized + fmt::Debug,
    L: Deref<Target = RwLock<T>>,
{
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}
