//! What many tests need: futures polled by hand, and a waker that counts.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::task::{Context, Poll, Wake, Waker};

/// Counts how often it was woken, and how many wakers made from it are alive.
#[derive(Default)]
pub struct Count(AtomicUsize);

impl Wake for Count {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }
    fn wake_by_ref(self: &Arc<Self>) {
        self.0.fetch_add(1, SeqCst);
    }
}

impl Count {
    pub fn new() -> Arc<Count> {
        Arc::default()
    }

    /// How often it was woken so far.
    pub fn wakes(&self) -> usize {
        self.0.load(SeqCst)
    }

    /// How many wakers made from it exist now.
    pub fn wakers(self: &Arc<Count>) -> usize {
        Arc::strong_count(self) - 1
    }
}

/// A future polled by hand, with a waker of its own.
pub struct Hand<F: Future> {
    pub future: Pin<Box<F>>,
    pub count: Arc<Count>,
}

impl<F: Future> Hand<F> {
    pub fn new(future: F) -> Self {
        Self { future: Box::pin(future), count: Count::new() }
    }

    pub fn poll(&mut self) -> Poll<F::Output> {
        let waker = Waker::from(self.count.clone());
        self.future.as_mut().poll(&mut Context::from_waker(&waker))
    }

    /// How often it was woken so far.
    pub fn wakes(&self) -> usize {
        self.count.wakes()
    }

    /// The output; panics if the future is not ready.
    #[track_caller]
    pub fn ready(&mut self) -> F::Output {
        match self.poll() {
            Poll::Ready(output) => output,
            Poll::Pending => panic!("the future is not ready"),
        }
    }

    /// Polls once and panics if the future is ready.
    #[track_caller]
    pub fn pending(&mut self) {
        assert!(self.poll().is_pending(), "the future is ready");
    }
}
