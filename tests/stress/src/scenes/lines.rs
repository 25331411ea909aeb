//! Who waits is served in the order of arrival.
//!
//! The tasks come one after the other, each once the one before it stands in line, and then the line
//! is served one by one. Each writes its number down under what it was given, so the list is in the
//! order of the grants.

use std::sync::Arc;

use parking_lot::Mutex as Plain;
use windlass::sync::{Mutex, Semaphore};
use windlass::task::Task;
use windlass::{spawn, yield_now};

use crate::random::Random;
use crate::sabotage::Sabotage;

type List = Arc<Plain<Vec<usize>>>;

fn add(list: &List, number: usize) {
    list.lock().push(number);
}

/// Some of those in line leave it; the others must keep their order.
async fn check(list: List, tasks: Vec<Task<()>>, leave: impl FnOnce(), random: &mut Random) {
    let mut gone = Vec::new();
    for (number, task) in tasks.iter().enumerate() {
        if random.hits_one_in(5) {
            task.abort();
            gone.push(number);
        }
    }
    leave();
    for (number, task) in tasks.into_iter().enumerate() {
        let ended = task.await;
        assert!(ended.is_ok() || gone.contains(&number), "nobody has cancelled it");
    }
    let list = list.lock();
    assert!(list.is_sorted(), "somebody was overtaken: {list:?}");
}

pub async fn a_semaphore_serves_in_order(mut random: Random) {
    let semaphore = Arc::new(Semaphore::new(0));
    let list = List::default();
    let mut tasks = Vec::new();
    for number in 0..random.between(2, 12) {
        let (semaphore_, list) = (semaphore.clone(), list.clone());
        tasks.push(spawn(async move {
            let _permit = semaphore_.acquire().await.expect("nobody closes it");
            add(&list, number);
            yield_now().await;
        }));
        while semaphore.stats().waiting <= number {
            yield_now().await;
        }
    }
    if Sabotage::Overtake.is_on() {
        add(&list, 99);
    }
    check(list, tasks, || semaphore.add_permits(1), &mut random).await;
}

pub async fn a_mutex_serves_in_order(mut random: Random) {
    let mutex = Arc::new(Mutex::new(()));
    let held = mutex.try_lock().expect("it is new");
    let list = List::default();
    let mut tasks = Vec::new();
    for number in 0..random.between(2, 12) {
        let (mutex_, list) = (mutex.clone(), list.clone());
        tasks.push(spawn(async move {
            let _guard = mutex_.lock().await;
            add(&list, number);
            yield_now().await;
        }));
        while mutex.stats().waiting <= number {
            yield_now().await;
        }
    }
    check(list, tasks, || drop(held), &mut random).await;
}
