//! Models of the exception to first come, first served: a lock that was handed to a waiter which
//! has not run may be taken by another future of the same task.

use std::sync::Arc;

use windlass_sync::mutex::Mutex;
use windlass_sync::rwlock::RwLock;
use windlass_sync::waiting;

use super::hands::{block_on, poll_once, spawn};
use crate::Model;

/// The models of this file.
pub const MODELS: &[Model] = &[
    Model {
        name: "a_task_may_lock_what_was_handed_to_another_of_its_futures",
        threads: 3,
        weak: Some(3),
        interleaving: Some(4),
        killed_by: "State::take refusing the owner; its leaving the grant with the waiter",
        body: a_task_may_lock_what_was_handed_to_another_of_its_futures,
    },
    Model {
        name: "a_task_may_read_what_was_handed_to_another_of_its_futures",
        threads: 3,
        weak: Some(3),
        interleaving: Some(4),
        killed_by: "send_back refusing the owner; begin not letting in whom it has sent back",
        body: a_task_may_read_what_was_handed_to_another_of_its_futures,
    },
];

/// Property: a mutex handed to a waiter that nobody polls can be locked by its own task, and comes
/// back to that waiter.
/// Threads: the task with two futures, a holder, a rival. Bound: see the list.
/// Killed by: `State::take` refusing the owner; its leaving the grant with the waiter.
fn a_task_may_lock_what_was_handed_to_another_of_its_futures() {
    let mutex = Arc::new(Mutex::new(0));
    let held = mutex.clone().try_lock_owned().expect("it is free");
    let _owned = waiting::enter(1);
    let mut aside = mutex.lock();
    assert!(poll_once(&mut aside).is_pending());
    let holder = spawn(move || drop(held));
    let rival = spawn({
        let mutex = mutex.clone();
        move || {
            let _owned = waiting::enter(2);
            *block_on(mutex.lock()) += 1;
        }
    });
    holder.join().expect("it does not panic"); // `aside` has it now, and is not polled
    *mutex.try_lock().expect("it is ours") += 1;
    *block_on(mutex.lock()) += 1;
    *block_on(aside) += 1;
    rival.join().expect("it does not panic");
    assert_eq!(*mutex.try_lock().expect("nobody holds it"), 4);
}

/// Property: a waiter that was let in and that nobody polls makes room for its own task, and is let
/// in beside it if both read.
/// Threads: the task with two futures, a writer that ends, a rival that writes. Bound: see the
/// list.
/// Killed by: `send_back` refusing the owner; `begin` not letting in whom it has sent back.
fn a_task_may_read_what_was_handed_to_another_of_its_futures() {
    let lock = Arc::new(RwLock::new(0));
    let held = lock.clone().try_write_owned().expect("it is free");
    let _owned = waiting::enter(1);
    let mut aside = lock.read();
    assert!(poll_once(&mut aside).is_pending());
    let writer = spawn(move || drop(held));
    let rival = spawn({
        let lock = lock.clone();
        move || {
            let _owned = waiting::enter(2);
            *block_on(lock.write()) += 1;
        }
    });
    writer.join().expect("it does not panic"); // `aside` is let in now, and not polled
    let reads = lock.try_read().expect("it is ours");
    assert_eq!(*block_on(aside), *reads);
    drop(reads);
    rival.join().expect("it does not panic");
    assert_eq!(*lock.try_write().expect("nobody is inside"), 1);
}
