//! A model with a bug in itself, to show what a failure looks like: `cargo loom --show-failure`.

use std::sync::Arc;

use windlass_sync::shim::atomic::{AtomicBool, AtomicUsize, Ordering::*};
use windlass_sync::shim::thread;

use crate::Model;

/// Not among the models that are proved.
pub const MODEL: Model = Model {
    name: "a_letter_that_is_announced_can_be_read",
    threads: 2,
    weak: None,
    interleaving: None,
    killed_by: "itself: the announcement is a relaxed store, which publishes nothing",
    body: a_letter_that_is_announced_can_be_read,
};

/// Property: whoever sees the announcement sees the letter.
/// Threads: a sender, a receiver. Bound: none.
/// Killed by: itself. The store of `announced` must be a release.
fn a_letter_that_is_announced_can_be_read() {
    let letter = Arc::new(AtomicUsize::new(0));
    let announced = Arc::new(AtomicBool::new(false));
    let sender = thread::spawn("sender".into(), {
        let (letter, announced) = (letter.clone(), announced.clone());
        move || {
            letter.store(7, Relaxed);
            announced.store(true, Relaxed);
        }
    });
    if announced.load(Acquire) {
        assert_eq!(letter.load(Relaxed), 7, "the letter was announced");
    }
    sender.expect("a thread can be started").join().expect("it does not panic");
}
