//! A few futures of different types, polled in turn by one task: the inside of `join!`,
//! `try_join!` and `select!`.
//!
//! The macros name a variable for each future and hand the polls in as a list of closures, so that
//! the order of the polls is decided here, once.

use std::cell::Cell;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use windlass_sync::{budget, shim};

shim::thread_local! {
    /// Where the last fair round of this thread began.
    static BEGUN: Cell<u32> = Cell::new(0);
}

/// What a poll of one future means for all of them.
#[derive(Debug, PartialEq, Eq)]
pub enum Turn {
    /// It will wake us.
    Waits,
    /// It has ended, now or before.
    Ended,
    /// It has ended, and that is the end of all.
    EndsAll,
}

/// Decides who is polled first.
///
/// Every future is polled in every round, unless the budget is used up before. The next round then
/// begins with the first who got nothing, so that no future can starve the others.
#[derive(Debug)]
pub struct Round {
    next: usize,
    biased: bool,
}

impl Round {
    /// The first round begins with the first, each later one with the next.
    pub fn in_turn() -> Self {
        Self { next: 0, biased: false }
    }

    /// Every round begins with the first.
    pub fn biased() -> Self {
        Self { next: 0, biased: true }
    }

    /// As [`in_turn`](Round::in_turn), but the first round begins anywhere.
    pub fn fair() -> Self {
        Self { next: anywhere(), biased: false }
    }

    /// Polls everybody once. Ready when one ends all or all have ended.
    pub fn poll(&mut self, cx: &mut Context<'_>, polls: &mut [&mut OnePoll<'_>]) -> Poll<()> {
        let first = self.next % polls.len();
        let mut all_ended = true;
        for place in (first..polls.len()).chain(0..first) {
            if budget::poll_proceed(cx).is_pending() {
                self.next = place;
                return Poll::Pending;
            }
            match polls[place](cx) {
                Turn::Waits => all_ended = false,
                Turn::Ended => {}
                Turn::EndsAll => return Poll::Ready(()),
            }
        }
        self.next = if self.biased { 0 } else { first + 1 };
        if all_ended { Poll::Ready(()) } else { Poll::Pending }
    }
}

/// The poll of one of the futures.
pub type OnePoll<'a> = dyn FnMut(&mut Context<'_>) -> Turn + 'a;

/// A future that is dropped when it ends, and then its output.
pub struct Branch<'a, F: Future> {
    future: Pin<&'a mut Option<F>>,
    output: Option<F::Output>,
}

impl<'a, F: Future> Branch<'a, F> {
    /// One that is to be polled.
    pub fn new(future: Pin<&'a mut Option<F>>) -> Self {
        Self { future, output: None }
    }

    /// Polls unless it has ended.
    pub fn join(&mut self, cx: &mut Context<'_>) -> Turn {
        let Some(future) = self.future.as_mut().as_pin_mut() else { return Turn::Ended };
        let turn = select(future, cx, &mut self.output);
        if turn == Turn::Waits {
            return turn;
        }
        self.future.set(None);
        Turn::Ended
    }

    /// The output; there is one after the last round.
    pub fn output(self) -> F::Output {
        self.output.expect("a round that is over leaves every branch an output")
    }
}

impl<T, E, F: Future<Output = Result<T, E>>> Branch<'_, F> {
    /// As [`join`](Branch::join), and an error ends all.
    pub fn try_join(&mut self, cx: &mut Context<'_>) -> Turn {
        let turn = self.join(cx);
        if matches!(self.output, Some(Err(_))) { Turn::EndsAll } else { turn }
    }

    /// The error, if it has ended with one.
    pub fn error(&mut self) -> Option<E> {
        self.output.take_if(|output| output.is_err())?.err()
    }

    /// The good output; there is one after the last round if nobody has an error.
    pub fn value(self) -> T {
        self.output.and_then(Result::ok).expect("a round without an error leaves every value")
    }
}

impl<F: Future> std::fmt::Debug for Branch<'_, F> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Branch(ended: {})", self.output.is_some())
    }
}

/// Polls; an output goes into the slot, and is the end of all.
pub fn select<F: Future>(
    future: Pin<&mut F>,
    cx: &mut Context<'_>,
    slot: &mut Option<F::Output>,
) -> Turn {
    match future.poll(cx) {
        Poll::Ready(output) => {
            *slot = Some(output);
            Turn::EndsAll
        }
        Poll::Pending => Turn::Waits,
    }
}

/// Another number each time; what is left of it after a division by a small one is fair.
pub(super) fn anywhere() -> usize {
    // 2^32 divided by the golden ratio: whoever takes every second, third... value of this series
    // still gets all places about equally often. With a plain counter, two selects that take turns
    // would each always begin at the same place.
    const STEP: u32 = 0x9E37_79B9;
    let begun = BEGUN.try_with(|begun| begun.replace(begun.get().wrapping_add(STEP)));
    // The upper bits: the lowest would only change between even and odd.
    (begun.unwrap_or(0) >> 16) as usize // 0 in a thread that is being torn down
}
