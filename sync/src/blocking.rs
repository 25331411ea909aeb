//! Waiting on a plain thread: the bridge from threads without a runtime to the primitives.
//!
//! A thread inside a runtime must not take it. It would stop its worker, and the tasks behind it,
//! perhaps the very one it waits for; so the entrances refuse it there.

use std::pin::pin;
use std::task::{Context, Poll, Wake, Waker};

use crate::shim::{Arc, Condvar, Mutex};
use crate::waiting;

/// Polls `future` on this thread until it is ready; the thread sleeps in between.
///
/// # Panics
/// If a task is being polled on this thread. The text names `function` and the cure.
#[track_caller]
pub(crate) fn wait_on<F: Future>(function: &str, cure: &str, future: F) -> F::Output {
    assert!(
        waiting::owner() == 0,
        "{function}() would block a worker and every task on it: inside a task, use {cure}",
    );
    let bell = Arc::new(Bell { rung: Mutex::new(false), changed: Condvar::new() });
    let waker = Waker::from(bell.clone());
    let mut future = pin!(future);
    loop {
        if let Poll::Ready(output) = future.as_mut().poll(&mut Context::from_waker(&waker)) {
            return output;
        }
        bell.wait();
    }
}

/// What wakes a sleeping thread.
struct Bell {
    /// Woken since the last sleep; a wake that comes before the sleep is not lost.
    rung: Mutex<bool>,
    /// Tells the sleeper that it was rung.
    changed: Condvar,
}

impl Bell {
    fn wait(&self) {
        let mut rung = self.rung.lock();
        while !*rung {
            self.changed.wait(&mut rung);
        }
        *rung = false;
    }
}

impl Wake for Bell {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        *self.rung.lock() = true;
        self.changed.notify_one();
    }
}
