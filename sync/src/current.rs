//! What is current on a thread: a runtime, its timers, its reactor.
//!
//! Each floor keeps its own in a [`thread_local`](crate::shim::thread_local), so that a constructor deep
//! inside a program finds it without being handed it. Entering puts a value there and keeps the former
//! one, so a thread may enter again. A thread that is being torn down has none, and enters none.

use std::cell::RefCell;
use std::fmt;
use std::marker::PhantomData;

use crate::shim::thread::LocalKey;

/// The content of the thread-local.
pub type Current<T> = RefCell<Option<T>>;

/// Puts the former value back when dropped. Guards are dropped in reverse order, on their thread.
#[must_use = "the value is current only while this guard lives"]
pub struct Entered<T: 'static> {
    key: &'static LocalKey<Current<T>>,
    former: Option<T>,
    /// It belongs to the thread that entered.
    _here: PhantomData<*const ()>,
}

/// Makes `value` current on this thread until the guard is dropped.
pub fn enter<T>(key: &'static LocalKey<Current<T>>, value: T) -> Entered<T> {
    Entered { key, former: replace(key, Some(value)), _here: PhantomData }
}

/// Shows what is current on this thread, if anything.
#[inline]
pub fn with<T, R>(key: &'static LocalKey<Current<T>>, look: impl Fn(Option<&T>) -> R) -> R {
    match key.try_with(|current| look(current.borrow().as_ref())) {
        Ok(answer) => answer,
        Err(_) => look(None),
    }
}

/// A copy of what is current on this thread, if anything.
#[inline]
pub fn get<T: Clone>(key: &'static LocalKey<Current<T>>) -> Option<T> {
    key.try_with(|current| current.borrow().clone()).ok().flatten()
}

/// Returns the former value, so that the caller drops it: that may run anything.
fn replace<T>(key: &'static LocalKey<Current<T>>, value: Option<T>) -> Option<T> {
    key.try_with(|current| current.replace(value)).ok().flatten()
}

impl<T> Drop for Entered<T> {
    fn drop(&mut self) {
        drop(replace(self.key, self.former.take()));
    }
}

impl<T> fmt::Debug for Entered<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Entered")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::shim;

    shim::thread_local! {
        static NAME: Current<&'static str> = RefCell::new(None);
    }

    #[test]
    fn a_guard_puts_back_what_was_current_before() {
        assert_eq!(get(&NAME), None);
        let outer = enter(&NAME, "outer");
        let inner = enter(&NAME, "inner");
        assert_eq!(with(&NAME, |name| name.copied()), Some("inner"));
        drop(inner);
        assert_eq!(get(&NAME), Some("outer"));
        drop(outer);
        assert_eq!(get(&NAME), None);
    }
}
