//! Real threads, a bounded number of times: what the models cannot reach for size.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::thread;

use windlass_sync::mutex::Mutex;
use windlass_sync::semaphore::Semaphore;
use windlass_sync::{oneshot, waiting};

use crate::kit::Hand;

const THREADS: usize = 4;

fn on_all_threads(body: impl Fn(usize) + Send + Sync) {
    thread::scope(|scope| {
        for number in 0..THREADS {
            let body = &body;
            scope.spawn(move || body(number));
        }
    });
}

// SEM-32
#[test]
fn a_thousand_holders_of_five_permits_leave_five_free_and_were_never_six() {
    let semaphore = Arc::new(Semaphore::new(5));
    let (holding, peak) = (AtomicUsize::new(0), AtomicUsize::new(0));
    on_all_threads(|thread| {
        for round in 0..250 {
            let wanted = 1 + (thread + round) % 3;
            // Every third one starts to wait and gives up, served or not.
            if round % 3 == 0 {
                let _ = Hand::new(semaphore.acquire_many(wanted)).poll();
            }
            let permit = semaphore.acquire_blocking().unwrap();
            peak.fetch_max(holding.fetch_add(1, SeqCst) + 1, SeqCst);
            thread::yield_now();
            holding.fetch_sub(1, SeqCst);
            drop(permit);
        }
    });
    assert!(peak.load(SeqCst) <= 5);
    let stats = semaphore.stats();
    assert_eq!((stats.available, stats.waiting, stats.granted), (5, 0, 0));
}

#[test]
fn permits_that_are_borrowed_within_tasks_are_neither_lost_nor_doubled() {
    let semaphore = Arc::new(Semaphore::new(2));
    on_all_threads(|thread| {
        for _ in 0..250 {
            let mut aside = {
                let _inside = waiting::enter(thread as u64 + 1);
                let mut aside = Hand::new(semaphore.acquire());
                let _ = aside.poll();
                drop(semaphore.try_acquire());
                aside
            };
            thread::yield_now();
            let _inside = waiting::enter(thread as u64 + 1);
            drop(semaphore.try_acquire());
            let _ = aside.poll();
        }
    });
    let stats = semaphore.stats();
    assert_eq!((stats.available, stats.waiting, stats.granted), (2, 0, 0));
}

#[test]
fn a_thousand_locks_count_to_a_thousand() {
    let mutex = Mutex::new(0);
    on_all_threads(|_| {
        for round in 0..250 {
            if round % 3 == 0 {
                let _ = Hand::new(mutex.lock()).poll();
            }
            *mutex.lock_blocking() += 1;
        }
    });
    assert_eq!(mutex.into_inner(), 1000);
}

#[test]
fn a_thousand_values_arrive_or_come_back() {
    on_all_threads(|_| {
        for round in 0..250 {
            let (sender, receiver) = oneshot::channel();
            let sends = thread::spawn(move || sender.send(round).is_ok());
            if round % 2 == 0 {
                assert_eq!(receiver.recv_blocking(), Ok(round));
                assert!(sends.join().unwrap());
            } else {
                drop(receiver);
                let _ = sends.join().unwrap();
            }
        }
    });
}
