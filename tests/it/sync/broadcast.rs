//! The channel in which every receiver gets every value.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};

use windlass_sync::broadcast::{self, RecvError, TryRecvError};
use windlass_sync::error::Closed;
use windlass_sync::waiting;

use crate::kit::Hand;

#[test]
fn every_receiver_gets_every_value_in_order() {
    let (sender, mut first) = broadcast::channel(4);
    let mut second = sender.subscribe();
    (1..=4).for_each(|value| assert_eq!(sender.send(value), Ok(2)));
    for receiver in [&mut first, &mut second] {
        let all: Vec<i32> = std::iter::from_fn(|| receiver.try_recv().ok()).collect();
        assert_eq!(all, [1, 2, 3, 4]);
        assert_eq!(receiver.try_recv(), Err(TryRecvError::Empty));
    }
}

#[test]
fn a_receiver_gets_only_what_is_sent_after_it_came() {
    let (sender, receiver) = broadcast::channel(4);
    sender.send(1).unwrap();
    let (mut late, mut beside) = (sender.subscribe(), receiver.resubscribe());
    sender.send(2).unwrap();
    assert_eq!((late.try_recv(), beside.try_recv()), (Ok(2), Ok(2)));
    assert_eq!((receiver.len(), late.len()), (2, 0));
}

#[test]
fn a_value_wakes_every_receiver_that_waits() {
    let (sender, mut first) = broadcast::channel(1);
    let mut second = sender.subscribe();
    let mut hands = [Hand::new(first.recv()), Hand::new(second.recv())];
    hands.iter_mut().for_each(Hand::pending);
    sender.send(7).unwrap();
    for hand in &mut hands {
        assert_eq!(hand.wakes(), 1);
        assert_eq!(hand.ready(), Ok(7));
    }
}

#[test]
fn a_receiver_that_is_overtaken_is_told_how_many_it_lost_and_goes_on_with_the_oldest() {
    let (sender, mut slow) = broadcast::channel(2);
    (1..=5).for_each(|value| assert_eq!(sender.send(value), Ok(1)));
    assert_eq!(slow.len(), 2);
    assert_eq!(Hand::new(slow.recv()).ready(), Err(RecvError::Lagged(3)));
    sender.send(6).unwrap();
    assert_eq!(slow.try_recv(), Err(TryRecvError::Lagged(1)), "and it is told again");
    assert_eq!(Hand::new(slow.recv()).ready(), Ok(5));
    assert_eq!(Hand::new(slow.recv()).ready(), Ok(6));
}

#[test]
fn a_receiver_that_is_slow_loses_nothing_of_the_others() {
    let (sender, mut quick) = broadcast::channel(1);
    let _slow = sender.subscribe();
    for value in 0..10 {
        sender.send(value).unwrap();
        assert_eq!(quick.try_recv(), Ok(value));
    }
}

// QUE-45
#[test]
fn what_was_sent_is_received_before_the_end() {
    let (sender, mut receiver) = broadcast::channel(2);
    let clone = sender.clone();
    clone.send(1).unwrap();
    drop((sender, clone));
    assert_eq!(Hand::new(receiver.recv()).ready(), Ok(1));
    assert_eq!(Hand::new(receiver.recv()).ready(), Err(RecvError::Closed));
    assert_eq!(receiver.try_recv(), Err(TryRecvError::Closed));
    assert_eq!(receiver.resubscribe().try_recv(), Err(TryRecvError::Closed));
}

#[test]
fn the_last_sender_that_goes_wakes_every_receiver_that_waits() {
    let (sender, mut receiver) = broadcast::channel::<u8>(1);
    let clone = sender.clone();
    let mut wait = Hand::new(receiver.recv());
    wait.pending();
    drop(sender);
    assert_eq!(wait.wakes(), 0);
    drop(clone);
    assert_eq!(wait.wakes(), 1);
    assert_eq!(wait.ready(), Err(RecvError::Closed));
}

// QUE-44
#[test]
fn a_value_for_nobody_comes_back() {
    let (sender, receiver) = broadcast::channel(1);
    drop(receiver);
    assert_eq!(sender.send("mine"), Err(Closed("mine")));
    assert!(sender.is_empty());
    let mut again = sender.subscribe();
    assert_eq!(sender.send("yours"), Ok(1));
    assert_eq!(again.try_recv(), Ok("yours"));
}

#[test]
fn a_sender_can_wait_until_nobody_listens() {
    let (sender, receiver) = broadcast::channel::<u8>(1);
    let mut closed = Hand::new(sender.closed());
    closed.pending();
    drop(receiver);
    assert_eq!(closed.wakes(), 1);
    let _again = sender.subscribe();
    closed.ready();
    Hand::new(sender.closed()).pending();
    assert_eq!(sender.receiver_count(), 1);
}

#[test]
fn a_dropped_recv_has_taken_nothing() {
    let (sender, mut receiver) = broadcast::channel(1);
    let mut wait = Hand::new(receiver.recv());
    wait.pending();
    sender.send(1).unwrap();
    drop(wait);
    assert_eq!(receiver.try_recv(), Ok(1));
}

/// Counts how often it is cloned.
struct Cloned(Arc<AtomicUsize>);

impl Clone for Cloned {
    fn clone(&self) -> Self {
        self.0.fetch_add(1, SeqCst);
        Cloned(self.0.clone())
    }
}

#[test]
fn the_last_receiver_of_a_value_takes_it_without_a_clone() {
    let clones = Arc::new(AtomicUsize::new(0));
    let (sender, mut first) = broadcast::channel(1);
    let mut second = sender.subscribe();
    assert!(sender.send(Cloned(clones.clone())).is_ok());
    drop((first.try_recv(), second.try_recv()));
    assert_eq!(clones.load(SeqCst), 1);
}

// QUE-46
#[test]
fn a_value_is_dropped_once_nobody_is_left_to_receive_it() {
    let value = Arc::new(());
    let (sender, mut quick) = broadcast::channel(2);
    let slow = sender.subscribe();
    sender.send(value.clone()).unwrap();
    sender.send(value.clone()).unwrap();
    assert!(quick.try_recv().is_ok());
    assert_eq!((Arc::strong_count(&value), sender.len()), (3, 2));
    drop(slow);
    assert_eq!((Arc::strong_count(&value), sender.len()), (2, 1));
    assert!(quick.try_recv().is_ok());
    assert_eq!(Arc::strong_count(&value), 1);
    sender.send(value.clone()).unwrap();
    sender.send(value.clone()).unwrap();
    sender.send(value.clone()).unwrap();
    assert_eq!(Arc::strong_count(&value), 3, "one was overtaken");
    drop((sender, quick));
    assert_eq!(Arc::strong_count(&value), 1);
}

/// A value that looks into its channel when it is cloned, and when it is dropped.
struct Nosy(broadcast::Sender<Nosy>);

impl Clone for Nosy {
    fn clone(&self) -> Self {
        let _ = self.0.len();
        Nosy(self.0.clone())
    }
}

impl Drop for Nosy {
    fn drop(&mut self) {
        let _ = self.0.len();
    }
}

#[test]
fn no_lock_is_held_while_a_value_is_cloned_or_dropped() {
    let (sender, mut first) = broadcast::channel(1);
    let mut second = sender.subscribe();
    assert!(sender.send(Nosy(sender.clone())).is_ok());
    assert!(first.try_recv().is_ok(), "cloned");
    assert!(sender.send(Nosy(sender.clone())).is_ok(), "overtaken");
    assert!(second.try_recv().is_err());
    assert!(sender.send(Nosy(sender.clone())).is_ok(), "overtaken");
    drop(first);
    drop(second); // and with it what it had still to receive
    drop(sender.send(Nosy(sender.clone()))); // refused
}

#[test]
#[should_panic(expected = "give it a capacity of at least 1")]
fn a_channel_without_room_is_a_mistake() {
    let _ = broadcast::channel::<u8>(0);
}

#[test]
fn a_plain_thread_can_wait_for_values() {
    let (sender, mut receiver) = broadcast::channel(2);
    let thread = std::thread::spawn(move || {
        let mut sum = 0;
        while let Ok(value) = receiver.recv_blocking() {
            sum += value;
        }
        sum
    });
    sender.send(3).unwrap();
    sender.send(4).unwrap();
    drop(sender);
    assert_eq!(thread.join().unwrap(), 7);
}

#[test]
#[should_panic(expected = "use recv().await")]
fn waiting_for_values_by_blocking_inside_a_task_panics() {
    let (_sender, mut receiver) = broadcast::channel::<u8>(1);
    let _inside = waiting::enter(1);
    let _ = receiver.recv_blocking();
}
