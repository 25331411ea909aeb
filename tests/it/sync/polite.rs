//! Every primitive is polite: it asks the budget, and notes what it waits for and where.

use std::panic::Location;
use std::sync::Arc;

use windlass_sync::budget;
use windlass_sync::cancel::CancelToken;
use windlass_sync::condvar::Condvar;
use windlass_sync::event::Event;
use windlass_sync::mutex::Mutex;
use windlass_sync::notify::Notify;
use windlass_sync::once::OnceCell;
use windlass_sync::oneshot;
use windlass_sync::queue::Queue;
use windlass_sync::rwlock::RwLock;
use windlass_sync::semaphore::Semaphore;
use windlass_sync::waiting::{self, Reason};
use windlass_sync::{broadcast, watch};

use crate::kit::Hand;

/// How often an operation that is always ready completes in one poll of a task.
fn operations_in_one_poll(operation: impl AsyncFn()) -> u32 {
    let done = std::cell::Cell::new(0);
    let mut task = Hand::new(async {
        loop {
            operation().await;
            done.set(done.get() + 1);
        }
    });
    let _limit = budget::enter();
    task.pending();
    assert_eq!(task.wakes(), 1, "it runs again later");
    assert_eq!(waiting::take().unwrap().reason, Reason::Yield);
    done.get()
}

// SCH-14
#[test]
fn what_is_always_ready_yields_when_the_budget_is_spent() {
    let (semaphore, mutex) = (Arc::new(Semaphore::new(1)), Arc::new(Mutex::new(())));
    let (event, notify) = (Event::new(), Notify::new());
    event.set();
    let counts = [
        operations_in_one_poll(async || drop(semaphore.acquire().await)),
        operations_in_one_poll(async || drop(semaphore.clone().acquire_owned().await)),
        operations_in_one_poll(async || drop(mutex.lock().await)),
        operations_in_one_poll(async || drop(mutex.clone().lock_owned().await)),
        operations_in_one_poll(async || event.wait().await),
        operations_in_one_poll(async || {
            notify.notify_one();
            notify.notified().await;
        }),
        operations_in_one_poll(async || {
            let (sender, receiver) = oneshot::channel();
            sender.send(()).unwrap();
            receiver.await.unwrap();
        }),
    ];
    assert_eq!(counts, [budget::OPERATIONS; 7]);
}

#[test]
fn a_waiter_that_was_served_keeps_its_grant_while_the_budget_is_spent() {
    let semaphore = Semaphore::new(0);
    let mut waiter = Hand::new(semaphore.acquire());
    waiter.pending();
    semaphore.add_permits(1);
    {
        let _limit = budget::enter();
        (0..budget::OPERATIONS).for_each(|_| budget::spend());
        waiter.pending();
        assert_eq!(waiter.wakes(), 2);
    }
    assert!(waiter.ready().is_ok());
}

/// What a future notes when it cannot go on.
fn note<F: Future>(future: F) -> (Reason, &'static Location<'static>) {
    Hand::new(future).pending();
    let note = waiting::take().expect("every wait is noted");
    (note.reason, note.at)
}

// INT-19
#[test]
fn every_wait_says_what_it_waits_for_and_at_which_line() {
    let semaphore = Arc::new(Semaphore::new(1));
    let (event, notify, mutex) = (Event::new(), Notify::new(), Arc::new(Mutex::new(())));
    let _guard = mutex.try_lock();
    let (mut sender, receiver) = oneshot::channel::<()>();
    let channel_made_at = line!() - 1;
    let first = line!() + 2;
    let notes = [
        note(semaphore.acquire_many(3)),
        note(semaphore.clone().acquire_many_owned(2)),
        note(mutex.lock()),
        note(mutex.clone().lock_owned()),
        note(event.wait()),
        note(notify.notified()),
        note(sender.closed()),
    ];
    let reasons = [
        Reason::Semaphore { wanted: 3, free: 1 },
        Reason::Semaphore { wanted: 2, free: 1 },
        Reason::Mutex { holder: 0 },
        Reason::Mutex { holder: 0 },
        Reason::Event,
        Reason::Notify,
        Reason::Other("the receiver of a oneshot to go away"),
    ];
    for (i, ((reason, at), expected)) in notes.into_iter().zip(reasons).enumerate() {
        assert_eq!(reason, expected);
        assert_eq!((at.file(), at.line()), (file!(), first + i as u32));
    }
    let (reason, at) = note(receiver);
    assert_eq!((reason, at.line()), (Reason::Oneshot, channel_made_at));
}

#[test]
fn a_poll_with_another_waker_replaces_it_and_with_the_same_one_does_not() {
    let event = Event::new();
    let mut wait = Box::pin(event.wait());
    let mut first = Hand::new(std::future::poll_fn(|cx| wait.as_mut().poll(cx)));
    first.pending();
    assert_eq!(first.count.wakers(), 1);
    first.pending();
    assert_eq!(first.count.wakers(), 1);
    let count = first.count.clone();
    drop(first);
    let mut second = Hand::new(wait);
    second.pending();
    assert_eq!(count.wakers(), 0);
    event.set();
    assert_eq!((count.wakes(), second.wakes()), (0, 1));
}

/// The types may be shared and sent as far as what they hold may.
#[test]
fn futures_and_guards_may_move_between_threads_and_need_no_pinning() {
    fn check<T: Send + Sync + Unpin>() {}
    check::<windlass_sync::semaphore::Acquire<'_>>();
    check::<windlass_sync::semaphore::AcquireOwned>();
    check::<windlass_sync::semaphore::OwnedPermit>();
    check::<windlass_sync::mutex::Lock<'_, u8>>();
    check::<windlass_sync::mutex::MutexGuard<'_, u8>>();
    check::<windlass_sync::mutex::OwnedMutexGuard<u8>>();
    check::<windlass_sync::event::Wait<&Event>>();
    check::<windlass_sync::notify::Notified<&Notify>>();
    check::<oneshot::Sender<u8>>();
    check::<oneshot::Receiver<u8>>();
}

#[test]
fn channels_and_tokens_yield_when_the_budget_is_spent() {
    let (latest, _receiver) = watch::channel(0);
    let (all, _receiver) = broadcast::channel(1);
    let token = CancelToken::new();
    token.cancel();
    let counts = [
        operations_in_one_poll(async || {
            let mut receiver = latest.subscribe();
            receiver.mark_changed();
            receiver.changed().await.unwrap();
        }),
        operations_in_one_poll(async || {
            let mut receiver = latest.subscribe();
            receiver.wait_for(|_| true).await.unwrap();
        }),
        operations_in_one_poll(async || {
            let mut receiver = all.subscribe();
            all.send(1).unwrap();
            receiver.recv().await.unwrap();
        }),
        operations_in_one_poll(async || token.cancelled().await),
        operations_in_one_poll(async || {
            let run = token.run_until_cancelled(std::future::pending::<()>());
            assert!(run.await.is_err());
        }),
    ];
    assert_eq!(counts, [budget::OPERATIONS; 5]);
}

// INT-19
#[test]
fn channels_and_tokens_say_what_they_wait_for_and_at_which_line() {
    let (latest, mut changes) = watch::channel(0);
    let (all, mut values) = broadcast::channel::<u8>(1);
    let (token, mut other) = (CancelToken::new(), latest.subscribe());
    let first = line!() + 2;
    let notes = [
        note(changes.changed()),
        note(other.wait_for(|value| *value > 0)),
        note(latest.closed()),
        note(values.recv()),
        note(all.closed()),
        note(token.cancelled()),
        note(token.run_until_cancelled(std::future::pending::<()>())),
    ];
    let reasons = [
        Reason::Watch,
        Reason::Watch,
        Reason::Other("the receivers of a watch channel to go away"),
        Reason::Broadcast,
        Reason::Other("the receivers of a broadcast channel to go away"),
        Reason::Cancel,
        Reason::Cancel,
    ];
    for (i, ((reason, at), expected)) in notes.into_iter().zip(reasons).enumerate() {
        assert_eq!(reason, expected);
        assert_eq!((at.file(), at.line()), (file!(), first + i as u32));
    }
}

#[test]
fn channels_and_tokens_may_move_between_threads_and_need_no_pinning() {
    fn check<T: Send + Sync + Unpin>() {}
    check::<watch::Sender<u8>>();
    check::<watch::Changed<'_, u8>>();
    check::<watch::WaitFor<'_, u8, std::marker::PhantomPinned>>();
    check::<watch::SenderClosed<'_, u8>>();
    check::<broadcast::Sender<u8>>();
    check::<broadcast::Recv<'_, u8>>();
    check::<broadcast::SenderClosed<'_, u8>>();
    check::<CancelToken>();
    check::<windlass_sync::cancel::UntilCancelled>();
    fn check_boxed<T: Send + Unpin>() {}
    check_boxed::<windlass_sync::cancel::RunUntilCancelled<std::marker::PhantomPinned>>();
}

// QUE-56
#[test]
fn a_queue_that_is_always_ready_yields_when_the_budget_is_spent() {
    let queue = Queue::unbounded(); // an item may stay behind when a get has to yield
    let counts = [
        operations_in_one_poll(async || {
            queue.put(()).await.unwrap();
            queue.try_get_job().unwrap().done();
        }),
        operations_in_one_poll(async || {
            queue.reserve().await.unwrap().put(()).unwrap();
            queue.try_get_job().unwrap().done();
        }),
        operations_in_one_poll(async || queue.join().await),
        operations_in_one_poll(async || {
            queue.try_put(()).unwrap();
            queue.get().await.unwrap();
        }),
        operations_in_one_poll(async || {
            queue.try_put(()).unwrap();
            drop(queue.get_job().await.unwrap());
        }),
    ];
    assert_eq!(counts, [budget::OPERATIONS; 5]);
}

// INT-19
#[test]
fn queues_say_what_they_wait_for_and_at_which_line() {
    let (empty, full) = (Queue::<u8>::bounded(1), Queue::bounded(1));
    full.try_put(1).unwrap();
    let first = line!() + 2;
    let notes = [
        note(full.put(2)),
        note(full.reserve()),
        note(empty.get()),
        note(empty.get_job()),
        note(full.join()),
    ];
    let reasons = [
        Reason::QueuePut { used: 1, capacity: 1 },
        Reason::QueuePut { used: 1, capacity: 1 },
        Reason::QueueGet,
        Reason::QueueGet,
        Reason::QueueJoin { unfinished: 1 },
    ];
    for (i, ((reason, at), expected)) in notes.into_iter().zip(reasons).enumerate() {
        assert_eq!(reason, expected);
        assert_eq!((at.file(), at.line()), (file!(), first + i as u32));
    }
}

#[test]
fn futures_slots_and_jobs_of_queues_may_move_between_threads_and_need_no_pinning() {
    use windlass_sync::queue::{Consumer, Get, GetJob, Job, Join, Producer, Put, Reserve, Slot};
    fn check<T: Send + Sync + Unpin>() {}
    check::<(Queue<u8>, Producer<u8>, Consumer<u8>)>();
    check::<(Get<'_, u8>, GetJob<'_, u8>, Join<'_, u8>)>();
    check::<(Reserve<'_, u8>, Slot<u8>, Job<u8>)>();
    fn check_unpin<T: Unpin>() {}
    check_unpin::<Put<'_, std::marker::PhantomPinned>>();
}

// SCH-14
#[test]
fn locks_and_cells_yield_when_the_budget_is_spent() {
    let (lock, cell) = (Arc::new(RwLock::new(())), OnceCell::new());
    let counts = [
        operations_in_one_poll(async || drop(lock.read().await)),
        operations_in_one_poll(async || drop(lock.write().await)),
        operations_in_one_poll(async || drop(lock.clone().read_owned().await)),
        operations_in_one_poll(async || drop(lock.clone().write_owned().await)),
        operations_in_one_poll(async || *cell.get_or_init(async || ()).await),
    ];
    assert_eq!(counts, [budget::OPERATIONS; 5]);
}

// INT-19
#[test]
fn locks_and_cells_say_what_they_wait_for_and_at_which_line() {
    let lock = Arc::new(RwLock::new(()));
    let (mutex, condvar, cell) = (Mutex::new(()), Condvar::new(), OnceCell::new());
    let _writes = lock.try_write();
    let mut makes = Hand::new(cell.get_or_init(std::future::pending::<()>));
    makes.pending();
    let guard = || mutex.try_lock().expect("who waits has unlocked it");
    let first = line!() + 2;
    let notes = [
        note(lock.read()),
        note(lock.write()),
        note(lock.clone().read_owned()),
        note(lock.clone().write_owned()),
        note(condvar.wait(guard())),
        note(condvar.wait_while(guard(), |_| true)),
        note(condvar.wait_at_most(guard(), std::future::pending())),
        note(cell.get_or_init(std::future::pending)),
    ];
    let (reads, writes) =
        (Reason::RwLockRead { writer: 0 }, Reason::RwLockWrite { writer: 0, readers: 0 });
    let told = Reason::Condvar;
    let reasons = [reads, writes, reads, writes, told, told, told, Reason::OnceCell];
    for (i, ((reason, at), expected)) in notes.into_iter().zip(reasons).enumerate() {
        assert_eq!(reason, expected);
        assert_eq!((at.file(), at.line()), (file!(), first + i as u32));
    }
}

#[test]
fn locks_may_move_between_threads_and_need_no_pinning() {
    fn check<T: Send + Sync + Unpin>() {}
    check::<windlass_sync::rwlock::Read<'_, u8>>();
    check::<windlass_sync::rwlock::WriteOwned<u8>>();
    check::<windlass_sync::rwlock::RwLockReadGuard<'_, u8>>();
    check::<windlass_sync::rwlock::OwnedRwLockWriteGuard<u8>>();
    check::<windlass_sync::condvar::Wait<'_, windlass_sync::mutex::MutexGuard<'_, u8>>>();
    check::<OnceCell<u8>>();
}
