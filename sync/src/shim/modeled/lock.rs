//! Locks in parking_lot's shape, with loom's behind them.

use std::panic::Location;
use std::time::Instant;

use super::trace::{Kind, Object, step};

const HELD: &str = "the guard gives its lock up only inside Condvar::wait";
const UNPOISONED: &str = "a panic ends the model, so no lock is ever seen poisoned";

/// A mutual exclusion lock in parking_lot's shape: no poisoning, no `Result`.
#[derive(Debug)]
pub struct Mutex<T> {
    lock: loom::sync::Mutex<T>,
    object: Object,
}

/// Access to what the lock guards, until dropped.
#[derive(Debug)]
pub struct MutexGuard<'a, T> {
    held: Option<loom::sync::MutexGuard<'a, T>>,
    object: Object,
    /// Where it was locked: a drop does not know its caller.
    at: &'static Location<'static>,
}

impl<T: Default> Default for Mutex<T> {
    fn default() -> Self {
        Self::new(T::default())
    }
}

impl<T> Mutex<T> {
    /// A free lock around `value`.
    pub fn new(value: T) -> Self {
        Self { lock: loom::sync::Mutex::new(value), object: Object::new(Kind::Mutex) }
    }

    /// Waits for the lock.
    #[track_caller]
    pub fn lock(&self) -> MutexGuard<'_, T> {
        let (at, object) = (Location::caller(), self.object);
        let held = step(at, object, "lock", || self.lock.lock().expect(UNPOISONED));
        MutexGuard { held: Some(held), object, at }
    }

    /// Access without locking: nobody else can.
    pub fn get_mut(&mut self) -> &mut T {
        self.lock.get_mut().expect(UNPOISONED)
    }

    /// What the lock guarded.
    pub fn into_inner(self) -> T {
        self.lock.into_inner().expect(UNPOISONED)
    }
}

impl<T> std::ops::Deref for MutexGuard<'_, T> {
    type Target = T;
    fn deref(&self) -> &T {
        self.held.as_ref().expect(HELD)
    }
}

impl<T> std::ops::DerefMut for MutexGuard<'_, T> {
    fn deref_mut(&mut self) -> &mut T {
        self.held.as_mut().expect(HELD)
    }
}

impl<T> Drop for MutexGuard<'_, T> {
    fn drop(&mut self) {
        if let Some(held) = self.held.take() {
            step(self.at, self.object, "unlock", || drop(held));
        }
    }
}

/// A condition variable that goes with [`Mutex`].
#[derive(Debug)]
pub struct Condvar {
    condvar: loom::sync::Condvar,
    object: Object,
}

impl Default for Condvar {
    fn default() -> Self {
        Self::new()
    }
}

impl Condvar {
    /// A condition variable nobody waits on.
    pub fn new() -> Self {
        Self { condvar: loom::sync::Condvar::new(), object: Object::new(Kind::Condvar) }
    }

    /// Releases the lock, sleeps until notified, and locks again.
    #[track_caller]
    pub fn wait<T>(&self, guard: &mut MutexGuard<'_, T>) {
        let at = Location::caller();
        let held = guard.held.take().expect(HELD);
        step(at, guard.object, "unlock", || ()); // loom does it within its wait
        let wait = || self.condvar.wait(held).expect(UNPOISONED);
        guard.held = Some(step(at, self.object, "wait", wait));
        step(at, guard.object, "lock", || ());
    }

    /// As [`wait`](Self::wait): a model has no clock, so the deadline never comes.
    #[track_caller]
    pub fn wait_until<T>(&self, guard: &mut MutexGuard<'_, T>, _deadline: Instant) -> bool {
        self.wait(guard);
        false
    }

    /// Wakes one waiter.
    #[track_caller]
    pub fn notify_one(&self) {
        step(Location::caller(), self.object, "notify one", || self.condvar.notify_one());
    }

    /// Wakes all waiters.
    #[track_caller]
    pub fn notify_all(&self) {
        step(Location::caller(), self.object, "notify all", || self.condvar.notify_all());
    }
}
