//! The limiter.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};

use windlass_sync::budget;
use windlass_sync::limiter::{Limiter, Stats, Token};
use windlass_sync::waiting::{self, Reason};

use crate::kit::Hand;

/// Waiters in line.
fn line<const N: usize>(limiter: &Limiter) -> [Hand<impl Future + '_>; N] {
    let mut waiters = [(); N].map(|()| Hand::new(async { drop(limiter.acquire().await) }));
    waiters.iter_mut().for_each(Hand::pending);
    waiters
}

/// All tokens that are free.
fn all_of(limiter: &Limiter) -> Vec<Token<&Limiter>> {
    std::iter::from_fn(|| limiter.try_acquire()).collect()
}

#[test]
fn as_many_get_a_token_as_the_limit_says_and_the_rest_wait_in_line() {
    let limiter = Limiter::new(2);
    let tokens = [(); 2].map(|()| Hand::new(limiter.acquire()).ready());
    let mut waiters = line::<2>(&limiter);
    assert!(limiter.try_acquire().is_none());
    drop(tokens);
    assert_eq!(waiters.each_ref().map(Hand::wakes), [1, 1]);
    assert!(limiter.try_acquire().is_none(), "nobody takes what was handed over");
    waiters.iter_mut().for_each(|waiter| drop(waiter.ready()));
    assert!(limiter.try_acquire().is_some());
}

#[test]
fn raising_the_limit_serves_those_in_line_in_their_order() {
    let limiter = Limiter::new(0);
    let waiters = line::<4>(&limiter);
    limiter.set_limit(1);
    assert_eq!(waiters.each_ref().map(Hand::wakes), [1, 0, 0, 0]);
    limiter.set_limit(3);
    assert_eq!(waiters.each_ref().map(Hand::wakes), [1, 1, 1, 0]);
    assert!(limiter.try_acquire().is_none(), "no newcomer overtakes");
}

#[test]
fn lowering_the_limit_takes_no_token_away_and_hands_the_surplus_out_no_more() {
    let limiter = Limiter::new(4);
    let mut tokens = all_of(&limiter);
    let mut waiters = line::<2>(&limiter);
    limiter.set_limit(2);
    assert_eq!((limiter.stats().in_use, limiter.stats().limit), (4, 2));
    for left in [3, 2] {
        tokens.pop();
        assert_eq!(limiter.stats().in_use, left);
        assert_eq!(waiters.each_ref().map(Hand::wakes), [0, 0]);
        assert!(limiter.try_acquire().is_none());
    }
    tokens.pop();
    assert_eq!(waiters.each_ref().map(Hand::wakes), [1, 0]);
    waiters[0].ready();
    assert_eq!(waiters[1].wakes(), 1);
}

#[test]
fn free_tokens_go_first_when_the_limit_is_lowered() {
    let limiter = Limiter::new(3);
    let token = limiter.try_acquire();
    limiter.set_limit(1);
    assert!(limiter.try_acquire().is_none());
    drop(token);
    assert!(limiter.try_acquire().is_some());
}

#[test]
fn a_limit_that_was_lowered_can_be_raised_before_the_surplus_is_back() {
    let limiter = Limiter::new(3);
    let mut tokens = all_of(&limiter);
    limiter.set_limit(0);
    limiter.set_limit(2);
    let waiters = line::<1>(&limiter);
    tokens.pop();
    assert_eq!(waiters[0].wakes(), 0, "two are at work");
    tokens.pop();
    assert_eq!(waiters[0].wakes(), 1);
}

#[test]
fn a_limit_of_nothing_lets_nobody_through_and_loses_nobody() {
    let limiter = Limiter::new(1);
    limiter.set_limit(0);
    let mut waiters = line::<1>(&limiter);
    limiter.set_limit(1);
    waiters[0].ready();
}

#[test]
fn a_waiter_that_is_dropped_after_it_was_served_passes_its_token_on() {
    let limiter = Limiter::new(1);
    let token = limiter.try_acquire();
    let [first, mut second] = line::<2>(&limiter);
    drop(token);
    assert_eq!((first.wakes(), second.wakes()), (1, 0));
    drop(first);
    assert_eq!(second.wakes(), 1);
    second.ready();
    assert_eq!(limiter.stats().in_use, 0);
}

#[test]
fn a_token_that_a_dropped_waiter_passes_on_pays_for_a_limit_that_was_lowered() {
    let limiter = Limiter::new(1);
    let token = limiter.try_acquire();
    let [first, second] = line::<2>(&limiter);
    drop(token);
    limiter.set_limit(0);
    drop(first);
    assert_eq!(second.wakes(), 0);
}

// SEM-35
#[test]
fn the_figures_tell_how_full_it_is_and_how_full_it_has_been() {
    let limiter = Limiter::new(2);
    let first = limiter.try_acquire();
    let second = limiter.try_acquire();
    let mut waiters = line::<1>(&limiter);
    let stats = Stats { limit: 2, in_use: 2, waiting: 1, peak: 2, served: 2 };
    assert_eq!(limiter.stats(), stats);
    assert_eq!(format!("{limiter:?}"), "Limiter { limit: 2, in_use: 2, waiting: 1, .. }");
    drop((first, second));
    waiters[0].ready();
    let stats = Stats { limit: 2, in_use: 0, waiting: 0, peak: 2, served: 3 };
    assert_eq!(limiter.stats(), stats);
}

// SEM-31
#[test]
fn who_has_a_token_is_listed_and_who_wants_a_second_one_is_told_so() {
    let limiter = Limiter::new(1);
    let held = {
        let _inside = waiting::enter(7);
        limiter.try_acquire()
    };
    let line = line!() - 2;
    let holders = limiter.holders();
    assert_eq!((holders[0].task, holders[0].at.line()), (7, line));
    {
        let _inside = waiting::enter(8);
        Hand::new(limiter.acquire()).pending();
        assert_eq!(waiting::take().unwrap().reason, Reason::Limiter { in_use: 1, limit: 1 });
    }
    let _inside = waiting::enter(7);
    let here = line!() + 1;
    let mut second = Hand::new(limiter.acquire());
    second.pending();
    let note = waiting::take().unwrap();
    assert_eq!(note.reason, Reason::OwnToken { taken_at: Some(holders[0].at) });
    assert_eq!((note.at.file(), note.at.line()), (file!(), here));
    drop(held);
    drop(second.ready()); // no error: it may have been meant so
    assert!(limiter.holders().is_empty());
}

#[test]
fn an_owned_token_and_an_owned_wait_keep_the_limiter_alive() {
    let limiter = Arc::new(Limiter::new(1));
    let weak = Arc::downgrade(&limiter);
    let token = limiter.clone().try_acquire_owned().unwrap();
    let mut waiter = Hand::new(limiter.acquire_owned());
    waiter.pending();
    drop(token);
    let token = waiter.ready();
    drop(waiter);
    assert_eq!(weak.upgrade().unwrap().stats().in_use, 1);
    drop(token);
    assert!(weak.upgrade().is_none());
}

#[test]
#[should_panic(expected = "at most")]
fn a_limit_beyond_the_maximum_is_refused() {
    Limiter::new(1).set_limit(usize::MAX);
}

// SCH-14
#[test]
fn an_acquire_that_is_always_ready_yields_when_the_budget_is_spent() {
    let limiter = Limiter::new(1);
    let _limit = budget::enter();
    for _ in 0..budget::OPERATIONS {
        drop(Hand::new(limiter.acquire()).ready());
    }
    Hand::new(limiter.acquire()).pending();
    assert_eq!(waiting::take().unwrap().reason, Reason::Yield);
}

#[test]
fn while_the_limit_moves_up_and_down_nobody_is_lost_and_never_are_there_too_many() {
    const HIGHEST: usize = 3;
    let (limiter, inside, most) = (Limiter::new(HIGHEST), AtomicUsize::new(0), AtomicUsize::new(0));
    let work = async || {
        for _ in 0..200 {
            let _token = limiter.acquire().await;
            most.fetch_max(inside.fetch_add(1, SeqCst) + 1, SeqCst);
            windlass::yield_now().await;
            inside.fetch_sub(1, SeqCst);
        }
    };
    std::thread::scope(|threads| {
        for _ in 0..4 {
            let runtime = windlass::runtime::Builder::new().workers(1).build().unwrap();
            threads.spawn(move || runtime.block_on(work()));
        }
        for limit in (0..=HIGHEST).cycle().take(400) {
            limiter.set_limit(limit);
            std::thread::yield_now();
        }
        limiter.set_limit(1);
    });
    assert!(most.into_inner() <= HIGHEST);
    let Stats { in_use, waiting, peak, served, .. } = limiter.stats();
    assert_eq!((in_use, waiting, served), (0, 0, 800));
    assert!(peak <= HIGHEST);
    let _last = limiter.try_acquire().unwrap();
    assert!(limiter.try_acquire().is_none(), "the limit is 1");
}
