//! Models of what lives under one lock: mutex, event, notify, oneshot and the wait list in them;
//! and of the thread that blocks on one.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize as Tally, Ordering::SeqCst};

use windlass_sync::event::Event;
use windlass_sync::mutex::Mutex;
use windlass_sync::notify::Notify;
use windlass_sync::oneshot;
use windlass_sync::shim::atomic::{AtomicUsize, Ordering::Relaxed};

use super::hands::{block_on, poll_once, spawn};

/// Property: a mutex goes from holder to holder, each sees what the last one did, nobody sleeps on.
/// Threads: three holders. Bound: see the list.
/// Killed by: `unlock` waking nobody; `hand_over` promising without granting.
pub fn a_mutex_goes_from_holder_to_holder() {
    let mutex = Arc::new(Mutex::new(0));
    let others = [0, 1].map(|_| {
        let mutex = mutex.clone();
        spawn(move || *block_on(mutex.lock()) += 1)
    });
    *block_on(mutex.lock()) += 1;
    for other in others {
        other.join().expect("it does not panic");
    }
    assert_eq!(*mutex.try_lock().expect("nobody holds it"), 3);
}

/// Property: who gives up waiting for a mutex, served or not, holds nobody up.
/// Threads: one that gives up, one that waits, a holder. Bound: see the list.
/// Killed by: `Mutex::leave` not handing over what was promised.
pub fn a_dropped_lock_future_passes_the_mutex_on() {
    let mutex = Arc::new(Mutex::new(()));
    let held = mutex.clone().try_lock_owned().expect("it is free");
    let mut gives_up = mutex.lock();
    assert!(poll_once(&mut gives_up).is_pending());
    let holder = spawn(move || drop(held));
    let waits = spawn({
        let mutex = mutex.clone();
        move || drop(block_on(mutex.lock()))
    });
    drop(gives_up);
    waits.join().expect("it does not panic");
    holder.join().expect("it does not panic");
    assert!(mutex.try_lock().is_some());
}

/// Property: a set event ends every wait, and shows what was done before it.
/// Threads: two that wait, one that sets. Bound: see the list.
/// Killed by: not looking at the flag again under the lock; `Relaxed` in `Event::set`.
pub fn a_set_event_ends_every_wait_and_shows_what_came_before() {
    let shared = Arc::new((Event::new(), AtomicUsize::new(0)));
    let wait = |shared: &(Event, AtomicUsize)| {
        block_on(shared.0.wait());
        assert_eq!(shared.1.load(Relaxed), 1);
    };
    let others = spawn({
        let shared = shared.clone();
        move || wait(&shared)
    });
    let sets = spawn({
        let shared = shared.clone();
        move || {
            shared.1.store(1, Relaxed);
            shared.0.set();
        }
    });
    wait(&shared);
    others.join().expect("it does not panic");
    sets.join().expect("it does not panic");
}

/// Property: a waiter that is polled with another waker is woken through that one.
/// Threads: the waiter, one that sets. Bound: none.
/// Killed by: `WaitList::renew` answering `Yes` for a waker that differs.
pub fn a_waiter_is_woken_where_it_was_polled_last() {
    let event = Arc::new(Event::new());
    let mut wait = event.wait();
    assert!(poll_once(&mut wait).is_pending());
    let sets = spawn({
        let event = event.clone();
        move || event.set()
    });
    block_on(wait);
    sets.join().expect("it does not panic");
    assert_eq!(event.stats().waiting, 0);
}

/// Property: a single notification reaches somebody, even if the first it reached is dropped, and
/// shows what was done before it.
/// Threads: one that gives up, one that waits, a notifier. Bound: see the list.
/// Killed by: `notify_one` not keeping; dropping a told `Notified` without passing it on.
pub fn a_single_notification_is_never_lost() {
    let shared = Arc::new((Notify::new(), AtomicUsize::new(0)));
    let mut gives_up = shared.0.notified();
    let _ = poll_once(&mut gives_up);
    let notifier = spawn({
        let shared = shared.clone();
        move || {
            shared.1.store(1, Relaxed);
            shared.0.notify_one();
        }
    });
    let waits = spawn({
        let shared = shared.clone();
        move || {
            block_on(shared.0.notified());
            assert_eq!(shared.1.load(Relaxed), 1);
        }
    });
    drop(gives_up);
    waits.join().expect("it does not panic");
    notifier.join().expect("it does not panic");
    let stats = shared.0.stats();
    assert_eq!((stats.is_kept, stats.waiting), (false, 0));
}

/// Property: who sees that the line was served beyond him knows whether he was told alone, which
/// has cost him his place, or with all, and then gives it back.
/// Threads: one that waits, one that tells all and then another. Bound: none.
/// Killed by: `was_told_alone` not comparing the calls; `Relaxed` in `tell_one`.
pub fn who_was_told_by_all_gives_his_place_back() {
    let notify = Arc::new(Notify::new());
    let mut waits = notify.notified();
    assert!(!waits.enable());
    let tells = spawn({
        let notify = notify.clone();
        move || {
            notify.notify_all();
            let mut later = notify.notified();
            let is_told = later.enable();
            notify.notify_one();
            assert!(!is_told && poll_once(&mut later).is_ready());
        }
    });
    let is_told = poll_once(&mut waits).is_ready();
    tells.join().expect("it does not panic");
    assert!(is_told || poll_once(&mut waits).is_ready());
    let stats = notify.stats();
    assert_eq!((stats.is_kept, stats.waiting, stats.told), (false, 0, 0));
}

/// Property: make a future, look, then wait: no change that is followed by `notify_all` is missed.
/// Threads: one that waits, one that changes. Bound: none.
/// Killed by: `Relaxed` in `notified`; `look` not comparing the calls.
pub fn who_looks_before_waiting_misses_no_notify_all() {
    let shared = Arc::new((Notify::new(), AtomicUsize::new(0)));
    let changes = spawn({
        let shared = shared.clone();
        move || {
            shared.1.store(1, Relaxed);
            shared.0.notify_all();
        }
    });
    let notified = shared.0.notified();
    if shared.1.load(Relaxed) == 0 {
        block_on(notified);
    }
    changes.join().expect("it does not panic");
}

/// Property: a sent value is received or comes back, and never both or neither.
/// Threads: a sender, a receiver that gives up. Bound: none.
/// Killed by: `State::put` not looking whether it is over.
pub fn a_sent_value_arrives_or_comes_back() {
    let (sender, mut receiver) = oneshot::channel();
    let came_back = Arc::new(Tally::new(0));
    let sends = spawn({
        let came_back = came_back.clone();
        move || {
            if sender.send(Counted(came_back.clone())).is_err() {
                came_back.fetch_add(10, SeqCst);
            }
        }
    });
    receiver.close();
    let received = receiver.try_recv().is_ok();
    sends.join().expect("it does not panic");
    let after = receiver.try_recv().is_ok();
    // Dropped once, and refused exactly if not received.
    let expected = if received || after { 1 } else { 11 };
    assert_eq!(came_back.load(SeqCst), expected);
    assert!(!after, "what is sent after `close` does not arrive");
}

/// Counts its drops.
struct Counted(Arc<Tally>);

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.fetch_add(1, SeqCst);
    }
}

/// Property: a receiver is woken by the value, and by a sender that goes without sending.
/// Threads: a receiver, a sender that sends, a sender that does not. Bound: see the list.
/// Killed by: `send` or the sender's drop leaving the receiver's waker; `poll_slot` not looking
/// again after it has cloned a waker.
pub fn a_receiver_hears_of_the_value_and_of_a_sender_that_is_gone() {
    let (sends, with_value) = oneshot::channel();
    let (goes, without) = oneshot::channel::<u32>();
    let sends = spawn(move || sends.send(7).expect("the receiver waits"));
    let goes = spawn(move || drop(goes));
    assert_eq!(block_on(with_value), Ok(7));
    assert!(block_on(without).is_err());
    sends.join().expect("it does not panic");
    goes.join().expect("it does not panic");
}

/// Property: who waits for the receiver to go hears of it.
/// Threads: a sender that waits, a receiver that goes. Bound: none.
/// Killed by: `Receiver`'s drop leaving the sender's waker.
pub fn a_sender_hears_of_a_receiver_that_is_gone() {
    let (mut sender, receiver) = oneshot::channel::<u32>();
    let goes = spawn(move || drop(receiver));
    block_on(sender.closed());
    assert!(sender.is_closed());
    goes.join().expect("it does not panic");
}

/// Property: a thread that blocks is woken, at whatever moment it goes to sleep.
/// Threads: one that blocks, a sender. Bound: none.
/// Killed by: `Bell::wait` not looking whether it was rung; a wake that only rings, or only tells.
pub fn a_thread_that_blocks_is_woken() {
    let (sender, receiver) = oneshot::channel();
    let sends = spawn(move || sender.send(7).expect("the receiver waits"));
    assert_eq!(receiver.recv_blocking(), Ok(7));
    sends.join().expect("it does not panic");
}
