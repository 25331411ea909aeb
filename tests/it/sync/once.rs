//! The once cell.

use std::cell::Cell;
use std::convert::Infallible;
use std::future::{pending, poll_fn};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::task::Poll;

use windlass_sync::once::{OnceCell, Stats};
use windlass_sync::waiting::{self, Reason};

use crate::kit::Hand;

fn figures<T>(cell: &OnceCell<T>) -> (bool, bool, usize) {
    let Stats { is_set, is_being_made, waiting } = cell.stats();
    (is_set, is_being_made, waiting)
}

/// Is ready with a value at the second poll.
async fn slowly<T>(value: T) -> T {
    let mut is_second = false;
    poll_fn(|_| match std::mem::replace(&mut is_second, true) {
        true => Poll::Ready(()),
        false => Poll::Pending,
    })
    .await;
    value
}

#[test]
fn the_first_who_comes_makes_the_value_and_all_get_that_one() {
    let cell = OnceCell::new();
    let (mut first, mut second) =
        (Hand::new(cell.get_or_init(|| slowly(1))), Hand::new(cell.get_or_init(|| slowly(2))));
    assert_eq!((cell.get(), figures(&cell)), (None, (false, false, 0)), "nobody was polled yet");
    first.pending();
    second.pending();
    assert_eq!((cell.get(), figures(&cell)), (None, (false, true, 1)));
    assert_eq!(first.ready(), &1);
    assert_eq!(second.wakes(), 1);
    assert_eq!(second.ready(), &1);
    assert_eq!(Hand::new(cell.get_or_init(pending)).ready(), &1);
    assert_eq!((cell.get(), figures(&cell)), (Some(&1), (true, false, 0)));
}

#[test]
fn a_value_that_is_there_wakes_everybody_at_once() {
    let cell = OnceCell::new();
    let mut makes = Hand::new(cell.get_or_init(|| slowly(1)));
    makes.pending();
    let mut waiters = [(); 3].map(|()| Hand::new(cell.get_or_init(pending)));
    waiters.iter_mut().for_each(Hand::pending);
    makes.ready();
    assert_eq!(waiters.each_ref().map(Hand::wakes), [1; 3]);
    assert_eq!(waiters.each_mut().map(Hand::ready), [&1; 3]);
}

#[test]
fn if_the_one_who_makes_it_is_dropped_the_next_in_line_makes_it() {
    let cell = OnceCell::new();
    let mut gives_up = Hand::new(cell.get_or_init(pending));
    let mut next = Hand::new(cell.get_or_init(|| slowly(2)));
    let mut last = Hand::new(cell.get_or_init(|| slowly(3)));
    gives_up.pending();
    next.pending();
    last.pending();
    drop(gives_up);
    assert_eq!((next.wakes(), last.wakes()), (1, 0));
    assert_eq!(figures(&cell), (false, true, 1));
    next.pending();
    assert_eq!(next.ready(), &2);
    assert_eq!(last.ready(), &2);
}

#[test]
fn one_whose_turn_has_come_and_who_is_dropped_before_it_has_run_passes_it_on() {
    let cell = OnceCell::new();
    let mut makes = Hand::new(cell.get_or_init(pending));
    let mut next = Hand::new(cell.get_or_init(pending));
    let mut last = Hand::new(cell.get_or_init(|| slowly(3)));
    makes.pending();
    next.pending();
    last.pending();
    drop(makes);
    drop(next);
    assert_eq!(last.wakes(), 1);
    last.pending();
    assert_eq!(last.ready(), &3);
}

#[test]
fn a_failure_is_told_to_its_own_caller_and_the_next_in_line_tries() {
    let cell = OnceCell::new();
    let mut fails = Hand::new(cell.get_or_try_init(|| slowly(Err("no"))));
    let mut next = Hand::new(cell.get_or_try_init(|| slowly(Ok::<_, Infallible>(2))));
    fails.pending();
    next.pending();
    assert_eq!(fails.ready(), Err("no"));
    assert_eq!((next.wakes(), cell.get()), (1, None));
    next.pending();
    assert_eq!(next.ready(), Ok(&2));
}

#[test]
fn a_panic_is_the_panickers_own_and_the_next_in_line_goes_on() {
    let cell = OnceCell::new();
    let mut panics = Hand::new(cell.get_or_init(async || {
        slowly(()).await;
        panic!("on purpose");
    }));
    let mut next = Hand::new(cell.get_or_init(|| slowly(2)));
    panics.pending();
    next.pending();
    assert!(catch_unwind(AssertUnwindSafe(|| panics.poll())).is_err());
    assert_eq!(next.wakes(), 1);
    next.pending();
    assert_eq!(next.ready(), &2);
}

#[test]
fn an_initialiser_runs_only_when_it_is_its_turn() {
    let (cell, calls) = (OnceCell::new(), Cell::new(0));
    let make = async || {
        calls.set(calls.get() + 1);
        slowly(7).await
    };
    let mut all = [(); 3].map(|()| Hand::new(cell.get_or_init(make)));
    assert_eq!(calls.get(), 0);
    all.iter_mut().for_each(Hand::pending);
    assert_eq!(all.each_mut().map(Hand::ready), [&7; 3]);
    assert_eq!(calls.get(), 1);
}

#[test]
fn a_value_that_is_set_ends_no_making_and_comes_back() {
    let cell = OnceCell::new();
    let mut makes = Hand::new(cell.get_or_init(|| slowly(1)));
    makes.pending();
    assert_eq!(cell.set(2), Err(2), "one is being made");
    assert_eq!(makes.ready(), &1);
    assert_eq!(cell.set(3), Err(3), "it has one");

    let cell = OnceCell::new();
    assert_eq!(cell.set(4), Ok(()));
    assert_eq!(Hand::new(cell.get_or_init(pending)).ready(), &4);
}

#[test]
fn a_task_may_take_the_turn_of_another_of_its_futures() {
    let cell = OnceCell::new();
    let mut makes = Hand::new(cell.get_or_init(pending));
    makes.pending();
    let _inside = waiting::enter(1);
    let mut aside = Hand::new(cell.get_or_init(pending));
    aside.pending();
    drop(makes);
    assert_eq!(Hand::new(cell.get_or_init(async || 5)).ready(), &5);
    assert_eq!(aside.ready(), &5);
}

#[test]
fn the_cell_may_be_used_by_what_makes_its_value() {
    let cell = OnceCell::new();
    let mut makes = Hand::new(cell.get_or_init(async || {
        assert_eq!((cell.get(), cell.set(1)), (None, Err(1)));
        2
    }));
    assert_eq!(makes.ready(), &2);
}

#[test]
fn the_value_can_be_changed_or_taken_when_nobody_else_has_the_cell() {
    let mut cell = OnceCell::new();
    assert_eq!(cell.get_mut(), None);
    assert_eq!(cell.take(), None);
    cell.set(1).unwrap();
    *cell.get_mut().unwrap() += 1;
    assert_eq!((cell.take(), cell.get()), (Some(2), None));
    cell.set(3).unwrap();
    assert_eq!(cell.into_inner(), Some(3));
}

#[test]
fn the_text_form_shows_the_value_if_there_is_one() {
    let cell = OnceCell::new();
    assert_eq!(format!("{cell:?}"), "OnceCell(<unset>)");
    cell.set("a").unwrap();
    assert_eq!(format!("{cell:?}"), "OnceCell(\"a\")");
}

#[test]
fn who_waits_notes_that_the_value_is_being_made() {
    let cell = OnceCell::new();
    let mut makes = Hand::new(cell.get_or_init(pending::<()>));
    makes.pending();
    let line = line!() + 1;
    let mut waiter = Hand::new(cell.get_or_init(pending));
    waiter.pending();
    let note = waiting::take().unwrap();
    assert_eq!(note.reason, Reason::OnceCell);
    assert_eq!((note.at.file(), note.at.line()), (file!(), line));
}

#[test]
fn a_cell_may_be_static_and_its_futures_may_move_between_threads() {
    static CELL: OnceCell<String> = OnceCell::new();
    fn check<F: Future + Send + 'static>(future: F) -> F {
        future
    }
    let value = Hand::new(check(CELL.get_or_init(async || "once".to_owned()))).ready();
    assert!(std::ptr::eq(value, CELL.get().unwrap()));
}
