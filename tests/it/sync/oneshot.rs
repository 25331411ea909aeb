//! The channel for one value.

use std::sync::Arc;

use windlass_sync::error::{Closed, TryRecvError};
use windlass_sync::{oneshot, waiting};

use crate::kit::Hand;

#[test]
fn the_value_wakes_the_receiver_and_arrives() {
    let (sender, receiver) = oneshot::channel();
    let mut receiver = Hand::new(receiver);
    receiver.pending();
    sender.send(1).unwrap();
    assert_eq!(receiver.wakes(), 1);
    assert_eq!(receiver.ready(), Ok(1));
    assert_eq!(receiver.ready(), Err(Closed(())));
}

#[test]
fn a_sender_that_goes_without_sending_is_an_error() {
    let (sender, receiver) = oneshot::channel::<u32>();
    let mut receiver = Hand::new(receiver);
    receiver.pending();
    drop(sender);
    assert_eq!(receiver.wakes(), 1);
    assert_eq!(receiver.ready(), Err(Closed(())));
}

#[test]
fn a_value_that_nobody_can_receive_comes_back() {
    let (sender, receiver) = oneshot::channel();
    assert!(!sender.is_closed());
    drop(receiver);
    assert!(sender.is_closed());
    assert_eq!(sender.send("mine"), Err(Closed("mine")));
}

#[test]
fn a_closed_receiver_still_gets_what_was_sent_before() {
    let (sender, mut receiver) = oneshot::channel();
    sender.send(1).unwrap();
    receiver.close();
    assert_eq!(receiver.try_recv(), Ok(1));

    let (sender, mut receiver) = oneshot::channel();
    receiver.close();
    assert_eq!(sender.send(1), Err(Closed(1)));
    assert_eq!(receiver.try_recv(), Err(TryRecvError::Closed));
}

#[test]
fn trying_tells_not_yet_from_never() {
    let (sender, mut receiver) = oneshot::channel::<u32>();
    assert_eq!(receiver.try_recv(), Err(TryRecvError::Empty));
    assert!(!receiver.is_closed());
    drop(sender);
    assert!(receiver.is_closed());
    assert_eq!(receiver.try_recv(), Err(TryRecvError::Closed));
}

#[test]
fn a_sender_can_wait_for_the_receiver_to_lose_interest() {
    let (mut sender, mut receiver) = oneshot::channel::<u32>();
    let mut closed = Hand::new(sender.closed());
    closed.pending();
    receiver.close();
    assert_eq!(closed.wakes(), 1);
    closed.ready();
}

#[test]
fn a_value_that_was_not_received_is_dropped_with_the_receiver() {
    let value = Arc::new(());
    let (sender, receiver) = oneshot::channel();
    sender.send(value.clone()).unwrap();
    assert_eq!(Arc::strong_count(&value), 2);
    drop(receiver);
    assert_eq!(Arc::strong_count(&value), 1);
}

#[test]
fn no_waker_outlives_the_end_it_belongs_to() {
    let (mut sender, receiver) = oneshot::channel::<u32>();
    let mut receiver = Hand::new(receiver);
    receiver.pending();
    let mut closed = Hand::new(sender.closed());
    closed.pending();
    let (receives, closes) = (receiver.count.clone(), closed.count.clone());
    drop(closed);
    assert_eq!(closes.wakers(), 0);
    drop(receiver);
    assert_eq!(receives.wakers(), 0);
}

#[test]
fn a_receiver_that_moves_to_another_task_wakes_only_that_one() {
    let (sender, mut receiver) = oneshot::channel();
    let mut first = Hand::new(std::future::poll_fn(|cx| {
        std::pin::Pin::new(&mut receiver).poll(cx).map(|_| ())
    }));
    first.pending();
    let count = first.count.clone();
    drop(first);
    let mut second = Hand::new(receiver);
    second.pending();
    sender.send(1).unwrap();
    assert_eq!((count.wakes(), count.wakers()), (0, 0));
    assert_eq!(second.wakes(), 1);
}

#[test]
fn a_plain_thread_can_wait_for_the_value() {
    let (sender, receiver) = oneshot::channel();
    let waits = std::thread::spawn(|| receiver.recv_blocking());
    sender.send(5).unwrap();
    assert_eq!(waits.join().unwrap(), Ok(5));
}

#[test]
#[should_panic(expected = "use receiver.await")]
fn waiting_for_it_by_blocking_inside_a_task_panics() {
    let (_sender, receiver) = oneshot::channel::<u32>();
    let _inside = waiting::enter(1);
    let _ = receiver.recv_blocking();
}
