//! A value that is made once, by whoever comes first, while the others wait for it.
//!
//! The right to make it is the one permit of a semaphore: it goes to the first in line, and on to the
//! next if its holder is dropped, fails or panics before there is a value. Then the semaphore is
//! closed, which ends every wait at once. So there is no line here, and no lock: nothing at all is
//! held while the value is made.
//!
//! # Where the value lives
//! In the standard library's `OnceLock`, which can lend a reference for as long as the cell lives, as
//! without `unsafe` nothing of our own could. It is not switched under loom, like `Arc`: that its
//! `get`, one load, shows a finished value is not ours to check. It could also make a thread wait, if
//! two set it at the same moment; the permit rules that out. The semaphore is in one too, because
//! that makes `new` a constant expression under loom as well, where a semaphore is not.

use std::convert::Infallible;
use std::fmt;
use std::panic::Location;
use std::pin::Pin;
use std::sync::OnceLock;
use std::task::{Context, Poll};

use crate::budget;
use crate::error::Closed;
use crate::semaphore::{Acquire, Permit, Semaphore};
use crate::waiting::{self, Reason};

/// A cell for a value that is made once, by an async function, when it is first needed.
///
/// Use it for what many tasks share and only some runs need: a connection, a parsed file. If nobody
/// has to wait for the value to be made, the standard library's `OnceLock` does.
///
/// # Examples
/// ```
/// # use std::{future::Future, pin::pin, task::{Context, Poll, Waker}};
/// # use windlass_sync::once::OnceCell;
/// # let mut cx = Context::from_waker(Waker::noop());
/// static GREETING: OnceCell<String> = OnceCell::new();
/// async fn greeting() -> &'static str {
///     GREETING.get_or_init(async || "hello".to_owned()).await
/// }
/// assert_eq!(GREETING.get(), None);
/// assert_eq!(pin!(greeting()).poll(&mut cx), Poll::Ready("hello"));
/// assert_eq!(GREETING.get().unwrap(), "hello");
/// ```
pub struct OnceCell<T> {
    value: OnceLock<T>,
    /// Its one permit is the right to make the value. Closed when there is one.
    turns: OnceLock<Semaphore>,
}

/// A snapshot of a cell, for reports.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stats {
    /// Whether it has its value.
    pub is_set: bool,
    /// Whether somebody is making it, or is next to do so and has not run yet.
    pub is_being_made: bool,
    /// How many wait for it.
    pub waiting: usize,
}

impl<T> OnceCell<T> {
    /// A cell without a value.
    pub const fn new() -> Self {
        Self { value: OnceLock::new(), turns: OnceLock::new() }
    }

    /// The value, if there is one; it never waits.
    #[inline]
    pub fn get(&self) -> Option<&T> {
        self.value.get()
    }

    /// The value, to change it, if there is one.
    pub fn get_mut(&mut self) -> Option<&mut T> {
        self.value.get_mut()
    }

    /// Gives the cell its value.
    ///
    /// # Errors
    /// The value, if there is one already or if one is being made.
    pub fn set(&self, value: T) -> Result<(), T> {
        let Ok(turn) = self.turns().try_acquire() else { return Err(value) };
        self.fill(value, turn);
        Ok(())
    }

    /// The value; if there is none, `make` is called to make it, or waits for who is making it.
    ///
    /// Only one `make` runs at a time, that of who came first. If it is dropped or panics, the next
    /// one in line runs. It must not ask the same cell, or it waits for itself.
    ///
    /// # Cancel safety
    /// A future that is dropped leaves the line; one that was making the value drops what it has, and
    /// the next in line starts anew.
    #[track_caller]
    pub fn get_or_init<F, M>(&self, make: F) -> impl Future<Output = &T>
    where
        F: FnOnce() -> M,
        M: Future<Output = T>,
    {
        let tries = self.get_or_try_init(|| async { Ok::<T, Infallible>(make().await) });
        async {
            let Ok(value) = tries.await;
            value
        }
    }

    /// As [`get_or_init`](Self::get_or_init), for what may fail. The next in line then tries.
    ///
    /// # Examples
    /// ```
    /// # use std::{future::Future, pin::pin, task::{Context, Poll, Waker}};
    /// # use windlass_sync::once::OnceCell;
    /// # let mut cx = Context::from_waker(Waker::noop());
    /// let port = OnceCell::new();
    /// let mut bad = pin!(port.get_or_try_init(async || "http".parse::<u16>()));
    /// assert!(matches!(bad.as_mut().poll(&mut cx), Poll::Ready(Err(_))));
    /// let mut good = pin!(port.get_or_try_init(async || "80".parse::<u16>()));
    /// assert_eq!(good.as_mut().poll(&mut cx), Poll::Ready(Ok(&80)));
    /// ```
    ///
    /// # Errors
    /// Those of `make`, to its own caller only.
    ///
    /// # Cancel safety
    /// As [`get_or_init`](Self::get_or_init).
    #[track_caller]
    pub fn get_or_try_init<F, M, E>(&self, make: F) -> impl Future<Output = Result<&T, E>>
    where
        F: FnOnce() -> M,
        M: Future<Output = Result<T, E>>,
    {
        let turn = Turn { acquire: self.turns().acquire(), at: Location::caller() };
        async move {
            match turn.await {
                Ok(turn) => Ok(self.fill(make().await?, turn)),
                Err(Closed(())) => Ok(self.get().expect("no more turns when there is a value")),
            }
        }
    }

    /// The value, which the cell has no more; it may then get another.
    pub fn take(&mut self) -> Option<T> {
        std::mem::take(self).into_inner()
    }

    /// The value, if there is one.
    pub fn into_inner(self) -> Option<T> {
        self.value.into_inner()
    }

    /// The figures of this moment.
    pub fn stats(&self) -> Stats {
        let turns = self.turns().stats();
        let is_being_made = turns.available == 0;
        Stats { is_set: self.get().is_some(), is_being_made, waiting: turns.waiting }
    }

    fn turns(&self) -> &Semaphore {
        self.turns.get_or_init(|| Semaphore::new(1))
    }

    /// Gives the cell its value. Nobody else can: they have no turn.
    fn fill(&self, value: T, turn: Permit<'_>) -> &T {
        let value = self.value.get_or_init(|| value);
        self.turns().close();
        drop(turn);
        value
    }
}

impl<T> Default for OnceCell<T> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T: fmt::Debug> fmt::Debug for OnceCell<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = f.debug_tuple("OnceCell");
        match self.get() {
            Some(value) => text.field(value),
            None => text.field(&format_args!("<unset>")),
        };
        text.finish()
    }
}

/// Waits for the right to make the value.
struct Turn<'a> {
    acquire: Acquire<'a>,
    /// Who waits.
    at: &'static Location<'static>,
}

impl<'a> Future for Turn<'a> {
    type Output = Result<Permit<'a>, Closed>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let turn = Pin::new(&mut self.acquire).poll(cx);
        if turn.is_pending() && !budget::is_exhausted() {
            waiting::note(Reason::OnceCell, self.at); // in place of the semaphore's own
        }
        turn
    }
}
