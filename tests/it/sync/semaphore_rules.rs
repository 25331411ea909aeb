//! The semaphore: large requests, many jobs, and two futures of one task.

use std::cell::Cell;
use std::future::poll_fn;
use std::task::Poll;

use windlass_sync::error::TryAcquireError;
use windlass_sync::semaphore::Semaphore;
use windlass_sync::waiting;

use crate::kit::Hand;

/// A clock that stands still until the test moves it; a job sleeps one tick.
async fn one_tick(now: &Cell<u32>) {
    let until = now.get() + 1;
    poll_fn(|_| if now.get() < until { Poll::Pending } else { Poll::Ready(()) }).await;
}

// SEM-18
#[test]
fn thirty_five_jobs_under_ten_permits_take_four_rounds_ten_at_a_time() {
    let (semaphore, now) = (Semaphore::new(10), Cell::new(0));
    let (running, peak) = (Cell::new(0), Cell::new(0));
    let job = async |number: usize| {
        let _permit = semaphore.acquire().await.unwrap();
        running.set(running.get() + 1);
        peak.set(peak.get().max(running.get()));
        one_tick(&now).await;
        running.set(running.get() - 1);
        number
    };
    let mut jobs: Vec<_> = (0..35).map(|number| Hand::new(job(number))).collect();
    let mut results = [None; 35];
    loop {
        // Twice: the second time for those whom the first one served.
        for _ in 0..2 {
            for (result, job) in results.iter_mut().zip(&mut jobs) {
                if result.is_none()
                    && let Poll::Ready(number) = job.poll()
                {
                    *result = Some(number);
                }
            }
        }
        if !results.contains(&None) {
            break;
        }
        now.set(now.get() + 1);
    }
    assert_eq!(peak.get(), 10);
    assert_eq!(now.get(), 4);
    assert!(results.into_iter().flatten().eq(0..35));
    assert_eq!(semaphore.available_permits(), 10);
}

// SEM-19
#[test]
fn when_jobs_are_dropped_after_a_failure_their_permits_are_back_at_once() {
    let semaphore = Semaphore::new(10);
    let job = async |fails: bool| {
        let _permit = semaphore.acquire().await.unwrap();
        if !fails {
            std::future::pending::<()>().await;
        }
        Err::<(), &str>("failed")
    };
    let mut jobs: Vec<_> = (0..15).map(|number| Hand::new(job(number == 9))).collect();
    let failed = jobs.iter_mut().find_map(|job| match job.poll() {
        Poll::Ready(result) => Some(result),
        Poll::Pending => None,
    });
    assert_eq!(failed, Some(Err("failed")));
    assert_eq!(semaphore.available_permits(), 1);
    drop(jobs);
    assert_eq!(semaphore.available_permits(), 10);
}

// SEM-21
#[test]
fn a_large_request_at_the_front_holds_smaller_ones_up() {
    let semaphore = Semaphore::new(2);
    let mut large = Hand::new(semaphore.acquire_many(3));
    large.pending();
    let mut small = Hand::new(semaphore.acquire());
    small.pending();
    assert_eq!(semaphore.available_permits(), 2);
    assert_eq!(semaphore.try_acquire().unwrap_err(), TryAcquireError::NoPermits);
    semaphore.add_permits(1);
    assert_eq!((large.wakes(), small.wakes()), (1, 0));
    drop(large.ready().unwrap());
    assert!(small.ready().is_ok());
}

// SEM-21
#[test]
fn who_waits_behind_a_large_request_goes_on_when_that_is_dropped() {
    let semaphore = Semaphore::new(2);
    let mut large = Hand::new(semaphore.acquire_many(3));
    large.pending();
    let mut small = [Hand::new(semaphore.acquire()), Hand::new(semaphore.acquire())];
    small.iter_mut().for_each(Hand::pending);
    drop(large);
    let _permits = small.each_mut().map(|small| small.ready().unwrap());
    assert_eq!(semaphore.stats().waiting, 0);
    assert_eq!(semaphore.available_permits(), 0);
}

#[test]
fn what_was_kept_for_a_large_request_goes_to_the_next_when_others_came_back_for_it() {
    let semaphore = Semaphore::new(3);
    let two = semaphore.try_acquire_many(2).unwrap();
    let mut large = Hand::new(semaphore.acquire_many(2));
    large.pending(); // one is free, and kept for it
    let mut small = Hand::new(semaphore.acquire());
    small.pending();
    drop(two); // just as many as the large one wants: with the free one there is one left
    assert_eq!((large.wakes(), small.wakes()), (1, 1));
    let _all = (large.ready().unwrap(), small.ready().unwrap());
}

#[test]
fn what_was_free_beside_a_large_request_is_free_to_all_once_that_is_served() {
    let semaphore = Semaphore::new(3);
    let both = semaphore.try_acquire_many(2).unwrap();
    let mut large = Hand::new(semaphore.acquire_many(2));
    large.pending();
    assert!(semaphore.try_acquire().is_err());
    drop(both);
    assert_eq!(large.wakes(), 1);
    assert!(semaphore.try_acquire().is_ok());
}

#[test]
fn the_last_waiter_that_leaves_opens_the_short_way_again() {
    let semaphore = Semaphore::new(1);
    let mut large = Hand::new(semaphore.acquire_many(2));
    large.pending();
    assert!(semaphore.try_acquire().is_err());
    drop(large);
    assert!(semaphore.try_acquire().is_ok());
}

/// A semaphore with one permit, which was handed to a future of task 1 that is not polled.
fn handed_to_task_1(semaphore: &Semaphore) -> Hand<impl Future + '_> {
    let _inside = waiting::enter(1);
    let mut aside = Hand::new(semaphore.acquire());
    aside.pending();
    semaphore.add_permits(1);
    assert_eq!(aside.wakes(), 1);
    aside
}

#[test]
fn a_task_may_take_what_was_handed_to_another_of_its_futures() {
    let semaphore = Semaphore::new(0);
    let mut aside = handed_to_task_1(&semaphore);
    let _inside = waiting::enter(1);
    let permit = Hand::new(semaphore.acquire()).ready().unwrap();
    aside.pending();
    drop(permit);
    assert!(aside.poll().is_ready());
    drop(aside);
    assert_eq!(semaphore.available_permits(), 1);
}

#[test]
fn a_try_of_the_same_task_may_take_it_too_and_that_of_another_may_not() {
    let semaphore = Semaphore::new(0);
    let mut aside = handed_to_task_1(&semaphore);
    for stranger in [0, 2] {
        let _inside = waiting::enter(stranger);
        assert!(semaphore.try_acquire().is_err());
    }
    let _inside = waiting::enter(1);
    drop(semaphore.try_acquire().unwrap());
    assert!(aside.poll().is_ready(), "served again, without being polled in between");
}

#[test]
fn the_waiter_that_lost_its_permit_to_its_own_task_is_first_in_line_again() {
    let semaphore = Semaphore::new(0);
    let mut aside = handed_to_task_1(&semaphore);
    let mut rival = Hand::new(semaphore.acquire());
    rival.pending();
    let permit = {
        let _inside = waiting::enter(1);
        semaphore.try_acquire().unwrap()
    };
    drop(permit);
    assert_eq!(rival.wakes(), 0);
    assert!(aside.poll().is_ready());
    drop(aside);
    assert!(rival.poll().is_ready());
}

#[test]
fn a_waiter_in_line_takes_what_was_handed_to_its_own_task_when_it_is_polled() {
    let semaphore = Semaphore::new(0);
    let _inside = waiting::enter(1);
    let (mut aside, mut awaited) = (Hand::new(semaphore.acquire()), Hand::new(semaphore.acquire()));
    aside.pending();
    awaited.pending();
    semaphore.add_permits(1);
    assert_eq!((aside.wakes(), awaited.wakes()), (1, 0));
    let permit = awaited.ready().unwrap();
    drop(permit);
    drop(aside.ready().unwrap());
    assert_eq!((semaphore.available_permits(), semaphore.stats().waiting), (1, 0));
}

#[test]
fn a_larger_request_of_the_same_task_may_take_several_and_the_free_ones() {
    let semaphore = Semaphore::new(0);
    let _inside = waiting::enter(1);
    let mut aside = [Hand::new(semaphore.acquire()), Hand::new(semaphore.acquire())];
    aside.iter_mut().for_each(Hand::pending);
    semaphore.add_permits(3);
    assert_eq!(semaphore.available_permits(), 1);
    assert!(semaphore.try_acquire_many(4).is_err());
    let three = semaphore.try_acquire_many(3).unwrap();
    assert_eq!(semaphore.stats().waiting, 2);
    drop(three);
    let both = aside.each_mut().map(|aside| aside.ready().unwrap());
    drop(both);
    assert_eq!(semaphore.available_permits(), 3);
}

#[test]
fn what_a_smaller_request_of_the_same_task_leaves_over_goes_to_the_line() {
    let semaphore = Semaphore::new(0);
    let _inside = waiting::enter(1);
    let mut aside = Hand::new(semaphore.acquire_many(2));
    aside.pending();
    semaphore.add_permits(2);
    let one = semaphore.try_acquire().unwrap();
    assert_eq!(semaphore.available_permits(), 1);
    aside.pending();
    drop(one);
    assert_eq!(aside.ready().unwrap().count(), 2);
}

// SEM-31: one task with two permits is no error here; two futures of it with one permit is no
// deadlock either, see above.
