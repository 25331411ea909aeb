//! The end of a queue: graceful, at once, and in whatever state its waiters are.

use windlass_sync::error::{AllDone, Closed, TryGetError, TryPutError};
use windlass_sync::queue::Queue;

use crate::kit::Hand;

// QSD-01
#[test]
fn a_shutdown_of_an_empty_queue_ends_a_waiting_get() {
    let queue = Queue::<u32>::bounded(1);
    let mut get = Hand::new(queue.get());
    get.pending();
    queue.shutdown();
    assert_eq!(get.wakes(), 1);
    assert_eq!(get.ready(), Err(Closed(())));
}

// QSD-02
#[test]
fn after_a_shutdown_every_form_of_put_fails_and_gives_the_item_back() {
    let queue = Queue::bounded(9);
    let slot = queue.try_reserve().unwrap();
    queue.shutdown();
    assert!(queue.is_shut_down());
    assert_eq!(queue.try_put(1), Err(TryPutError::ShutDown(1)));
    assert_eq!(Hand::new(queue.put(2)).ready(), Err(Closed(2)));
    assert_eq!(queue.put_blocking(3), Err(Closed(3)));
    assert_eq!(slot.put(4), Err(Closed(4)));
    assert_eq!(queue.try_reserve().map(drop), Err(TryPutError::ShutDown(())));
    assert_eq!(Hand::new(queue.reserve()).ready().map(drop), Err(Closed(())));
    let stats = queue.stats();
    assert_eq!((stats.len, stats.used, stats.unfinished), (0, 0, 0));
}

// QSD-03, QSD-06
#[test]
fn what_is_in_the_queue_can_be_taken_after_a_shutdown_and_then_gets_say_so() {
    let queue = Queue::bounded(2);
    queue.try_put(1).unwrap();
    queue.try_put(2).unwrap();
    queue.shutdown();
    assert_eq!(Hand::new(queue.get()).ready(), Ok(1));
    assert_eq!(queue.try_get(), Ok(2));
    assert_eq!(Hand::new(queue.get()).ready(), Err(Closed(())));
    assert_eq!(queue.try_get(), Err(TryGetError::ShutDown));
    assert_eq!(queue.get_blocking(), Err(Closed(())));
}

// QSD-04
#[test]
fn a_shutdown_ends_waiting_puts_and_does_not_take_their_items() {
    let queue = Queue::bounded(1);
    queue.try_put(1).unwrap();
    let mut puts = [2, 3].map(|item| Hand::new(queue.put(item)));
    puts.iter_mut().for_each(Hand::pending);
    assert_eq!(queue.try_get(), Ok(1)); // the first one is woken, and does not run in time
    queue.shutdown();
    assert_eq!(puts.each_ref().map(Hand::wakes), [1, 1]);
    for (item, put) in [2, 3].into_iter().zip(&mut puts) {
        assert_eq!(put.ready(), Err(Closed(item)));
    }
    assert_eq!(queue.try_get(), Err(TryGetError::ShutDown));
    assert_eq!(queue.stats().used, 0);
}

// QSD-05
#[test]
fn a_join_waits_on_after_a_shutdown_until_all_is_taken_and_done() {
    let queue = Queue::bounded(1);
    queue.try_put(1).unwrap();
    let mut join = Hand::new(queue.join());
    join.pending();
    queue.shutdown();
    join.pending();
    let job = queue.try_get_job().unwrap();
    join.pending();
    job.done();
    join.ready();
}

#[test]
fn a_getter_for_whom_an_item_is_kept_gets_it_after_a_shutdown() {
    let queue = Queue::bounded(1);
    let mut get = Hand::new(queue.get());
    get.pending();
    queue.try_put(1).unwrap();
    queue.shutdown();
    assert_eq!(queue.try_get(), Err(TryGetError::Empty), "it is not over yet");
    assert_eq!(get.ready(), Ok(1));
    assert_eq!(queue.try_get(), Err(TryGetError::ShutDown));
}

#[test]
fn a_getter_in_line_waits_on_after_a_shutdown_while_an_item_is_kept_for_another() {
    for first_is_dropped in [true, false] {
        let queue = Queue::bounded(1);
        let mut first = Hand::new(queue.get());
        first.pending();
        let mut second = Hand::new(queue.get());
        second.pending();
        queue.try_put(1).unwrap();
        queue.shutdown();
        assert_eq!(second.wakes(), 0);
        let expected = if first_is_dropped {
            drop(first);
            Ok(1)
        } else {
            assert_eq!(first.ready(), Ok(1));
            Err(Closed(()))
        };
        assert_eq!(second.wakes(), 1);
        assert_eq!(second.ready(), expected);
    }
}

// QSD-07
#[test]
fn an_immediate_shutdown_empties_the_queue_and_may_end_a_join() {
    let queue = Queue::bounded(3);
    (1..=3).for_each(|n| queue.try_put(n).unwrap());
    let mut join = Hand::new(queue.join());
    join.pending();
    let job = queue.try_get_job().unwrap();
    assert_eq!(queue.shutdown_now(), [2, 3]);
    assert_eq!((queue.len(), queue.stats().unfinished), (0, 1));
    join.pending();
    job.done();
    join.ready();
}

#[test]
fn an_immediate_shutdown_takes_back_what_was_kept_for_getters() {
    let queue = Queue::bounded(2);
    let mut getters = [(); 3].map(|()| Hand::new(queue.get()));
    getters.iter_mut().for_each(Hand::pending);
    (1..=2).for_each(|n| queue.try_put(n).unwrap());
    assert_eq!(queue.shutdown_now(), [1, 2]);
    let [first, second, third] = getters;
    assert_eq!((first.wakes(), second.wakes(), third.wakes()), (1, 1, 1));
    drop(first);
    for mut get in [second, third] {
        assert_eq!(get.ready(), Err(Closed(())));
    }
}

// QSD-09
#[test]
fn marking_an_item_that_an_immediate_shutdown_took_out_is_an_error() {
    let queue = Queue::bounded(2);
    (1..=2).for_each(|n| queue.try_put(n).unwrap());
    queue.try_get().unwrap();
    assert_eq!(queue.shutdown_now(), [2]);
    assert_eq!(queue.task_done(), Ok(()));
    assert_eq!(queue.task_done(), Err(AllDone));
}

// QSD-10
#[test]
fn a_shutdown_may_be_repeated_and_made_immediate_later() {
    let queue = Queue::bounded(2);
    (1..=2).for_each(|n| queue.try_put(n).unwrap());
    queue.shutdown();
    queue.shutdown();
    assert_eq!(queue.try_get(), Ok(1));
    assert_eq!(queue.shutdown_now(), [2]);
    assert_eq!(queue.shutdown_now(), []);
    queue.shutdown();
    assert_eq!(queue.try_get(), Err(TryGetError::ShutDown));
}

#[test]
fn a_waiter_that_was_sent_away_may_be_dropped_without_a_look() {
    let queue = Queue::bounded(1);
    let mut gets = [(); 2].map(|()| Hand::new(queue.get()));
    gets.iter_mut().for_each(Hand::pending);
    queue.shutdown();
    drop(gets);
    let full = Queue::bounded(1);
    full.try_put(1).unwrap();
    let mut put = Hand::new(full.put(2));
    put.pending();
    full.shutdown();
    drop(put);
    assert_eq!(full.try_get(), Ok(1));
    queue.try_put(()).unwrap_err();
}
