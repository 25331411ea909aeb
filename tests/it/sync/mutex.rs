//! The mutex.

use std::cell::RefCell;
use std::future::poll_fn;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::task::Poll;

use windlass_sync::event::Event;
use windlass_sync::mutex::{MappedGuard, Mutex, MutexGuard, OwnedMutexGuard};
use windlass_sync::waiting::{self, Reason};

use crate::kit::Hand;

async fn yield_once() {
    let mut yielded = false;
    poll_fn(|_| match std::mem::replace(&mut yielded, true) {
        true => Poll::Ready(()),
        false => Poll::Pending,
    })
    .await;
}

// LCK-01
#[test]
fn a_mutex_starts_free_is_taken_by_a_lock_and_freed_by_the_guard() {
    let mutex = Mutex::new(1);
    assert!(!mutex.stats().is_locked);
    let mut guard = Hand::new(mutex.lock()).ready();
    *guard += 1;
    assert!(mutex.stats().is_locked);
    assert!(mutex.try_lock().is_none());
    drop(guard);
    assert_eq!(*mutex.try_lock().unwrap(), 2);
}

// LCK-02
#[test]
fn waiters_get_it_one_per_release_in_the_order_they_came() {
    let mutex = Mutex::new(());
    let mut held = mutex.try_lock();
    let mut waiters = [(); 3].map(|()| Hand::new(mutex.lock()));
    waiters.iter_mut().for_each(Hand::pending);
    let mut woken = Vec::new();
    for i in 0..3 {
        drop(held.take());
        woken.push(waiters.each_ref().map(Hand::wakes));
        assert!(mutex.try_lock().is_none(), "it is handed on, not freed");
        held = Some(waiters[i].ready());
    }
    assert_eq!(woken, [[1, 0, 0], [1, 1, 0], [1, 1, 1]]);
}

// LCK-03, LCK-15
#[test]
fn a_cancelled_lock_leaves_no_waiter_and_does_not_wedge_it() {
    let mutex = Mutex::new(());
    let held = mutex.try_lock();
    let mut gives_up = Hand::new(mutex.lock());
    let mut stays = Hand::new(mutex.lock());
    gives_up.pending();
    stays.pending();
    let count = gives_up.count.clone();
    drop(gives_up);
    assert_eq!((mutex.stats().waiting, count.wakers()), (1, 0));
    drop(held);
    drop(stays.ready());
}

// LCK-15
#[test]
fn a_lock_that_is_dropped_after_it_was_served_hands_the_mutex_on() {
    let mutex = Mutex::new(());
    let held = mutex.try_lock();
    let mut served = Hand::new(mutex.lock());
    served.pending();
    drop(held);
    assert_eq!(served.wakes(), 1);
    let mut next = Hand::new(mutex.lock());
    next.pending();
    drop(served);
    assert_eq!(next.wakes(), 1);
    drop(next);
    assert!(mutex.try_lock().is_some());
}

// LCK-08, LCK-14
#[test]
fn a_task_that_is_dropped_while_it_holds_the_mutex_frees_it() {
    let mutex = Mutex::new(());
    let mut task = Hand::new(async {
        let _guard = mutex.lock().await;
        std::future::pending::<()>().await;
    });
    task.pending();
    assert!(mutex.try_lock().is_none());
    drop(task);
    assert!(mutex.try_lock().is_some());
}

// LCK-09
#[test]
fn a_guard_may_be_dropped_by_another_thread() {
    let mutex = Arc::new(Mutex::new(0));
    let mut guard = mutex.clone().try_lock_owned().unwrap();
    std::thread::spawn(move || *guard += 1).join().unwrap();
    assert_eq!(*mutex.try_lock().unwrap(), 1);
}

// LCK-11
#[test]
fn tasks_that_yield_inside_the_lock_alternate() {
    let (mutex, trace) = (Mutex::new(()), RefCell::new(String::new()));
    let task = async |name: char| {
        for _ in 0..3 {
            let _guard = mutex.lock().await;
            trace.borrow_mut().push(name);
            yield_once().await;
        }
    };
    let mut tasks = [Hand::new(task('A')), Hand::new(task('B'))];
    let mut done = [false; 2];
    while done != [true; 2] {
        for (task, done) in tasks.iter_mut().zip(&mut done) {
            *done = *done || task.poll().is_ready();
        }
    }
    assert_eq!(*trace.borrow(), "ABABAB");
}

// LCK-11
#[test]
fn a_task_that_does_not_yield_inside_the_lock_runs_its_loop_through() {
    let (mutex, trace) = (Mutex::new(()), RefCell::new(String::new()));
    let task = async |name: char| {
        for _ in 0..3 {
            let _guard = mutex.lock().await;
            trace.borrow_mut().push(name);
        }
    };
    Hand::new(task('A')).ready();
    Hand::new(task('B')).ready();
    assert_eq!(*trace.borrow(), "AAABBB");
}

// LCK-13
#[test]
fn a_waiter_notes_who_holds_the_mutex_and_where_it_waits() {
    let mutex = Mutex::new(());
    let holder = {
        let _inside = waiting::enter(7);
        mutex.try_lock().unwrap()
    };
    let _inside = waiting::enter(8);
    let line = line!() + 1;
    let mut waiter = Hand::new(mutex.lock());
    waiter.pending();
    let note = waiting::take().unwrap();
    assert_eq!(note.reason, Reason::Mutex { holder: 7 });
    assert_eq!((note.at.file(), note.at.line()), (file!(), line));
    assert_eq!(mutex.stats().holder, 7);
    drop(holder);
}

// LCK-13, SEM-31
#[test]
fn a_task_that_waits_for_a_mutex_it_holds_itself_is_told_so() {
    let mutex = Mutex::new(());
    let _inside = waiting::enter(7);
    let _guard = mutex.try_lock();
    let line = line!() - 1;
    Hand::new(mutex.lock()).pending();
    let Reason::OwnMutex { locked_at: Some(locked_at) } = waiting::take().unwrap().reason else {
        panic!("it waits for its own mutex");
    };
    assert_eq!((locked_at.file(), locked_at.line()), (file!(), line));
    assert_eq!(mutex.stats().locked_at, Some(locked_at));
}

// LCK-13
#[test]
fn whatever_else_a_poll_waits_for_is_noted_rather_than_its_own_mutex() {
    let (mutex, event) = (Mutex::new(()), Event::new());
    let _inside = waiting::enter(7);
    let _guard = mutex.try_lock();
    for own_first in [true, false] {
        let mut lock = Hand::new(mutex.lock());
        let mut other = Hand::new(event.wait());
        if own_first {
            lock.pending();
        }
        other.pending();
        if !own_first {
            lock.pending();
        }
        assert_eq!(waiting::take().unwrap().reason, Reason::Event);
    }
}

// LCK-16
#[test]
fn a_panic_while_holding_does_not_poison() {
    let mutex = Mutex::new(1);
    let panics = catch_unwind(AssertUnwindSafe(|| {
        let mut guard = mutex.try_lock().unwrap();
        *guard = 2;
        panic!("on purpose");
    }));
    assert!(panics.is_err());
    assert_eq!(*Hand::new(mutex.lock()).ready(), 2);
}

// LCK-17
#[test]
fn the_text_form_shows_the_data_or_that_it_is_locked_and_who_waits() {
    let mutex = Mutex::new(5);
    assert_eq!(format!("{mutex:?}"), "Mutex { data: 5, waiting: 0 }");
    let guard = mutex.try_lock();
    let mut waiter = Hand::new(mutex.lock());
    waiter.pending();
    assert_eq!(format!("{mutex:?}"), "Mutex { data: <locked>, waiting: 1 }");
    drop(guard);
    assert_eq!(format!("{mutex:?}"), "Mutex { data: <locked>, waiting: 0 }", "it is promised");
    assert_eq!(waiter.wakes(), 1);
    assert_eq!(format!("{:?}", waiter.ready()), "5");
}

// LCK-18
#[test]
fn an_owned_guard_keeps_the_mutex_alive_and_so_does_waiting_for_one() {
    let mutex = Arc::new(Mutex::new(1));
    let weak = Arc::downgrade(&mutex);
    let guard = mutex.clone().try_lock_owned().unwrap();
    let mut waiter = Hand::new(mutex.lock_owned());
    waiter.pending();
    drop(guard);
    let guard = waiter.ready();
    drop(waiter);
    assert_eq!(*guard, 1);
    assert!(Arc::ptr_eq(OwnedMutexGuard::mutex(&guard), &weak.upgrade().unwrap()));
    drop(guard);
    assert!(weak.upgrade().is_none());
}

// LCK-18
#[test]
fn the_value_can_be_reached_without_waiting_when_nobody_else_can() {
    let mut mutex = Mutex::new(vec![1]);
    mutex.get_mut().push(2);
    assert_eq!(mutex.into_inner(), [1, 2]);
}

#[test]
fn a_mutex_guards_unsized_values_too() {
    let mutex: Mutex<[u8]> = Mutex::from(vec![3, 1, 2].into_boxed_slice());
    mutex.try_lock().unwrap().sort();
    assert_eq!(*mutex.try_lock().unwrap(), [1, 2, 3]);
}

#[test]
fn a_mapped_guard_gives_a_part_and_unlocks_when_dropped() {
    let mutex = Arc::new(Mutex::new(((1, 2), "rest")));
    let guard = mutex.try_lock().unwrap();
    let pair = MutexGuard::map(guard, |all| &all.0, |all| &mut all.0);
    let mut second = MappedGuard::map(pair, |pair| &pair.1, |pair| &mut pair.1);
    *second += 10;
    assert_eq!(format!("{second:?}"), "12");
    assert!(mutex.try_lock().is_none());
    drop(second);

    let guard = mutex.clone().try_lock_owned().unwrap();
    let first = OwnedMutexGuard::map(guard, |all| &all.0.0, |all| &mut all.0.0);
    assert_eq!(*first, 1);
    drop(first);
    assert_eq!(*mutex.try_lock().unwrap(), ((1, 12), "rest"));
}

#[test]
fn a_task_may_lock_what_was_handed_to_another_of_its_futures() {
    let mutex = Mutex::new(());
    let held = mutex.try_lock();
    let mut aside = {
        let _inside = waiting::enter(1);
        let mut aside = Hand::new(mutex.lock());
        aside.pending();
        aside
    };
    let mut rival = Hand::new(mutex.lock());
    rival.pending();
    drop(held);
    assert_eq!(aside.wakes(), 1);
    {
        let _inside = waiting::enter(2);
        assert!(mutex.try_lock().is_none(), "another task may not");
    }
    let _inside = waiting::enter(1);
    let guard = Hand::new(mutex.lock()).ready();
    aside.pending();
    drop(guard);
    assert_eq!(rival.wakes(), 0, "the waiter stays first in line");
    drop(aside.ready());
    drop(aside);
    assert_eq!(rival.wakes(), 1);
}

#[test]
fn a_waiter_in_line_takes_what_was_handed_to_its_own_task_when_it_is_polled() {
    let mutex = Mutex::new(());
    let _inside = waiting::enter(1);
    let held = mutex.try_lock();
    let (mut aside, mut awaited) = (Hand::new(mutex.lock()), Hand::new(mutex.lock()));
    aside.pending();
    awaited.pending();
    drop(held);
    assert_eq!((aside.wakes(), awaited.wakes()), (1, 0));
    drop(awaited.ready());
    drop(aside.ready());
    assert!(mutex.try_lock().is_some());
}

#[test]
fn a_plain_thread_can_wait_for_it() {
    let mutex = Arc::new(Mutex::new(0));
    let guard = mutex.try_lock().unwrap();
    let waits = std::thread::spawn({
        let mutex = mutex.clone();
        move || *mutex.lock_blocking() += 1
    });
    drop(guard);
    waits.join().unwrap();
    assert_eq!(*mutex.lock_blocking(), 1);
}
