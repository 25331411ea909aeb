//! The three orders, and what all three have in common.

use std::cmp::Reverse;

use windlass_sync::error::{AllDone, Closed, TryGetError, TryPutError};
use windlass_sync::queue::{Handle, LifoQueue, PriorityQueue, Queue, Store};

use crate::kit::Hand;

/// Any of the three.
type Any<S> = Handle<u32, S, true, true>;

/// Runs a generic body on each kind of queue, with room for one.
macro_rules! on_each_kind {
    ($body:ident) => {
        $body(Queue::bounded(1));
        $body(LifoQueue::bounded(1));
        $body(PriorityQueue::bounded(1));
    };
}

// QPL-01
#[test]
fn a_lifo_queue_gives_the_newest_item_first() {
    let queue = LifoQueue::unbounded();
    [1, 3, 2].into_iter().for_each(|item| queue.try_put(item).unwrap());
    assert_eq!([(); 3].map(|()| queue.try_get().unwrap()), [2, 3, 1]);
}

// QPL-02
#[test]
fn a_priority_queue_gives_the_smallest_item_first() {
    let queue = PriorityQueue::unbounded();
    [2, 1, 3].into_iter().for_each(|item| queue.try_put(item).unwrap());
    assert_eq!([(); 3].map(|()| queue.try_get().unwrap()), [1, 2, 3]);
    let queue = PriorityQueue::unbounded();
    [2, 1, 3].into_iter().for_each(|item| queue.try_put(Reverse(item)).unwrap());
    assert_eq!([(); 3].map(|()| queue.try_get().unwrap().0), [3, 2, 1]);
}

/// Compares by its first field only.
#[derive(Debug)]
struct Ranked(u32, &'static str);

impl PartialEq for Ranked {
    fn eq(&self, other: &Self) -> bool {
        self.0 == other.0
    }
}

impl Eq for Ranked {}

impl PartialOrd for Ranked {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Ranked {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.0.cmp(&other.0)
    }
}

#[test]
fn of_equal_items_a_priority_queue_gives_the_oldest_first() {
    let queue = PriorityQueue::unbounded();
    for (rank, name) in [(1, "a"), (0, "first"), (1, "b"), (1, "c"), (1, "d")] {
        queue.try_put(Ranked(rank, name)).unwrap();
    }
    let names = [(); 5].map(|()| queue.try_get().unwrap().1);
    assert_eq!(names, ["first", "a", "b", "c", "d"]);
}

// QPL-04
#[test]
fn a_full_priority_queue_holds_up_even_an_item_that_would_be_first() {
    let queue = PriorityQueue::bounded(2);
    queue.try_put(5).unwrap();
    queue.try_put(3).unwrap();
    assert_eq!(queue.try_put(1), Err(TryPutError::Full(1)));
    let mut put = Hand::new(queue.put(1));
    put.pending();
    assert_eq!(queue.try_get(), Ok(3));
    put.ready().unwrap();
    assert_eq!([(); 2].map(|()| queue.try_get().unwrap()), [1, 5]);
}

#[test]
fn a_woken_getter_gets_what_is_smallest_when_it_runs() {
    let queue = PriorityQueue::unbounded();
    let mut get = Hand::new(queue.get());
    get.pending();
    queue.try_put(2).unwrap();
    queue.try_put(1).unwrap();
    assert_eq!(queue.try_get(), Ok(1), "one is kept for the getter, not a certain one");
    queue.try_put(0).unwrap();
    assert_eq!(get.ready(), Ok(0));
}

// QPL-03
#[test]
fn every_kind_counts_what_is_done_and_ends_a_join() {
    fn check<S: Store<u32>>(queue: Any<S>) {
        assert_eq!(queue.task_done(), Err(AllDone));
        Hand::new(queue.join()).ready();
        queue.try_put(1).unwrap();
        let mut join = Hand::new(queue.join());
        join.pending();
        queue.try_get().unwrap();
        join.pending();
        queue.try_put(2).unwrap();
        queue.task_done().unwrap();
        join.pending();
        drop(queue.try_get_job().unwrap());
        join.ready();
        assert_eq!(queue.task_done(), Err(AllDone));
    }
    on_each_kind!(check);
}

// QPL-08
#[test]
fn every_kind_passes_on_what_a_dropped_waiter_was_granted() {
    fn check<S: Store<u32>>(queue: Any<S>) {
        let mut getters = [(); 2].map(|()| Some(Hand::new(queue.get())));
        getters.iter_mut().flatten().for_each(Hand::pending);
        queue.try_put(1).unwrap();
        getters[0] = None;
        assert_eq!(getters[1].as_mut().unwrap().ready(), Ok(1));

        queue.try_put(2).unwrap();
        let mut putters = [3, 4].map(|item| Some(Hand::new(queue.put(item))));
        putters.iter_mut().flatten().for_each(Hand::pending);
        assert_eq!(queue.try_get(), Ok(2));
        putters[0] = None;
        assert_eq!(queue.try_put(5), Err(TryPutError::Full(5)));
        putters[1].as_mut().unwrap().ready().unwrap();
        assert_eq!(queue.try_get(), Ok(4));
        let stats = queue.stats();
        assert_eq!((stats.used, stats.waiting_getters, stats.waiting_putters), (0, 0, 0));
    }
    on_each_kind!(check);
}

// QPL-08
#[test]
fn every_kind_forgets_a_waiter_that_is_dropped_in_line() {
    fn check<S: Store<u32>>(queue: Any<S>) {
        let mut getters = [(); 2].map(|()| Some(Hand::new(queue.get())));
        getters.iter_mut().flatten().for_each(Hand::pending);
        getters[0] = None;
        queue.try_put(1).unwrap();
        let mut putters = [2, 3].map(|item| Some(Hand::new(queue.put(item))));
        putters.iter_mut().flatten().for_each(Hand::pending);
        putters[0] = None;
        assert_eq!(getters[1].as_mut().unwrap().ready(), Ok(1));
        putters[1].as_mut().unwrap().ready().unwrap();
        assert_eq!(queue.try_get(), Ok(3));
        assert_eq!(queue.try_get(), Err(TryGetError::Empty));
    }
    on_each_kind!(check);
}

// QSD-13
#[test]
fn every_kind_drains_after_a_shutdown_and_is_emptied_by_an_immediate_one() {
    fn check<S: Store<u32>>(queue: Any<S>) {
        queue.try_put(1).unwrap();
        let mut put = Hand::new(queue.put(2));
        put.pending();
        queue.shutdown();
        assert_eq!(put.ready(), Err(Closed(2)));
        assert_eq!(queue.try_put(3), Err(TryPutError::ShutDown(3)));
        assert_eq!(Hand::new(queue.get()).ready(), Ok(1));
        assert_eq!(Hand::new(queue.get()).ready(), Err(Closed(())));
        assert_eq!(queue.try_get(), Err(TryGetError::ShutDown));
    }
    fn check_now<S: Store<u32>>(queue: Any<S>) {
        queue.try_put(1).unwrap();
        let mut join = Hand::new(queue.join());
        join.pending();
        assert_eq!(queue.shutdown_now(), [1]);
        join.ready();
        assert_eq!(queue.try_get(), Err(TryGetError::ShutDown));
    }
    on_each_kind!(check);
    on_each_kind!(check_now);
}

#[test]
fn an_immediate_shutdown_gives_the_items_out_in_the_order_of_the_queue() {
    let (fifo, lifo, smallest) =
        (Queue::unbounded(), LifoQueue::unbounded(), PriorityQueue::unbounded());
    for item in [2, 3, 1] {
        fifo.try_put(item).unwrap();
        lifo.try_put(item).unwrap();
        smallest.try_put(item).unwrap();
    }
    assert_eq!(fifo.shutdown_now(), [2, 3, 1]);
    assert_eq!(lifo.shutdown_now(), [1, 3, 2]);
    assert_eq!(smallest.shutdown_now(), [1, 2, 3]);
}

// QUE-39
#[test]
fn every_kind_has_its_name_in_its_text_form() {
    let texts = [
        format!("{:?}", Queue::<u32>::unbounded()),
        format!("{:?}", LifoQueue::<u32>::unbounded()),
        format!("{:?}", PriorityQueue::<u32>::unbounded()),
    ];
    for (text, name) in texts.iter().zip(["Queue", "LifoQueue", "PriorityQueue"]) {
        assert!(text.starts_with(&format!("{name} {{ capacity: None, len: 0,")), "{text}");
    }
}
