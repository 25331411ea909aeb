//! The semaphore: counting, queueing, closing.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use windlass_sync::error::{Closed, TooMany, TryAcquireError};
use windlass_sync::semaphore::Semaphore;
use windlass_sync::waiting;

use crate::kit::Hand;

// SEM-01
#[test]
fn a_semaphore_created_with_no_permits_starts_locked() {
    let semaphore = Semaphore::new(0);
    assert_eq!(semaphore.try_acquire().unwrap_err(), TryAcquireError::NoPermits);
    Hand::new(semaphore.acquire()).pending();
}

// SEM-02
#[test]
#[should_panic(expected = "at most")]
fn more_permits_than_the_maximum_are_refused_at_creation() {
    Semaphore::new(Semaphore::MAX_PERMITS + 1);
}

#[test]
#[should_panic(expected = "at most")]
fn a_request_that_could_never_be_met_is_refused() {
    drop(Semaphore::new(1).acquire_many(Semaphore::MAX_PERMITS + 1));
}

// SEM-03
#[test]
fn an_acquire_takes_one_permit_and_waits_at_zero() {
    let semaphore = Semaphore::new(1);
    let permit = Hand::new(semaphore.acquire()).ready().unwrap();
    assert_eq!(semaphore.available_permits(), 0);
    let mut second = Hand::new(semaphore.acquire());
    second.pending();
    drop(permit);
    assert_eq!(second.wakes(), 1);
    assert_eq!(second.ready().unwrap().count(), 1);
}

// SEM-04
#[test]
fn waiters_are_served_in_the_order_they_came_also_when_they_come_again() {
    let semaphore = Arc::new(Semaphore::new(0));
    let come = || Hand::new(semaphore.clone().acquire_owned());
    let mut line = vec![(1, come()), (2, come()), (3, come())];
    for (_, waiter) in &mut line {
        waiter.pending();
    }
    let mut served = Vec::new();
    semaphore.add_permits(1);
    for _ in 0..6 {
        let woken = line.iter().position(|(_, waiter)| waiter.wakes() == 1).unwrap();
        let (name, mut waiter) = line.remove(woken);
        served.push(name);
        let permit = waiter.ready().unwrap();
        let mut again = come();
        again.pending();
        line.push((name, again));
        drop(permit);
    }
    assert_eq!(served, [1, 2, 3, 1, 2, 3]);
}

#[test]
fn a_newcomer_does_not_take_the_permit_of_a_waiter_that_was_served_and_has_not_run() {
    let semaphore = Semaphore::new(0);
    let mut first = Hand::new(semaphore.acquire());
    first.pending();
    semaphore.add_permits(1);
    assert_eq!(first.wakes(), 1);
    assert_eq!(semaphore.try_acquire().unwrap_err(), TryAcquireError::NoPermits);
    let mut newcomer = Hand::new(semaphore.acquire());
    newcomer.pending();
    drop(first.ready().unwrap());
    assert!(newcomer.ready().is_ok());
}

// SEM-06
#[test]
fn cancelled_waiters_are_skipped() {
    let semaphore = Semaphore::new(0);
    let mut waiters: Vec<_> = (0..4).map(|_| Hand::new(semaphore.acquire())).collect();
    waiters.iter_mut().for_each(Hand::pending);
    drop(waiters.remove(2));
    drop(waiters.remove(0));
    semaphore.add_permits(1);
    assert_eq!(waiters.iter().map(Hand::wakes).collect::<Vec<_>>(), [1, 0]);
}

// SEM-09
#[test]
fn a_cancelled_acquire_leaves_no_waiter_and_no_waker() {
    let semaphore = Semaphore::new(0);
    let mut waiter = Hand::new(semaphore.acquire());
    waiter.pending();
    let count = waiter.count.clone();
    assert_eq!(semaphore.stats().waiting, 1);
    drop(waiter);
    assert_eq!(semaphore.stats().waiting, 0);
    assert_eq!(count.wakers(), 0);
    semaphore.add_permits(1);
    assert_eq!(semaphore.available_permits(), 1);
}

// SEM-13
#[test]
fn a_release_without_waiters_raises_the_count() {
    let semaphore = Semaphore::new(2);
    let permit = semaphore.try_acquire_many(2).unwrap();
    assert_eq!(semaphore.available_permits(), 0);
    drop(permit);
    assert_eq!(semaphore.available_permits(), 2);
}

// SEM-14, SEM-15
#[test]
fn only_adding_permits_raises_the_count_above_its_start() {
    let semaphore = Semaphore::new(1);
    drop(semaphore.try_acquire().unwrap());
    assert_eq!(semaphore.available_permits(), 1);
    semaphore.add_permits(1);
    assert_eq!(semaphore.available_permits(), 2);
}

// SEM-15
#[test]
fn a_bounded_semaphore_refuses_more_permits_than_it_began_with() {
    let semaphore = Semaphore::bounded(2);
    assert_eq!(semaphore.try_add_permits(1), Err(TooMany { max: 2 }));
    let held = semaphore.try_acquire().unwrap();
    assert_eq!(semaphore.try_add_permits(1), Err(TooMany { max: 2 }), "it will come back");
    held.forget();
    assert_eq!(semaphore.try_add_permits(2), Err(TooMany { max: 2 }));
    assert_eq!(semaphore.try_add_permits(1), Ok(()));
    assert_eq!(semaphore.forget_permits(9), 2);
    let mut waiter = Hand::new(semaphore.acquire());
    waiter.pending();
    semaphore.add_permits(2);
    assert_eq!((waiter.wakes(), semaphore.available_permits()), (1, 1));
    let panics = catch_unwind(AssertUnwindSafe(|| semaphore.add_permits(1))).unwrap_err();
    let text = panics.downcast::<String>().unwrap();
    assert!(text.contains("at most 2 permits: use try_add_permits()"), "{text}");
}

// SEM-25
#[test]
fn permits_in_use_count_towards_the_maximum() {
    let semaphore = Semaphore::new(Semaphore::MAX_PERMITS);
    let all = semaphore.try_acquire_many(Semaphore::MAX_PERMITS).unwrap();
    assert!(semaphore.try_add_permits(1).is_err());
    drop(all);
    assert_eq!(semaphore.available_permits(), Semaphore::MAX_PERMITS);
}

// SEM-17
#[test]
fn a_permit_comes_back_however_its_holder_ends() {
    let semaphore = Semaphore::new(1);
    let fails = || -> Result<(), Closed> {
        let _permit = semaphore.try_acquire().unwrap();
        Err(Closed(()))?;
        Ok(())
    };
    assert!(fails().is_err());
    assert_eq!(semaphore.available_permits(), 1, "after an error");

    let panics = catch_unwind(AssertUnwindSafe(|| {
        let _permit = semaphore.try_acquire().unwrap();
        panic!("on purpose");
    }));
    assert!(panics.is_err());
    assert_eq!(semaphore.available_permits(), 1, "after a panic");

    let mut task = Hand::new(async {
        let _permit = semaphore.acquire().await;
        std::future::pending::<()>().await;
    });
    task.pending();
    assert_eq!(semaphore.available_permits(), 0);
    drop(task);
    assert_eq!(semaphore.available_permits(), 1, "after cancellation");
}

// SEM-22
#[test]
fn closing_refuses_all_who_wait_or_come_and_still_counts_what_comes_back() {
    let semaphore = Semaphore::new(1);
    let held = semaphore.try_acquire().unwrap();
    let mut waiters = [Hand::new(semaphore.acquire()), Hand::new(semaphore.acquire_many(3))];
    waiters.iter_mut().for_each(Hand::pending);
    semaphore.close();
    assert!(semaphore.is_closed());
    for waiter in &mut waiters {
        assert_eq!(waiter.wakes(), 1);
        assert_eq!(waiter.ready().unwrap_err(), Closed(()));
    }
    assert_eq!(Hand::new(semaphore.acquire()).ready().unwrap_err(), Closed(()));
    assert_eq!(semaphore.try_acquire().unwrap_err(), TryAcquireError::Closed);
    drop(held);
    assert_eq!(semaphore.available_permits(), 1);
    assert_eq!(semaphore.try_acquire().unwrap_err(), TryAcquireError::Closed);
    semaphore.close();
}

// SEM-22
#[test]
fn a_waiter_that_was_served_before_the_close_keeps_its_permit() {
    let semaphore = Semaphore::new(0);
    let mut waiter = Hand::new(semaphore.acquire());
    waiter.pending();
    semaphore.add_permits(1);
    semaphore.close();
    drop(waiter.ready().unwrap());
    assert_eq!(semaphore.available_permits(), 1);
}

// SEM-23
#[test]
fn forgetting_shrinks_the_semaphore_and_says_by_how_much() {
    let semaphore = Semaphore::new(5);
    semaphore.try_acquire_many(2).unwrap().forget();
    assert_eq!(semaphore.available_permits(), 3);
    assert_eq!(semaphore.forget_permits(1), 1);
    assert_eq!(semaphore.forget_permits(9), 2);
    assert_eq!(semaphore.forget_permits(9), 0);
    assert_eq!(semaphore.available_permits(), 0);
}

// SEM-24
#[test]
fn permits_merge_and_split() {
    let semaphore = Arc::new(Semaphore::new(5));
    let mut permit = semaphore.try_acquire_many(3).unwrap();
    let part = permit.split(1).unwrap();
    assert_eq!((permit.count(), part.count()), (2, 1));
    assert!(permit.split(3).is_none());
    drop(part);
    assert_eq!(semaphore.available_permits(), 3);
    permit.merge(semaphore.try_acquire_many(3).unwrap());
    drop(permit);
    assert_eq!(semaphore.available_permits(), 5);

    let mut owned = semaphore.clone().try_acquire_many_owned(2).unwrap();
    let part = owned.split(1).unwrap();
    owned.merge(part);
    assert!(Arc::ptr_eq(owned.semaphore(), &semaphore));
    drop(owned);
    assert_eq!(semaphore.available_permits(), 5);
}

// SEM-24
#[test]
fn merging_permits_of_two_semaphores_panics_and_loses_none() {
    let (one, other) = (Semaphore::new(1), Semaphore::new(1));
    let merged = catch_unwind(AssertUnwindSafe(|| {
        let mut permit = one.try_acquire().unwrap();
        permit.merge(other.try_acquire().unwrap());
    }));
    assert!(merged.is_err());
    assert_eq!((one.available_permits(), other.available_permits()), (1, 1));
}

// SEM-25
#[test]
fn adding_past_the_maximum_panics_and_changes_nothing() {
    let semaphore = Semaphore::new(Semaphore::MAX_PERMITS);
    assert!(catch_unwind(AssertUnwindSafe(|| semaphore.add_permits(1))).is_err());
    assert!(catch_unwind(AssertUnwindSafe(|| semaphore.add_permits(usize::MAX))).is_err());
    assert_eq!(semaphore.available_permits(), Semaphore::MAX_PERMITS);
}

// SEM-33
#[test]
fn an_owned_permit_and_an_owned_wait_keep_the_semaphore_alive() {
    let semaphore = Arc::new(Semaphore::new(1));
    let weak = Arc::downgrade(&semaphore);
    let permit = semaphore.clone().try_acquire_owned().unwrap();
    let mut waiter = Hand::new(semaphore.acquire_owned());
    waiter.pending();
    drop(permit);
    let permit = waiter.ready().unwrap();
    drop(waiter);
    assert_eq!(weak.upgrade().unwrap().available_permits(), 0);
    drop(permit);
    assert!(weak.upgrade().is_none());
}

// SEM-34
#[test]
#[should_panic(expected = "inside a task, use acquire().await")]
fn a_blocking_acquire_inside_a_task_panics_and_names_the_cure() {
    let _inside = waiting::enter(1);
    let _ = Semaphore::new(1).acquire_blocking();
}

// SEM-35, INT-19
#[test]
fn who_waits_and_who_was_served_is_counted() {
    let semaphore = Semaphore::new(0);
    let mut waiters = [Hand::new(semaphore.acquire()), Hand::new(semaphore.acquire_many(2))];
    waiters.iter_mut().for_each(Hand::pending);
    semaphore.add_permits(2);
    let stats = semaphore.stats();
    assert_eq!((stats.available, stats.waiting, stats.granted), (1, 1, 1));
    assert!(format!("{semaphore:?}").contains("waiting: 1"));
}
