//! How runtimes end, and what outlives them.

use std::cell::RefCell;
use std::future::{Future, poll_fn};
use std::rc::Rc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::sync::mpsc::channel;
use std::sync::{Arc, Mutex};
use std::task::{Poll, Waker};
use std::thread;
use std::time::{Duration, Instant};

use windlass::runtime::{Builder, Handle, Runtime};
use windlass::time::sleep;
use windlass::{spawn, spawn_blocking, spawn_local, yield_now};

use super::rig::*;

// RUN-06
#[test]
fn the_end_comes_in_order_root_then_tasks_then_blocking_jobs_then_threads() {
    on_1_2_and_4(|workers| {
        let log = Log::default();
        let stops = log.clone();
        let builder = Builder::new().workers(workers).name("ending");
        let builder = builder.on_thread_stop(move || stops.add("thread"));
        let runtime = builder.build().unwrap();
        runtime.block_on(async {
            let (at_drop, job) = (log.at_drop("task"), log.clone());
            let (started, starts) = gate();
            spawn(async move {
                let _at_drop = at_drop;
                asleep().await;
            })
            .detach();
            spawn_blocking(move || {
                started.send(()).unwrap();
                thread::sleep(Duration::from_millis(30));
                job.add("job");
            })
            .detach();
            starts.recv().unwrap();
            log.add("root");
        });
        assert!(runtime.shutdown(LONG).is_clean());
        let lines = log.lines();
        let place = |line: &str| lines.iter().position(|other| other == line).unwrap();
        assert!(place("root") < place("task") && place("task") < place("job"), "{lines:?}");
        // The workers' threads, and that of the job, which ends after it.
        assert_eq!(lines.iter().filter(|line| *line == "thread").count(), workers, "{lines:?}");
        assert_eq!(lines.last().unwrap(), "thread");
    });
}

// RUN-14
#[test]
fn what_is_queued_at_the_end_is_dropped_unpolled() {
    within(LONG, || {
        let (runtime, drops) = (runtime(1), Drops::default());
        let polled = Arc::new(AtomicUsize::new(0));
        for _ in 0..300 {
            let (witness, polled) = (drops.witness(), polled.clone());
            runtime
                .spawn(async move {
                    let _witness = witness;
                    polled.fetch_add(1, SeqCst);
                })
                .detach();
        }
        let report = runtime.shutdown(LONG);
        assert_eq!((report.cancelled.len(), report.is_clean()), (300, true));
        assert_eq!((drops.count(), polled.load(SeqCst)), (300, 0));
    });
}

// RUN-25
#[test]
fn dropping_a_runtime_drops_each_future_once() {
    on_1_2_and_4(|workers| {
        let (runtime, drops) = (runtime(workers), Drops::default());
        for number in 0..1000 {
            let witness = drops.witness();
            runtime
                .spawn(async move {
                    let _witness = witness;
                    if number % 2 == 0 {
                        sleep(Duration::from_secs(3600)).await;
                    }
                    loop {
                        yield_now().await;
                    }
                })
                .detach();
        }
        runtime.block_on(async {
            for _ in 0..5 {
                yield_now().await;
            }
        });
        drop(runtime);
        assert_eq!(drops.count(), 1000);
    });
}

// RUN-25
#[test]
fn a_leaked_runtime_drops_nothing() {
    let (runtime, drops) = (runtime(1), Drops::default());
    let witness = drops.witness();
    runtime
        .spawn(async move {
            let _witness = witness;
            asleep().await;
        })
        .detach();
    runtime.block_on(yield_now());
    std::mem::forget(runtime);
    assert_eq!(drops.count(), 0);
}

// RUN-04
#[test]
fn a_panic_while_tasks_are_cancelled_at_the_end_is_reported_and_hurts_nobody() {
    struct Bomb;
    impl Drop for Bomb {
        fn drop(&mut self) {
            panic!("in the destructor");
        }
    }
    on_1_2_and_4(|workers| {
        let log = Log::default();
        let reports = log.clone();
        let builder = Builder::new().workers(workers).debug(false);
        let builder = builder.on_report(move |report| reports.add(report.to_string()));
        let runtime = builder.build().unwrap();
        for _ in 0..3 {
            runtime
                .spawn(async {
                    let _bomb = Bomb;
                    asleep().await;
                })
                .detach();
        }
        runtime.spawn(asleep()).detach(); // queued, and never polled
        runtime.block_on(async {
            while Handle::current().dump().tasks.iter().any(|task| task.polls == 0) {
                yield_now().await;
            }
        });
        assert!(runtime.shutdown(LONG).is_clean());
        let told = log.lines();
        let bombs = told.iter().filter(|line| line.contains("in the destructor")).count();
        assert_eq!((told.len(), bombs), (3, 3), "{told:?}");
    });
}

// RUN-09, RUN-13
#[test]
fn a_closed_runtime_refuses_everything() {
    on_1_2_and_4(|workers| {
        let runtime = runtime(workers);
        let handle = runtime.handle().clone();
        runtime.shutdown(LONG);
        let drops = Drops::default();
        let witness = drops.witness();
        let task = handle.spawn(async move { drop(witness) });
        assert!(task.is_finished() && drops.count() == 1, "the future is dropped at once");
        let job = handle.spawn_blocking(|| ());
        assert!(job.is_finished() && job.has_failed());
        let text = refusal(|| handle.block_on(yield_now()));
        assert!(text.contains("shut down"), "{text}");
        assert!(handle.dump().tasks.is_empty());
        assert_eq!(handle.metrics().tasks, 0);
    });
}

// RUN-11
#[test]
fn a_block_on_that_outlives_its_runtime_panics_and_says_why() {
    on_1_2_and_4(|workers| {
        for caller_works in [true, false] {
            let builder = Builder::new().workers(workers).caller_works(caller_works);
            let runtime = builder.build().unwrap();
            let handle = runtime.handle().clone();
            let (inside, is_inside) = gate();
            let (first, second) = (inside.clone(), handle.clone());
            let threads = [
                thread::spawn(move || {
                    refusal(|| {
                        handle.block_on(async {
                            first.send(()).unwrap();
                            asleep().await;
                        });
                    })
                }),
                thread::spawn(move || {
                    refusal(|| {
                        second.block_on(async {
                            inside.send(()).unwrap();
                            asleep().await;
                        });
                    })
                }),
            ];
            is_inside.recv().unwrap();
            is_inside.recv().unwrap();
            assert!(runtime.shutdown(LONG).is_clean());
            for thread in threads {
                let text = thread.join().unwrap();
                assert!(text.contains("shut down while block_on was running"), "{text}");
            }
        }
    });
}

// RUN-13
#[test]
fn shutdown_inside_a_task_is_refused_with_the_cure() {
    let text = refusal(|| {
        runtime(1).block_on(async { Runtime::new().unwrap().shutdown(Duration::from_secs(1)) })
    });
    assert!(text.contains("drop the runtime, or move it to spawn_blocking"), "{text}");
}

// RUN-21
#[test]
fn a_runtime_may_be_dropped_or_ended_at_once_inside_another_and_its_tasks_end() {
    on_1_2_and_4(|workers| {
        for at_once in [true, false] {
            runtime(2).block_on(async move {
                let (inner, drops) = (runtime(workers), Drops::default());
                let handle = inner.handle().clone();
                let tasks: Vec<_> = (0..50)
                    .map(|number| {
                        let witness = drops.witness();
                        inner.spawn(async move {
                            let _witness = witness;
                            if number % 2 == 0 {
                                asleep().await;
                            }
                            loop {
                                yield_now().await;
                            }
                        })
                    })
                    .collect();
                yield_now().await;
                if at_once {
                    let report = inner.shutdown(Duration::ZERO);
                    assert_eq!(report.cancelled.len(), 50);
                } else {
                    drop(inner);
                }
                for task in tasks {
                    // The handle still lives; the tasks must end all the same.
                    assert!(task.await.unwrap_err().is_cancelled());
                }
                assert_eq!(drops.count(), 50);
                assert_eq!(handle.metrics().tasks, 0);
            });
        }
    });
}

// RUN-13
#[test]
fn a_runtime_dropped_inside_its_own_task_ends_and_block_on_says_so() {
    on_1_2_and_4(|workers| {
        let drops = Drops::default();
        let owned = Arc::new(Mutex::new(None));
        let runtime = runtime(workers);
        let handle = runtime.handle().clone();
        *owned.lock().unwrap() = Some(runtime);
        let witness = drops.witness();
        handle
            .spawn(async move {
                let _witness = witness;
                asleep().await;
            })
            .detach();
        let text = refusal(|| {
            handle.block_on(async {
                let task = spawn(async move { drop(owned.lock().unwrap().take()) });
                task.await.unwrap();
                asleep().await;
            })
        });
        assert!(text.contains("was shut down"), "{text}");
        until(|| drops.count() == 1 && handle.metrics().tasks == 0);
    });
}

// RUN-24
#[test]
fn a_runtime_in_a_thread_local_shuts_down_with_its_thread() {
    thread_local! {
        static RUNTIME: RefCell<Option<Runtime>> = const { RefCell::new(None) };
    }
    on_1_2_and_4(|workers| {
        let drops = Drops::default();
        let witness = drops.witness();
        let thread = thread::spawn(move || {
            let runtime = runtime(workers);
            let task = runtime.spawn(async move {
                let _witness = witness;
                sleep(Duration::from_secs(3600)).await;
            });
            task.detach();
            runtime.block_on(yield_now());
            RUNTIME.with(|slot| *slot.borrow_mut() = Some(runtime));
        });
        thread.join().unwrap();
        assert_eq!(drops.count(), 1);
    });
}

#[test]
fn a_runtime_that_ends_in_a_job_of_its_own_does_not_wait_for_that() {
    on_1_2_and_4(|workers| {
        let runtime = runtime(workers);
        let (tell, told) = channel();
        let handle = runtime.handle().clone();
        let end = move || tell.send(runtime.shutdown(Duration::from_secs(3600))).unwrap();
        handle.spawn_blocking(end).detach();
        let report = told.recv().unwrap();
        assert_eq!((report.jobs.len(), report.tasks.len(), report.threads), (1, 0, 0), "{report}");
    });
}

#[test]
fn a_worker_that_is_stuck_is_named_and_left_behind() {
    within(LONG, || {
        let runtime = Builder::new().workers(2).caller_works(false).build().unwrap();
        let (release, released) = gate();
        let (started, starts) = gate();
        let task = runtime.spawn(async move {
            started.send(()).unwrap();
            let _ = released.recv();
        });
        let task = task.named("stuck");
        starts.recv().unwrap();
        let report = runtime.shutdown(Duration::from_millis(50));
        assert_eq!(report.threads, 1);
        assert_eq!(report.tasks.len(), 1);
        assert_eq!(report.tasks[0].name.as_deref(), Some("stuck"));
        assert!(report.to_string().contains("1 worker threads are stuck"), "{report}");
        drop(release);
        until(|| task.is_finished());
    });
}

#[test]
fn a_task_that_waits_is_named_with_what_it_waited_for() {
    on_1_2_and_4(|workers| {
        let runtime = runtime(workers);
        let task = runtime.spawn(sleeps_an_hour()).named("sleeper");
        runtime.block_on(async {
            while Handle::current().dump().tasks[0].waiting.is_none() {
                yield_now().await;
            }
        });
        let report = runtime.shutdown(LONG);
        let told = report.cancelled[0].to_string();
        for part in ["\"sleeper\"", "shutdown.rs", "waits for sleep", "1 polls"] {
            assert!(told.contains(part), "{part} in {told}");
        }
        drop(task);
    });
}

async fn sleeps_an_hour() {
    sleep(Duration::from_secs(3600)).await;
}

#[test]
fn tasks_bound_to_another_thread_are_leaked_and_named_and_nobody_waits_for_them() {
    on_1_2_and_4(|workers| {
        let drops = Drops::default();
        let (witness, before) = (drops.witness(), Instant::now());
        let runtime = runtime(workers);
        let (give, given) = channel();
        let (end, ends) = gate();
        let home = thread::spawn(move || {
            runtime.block_on(async {
                let unsendable = Rc::new(witness);
                let bound = spawn_local(async move {
                    let _unsendable = unsendable;
                    asleep().await;
                });
                bound.named("bound").detach();
                yield_now().await;
            });
            give.send(runtime).unwrap();
            ends.recv().unwrap(); // it lives on, and does something else
        });
        let report = given.recv().unwrap().shutdown(2 * LONG);
        assert!(before.elapsed() < LONG, "nobody could have ended it");
        let names: Vec<_> = report.tasks.iter().filter_map(|task| task.name.as_deref()).collect();
        assert_eq!((names, report.is_clean()), (vec!["bound"], false));
        end.send(()).unwrap();
        home.join().unwrap();
        assert_eq!(drops.count(), 0);
    });
}

// EXE-06
#[test]
fn dropping_a_runtime_waits_for_a_job_whose_task_was_dropped() {
    within(LONG, || {
        let runtime = runtime(1);
        let ended = Arc::new(AtomicBool::new(false));
        let inside = ended.clone();
        let (started, starts) = gate();
        let job = runtime.handle().spawn_blocking(move || {
            started.send(()).unwrap();
            thread::sleep(Duration::from_millis(50));
            inside.store(true, SeqCst);
        });
        starts.recv().unwrap();
        drop(job);
        assert!(!ended.load(SeqCst), "dropping the task does not wait");
        drop(runtime);
        assert!(ended.load(SeqCst));
    });
}

// SCH-13
#[test]
fn destructors_may_spawn_wake_and_lock_at_any_time() {
    struct Busy(Arc<Mutex<usize>>, Option<Waker>);
    impl Drop for Busy {
        fn drop(&mut self) {
            *self.0.lock().unwrap() += 1;
            spawn(async {}).detach();
            spawn_blocking(|| ()).detach();
            let _ = Handle::current().dump();
            self.1.take().into_iter().for_each(Waker::wake);
        }
    }
    on_1_2_and_4(|workers| {
        let dropped = Arc::new(Mutex::new(0));
        let runtime = runtime(workers);
        let make = || {
            let dropped = dropped.clone();
            async move {
                let waker = poll_fn(|cx| Poll::Ready(cx.waker().clone())).await;
                let _busy = Busy(dropped, Some(waker));
                asleep().await;
            }
        };
        runtime.block_on(async {
            let tasks: Vec<_> = (0..20).map(|_| spawn(make())).collect();
            while Handle::current().dump().tasks.iter().any(|task| task.polls == 0) {
                yield_now().await;
            }
            for (number, task) in tasks.into_iter().enumerate() {
                match number % 3 {
                    0 => drop(task),
                    1 => assert!(task.cancel().await.is_err()),
                    _ => task.detach(), // dropped by the shutdown
                }
            }
        });
        assert!(runtime.shutdown(LONG).is_clean());
        assert_eq!(*dropped.lock().unwrap(), 20);
    });
}

// SCH-12
#[test]
fn a_panic_inside_a_poll_drops_the_future_while_it_unwinds() {
    struct Tells(Arc<AtomicBool>);
    impl Drop for Tells {
        fn drop(&mut self) {
            self.0.store(thread::panicking(), SeqCst);
        }
    }
    struct Panics(#[expect(dead_code, reason = "held for its drop")] Tells);
    impl Future for Panics {
        type Output = ();
        fn poll(self: std::pin::Pin<&mut Self>, _: &mut std::task::Context<'_>) -> Poll<()> {
            panic!("no luck");
        }
    }
    on_1_2_and_4(|workers| {
        let unwinding = Arc::new(AtomicBool::new(false));
        let future = Panics(Tells(unwinding.clone()));
        runtime(workers).block_on(async { spawn(future).await.unwrap_err() });
        assert!(unwinding.load(SeqCst));
    });
}

// SCH-11
#[test]
fn wakers_may_be_called_by_other_threads_during_and_after_the_shutdown() {
    on_1_2_and_4(|workers| {
        for round in 0..40_u32 {
            let runtime = runtime(workers);
            let wakers = Arc::new(Mutex::new(Vec::new()));
            let tasks: Vec<_> = (0..50)
                .map(|_| {
                    let wakers = wakers.clone();
                    runtime.spawn(poll_fn(move |cx| {
                        wakers.lock().unwrap().push(cx.waker().clone());
                        Poll::<()>::Pending
                    }))
                })
                .collect();
            runtime.block_on(async {
                while wakers.lock().unwrap().len() < 50 {
                    yield_now().await;
                }
            });
            let over = Arc::new(AtomicBool::new(false));
            let hands: Vec<_> = (0..2)
                .map(|_| {
                    let (wakers, over) = (wakers.clone(), over.clone());
                    thread::spawn(move || {
                        let mine: Vec<_> = wakers.lock().unwrap().clone();
                        while !over.load(SeqCst) {
                            mine.iter().for_each(Waker::wake_by_ref);
                        }
                        mine.into_iter().for_each(Waker::wake);
                    })
                })
                .collect();
            match round % 3 {
                0 => drop(runtime),
                1 => assert!(runtime.shutdown(LONG).is_clean()),
                _ => super::rig::runtime(1).block_on(async move { drop(runtime) }),
            }
            over.store(true, SeqCst);
            for hand in hands {
                hand.join().unwrap();
            }
            drop(tasks);
            wakers.lock().unwrap().drain(..).for_each(Waker::wake);
        }
    });
}

// RUN-03
#[test]
fn a_shutdown_races_with_spawns_from_other_threads_and_every_task_ends() {
    on_1_2_and_4(|workers| {
        for _ in 0..20 {
            let (runtime, drops) = (runtime(workers), Drops::default());
            let spawners: Vec<_> = (0..2)
                .map(|_| {
                    let (handle, drops) = (runtime.handle().clone(), drops.clone());
                    thread::spawn(move || {
                        for _ in 0..300 {
                            let witness = drops.witness();
                            let task = handle.spawn(async move {
                                let _witness = witness;
                                yield_now().await;
                            });
                            task.detach();
                        }
                        handle
                    })
                })
                .collect();
            drop(runtime);
            for spawner in spawners {
                let handle = spawner.join().unwrap();
                assert_eq!(handle.metrics().tasks, 0);
            }
            assert_eq!(drops.count(), 600);
        }
    });
}
