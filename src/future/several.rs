//! Any number of futures of one type, polled by one task: the inside of `join_all` and its like.
//!
//! Each future has a waker of its own that says which one it is, so a wake costs one poll and not
//! as many as there are futures.
//!
//! ```text
//!   future 2's waker --> line: 2, 0 --> the task's waker --> poll: future 2, then future 0
//! ```

use std::collections::VecDeque;
use std::fmt;
use std::future::{Future, IntoFuture};
use std::panic::Location;
use std::pin::Pin;
use std::task::{Context, Poll, Wake, Waker, ready};

use windlass_sync::budget;
use windlass_sync::shim::{Arc, Mutex};
use windlass_sync::waiting::{self, Reason};

/// Futures, and which of them have been woken.
pub(super) struct Several<F> {
    /// Those that have not ended, in their places, each with its waker.
    futures: Vec<Option<(Pin<Box<F>>, Waker)>>,
    /// How many have not ended.
    left: usize,
    woken: Arc<Woken>,
    /// Who waits for them.
    at: &'static Location<'static>,
}

/// What the futures' wakers have in common.
struct Woken(Mutex<Line>);

/// Who is to be polled.
struct Line {
    /// Their places, oldest wake first.
    places: VecDeque<usize>,
    /// Which places are among them, so that the line is never longer than there are futures.
    is_in: Vec<bool>,
    /// The task's own waker, until somebody uses it.
    waker: Option<Waker>,
}

/// The waker of one future.
struct OneWaker {
    place: usize,
    woken: Arc<Woken>,
}

impl<F: Future> Several<F> {
    /// All of them are to be polled, beginning with the one at `first`.
    pub(super) fn new<I>(futures: I, first: usize, at: &'static Location<'static>) -> Self
    where
        I: IntoIterator<Item: IntoFuture<IntoFuture = F, Output = F::Output>>,
    {
        let line = Line { places: VecDeque::new(), is_in: Vec::new(), waker: None };
        let woken = Arc::new(Woken(Mutex::new(line)));
        let with_waker = |(place, future): (usize, I::Item)| {
            let waker = Waker::from(Arc::new(OneWaker { place, woken: woken.clone() }));
            Some((Box::pin(future.into_future()), waker))
        };
        let futures: Vec<_> = futures.into_iter().enumerate().map(with_waker).collect();
        let left = futures.len();
        {
            let mut line = woken.0.lock();
            line.places = (0..left).collect();
            line.places.rotate_left(first.checked_rem(left).unwrap_or(0));
            line.is_in = vec![true; left];
        }
        Self { futures, left, woken, at }
    }

    /// How many have not ended.
    pub(super) fn left(&self) -> usize {
        self.left
    }

    /// Polls those that have been woken and hands each output to `each`. Ready when that gives
    /// something, which drops the futures that are left, and when all have ended.
    pub(super) fn poll<R>(
        &mut self,
        cx: &mut Context<'_>,
        mut each: impl FnMut(usize, F::Output) -> Option<R>,
    ) -> Poll<Option<R>> {
        waiting::note(Reason::Other("several futures"), self.at); // if none says more
        let waker = cx.waker().clone();
        let (turns, former) = {
            let mut line = self.woken.0.lock();
            (line.places.len(), line.waker.replace(waker))
        };
        drop(former);
        // Who is woken from now on, perhaps by itself, waits for the next poll of the task.
        for _ in 0..turns {
            ready!(budget::poll_proceed(cx)); // who is still in line then comes first
            let Some(place) = self.woken.next() else { break };
            let Some((future, waker)) = &mut self.futures[place] else { continue };
            let Poll::Ready(output) = future.as_mut().poll(&mut Context::from_waker(waker)) else {
                continue;
            };
            self.futures[place] = None;
            self.left -= 1;
            if let Some(result) = each(place, output) {
                self.left = 0;
                self.futures.clear();
                return Poll::Ready(Some(result));
            }
        }
        if self.left == 0 { Poll::Ready(None) } else { Poll::Pending }
    }
}

impl Woken {
    fn next(&self) -> Option<usize> {
        let mut line = self.0.lock();
        let place = line.places.pop_front()?;
        line.is_in[place] = false;
        Some(place)
    }
}

impl Wake for OneWaker {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        let waker = {
            let mut line = self.woken.0.lock();
            if !line.is_in[self.place] {
                line.is_in[self.place] = true;
                line.places.push_back(self.place);
            }
            line.waker.take()
        };
        if let Some(waker) = waker {
            waker.wake();
        }
    }
}

impl<F> fmt::Debug for Several<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} of {} left, at {}", self.left, self.futures.len(), self.at)
    }
}
