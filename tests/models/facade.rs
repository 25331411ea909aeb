//! Models of the facade: futures that are joined within one task.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::task::{Context, Poll, Waker};

use windlass::future::join_all;
use windlass_sync::shim::Mutex;

use crate::Model;
use crate::sync::hands::{block_on, spawn};

/// The models of this file.
pub const MODELS: &[Model] = &[Model {
    name: "of_several_futures_those_that_were_woken_are_polled_and_the_last_ends_the_wait",
    threads: 3,
    weak: Some(3),
    interleaving: Some(3),
    killed_by: "OneWaker::wake waking only when nobody else is in line; Woken::next leaving is_in set",
    body: of_several_futures_those_that_were_woken_are_polled_and_the_last_ends_the_wait,
}];

/// What a future waits for.
#[derive(Default)]
struct News {
    state: Mutex<(bool, Option<Waker>)>,
    /// No part of the model.
    polls: AtomicUsize,
}

impl News {
    fn tell(&self) {
        let mut state = self.state.lock();
        state.0 = true;
        let waker = state.1.take();
        drop(state);
        waker.expect("it was polled before").wake();
    }
}

/// Ends with its number when it has been told.
struct Told(u8, Arc<News>);

impl Future for Told {
    type Output = u8;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<u8> {
        self.1.polls.fetch_add(1, SeqCst);
        let mut state = self.1.state.lock();
        if state.0 {
            return Poll::Ready(self.0);
        }
        state.1 = Some(cx.waker().clone());
        Poll::Pending
    }
}

/// Property: each wake of one of several futures is followed by a poll of that future, and of no
/// other; the task is woken for the last.
/// Threads: the task, one that wakes each of the two futures. Bound: see the list.
/// Killed by: `OneWaker::wake` waking the task only when nobody else is in line; `Woken::next`
/// leaving `is_in` set.
fn of_several_futures_those_that_were_woken_are_polled_and_the_last_ends_the_wait() {
    let news = [(); 2].map(|()| Arc::<News>::default());
    let mut all = join_all([Told(1, news[0].clone()), Told(2, news[1].clone())]);
    // The first polls, so that each has a waker of its own.
    let first = Pin::new(&mut all).poll(&mut Context::from_waker(Waker::noop()));
    assert!(first.is_pending());
    let tell = news.clone().map(|news| spawn(move || news.tell()));
    assert_eq!(block_on(all), [1, 2]);
    for tells in tell {
        tells.join().expect("it does not panic");
    }
    assert_eq!(news.map(|news| news.polls.load(SeqCst)), [2, 2], "a poll for nothing");
}
