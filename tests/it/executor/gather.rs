//! The outputs of several tasks in the order of the tasks; and tasks that outlive their waiter.

use std::future::pending;
use std::time::Duration;

use windlass::runtime::now;
use windlass::spawn;
use windlass::sync::oneshot;
use windlass::task::{Failure, Task, gather, shield, try_gather};
use windlass::time::{sleep, timeout};

use super::rig::*;
use super::waits::{SECOND, jumping, settle, sleepers};
use crate::kit::Hand;

/// A task that ends after so many seconds, with this.
fn after<T: Send + 'static>(seconds: u32, output: T) -> Task<T> {
    spawn(async move {
        sleep(seconds * SECOND).await;
        output
    })
}

/// A task that waits for ever and holds what is given.
fn holding<T: Send + 'static, O: Send + 'static>(held: T) -> Task<O> {
    spawn(async move {
        let _held = held;
        asleep().await;
        unreachable!("it waits for ever")
    })
}

// GTH-01
#[test]
fn gathered_outputs_come_in_the_order_of_the_tasks() {
    on_1_2_and_4(|workers| {
        jumping(workers).block_on(async {
            let begun = now();
            let outputs = gather(sleepers([3, 1, 2])).await;
            assert_eq!(now() - begun, 3 * SECOND);
            let outputs: Vec<u32> = outputs.into_iter().map(Result::unwrap).collect();
            assert_eq!(outputs, [3, 1, 2]);

            let values = try_gather([after(2, Ok::<_, ()>(2)), after(1, Ok(1))]).await;
            assert_eq!(values.unwrap(), [2, 1]);
        });
    });
}

// GTH-02
#[test]
fn gathering_nothing_is_ready_at_once() {
    on_1_2_and_4(|workers| {
        runtime(workers).block_on(async {
            let nothing = poll_once(&mut gather(Vec::<Task<()>>::new())).await;
            assert!(nothing.expect("at once").is_empty());
            let nothing = poll_once(&mut try_gather(Vec::<Task<Result<(), ()>>>::new())).await;
            assert!(nothing.expect("at once").unwrap().is_empty());
        });
    });
}

// GTH-04, GTH-05, GTH-11
#[test]
fn a_task_that_fails_is_an_error_in_its_place_and_the_others_run_on() {
    on_1_2_and_4(|workers| {
        jumping(workers).block_on(async {
            let begun = now();
            let cancelled = spawn(asleep());
            cancelled.abort();
            let panics = spawn(async {
                sleep(SECOND).await;
                panic!("no luck")
            });
            let outputs = gather([after(3, ()), panics, cancelled, after(2, ())]).await;
            assert_eq!(now() - begun, 3 * SECOND, "those that go well are waited for");
            assert!(outputs[0].is_ok() && outputs[3].is_ok());
            assert!(outputs[1].as_ref().unwrap_err().is_panic());
            assert!(outputs[2].as_ref().unwrap_err().is_cancelled());
        });
    });
}

// GTH-06
#[test]
fn dropping_a_gather_cancels_the_tasks_that_have_not_ended() {
    on_1_2_and_4(|workers| {
        jumping(workers).block_on(async {
            let drops = Drops::default();
            let mut waiting = gather((0..3).map(|_| holding::<_, ()>(drops.witness())));
            assert!(poll_once(&mut waiting).await.is_none());
            drop(waiting);
            let one = spawn(async { Ok::<_, ()>(()) });
            let others = (0..2).map(|_| holding(drops.witness()));
            let trying = try_gather(others.chain([one]));
            timeout(SECOND, trying).await.unwrap_err();
            sleep(SECOND).await;
            assert_eq!(drops.count(), 5);
        });
    });
}

// GTH-06
#[test]
fn a_cancelled_task_cancels_what_it_gathers() {
    on_1_2_and_4(|workers| {
        jumping(workers).block_on(async {
            let drops = Drops::default();
            let held = [drops.witness(), drops.witness()];
            let outer = spawn(async move { gather(held.map(holding::<_, ()>)).await });
            sleep(SECOND).await;
            assert!(outer.cancel().await.unwrap_err().is_cancelled());
            sleep(SECOND).await;
            assert_eq!(drops.count(), 2);
        });
    });
}

// GTH-11: what failed first stands, and those that it has cancelled are really gone.
#[test]
fn the_first_failure_cancels_the_others_and_is_told_when_they_are_gone() {
    on_1_2_and_4(|workers| {
        jumping(workers).block_on(async {
            let (begun, drops) = (now(), Drops::default());
            let tasks = [
                holding(drops.witness()),
                after(2, Err("second")).named("late"),
                after(1, Err("first")).named("early"),
                holding(drops.witness()),
                after(0, Ok(())),
            ];
            let failure = try_gather(tasks).await.unwrap_err();
            assert_eq!((now() - begun, drops.count()), (SECOND, 2));
            assert_eq!((failure.error(), failure.name()), (Some(&"first"), Some("early")));
            let text = failure.to_string();
            assert!(text.contains("\"early\" (spawned at tests/it/executor/gather.rs:"), "{text}");
            assert!(text.ends_with(") failed: first"), "{text}");
        });
    });
}

#[test]
fn a_panic_and_a_cancel_are_failures_of_a_try_gather_too() {
    on_1_2_and_4(|workers| {
        runtime(workers).block_on(async {
            let panics = spawn(async { panic!("no luck") });
            let failure: Failure<()> =
                try_gather([holding(()), panics]).await.map(|_: Vec<()>| ()).unwrap_err();
            assert!(failure.join_error().unwrap().is_panic());
            let cancelled = spawn(pending::<Result<(), ()>>());
            cancelled.abort();
            let failure = try_gather([holding(()), cancelled]).await.unwrap_err();
            assert!(failure.into_error().unwrap_err().is_cancelled());
        });
    });
}

#[test]
fn a_gather_waits_until_a_sibling_that_is_being_polled_is_gone() {
    on_2_and_4(|workers| {
        runtime(workers).block_on(async {
            let (drops, (open, end)) = (Drops::default(), gate());
            let (tell, told) = oneshot::channel();
            let witness = drops.witness();
            let stuck = spawn(async move {
                let _witness = witness;
                tell.send(()).unwrap();
                end.recv().unwrap();
                pending().await
            });
            let waiter = spawn(async move {
                told.await.unwrap();
                let mut trying = try_gather([stuck, spawn(async { Err::<(), u32>(7) })]);
                for _ in 0..1_000 {
                    assert!(poll_once(&mut trying).await.is_none());
                    assert_eq!(drops.count(), 0);
                    windlass::yield_now().await;
                }
                open.send(()).unwrap();
                assert_eq!(trying.await.unwrap_err().error(), Some(&7));
                drops.count()
            });
            assert_eq!(waiter.await.unwrap(), 1);
        });
    });
}

#[test]
fn ten_thousand_tasks_are_gathered_in_several_turns() {
    on_1_2_and_4(|workers| {
        jumping(workers).block_on(async {
            let tasks = || (0..10_000_u32).map(|number| after(number % 7, number));
            let outputs = gather(tasks()).await;
            assert!(outputs.into_iter().map(Result::unwrap).eq(0..10_000));
            let tried =
                try_gather((0..10_000_u32).map(|number| after(number % 7, Ok::<_, ()>(number))));
            assert!(tried.await.unwrap().into_iter().eq(0..10_000));
        });
    });
}

// WAI-14
#[test]
fn a_gather_that_is_over_or_dropped_leaves_no_waker() {
    let runtime = runtime(1);
    let (sender, receiver) = oneshot::channel::<()>();
    let mut hand = Hand::new(gather([runtime.spawn(async move { receiver.await.unwrap() })]));
    hand.pending();
    assert!(hand.count.wakers() > 0);
    sender.send(()).unwrap();
    settle(&runtime);
    assert_eq!((hand.wakes(), hand.ready().len(), hand.count.wakers()), (1, 1, 0));
    let mut hand = Hand::new(try_gather([runtime.spawn(pending::<Result<(), ()>>())]));
    hand.pending();
    let count = hand.count.clone();
    drop(hand);
    settle(&runtime);
    assert_eq!((count.wakers(), count.wakes()), (0, 0));
}

// SHD-01
#[test]
fn a_shield_passes_value_and_error_through() {
    on_1_2_and_4(|workers| {
        jumping(workers).block_on(async {
            assert_eq!(shield(after(1, 5)).await.unwrap(), 5);
            let panics = spawn(async { panic!("no luck") });
            assert!(shield(panics).await.map(|()| ()).unwrap_err().is_panic());
        });
    });
}

// SHD-02
#[test]
fn a_cancel_of_the_task_within_reaches_whoever_waits_behind_the_shield() {
    on_1_2_and_4(|workers| {
        runtime(workers).block_on(async {
            let task = spawn(asleep());
            let abort = task.abort_handle();
            let waiter = spawn(shield(task));
            assert!(abort.abort_with("not needed"));
            let error = waiter.await.unwrap().unwrap_err();
            assert_eq!(error.cancel_reason(), Some("not needed"));
        });
    });
}

// SHD-03, SHD-05, SHD-10
#[test]
fn a_waiter_that_is_cancelled_leaves_what_it_has_shielded_running_to_its_end() {
    on_1_2_and_4(|workers| {
        let log = Log::default();
        let reports = log.clone();
        let clock = windlass::time::Clock::paused();
        clock.set_auto_advance(true);
        let builder = windlass::runtime::Builder::new().workers(workers).clock(clock);
        let runtime =
            builder.on_report(move |report| reports.add(report.to_string())).build().unwrap();
        runtime.block_on(async {
            let (tell, told) = oneshot::channel();
            let work = spawn(async move {
                sleep(3 * SECOND).await;
                tell.send(5).unwrap();
            });
            let waiter = spawn(shield(work));
            sleep(SECOND).await;
            assert!(waiter.cancel().await.unwrap_err().is_cancelled());
            assert_eq!(told.await.unwrap(), 5);
        });
        assert_eq!(log.lines(), [""; 0], "nothing is reported");
    });
}

// SHD-06
#[test]
fn a_shield_around_a_finished_task_is_ready_at_once() {
    on_1_2_and_4(|workers| {
        runtime(workers).block_on(async {
            let task = spawn(async { 5 });
            while !task.is_finished() {
                windlass::yield_now().await;
            }
            assert_eq!(poll_once(&mut shield(task)).await.expect("at once").unwrap(), 5);
        });
    });
}

// SHD-07
#[test]
fn a_shield_around_a_gather_protects_all_and_a_gather_of_shields_each() {
    on_1_2_and_4(|workers| {
        jumping(workers).block_on(async {
            let log = Log::default();
            let work = |seconds: u64| {
                let log = log.clone();
                spawn(async move {
                    sleep(Duration::from_secs(seconds)).await;
                    log.add(seconds.to_string());
                })
            };
            let (one, two) = (work(2), work(3));
            let around = shield(spawn(async { gather([one, two]).await.len() }));
            timeout(SECOND, around).await.unwrap_err();
            let (one, two) = (shield(work(4)), shield(work(5)));
            let of = gather([spawn(one), spawn(two)]);
            timeout(SECOND, of).await.unwrap_err();
            sleep(10 * SECOND).await;
            assert_eq!(log.lines(), ["2", "3", "4", "5"]);
        });
    });
}
