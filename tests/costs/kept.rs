//! What a primitive keeps in memory when a burst is over.

use std::future::Future;
use std::task::{Context, Waker};

use allocation_counter::measure;
use windlass::sync::error::TryGetError;
use windlass::sync::{LifoQueue, PriorityQueue, Queue, Semaphore};

/// How many come at once.
const BURST: usize = 100_000;
/// A thousand items, or waiters, of these tests fit into this.
const LITTLE: i64 = 100_000;

/// Checks that `burst` allocates at least 8 bytes for each who comes, and keeps little of it.
#[track_caller]
fn keeps_little(burst: impl FnOnce()) {
    let bytes = measure(burst);
    assert!(bytes.bytes_max > 8 * BURST as u64, "only {} bytes for a burst", bytes.bytes_max);
    assert!(bytes.bytes_current < LITTLE, "{} bytes are kept", bytes.bytes_current);
}

#[test]
fn a_queue_that_was_long_once_gives_its_memory_back() {
    let (queue, lifo, smallest) =
        (Queue::unbounded(), LifoQueue::unbounded(), PriorityQueue::unbounded());
    macro_rules! check {
        ($queue:expr) => {
            keeps_little(|| {
                (0..BURST).for_each(|item| $queue.try_put(item).unwrap());
                (0..BURST).for_each(|_| _ = $queue.try_get().unwrap());
                assert_eq!($queue.try_get(), Err(TryGetError::Empty));
            });
        };
    }
    check!(queue);
    check!(lifo);
    check!(smallest);
}

#[test]
fn a_line_that_was_long_once_gives_its_memory_back() {
    let semaphore = Semaphore::new(0);
    keeps_little(|| {
        let mut waiters: Vec<_> = (0..BURST).map(|_| Box::pin(semaphore.acquire())).collect();
        let mut context = Context::from_waker(Waker::noop());
        for waiter in &mut waiters {
            assert!(waiter.as_mut().poll(&mut context).is_pending());
        }
        assert_eq!(semaphore.stats().waiting, BURST);
        drop(waiters);
    });
}
