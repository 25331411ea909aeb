//! Task groups.

use std::error::Error;
use std::future::pending;
use std::panic::{AssertUnwindSafe, Location};
use std::sync::Arc;
use std::sync::atomic::{
    AtomicBool, AtomicUsize,
    Ordering::{Relaxed, SeqCst},
};
use std::thread;

use windlass::runtime::{Builder, Handle, now};
use windlass::sync::{Event, oneshot};
use windlass::task::{Group, GroupError, TaskGroup, task_local};
use windlass::time::{sleep, timeout};
use windlass::{spawn, yield_now};

use super::rig::*;
use super::waits::{SECOND, jumping};

/// The errors of most groups here.
type Text = &'static str;

/// The error of groups within groups.
type Any = Box<dyn Error + Send + Sync>;

task_local! {
    static NUMBER: u32;
}

/// Waits for ever and holds what is given.
async fn hold<T, O, E>(held: T) -> Result<O, E> {
    let _held = held;
    asleep().await;
    unreachable!("it waits for ever")
}

/// Returns this after so many seconds.
async fn after<T>(seconds: u32, output: T) -> T {
    sleep(seconds * SECOND).await;
    output
}

/// The errors that children have returned.
fn errors<E: Copy>(error: &GroupError<E>) -> Vec<E> {
    error.failures().iter().filter_map(|failure| failure.error().copied()).collect()
}

// TGR-01
#[test]
fn a_group_is_over_when_every_child_has_ended_and_their_values_can_be_read_then() {
    on_1_2_and_4(|workers| {
        jumping(workers).block_on(async {
            let begun = now();
            let group = TaskGroup::new().run(async |group| {
                let children =
                    [3, 1, 2].map(|seconds| group.spawn(after(seconds, Ok::<_, Text>(seconds))));
                Ok(children)
            });
            let children = group.await.unwrap();
            assert_eq!(now() - begun, 3 * SECOND);
            let mut values = Vec::new();
            for child in children {
                assert!(child.is_finished());
                values.push(child.await);
            }
            assert_eq!(values, [Some(3), Some(1), Some(2)]);
        });
    });
}

// TGR-01
#[test]
fn what_children_have_done_is_visible_after_the_group() {
    on_1_2_and_4(|workers| {
        runtime(workers).block_on(async {
            let done: Arc<[AtomicBool; 100]> = Arc::new([const { AtomicBool::new(false) }; 100]);
            let group = TaskGroup::new().run(async |group| {
                for place in 0..100 {
                    let done = done.clone();
                    // Relaxed: it is the group that orders the two sides.
                    group.spawn(async move {
                        done[place].store(true, Relaxed);
                        Ok::<_, Text>(())
                    });
                }
                Ok(())
            });
            group.await.unwrap();
            assert!(done.iter().all(|done| done.load(Relaxed)));
        });
    });
}

/// Spawns two more of itself, so many levels deep.
fn tree(group: &Group<Text>, count: &Arc<AtomicUsize>, depth: u32) {
    count.fetch_add(1, SeqCst);
    for _ in 0..if depth == 0 { 0 } else { 2 } {
        let (inner, count) = (group.clone(), count.clone());
        group.spawn(async move {
            yield_now().await;
            tree(&inner, &count, depth - 1);
            Ok(())
        });
    }
}

// TGR-02
#[test]
fn children_may_be_added_by_children() {
    on_1_2_and_4(|workers| {
        runtime(workers).block_on(async {
            let count = Arc::default();
            let group = TaskGroup::new().run(async |group| {
                tree(&group, &count, 7);
                Ok(())
            });
            group.await.unwrap();
            assert_eq!(count.load(SeqCst), 255);
        });
    });
}

// TGR-03
#[test]
fn a_child_that_is_cancelled_on_purpose_is_no_failure() {
    on_1_2_and_4(|workers| {
        jumping(workers).block_on(async {
            let group = TaskGroup::new().run(async |group| {
                let (first, second) =
                    (group.spawn(hold(())), group.spawn(after(2, Ok::<_, Text>(2))));
                yield_now().await;
                assert!(first.abort() && !first.abort());
                let nothing: Option<()> = first.await;
                Ok((nothing, second.await))
            });
            assert_eq!(group.await.unwrap(), (None, Some(2)));
        });
    });
}

// TGR-04
#[test]
fn a_child_that_fails_cancels_its_siblings_and_the_body() {
    on_1_2_and_4(|workers| {
        jumping(workers).block_on(async {
            let (begun, log) = (now(), Log::default());
            let group = TaskGroup::new().run(async |group| {
                let _body = log.at_drop("body");
                group.spawn(hold::<_, (), _>(log.at_drop("sibling")));
                group.spawn(after(1, Err::<(), Text>("no luck")));
                after(2, ()).await;
                log.add("never");
                Ok(())
            });
            let error = group.await.unwrap_err();
            assert_eq!((now() - begun, errors(&error)), (SECOND, vec!["no luck"]));
            assert_eq!(log.lines(), ["body", "sibling"]);
            assert!(!error.is_cancelled() && error.elapsed().is_none());
        });
    });
}

// TGR-04
#[test]
fn a_panic_of_a_child_is_a_failure_of_its_group_and_no_unobserved_one() {
    on_1_2_and_4(|workers| {
        let log = Log::default();
        let reports = log.clone();
        let builder = Builder::new().workers(workers);
        let runtime =
            builder.on_report(move |report| reports.add(report.to_string())).build().unwrap();
        runtime.block_on(async {
            let group = TaskGroup::new().named("trip").run(async |group| {
                group.spawn::<(), _>(async { panic!("no luck") }).named("gambler");
                hold::<_, (), Text>(()).await
            });
            let error = group.await.unwrap_err();
            assert!(error.failures()[0].join_error().unwrap().is_panic());
            let text = error.to_string();
            assert!(
                text.starts_with("group \"trip\": task ") && text.ends_with(") panicked: no luck"),
                "{text}"
            );
            assert!(text.contains("\"gambler\" (spawned at tests/it/executor/group.rs:"), "{text}");
        });
        assert_eq!(log.lines(), [""; 0]);
    });
}

// TGR-04
#[test]
fn a_group_is_not_over_before_a_sibling_that_is_being_polled_is_gone() {
    on_2_and_4(|workers| {
        runtime(workers).block_on(async {
            let (drops, (open, end)) = (Drops::default(), gate());
            let (tell, told) = oneshot::channel();
            let witness = drops.witness();
            let waiter = spawn(async move {
                let mut group = TaskGroup::new().run(async |group| {
                    group.spawn::<(), _>(async move {
                        let _witness = witness;
                        tell.send(()).unwrap();
                        end.recv().unwrap();
                        pending().await
                    });
                    told.await.unwrap();
                    Err::<(), u32>(7)
                });
                for _ in 0..1_000 {
                    assert!(poll_once(&mut group).await.is_none());
                    assert_eq!(drops.count(), 0);
                    yield_now().await;
                }
                open.send(()).unwrap();
                (errors(&group.await.unwrap_err()), drops.count())
            });
            assert_eq!(waiter.await.unwrap(), (vec![7], 1));
        });
    });
}

// TGR-04
#[test]
fn the_first_failure_comes_first_and_others_that_fail_meanwhile_are_told_too() {
    on_1_2_and_4(|workers| {
        jumping(workers).block_on(async {
            let group = TaskGroup::new().run(async |group| {
                group.spawn(after(1, Err::<(), Text>("first")));
                // Its destructor has the last word, when it is cancelled.
                group.spawn(hold::<_, (), _>(Bomb));
                Ok(())
            });
            let error = group.await.unwrap_err();
            assert_eq!((errors(&error), error.failures().len()), (vec!["first"], 2));
            assert!(error.to_string().ends_with(") failed: first (and 1 more)"), "{error}");
            let panicked = error.into_failures().pop().unwrap();
            assert!(panicked.join_error().unwrap().is_panic());
        });
    });
}

/// Panics when it is dropped.
struct Bomb;

impl Drop for Bomb {
    fn drop(&mut self) {
        panic!("the last word");
    }
}

// TGR-06
#[test]
fn an_error_of_the_body_cancels_the_children_and_is_told_with_theirs() {
    on_1_2_and_4(|workers| {
        jumping(workers).block_on(async {
            let drops = Drops::default();
            let group = TaskGroup::new().run(async |group| {
                group.spawn(hold::<_, (), _>(drops.witness()));
                group.spawn(hold::<_, (), _>(Bomb));
                after(1, Err::<(), Text>("the body's")).await
            });
            let error = group.await.unwrap_err();
            assert_eq!((errors(&error), drops.count()), (vec!["the body's"], 1));
            assert_eq!(error.failures().len(), 2);
            assert!(error.failures()[0].id().is_none() && error.failures()[1].id().is_some());
            assert!(error.to_string().starts_with("group: the body failed: the body's"), "{error}");
        });
    });
}

#[test]
fn a_panic_of_the_body_is_raised_when_the_children_are_gone() {
    on_1_2_and_4(|workers| {
        let runtime = runtime(workers);
        let drops = Drops::default();
        let message = refusal(AssertUnwindSafe(|| {
            runtime.block_on(async {
                let group = TaskGroup::new().run(async |group| {
                    group.spawn(hold::<_, (), Text>(drops.witness()));
                    yield_now().await;
                    if group.len() == 1 {
                        panic!("the body's");
                    }
                    Ok(())
                });
                group.await.unwrap();
            });
        }));
        assert_eq!((message.as_str(), drops.count()), ("the body's", 1));
    });
}

// TGR-07
#[test]
fn a_cancel_of_the_task_that_runs_the_group_cancels_the_children() {
    on_1_2_and_4(|workers| {
        jumping(workers).block_on(async {
            let drops = Drops::default();
            let witness = drops.witness();
            let outer = spawn(TaskGroup::new().run(async move |group| {
                group.spawn(hold::<_, (), Text>(witness));
                hold::<_, (), _>(()).await
            }));
            sleep(SECOND).await;
            assert!(outer.cancel().await.unwrap_err().is_cancelled());
            sleep(SECOND).await;
            assert_eq!((drops.count(), Handle::current().metrics().tasks), (1, 0));
        });
    });
}

// TGR-07
#[test]
fn a_shutdown_names_the_children_of_a_group() {
    let runtime = runtime(1);
    let group = runtime.spawn(async {
        let group = TaskGroup::new().run(async |group| {
            group.spawn(hold::<_, (), Text>(())).named("child");
            hold::<_, (), _>(()).await
        });
        group.await.is_ok()
    });
    runtime.block_on(yield_now());
    let report = runtime.shutdown(LONG);
    assert!(report.is_clean());
    assert!(report.cancelled.iter().any(|task| task.name.as_deref() == Some("child")));
    drop(group);
}

/// A group within a group, whose child holds `held`.
async fn nested<T: Send + 'static>(held: T) -> Result<(), Any> {
    let inner = TaskGroup::new().run(async |group| {
        group.spawn(hold::<_, (), Any>(held));
        hold::<_, (), _>(()).await
    });
    Ok(inner.await?)
}

// TGR-11
#[test]
fn a_failure_of_an_outer_group_cancels_an_inner_one_which_adds_nothing_to_the_error() {
    on_1_2_and_4(|workers| {
        jumping(workers).block_on(async {
            let drops = Drops::default();
            let group = TaskGroup::new().run(async |group| {
                group.spawn(nested(drops.witness()));
                group.spawn(nested(drops.witness()));
                group.spawn(async { after(1, Err::<(), Any>("outer".into())).await });
                nested(drops.witness()).await
            });
            let error = group.await.unwrap_err();
            assert_eq!((error.failures().len(), drops.count()), (1, 3));
            assert_eq!(error.failures()[0].error().unwrap().to_string(), "outer");
        });
    });
}

// TGR-11: a group that is dropped cannot wait for its children, so the one around it does.
#[test]
fn an_outer_group_waits_for_the_children_of_an_inner_one_that_was_dropped() {
    on_2_and_4(|workers| {
        runtime(workers).block_on(async {
            let (drops, (open, end)) = (Drops::default(), gate());
            let (tell, told) = oneshot::channel();
            let witness = drops.witness();
            let inner = async {
                let inner = TaskGroup::new().run(async |group| {
                    let middle = TaskGroup::new().run(async |within| {
                        within.spawn::<(), _>(async move {
                            let _witness = witness;
                            tell.send(()).unwrap();
                            end.recv().unwrap();
                            pending().await
                        });
                        hold::<_, (), Text>(()).await
                    });
                    _ = middle.await;
                    drop(group);
                    Ok(())
                });
                inner.await.map_err(|_: GroupError<Text>| 8)
            };
            let waiter = spawn(async move {
                let mut outer = TaskGroup::new().run(async |group| {
                    group.spawn(inner);
                    told.await.unwrap();
                    Err::<(), u32>(7)
                });
                for _ in 0..1_000 {
                    assert!(poll_once(&mut outer).await.is_none());
                    assert_eq!(drops.count(), 0);
                    yield_now().await;
                }
                open.send(()).unwrap();
                (errors(&outer.await.unwrap_err()), drops.count())
            });
            assert_eq!(waiter.await.unwrap(), (vec![7], 1));
        });
    });
}

// TGR-12
#[test]
fn a_failure_of_an_inner_group_arrives_wrapped_twice() {
    on_1_2_and_4(|workers| {
        runtime(workers).block_on(async {
            let inner = async {
                let inner = TaskGroup::new().named("inner").run(async |group| {
                    group.spawn(async { Err::<(), Text>("deep") });
                    Ok(())
                });
                Ok::<(), Any>(inner.await?)
            };
            let outer = TaskGroup::new().named("outer").run(async |group| {
                group.spawn(inner);
                Ok(())
            });
            let error = outer.await.unwrap_err();
            let within = error.failures()[0].error().unwrap();
            let within = within.downcast_ref::<GroupError<Text>>().expect("the inner group's");
            assert_eq!(errors(within), ["deep"]);
            let text = error.to_string();
            assert!(
                text.starts_with("group \"outer\": task ")
                    && text.contains(" failed: group \"inner\": task "),
                "{text}"
            );
            assert!(text.ends_with(" failed: deep"), "{text}");
        });
    });
}

// TGR-15
#[test]
fn a_group_that_is_cancelled_gives_the_futures_of_new_children_back_or_drops_them() {
    on_1_2_and_4(|workers| {
        runtime(workers).block_on(async {
            let drops = Drops::default();
            let group = TaskGroup::new().limit(3).run(async |group| {
                assert!(!group.is_cancelled());
                group.cancel();
                assert!(group.is_cancelled());
                let refused = group.try_spawn(hold::<_, (), Text>(drops.witness())).unwrap_err();
                assert_eq!(drops.count(), 0);
                drop(refused.0);
                let mut child = group.spawn(hold::<_, (), Text>(drops.witness())).named("nobody");
                assert_eq!(drops.count(), 2);
                assert!(child.is_finished() && !child.abort());
                assert!(poll_once(&mut child).await.expect("at once").is_none());
                let blocking = group.spawn_blocking(|| Ok(()));
                assert!(blocking.is_finished() && group.is_empty());
                assert!(group.spawn_when_free(hold::<_, (), _>(())).await.is_err());
                Ok("not cut: it never had to wait")
            });
            assert!(group.await.is_ok());
        });
    });
}

// TGR-16, TGR-18: there is no handle before the group runs, and it runs once, in whoever awaits it.
#[test]
fn a_group_that_is_over_takes_no_more_children() {
    on_1_2_and_4(|workers| {
        runtime(workers).block_on(async {
            let group = TaskGroup::new().run(async |group| Ok::<_, Text>(group)).await.unwrap();
            assert!(group.is_cancelled() && group.is_empty());
            assert!(group.try_spawn(hold::<_, (), _>(())).is_err());
            group.cancel_with("too late");
        });
    });
}

// TGR-20
#[test]
fn children_that_have_ended_are_forgotten_while_the_group_runs() {
    on_1_2_and_4(|workers| {
        runtime(workers).block_on(async {
            let group = TaskGroup::new().run(async |group| {
                for _ in 0..10_000 {
                    let child = group.spawn(async { Ok::<_, Text>(()) });
                    child.await.unwrap();
                    // The value comes a moment before the end, and the group hears of that later.
                    while group.len() > 100 {
                        yield_now().await;
                    }
                }
                Ok(())
            });
            group.await.unwrap();
        });
    });
}

// TGR-22
#[test]
fn children_have_the_names_and_the_values_that_they_are_given() {
    runtime(1).block_on(NUMBER.scope(7, async {
        let group = TaskGroup::new().run(async |group| {
            let number = async { Ok::<_, Text>(NUMBER.try_with(|number| *number).ok()) };
            let heir = group.spawn(NUMBER.inherit(number));
            let other = group.spawn(async { Ok(NUMBER.try_with(|number| *number).ok()) });
            let _named = group.spawn(hold::<_, (), _>(())).named("sleeper");
            let values = (heir.await, other.await);
            let dump = Handle::current().dump().to_string();
            assert!(dump.contains("\"sleeper\" (spawned at tests/it/executor/group.rs:"), "{dump}");
            group.cancel();
            Ok(values)
        });
        assert_eq!(group.await.unwrap(), (Some(Some(7)), Some(None)));
    }));
}

// TGR-23
#[test]
fn a_group_without_children_is_over_in_the_poll_in_which_its_body_returns() {
    on_1_2_and_4(|workers| {
        runtime(workers).block_on(async {
            let mut group = TaskGroup::new().run(async |_| Ok::<_, Text>(5));
            assert_eq!(poll_once(&mut group).await.expect("at once").unwrap(), 5);
        });
    });
}

// TGR-24
#[test]
fn a_group_that_is_cancelled_after_its_body_has_returned_has_its_output() {
    on_1_2_and_4(|workers| {
        jumping(workers).block_on(async {
            let (begun, drops) = (now(), Drops::default());
            let group = TaskGroup::new().run(async |group| {
                group.spawn(hold::<_, (), Text>(drops.witness()));
                let inner = group.clone();
                group.spawn(async move {
                    sleep(SECOND).await;
                    inner.cancel_with("found");
                    inner.cancel();
                    hold::<_, (), _>(()).await // and is cancelled with the others
                });
                Ok(5)
            });
            assert_eq!(group.await.unwrap(), 5);
            assert_eq!((now() - begun, drops.count()), (SECOND, 1));
        });
    });
}

// TGR-24
#[test]
fn a_body_that_waits_is_cut_short_by_a_cancel_and_has_no_output() {
    on_1_2_and_4(|workers| {
        jumping(workers).block_on(async {
            let drops = Drops::default();
            let group = TaskGroup::new().named("search").run(async |group| {
                let inner = group.clone();
                group.spawn(async move {
                    after(1, inner).await.cancel_with("found");
                    Ok::<_, Text>(())
                });
                hold::<_, (), _>(drops.witness()).await
            });
            let error = group.await.unwrap_err();
            assert_eq!((error.is_cancelled(), error.cancel_reason()), (true, Some("found")));
            assert!(error.failures().is_empty() && drops.count() == 1);
            assert_eq!(error.to_string(), "group \"search\" was cancelled: found");

            let group = TaskGroup::new().run(async |group| {
                group.cancel();
                hold::<_, (), Text>(drops.witness()).await
            });
            let mut group = group;
            let error =
                poll_once(&mut group).await.expect("in the poll of the cancel").unwrap_err();
            assert_eq!((error.to_string().as_str(), drops.count()), ("group was cancelled", 2));
        });
    });
}

#[test]
fn a_cancel_from_a_plain_thread_ends_a_group_without_children() {
    on_1_2_and_4(|workers| {
        runtime(workers).block_on(async {
            let group = TaskGroup::new().run(async |group| {
                let canceller = thread::spawn({
                    let group = group.clone();
                    move || group.cancel()
                });
                let cut = hold::<_, (), Text>(()).await;
                canceller.join().unwrap();
                cut
            });
            assert!(group.await.unwrap_err().is_cancelled());
        });
    });
}

#[test]
fn a_group_that_collects_all_lets_the_others_run_on_and_tells_every_failure() {
    on_1_2_and_4(|workers| {
        jumping(workers).block_on(async {
            let begun = now();
            let group = TaskGroup::new().collect_all().run(async |group| {
                for (seconds, output) in [(3, Err("third")), (1, Err("first")), (4, Ok(()))] {
                    group.spawn(after(seconds, output));
                }
                after(2, Err::<(), Text>("second")).await
            });
            let error = group.await.unwrap_err();
            assert_eq!(
                (now() - begun, errors(&error)),
                (4 * SECOND, vec!["first", "second", "third"])
            );
        });
    });
}

#[test]
fn no_more_children_than_the_limit_run_at_once_and_they_run_in_their_order() {
    on_1_2_and_4(|workers| {
        jumping(workers).block_on(async {
            let (begun, log) = (now(), Log::default());
            let (running, peak) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
            let group = TaskGroup::new().limit(3).run(async |group| {
                for number in 0..10 {
                    let (running, peak, log) = (running.clone(), peak.clone(), log.clone());
                    group.spawn(async move {
                        log.add(number.to_string());
                        peak.fetch_max(running.fetch_add(1, SeqCst) + 1, SeqCst);
                        sleep(SECOND).await;
                        running.fetch_sub(1, SeqCst);
                        Ok::<_, Text>(())
                    });
                }
                assert_eq!(group.len(), 10);
                Ok(())
            });
            group.await.unwrap();
            assert_eq!((now() - begun, peak.load(SeqCst)), (4 * SECOND, 3));
            if Handle::current().workers() == 1 {
                assert!(log.lines().into_iter().eq((0..10).map(|number| number.to_string())));
            }
        });
    });
}

#[test]
fn a_body_that_spawns_when_there_is_room_goes_at_the_pace_of_its_children() {
    on_1_2_and_4(|workers| {
        jumping(workers).block_on(async {
            let begun = now();
            let group = TaskGroup::new().limit(2).run(async |group| {
                let mut seconds = Vec::new();
                for _ in 0..6 {
                    group.spawn_when_free(after(1, Ok::<_, Text>(()))).await.unwrap();
                    seconds.push((now() - begun).as_secs());
                }
                Ok(seconds)
            });
            assert_eq!(group.await.unwrap(), [0, 0, 1, 1, 2, 2]);
            assert_eq!(now() - begun, 3 * SECOND);
        });
    });
}

#[test]
fn a_group_that_is_cancelled_refuses_who_waits_for_room() {
    on_1_2_and_4(|workers| {
        jumping(workers).block_on(async {
            let group = TaskGroup::new().limit(1).run(async |group| {
                group.spawn(hold::<_, (), Text>(()));
                sleep(SECOND).await; // nothing can run any more, so the child has the room
                let inner = group.clone();
                let waiter =
                    spawn(async move { inner.spawn_when_free(hold::<_, (), _>(7)).await.is_err() });
                sleep(SECOND).await;
                group.cancel();
                Ok(waiter)
            });
            assert!(group.await.unwrap().await.unwrap());
        });
    });
}

#[test]
fn a_limit_of_no_child_at_all_is_refused() {
    assert_eq!(refusal(|| TaskGroup::new().limit(0)), "limit(0) would let no child run");
}

/// Where it was called.
#[track_caller]
fn here() -> &'static Location<'static> {
    Location::caller()
}

#[test]
fn a_deadline_cancels_body_and_children_and_is_told() {
    on_1_2_and_4(|workers| {
        jumping(workers).block_on(async {
            let (begun, drops) = (now(), Drops::default());
            let settings = TaskGroup::new().timeout(2 * SECOND);
            let (group, at) = (
                settings.run(async |group| {
                    group.spawn(hold::<_, (), Text>(drops.witness()));
                    hold::<_, (), _>(drops.witness()).await
                }),
                here(),
            );
            let error = group.await.unwrap_err();
            assert_eq!((now() - begun, drops.count()), (2 * SECOND, 2));
            let elapsed = error.elapsed().unwrap();
            assert_eq!(
                (elapsed.deadline(), elapsed.location().file()),
                (begun + 2 * SECOND, at.file())
            );
            assert!(error.failures().is_empty() && !error.is_cancelled());
            let text = error.to_string();
            assert!(
                text.starts_with("group: the timeout set at tests/it/executor/group.rs:"),
                "{text}"
            );
            assert_eq!(Handle::current().metrics().timers, 0);
        });
    });
}

#[test]
fn a_deadline_fails_a_group_whose_children_go_on_after_the_body() {
    on_1_2_and_4(|workers| {
        jumping(workers).block_on(async {
            let settings = TaskGroup::new().deadline(now() + 2 * SECOND);
            let group = settings.run(async |group| {
                group.spawn(after(1, Ok::<_, Text>(())));
                group.spawn(after(3, Ok(())));
                Ok(5)
            });
            assert!(group.await.unwrap_err().elapsed().is_some());
        });
    });
}

#[test]
fn a_group_that_is_over_by_its_deadline_has_its_output_and_leaves_no_timer() {
    on_1_2_and_4(|workers| {
        jumping(workers).block_on(async {
            let group = TaskGroup::new().timeout(2 * SECOND).run(async |group| {
                group.spawn(after(1, Ok::<_, Text>(())));
                after(1, Ok(5)).await
            });
            assert_eq!(group.await.unwrap(), 5);
            assert_eq!(Handle::current().metrics().timers, 0);
        });
    });
}

#[test]
fn of_two_groups_whose_deadlines_come_together_the_inner_one_tells() {
    on_1_2_and_4(|workers| {
        jumping(workers).block_on(async {
            let deadline = now() + SECOND;
            let outer = TaskGroup::new().deadline(deadline).run(async |_| {
                let inner = TaskGroup::new().deadline(deadline);
                let inner = inner.run(async |_| hold::<_, (), Text>(()).await).await;
                Ok::<_, Text>(inner.unwrap_err().elapsed().is_some())
            });
            assert!(timeout(2 * SECOND, outer).await.unwrap().is_ok_and(|inner| inner));
        });
    });
}

#[test]
fn blocking_children_have_values_and_failures_and_the_group_waits_for_those_that_run() {
    on_1_2_and_4(|workers| {
        runtime(workers).block_on(async {
            let group = TaskGroup::new().run(async |group| {
                let value = group.spawn_blocking(|| Ok::<_, Text>(5)).named("job");
                Ok(value.await)
            });
            assert_eq!(group.await.unwrap(), Some(5));

            let (drops, (open, end)) = (Drops::default(), gate());
            let (tell, told) = oneshot::channel();
            let witness = drops.witness();
            let group = TaskGroup::new().run(async |group| {
                group.spawn_blocking(move || {
                    let _witness = witness;
                    tell.send(()).unwrap();
                    end.recv().unwrap();
                    Ok(())
                });
                told.await.unwrap();
                group.spawn_blocking(move || {
                    _ = open.send(());
                    Err::<(), Text>("no luck")
                });
                hold::<_, (), _>(()).await
            });
            assert_eq!((errors(&group.await.unwrap_err()), drops.count()), (vec!["no luck"], 1));
        });
    });
}

#[test]
fn a_panic_that_a_dropped_group_has_heard_of_is_reported() {
    on_1_2_and_4(|workers| {
        let log = Log::default();
        let reports = log.clone();
        let builder = Builder::new().workers(workers);
        let runtime =
            builder.on_report(move |report| reports.add(report.to_string())).build().unwrap();
        runtime.block_on(async {
            let mut group = TaskGroup::new().collect_all().run(async |group| {
                let child = group.spawn::<(), _>(async { panic!("no luck") });
                child.await;
                hold::<_, (), Text>(()).await
            });
            for _ in 0..100 {
                assert!(poll_once(&mut group).await.is_none());
                yield_now().await;
            }
            drop(group);
            until(|| !log.lines().is_empty());
        });
        assert_eq!(log.lines().len(), 1);
        assert!(
            log.lines()[0].contains("unobserved panic: ") && log.lines()[0].ends_with("no luck")
        );
    });
}

// INT-19
#[test]
fn a_dump_tells_what_groups_and_their_waiters_wait_for() {
    let runtime = runtime(1);
    let _here = runtime.enter();
    let task = runtime.spawn(TaskGroup::new().limit(1).run(async |group| {
        let first = group.spawn(hold::<_, (), Text>(())).named("first");
        group.spawn(async move { first.await.ok_or("lost") }).named("queued");
        Ok(())
    }));
    let waits = runtime.spawn(async {
        let mut set = windlass::task::as_completed([spawn(asleep()), spawn(asleep())]);
        set.join_next().await;
    });
    let group = runtime.spawn(async {
        let group = TaskGroup::new().run(async |group| {
            let child = group.spawn(hold::<_, (), Text>(()));
            child.await.ok_or("lost")
        });
        group.await.unwrap();
    });
    let gathers = runtime.spawn(async { windlass::task::gather([spawn(asleep())]).await.len() });
    while runtime.drive(SECOND).more {}
    let dump = runtime.handle().dump().to_string();
    let expected = [
        "waits for group of 2 tasks at tests/it/executor/group.rs:",
        "waits for semaphore (1 wanted, 0 free) at tests/it/executor/group.rs:",
        "waits for join of task",
        "waits for wait for 2 tasks at tests/it/executor/group.rs:",
        "waits for wait for 1 tasks at tests/it/executor/group.rs:",
    ];
    for line in expected {
        assert!(dump.contains(line), "no {line:?} in\n{dump}");
    }
    drop((task, waits, group, gathers));
}

#[test]
fn children_can_be_spawned_from_plain_threads() {
    on_1_2_and_4(|workers| {
        runtime(workers).block_on(async {
            let group = TaskGroup::new().run(async |group| {
                let inner = group.clone();
                let child = thread::spawn(move || inner.spawn(async { Ok::<_, Text>(5) }));
                Ok(child.join().unwrap().await)
            });
            assert_eq!(group.await.unwrap(), Some(5));
        });
    });
}

/// Counts itself while it lives.
struct Live(Arc<AtomicUsize>);

impl Live {
    fn new(count: &Arc<AtomicUsize>) -> Self {
        count.fetch_add(1, SeqCst);
        Self(count.clone())
    }
}

impl Drop for Live {
    fn drop(&mut self) {
        self.0.fetch_sub(1, SeqCst);
    }
}

/// Spawns on and on, as do its children, until the group refuses it.
fn breed(group: &Group<Text>, live: &Arc<AtomicUsize>) {
    let (inner, count, here) = (group.clone(), live.clone(), Live::new(live));
    group.spawn(async move {
        let _here = here;
        while !inner.is_cancelled() {
            if inner.len() < 50 {
                breed(&inner, &count);
            }
            yield_now().await;
        }
        Ok(())
    });
}

// TGR-04, TGR-15
#[test]
fn no_child_outlives_a_group_that_is_cancelled_while_children_are_spawned_everywhere() {
    on_1_2_and_4(|workers| {
        runtime(workers).block_on(async {
            for round in 0..40 {
                let live = Arc::new(AtomicUsize::new(0));
                let stop = Arc::new(Event::new());
                let spawner = spawn({
                    let stop = stop.clone();
                    async move {
                        (0..round % 17).for_each(|_| thread::yield_now());
                        stop.set();
                    }
                });
                let group = TaskGroup::new().run(async |group| {
                    breed(&group, &live);
                    stop.wait().await;
                    match round % 3 {
                        0 => Err("enough"),
                        1 => {
                            group.cancel();
                            Ok(())
                        }
                        _ => {
                            group.spawn(async { Err::<(), _>("enough") });
                            Ok(())
                        }
                    }
                });
                assert_eq!(group.await.is_ok(), round % 3 == 1);
                assert_eq!(live.load(SeqCst), 0);
                spawner.await.unwrap();
            }
        });
    });
}
