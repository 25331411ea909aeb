//! The read-write lock.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Wake, Waker};

use windlass_sync::rwlock::{
    OwnedRwLockReadGuard, OwnedRwLockWriteGuard, RwLock, RwLockWriteGuard, Stats,
};
use windlass_sync::waiting::{self, Reason};

use crate::kit::Hand;

/// Who is inside, and who stands in line.
fn figures<T>(lock: &RwLock<T>) -> (usize, bool, usize) {
    let Stats { readers, is_written, waiting, .. } = lock.stats();
    (readers, is_written, waiting)
}

#[test]
fn many_may_read_at_a_time_and_one_may_write() {
    let lock = RwLock::new(1);
    let readers = [lock.try_read().unwrap(), Hand::new(lock.read()).ready()];
    assert_eq!((*readers[0], *readers[1]), (1, 1));
    assert!(lock.try_write().is_none());
    assert_eq!(figures(&lock), (2, false, 0));
    drop(readers);
    let mut writer = Hand::new(lock.write()).ready();
    *writer += 1;
    assert!(lock.try_read().is_none());
    assert!(lock.try_write().is_none());
    assert_eq!(figures(&lock), (0, true, 0));
    drop(writer);
    assert_eq!((figures(&lock), *lock.try_read().unwrap()), ((0, false, 0), 2));
}

#[test]
fn a_reader_that_comes_after_a_waiting_writer_waits_until_that_one_has_written() {
    let lock = RwLock::new(());
    let first = lock.try_read().unwrap();
    let (mut writer, mut reader) = (Hand::new(lock.write()), Hand::new(lock.read()));
    writer.pending();
    reader.pending();
    assert!(lock.try_read().is_none());
    drop(first);
    assert_eq!((writer.wakes(), reader.wakes()), (1, 0));
    drop(writer.ready());
    drop(reader.ready());
}

#[test]
fn the_readers_up_to_the_next_writer_are_let_in_together() {
    let lock = RwLock::new(());
    let writes = lock.try_write().unwrap();
    let mut first = [(); 3].map(|()| Hand::new(lock.read()));
    let mut writer = Hand::new(lock.write());
    let mut last = Hand::new(lock.read());
    first.iter_mut().for_each(Hand::pending);
    writer.pending();
    last.pending();
    drop(writes);
    assert_eq!(first.each_ref().map(Hand::wakes), [1; 3]);
    assert_eq!((writer.wakes(), last.wakes()), (0, 0));
    assert_eq!(figures(&lock), (3, false, 2), "who is let in counts before it has run");
    let guards = first.each_mut().map(Hand::ready);
    writer.pending();
    drop(guards);
    assert_eq!((writer.wakes(), last.wakes()), (1, 0));
}

/// Who is inside is a matter of arrival alone: all that came before the first writer, or that writer
/// if it is the first of all.
#[test]
fn who_is_inside_follows_from_the_order_of_arrival_alone() {
    let mut random = 0x2545_f491_u64;
    let mut random = move |bound: usize| {
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (random >> 33) as usize % bound
    };
    let lock = Arc::new(RwLock::new(()));
    let mut all: Vec<(bool, Hand<_>)> = Vec::new();
    for _ in 0..2_000 {
        if all.len() < 6 && random(2) == 0 {
            let (is_writer, lock) = (random(3) == 0, lock.clone());
            let mut stays = Hand::new(async move {
                match is_writer {
                    false => drop((lock.read_owned().await, std::future::pending::<()>().await)),
                    true => drop((lock.write_owned().await, std::future::pending::<()>().await)),
                }
            });
            stays.pending();
            all.push((is_writer, stays));
        } else if !all.is_empty() {
            all.remove(random(all.len()));
        }
        if random(2) == 0 {
            all.iter_mut().for_each(|(_, stays)| stays.pending());
        }
        let readers = all.iter().take_while(|(is_writer, _)| !is_writer).count();
        let is_written = all.first().is_some_and(|(is_writer, _)| *is_writer);
        let inside = readers + usize::from(is_written);
        assert_eq!(figures(&lock), (readers, is_written, all.len() - inside));
        assert!(all[inside..].iter().all(|(_, waits)| waits.wakes() == 0));
    }
}

/// Polls its future when it is woken.
struct PollsAtOnce(Mutex<Option<Pin<Box<dyn Future<Output = ()> + Send>>>>);

impl Wake for PollsAtOnce {
    fn wake(self: Arc<Self>) {
        let mut future = self.0.lock().unwrap().take().unwrap();
        let _ = future.as_mut().poll(&mut Context::from_waker(Waker::noop()));
    }
}

#[test]
fn a_writer_that_runs_the_moment_it_is_woken_has_the_value_for_itself() {
    let lock = Arc::new(RwLock::new(1));
    let reads = lock.try_read().unwrap();
    let mut writes: Pin<Box<dyn Future<Output = ()> + Send>> = Box::pin({
        let lock = lock.clone();
        async move { *lock.write().await += 1 }
    });
    let waker = Arc::new(PollsAtOnce(Mutex::default()));
    let pending = writes.as_mut().poll(&mut Context::from_waker(&waker.clone().into()));
    assert!(pending.is_pending());
    *waker.0.lock().unwrap() = Some(writes);
    drop(reads);
    assert_eq!(*lock.try_read().unwrap(), 2);
}

// LCK-03, LCK-15
#[test]
fn a_writer_that_gives_up_lets_the_readers_behind_it_in() {
    let lock = RwLock::new(());
    let _reads = lock.try_read().unwrap();
    let (mut writer, mut reader) = (Hand::new(lock.write()), Hand::new(lock.read()));
    writer.pending();
    reader.pending();
    let count = writer.count.clone();
    drop(writer);
    assert_eq!((reader.wakes(), count.wakers()), (1, 0));
    drop(reader.ready());
}

// LCK-15
#[test]
fn one_that_was_let_in_and_is_dropped_before_it_has_run_makes_room() {
    let lock = RwLock::new(());
    let writes = lock.try_write().unwrap();
    let mut first = Hand::new(lock.write());
    let mut readers = [(); 2].map(|()| Hand::new(lock.read()));
    let mut last = Hand::new(lock.write());
    first.pending();
    readers.iter_mut().for_each(Hand::pending);
    last.pending();
    drop(writes);
    drop(first);
    assert_eq!(readers.each_ref().map(Hand::wakes), [1; 2]);
    let [gives_up, mut reader] = readers;
    drop(gives_up);
    assert_eq!(last.wakes(), 0, "there is one more reader");
    drop(reader.ready());
    assert_eq!(last.wakes(), 1);
    drop(last);
    assert_eq!(figures(&lock), (0, false, 0));
}

#[test]
fn a_downgrade_lets_readers_in_and_no_writer() {
    let lock = RwLock::new(1);
    let mut writes = lock.try_write().unwrap();
    let (mut reader, mut writer) = (Hand::new(lock.read()), Hand::new(lock.write()));
    let mut behind = Hand::new(lock.read());
    reader.pending();
    writer.pending();
    behind.pending();
    *writes = 2;
    let reads = RwLockWriteGuard::downgrade(writes);
    assert_eq!((reader.wakes(), writer.wakes(), behind.wakes()), (1, 0, 0));
    assert_eq!((*reads, *reader.ready()), (2, 2));
    assert_eq!(figures(&lock), (1, false, 2));
    drop(reads);
    assert_eq!(writer.wakes(), 1);
    *writer.ready() += 1;
    assert_eq!(*behind.ready(), 3);
}

#[test]
fn after_a_downgrade_a_writer_that_was_first_in_line_still_is() {
    let lock = Arc::new(RwLock::new(()));
    let writes = lock.clone().try_write_owned().unwrap();
    let (mut writer, mut reader) = (Hand::new(lock.write()), Hand::new(lock.read()));
    writer.pending();
    reader.pending();
    let reads = OwnedRwLockWriteGuard::downgrade(writes);
    assert_eq!((writer.wakes(), reader.wakes()), (0, 0));
    drop(reads);
    assert_eq!((writer.wakes(), reader.wakes()), (1, 0));
}

// LCK-08, LCK-14
#[test]
fn a_task_that_is_dropped_while_it_holds_the_lock_frees_it() {
    let lock = RwLock::new(());
    let mut task = Hand::new(async {
        let _guard = lock.write().await;
        std::future::pending::<()>().await;
    });
    task.pending();
    assert!(lock.try_read().is_none());
    drop(task);
    assert!(lock.try_read().is_some());
}

// LCK-09
#[test]
fn guards_may_be_dropped_by_another_thread() {
    let lock = Arc::new(RwLock::new(0));
    let mut writes = lock.clone().try_write_owned().unwrap();
    std::thread::spawn(move || *writes += 1).join().unwrap();
    let reads = lock.clone().try_read_owned().unwrap();
    assert_eq!(std::thread::spawn(move || *reads).join().unwrap(), 1);
    assert_eq!(figures(&lock), (0, false, 0));
}

// LCK-13
#[test]
fn a_waiter_notes_who_writes_how_many_read_and_where_it_waits() {
    let lock = RwLock::new(());
    let writes = as_task(7, || lock.try_write().unwrap());
    assert_eq!(lock.stats().writer, 7);
    let line = line!() + 1;
    let mut waiters = (Hand::new(lock.read()), Hand::new(lock.write()));
    waiters.0.pending();
    let note = waiting::take().unwrap();
    assert_eq!(note.reason, Reason::RwLockRead { writer: 7 });
    assert_eq!((note.at.file(), note.at.line()), (file!(), line));
    waiters.1.pending();
    let note = waiting::take().unwrap();
    assert_eq!(note.reason, Reason::RwLockWrite { writer: 7, readers: 0 });
    assert_eq!(note.at.line(), line);
    drop(writes);
    waiters.1.pending();
    let reason = waiting::take().unwrap().reason;
    assert_eq!(reason, Reason::RwLockWrite { writer: 0, readers: 1 });
}

#[test]
fn who_writes_is_who_was_let_in_and_then_who_took_it() {
    let lock = RwLock::new(());
    let held = lock.try_read();
    let mut writer = Hand::new(lock.write());
    as_task(7, || writer.pending());
    drop(held);
    assert_eq!(lock.stats().writer, 7);
    let writes = as_task(8, || writer.ready());
    assert_eq!(lock.stats().writer, 8);
    drop(writes);
    assert_eq!(lock.stats().writer, 0);
}

// LCK-16
#[test]
fn a_panic_while_writing_does_not_poison() {
    let lock = RwLock::new(1);
    let panics = catch_unwind(AssertUnwindSafe(|| {
        let mut writes = lock.try_write().unwrap();
        *writes = 2;
        panic!("on purpose");
    }));
    assert!(panics.is_err());
    assert_eq!(*Hand::new(lock.read()).ready(), 2);
}

// LCK-17
#[test]
fn the_text_form_shows_the_data_or_that_it_is_locked_and_who_waits() {
    let lock = RwLock::new(5);
    let reads = lock.try_read().unwrap();
    assert_eq!(format!("{lock:?}, {reads:?}"), "RwLock { data: 5, waiting: 0 }, 5");
    let mut waiter = Hand::new(lock.write());
    waiter.pending();
    assert_eq!(format!("{lock:?}"), "RwLock { data: <locked>, waiting: 1 }");
    assert!(format!("{:?}", waiter.future).starts_with("Write { waiter: "));
    drop(reads);
    assert_eq!(format!("{lock:?}"), "RwLock { data: <locked>, waiting: 0 }", "it is promised");
    assert_eq!(format!("{:?}", waiter.ready()), "5");
    assert_eq!(figures(&lock), (0, false, 0));
}

// LCK-18
#[test]
fn owned_guards_keep_the_lock_alive_and_so_does_waiting_for_one() {
    let lock = Arc::new(RwLock::new(1));
    let weak = Arc::downgrade(&lock);
    let writes = lock.clone().try_write_owned().unwrap();
    let mut waiter = Hand::new(lock.read_owned());
    waiter.pending();
    drop(writes);
    let reads = waiter.ready();
    drop(waiter);
    assert_eq!(*reads, 1);
    assert!(Arc::ptr_eq(OwnedRwLockReadGuard::lock(&reads), &weak.upgrade().unwrap()));
    drop(reads);
    assert!(weak.upgrade().is_none());
}

// LCK-18
#[test]
fn the_value_can_be_reached_without_waiting_when_nobody_else_can() {
    let mut lock = RwLock::new(vec![1]);
    lock.get_mut().push(2);
    assert_eq!(lock.into_inner(), [1, 2]);
}

#[test]
fn a_lock_guards_unsized_values_too() {
    let lock: RwLock<[u8]> = RwLock::from(vec![3, 1, 2].into_boxed_slice());
    lock.try_write().unwrap().sort();
    assert_eq!(*lock.try_read().unwrap(), [1, 2, 3]);
}

#[test]
fn a_forgotten_read_guard_reads_for_ever() {
    let mut lock = RwLock::new(1);
    std::mem::forget(lock.try_read());
    assert!(lock.try_write().is_none());
    assert_eq!(*lock.try_read().unwrap(), 1);
    assert!(catch_unwind(AssertUnwindSafe(|| *lock.get_mut())).is_err());
}

/// Does something as a task would.
fn as_task<R>(number: u64, does: impl FnOnce() -> R) -> R {
    let _inside = waiting::enter(number);
    does()
}

/// Two waiters, of tasks 1 and 2, of whom the first was let in and has not run.
fn let_in<F: Future, G: Future>(lock: &RwLock<()>, first: F, second: G) -> (Hand<F>, Hand<G>) {
    let held = lock.try_write();
    let (mut aside, mut rival) = (Hand::new(first), Hand::new(second));
    as_task(1, || aside.pending());
    as_task(2, || rival.pending());
    drop(held);
    assert_eq!((aside.wakes(), rival.wakes()), (1, 0));
    as_task(2, || assert!(lock.try_write().is_none(), "another task may not"));
    (aside, rival)
}

#[test]
fn a_task_may_write_instead_of_another_of_its_futures_that_was_let_in_to_write() {
    let lock = RwLock::new(());
    let (mut aside, rival) = let_in(&lock, lock.write(), lock.write());
    as_task(1, || {
        let guard = Hand::new(lock.write()).ready();
        aside.pending();
        drop(guard);
        assert_eq!(rival.wakes(), 0, "the waiter stays first in line");
        drop(aside.ready());
        assert_eq!(rival.wakes(), 1);
    });
}

#[test]
fn a_task_may_read_instead_of_another_of_its_futures_that_was_let_in_to_write() {
    let lock = RwLock::new(());
    let (mut aside, rival) = let_in(&lock, lock.write(), lock.read());
    as_task(2, || assert!(lock.try_read().is_none(), "another task may not"));
    as_task(1, || {
        let guard = lock.try_read().unwrap();
        assert_eq!(figures(&lock), (1, false, 2));
        aside.pending();
        drop(guard);
        drop(aside.ready());
        assert_eq!(rival.wakes(), 1);
    });
}

#[test]
fn a_task_may_read_beside_another_of_its_futures_that_was_let_in_to_read() {
    let lock = RwLock::new(());
    let (mut aside, rival) = let_in(&lock, lock.read(), lock.write());
    as_task(2, || assert!(lock.try_read().is_none(), "another task may not"));
    as_task(1, || {
        let guards = [Hand::new(lock.read()).ready(), lock.try_read().unwrap()];
        assert_eq!(figures(&lock), (3, false, 1));
        drop((guards, aside.ready()));
        assert_eq!(rival.wakes(), 1);
    });
}

#[test]
fn a_task_may_write_instead_of_its_futures_that_were_let_in_to_read_if_nobody_else_reads() {
    let lock = RwLock::new(());
    let held = lock.try_write();
    let (mut aside, mut other) = (Hand::new(lock.read()), Hand::new(lock.read()));
    as_task(1, || aside.pending());
    as_task(2, || other.pending());
    drop(held);
    as_task(1, || assert!(lock.try_write().is_none(), "task 2 may read too"));
    drop(as_task(2, || other.ready()));
    as_task(1, || {
        let guard = Hand::new(lock.write()).ready();
        assert_eq!(figures(&lock), (0, true, 1));
        aside.pending();
        drop(guard);
        drop(aside.ready());
    });
    assert_eq!(figures(&lock), (0, false, 0));
}

// Nothing else would wake it: its task was woken for the one aside before the other reader left.
#[test]
fn a_writer_in_line_is_let_in_when_only_futures_of_its_own_task_are_left_inside() {
    let lock = RwLock::new(());
    let held = lock.try_write();
    let [mut aside, mut other] = [lock.read(), lock.read()].map(Hand::new);
    as_task(1, || aside.pending());
    as_task(2, || other.pending());
    drop(held);
    let reads = as_task(2, || other.ready());
    let [mut rival, mut awaited] = [lock.write(), lock.write()].map(Hand::new);
    as_task(3, || rival.pending());
    as_task(1, || awaited.pending());
    drop(reads);
    assert_eq!((rival.wakes(), awaited.wakes()), (0, 1));
    as_task(1, || {
        drop(awaited.ready());
        drop(aside.ready());
    });
    drop(as_task(3, || rival.ready()));
    assert_eq!(figures(&lock), (0, false, 0));
}

#[test]
fn a_writer_in_line_takes_what_was_handed_to_its_own_task_when_it_is_polled() {
    let lock = RwLock::new(());
    let (mut aside, mut awaited) = let_in(&lock, lock.write(), lock.write());
    as_task(1, || {
        drop(awaited.ready());
        drop(aside.ready());
    });
    assert_eq!(figures(&lock), (0, false, 0));
}

#[test]
fn plain_threads_can_wait_for_it() {
    let lock = Arc::new(RwLock::new(0));
    let writes = lock.try_write().unwrap();
    let waits = [true, false].map(|is_writer| {
        let lock = lock.clone();
        std::thread::spawn(move || match is_writer {
            true => *lock.write_blocking() += 1,
            false => drop(lock.read_blocking()),
        })
    });
    drop(writes);
    for waits in waits {
        waits.join().unwrap();
    }
    assert_eq!(*lock.read_blocking(), 1);
}
