//! Unparking the owner of a reactor, with a simulated poller.

use windlass_reactor::sleep::{OnUnpark, Sleep};
use windlass_sync::shim::atomic::{AtomicUsize, Ordering::Relaxed};
use windlass_sync::shim::{Arc, Condvar, Mutex, thread};

/// What mio's waker does to its poll: a write is kept until the poll has heard it.
#[derive(Default)]
struct Poller {
    written: Mutex<bool>,
    changed: Condvar,
}

impl Poller {
    fn poll(&self) {
        let mut written = self.written.lock();
        while !*written {
            self.changed.wait(&mut written);
        }
        *written = false;
    }

    fn write(&self) {
        *self.written.lock() = true;
        self.changed.notify_one();
    }
}

/// Property: the owner, who sleeps whenever it has seen no more work, sees all work that was put
/// down before an unpark; and no more is written than there were sleeps.
/// Threads: owner, two that unpark. Bound: 3 preemptions.
pub fn no_unpark_is_lost() {
    let shared =
        Arc::new((Sleep::default(), Poller::default(), [AtomicUsize::new(0), AtomicUsize::new(0)]));
    let writes = std::sync::Arc::new(std::sync::atomic::AtomicUsize::new(0));
    let others = [0, 1].map(|work| {
        let (shared, writes) = (shared.clone(), writes.clone());
        let body = move || {
            shared.2[work].store(1, Relaxed);
            if shared.0.unpark() == OnUnpark::Write {
                writes.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
                shared.1.write();
            }
        };
        thread::spawn("unpark".into(), body).expect("a thread can be started")
    });
    let (sleep, poller, work) = &*shared;
    let mut sleeps = 0;
    while work.iter().any(|work| work.load(Relaxed) == 0) {
        if sleep.begin() {
            sleeps += 1;
            poller.poll();
        }
        sleep.end();
    }
    for other in others {
        other.join().unwrap();
    }
    assert!(writes.load(std::sync::atomic::Ordering::SeqCst) <= sleeps);
}
