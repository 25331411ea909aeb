//! Values that tasks carry with them.

use std::cell::Cell;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::sync::Mutex;
use std::time::Duration;

use windlass::runtime::{Builder, Runtime};
use windlass::task::task_local;
use windlass::time::{Clock, sleep};
use windlass::{spawn, yield_now};

use super::rig::*;
use crate::kit::Hand;

task_local! {
    /// With words of its own.
    static NUMBER: Cell<u32>;
    static WORD: &'static str;
    pub(super) static SHARED: Arc<Mutex<Vec<u32>>>;
}

fn jumping(workers: usize) -> Runtime {
    let clock = Clock::paused();
    clock.set_auto_advance(true);
    Builder::new().workers(workers).clock(clock).debug(false).build().unwrap()
}

fn number() -> Option<u32> {
    NUMBER.try_with(Cell::get).ok()
}

// CTX-01
#[test]
fn an_inherited_value_is_a_copy_and_changes_stay_private_to_either_side() {
    on_1_2_and_4(|workers| {
        runtime(workers).block_on(NUMBER.scope(Cell::new(1), async {
            let child = NUMBER.inherit(async {
                assert_eq!(number(), Some(1), "the copy was made by the call");
                NUMBER.with(|number| number.set(10));
                yield_now().await;
                number()
            });
            NUMBER.with(|number| number.set(2));
            assert_eq!(spawn(child).await.unwrap(), Some(10));
            assert_eq!(number(), Some(2));
        }));
    });
}

// CTX-01
#[test]
fn a_task_that_does_not_ask_inherits_nothing() {
    on_1_2_and_4(|workers| {
        runtime(workers).block_on(NUMBER.scope(Cell::new(1), async {
            assert_eq!(spawn(async { number() }).await.unwrap(), None);
        }));
    });
}

// CTX-01
#[test]
fn where_there_is_no_value_none_is_inherited() {
    runtime(1).block_on(async {
        let child = NUMBER.inherit(async { number() });
        // Also not the value of whoever polls it.
        assert_eq!(NUMBER.scope(Cell::new(1), child).await, None);
    });
}

// CTX-02
#[test]
fn a_hundred_tasks_that_change_their_values_across_sleeps_never_mix() {
    on_1_2_and_4(|workers| {
        jumping(workers).block_on(async {
            let body = |mine: u32| async move {
                for round in 0..20 {
                    assert_eq!(number(), Some(mine + round));
                    NUMBER.with(|number| number.set(mine + round + 1));
                    match (mine + round) % 3 {
                        0 => sleep(Duration::from_millis(u64::from(mine) % 7)).await,
                        1 => yield_now().await,
                        _ => spawn(async { assert_eq!(number(), None) }).await.unwrap(),
                    }
                }
                number()
            };
            let task =
                |index: u32| spawn(NUMBER.scope(Cell::new(index * 1000), body(index * 1000)));
            let tasks: Vec<_> = (0..100).map(task).collect();
            for (index, task) in (0..).zip(tasks) {
                assert_eq!(task.await.unwrap(), Some(index * 1000 + 20));
            }
        });
    });
}

// CTX-02
#[test]
fn a_value_moves_with_its_task_to_another_thread() {
    let mut hand = Hand::new(NUMBER.scope(Cell::new(1), async {
        NUMBER.with(|number| number.set(2));
        yield_now().await;
        number()
    }));
    hand.pending();
    assert_eq!(number(), None, "nothing stays behind");
    let moved = std::thread::spawn(move || (hand.ready(), number()));
    assert_eq!(moved.join().unwrap(), (Some(2), None));
}

// CTX-03
#[test]
fn tasks_that_are_given_the_same_value_see_each_others_changes() {
    on_1_2_and_4(|workers| {
        runtime(workers).block_on(async {
            let list = Arc::new(Mutex::new(Vec::new()));
            for number in 0..3 {
                let task = async move { SHARED.with(|list| list.lock().unwrap().push(number)) };
                spawn(SHARED.scope(list.clone(), task)).await.unwrap();
            }
            assert_eq!(*list.lock().unwrap(), [0, 1, 2]);
        });
    });
}

// CTX-04
#[test]
fn what_a_task_leaves_at_its_end_does_not_reach_whoever_waits_for_it() {
    on_1_2_and_4(|workers| {
        runtime(workers).block_on(async {
            let waiter = spawn(NUMBER.scope(Cell::new(1), async {
                let task = spawn(NUMBER.scope(Cell::new(2), async {
                    yield_now().await;
                    NUMBER.with(|number| number.set(3));
                }));
                task.await.unwrap();
                number()
            }));
            assert_eq!(waiter.await.unwrap(), Some(1));
            assert_eq!(number(), None);
        });
    });
}

/// Reads the value when it is dropped.
struct Reader(Arc<Mutex<Vec<Option<u32>>>>);

impl Drop for Reader {
    fn drop(&mut self) {
        self.0.lock().unwrap().push(number());
    }
}

#[test]
fn destructors_of_the_future_find_the_value_however_it_ends() {
    let seen = Arc::new(Mutex::new(Vec::new()));
    runtime(1).block_on(async {
        let reader = || Reader(seen.clone());
        let (finishing, panicking, cancelled) = (reader(), reader(), reader());
        spawn(NUMBER.scope(Cell::new(1), async move { drop(finishing) })).await.unwrap();
        let task = spawn(NUMBER.scope(Cell::new(2), async move {
            let _reader = panicking;
            panic!("no luck")
        }));
        let _: windlass::task::JoinError = task.await.map(|()| ()).unwrap_err();
        let task = spawn(NUMBER.scope(Cell::new(3), async move {
            let _reader = cancelled;
            asleep().await;
        }));
        yield_now().await;
        task.cancel().await.unwrap_err();
    });
    assert_eq!(*seen.lock().unwrap(), [Some(1), Some(2), Some(3)]);
}

#[test]
fn a_panic_takes_the_value_out_again() {
    let mut hand = Hand::new(NUMBER.scope(Cell::new(1), async { panic!("no luck") }));
    assert_eq!(refusal(AssertUnwindSafe(|| hand.pending())), "no luck");
    assert_eq!(number(), None);
}

#[test]
fn the_inner_of_two_scopes_hides_the_outer_one() {
    runtime(1).block_on(WORD.scope("outer", async {
        let inner = WORD.scope("inner", async {
            yield_now().await;
            WORD.get()
        });
        assert_eq!((inner.await, WORD.get()), ("inner", "outer"));
        assert_eq!(WORD.sync_scope("sync", || WORD.get()), "sync");
        assert_eq!(WORD.get(), "outer");
    }));
}

#[test]
fn keys_do_not_know_each_other() {
    runtime(1).block_on(WORD.scope(
        "word",
        NUMBER.scope(Cell::new(5), async {
            assert_eq!((WORD.get(), number()), ("word", Some(5)));
        }),
    ));
}

#[test]
fn reading_where_there_is_no_value_panics_at_the_caller_and_tells_the_cure() {
    let text = refusal(|| WORD.get());
    assert!(text.starts_with("WORD has no value here: call this inside WORD.scope(..)"), "{text}");
    assert!(text.contains("WORD.inherit(..)"), "{text}");
    assert_eq!(WORD.try_with(|_| ()).unwrap_err().to_string(), "WORD has no value here");
}

#[test]
fn a_scope_inside_a_read_is_refused_and_harms_nothing() {
    WORD.sync_scope("outer", || {
        let text = refusal(|| WORD.with(|_| WORD.sync_scope("inner", || ())));
        assert!(text.contains("take a copy with WORD.get() first"), "{text}");
        // Dropped instead of polled: the future goes, without a value.
        let log = Log::default();
        let scoped = WORD.scope("inner", {
            let at_drop = log.at_drop("dropped");
            async move { drop(at_drop) }
        });
        WORD.with(|_| drop(scoped));
        assert_eq!((log.lines(), WORD.get()), (vec!["dropped".to_owned()], "outer"));
    });
}

#[test]
fn a_scope_that_is_polled_after_its_end_panics() {
    let mut hand = Hand::new(WORD.scope("word", async {}));
    hand.ready();
    assert_eq!(refusal(AssertUnwindSafe(|| hand.ready())), "a scope was polled after its end");
}
