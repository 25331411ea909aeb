//! Models of the end of a runtime: who waits for it is woken, and who cannot wait is stood in for.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};

use windlass_executor::ending::{Ending, STOPPING};
use windlass_sync::shim::atomic::{AtomicBool, Ordering::Relaxed};
use windlass_sync::shim::thread::JoinHandle;

use super::hands::spawn;

/// A runtime with two worker threads, each of which leaves something behind.
struct Runtime {
    ending: Ending,
    left: [AtomicBool; 2],
    /// How often reactor and timers were closed; no part of the model.
    closed: AtomicUsize,
}

impl Runtime {
    fn new() -> Arc<Self> {
        let runtime = Self {
            ending: Ending::default(),
            left: [AtomicBool::new(false), AtomicBool::new(false)],
            closed: AtomicUsize::new(0),
        };
        (0..2).for_each(|_| runtime.ending.thread_starts());
        Arc::new(runtime)
    }

    /// A worker thread that ends, as if its hook had panicked: it has not asked for a stop.
    fn thread(self: &Arc<Self>, number: usize) -> JoinHandle<()> {
        let runtime = self.clone();
        spawn(move || {
            runtime.left[number].store(true, Relaxed);
            runtime.ending.thread_ends(|| runtime.close());
        })
    }

    /// Only when no thread is left.
    fn close(&self) {
        self.look();
        self.closed.fetch_add(1, SeqCst);
    }

    /// Looks at what the threads have left.
    fn look(&self) {
        for left in &self.left {
            assert!(left.load(Relaxed), "a thread has ended, and what it did is not seen");
        }
    }
}

/// Property: of those who say stop and go, and the threads that end meanwhile, somebody closes what is
/// left, and sees what all the threads did.
/// Threads: two that end, one that stops. Bound: see the list.
/// Killed by: `thread_ends` looking for a stop before it counts down; the count down not releasing, or
/// not acquiring; Relaxed in `threads`.
pub fn of_a_stop_and_the_last_thread_that_ends_one_closes_what_is_left() {
    let runtime = Runtime::new();
    let threads = [0, 1].map(|number| runtime.thread(number));
    // As `shut_down_in_background` does.
    runtime.ending.say(STOPPING);
    if runtime.ending.threads() == 0 {
        runtime.close();
    }
    for thread in threads {
        thread.join().expect("it does not panic");
    }
    assert!(runtime.closed.load(SeqCst) > 0, "nobody has closed");
}

/// Property: whoever waits for the threads wakes when the last one has ended, and sees what they did.
/// Threads: two that end, one that waits. Bound: see the list.
/// Killed by: `thread_ends` unparking nobody.
pub fn who_waits_for_the_threads_wakes_when_the_last_one_has_ended() {
    let runtime = Runtime::new();
    let threads = [0, 1].map(|number| runtime.thread(number));
    assert_eq!(runtime.ending.wait_for_threads(None), 0);
    runtime.look();
    for thread in threads {
        thread.join().expect("it does not panic");
    }
}
