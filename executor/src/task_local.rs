//! Values that follow a task from thread to thread.
//!
//! A thread-local names what a thread is doing; a task moves between threads, so its value has to
//! move along. The value rests in the future that carries it, and is put into a thread-local around
//! each poll: whoever runs meanwhile sees it, and nobody else does. Nothing is inherited by itself,
//! since a task that was spawned deep inside a library should not keep a request's data alive;
//! [`LocalKey::inherit`] asks for it.

use std::cell::RefCell;
use std::fmt;
use std::mem;
use std::pin::Pin;
use std::task::{Context, Poll};

use windlass_sync::error_words;
use windlass_sync::shim::thread;

/// Declares values that tasks carry with them.
///
/// A value is there inside [`LocalKey::scope`], on whatever thread the task is polled, and nowhere
/// else. Use it for what every line of a log should name, and would be tedious to pass along.
///
/// # Examples
/// ```
/// # use windlass_executor::{run, spawn, task_local, yield_now};
/// task_local! {
///     static REQUEST: u32;
/// }
/// async fn answer() -> String {
///     yield_now().await; // perhaps another thread goes on
///     format!("request {}", REQUEST.get())
/// }
/// run(async {
///     let task = spawn(REQUEST.scope(7, async {
///         // A task of its own does not see the value unless it is asked for.
///         spawn(REQUEST.inherit(answer())).await.unwrap()
///     }));
///     assert_eq!(task.await.unwrap(), "request 7");
///     assert!(REQUEST.try_with(|_| ()).is_err());
/// });
/// ```
#[macro_export]
macro_rules! task_local {
    ($($(#[$attribute:meta])* $vis:vis static $name:ident: $type:ty);+ $(;)?) => {$(
        $(#[$attribute])*
        $vis static $name: $crate::LocalKey<$type> = {
            $crate::__thread_local! {
                static SLOT: ::std::cell::RefCell<::std::option::Option<$type>> =
                    ::std::cell::RefCell::new(::std::option::Option::None);
            }
            $crate::LocalKey::__new(::std::stringify!($name), &SLOT)
        };
    )+};
}

/// Where the value is while its task is polled on this thread.
type Slot<T> = thread::LocalKey<RefCell<Option<T>>>;

/// The name of a value that tasks carry with them, see [`task_local!`](crate::task_local).
///
/// # Examples
/// ```
/// # use windlass_executor::{run, task_local};
/// task_local! {
///     static USER: String;
/// }
/// run(USER.scope("ada".to_owned(), async {
///     assert_eq!(USER.with(|user| user.len()), 3);
/// }));
/// assert!(USER.try_with(|_| ()).is_err());
/// ```
pub struct LocalKey<T: 'static> {
    name: &'static str,
    slot: &'static Slot<T>,
}

impl<T: 'static> LocalKey<T> {
    #[doc(hidden)]
    pub const fn __new(name: &'static str, slot: &'static Slot<T>) -> Self {
        Self { name, slot }
    }

    /// The future with a value: whatever it runs, and its destructors, find the value here.
    ///
    /// Scopes nest; the inner value hides the outer one.
    ///
    /// # Cancel safety
    /// Dropping it drops the future, inside the scope, and then the value.
    ///
    /// # Panics
    /// A poll of it inside [`with`](Self::with) of the same key panics.
    pub fn scope<F: Future>(&'static self, value: T, future: F) -> Scoped<T, F> {
        self.carry(Some(value), future)
    }

    /// The future with the value that is here now, for a task that is about to be spawned.
    ///
    /// It is a copy, made by this call: what either side changes later, the other does not see. If
    /// there is no value here, there is none inside.
    ///
    /// # Cancel safety
    /// As [`scope`](Self::scope).
    ///
    /// # Panics
    /// As [`scope`](Self::scope).
    pub fn inherit<F: Future>(&'static self, future: F) -> Scoped<T, F>
    where
        T: Clone,
    {
        self.carry(self.try_with(T::clone).ok(), future)
    }

    fn carry<F: Future>(&'static self, value: Option<T>, future: F) -> Scoped<T, F> {
        Scoped { future: Some(Box::pin(future)), value, key: self }
    }

    /// Calls `f` with the value in place, which is dropped afterwards.
    ///
    /// # Panics
    /// If `f` does, and inside [`with`](Self::with) of the same key.
    #[track_caller]
    pub fn sync_scope<R>(&'static self, value: T, f: impl FnOnce() -> R) -> R {
        let mut value = Some(value);
        let _inside = self.enter(&mut value);
        f()
    }

    /// Calls `f` with a reference to the value.
    ///
    /// # Panics
    /// Outside a scope; and if `f` enters a scope of this key, which would change the value under
    /// its eyes.
    #[track_caller]
    pub fn with<R>(&'static self, f: impl FnOnce(&T) -> R) -> R {
        match self.try_with(f) {
            Ok(result) => result,
            Err(Unset(name)) => panic!(
                "{name} has no value here: call this inside {name}.scope(..), and hand the value on \
                 to a spawned task with {name}.inherit(..)"
            ),
        }
    }

    /// As [`with`](Self::with), for where there may be no value.
    ///
    /// # Errors
    /// [`Unset`] outside a scope.
    ///
    /// # Panics
    /// If `f` enters a scope of this key.
    pub fn try_with<R>(&'static self, f: impl FnOnce(&T) -> R) -> Result<R, Unset> {
        let call = |slot: &RefCell<Option<T>>| slot.borrow().as_ref().map(f);
        self.slot.try_with(call).ok().flatten().ok_or(Unset(self.name))
    }

    /// A copy of the value.
    ///
    /// # Panics
    /// Outside a scope.
    #[track_caller]
    pub fn get(&'static self) -> T
    where
        T: Clone,
    {
        self.with(T::clone)
    }

    /// Puts `value` into the slot until the guard puts back what was there; not while that is read.
    fn try_enter<'a>(&'static self, value: &'a mut Option<T>) -> Option<Inside<'a, T>> {
        let slot = self.slot;
        exchange(slot, value).then_some(Inside { slot, value })
    }

    #[track_caller]
    fn enter<'a>(&'static self, value: &'a mut Option<T>) -> Inside<'a, T> {
        match self.try_enter(value) {
            Some(inside) => inside,
            None => panic!(
                "a scope of {0} cannot begin inside {0}.with(..): take a copy with {0}.get() first",
                self.name
            ),
        }
    }
}

impl<T> fmt::Debug for LocalKey<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "LocalKey({})", self.name)
    }
}

/// The future of [`LocalKey::scope`] and [`LocalKey::inherit`].
#[must_use = "a future does nothing unless awaited"]
pub struct Scoped<T: 'static, F> {
    /// Boxed, which pins it without unsafe code; gone once it is finished.
    future: Option<Pin<Box<F>>>,
    /// The value between polls; during a poll, what was in the slot before.
    value: Option<T>,
    key: &'static LocalKey<T>,
}

impl<T, F> Unpin for Scoped<T, F> {}

impl<T, F: Future> Future for Scoped<T, F> {
    type Output = F::Output;

    #[track_caller]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        let this = &mut *self;
        let _inside = this.key.enter(&mut this.value);
        let Some(future) = &mut this.future else { panic!("a scope was polled after its end") };
        let polled = future.as_mut().poll(cx);
        if polled.is_ready() {
            this.future = None; // while the value is in place
        }
        polled
    }
}

impl<T, F> Drop for Scoped<T, F> {
    fn drop(&mut self) {
        if let Some(future) = self.future.take() {
            // A destructor must not panic, so where the value cannot be put in place (the thread
            // is ending, or the value is being read) the future goes without it.
            let _inside = self.key.try_enter(&mut self.value);
            drop(future);
        }
    }
}

impl<T, F> fmt::Debug for Scoped<T, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Scoped({})", self.key.name)
    }
}

/// Puts back what was in the slot, also when a poll panics.
struct Inside<'a, T: 'static> {
    slot: &'static Slot<T>,
    value: &'a mut Option<T>,
}

impl<T> Drop for Inside<'_, T> {
    fn drop(&mut self) {
        // Nobody reads the slot now: whatever began to read it inside the scope has ended before.
        exchange(self.slot, self.value);
    }
}

/// Swaps the two, unless the slot is being read or gone. Drops nothing.
fn exchange<T>(slot: &'static Slot<T>, value: &mut Option<T>) -> bool {
    let swap = |slot: &RefCell<Option<T>>| {
        slot.try_borrow_mut().map(|mut there| mem::swap(&mut *there, value)).is_ok()
    };
    slot.try_with(swap).unwrap_or(false)
}

/// The error of reading a task's value where there is none.
///
/// # Examples
/// ```
/// # use windlass_executor::task_local;
/// task_local! {
///     static USER: String;
/// }
/// let error = USER.try_with(|user| user.len()).unwrap_err();
/// assert_eq!(error.to_string(), "USER has no value here");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unset(&'static str);

error_words!(Unset: Unset(name) => "{name} has no value here");
