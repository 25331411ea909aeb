//! What is current on a thread: a runtime, its timers, its reactor.
//!
//! Each floor keeps its own in a [`thread_local`](crate::shim::thread_local), so that a constructor deep
//! inside a program finds it without being handed it. A thread may enter again while it is in there, and
//! its guards may be dropped in any order: a guard may be a task's, or lie in a vector. Current is what
//! was entered last by a guard that still lives. A thread that is being torn down has none, and enters
//! none.

use std::cell::RefCell;
use std::fmt;
use std::marker::PhantomData;

use crate::shim::thread::LocalKey;

/// The content of the thread-local.
#[derive(Debug)]
pub struct Current<T>(RefCell<Stack<T>>);

#[derive(Debug)]
struct Stack<T> {
    /// What was entered last: apart from the rest, because it is looked at all the time.
    top: Option<T>,
    /// The number of its guard; 0 if there is none.
    guard: u64,
    /// The rest and their guards, the oldest first.
    below: Vec<(u64, T)>,
    /// The number of the last guard there ever was.
    last: u64,
}

impl<T> Current<T> {
    /// Nothing.
    #[allow(clippy::new_without_default, reason = "a thread-local needs a constant expression")]
    pub const fn new() -> Self {
        Self(RefCell::new(Stack { top: None, guard: 0, below: Vec::new(), last: 0 }))
    }

    /// Shows what is current, if anything. `look` must not enter or leave.
    #[inline]
    pub fn look<R>(&self, look: impl FnOnce(Option<&T>) -> R) -> R {
        look(self.0.borrow().top.as_ref())
    }
}

impl<T> Stack<T> {
    /// Makes a value current; the number of its guard.
    fn push(&mut self, value: T) -> u64 {
        self.last += 1;
        let guard = std::mem::replace(&mut self.guard, self.last);
        self.below.extend(self.top.replace(value).map(|former| (guard, former)));
        self.last
    }

    /// Takes out what a guard has entered.
    fn remove(&mut self, guard: u64) -> Option<T> {
        if guard != self.guard {
            let index = self.below.iter().position(|(other, _)| *other == guard)?;
            return Some(self.below.remove(index).1);
        }
        let (below, top) = self.below.pop().unzip();
        self.guard = below.unwrap_or(0);
        std::mem::replace(&mut self.top, top)
    }
}

/// What it entered is current until it is dropped, or until something else is entered.
#[must_use = "the value is current only while this guard lives"]
pub struct Entered<T: 'static> {
    key: &'static LocalKey<Current<T>>,
    guard: u64,
    /// It belongs to the thread that entered.
    _here: PhantomData<*const ()>,
}

/// Makes `value` current on this thread until the guard is dropped.
pub fn enter<T>(key: &'static LocalKey<Current<T>>, value: T) -> Entered<T> {
    let guard = key.try_with(|current| current.0.borrow_mut().push(value)).unwrap_or(0);
    Entered { key, guard, _here: PhantomData }
}

/// Shows what is current on this thread, if anything.
#[inline]
pub fn with<T, R>(key: &'static LocalKey<Current<T>>, look: impl Fn(Option<&T>) -> R) -> R {
    match key.try_with(|current| current.look(&look)) {
        Ok(answer) => answer,
        Err(_) => look(None),
    }
}

/// A copy of what is current on this thread, if anything.
#[inline]
pub fn get<T: Clone>(key: &'static LocalKey<Current<T>>) -> Option<T> {
    key.try_with(|current| current.look(|value| value.cloned())).ok().flatten()
}

impl<T> Drop for Entered<T> {
    fn drop(&mut self) {
        let left = self.key.try_with(|current| current.0.borrow_mut().remove(self.guard));
        drop(left); // not before: to drop the value may run anything
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
        static NAME: Current<&'static str> = Current::new();
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

    #[test]
    fn guards_dropped_in_any_order_leave_what_was_entered_last_by_one_that_lives() {
        let orders = [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]];
        for order in orders {
            let names = ["first", "second", "third"];
            let mut guards = names.map(|name| Some(enter(&NAME, name)));
            for index in order {
                guards[index] = None;
                let last = (0..3).rev().find(|index| guards[*index].is_some());
                assert_eq!(get(&NAME), last.map(|last| names[last]), "{order:?}");
            }
        }
    }
}
