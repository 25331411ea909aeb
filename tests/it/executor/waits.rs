//! Waiting for several tasks at once.

use std::future::{Future, poll_fn};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::task::Poll;
use std::time::Duration;

use windlass::runtime::{Builder, Runtime, now};
use windlass::sync::{Event, oneshot};
use windlass::task::{Task, Until, Waited, wait};
use windlass::time::{Clock, sleep, timeout};
use windlass::{spawn, yield_now};

use super::rig::*;
use crate::kit::Hand;

pub(super) const SECOND: Duration = Duration::from_secs(1);

pub(super) fn jumping(workers: usize) -> Runtime {
    let clock = Clock::paused();
    clock.set_auto_advance(true);
    Builder::new().workers(workers).clock(clock).debug(false).build().unwrap()
}

/// Tasks that end after so many seconds, and give that number.
pub(super) fn sleepers<const N: usize>(seconds: [u32; N]) -> Vec<Task<u32>> {
    let sleeper = |seconds| {
        spawn(async move {
            sleep(seconds * SECOND).await;
            seconds
        })
    };
    seconds.map(sleeper).into()
}

/// Lets everything run that can.
pub(super) fn settle(runtime: &Runtime) {
    while runtime.drive(SECOND).more {}
}

async fn outputs<T>(tasks: Vec<Task<T>>) -> Vec<T> {
    let mut outputs = Vec::new();
    for task in tasks {
        outputs.push(task.await.unwrap());
    }
    outputs
}

// WAI-01, WAI-15
#[test]
fn waiting_for_all_gives_all_in_the_order_in_which_they_ended() {
    on_1_2_and_4(|workers| {
        jumping(workers).block_on(async {
            let (begun, mut tasks) = (now(), sleepers([3, 1, 2]));
            let Waited { done, pending } = wait(&mut tasks, Until::AllCompleted).await;
            assert_eq!(now() - begun, 3 * SECOND);
            assert_eq!(outputs(done).await, [1, 2, 3]);
            assert!(pending.is_empty() && tasks.is_empty());
        });
    });
}

// WAI-01
#[test]
fn the_first_that_ends_is_done_and_the_others_run_on() {
    on_1_2_and_4(|workers| {
        jumping(workers).block_on(async {
            let (begun, mut tasks) = (now(), sleepers([3, 1, 2]));
            let Waited { done, pending } = wait(&mut tasks, Until::FirstCompleted).await;
            assert_eq!(now() - begun, SECOND);
            assert_eq!(outputs(done).await, [1]);
            // In the order in which they were given, and still running.
            assert_eq!(outputs(pending).await, [3, 2]);
        });
    });
}

// WAI-01
#[test]
fn everything_that_has_ended_when_the_wait_is_over_is_done() {
    on_1_2_and_4(|workers| {
        runtime(workers).block_on(async {
            let mut tasks = vec![spawn(async {}), spawn(asleep()), spawn(async {})];
            while !(tasks[0].is_finished() && tasks[2].is_finished()) {
                yield_now().await;
            }
            let Waited { done, pending } = wait(&mut tasks, Until::FirstCompleted).await;
            assert_eq!((done.len(), pending.len()), (2, 1));
        });
    });
}

/// One of three tasks fails in its way after a second; how many are done when the wait is over.
async fn done_at_the_first_failure(fail: impl Fn(&Task<u32>)) -> (usize, usize) {
    let mut tasks = sleepers([1, 3, 4]);
    let failing = spawn(async {
        sleep(2 * SECOND).await;
        Event::new().wait().await;
        0
    });
    tasks.push(failing);
    timeout(2 * SECOND, wait(&mut tasks, Until::FirstFailed)).await.unwrap_err();
    fail(&tasks[3]);
    let begun = now();
    let Waited { done, pending } = wait(&mut tasks, Until::FirstFailed).await;
    assert_eq!(now(), begun, "it does not wait for those that go well");
    (done.len(), pending.len())
}

// WAI-03
#[test]
fn a_cancelled_task_ends_a_wait_for_the_first_failure_and_one_that_goes_well_does_not() {
    on_1_2_and_4(|workers| {
        jumping(workers).block_on(async {
            let sets = done_at_the_first_failure(|task| assert!(task.abort())).await;
            assert_eq!(sets, (2, 2));
        });
    });
}

// WAI-03
#[test]
fn a_panic_ends_a_wait_for_the_first_failure() {
    on_1_2_and_4(|workers| {
        jumping(workers).block_on(async {
            let mut tasks = sleepers([1, 3]);
            tasks.push(spawn(async {
                sleep(2 * SECOND).await;
                panic!("no luck")
            }));
            let begun = now();
            let Waited { mut done, pending } = wait(&mut tasks, Until::FirstFailed).await;
            assert_eq!((now() - begun, done.len(), pending.len()), (2 * SECOND, 2, 1));
            assert!(done.pop().unwrap().await.unwrap_err().is_panic());
        });
    });
}

// WAI-03: an `Err` that a task returns is an output like any other; only the caller knows.
#[test]
fn a_wait_for_the_first_failure_lasts_until_all_have_ended_if_none_fails() {
    on_1_2_and_4(|workers| {
        jumping(workers).block_on(async {
            let begun = now();
            let mut tasks: Vec<_> = sleepers([3, 1, 2])
                .into_iter()
                .map(|task| spawn(async { Err::<u32, u32>(task.await.unwrap()) }))
                .collect();
            let Waited { done, pending } = wait(&mut tasks, Until::FirstFailed).await;
            assert_eq!((now() - begun, done.len(), pending.len()), (3 * SECOND, 3, 0));
        });
    });
}

// WAI-05: the tasks stay with the caller, who sorts them by `is_finished`.
#[test]
fn a_timeout_around_a_wait_cancels_nothing() {
    on_1_2_and_4(|workers| {
        jumping(workers).block_on(async {
            let mut tasks = sleepers([1, 3]);
            timeout(2 * SECOND, wait(&mut tasks, Until::AllCompleted)).await.unwrap_err();
            let finished: Vec<_> = tasks.iter().map(Task::is_finished).collect();
            assert_eq!(finished, [true, false]);
            assert_eq!(outputs(tasks).await, [1, 3]);
        });
    });
}

// WAI-06: a wait looks once, and runs nobody. asyncio lets one round of tasks run first.
#[test]
fn a_wait_that_may_not_last_sees_what_has_ended_before_it() {
    let runtime = jumping(1);
    runtime.block_on(async {
        let mut tasks = vec![spawn(async {})];
        timeout(Duration::ZERO, wait(&mut tasks, Until::AllCompleted)).await.unwrap_err();
        yield_now().await;
        let waited = timeout(Duration::ZERO, wait(&mut tasks, Until::AllCompleted)).await;
        assert_eq!(waited.unwrap().done.len(), 1);
    });
}

// WAI-07, WAI-11
#[test]
fn a_wait_for_nothing_or_for_what_has_ended_is_over_at_its_first_poll() {
    on_1_2_and_4(|workers| {
        runtime(workers).block_on(async {
            for until in [Until::FirstCompleted, Until::FirstFailed, Until::AllCompleted] {
                let mut none = Vec::<Task<()>>::new();
                let waited = poll_once(&mut wait(&mut none, until)).await.expect("over at once");
                assert!(waited.done.is_empty() && waited.pending.is_empty());

                let mut tasks = vec![spawn(async {}), spawn(async {})];
                while !tasks.iter().all(Task::is_finished) {
                    yield_now().await;
                }
                let waited = poll_once(&mut wait(&mut tasks, until)).await.expect("over at once");
                assert_eq!((waited.done.len(), waited.pending.len()), (2, 0));
            }
        });
    });
}

// WAI-10
#[test]
fn a_cancelled_waiter_leaves_the_tasks_running() {
    on_1_2_and_4(|workers| {
        jumping(workers).block_on(async {
            let tasks = Arc::new(windlass::sync::Mutex::new(sleepers([3, 2])));
            let waiter = spawn({
                let tasks = tasks.clone();
                async move { wait(&mut *tasks.lock().await, Until::AllCompleted).await.done.len() }
            });
            sleep(SECOND).await;
            assert!(waiter.cancel().await.unwrap_err().is_cancelled());
            let tasks = std::mem::take(&mut *tasks.lock().await);
            assert_eq!(outputs(tasks).await, [3, 2]);
        });
    });
}

// WAI-13
#[test]
fn whatever_can_be_collected_can_be_waited_for() {
    runtime(1).block_on(async {
        let mut tasks = (0..5).map(|number| spawn(async move { number })).collect();
        let waited = wait(&mut tasks, Until::AllCompleted).await;
        assert_eq!(outputs(waited.done).await, [0, 1, 2, 3, 4]);
    });
}

// WAI-14
#[test]
fn a_wait_that_is_over_or_dropped_leaves_no_waker_with_pending_tasks() {
    let runtime = runtime(1);
    let (sender, receiver) = oneshot::channel::<()>();
    let mut tasks = vec![
        runtime.spawn(asleep()),
        runtime.spawn(async move { receiver.await.unwrap() }),
        runtime.spawn(asleep()),
    ];
    {
        let mut hand = Hand::new(wait(&mut tasks, Until::FirstCompleted));
        hand.pending();
        assert!(hand.count.wakers() > 0, "it waits");
        let count = hand.count.clone();
        drop(hand);
        assert_eq!(count.wakers(), 0);
    }
    let mut hand = Hand::new(wait(&mut tasks, Until::FirstCompleted));
    hand.pending();
    sender.send(()).unwrap();
    settle(&runtime);
    assert_eq!(hand.wakes(), 1);
    let Waited { done, pending } = hand.ready();
    let count = hand.count.clone();
    drop(hand);
    assert_eq!((done.len(), pending.len()), (1, 2));
    assert_eq!(count.wakers(), 0);
    drop(pending);
    settle(&runtime);
    assert_eq!(count.wakes(), 1, "what ends after the wait wakes nobody");
}

#[test]
fn a_wait_that_moves_to_another_task_wakes_that_one() {
    let runtime = runtime(1);
    let (sender, receiver) = oneshot::channel::<()>();
    let mut tasks = vec![runtime.spawn(async move { receiver.await.unwrap() })];
    let mut first = Hand::new(wait(&mut tasks, Until::AllCompleted));
    first.pending();
    let mut second = Hand::new(poll_fn(|cx| first.future.as_mut().poll(cx)));
    second.pending();
    sender.send(()).unwrap();
    settle(&runtime);
    assert_eq!((second.ready().done.len(), second.wakes()), (1, 1));
    drop(second);
    assert_eq!(first.wakes(), 0);
}

#[test]
fn ten_thousand_tasks_are_waited_for_at_once() {
    on_1_2_and_4(|workers| {
        jumping(workers).block_on(async {
            let mut tasks: Vec<_> = (0..10_000_u32)
                .map(|number| {
                    spawn(async move {
                        sleep((number % 10) * SECOND).await;
                        number
                    })
                })
                .collect();
            let Waited { done, pending } = wait(&mut tasks, Until::AllCompleted).await;
            assert!(pending.is_empty());
            let outputs = outputs(done).await;
            assert!(outputs.is_sorted_by_key(|number| number % 10), "in the order of their ends");
            let mut sorted = outputs;
            sorted.sort_unstable();
            assert_eq!(sorted, (0..10_000).collect::<Vec<_>>(), "each of them once");
        });
    });
}

/// Waits for many tasks while they end on another worker. Somebody has waited for each before, so
/// that its end looks for a waker at once.
#[test]
fn a_task_that_ends_while_the_wait_begins_is_done_once() {
    on_2_and_4(|workers| {
        runtime(workers).block_on(async {
            for _ in 0..50 {
                let go = Arc::new(Event::new());
                let mut tasks: Vec<_> = (0..200)
                    .map(|_| {
                        let go = go.clone();
                        spawn(async move { go.wait().await })
                    })
                    .collect();
                for task in &mut tasks {
                    assert!(poll_once(task).await.is_none());
                }
                go.set();
                let Waited { done, pending } = wait(&mut tasks, Until::AllCompleted).await;
                assert_eq!((done.len(), pending.len()), (200, 0));
            }
        });
    });
}

// WAI-14
#[test]
fn a_waiter_is_polled_once_for_each_moment_in_which_tasks_end() {
    let runtime = jumping(1);
    let polls = Arc::new(AtomicUsize::new(0));
    runtime.block_on(async {
        let mut tasks = sleepers([1, 1, 1, 2, 3, 3]);
        let mut waiting = wait(&mut tasks, Until::AllCompleted);
        let counted = poll_fn(|cx| {
            polls.fetch_add(1, SeqCst);
            std::pin::Pin::new(&mut waiting).poll(cx)
        });
        assert_eq!(counted.await.done.len(), 6);
    });
    // The first look, and seconds 1, 2 and 3.
    assert_eq!(polls.load(SeqCst), 4);
}

// WAI-09: a `Task` is owned, so it cannot be given twice; the text tells how far a wait has come.
#[test]
fn the_text_of_a_wait_tells_how_many_have_ended() {
    let runtime = runtime(1);
    let mut tasks = vec![runtime.spawn(async {}), runtime.spawn(asleep())];
    settle(&runtime);
    let mut waiting = wait(&mut tasks, Until::AllCompleted);
    runtime.block_on(poll_fn(|cx| {
        assert!(std::pin::Pin::new(&mut waiting).poll(cx).is_pending());
        Poll::Ready(())
    }));
    assert_eq!(format!("{waiting:?}"), "Wait(1 of 2 ended, AllCompleted)");
}
