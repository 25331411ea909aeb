//! What these models need: a thread that sleeps until its future is ready, and futures by hand.

use std::future::Future;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};

use windlass_sync::shim::{Condvar, Mutex, thread};

/// Runs a future on this thread, which sleeps until woken: a lost wake-up is a deadlock.
pub fn block_on<F: Future>(future: F) -> F::Output {
    let mut future = pin!(future);
    let bell = Arc::new(Bell { rung: Mutex::new(false), changed: Condvar::new() });
    let waker = Waker::from(bell.clone());
    loop {
        if let Poll::Ready(output) = future.as_mut().poll(&mut Context::from_waker(&waker)) {
            return output;
        }
        let mut rung = bell.rung.lock();
        while !*rung {
            bell.changed.wait(&mut rung);
        }
        *rung = false;
    }
}

/// Polls once, with a waker that does nothing.
pub fn poll_once<F: Future + Unpin>(future: &mut F) -> Poll<F::Output> {
    Pin::new(future).poll(&mut Context::from_waker(Waker::noop()))
}

/// Starts a model thread.
pub fn spawn(body: impl FnOnce() + Send + 'static) -> thread::JoinHandle<()> {
    thread::spawn("model".into(), body).expect("a model thread can be started")
}

struct Bell {
    rung: Mutex<bool>,
    changed: Condvar,
}

impl Wake for Bell {
    fn wake(self: Arc<Self>) {
        *self.rung.lock() = true;
        self.changed.notify_one();
    }
}
