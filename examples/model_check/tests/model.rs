//! The model of the cache. `cargo test` runs it on real threads, `cargo loom-example` has loom try
//! every interleaving.

use std::panic::catch_unwind;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};

use model_check::Cache;
use windlass_sync::shim::atomic::Ordering::{self, Relaxed, Release};
use windlass_sync::shim::{MODELED, Mode, explore, thread};

/// Property: two threads that ask at the same time get the same number, which is got once.
/// Threads: two. Bound: none.
fn both_get_the_number(publish: Ordering) {
    let cache = Arc::new(Cache::publishing(publish));
    let calls = Arc::new(AtomicUsize::new(0)); // no part of the model
    let ask = |cache: &Cache, calls: &AtomicUsize| {
        let number = cache.number(|| {
            calls.fetch_add(1, SeqCst);
            42
        });
        assert_eq!(number, 42, "it was said to be ready");
    };
    let other = thread::spawn("other".into(), {
        let (cache, calls) = (cache.clone(), calls.clone());
        move || ask(&cache, &calls)
    });
    ask(&cache, &calls);
    other.expect("a thread can be started").join().expect("it does not panic");
    assert_eq!(calls.load(SeqCst), 1);
}

#[test]
fn both_get_the_number_whatever_the_interleaving() {
    for mode in [Mode::Weak, Mode::Interleaving] {
        let executions = explore(mode, None, || both_get_the_number(Release));
        assert!(executions > 1, "loom has explored nothing");
    }
}

#[test]
fn a_relaxed_publication_is_caught() {
    // Real threads on x86 would not see it: the processor orders its stores.
    if MODELED {
        let explored = catch_unwind(|| explore(Mode::Weak, None, || both_get_the_number(Relaxed)));
        assert!(explored.is_err(), "the bug was not found");
    }
}
