//! Models of the queues: grants and slots against drops, shutdowns and the last of their kind.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize as Tally, Ordering::SeqCst};
use std::task::Poll;

use windlass_sync::error::{Closed, TryGetError};
use windlass_sync::queue::Queue;
use windlass_sync::shim::atomic::{AtomicUsize, Ordering::Relaxed};
use windlass_sync::waiting;

use super::hands::{block_on, poll_once, spawn};
use crate::Model;

/// The models of this file.
pub const MODELS: &[Model] = &[
    Model {
        name: "items_go_through_a_single_place_in_order",
        threads: 2,
        weak: None,
        interleaving: None,
        killed_by: "State::take not serving; serve granting to putters without firing",
        body: items_go_through_a_single_place_in_order,
    },
    Model {
        name: "each_item_goes_to_one_of_two_consumers",
        threads: 3,
        weak: None,
        interleaving: None,
        killed_by: "try_take taking an item that is kept for a waiter",
        body: each_item_goes_to_one_of_two_consumers,
    },
    Model {
        name: "a_dropped_getter_passes_its_item_on",
        threads: 3,
        weak: None,
        interleaving: None,
        killed_by: "Place::leave not serving",
        body: a_dropped_getter_passes_its_item_on,
    },
    Model {
        name: "a_dropped_putter_passes_the_place_of_the_last_slot_on",
        threads: 3,
        weak: None,
        interleaving: None,
        killed_by: "Place::leave not serving; vacate not serving",
        body: a_dropped_putter_passes_the_place_of_the_last_slot_on,
    },
    Model {
        name: "a_shutdown_among_a_grant_a_drop_and_the_last_slot_loses_nothing",
        threads: 3,
        weak: Some(3),
        interleaving: Some(4),
        killed_by: "Slot::put not looking whether it is shut down; refuse forgetting the putters",
        body: a_shutdown_among_a_grant_a_drop_and_the_last_slot_loses_nothing,
    },
    Model {
        name: "a_shutdown_lets_in_before_it_and_nothing_after",
        threads: 3,
        weak: Some(3),
        interleaving: Some(4),
        killed_by: "try_reserve not looking whether it is shut down; refuse forgetting the getters",
        body: a_shutdown_lets_in_before_it_and_nothing_after,
    },
    Model {
        name: "an_immediate_shutdown_takes_out_what_nobody_else_has",
        threads: 3,
        weak: Some(3),
        interleaving: Some(4),
        killed_by: "look_for_item taking a grant for an item; shut_down_now not refusing",
        body: an_immediate_shutdown_takes_out_what_nobody_else_has,
    },
    Model {
        name: "a_join_is_over_at_the_last_mark_and_sees_what_was_done_before_it",
        threads: 3,
        weak: None,
        interleaving: None,
        killed_by: "finish waking nobody; look_for_end content with one unfinished item",
        body: a_join_is_over_at_the_last_mark_and_sees_what_was_done_before_it,
    },
    Model {
        name: "a_join_does_not_wait_for_what_is_thrown_away",
        threads: 3,
        weak: Some(3),
        interleaving: Some(4),
        killed_by: "shut_down_now not marking its items; count_out not marking those without a job",
        body: a_join_does_not_wait_for_what_is_thrown_away,
    },
    Model {
        name: "a_getter_hears_of_the_last_producer_that_goes",
        threads: 3,
        weak: Some(3),
        interleaving: Some(4),
        killed_by: "count_out not shutting down for producers; ending with items in the queue",
        body: a_getter_hears_of_the_last_producer_that_goes,
    },
    Model {
        name: "a_putter_hears_of_the_last_consumer_that_goes",
        threads: 3,
        weak: Some(3),
        interleaving: Some(4),
        killed_by: "count_out not shutting down for consumers",
        body: a_putter_hears_of_the_last_consumer_that_goes,
    },
    Model {
        name: "a_task_may_take_the_item_that_is_kept_for_another_of_its_futures",
        threads: 3,
        weak: Some(3),
        interleaving: Some(4),
        killed_by: "borrow returning false; borrow not taking the grant back",
        body: a_task_may_take_the_item_that_is_kept_for_another_of_its_futures,
    },
];

/// Property: a producer and a consumer at a single place both get through, in order.
/// Threads: one of each. Bound: none.
/// Killed by: `State::take` not serving; `serve` granting to putters without firing.
fn items_go_through_a_single_place_in_order() {
    let (producer, consumer) = Queue::bounded(1).split();
    let puts = spawn(move || {
        for item in 1..=2 {
            block_on(producer.put(item)).expect("it is open");
        }
    });
    assert_eq!(block_on(consumer.get()), Ok(1));
    assert_eq!(block_on(consumer.get()), Ok(2));
    assert_eq!(block_on(consumer.get()), Err(Closed(())));
    puts.join().expect("it does not panic");
}

/// Property: with two consumers each item reaches one of them, and nobody is left waiting.
/// Threads: a producer, two consumers, one of which only tries. Bound: none.
/// Killed by: `try_take` taking an item that is kept for a waiter.
fn each_item_goes_to_one_of_two_consumers() {
    let queue = Queue::bounded(1);
    let waits = spawn({
        let queue = queue.clone();
        move || {
            block_on(queue.get()).expect("it is open");
        }
    });
    let tries = spawn({
        let queue = queue.clone();
        move || {
            if queue.try_get().is_ok() {
                block_on(queue.put(3)).expect("it is open");
            }
        }
    });
    block_on(queue.put(1)).expect("it is open");
    waits.join().expect("it does not panic");
    tries.join().expect("it does not panic");
    assert_eq!(queue.stats().used, 0);
}

/// Property: a getter that is dropped, an item kept for it or not, holds nobody up.
/// Threads: one that gives up, one that waits, a producer. Bound: none.
/// Killed by: `Place::leave` not serving.
fn a_dropped_getter_passes_its_item_on() {
    let queue = Queue::bounded(1);
    let mut gives_up = queue.get();
    assert!(poll_once(&mut gives_up).is_pending());
    let puts = spawn({
        let queue = queue.clone();
        move || queue.try_put(1).expect("there is room")
    });
    let waits = spawn({
        let queue = queue.clone();
        move || assert_eq!(block_on(queue.get()), Ok(1))
    });
    drop(gives_up);
    waits.join().expect("it does not panic");
    puts.join().expect("it does not panic");
    assert_eq!(queue.try_get(), Err(TryGetError::Empty));
}

/// Property: a putter that is dropped, granted the place of the last slot or not, holds nobody up.
/// Threads: one that gives up, one that waits, one with the slot. Bound: none.
/// Killed by: `Place::leave` not serving; `vacate` not serving.
fn a_dropped_putter_passes_the_place_of_the_last_slot_on() {
    let queue = Queue::bounded(1);
    let slot = queue.try_reserve().expect("there is room");
    let mut gives_up = queue.put(1);
    assert!(poll_once(&mut gives_up).is_pending());
    let frees = spawn(move || drop(slot));
    let waits = spawn({
        let queue = queue.clone();
        move || block_on(queue.put(2)).expect("it is open")
    });
    drop(gives_up);
    waits.join().expect("it does not panic");
    frees.join().expect("it does not panic");
    assert_eq!((queue.try_get(), queue.stats().used), (Ok(2), 0));
}

/// Property: whoever puts while the queue is shut down has put, or has the item back; all return,
/// and nothing is put after the shutdown.
/// Threads: one with the last slot, one that shuts down and empties the queue, one with a put that
/// gives up and one that waits. Bound: see the list.
/// Killed by: `Slot::put` not looking whether it is shut down; `refuse` forgetting the putters.
fn a_shutdown_among_a_grant_a_drop_and_the_last_slot_loses_nothing() {
    let queue = Queue::bounded(1);
    let slot = queue.try_reserve().expect("there is room");
    let mut gives_up = queue.put(1);
    assert!(poll_once(&mut gives_up).is_pending());
    let ended = Arc::new(Tally::new(0)); // items that came back, or were taken after the shutdown
    let fills = spawn({
        let ended = ended.clone();
        move || {
            if let Err(Closed(item)) = slot.put(2) {
                ended.fetch_add(item, SeqCst);
            }
        }
    });
    let shuts = spawn({
        let (queue, ended) = (queue.clone(), ended.clone());
        move || {
            queue.shutdown();
            while let Ok(item) = queue.try_get() {
                ended.fetch_add(item, SeqCst);
            }
        }
    });
    let mut waits = queue.put(4);
    let first = poll_once(&mut waits);
    ended.fetch_add(gives_up.into_item().expect("it has not been polled since"), SeqCst);
    let result = match first {
        Poll::Ready(result) => result,
        Poll::Pending => block_on(waits),
    };
    if let Err(Closed(item)) = result {
        ended.fetch_add(item, SeqCst);
    }
    fills.join().expect("it does not panic");
    shuts.join().expect("it does not panic");
    assert_eq!(ended.load(SeqCst), 1 + 2 + 4);
    assert_eq!(queue.stats().used, 0);
}

/// Property: an item is put if and only if it is got, whenever the shutdown comes; all return.
/// Threads: a producer, a consumer, one that shuts down. Bound: see the list.
/// Killed by: `try_reserve` not looking whether it is shut down; `refuse` forgetting the getters.
fn a_shutdown_lets_in_before_it_and_nothing_after() {
    let queue = Queue::bounded(1);
    let put = Arc::new(Tally::new(0));
    let puts = spawn({
        let (queue, put) = (queue.clone(), put.clone());
        move || {
            let is_put = block_on(queue.put(1)).is_ok();
            put.fetch_add(usize::from(is_put), SeqCst);
        }
    });
    let shuts = spawn({
        let queue = queue.clone();
        move || queue.shutdown()
    });
    let got = block_on(queue.get());
    puts.join().expect("it does not panic");
    shuts.join().expect("it does not panic");
    assert_eq!(usize::from(got.is_ok()), put.load(SeqCst));
    assert_eq!(queue.try_get(), Err(TryGetError::ShutDown));
}

/// Property: an item that is put is got or taken out by the shutdown, never both or neither.
/// Threads: a producer, a consumer, one that shuts down at once. Bound: see the list.
/// Killed by: `look_for_item` taking a grant for an item; `shut_down_now` not refusing.
fn an_immediate_shutdown_takes_out_what_nobody_else_has() {
    let queue = Queue::bounded(1);
    let ended = Arc::new(Tally::new(0)); // items that came back, were got, or were taken out
    let puts = spawn({
        let (queue, ended) = (queue.clone(), ended.clone());
        move || {
            if block_on(queue.put(1)).is_err() {
                ended.fetch_add(1, SeqCst);
            }
        }
    });
    let shuts = spawn({
        let (queue, ended) = (queue.clone(), ended.clone());
        move || {
            ended.fetch_add(queue.shutdown_now().len(), SeqCst);
        }
    });
    if block_on(queue.get()).is_ok() {
        ended.fetch_add(1, SeqCst);
    }
    puts.join().expect("it does not panic");
    shuts.join().expect("it does not panic");
    assert_eq!(ended.load(SeqCst), 1);
}

/// Property: a join ends when the last item is marked, and shows what was done before each mark.
/// Threads: one that joins, two that work. Bound: none.
/// Killed by: `finish` waking nobody; `look_for_end` content with one unfinished item.
fn a_join_is_over_at_the_last_mark_and_sees_what_was_done_before_it() {
    let queue = Queue::bounded(2);
    let work = Arc::new([AtomicUsize::new(0), AtomicUsize::new(0)]);
    let workers = [0, 1].map(|number| {
        queue.try_put(number).expect("there is room");
        let job = queue.try_get_job().expect("it has just been put");
        let work = work.clone();
        spawn(move || {
            work[*job].store(1, Relaxed);
            job.done();
        })
    });
    block_on(queue.join());
    assert_eq!([0, 1].map(|number| work[number].load(Relaxed)), [1, 1]);
    for worker in workers {
        worker.join().expect("it does not panic");
    }
}

/// Property: a join waits neither for what a shutdown takes out, nor for what the last consumer has
/// taken and will not mark.
/// Threads: one that joins two queues, one that shuts one down, one that is the last consumer of
/// the other. Bound: see the list.
/// Killed by: `shut_down_now` not marking its items; `count_out` not marking those without a job.
fn a_join_does_not_wait_for_what_is_thrown_away() {
    let shut = Queue::bounded(1);
    shut.try_put(1).expect("there is room");
    let (producer, consumer) = Queue::bounded(1).split();
    producer.try_put(1).expect("there is room");
    assert_eq!(consumer.try_get(), Ok(1));
    let shuts = spawn({
        let shut = shut.clone();
        move || assert_eq!(shut.shutdown_now(), [1])
    });
    let goes = spawn(move || drop(consumer));
    block_on(shut.join());
    block_on(producer.join());
    shuts.join().expect("it does not panic");
    goes.join().expect("it does not panic");
}

/// Property: a getter is told of the end by the last producer, and not before the last item.
/// Threads: a getter, a producer that puts, a producer that does not. Bound: see the list.
/// Killed by: `count_out` not shutting down for producers; ending with items in the queue.
fn a_getter_hears_of_the_last_producer_that_goes() {
    let (producer, consumer) = Queue::bounded(1).split();
    let goes = spawn({
        let producer = producer.clone();
        move || drop(producer)
    });
    let puts = spawn(move || producer.try_put(1).expect("there is room"));
    assert_eq!(block_on(consumer.get()), Ok(1));
    assert_eq!(block_on(consumer.get()), Err(Closed(())));
    goes.join().expect("it does not panic");
    puts.join().expect("it does not panic");
}

/// Counts its drops.
struct Counted(Arc<Tally>);

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.fetch_add(1, SeqCst);
    }
}

/// Property: a putter is told of the last consumer that goes; no item is lost or stays behind.
/// Threads: a putter, a consumer that gets, a consumer that does not. Bound: see the list.
/// Killed by: `count_out` not shutting down for consumers.
fn a_putter_hears_of_the_last_consumer_that_goes() {
    let (producer, consumer) = Queue::bounded(1).split();
    let dropped = Arc::new(Tally::new(0));
    assert!(producer.try_put(Counted(dropped.clone())).is_ok());
    let goes = spawn({
        let consumer = consumer.clone();
        move || drop(consumer)
    });
    let gets = spawn(move || drop(consumer.try_get()));
    while block_on(producer.put(Counted(dropped.clone()))).is_ok() {
        dropped.fetch_sub(1, SeqCst); // what is in the queue now is dropped besides
    }
    goes.join().expect("it does not panic");
    gets.join().expect("it does not panic");
    assert_eq!(dropped.load(SeqCst), 2);
}

/// Property: an item kept for a getter that nobody polls can be taken by its own task, and the
/// getter is woken for the next one.
/// Threads: the task with two futures, a producer, a rival. Bound: see the list.
/// Killed by: `borrow` returning false; `borrow` not taking the grant back.
fn a_task_may_take_the_item_that_is_kept_for_another_of_its_futures() {
    let queue = Queue::bounded(2);
    let _owned = waiting::enter(1);
    let mut aside = queue.get();
    assert!(poll_once(&mut aside).is_pending());
    let rival = spawn({
        let queue = queue.clone();
        move || {
            let _owned = waiting::enter(2);
            block_on(queue.get()).expect("it is open");
        }
    });
    queue.try_put(1).expect("there is room"); // it is kept for `aside` now, which is not polled
    assert_eq!(queue.try_get(), Ok(1));
    let puts = spawn({
        let queue = queue.clone();
        move || [2, 3].into_iter().for_each(|item| queue.try_put(item).expect("there is room"))
    });
    block_on(aside).expect("it is open");
    puts.join().expect("it does not panic");
    rival.join().expect("it does not panic");
    assert_eq!(queue.stats().used, 0);
}
