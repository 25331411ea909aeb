//! Any number of futures of one type, polled by one task: the inside of `join_all` and its like.
//!
//! Each future has a waker of its own that says which one it is, so a wake costs one poll and not
//! as many as there are futures.
//!
//! ```text
//!   future 2's waker --> line: 0, 2 --> the task's waker --> poll: future 0, then future 2
//! ```

use std::collections::VecDeque;
use std::fmt;
use std::panic::Location;
use std::pin::Pin;
use std::task::{Context, Poll, Wake, Waker, ready};

use windlass_sync::budget;
use windlass_sync::shim::{Arc, Mutex};
use windlass_sync::waiting::{self, Reason};

/// The future of [`join_all`](super::join_all), [`try_join_all`](super::try_join_all) and
/// [`race_all`](super::race_all).
#[must_use = "a future does nothing unless awaited"]
pub struct Several<F: Future, V, R> {
    /// Those that have not ended, in their places, each with its waker.
    futures: Vec<Option<(Pin<Box<F>>, Waker)>>,
    /// How many have not ended.
    pub(super) left: usize,
    woken: Arc<Woken>,
    /// What has come so far, in the places of the futures.
    values: Vec<Option<V>>,
    end: End<F::Output, V, R>,
    /// Who waits for them.
    at: &'static Location<'static>,
}

/// What becomes of the outputs.
pub(super) struct End<T, V, R> {
    /// Puts an output into its place, or gives the result if that is the end of all.
    pub each: fn(&mut Option<V>, T) -> Option<R>,
    /// Gives the result when all have ended.
    pub all: fn(Vec<V>) -> R,
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
struct OneWaker(usize, Arc<Woken>);

impl<F: Future, V, R> Several<F, V, R> {
    /// All of them are to be polled, beginning with the one at `first`.
    pub(super) fn new(
        futures: impl IntoIterator<Item: IntoFuture<IntoFuture = F>>,
        first: usize,
        end: End<F::Output, V, R>,
        at: &'static Location<'static>,
    ) -> Self {
        let futures: Vec<_> =
            futures.into_iter().map(|future| Box::pin(future.into_future())).collect();
        let left = futures.len();
        let mut places: VecDeque<_> = (0..left).collect();
        places.rotate_left(first.checked_rem(left).unwrap_or(0));
        let line = Line { places, is_in: vec![true; left], waker: None };
        let woken = Arc::new(Woken(Mutex::new(line)));
        let waker = |place| Waker::from(Arc::new(OneWaker(place, woken.clone())));
        let futures = futures.into_iter().enumerate();
        let futures = futures.map(|(place, future)| Some((future, waker(place)))).collect();
        Self { futures, left, woken, values: (0..left).map(|_| None).collect(), end, at }
    }
}

impl<F: Future, V, R> Future for Several<F, V, R> {
    type Output = R;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<R> {
        let this = &mut *self;
        waiting::note(Reason::Other("several futures"), this.at); // if none of them says more
        let waker = cx.waker().clone();
        let (turns, former) = {
            let mut line = this.woken.0.lock();
            (line.places.len(), line.waker.replace(waker))
        };
        drop(former);
        // Who is woken from now on, perhaps by itself, waits for the next poll of the task.
        for _ in 0..turns {
            ready!(budget::poll_proceed(cx)); // who is still in line comes first the next time
            let Some(place) = this.woken.next() else { break };
            let Some((future, waker)) = &mut this.futures[place] else { continue };
            let poll = future.as_mut().poll(&mut Context::from_waker(waker));
            let Poll::Ready(output) = poll else { continue };
            this.left -= 1;
            let result = (this.end.each)(&mut this.values[place], output);
            this.futures[place] = None;
            if let Some(result) = result {
                this.left = 0;
                this.futures.clear();
                return Poll::Ready(result);
            }
        }
        if this.left > 0 {
            return Poll::Pending;
        }
        let values = std::mem::take(&mut this.values);
        Poll::Ready((this.end.all)(values.into_iter().flatten().collect()))
    }
}

// The futures are boxed, and no value is promised to stay where it is.
impl<F: Future, V, R> Unpin for Several<F, V, R> {}

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
        let OneWaker(place, woken) = &*self;
        let waker = {
            let mut line = woken.0.lock();
            if !std::mem::replace(&mut line.is_in[*place], true) {
                line.places.push_back(*place);
            }
            line.waker.take()
        };
        if let Some(waker) = waker {
            waker.wake();
        }
    }
}

impl<F: Future, V, R> fmt::Debug for Several<F, V, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Several({} of {} left, at {})", self.left, self.values.len(), self.at)
    }
}
