//! Every primitive, with a waiter dropped in every state it can be in.

use super::subjects::subjects;
use crate::kit::Hand;

/// How far a waiter has come when it is dropped.
#[derive(Clone, Copy, Debug, PartialEq)]
enum State {
    New,
    Pending,
    Woken,
    Over,
}

#[test]
fn a_waiter_dropped_in_any_state_takes_nothing_along_and_holds_nobody_up() {
    for state in [State::New, State::Pending, State::Woken, State::Over] {
        for subject in subjects() {
            let case = format!("{} dropped when {state:?}", subject.name);
            let mut first = Hand::new((subject.wait)());
            if state != State::New {
                first.pending();
            }
            let mut second = Hand::new((subject.wait)());
            second.pending();
            if matches!(state, State::Woken | State::Over) {
                (subject.serve)();
                assert_eq!(first.wakes(), 1, "{case}");
                assert_eq!(second.wakes(), usize::from(!subject.one_at_a_time), "{case}");
            }
            if state == State::Over {
                first.ready();
            }
            let count = first.count.clone();
            drop(first);
            if matches!(state, State::New | State::Pending) {
                (subject.serve)();
            }
            assert_eq!(second.wakes(), 1, "{case}: the next one is served");
            second.ready();
            assert_eq!((subject.waiting)(), 0, "{case}: the line is empty");
            assert_eq!(count.wakers(), 0, "{case}: its waker is gone");
            assert_eq!(second.count.wakers(), 0, "{case}: and the other's");
        }
    }
}

#[test]
fn waiters_dropped_in_any_order_after_the_first_was_served_leave_an_open_primitive() {
    for order in [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]] {
        for subject in subjects() {
            let mut waiters = [(); 3].map(|()| Some(Hand::new((subject.wait)())));
            waiters.iter_mut().flatten().for_each(Hand::pending);
            (subject.serve)();
            for i in order {
                drop(waiters[i].take());
            }
            assert_eq!((subject.waiting)(), 0, "{}", subject.name);
            if subject.one_at_a_time {
                Hand::new((subject.wait)()).ready();
            }
        }
    }
}
