//! A few futures of different types, polled in turn by one task: the inside of `join!`,
//! `try_join!` and `select!`.
//!
//! The macros name a variable for each future and hand the polls in as a list of closures, so that
//! the order of the polls is decided here, once.

use std::cell::Cell;
use std::ops::ControlFlow;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use windlass_sync::{budget, shim};

shim::thread_local! {
    /// Where the last fair round of this thread began.
    static BEGUN: Cell<u32> = Cell::new(0);
}

/// The poll of one future. A future that has ended says whether that is the end of all.
pub type OnePoll<'a> = dyn FnMut(&mut Context<'_>) -> Poll<ControlFlow<()>> + 'a;

/// Decides who is polled first.
///
/// Every future is polled in every round, unless the budget is used up before. The next round then
/// begins with the first who got nothing, so that no future can starve the others.
#[derive(Debug)]
pub struct Round {
    /// Who begins; the remainder of its division by the number of futures.
    next: usize,
    /// Every round begins with the first, if the one before was not cut short.
    biased: bool,
}

impl Round {
    /// The first round begins with the first future, each later one with the next.
    pub fn in_turn() -> Self {
        Self { next: 0, biased: false }
    }

    /// Every round begins with the first future.
    pub fn biased() -> Self {
        Self { next: 0, biased: true }
    }

    /// As [`in_turn`](Round::in_turn), but the first round begins anywhere.
    pub fn fair() -> Self {
        Self { next: anywhere(), biased: false }
    }

    /// Polls everybody once. Ready when one has ended all or all have ended.
    pub fn poll(&mut self, cx: &mut Context<'_>, polls: &mut [&mut OnePoll<'_>]) -> Poll<()> {
        let first = self.next % polls.len();
        let mut outcome = Poll::Ready(());
        for place in (first..polls.len()).chain(0..first) {
            if budget::poll_proceed(cx).is_pending() {
                self.next = place;
                return Poll::Pending;
            }
            match polls[place](cx) {
                Poll::Ready(ControlFlow::Break(())) => return Poll::Ready(()),
                Poll::Ready(ControlFlow::Continue(())) => {}
                Poll::Pending => outcome = Poll::Pending,
            }
        }
        self.next = if self.biased { 0 } else { first + 1 };
        outcome
    }
}

/// A future that is dropped when it ends, and then its output.
#[derive(Debug)]
pub struct Branch<'a, F: Future> {
    future: Pin<&'a mut Option<F>>,
    /// There is one as soon as it has ended.
    pub output: Option<F::Output>,
}

impl<'a, F: Future> Branch<'a, F> {
    /// One that is to be polled.
    pub fn new(future: Pin<&'a mut Option<F>>) -> Self {
        Self { future, output: None }
    }

    /// Polls unless it has ended. Breaks with an output that `ends` all.
    pub fn poll(
        &mut self,
        cx: &mut Context<'_>,
        ends: fn(&F::Output) -> bool,
    ) -> Poll<ControlFlow<()>> {
        if let Some(future) = self.future.as_mut().as_pin_mut() {
            let output = ready!(future.poll(cx));
            let is_end = ends(&output);
            self.output = Some(output);
            self.future.set(None);
            if is_end {
                return Poll::Ready(ControlFlow::Break(()));
            }
        }
        Poll::Ready(ControlFlow::Continue(()))
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
