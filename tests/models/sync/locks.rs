//! Models of the read-write lock and the once cell.

use std::future::{Future, pending, poll_fn};
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize as Tally, Ordering::SeqCst};
use std::task::{Context, Wake, Waker};

use windlass_sync::once::OnceCell;
use windlass_sync::rwlock::{OwnedRwLockWriteGuard, RwLock};
use windlass_sync::shim::atomic::{AtomicUsize, Ordering::Relaxed};

use super::hands::{block_on, poll_once, spawn};
use crate::Model;

/// The models of this file.
pub const MODELS: &[Model] = &[
    Model {
        name: "who_writes_is_alone_and_readers_see_whole_writes",
        threads: 3,
        weak: Some(3),
        interleaving: Some(4),
        killed_by: "State::fits not counting readers; let_in dropping the wakers of those it lets in",
        body: who_writes_is_alone_and_readers_see_whole_writes,
    },
    Model {
        name: "a_writer_meets_no_clone_of_a_reader_that_ends",
        threads: 2,
        weak: None,
        interleaving: None,
        killed_by: "RwLock::unlock dropping a reader's clone after it has counted it out",
        body: a_writer_meets_no_clone_of_a_reader_that_ends,
    },
    Model {
        name: "a_writer_that_gives_up_holds_no_reader_up",
        threads: 3,
        weak: None,
        interleaving: None,
        killed_by: "RwLock::give_up not letting in; not leaving if it was granted",
        body: a_writer_that_gives_up_holds_no_reader_up,
    },
    Model {
        name: "readers_come_in_beside_a_writer_that_becomes_a_reader",
        threads: 3,
        weak: Some(3),
        interleaving: Some(4),
        killed_by: "RwLock::downgrade not letting in",
        body: readers_come_in_beside_a_writer_that_becomes_a_reader,
    },
    Model {
        name: "nobody_writes_before_the_reading_after_a_downgrade_ends",
        threads: 3,
        weak: Some(3),
        interleaving: Some(4),
        killed_by: "RwLock::downgrade letting in before it counts as a reader",
        body: nobody_writes_before_the_reading_after_a_downgrade_ends,
    },
    Model {
        name: "a_value_is_made_once_and_seen_by_all",
        threads: 3,
        weak: Some(2),
        interleaving: Some(3),
        killed_by: "OnceCell::fill closing before there is a value; its not closing",
        body: a_value_is_made_once_and_seen_by_all,
    },
    Model {
        name: "if_who_makes_the_value_is_dropped_the_next_one_makes_it",
        threads: 3,
        weak: Some(2),
        interleaving: Some(3),
        killed_by: "get_or_try_init forgetting its permit before it makes the value",
        body: if_who_makes_the_value_is_dropped_the_next_one_makes_it,
    },
];

/// Property: a writer has the value for itself, and a reader sees all of a write or nothing.
/// Threads: two writers, a reader. Bound: see the list.
/// Killed by: `State::fits` not counting readers; `let_in` dropping the wakers of those it lets in.
fn who_writes_is_alone_and_readers_see_whole_writes() {
    let lock = Arc::new(RwLock::new((AtomicUsize::new(0), AtomicUsize::new(0))));
    let write = |lock: &RwLock<(AtomicUsize, AtomicUsize)>| {
        let mut guard = block_on(lock.write());
        let value = &mut *guard;
        value.0.store(value.0.load(Relaxed) + 1, Relaxed);
        value.1.store(value.1.load(Relaxed) + 1, Relaxed);
    };
    let writes = spawn({
        let lock = lock.clone();
        move || write(&lock)
    });
    let reads = spawn({
        let lock = lock.clone();
        move || {
            let guard = block_on(lock.read());
            assert_eq!(guard.0.load(Relaxed), guard.1.load(Relaxed));
        }
    });
    write(&lock);
    writes.join().expect("it does not panic");
    reads.join().expect("it does not panic");
    assert_eq!(lock.try_read().expect("nobody writes").1.load(Relaxed), 2);
}

/// Property: a reader has given its clone of the value back before a writer is let in.
/// Threads: a reader that ends, a writer that waits. Bound: none.
/// Killed by: `RwLock::unlock` dropping a reader's clone after it has counted it out.
fn a_writer_meets_no_clone_of_a_reader_that_ends() {
    let lock = Arc::new(RwLock::new(0));
    let steps = Arc::new(AtomicUsize::new(0));
    let reads = lock.clone().try_read_owned().expect("nobody writes");
    let ends = spawn(move || drop(reads));
    let mut write = pin!(lock.write());
    let mut writes = block_on(poll_fn(|cx| {
        let lingers = Lingers { waker: cx.waker().clone(), steps: steps.clone() };
        write.as_mut().poll(&mut Context::from_waker(&Waker::from(Arc::new(lingers))))
    }));
    *writes = 1; // panics if there is a clone
    steps.fetch_add(1, Relaxed);
    ends.join().expect("it does not panic");
}

/// Wakes, and then takes a step more. loom does not see that an `Arc` is dropped; it sees this
/// step, and lets it come after the writer's, so that the one who wakes has not returned from it.
struct Lingers {
    waker: Waker,
    steps: Arc<AtomicUsize>,
}

impl Wake for Lingers {
    fn wake(self: Arc<Self>) {
        self.waker.wake_by_ref();
        self.steps.fetch_add(1, Relaxed);
    }
}

/// Property: a writer that gives up, let in or not, makes room for the readers behind it.
/// Threads: a writer that gives up, a reader that waits, one that ends. Bound: see the list.
/// Killed by: `RwLock::give_up` not letting in; its not leaving if it was granted.
fn a_writer_that_gives_up_holds_no_reader_up() {
    let lock = Arc::new(RwLock::new(()));
    let held = lock.clone().try_read_owned().expect("nobody writes");
    let mut gives_up = lock.write();
    assert!(poll_once(&mut gives_up).is_pending());
    let ends = spawn(move || drop(held));
    let waits = spawn({
        let lock = lock.clone();
        move || drop(block_on(lock.read()))
    });
    drop(gives_up);
    waits.join().expect("it does not panic");
    ends.join().expect("it does not panic");
    assert!(lock.try_write().is_some());
}

/// Property: after a downgrade readers come in, while the former writer still reads.
/// Threads: a writer that downgrades, two readers. Bound: see the list.
/// Killed by: `RwLock::downgrade` not letting in.
fn readers_come_in_beside_a_writer_that_becomes_a_reader() {
    let lock = Arc::new(RwLock::new(0));
    let mut writes = lock.clone().try_write_owned().expect("it is free");
    let readers = [0, 1].map(|_| {
        let lock = lock.clone();
        spawn(move || assert_eq!(*block_on(lock.read()), 1))
    });
    *writes = 1;
    let reads = OwnedRwLockWriteGuard::downgrade(writes);
    for reader in readers {
        reader.join().expect("it does not panic");
    }
    assert_eq!(*reads, 1);
}

/// Property: between a downgrade and the end of the reading after it, nobody writes.
/// Threads: a writer that downgrades, another writer, a reader. Bound: see the list.
/// Killed by: `RwLock::downgrade` letting in before it counts as a reader.
fn nobody_writes_before_the_reading_after_a_downgrade_ends() {
    let lock = Arc::new(RwLock::new(AtomicUsize::new(0)));
    let writes = lock.clone().try_write_owned().expect("it is free");
    let rival = spawn({
        let lock = lock.clone();
        move || {
            let mut guard = block_on(lock.write());
            (*guard).store(2, Relaxed);
            *guard = AtomicUsize::new(3);
        }
    });
    let reader = spawn({
        let lock = lock.clone();
        move || assert_ne!(block_on(lock.read()).load(Relaxed), 2)
    });
    writes.store(1, Relaxed);
    let reads = OwnedRwLockWriteGuard::downgrade(writes);
    assert_eq!(reads.load(Relaxed), 1);
    let _ = lock.stats(); // a moment in which the others may run
    assert_eq!(reads.load(Relaxed), 1);
    drop(reads);
    rival.join().expect("it does not panic");
    reader.join().expect("it does not panic");
    assert_eq!(lock.try_read().expect("nobody writes").load(Relaxed), 3);
}

/// Property: a value is made once, by one of those who want it, and all see it and what came
/// before it.
/// Threads: two that make it, one that sets it. Bound: see the list.
/// Killed by: `OnceCell::fill` closing before there is a value; its not closing.
fn a_value_is_made_once_and_seen_by_all() {
    let shared = Arc::new((OnceCell::new(), AtomicUsize::new(0)));
    let made = Arc::new(Tally::new(0));
    let _ = shared.0.stats(); // makes the cell's semaphore; loom does not see how a `OnceLock` orders
    let makers = [1, 2].map(|n| {
        let (shared, made) = (shared.clone(), made.clone());
        spawn(move || {
            let (cell, before) = &*shared;
            let value = block_on(cell.get_or_init(async || {
                made.fetch_add(1, SeqCst);
                before.store(n, Relaxed);
                n
            }));
            assert_eq!(before.load(Relaxed), *value % 3);
        })
    });
    if shared.0.set(3).is_ok() {
        made.fetch_add(1, SeqCst);
    }
    for maker in makers {
        maker.join().expect("it does not panic");
    }
    assert_eq!(made.load(SeqCst), 1);
    assert!(shared.0.get().is_some());
}

/// Property: who is dropped while it makes the value leaves that to the next, and none waits on.
/// Threads: one that gives up, two that make it. Bound: see the list.
/// Killed by: `get_or_try_init` forgetting its permit before it makes the value.
fn if_who_makes_the_value_is_dropped_the_next_one_makes_it() {
    let cell = Arc::new(OnceCell::new());
    let mut gives_up = Box::pin(cell.get_or_init(pending));
    assert!(poll_once(&mut gives_up).is_pending());
    let makers = [1, 2].map(|n| {
        let cell = cell.clone();
        spawn(move || assert_ne!(*block_on(cell.get_or_init(async || n)), 0))
    });
    drop(gives_up);
    for maker in makers {
        maker.join().expect("it does not panic");
    }
    assert!(cell.get().is_some());
}
