//! The barrier.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};

use windlass_sync::barrier::{Barrier, Broken, Passed, Stats};
use windlass_sync::budget;
use windlass_sync::waiting::{self, Reason};

use crate::kit::Hand;

fn passed(index: usize) -> Result<Passed, Broken> {
    Ok(Passed { index, is_leader: false })
}

fn leads(index: usize) -> Result<Passed, Broken> {
    Ok(Passed { index, is_leader: true })
}

// BAR-01
#[test]
#[should_panic(expected = "count the caller as well")]
fn a_barrier_for_nobody_is_refused() {
    Barrier::new(0);
}

// BAR-02, BAR-03
#[test]
fn nobody_passes_until_all_are_there_and_then_all_do_each_with_a_place_of_its_own() {
    let barrier = Barrier::new(3);
    let mut waiters = [(); 2].map(|()| Hand::new(barrier.wait()));
    for _ in 0..2 {
        waiters.iter_mut().for_each(Hand::pending);
    }
    assert_eq!(waiters.each_ref().map(Hand::wakes), [0, 0]);
    assert_eq!(Hand::new(barrier.wait()).ready(), leads(2));
    assert_eq!(waiters.each_ref().map(Hand::wakes), [1, 1]);
    assert_eq!(waiters.each_mut().map(Hand::ready), [passed(0), passed(1)]);
}

// BAR-03
#[test]
fn of_each_round_one_leads_and_the_places_are_all_taken() {
    const PARTIES: usize = 4;
    const ROUNDS: usize = 200;
    let barrier = Barrier::new(PARTIES);
    let (places, leaders) = ([(); PARTIES].map(|()| AtomicUsize::new(0)), AtomicUsize::new(0));
    std::thread::scope(|threads| {
        for _ in 0..PARTIES {
            threads.spawn(|| {
                for _ in 0..ROUNDS {
                    let Passed { index, is_leader } = barrier.wait_blocking().unwrap();
                    places[index].fetch_add(1, SeqCst);
                    leaders.fetch_add(usize::from(is_leader), SeqCst);
                }
            });
        }
    });
    assert_eq!(leaders.into_inner(), ROUNDS);
    assert_eq!(places.map(AtomicUsize::into_inner), [ROUNDS; PARTIES]);
}

// BAR-04
#[test]
fn the_next_round_may_fill_before_those_of_the_last_one_have_run() {
    let barrier = Barrier::new(2);
    let mut first = Hand::new(barrier.wait());
    first.pending();
    assert_eq!(Hand::new(barrier.wait()).ready(), leads(1));
    let mut second = Hand::new(barrier.wait());
    second.pending();
    assert_eq!(Hand::new(barrier.wait()).ready(), leads(1));
    assert_eq!(first.ready(), passed(0));
    assert_eq!(second.ready(), passed(0));
}

// BAR-07
#[test]
fn one_party_never_waits() {
    let barrier = Barrier::new(1);
    for _ in 0..3 {
        assert_eq!(Hand::new(barrier.wait()).ready(), leads(0));
    }
}

// BAR-08
#[test]
fn a_reset_fails_those_who_wait_and_leaves_the_barrier_usable() {
    let barrier = Barrier::new(3);
    let mut waiters = [(); 2].map(|()| Hand::new(barrier.wait()));
    waiters.iter_mut().for_each(Hand::pending);
    barrier.reset();
    assert_eq!(waiters.each_ref().map(Hand::wakes), [1, 1]);
    let mut again = [(); 2].map(|()| Hand::new(barrier.wait()));
    again.iter_mut().for_each(Hand::pending);
    assert_eq!(waiters.each_mut().map(Hand::ready), [Err(Broken::Reset); 2]);
    assert_eq!(Hand::new(barrier.wait()).ready(), leads(2));
    assert_eq!(again.each_mut().map(Hand::ready), [passed(0), passed(1)]);
}

// BAR-09
#[test]
fn a_reset_of_an_idle_barrier_changes_nothing() {
    let barrier = Barrier::new(2);
    barrier.reset();
    assert_eq!(barrier.stats(), Stats { parties: 2, waiting: 0, is_broken: false });
    let mut waiter = Hand::new(barrier.wait());
    waiter.pending();
    assert_eq!(Hand::new(barrier.wait()).ready(), leads(1));
    barrier.reset();
    assert_eq!(waiter.ready(), passed(0), "its round was full before");
}

// BAR-11
#[test]
fn an_abort_fails_those_who_wait_and_those_who_come_until_the_reset() {
    let barrier = Barrier::new(2);
    let mut waiter = Hand::new(barrier.wait());
    waiter.pending();
    barrier.abort();
    assert_eq!(waiter.wakes(), 1);
    assert_eq!(waiter.ready(), Err(Broken::Aborted));
    for _ in 0..2 {
        assert_eq!(Hand::new(barrier.wait()).ready(), Err(Broken::Aborted));
    }
    assert_eq!(Broken::Aborted.to_string(), "the barrier was aborted");
    assert_ne!(Broken::Aborted.to_string(), Broken::Reset.to_string());
}

// BAR-13
#[test]
fn a_reset_mends_a_barrier_that_was_aborted() {
    let barrier = Barrier::new(2);
    let mut waiter = Hand::new(barrier.wait());
    waiter.pending();
    barrier.abort();
    barrier.reset();
    assert!(!barrier.stats().is_broken);
    assert_eq!(waiter.ready(), Err(Broken::Aborted), "that is what ended its wait");
    let mut waiter = Hand::new(barrier.wait());
    waiter.pending();
    assert_eq!(Hand::new(barrier.wait()).ready(), leads(1));
    assert_eq!(waiter.ready(), passed(0));
}

// BAR-14
#[test]
fn only_those_who_wait_for_others_are_counted() {
    let barrier = Barrier::new(2);
    let count = || (barrier.stats().waiting, barrier.stats().is_broken);
    let mut waiter = Hand::new(barrier.wait());
    assert_eq!(count(), (0, false));
    waiter.pending();
    assert_eq!(count(), (1, false));
    Hand::new(barrier.wait()).ready().unwrap();
    assert_eq!(count(), (0, false), "it may pass, and has not run");
    let mut waiter = Hand::new(barrier.wait());
    waiter.pending();
    barrier.abort();
    assert_eq!(count(), (0, true));
    assert_eq!(barrier.parties(), 2);
}

// BAR-15
#[test]
fn the_text_form_names_the_state_who_waits_and_how_many_it_takes() {
    let barrier = Barrier::new(3);
    let mut waiter = Hand::new(barrier.wait());
    waiter.pending();
    assert_eq!(format!("{barrier:?}"), "Barrier { state: filling, waiting: 1, parties: 3 }");
    barrier.abort();
    assert_eq!(format!("{barrier:?}"), "Barrier { state: broken, waiting: 0, parties: 3 }");
}

#[test]
fn a_waiter_that_is_dropped_before_all_were_there_is_not_counted() {
    let barrier = Barrier::new(3);
    let mut waiters = [(); 2].map(|()| Hand::new(barrier.wait()));
    waiters.iter_mut().for_each(Hand::pending);
    let [first, mut second] = waiters;
    let count = first.count.clone();
    drop(first);
    assert_eq!((barrier.stats().waiting, count.wakers()), (1, 0));
    let mut third = Hand::new(barrier.wait());
    third.pending();
    assert_eq!(Hand::new(barrier.wait()).ready(), leads(2));
    assert_eq!((second.ready(), third.ready()), (passed(0), passed(1)));
}

#[test]
fn a_waiter_that_is_dropped_after_all_were_there_changes_nothing() {
    let barrier = Barrier::new(3);
    let mut waiters = [(); 2].map(|()| Hand::new(barrier.wait()));
    waiters.iter_mut().for_each(Hand::pending);
    assert_eq!(Hand::new(barrier.wait()).ready(), leads(2));
    let [first, mut second] = waiters;
    drop(first);
    assert_eq!(second.ready(), passed(1));
    assert_eq!(barrier.stats().waiting, 0);
}

#[test]
fn an_owned_wait_keeps_the_barrier_alive() {
    let barrier = Arc::new(Barrier::new(2));
    let weak = Arc::downgrade(&barrier);
    let mut waiter = Hand::new(barrier.clone().wait_owned());
    waiter.pending();
    Hand::new(barrier.wait_owned()).ready().unwrap();
    assert_eq!(waiter.ready(), passed(0));
    drop(waiter);
    assert!(weak.upgrade().is_none());
}

#[test]
fn a_blocking_wait_inside_a_task_panics_and_names_the_cure() {
    let _inside = waiting::enter(1);
    let text = catch_unwind(AssertUnwindSafe(|| Barrier::new(1).wait_blocking())).unwrap_err();
    let text = text.downcast::<String>().unwrap();
    assert!(text.contains("inside a task, use wait().await"), "{text}");
}

// INT-19
#[test]
fn a_waiter_says_how_many_are_there_and_where_it_waits() {
    let barrier = Barrier::new(3);
    let line = line!() + 1;
    let mut waiters = [(); 2].map(|()| Hand::new(barrier.wait()));
    for (i, waiter) in waiters.iter_mut().enumerate() {
        waiter.pending();
        let note = waiting::take().unwrap();
        assert_eq!(note.reason, Reason::Barrier { arrived: i + 1, parties: 3 });
        assert_eq!((note.at.file(), note.at.line()), (file!(), line));
    }
    waiters[0].pending();
    let note = waiting::take().unwrap();
    assert_eq!(note.reason.to_string(), "barrier (2/3 there)");
}

// SCH-14
#[test]
fn a_wait_that_is_always_ready_yields_when_the_budget_is_spent() {
    let barrier = Barrier::new(1);
    let _limit = budget::enter();
    for _ in 0..budget::OPERATIONS {
        Hand::new(barrier.wait()).ready().unwrap();
    }
    let mut next = Hand::new(barrier.wait());
    next.pending();
    assert_eq!((next.wakes(), barrier.stats().waiting), (1, 0));
}
