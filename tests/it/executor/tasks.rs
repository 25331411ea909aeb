//! Tasks as their users see them: spawning, awaiting, cancelling, names, errors.

use std::cell::Cell;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::mpsc::Receiver;
use std::thread;
use std::time::Duration;

use windlass::runtime::{Builder, Handle, Runtime};
use windlass::sync::{Event, oneshot};
use windlass::task::{AbortHandle, JoinError, Task, try_id};
use windlass::time::{Clock, sleep, timeout};
use windlass::{spawn, spawn_blocking, yield_now};

use super::rig::*;
use crate::kit::Hand;

fn jumping(workers: usize) -> Runtime {
    let clock = Clock::paused();
    clock.set_auto_advance(true);
    Builder::new().workers(workers).clock(clock).debug(false).build().unwrap()
}

/// Says on `begun` that it runs, and blocks its worker until `end` says so.
fn stuck(begun: Arc<Event>, end: Receiver<()>) {
    begun.set();
    end.recv().unwrap();
}

thread_local! {
    static INSIDE_SPAWN: Cell<bool> = const { Cell::new(false) };
}

// TSK-01
#[test]
fn spawning_a_task_does_not_poll_it() {
    on_1_2_and_4(|workers| {
        runtime(workers).block_on(async {
            for _ in 0..100 {
                INSIDE_SPAWN.set(true);
                let task = spawn(async { assert!(!INSIDE_SPAWN.get()) });
                INSIDE_SPAWN.set(false);
                task.await.unwrap();
            }
        });
    });
}

// TSK-03
#[test]
fn awaiting_a_task_gives_its_value_or_its_error() {
    on_1_2_and_4(|workers| {
        runtime(workers).block_on(async {
            let error = spawn(async { Err::<u32, _>("no".to_owned()) }).await.unwrap();
            assert_eq!(error.unwrap_err(), "no");
            let panic = spawn(async { std::panic::panic_any(7_u32) }).await.map(|()| ());
            assert_eq!(panic.unwrap_err().into_panic().unwrap().downcast_ref(), Some(&7_u32));
        });
    });
}

// TSK-04, TSK-06, TSK-07: a cancel is a flag, not a count.
#[test]
fn a_cancelled_task_ends_where_it_waits_and_further_cancels_change_nothing() {
    on_1_2_and_4(|workers| {
        runtime(workers).block_on(async {
            let log = Log::default();
            let (begun, at_drop) = (Arc::new(Event::new()), log.at_drop("dropped"));
            let task = spawn({
                let (begun, log) = (begun.clone(), log.clone());
                async move {
                    let _at_drop = at_drop;
                    begun.set();
                    asleep().await;
                    log.add("never");
                }
            });
            begun.wait().await;
            let abort = task.abort_handle();
            assert!(task.abort());
            assert!(!task.abort());
            assert!(!abort.clone().abort());
            let error = task.await.unwrap_err();
            assert!(error.is_cancelled() && !error.is_panic());
            assert!(abort.is_finished() && !abort.abort());
            assert_eq!(log.lines(), ["dropped"]);
        });
    });
}

// TSK-08: a cancel drops the future, so it cannot be caught; what cleans up waits is told to stop.
#[test]
fn a_task_that_is_asked_by_an_event_may_clean_up_with_waits_and_give_a_value() {
    on_1_2_and_4(|workers| {
        jumping(workers).block_on(async {
            let stop = Arc::new(Event::new());
            let task = spawn({
                let stop = stop.clone();
                async move {
                    stop.wait().await;
                    sleep(Duration::from_secs(1)).await;
                    "cleaned up"
                }
            });
            stop.set();
            assert_eq!(task.await.unwrap(), "cleaned up");
        });
    });
}

// TSK-09
#[test]
fn an_event_that_asks_to_stop_is_seen_by_every_later_wait() {
    runtime(1).block_on(async {
        let stop = Event::new();
        stop.set();
        for _ in 0..3 {
            assert!(poll_once(&mut stop.wait()).await.is_some());
        }
    });
}

/// A task that cancels itself and then goes through `rest`.
fn self_cancelling<F>(rest: impl FnOnce() -> F + Send + 'static) -> Task<F::Output>
where
    F: Future<Output: Send + 'static> + Send,
{
    let (give, take) = oneshot::channel::<AbortHandle>();
    let task = spawn(async move {
        take.await.unwrap().abort();
        rest().await
    });
    give.send(task.abort_handle()).unwrap();
    task
}

// TSK-10
#[test]
fn a_task_that_cancels_itself_ends_at_its_next_wait() {
    on_1_2_and_4(|workers| {
        runtime(workers).block_on(async {
            let log = Log::default();
            let inside = log.clone();
            let task = self_cancelling(|| async move {
                inside.add("before");
                yield_now().await;
                inside.add("after");
            });
            assert!(task.await.unwrap_err().is_cancelled());
            assert_eq!(log.lines(), ["before"]);
        });
    });
}

// TSK-10
#[test]
fn a_task_that_cancels_itself_and_never_waits_again_gives_its_output() {
    on_1_2_and_4(|workers| {
        runtime(workers).block_on(async {
            assert_eq!(self_cancelling(|| async { 5 }).await.unwrap(), 5);
        });
    });
}

// TSK-14
#[test]
fn whoever_awaits_a_cancelled_task_is_told_and_decides() {
    on_1_2_and_4(|workers| {
        runtime(workers).block_on(async {
            let inner = spawn(asleep());
            let abort = inner.abort_handle();
            let outer = spawn(async move {
                let error = inner.await.unwrap_err();
                yield_now().await;
                error.is_cancelled()
            });
            assert!(abort.abort());
            assert!(outer.await.unwrap(), "the outer task goes on");
        });
    });
}

// TSK-15
#[test]
fn the_reason_of_a_cancel_reaches_whoever_awaits_the_task() {
    on_1_2_and_4(|workers| {
        runtime(workers).block_on(async {
            let task = spawn(asleep()).named("fetch");
            assert!(task.abort_with("the user left"));
            assert!(!task.abort_handle().abort_with("too late"));
            let error = task.await.unwrap_err();
            assert_eq!(error.cancel_reason(), Some("the user left"));
            let text = error.to_string();
            assert!(text.ends_with(" was cancelled: the user left"), "{text}");
            assert!(text.contains("\"fetch\" (spawned at tests/it/executor/tasks.rs:"), "{text}");

            let task = spawn(asleep());
            task.abort_handle().abort_with("by a handle");
            assert_eq!(task.await.unwrap_err().cancel_reason(), Some("by a handle"));
            let task = spawn(asleep()).cancel();
            assert_eq!(task.await.unwrap_err().cancel_reason(), None);
        });
    });
}

// TSK-18
#[test]
fn a_task_that_has_handled_a_timeout_goes_on_uncancelled() {
    on_1_2_and_4(|workers| {
        jumping(workers).block_on(async {
            let second = Duration::from_secs(1);
            let task = spawn(async move {
                timeout(second, asleep()).await.unwrap_err();
                sleep(second).await;
                yield_now().await;
                5
            });
            assert_eq!(task.await.unwrap(), 5);
        });
    });
}

// TSK-19
#[test]
fn a_cancel_of_a_finished_task_yields_its_output() {
    on_1_2_and_4(|workers| {
        runtime(workers).block_on(async {
            let task = spawn(async { 5 });
            while !task.is_finished() {
                yield_now().await;
            }
            assert!(!task.abort());
            assert_eq!(task.cancel().await.unwrap(), 5);
        });
    });
}

#[test]
fn cancel_waits_until_a_running_future_is_really_gone() {
    on_2_and_4(|workers| {
        runtime(workers).block_on(async {
            let (begun, drops, (open, end)) = (Arc::new(Event::new()), Drops::default(), gate());
            let witness = drops.witness();
            let task = spawn({
                let begun = begun.clone();
                async move {
                    let _witness = witness;
                    stuck(begun, end);
                    asleep().await;
                }
            });
            // Another task answers, in case this worker has taken the one that blocks.
            let waiter = spawn({
                let drops = drops.clone();
                async move {
                    begun.wait().await;
                    let mut cancelling = task.cancel();
                    assert!(poll_once(&mut cancelling).await.is_none(), "it is being polled");
                    assert_eq!(drops.count(), 0);
                    open.send(()).unwrap();
                    let error = cancelling.await.unwrap_err();
                    (error.is_cancelled(), drops.count())
                }
            });
            assert_eq!(waiter.await.unwrap(), (true, 1));
        });
    });
}

#[test]
fn a_running_future_that_finishes_although_it_is_cancelled_yields_its_output() {
    on_2_and_4(|workers| {
        runtime(workers).block_on(async {
            let (begun, (open, end)) = (Arc::new(Event::new()), gate());
            let task = spawn({
                let begun = begun.clone();
                async move {
                    stuck(begun, end);
                    5
                }
            });
            let waiter = spawn(async move {
                begun.wait().await;
                let cancelling = task.cancel();
                open.send(()).unwrap();
                cancelling.await
            });
            assert_eq!(waiter.await.unwrap().unwrap(), 5);
        });
    });
}

// TSK-21
#[test]
fn tasks_have_different_numbers_and_may_be_named_and_renamed() {
    on_1_2_and_4(|workers| {
        runtime(workers).block_on(async {
            let tasks: Vec<_> = (0..100).map(|_| spawn(asleep())).collect();
            let mut ids: Vec<_> = tasks.iter().map(Task::id).collect();
            ids.sort();
            ids.dedup();
            assert_eq!(ids.len(), 100);
            assert!(tasks.iter().all(|task| task.name().is_none()));
            let task = spawn(asleep()).named("first");
            assert_eq!(task.name().as_deref(), Some("first"));
            let task = task.named("second");
            let dump = Handle::current().dump().to_string();
            assert!(dump.contains("\"second\"") && !dump.contains("\"first\""), "{dump}");
            let error = task.cancel().await.unwrap_err();
            assert_eq!(error.name(), Some("second"));
        });
    });
}

// TSK-23
#[test]
fn a_detached_task_that_nobody_refers_to_runs_to_its_end() {
    on_1_2_and_4(|workers| {
        jumping(workers).block_on(async {
            let (done, end) = oneshot::channel();
            spawn(async move {
                for _ in 0..100 {
                    sleep(Duration::from_secs(1)).await;
                }
                done.send(5).unwrap();
            })
            .detach();
            assert_eq!(end.await.unwrap(), 5);
        });
    });
}

#[test]
fn dropping_a_task_cancels_it() {
    on_1_2_and_4(|workers| {
        runtime(workers).block_on(async {
            let drops = Drops::default();
            let witness = drops.witness();
            drop(spawn(async move {
                let _witness = witness;
                asleep().await;
            }));
            while drops.count() == 0 {
                yield_now().await;
            }
        });
    });
}

// TSK-26, TSK-27
#[test]
fn a_panic_in_a_task_harms_neither_its_worker_nor_its_siblings() {
    on_1_2_and_4(|workers| {
        runtime(workers).block_on(async {
            let siblings: Vec<_> = (0..20)
                .map(|number| {
                    spawn(async move {
                        yield_now().await;
                        assert!(number % 2 == 0, "number {number}");
                        number
                    })
                })
                .collect();
            for (number, task) in siblings.into_iter().enumerate() {
                match task.await {
                    Ok(output) => assert_eq!((output, number % 2), (number, 0)),
                    Err(error) => {
                        let text = format!("panicked: number {number}");
                        assert!(error.is_panic() && error.to_string().ends_with(&text), "{error}");
                    }
                }
            }
        });
    });
}

// TSK-27
#[test]
fn the_text_of_a_join_error_names_the_task_its_place_and_its_end() {
    fn text(error: &JoinError) -> String {
        let place = error.spawned_at().to_string();
        assert!(place.starts_with("tests/it/executor/tasks.rs:"), "{place}");
        let text = error.to_string();
        text.replace(&place, "PLACE").replace(&format!("task {}", error.id()), "task N")
    }
    runtime(1).block_on(async {
        let error = spawn(async { panic!("no luck") }).await.map(|()| ()).unwrap_err();
        assert_eq!(text(&error), "task N (spawned at PLACE) panicked: no luck");
        assert_eq!(error.panic_message(), Some("no luck"));
        let task = spawn(async { std::panic::panic_any(5) }).named("odd");
        let error = task.await.map(|()| ()).unwrap_err();
        let expected = "task N \"odd\" (spawned at PLACE) panicked: a payload that is no text";
        assert_eq!(text(&error), expected);
        let error = spawn(asleep()).cancel().await.unwrap_err();
        assert_eq!(text(&error), "task N (spawned at PLACE) was cancelled");
        assert_eq!(format!("{error:?}"), format!("JoinError({error})"));
        assert!(error.into_panic().unwrap_err().is_cancelled(), "the error is given back");
    });
}

/// Panics when it is dropped.
struct Bomb;

impl Drop for Bomb {
    fn drop(&mut self) {
        panic!("the destructor of the output");
    }
}

// TSK-29
#[test]
fn dropping_the_handle_of_a_task_whose_output_panics_when_dropped_harms_nobody() {
    on_1_2_and_4(|workers| {
        let builder = Builder::new().workers(workers).on_report(|_| {});
        let runtime = builder.build().unwrap();
        runtime.block_on(async {
            let task = spawn(async { Bomb });
            while !task.is_finished() {
                yield_now().await;
            }
            drop(task);
            spawn(async { Bomb }).detach();
            assert_eq!(spawn(async { 5 }).await.unwrap(), 5);
        });
    });
}

// TSK-32
#[test]
fn handles_of_a_runtime_that_is_gone_say_cancelled() {
    on_1_2_and_4(|workers| {
        let runtime = runtime(workers);
        let (waiting, never_polled) = (runtime.spawn(asleep()), runtime.spawn(asleep()));
        let abort = waiting.abort_handle();
        runtime.block_on(async { yield_now().await });
        drop(runtime);
        assert!(!abort.abort() && abort.is_finished());
        for task in [waiting, never_polled] {
            assert!(Hand::new(task).ready().unwrap_err().is_cancelled());
        }
    });
}

// TSK-33
#[test]
fn the_output_of_a_finished_task_outlives_its_runtime() {
    on_1_2_and_4(|workers| {
        let runtime = runtime(workers);
        let task = runtime.block_on(async {
            let task = spawn(async { "still here".to_owned() });
            while !task.is_finished() {
                yield_now().await;
            }
            task
        });
        drop(runtime);
        assert_eq!(Hand::new(task).ready().unwrap(), "still here");
    });
}

// TSK-34
#[test]
fn a_task_spawned_on_a_closed_runtime_is_dropped_quietly_and_says_cancelled() {
    on_1_2_and_4(|workers| {
        let runtime = runtime(workers);
        let handle = runtime.handle().clone();
        drop(runtime);
        let drops = Drops::default();
        let witness = drops.witness();
        let task = handle.spawn(async move { drop(witness) });
        assert_eq!(drops.count(), 1);
        assert!(Hand::new(task).ready().unwrap_err().is_cancelled());
    });
}

// TSK-35
#[test]
fn each_wake_is_one_poll() {
    on_1_2_and_4(|workers| {
        jumping(workers).block_on(async {
            let task = spawn(async {
                for _ in 0..10 {
                    sleep(Duration::from_secs(1)).await;
                }
                asleep().await;
            });
            sleep(Duration::from_secs(60)).await;
            let tasks = Handle::current().dump().tasks;
            // One for the start, and one for the end of each sleep.
            assert_eq!((tasks.len(), tasks[0].id, tasks[0].polls), (1, task.id(), 11));
        });
    });
}

// INT-01, INT-02
#[test]
fn a_block_on_inside_a_blocking_job_has_a_number_of_its_own_and_gives_it_back() {
    on_1_2_and_4(|workers| {
        runtime(workers).block_on(async {
            let outer = try_id();
            let inside = spawn_blocking(|| {
                let before = try_id();
                let root = Handle::current().block_on(async {
                    let root = try_id();
                    let task = spawn(async { try_id() });
                    assert_eq!((task.id(), try_id()), (task.await.unwrap().unwrap(), root));
                    root
                });
                assert_eq!(try_id(), before);
                root
            });
            let root = inside.await.unwrap();
            assert!(root.is_some() && root != outer);
            assert_eq!(try_id(), outer);
        });
    });
}

// INT-01
#[test]
fn a_plain_thread_is_no_task() {
    runtime(1).block_on(async {
        assert!(try_id().is_some());
        assert!(thread::spawn(try_id).join().unwrap().is_none());
    });
}

// INT-03
#[test]
fn the_list_has_tasks_that_were_never_polled() {
    let runtime = runtime(1);
    let task = runtime.spawn(async {});
    let listed = runtime.handle().dump().tasks;
    assert_eq!((listed.len(), listed[0].id, listed[0].polls), (1, task.id(), 0));
    runtime.block_on(task).unwrap();
    assert!(runtime.handle().dump().tasks.is_empty());
}

#[test]
fn a_task_may_be_awaited_in_several_attempts() {
    on_1_2_and_4(|workers| {
        runtime(workers).block_on(async {
            let go = Arc::new(Event::new());
            let mut task = spawn({
                let go = go.clone();
                async move {
                    go.wait().await;
                    5
                }
            });
            assert!(poll_once(&mut Pin::new(&mut task)).await.is_none());
            go.set();
            assert_eq!((&mut task).await.unwrap(), 5);
            assert!(task.is_finished() && !task.has_failed());
        });
    });
}
