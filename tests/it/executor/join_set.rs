//! Sets of tasks, and tasks as they end.

use std::cell::Cell;
use std::panic::AssertUnwindSafe;
use std::rc::Rc;

use windlass::runtime::{Handle, now};
use windlass::sync::oneshot;
use windlass::task::{JoinSet, Task, as_completed, task_local};
use windlass::time::{sleep, timeout};
use windlass::{spawn, yield_now};

use super::rig::*;
use super::waits::{SECOND, jumping, settle, sleepers};
use crate::kit::Hand;

task_local! {
    static NUMBER: u32;
}

/// The outputs as they come.
async fn drain<T>(set: &mut JoinSet<T>) -> Vec<T> {
    let mut outputs = Vec::new();
    while let Some(joined) = set.join_next().await {
        outputs.push(joined.unwrap());
    }
    outputs
}

// ACM-01
#[test]
fn outputs_are_taken_in_the_order_in_which_the_tasks_end() {
    on_1_2_and_4(|workers| {
        jumping(workers).block_on(async {
            let begun = now();
            let mut set = as_completed(sleepers([3, 1, 2]));
            let mut seen = Vec::new();
            while let Some(joined) = set.join_next().await {
                seen.push((joined.unwrap(), (now() - begun).as_secs()));
            }
            assert_eq!(seen, [(1, 1), (2, 2), (3, 3)]);
        });
    });
}

// ACM-03, ACM-04
#[test]
fn after_a_timeout_the_others_still_run_and_are_given_back() {
    on_1_2_and_4(|workers| {
        jumping(workers).block_on(async {
            let mut set = as_completed(sleepers([6, 1, 5]));
            let mut seen = Vec::new();
            while let Ok(Some(joined)) = timeout(2 * SECOND, set.join_next()).await {
                seen.push(joined.unwrap());
            }
            assert_eq!(seen, [1], "two seconds passed without the next one");
            assert_eq!(Handle::current().metrics().timers, 2, "those of the tasks");
            let left = set.take_all();
            assert!(set.is_empty());
            let mut outputs = Vec::new();
            for task in left {
                outputs.push(task.await.unwrap());
            }
            assert_eq!(outputs, [6, 5], "as they were given");
        });
    });
}

// ACM-05
#[test]
fn draining_can_stop_and_go_on() {
    on_1_2_and_4(|workers| {
        jumping(workers).block_on(async {
            let mut set = as_completed(sleepers([2, 3, 1]));
            assert_eq!(set.join_next().await.unwrap().unwrap(), 1);
            sleep(10 * SECOND).await;
            assert_eq!(drain(&mut set).await, [2, 3]);
        });
    });
}

// ACM-06, ACM-07: what comes next is the task itself, so it tells which it is; a task cannot be
// given twice.
#[test]
fn a_finished_task_is_given_with_its_number_and_name() {
    on_1_2_and_4(|workers| {
        jumping(workers).block_on(async {
            let tasks = sleepers([2, 1]).into_iter().map(|task| task.named("sleeper"));
            let tasks: Vec<_> = tasks.collect();
            let ids: Vec<_> = tasks.iter().map(Task::id).collect();
            let mut set = as_completed(tasks);
            let first = set.next_finished().await.unwrap();
            assert_eq!((first.id(), first.name().as_deref()), (ids[1], Some("sleeper")));
            assert!(first.is_finished());
            assert_eq!(first.await.unwrap(), 1);
            assert_eq!(set.next_finished().await.unwrap().id(), ids[0]);
        });
    });
}

// TGR-26
#[test]
fn dropping_a_set_cancels_its_members() {
    on_1_2_and_4(|workers| {
        runtime(workers).block_on(async {
            let (drops, mut set) = (Drops::default(), JoinSet::new());
            for _ in 0..3 {
                let witness = drops.witness();
                set.spawn(async move {
                    let _witness = witness;
                    asleep().await;
                });
            }
            drop(set);
            while drops.count() < 3 {
                yield_now().await;
            }
        });
    });
}

// TGR-27
#[test]
fn after_abort_all_each_end_is_taken_as_cancelled_or_finished() {
    on_1_2_and_4(|workers| {
        runtime(workers).block_on(async {
            let mut set = JoinSet::new();
            let finished = spawn(async { 5 });
            while !finished.is_finished() {
                yield_now().await;
            }
            set.insert(finished);
            (0..3).for_each(|_| _ = set.spawn(std::future::pending()));
            set.abort_all();
            let (mut cancelled, mut outputs, mut lengths) = (0, Vec::new(), Vec::new());
            while let Some(joined) = set.join_next().await {
                lengths.push(set.len());
                match joined {
                    Ok(output) => outputs.push(output),
                    Err(error) => cancelled += u32::from(error.is_cancelled()),
                }
            }
            assert_eq!((outputs, cancelled, lengths), (vec![5], 3, vec![3, 2, 1, 0]));
        });
    });
}

// TGR-27
#[test]
fn a_finished_member_counts_until_it_is_taken() {
    on_1_2_and_4(|workers| {
        runtime(workers).block_on(async {
            let mut set = JoinSet::new();
            let member = set.spawn(async { 5 });
            while !member.is_finished() {
                yield_now().await;
            }
            assert_eq!(set.len(), 1);
            until(|| set.try_join_next().is_some_and(|joined| joined.unwrap() == 5));
            assert!(set.is_empty() && set.try_join_next().is_none());
        });
    });
}

// TGR-28
#[test]
fn the_next_of_an_empty_set_is_none_at_once_and_the_set_can_be_used_again() {
    on_1_2_and_4(|workers| {
        runtime(workers).block_on(async {
            let mut set = JoinSet::new();
            for round in 0..3 {
                assert!(poll_once(&mut set.join_next()).await.expect("at once").is_none());
                set.spawn(async move { round });
                assert_eq!(drain(&mut set).await, [round]);
            }
        });
    });
}

// TGR-28
#[test]
fn members_may_be_added_while_others_are_taken() {
    on_1_2_and_4(|workers| {
        runtime(workers).block_on(async {
            let (mut set, mut seen) = (JoinSet::new(), Vec::new());
            set.spawn(async { 1_u32 });
            while let Some(joined) = set.join_next().await {
                let number = joined.unwrap();
                seen.push(number);
                // The places of those that were taken are used again.
                for number in [2 * number, 2 * number + 1].into_iter().filter(|next| *next < 500) {
                    set.spawn(async move { number });
                }
            }
            seen.sort_unstable();
            assert!(seen.into_iter().eq(1..500));
        });
    });
}

// TGR-29
#[test]
fn draining_many_finished_members_lets_others_run() {
    let runtime = runtime(1);
    let mut set = runtime.block_on(async {
        let mut set = JoinSet::new();
        (0..1_000).for_each(|_| _ = set.spawn(async {}));
        set
    });
    settle(&runtime);
    let mut hand = Hand::new(async { drain(&mut set).await.len() });
    let _limit = windlass_sync::budget::enter();
    hand.pending();
    assert_eq!(hand.wakes(), 1, "it goes on by itself");
    drop(hand);
    let taken = 1_000 - set.len();
    assert_eq!(taken as u32, windlass_sync::budget::OPERATIONS);
}

// TGR-30
#[test]
fn joining_all_gives_all_outputs_or_raises_the_first_panic_and_cancels_the_rest() {
    on_1_2_and_4(|workers| {
        let runtime = jumping(workers);
        let drops = Drops::default();
        let witness = drops.witness();
        let message = refusal(AssertUnwindSafe(|| {
            runtime.block_on(async {
                assert_eq!(as_completed(sleepers([2, 1])).join_all().await, [1, 2]);
                let mut set = as_completed(sleepers([1]));
                set.spawn(async {
                    sleep(2 * SECOND).await;
                    panic!("no luck")
                });
                set.spawn(async move {
                    let _witness = witness;
                    asleep().await;
                    0
                });
                set.join_all().await
            })
        }));
        assert_eq!(message, "no luck");
        runtime.block_on(async {
            while drops.count() == 0 {
                yield_now().await;
            }
        });
    });
}

// TGR-30
#[test]
fn joining_all_with_a_cancelled_member_panics_with_its_name() {
    let runtime = runtime(1);
    let message = refusal(AssertUnwindSafe(|| {
        runtime.block_on(async {
            let mut set = JoinSet::new();
            set.insert(spawn(asleep()).named("sleeper")).abort();
            set.join_all().await
        })
    }));
    assert!(message.contains("\"sleeper\"") && message.ends_with("was cancelled"), "{message}");
}

#[test]
fn shutting_a_set_down_waits_until_its_members_are_gone() {
    on_1_2_and_4(|workers| {
        runtime(workers).block_on(async {
            let (drops, mut set) = (Drops::default(), JoinSet::new());
            for _ in 0..10 {
                let witness = drops.witness();
                set.spawn(async move {
                    let _witness = witness;
                    asleep().await;
                });
            }
            set.shutdown().await;
            assert_eq!((drops.count(), set.len()), (10, 0));
        });
    });
}

#[test]
fn detached_members_run_on_and_the_set_is_empty() {
    on_1_2_and_4(|workers| {
        jumping(workers).block_on(async {
            let (tell, told) = oneshot::channel();
            let mut set = JoinSet::new();
            set.spawn(async move {
                sleep(SECOND).await;
                tell.send(5).unwrap();
            });
            set.detach_all();
            assert!(set.join_next().await.is_none());
            assert_eq!(told.await.unwrap(), 5);
        });
    });
}

#[test]
fn a_set_takes_local_tasks_and_blocking_jobs() {
    on_1_2_and_4(|workers| {
        runtime(workers).block_on(async {
            let (mut local, mut any) = (JoinSet::new(), JoinSet::new());
            let shared = Rc::new(Cell::new(1));
            let inside = shared.clone();
            local.spawn_local(async move {
                inside.set(2);
                inside
            });
            assert_eq!(local.join_next().await.unwrap().unwrap().get(), 2);
            any.spawn_blocking(|| 3);
            any.spawn(async { 3 });
            assert_eq!(drain(&mut any).await, [3, 3]);
        });
    });
}

// CTX-01
#[test]
fn a_member_has_the_values_that_it_was_told_to_inherit() {
    runtime(1).block_on(NUMBER.scope(7, async {
        let mut set = JoinSet::new();
        set.spawn(NUMBER.inherit(async { NUMBER.try_with(|number| *number).ok() }));
        assert_eq!(set.join_next().await.unwrap().unwrap(), Some(7));
        set.spawn(async { NUMBER.try_with(|number| *number).ok() });
        assert_eq!(set.join_next().await.unwrap().unwrap(), None);
    }));
}

/// Tasks that somebody has watched before look for a waker as soon as they end, so their end may be
/// told twice.
#[test]
fn a_member_that_ends_while_it_is_added_is_taken_once() {
    on_2_and_4(|workers| {
        runtime(workers).block_on(async {
            for _ in 0..50 {
                let mut tasks: Vec<_> = (0..100)
                    .map(|number| {
                        spawn(async move {
                            yield_now().await;
                            number
                        })
                    })
                    .collect();
                let mut set = JoinSet::new();
                for mut task in tasks.drain(..) {
                    _ = poll_once(&mut std::future::poll_fn(|cx| task.poll_finished(cx))).await;
                    set.insert(task);
                }
                let mut outputs = drain(&mut set).await;
                outputs.sort_unstable();
                assert!(outputs.into_iter().eq(0..100));
            }
        });
    });
}

// WAI-14
#[test]
fn a_join_that_is_dropped_leaves_no_waker() {
    let runtime = runtime(1);
    let (sender, receiver) = oneshot::channel::<()>();
    let mut set = JoinSet::new();
    set.insert(runtime.spawn(async move { receiver.await.unwrap() }));
    let mut hand = Hand::new(set.join_next());
    hand.pending();
    assert_eq!(hand.count.wakers(), 1);
    let count = hand.count.clone();
    drop(hand);
    assert_eq!(count.wakers(), 0);
    sender.send(()).unwrap();
    settle(&runtime);
    assert_eq!(count.wakes(), 0);
    assert!(Hand::new(set.join_next()).ready().is_some());
}
