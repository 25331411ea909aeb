//! The plain queue: putting, getting, joining.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};
use std::thread;

use windlass::runtime::Builder;
use windlass::{spawn, yield_now};
use windlass_sync::error::{AllDone, Closed, TryGetError, TryPutError};
use windlass_sync::queue::{Queue, Stats};
use windlass_sync::waiting;

use crate::executor::rig::{Drops, Log, on_1_2_and_4, refusal, until};
use crate::kit::Hand;

fn full<const N: usize>(items: [u32; N]) -> Queue<u32> {
    let queue = Queue::bounded(N);
    items.into_iter().for_each(|item| queue.try_put(item).unwrap());
    queue
}

// QUE-01
#[test]
fn a_queue_is_empty_until_a_put_and_after_the_matching_get() {
    let queue = Queue::unbounded();
    assert!(queue.is_empty());
    queue.try_put(1).unwrap();
    assert_eq!((queue.is_empty(), queue.len()), (false, 1));
    queue.try_get().unwrap();
    assert!(queue.is_empty());
}

// QUE-02
#[test]
fn a_capacity_of_zero_is_refused_with_the_cure() {
    let message = refusal(|| Queue::<u32>::bounded(0));
    assert!(message.contains("use unbounded()"), "{message}");
    let queue = Queue::unbounded();
    (0..1000).for_each(|n| queue.try_put(n).unwrap());
    assert!(!queue.is_full());
}

// QUE-03
#[test]
fn a_queue_is_full_exactly_when_items_and_slots_take_all_places() {
    let queue = Queue::bounded(2);
    queue.try_put(1).unwrap();
    assert!(!queue.is_full());
    let slot = queue.try_reserve().unwrap();
    assert_eq!((queue.is_full(), queue.len()), (true, 1));
    slot.put(2).unwrap();
    assert_eq!((queue.is_full(), queue.len()), (true, 2));
    queue.try_get().unwrap();
    assert!(!queue.is_full());
}

// QUE-04
#[test]
fn items_leave_in_the_order_in_which_their_puts_completed() {
    let queue = Queue::unbounded();
    Hand::new(queue.put(1)).ready().unwrap();
    queue.try_put(2).unwrap();
    queue.try_reserve().unwrap().put(3).unwrap();
    assert_eq!([(); 3].map(|()| queue.try_get().unwrap()), [1, 2, 3]);
}

// QUE-05
#[test]
fn the_capacity_can_be_read_and_does_not_change() {
    let queue = full([1, 2, 3]);
    assert_eq!(queue.capacity(), Some(3));
    queue.try_get().unwrap();
    queue.shutdown();
    assert_eq!(queue.capacity(), Some(3));
    assert_eq!(Queue::<u32>::unbounded().capacity(), None);
}

// QUE-06
#[test]
fn a_put_into_a_full_queue_waits_for_exactly_one_get() {
    let queue = full([1, 2]);
    let mut put = Hand::new(queue.put(3));
    put.pending();
    assert_eq!(put.wakes(), 0);
    queue.try_get().unwrap();
    assert_eq!(put.wakes(), 1);
    put.ready().unwrap();
}

// QUE-07
#[test]
fn a_get_from_a_queue_with_items_is_ready_at_its_first_poll() {
    let queue = full([1, 2]);
    for expected in [1, 2] {
        let mut get = Hand::new(queue.get());
        assert_eq!((get.ready(), get.wakes()), (Ok(expected), 0));
    }
}

// QUE-08, QUE-24
#[test]
fn a_get_from_an_empty_queue_waits_for_the_next_put() {
    let queue = Queue::bounded(1);
    let mut get = Hand::new(queue.get());
    get.pending();
    queue.try_put(1).unwrap();
    assert_eq!(get.wakes(), 1);
    assert_eq!(get.ready(), Ok(1));
}

// QUE-09, QUE-52
#[test]
fn try_get_tells_empty_from_shut_down() {
    let queue = full([1]);
    assert_eq!(queue.try_get(), Ok(1));
    assert_eq!(queue.try_get(), Err(TryGetError::Empty));
    queue.shutdown();
    assert_eq!(queue.try_get(), Err(TryGetError::ShutDown));
}

// QUE-10
#[test]
fn try_put_into_a_full_queue_gives_the_item_back() {
    let queue = Queue::bounded(1);
    queue.try_put("one".to_owned()).unwrap();
    let refused = queue.try_put("two".to_owned()).unwrap_err();
    assert_eq!(refused, TryPutError::Full("two".to_owned()));
    assert_eq!(refused.into_item(), "two");
}

// QUE-11
#[test]
fn one_get_wakes_exactly_the_putter_who_has_waited_longest() {
    let queue = full([1]);
    let mut puts = [2, 3].map(|item| Hand::new(queue.put(item)));
    puts.iter_mut().for_each(Hand::pending);
    assert_eq!(queue.try_get(), Ok(1));
    assert_eq!(puts.each_ref().map(Hand::wakes), [1, 0]);
}

// QUE-13
#[test]
fn two_putters_on_one_place_deliver_in_the_order_they_came() {
    let queue = full([1]);
    let mut puts = [2, 3].map(|item| Hand::new(queue.put(item)));
    puts.iter_mut().for_each(Hand::pending);
    for (expected, put) in [1, 2].into_iter().zip(&mut puts) {
        assert_eq!(queue.try_get(), Ok(expected));
        put.ready().unwrap();
    }
    assert_eq!(queue.try_get(), Ok(3));
}

// QUE-14
#[test]
fn a_producer_and_a_consumer_meet_at_a_single_place_without_end() {
    on_1_2_and_4(|workers| {
        let (there, back) = (Queue::bounded(1), Queue::bounded(1));
        Builder::new().workers(workers).debug(false).build().unwrap().block_on(async move {
            let echo = spawn({
                let (there, back) = (there.consumer(), back.producer());
                async move {
                    while let Ok(item) = there.get().await {
                        back.put(item).await.unwrap();
                    }
                }
            });
            for n in 0..1000 {
                there.put(n).await.unwrap();
                assert_eq!(back.get().await, Ok(n));
            }
            there.shutdown();
            echo.await.unwrap();
        });
    });
}

// QUE-16, QUE-17
#[test]
fn a_dropped_get_or_put_leaves_no_waiter_behind() {
    let (empty, full) = (Queue::<u32>::bounded(1), full([1]));
    let (mut get, mut put) = (Hand::new(empty.get()), Hand::new(full.put(2)));
    get.pending();
    put.pending();
    let wakers = [get.count.clone(), put.count.clone()];
    assert_eq!((empty.stats().waiting_getters, full.stats().waiting_putters), (1, 1));
    drop((get, put));
    assert_eq!((empty.stats().waiting_getters, full.stats().waiting_putters), (0, 0));
    assert_eq!(wakers.map(|count| count.wakers()), [0, 0]);
}

// QUE-22
#[test]
fn a_put_that_is_cancelled_in_line_does_not_disturb_the_others() {
    let queue = full([1]);
    let mut second = Hand::new(queue.put(2));
    second.pending();
    let mut third = Hand::new(queue.put(3));
    third.pending();
    drop(third);
    assert_eq!(queue.try_get(), Ok(1));
    second.ready().unwrap();
    assert_eq!(queue.try_get(), Ok(2));
    assert_eq!(queue.try_get(), Err(TryGetError::Empty));
    assert_eq!(queue.stats().unfinished, 2);
}

#[test]
fn a_put_that_is_given_up_gives_its_item_back_and_its_place_to_the_next() {
    let queue = full([1]);
    let mut given_up = Box::pin(queue.put(2));
    Hand::new(given_up.as_mut()).pending();
    let mut next = Hand::new(queue.put(3));
    next.pending();
    queue.try_get().unwrap();
    assert_eq!(next.wakes(), 0);
    assert_eq!(std::pin::Pin::into_inner(given_up).into_item(), Some(2));
    assert_eq!(next.wakes(), 1);
    next.ready().unwrap();

    queue.try_get().unwrap();
    let mut done = queue.put(4);
    Hand::new(&mut done).ready().unwrap();
    assert_eq!(done.into_item(), None);
}

// QUE-23
#[test]
fn a_put_into_an_unbounded_queue_never_waits() {
    let queue = Queue::unbounded();
    for n in 0..1000 {
        Hand::new(queue.put(n)).ready().unwrap();
    }
}

// QUE-25
#[test]
fn dropping_a_future_that_is_over_changes_nothing() {
    let queue = Queue::bounded(1);
    let mut put = Hand::new(queue.put(1));
    put.ready().unwrap();
    drop(put);
    assert_eq!(queue.len(), 1);
    let mut get = Hand::new(queue.get());
    assert_eq!(get.ready(), Ok(1));
    drop(get);
    assert_eq!(queue.len(), 0);
}

// QUE-29
#[test]
fn a_queue_whose_last_place_belongs_to_a_woken_putter_is_full_and_empty() {
    let queue = full([1]);
    let mut put = Hand::new(queue.put(2));
    put.pending();
    queue.try_get().unwrap();
    assert!(queue.is_full());
    assert!(queue.is_empty());
}

// QUE-26
#[test]
fn a_place_that_becomes_free_belongs_to_the_woken_putter_who_fills_it_himself() {
    let queue = full([1]);
    let mut put = Hand::new(queue.put(2));
    put.pending();
    assert_eq!(queue.try_get(), Ok(1));
    assert_eq!(queue.try_put(3), Err(TryPutError::Full(3)));
    Hand::new(queue.put(4)).pending();
    assert_eq!(queue.try_get(), Err(TryGetError::Empty), "he has not run yet");
    put.ready().unwrap();
    assert_eq!(queue.try_get(), Ok(2));
}

#[test]
fn an_item_that_is_put_is_kept_for_the_woken_getter() {
    let queue = Queue::bounded(2);
    let mut first = Hand::new(queue.get());
    first.pending();
    queue.try_put(1).unwrap();
    assert_eq!((queue.try_get(), queue.stats().kept), (Err(TryGetError::Empty), 1));
    let mut newcomer = Hand::new(queue.get());
    newcomer.pending();
    queue.try_put(2).unwrap();
    assert_eq!(newcomer.wakes(), 1);
    assert_eq!(newcomer.ready(), Ok(1), "an item is kept for each, not which one");
    assert_eq!(first.ready(), Ok(2));
}

#[test]
fn a_woken_waiter_that_is_dropped_passes_on_what_it_was_granted() {
    let queue = Queue::bounded(1);
    let mut getters = [(); 2].map(|()| Some(Hand::new(queue.get())));
    getters.iter_mut().flatten().for_each(Hand::pending);
    queue.try_put(1).unwrap();
    let mut putters = [2, 3].map(|item| Some(Hand::new(queue.put(item))));
    putters.iter_mut().flatten().for_each(Hand::pending);
    getters[0] = None;
    assert_eq!(getters[1].as_mut().unwrap().ready(), Ok(1));
    putters[0] = None;
    putters[1].as_mut().unwrap().ready().unwrap();
    assert_eq!(queue.try_get(), Ok(3));
}

#[test]
fn futures_of_one_task_may_take_what_was_granted_to_each_other() {
    let queue = Queue::bounded(1);
    let _inside = waiting::enter(7);
    let mut aside = Hand::new(queue.get());
    aside.pending();
    queue.try_put(1).unwrap();
    assert_eq!(queue.try_get(), Ok(1), "kept for this very task");
    aside.pending();
    queue.try_put(2).unwrap();
    assert_eq!(Hand::new(queue.get()).ready(), Ok(2));
    queue.try_put(3).unwrap();
    {
        let _elsewhere = waiting::enter(8);
        assert_eq!(queue.try_get(), Err(TryGetError::Empty));
    }
    assert_eq!(aside.ready(), Ok(3), "first in line again each time");

    queue.try_put(4).unwrap();
    let mut aside = Hand::new(queue.put(5));
    aside.pending();
    queue.try_get().unwrap();
    queue.try_reserve().unwrap().put(6).unwrap();
    assert_eq!(queue.try_get(), Ok(6));
    aside.ready().unwrap();
    assert_eq!(queue.stats().used, 1);
}

// QUE-30
#[test]
fn marking_more_items_as_done_than_were_put_is_an_error() {
    let queue = full([1]);
    assert_eq!(queue.task_done(), Ok(()));
    assert_eq!(queue.task_done(), Err(AllDone));
}

// QUE-31
#[test]
fn a_join_of_a_queue_that_was_never_used_is_ready_at_once_every_time() {
    let queue = Queue::<u32>::bounded(1);
    Hand::new(queue.join()).ready();
    Hand::new(queue.join()).ready();
}

// QUE-32, QUE-50
#[test]
fn a_join_is_over_when_two_workers_have_done_a_hundred_items_once_each() {
    on_1_2_and_4(|workers| {
        Builder::new().workers(workers).debug(false).build().unwrap().block_on(async {
            let queue = Queue::bounded(3);
            let seen = Arc::new(Mutex::new(Vec::new()));
            let consumers = [(); 2].map(|()| {
                let (queue, seen) = (queue.consumer(), seen.clone());
                spawn(async move {
                    while let Ok(job) = queue.get_job().await {
                        yield_now().await;
                        seen.lock().unwrap().push(*job);
                    }
                })
            });
            for n in 0..100 {
                queue.put(n).await.unwrap();
            }
            queue.join().await;
            let mut seen = std::mem::take(&mut *seen.lock().unwrap());
            seen.sort();
            assert_eq!(seen, (0..100).collect::<Vec<u32>>());
            queue.shutdown();
            for consumer in consumers {
                consumer.await.unwrap();
            }
        });
    });
}

// QUE-33
#[test]
fn an_item_that_is_taken_and_not_marked_still_holds_a_join_up() {
    let queue = full([1]);
    assert_eq!(queue.stats().unfinished, 1);
    queue.try_get().unwrap();
    let mut join = Hand::new(queue.join());
    join.pending();
    queue.task_done().unwrap();
    join.ready();
}

// QUE-34
#[test]
fn all_joiners_go_on_at_the_same_zero() {
    let queue = full([1]);
    let mut joiners = [(); 3].map(|()| Hand::new(queue.join()));
    joiners.iter_mut().for_each(Hand::pending);
    drop(queue.try_get_job().unwrap());
    assert_eq!(joiners.each_ref().map(Hand::wakes), [1; 3]);
    queue.try_put(2).unwrap(); // too late to hold them up
    joiners.iter_mut().for_each(Hand::ready);
    Hand::new(queue.join()).pending();
}

// QUE-36
#[test]
fn a_cancelled_joiner_does_not_touch_the_counts() {
    let queue = full([1]);
    let mut join = Hand::new(queue.join());
    join.pending();
    assert_eq!(queue.stats().waiting_joiners, 1);
    drop(join);
    assert_eq!((queue.stats().waiting_joiners, queue.stats().unfinished), (0, 1));
}

// QUE-37
#[test]
fn a_job_marks_its_item_as_done_once_however_it_ends() {
    let queue = Queue::unbounded();
    let put_and_take = || {
        queue.try_put(String::from("work")).unwrap();
        queue.try_get_job().unwrap()
    };
    put_and_take().done();
    assert_eq!(queue.stats().unfinished, 0);
    let mut job = put_and_take();
    job.push('s');
    assert_eq!((job.as_str(), format!("{job:?}").as_str()), ("works", "Job(\"works\")"));
    assert_eq!(job.into_inner(), "works");
    assert_eq!(queue.stats().unfinished, 0);
    let job = put_and_take();
    refusal(|| {
        let _job = job;
        panic!("while it works, on purpose");
    });
    assert_eq!(queue.stats().unfinished, 0);
    queue.try_put("more".into()).unwrap();
    let mut cancelled = Hand::new(async {
        let _job = queue.get_job().await.unwrap();
        std::future::pending::<()>().await;
    });
    cancelled.pending();
    assert_eq!(queue.stats().unfinished, 1);
    drop(cancelled);
    assert_eq!(queue.stats().unfinished, 0);
}

/// Says whether the queue was finished when it was dropped.
struct Looks(Queue<u32>, Log);

impl Drop for Looks {
    fn drop(&mut self) {
        self.1.add(format!("{} unfinished", self.0.stats().unfinished));
    }
}

#[test]
fn a_job_drops_its_item_before_it_marks_it_as_done() {
    let (outer, inner, log) = (Queue::unbounded(), full([1]), Log::default());
    outer.try_put(Looks(inner.clone(), log.clone())).unwrap();
    drop(outer.try_get_job().unwrap());
    assert_eq!(log.lines(), ["1 unfinished"]);
    assert_eq!(outer.stats().unfinished, 0);
}

// QUE-38
#[test]
fn a_dump_says_who_waits_on_a_queue_that_nobody_empties() {
    let runtime = Builder::new().workers(1).debug(false).build().unwrap();
    let queue = Queue::bounded(3);
    let puts = [(); 5].map(|()| {
        let queue = queue.clone();
        runtime.spawn(async move { queue.put(0).await })
    });
    let line = line!() - 2;
    runtime.block_on(async {
        while queue.stats().waiting_putters < 2 {
            yield_now().await;
        }
    });
    let dump = runtime.handle().dump().to_string();
    let waits = format!("queue put (3/3 full) at {}:{line}", file!());
    assert_eq!(dump.matches(&waits).count(), 2, "{dump}");
    drop(puts);
}

// QUE-39, QSD-14
#[test]
fn the_text_form_shows_what_is_in_the_queue_and_who_waits() {
    let queue = full([1]);
    let mut put = Hand::new(queue.put(2));
    put.pending();
    let expected = "Queue { capacity: Some(1), len: 1, waiting_getters: 0, waiting_putters: 1, \
                    unfinished: 1, is_shut_down: false }";
    assert_eq!(format!("{queue:?}"), expected);
    queue.shutdown();
    assert!(format!("{queue:?}").contains("is_shut_down: true"));
}

// QUE-42
#[test]
fn a_slot_takes_a_place_until_it_is_filled_or_dropped() {
    let queue = Queue::bounded(1);
    let slot = Hand::new(queue.reserve()).ready().unwrap();
    assert_eq!(queue.try_put(1), Err(TryPutError::Full(1)));
    assert_eq!(queue.try_reserve().map(drop), Err(TryPutError::Full(())));
    assert_eq!((queue.stats().used, queue.len()), (1, 0));
    drop(slot);
    assert_eq!(queue.stats().used, 0);
    queue.try_put(1).unwrap();
}

// QUE-43
#[test]
fn a_slot_that_is_dropped_goes_to_who_is_next_in_line() {
    let queue = Queue::bounded(1);
    let slot = queue.try_reserve().unwrap();
    let mut reserve = Hand::new(queue.reserve());
    reserve.pending();
    let mut put = Hand::new(queue.put(1));
    put.pending();
    drop(slot);
    assert_eq!((reserve.wakes(), put.wakes()), (1, 0));
    drop(reserve.ready().unwrap());
    assert_eq!(put.wakes(), 1);
    put.ready().unwrap();
}

// QUE-44
#[test]
fn when_the_last_consumer_goes_puts_fail_and_give_their_items_back() {
    let (producer, consumer) = Queue::bounded(1).split();
    let second = consumer.clone();
    producer.try_put(1).unwrap();
    let (mut put, mut reserve) = (Hand::new(producer.put(2)), Hand::new(producer.reserve()));
    put.pending();
    reserve.pending();
    drop(consumer);
    assert!(!producer.is_shut_down());
    drop(second);
    assert_eq!((put.wakes(), reserve.wakes()), (1, 1));
    assert_eq!(put.ready(), Err(Closed(2)));
    assert_eq!(reserve.ready().map(drop), Err(Closed(())));
    assert_eq!(Hand::new(producer.put(3)).ready(), Err(Closed(3)));
    assert_eq!(producer.try_put(4), Err(TryPutError::ShutDown(4)));
}

#[test]
fn when_the_last_consumer_goes_its_jobs_are_still_waited_for_and_nothing_else() {
    let (producer, consumer) = Queue::bounded(4).split();
    (0..4).for_each(|n| producer.try_put(n).unwrap());
    consumer.try_get_job().unwrap().done(); // it is over, and counts no more
    let job = consumer.try_get_job().unwrap();
    consumer.try_get().unwrap(); // nobody will mark this one
    let mut join = Hand::new(producer.join());
    join.pending();
    drop(consumer);
    assert_eq!(producer.stats().unfinished, 1);
    join.pending();
    job.done();
    join.ready();
}

// QUE-45
#[test]
fn when_the_last_producer_goes_items_can_still_be_taken_and_then_gets_fail() {
    let (producer, consumer) = Queue::bounded(2).split();
    let second = producer.clone();
    producer.try_put(1).unwrap();
    drop(producer);
    assert_eq!(consumer.try_get(), Ok(1));
    let mut get = Hand::new(consumer.get());
    get.pending();
    drop(second);
    assert_eq!(get.wakes(), 1);
    assert_eq!(get.ready(), Err(Closed(())));
}

#[test]
fn a_slot_counts_as_a_producer() {
    let (producer, consumer) = Queue::bounded(1).split();
    let slot = producer.try_reserve().unwrap();
    drop(producer);
    let mut get = Hand::new(consumer.get());
    get.pending();
    slot.put(1).unwrap();
    assert_eq!(get.ready(), Ok(1));
    assert_eq!(consumer.try_get(), Err(TryGetError::ShutDown));
}

// QUE-46
#[test]
fn items_are_dropped_with_the_last_consumer_or_the_queue() {
    let drops = Drops::default();
    let queue = Queue::unbounded();
    queue.try_put(drops.witness()).unwrap();
    drop(queue);
    assert_eq!(drops.count(), 1);
    let (producer, consumer) = Queue::unbounded().split();
    producer.try_put(drops.witness()).unwrap();
    drop(consumer);
    assert_eq!(drops.count(), 2);
}

/// Uses its own queue when it is dropped.
struct UsesItsQueue(Option<Queue<UsesItsQueue>>);

impl Drop for UsesItsQueue {
    fn drop(&mut self) {
        let _ = self.0.take().map(|queue| (queue.stats(), queue.try_put(UsesItsQueue(None))));
    }
}

#[test]
fn an_item_may_use_its_queue_when_it_is_dropped() {
    let queue = Queue::bounded(1);
    queue.try_put(UsesItsQueue(Some(queue.clone()))).unwrap();
    drop(queue.shutdown_now());
    let queue = Queue::bounded(1);
    queue.try_put(UsesItsQueue(Some(queue.clone()))).unwrap();
    let mut put = Hand::new(queue.put(UsesItsQueue(Some(queue.clone()))));
    put.pending();
    drop(put);
    drop(queue.try_get_job().unwrap());
    assert_eq!(queue.len(), 1);
}

// QUE-48
#[test]
fn a_stored_waker_is_let_go_when_the_waiter_is_told_of_the_end() {
    let (producer, consumer) = Queue::bounded(1).split();
    producer.try_put(1).unwrap();
    let mut put = Hand::new(producer.put(2));
    put.pending();
    assert_eq!(put.count.wakers(), 1);
    drop(consumer);
    assert_eq!(put.count.wakers(), 0);
}

// QUE-51
#[test]
fn the_length_never_exceeds_the_capacity() {
    let queue = Queue::bounded(3);
    thread::scope(|scope| {
        for _ in 0..3 {
            let (producer, consumer) = (queue.producer(), queue.consumer());
            scope.spawn(move || (0..1000).for_each(|n| producer.put_blocking(n).unwrap()));
            scope.spawn(move || {
                for _ in 0..1000 {
                    let Stats { len, used, .. } = consumer.stats();
                    assert!(len <= used && used <= 3, "{len} {used}");
                    consumer.get_blocking().unwrap();
                }
            });
        }
    });
    assert_eq!(queue.stats().high_water.max(3), 3);
}

// QUE-55
#[test]
fn a_future_that_is_polled_by_another_task_wakes_only_that_one() {
    let queue = Queue::bounded(1);
    let mut get = Box::pin(queue.get());
    let mut first = Hand::new(std::future::poll_fn(|cx| get.as_mut().poll(cx)));
    first.pending();
    let count = first.count.clone();
    drop(first);
    let mut second = Hand::new(get);
    second.pending();
    queue.try_put(1).unwrap();
    assert_eq!((count.wakes(), second.wakes()), (0, 1));
}

// QUE-57
#[test]
fn threads_may_put_get_and_join_but_not_inside_a_task() {
    let queue = Queue::bounded(1);
    thread::scope(|scope| {
        scope.spawn(|| (0..100).for_each(|n| queue.put_blocking(n).unwrap()));
        scope.spawn(|| {
            let items: BTreeSet<u32> = (0..100).map(|_| queue.get_blocking().unwrap()).collect();
            assert_eq!(items.len(), 100);
            items.iter().for_each(|_| queue.task_done().unwrap());
        });
        until(|| queue.stats().unfinished > 0 || queue.stats().high_water > 0);
        queue.join_blocking();
    });
    let _inside = waiting::enter(1);
    let messages = [
        refusal(|| queue.put_blocking(1)),
        refusal(|| queue.get_blocking()),
        refusal(|| queue.join_blocking()),
    ];
    for (message, cure) in messages.iter().zip(["put().await", "get().await", "join().await"]) {
        assert!(message.ends_with(&format!("inside a task, use {cure}")), "{message}");
    }
}

// QUE-60
#[test]
fn the_statistics_count_places_waiters_and_handles_and_remember_the_peak() {
    let queue = full([1, 2]);
    let producer = queue.producer();
    let mut put = Hand::new(producer.put(3));
    put.pending();
    let expected = Stats {
        capacity: Some(2),
        len: 2,
        kept: 0,
        used: 2,
        high_water: 2,
        unfinished: 2,
        waiting_getters: 0,
        waiting_putters: 1,
        waiting_joiners: 0,
        producers: 2,
        consumers: 1,
        is_shut_down: false,
    };
    assert_eq!(queue.stats(), expected);
    drop(put);
    drop(queue.shutdown_now());
    assert_eq!((queue.stats().high_water, queue.len()), (2, 0));
}

// QUE-26: the article's second program, to the line.
#[test]
fn the_producers_and_consumers_of_the_article_take_turns_in_the_exact_order() {
    let log = Log::default();
    Builder::new().workers(1).debug(false).build().unwrap().block_on(async {
        let queue = Queue::bounded(3);
        let producers: Vec<_> = (0..5)
            .map(|item| {
                let (queue, log) = (queue.clone(), log.clone());
                spawn(async move {
                    queue.put(item).await.unwrap();
                    log.add(format!("Produced: {item}"));
                })
            })
            .collect();
        let consumers = [(); 2].map(|()| {
            let (queue, log) = (queue.clone(), log.clone());
            spawn(async move {
                while let Ok(item) = queue.get_job().await {
                    log.add(format!("Consumed: {}", *item));
                }
            })
        });
        for producer in producers {
            producer.await.unwrap();
        }
        queue.join().await;
        let Stats { unfinished, waiting_getters, .. } = queue.stats();
        assert_eq!((unfinished, waiting_getters), (0, 2));
        queue.shutdown();
        for consumer in consumers {
            consumer.await.unwrap();
        }
    });
    let expected = [
        "Produced: 0", // in spawn order, as far as there is room
        "Produced: 1",
        "Produced: 2",
        "Consumed: 0", // one consumer takes all three: a ready get does not yield
        "Consumed: 1",
        "Consumed: 2",
        "Produced: 3", // the woken putters fill their places themselves, in order
        "Produced: 4",
        "Consumed: 3",
        "Consumed: 4",
    ];
    assert_eq!(log.lines(), expected);
}

#[test]
fn a_put_that_is_polled_after_its_end_takes_no_place_with_it() {
    let queue = Queue::bounded(1);
    let mut put = Hand::new(queue.put(1));
    put.ready().unwrap();
    assert_eq!(queue.try_get(), Ok(1));
    let message = refusal(|| put.poll());
    assert!(message.contains("not polled after it is ready"), "{message}");
    assert_eq!(queue.stats().used, 0);
    queue.try_put(2).unwrap();
}
