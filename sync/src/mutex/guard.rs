//! The guards of a mutex: whoever has one has the value.

use std::fmt;
use std::ops::{Deref, DerefMut};

use super::Mutex;
use crate::shim::Arc;

const KEPT: &str = "a guard has the value until it is dropped";

/// Access to what a [`Mutex`] guards; it unlocks when dropped.
///
/// It may be sent to another thread, and be dropped there.
///
/// # Examples
/// ```
/// # use windlass_sync::mutex::Mutex;
/// let log = Mutex::new(vec![1]);
/// let mut guard = log.try_lock().unwrap(); // in a task: `log.lock().await`
/// guard.push(2);
/// assert!(log.try_lock().is_none());
/// drop(guard); // or let it go out of scope
/// assert_eq!(log.into_inner(), [1, 2]);
/// ```
pub type MutexGuard<'a, T> = Guard<T, &'a Mutex<T>>;

/// As [`MutexGuard`], and keeps its mutex alive.
///
/// # Examples
/// ```
/// # use std::{sync::Arc, thread};
/// # use windlass_sync::mutex::Mutex;
/// let log = Arc::new(Mutex::new(vec![1]));
/// let mut guard = log.clone().try_lock_owned().unwrap();
/// // It borrows nothing, so it may go into a thread or a task.
/// thread::spawn(move || guard.push(2)).join().unwrap();
/// assert_eq!(*log.try_lock().unwrap(), [1, 2]);
/// ```
pub type OwnedMutexGuard<T> = Guard<T, Arc<Mutex<T>>>;

/// Either of the two guards of a mutex, for code that is about both.
#[must_use = "a guard that is not kept unlocks at once"]
pub struct Guard<T: ?Sized, M: Deref<Target = Mutex<T>>> {
    mutex: M,
    /// The value itself; `None` only inside `drop`.
    value: Option<Box<T>>,
}

/// Access to a part of what a guard gives access to.
///
/// Made by `map`, to hand on less than the whole. It unlocks when dropped.
///
/// # Examples
/// ```
/// # use windlass_sync::mutex::{MappedGuard, Mutex, MutexGuard};
/// struct Account { balance: u32 }
/// type Balance<'a> = MappedGuard<MutexGuard<'a, Account>, u32>;
/// fn balance(account: &Mutex<Account>) -> Balance<'_> {
///     let guard = account.try_lock().unwrap();
///     MutexGuard::map(guard, |account| &account.balance, |account| &mut account.balance)
/// }
/// let account = Mutex::new(Account { balance: 10 });
/// *balance(&account) += 5;
/// assert_eq!(account.into_inner().balance, 15);
/// ```
#[must_use = "a guard that is not kept unlocks at once"]
pub struct MappedGuard<G: DerefMut, U: ?Sized> {
    guard: G,
    /// The way to the part.
    part: fn(&G::Target) -> &U,
    /// The same way, to change it.
    part_mut: fn(&mut G::Target) -> &mut U,
}

impl<T: ?Sized, M: Deref<Target = Mutex<T>>> Guard<T, M> {
    pub(super) fn new(mutex: M, value: Box<T>) -> Self {
        Self { mutex, value: Some(value) }
    }

    /// The mutex this guard will unlock.
    pub fn mutex(guard: &Self) -> &M {
        &guard.mutex
    }

    /// Narrows the guard to a part of the value.
    ///
    /// The way to the part is told twice, for reading and for writing, and may capture nothing: a
    /// guard that kept a reference into its own value would need `unsafe`.
    ///
    /// # Examples
    /// ```
    /// # use windlass_sync::mutex::{Mutex, MutexGuard};
    /// let pair = Mutex::new((1, "one"));
    /// let guard = pair.try_lock().unwrap();
    /// let mut number = MutexGuard::map(guard, |pair| &pair.0, |pair| &mut pair.0);
    /// *number += 1;
    /// drop(number);
    /// assert_eq!(pair.into_inner(), (2, "one"));
    /// ```
    pub fn map<U: ?Sized>(
        guard: Self,
        part: fn(&T) -> &U,
        part_mut: fn(&mut T) -> &mut U,
    ) -> MappedGuard<Self, U> {
        MappedGuard { guard, part, part_mut }
    }
}

impl<G: DerefMut, U: ?Sized> MappedGuard<G, U> {
    /// Narrows the guard further, see [`MutexGuard::map`].
    pub fn map<V: ?Sized>(
        guard: Self,
        part: fn(&U) -> &V,
        part_mut: fn(&mut U) -> &mut V,
    ) -> MappedGuard<Self, V> {
        MappedGuard { guard, part, part_mut }
    }
}

impl<T: ?Sized, M: Deref<Target = Mutex<T>>> Deref for Guard<T, M> {
    type Target = T;

    fn deref(&self) -> &T {
        self.value.as_ref().expect(KEPT)
    }
}

impl<T: ?Sized, M: Deref<Target = Mutex<T>>> DerefMut for Guard<T, M> {
    fn deref_mut(&mut self) -> &mut T {
        self.value.as_mut().expect(KEPT)
    }
}

impl<G: DerefMut, U: ?Sized> Deref for MappedGuard<G, U> {
    type Target = U;

    fn deref(&self) -> &U {
        (self.part)(&self.guard)
    }
}

impl<G: DerefMut, U: ?Sized> DerefMut for MappedGuard<G, U> {
    fn deref_mut(&mut self) -> &mut U {
        (self.part_mut)(&mut self.guard)
    }
}

impl<T: ?Sized, M: Deref<Target = Mutex<T>>> Drop for Guard<T, M> {
    fn drop(&mut self) {
        if let Some(value) = self.value.take() {
            self.mutex.unlock(value);
        }
    }
}

impl<T: ?Sized + fmt::Debug, M: Deref<Target = Mutex<T>>> fmt::Debug for Guard<T, M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}

impl<G: DerefMut, U: ?Sized + fmt::Debug> fmt::Debug for MappedGuard<G, U> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}
