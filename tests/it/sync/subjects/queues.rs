//! The queues: puts, gets, slots, joins.

use windlass_sync::queue::{LifoQueue, PriorityQueue, Queue};

use super::Subject;

pub fn all() -> Vec<Subject> {
    vec![get(), get_job(), get_from_unbounded(), put(), reserve(), join()]
}

fn get() -> Subject {
    let queue = Queue::bounded(1);
    let [waits, serves, counts] = [(); 3].map(|()| queue.clone());
    Subject {
        name: "queue get",
        wait: Box::new(move || {
            let queue = waits.clone();
            Box::pin(async move {
                let item = queue.get().await.unwrap();
                queue.try_put(item).unwrap();
            })
        }),
        serve: Box::new(move || serves.try_put(0).unwrap()),
        waiting: Box::new(move || counts.stats().waiting_getters),
        poke: Box::new(move || {
            let _ = (queue.stats(), queue.join(), queue.task_done(), format!("{queue:?}"));
            drop((queue.clone(), queue.producer(), queue.consumer(), queue.get()));
        }),
        one_at_a_time: true,
    }
}

fn get_job() -> Subject {
    let queue = LifoQueue::<u8>::bounded(1);
    let [waits, serves, counts] = [(); 3].map(|()| queue.clone());
    Subject {
        name: "queue get_job",
        wait: Box::new(move || {
            let queue = waits.clone();
            Box::pin(async move {
                let job = queue.get_job().await.unwrap();
                queue.try_put(job.into_inner()).unwrap();
            })
        }),
        serve: Box::new(move || serves.try_put(0).unwrap()),
        waiting: Box::new(move || counts.stats().waiting_getters),
        poke: Box::new(move || drop((queue.stats(), queue.get_job()))),
        one_at_a_time: true,
    }
}

fn get_from_unbounded() -> Subject {
    let queue = PriorityQueue::unbounded();
    let [waits, serves, counts] = [(); 3].map(|()| queue.clone());
    Subject {
        name: "priority queue get",
        wait: Box::new(move || {
            let queue = waits.clone();
            Box::pin(async move {
                let item = queue.get().await.unwrap();
                queue.put(item).await.unwrap();
            })
        }),
        serve: Box::new(move || serves.try_put(0).unwrap()),
        waiting: Box::new(move || counts.stats().waiting_getters),
        poke: Box::new(move || assert_ne!(queue.capacity(), Some(0))),
        one_at_a_time: true,
    }
}

fn put() -> Subject {
    let queue = Queue::bounded(1);
    queue.try_put(0).unwrap();
    let [waits, serves, counts] = [(); 3].map(|()| queue.clone());
    Subject {
        name: "queue put",
        wait: Box::new(move || {
            let queue = waits.clone();
            Box::pin(async move {
                queue.put(0).await.unwrap();
                queue.try_get().unwrap();
            })
        }),
        serve: Box::new(move || assert_eq!(serves.try_get(), Ok(0))),
        waiting: Box::new(move || counts.stats().waiting_putters),
        poke: Box::new(move || {
            let _ = (queue.try_put(0), queue.try_reserve(), queue.stats());
            drop(queue.put(0));
        }),
        one_at_a_time: true,
    }
}

fn reserve() -> Subject {
    let queue = Queue::bounded(1);
    queue.try_put(0).unwrap();
    let [waits, serves, counts] = [(); 3].map(|()| queue.clone());
    Subject {
        name: "queue reserve",
        wait: Box::new(move || {
            let queue = waits.clone();
            Box::pin(async move { drop(queue.reserve().await.unwrap()) })
        }),
        serve: Box::new(move || assert_eq!(serves.try_get(), Ok(0))),
        waiting: Box::new(move || counts.stats().waiting_putters),
        poke: Box::new(move || drop((queue.try_reserve(), queue.reserve()))),
        one_at_a_time: true,
    }
}

fn join() -> Subject {
    let queue = Queue::bounded(1);
    queue.try_put(0).unwrap();
    let [waits, serves, counts] = [(); 3].map(|()| queue.clone());
    Subject {
        name: "queue join",
        wait: Box::new(move || {
            let queue = waits.clone();
            Box::pin(async move { queue.join().await })
        }),
        serve: Box::new(move || serves.task_done().unwrap()),
        waiting: Box::new(move || counts.stats().waiting_joiners),
        poke: Box::new(move || drop((queue.try_put(0), queue.join(), queue.stats()))),
        one_at_a_time: false,
    }
}
