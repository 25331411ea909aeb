//! Every primitive, with wakers that misbehave. No lock may be held while they run.

use std::cell::{Cell, RefCell};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::task::{Context, Wake, Waker};

use windlass_sync::oneshot;

use super::subjects::subjects;
use crate::kit::Hand;

thread_local! {
    /// What the wakers below call back into; a waker must be `Send`, the subjects are not.
    static CALL_BACK: RefCell<Option<Box<dyn Fn()>>> = const { RefCell::new(None) };
    static CALLS: Cell<usize> = const { Cell::new(0) };
}

fn call_back() {
    CALL_BACK.with_borrow(|call_back| call_back.as_ref().expect("the test has set it")());
    CALLS.set(CALLS.get() + 1);
}

fn calls() -> usize {
    CALLS.take()
}

/// Calls back when woken.
struct Reentrant;

impl Wake for Reentrant {
    fn wake(self: Arc<Self>) {
        call_back();
    }
}

/// Calls back when the last clone is dropped.
struct CallsWhenDropped;

impl Wake for CallsWhenDropped {
    fn wake(self: Arc<Self>) {}
}

impl Drop for CallsWhenDropped {
    fn drop(&mut self) {
        call_back();
    }
}

/// Panics when woken.
struct Panics;

impl Wake for Panics {
    fn wake(self: Arc<Self>) {
        panic!("a waker that panics, on purpose");
    }
}

/// Panics when the last clone is dropped.
struct PanicsWhenDropped;

impl Wake for PanicsWhenDropped {
    fn wake(self: Arc<Self>) {}
}

impl Drop for PanicsWhenDropped {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            panic!("a waker whose drop panics, on purpose");
        }
    }
}

fn poll_with<F: Future>(hand: &mut Hand<F>, waker: impl Wake + Send + Sync + 'static) -> bool {
    let waker = Waker::from(Arc::new(waker));
    hand.future.as_mut().poll(&mut Context::from_waker(&waker)).is_ready()
}

#[test]
fn a_waker_may_call_back_into_what_wakes_it() {
    for subject in subjects() {
        CALL_BACK.set(Some(subject.poke));
        let mut waiter = Hand::new((subject.wait)());
        assert!(!poll_with(&mut waiter, Reentrant));
        (subject.serve)();
        assert_eq!(calls(), 1, "{}", subject.name);
        waiter.ready();
    }
}

#[test]
fn a_waker_may_call_back_when_a_dropped_waiter_passes_its_grant_on_to_it() {
    for subject in subjects().into_iter().filter(|subject| subject.one_at_a_time) {
        CALL_BACK.set(Some(subject.poke));
        let mut first = Hand::new((subject.wait)());
        first.pending();
        let mut second = Hand::new((subject.wait)());
        assert!(!poll_with(&mut second, Reentrant));
        (subject.serve)();
        assert_eq!(calls(), 0);
        drop(first);
        assert_eq!(calls(), 1, "{}", subject.name);
        second.ready();
    }
}

#[test]
fn a_waker_that_is_replaced_or_dropped_may_call_back() {
    for subject in subjects() {
        CALL_BACK.set(Some(subject.poke));
        let mut waiter = Hand::new((subject.wait)());
        assert!(!poll_with(&mut waiter, CallsWhenDropped));
        assert_eq!(calls(), 0);
        waiter.pending(); // with another waker
        assert_eq!(calls(), 1, "{}", subject.name);
        assert!(!poll_with(&mut waiter, CallsWhenDropped));
        drop(waiter);
        assert_eq!(calls(), 1, "{}", subject.name);
    }
}

// DBG-23
#[test]
fn a_waker_that_panics_reaches_neither_the_caller_nor_the_next_waiter() {
    for subject in subjects() {
        let mut first = Hand::new((subject.wait)());
        assert!(!poll_with(&mut first, Panics));
        let mut second = Hand::new((subject.wait)());
        second.pending();
        (subject.serve)();
        first.ready();
        second.ready();
        assert_eq!(second.wakes(), 1, "{}", subject.name);
    }
}

#[test]
fn a_waker_whose_drop_panics_holds_nobody_up() {
    for subject in subjects() {
        let mut first = Hand::new((subject.wait)());
        assert!(!poll_with(&mut first, PanicsWhenDropped));
        let mut second = Hand::new((subject.wait)());
        second.pending();
        assert!(catch_unwind(AssertUnwindSafe(|| drop(first))).is_err());
        assert_eq!((subject.waiting)(), 1, "{}", subject.name);
        (subject.serve)();
        second.ready();
    }
}

#[test]
fn the_wakers_of_a_oneshot_may_call_back_or_panic() {
    let (sender, receiver) = oneshot::channel::<Vec<u8>>();
    let mut receiver = Hand::new(receiver);
    assert!(!poll_with(&mut receiver, Panics));
    sender.send(vec![1]).unwrap();
    assert_eq!(receiver.ready(), Ok(vec![1]));

    let (mut sender, receiver) = oneshot::channel::<Vec<u8>>();
    let receiver = std::rc::Rc::new(RefCell::new(Some(receiver)));
    let gone = receiver.clone();
    CALL_BACK.set(Some(Box::new(move || assert!(gone.borrow().is_none()))));
    let mut closed = Hand::new(sender.closed());
    assert!(!poll_with(&mut closed, Reentrant));
    let taken = receiver.take();
    drop(taken);
    assert_eq!(calls(), 1);
    closed.ready();
}

/// A value that uses the channel it was in when it is dropped.
struct UsesItsChannel(Option<oneshot::Sender<u32>>);

impl Drop for UsesItsChannel {
    fn drop(&mut self) {
        let _ = self.0.take().map(|sender| sender.send(1));
    }
}

#[test]
fn a_value_that_is_dropped_in_a_channel_may_use_channels() {
    let (inner, mut answers) = oneshot::channel();
    let (sender, receiver) = oneshot::channel();
    assert!(sender.send(UsesItsChannel(Some(inner))).is_ok());
    drop(receiver);
    assert_eq!(answers.try_recv(), Ok(1));
}
