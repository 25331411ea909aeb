//! Other threads beside the workers: spawning, waiting, cancelling, hooks.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::mpsc::channel;
use std::thread;
use std::time::Duration;

use windlass::net::UnixStream;
use windlass::runtime::{Builder, Handle};
use windlass::sync::{Event, Semaphore, oneshot};
use windlass::time::sleep;
use windlass::{spawn, spawn_blocking, yield_now};

use super::rig::*;

// SCH-01, THR-01
#[test]
fn a_spawn_from_another_thread_wakes_an_idle_runtime() {
    on_1_2_and_4(|workers| {
        let runtime = runtime(workers);
        let handle = runtime.handle().clone();
        let (send, receive) = oneshot::channel();
        let other = thread::spawn(move || {
            until(|| handle.metrics().parked == handle.workers());
            handle.spawn(async move { send.send(7).unwrap() }).detach();
        });
        assert_eq!(runtime.block_on(receive).unwrap(), 7);
        other.join().unwrap();
    });
}

// SCH-02
#[test]
fn a_spawn_from_another_thread_gets_through_under_load() {
    on_1_2_and_4(|workers| {
        let runtime = runtime(workers);
        let handle = runtime.handle().clone();
        let (send, mut receive) = oneshot::channel();
        let other = thread::spawn(move || {
            until(|| handle.metrics().total(|worker| worker.polls) > 1000);
            handle.spawn(async move { send.send(7).unwrap() }).detach();
        });
        runtime.block_on(async {
            let storm = spawn(async {
                loop {
                    yield_now().await;
                }
            });
            while poll_once(&mut receive).await.is_none() {
                yield_now().await;
            }
            storm.cancel().await.unwrap_err();
        });
        other.join().unwrap();
    });
}

// THR-08
#[test]
fn spawns_from_another_thread_run_in_their_order_on_one_worker() {
    within(LONG, || {
        let (runtime, log) = (runtime(1), Log::default());
        let (handle, lines) = (runtime.handle().clone(), log.clone());
        let other = thread::spawn(move || {
            for number in 0..500 {
                let lines = lines.clone();
                handle.spawn(async move { lines.add(number.to_string()) }).detach();
            }
        });
        other.join().unwrap();
        runtime.block_on(async {
            while log.lines().len() < 500 {
                yield_now().await;
            }
        });
        let expected: Vec<_> = (0..500).map(|number| number.to_string()).collect();
        assert_eq!(log.lines(), expected);
    });
}

// THR-08
#[test]
fn injected_tasks_that_inject_another_do_not_starve_the_others() {
    on_1_2_and_4(|workers| {
        fn again(handle: Handle, over: Arc<Event>) {
            let next = handle.clone();
            // Through the injector, as from a foreign thread.
            let inject = move || {
                thread::scope(|scope| {
                    scope.spawn(|| {
                        let (handle, over) = (next.clone(), over.clone());
                        next.spawn(async move {
                            if !over.is_set() {
                                again(handle, over);
                            }
                        })
                        .detach();
                    });
                });
            };
            inject();
        }
        let runtime = runtime(workers);
        let (handle, over) = (runtime.handle().clone(), Arc::new(Event::new()));
        runtime.block_on(async {
            again(handle, over.clone());
            for _ in 0..50 {
                spawn(async { yield_now().await }).await.unwrap();
            }
            over.set();
        });
    });
}

// THR-02
#[test]
fn a_task_cancelled_from_another_thread_before_it_starts_never_runs() {
    within(LONG, || {
        let runtime = runtime(1);
        let ran = Arc::new(AtomicUsize::new(0));
        let inside = ran.clone();
        let task = runtime.spawn(async move { inside.fetch_add(1, SeqCst) });
        assert!(task.abort(), "the first to ask");
        assert!(!task.abort(), "asked before");
        assert!(runtime.block_on(task).unwrap_err().is_cancelled());
        assert_eq!(ran.load(SeqCst), 0);
    });
}

// THR-02
#[test]
fn cancelling_a_task_that_runs_waits_for_the_end_of_its_poll() {
    on_2_and_4(|workers| {
        let runtime = Builder::new().workers(workers).caller_works(false).build().unwrap();
        let (started, starts) = gate();
        let (release, released) = gate();
        let log = Log::default();
        let inside = log.clone();
        let task = runtime.spawn(async move {
            started.send(()).unwrap();
            released.recv().unwrap();
            inside.add("end of the poll");
            asleep().await;
        });
        starts.recv().unwrap();
        assert!(task.abort(), "abort returns while the task runs");
        log.add("aborted");
        release.send(()).unwrap();
        assert!(runtime.block_on(task).unwrap_err().is_cancelled());
        assert_eq!(log.lines(), ["aborted", "end of the poll"]);
    });
}

// THR-03, THR-05
#[test]
fn ten_threads_block_on_one_runtime_at_once() {
    on_1_2_and_4(|workers| {
        let runtime = Arc::new(runtime(workers));
        let threads: Vec<_> = (0..10)
            .map(|_| {
                let handle = runtime.handle().clone();
                thread::spawn(move || {
                    handle.block_on(async {
                        sleep(Duration::from_millis(1)).await;
                        spawn(async { 42 }).await.unwrap()
                    })
                })
            })
            .collect();
        for thread in threads {
            assert_eq!(thread.join().unwrap(), 42);
        }
    });
}

// THR-06
#[test]
fn handles_and_outputs_may_die_on_another_thread() {
    on_1_2_and_4(|workers| {
        let (runtime, drops) = (runtime(workers), Drops::default());
        let witness = drops.witness();
        let done = runtime.spawn(async move { witness });
        let waiting = runtime.spawn(asleep());
        runtime.block_on(async {
            while !done.is_finished() {
                yield_now().await;
            }
        });
        thread::spawn(move || drop((done, waiting))).join().unwrap();
        assert_eq!(drops.count(), 1);
        runtime.block_on(async {
            while Handle::current().metrics().tasks > 0 {
                yield_now().await;
            }
        });
    });
}

// THR-09
#[test]
fn a_primitive_serves_tasks_of_two_runtimes() {
    within(LONG, || {
        let permits = Arc::new(Semaphore::new(1));
        let threads: Vec<_> = (0..2)
            .map(|_| {
                let permits = permits.clone();
                thread::spawn(move || {
                    runtime(2).block_on(async {
                        for _ in 0..500 {
                            let _permit = permits.acquire().await.unwrap();
                            yield_now().await;
                        }
                    })
                })
            })
            .collect();
        for thread in threads {
            thread.join().unwrap();
        }
        assert_eq!(permits.available_permits(), 1);
    });
}

// SCH-16
#[test]
fn thread_hooks_are_called_in_pairs_on_workers_and_blocking_threads() {
    on_1_2_and_4(|workers| {
        let (starts, stops) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let (start, stop) = (starts.clone(), stops.clone());
        let builder = Builder::new().workers(workers);
        let builder = builder.on_thread_start(move || _ = start.fetch_add(1, SeqCst));
        let builder = builder.on_thread_stop(move || _ = stop.fetch_add(1, SeqCst));
        let runtime = builder.build().unwrap();
        runtime.block_on(async { spawn_blocking(|| ()).await.unwrap() });
        assert!(runtime.shutdown(LONG).is_clean());
        // One for each worker but the caller, and one of the blocking pool.
        assert_eq!((starts.load(SeqCst), stops.load(SeqCst)), (workers, workers));
    });
}

#[test]
fn a_thread_hook_that_panics_keeps_no_thread_from_its_work() {
    on_1_2_and_4(|workers| {
        let builder = Builder::new().workers(workers).caller_works(false);
        let builder = builder.on_thread_start(|| panic!("no luck at the start"));
        let builder = builder.on_thread_stop(|| panic!("no luck at the end"));
        let runtime = builder.build().unwrap();
        let task = runtime.spawn(async { 7 });
        assert_eq!(runtime.block_on(task).unwrap(), 7);
        runtime.block_on(async { spawn_blocking(|| ()).await.unwrap() });
        assert!(runtime.shutdown(LONG).is_clean());
    });
}

// EXE-01, EXE-02
#[test]
fn a_blocking_job_gives_its_value_or_its_panic() {
    on_1_2_and_4(|workers| {
        runtime(workers).block_on(async {
            let here = thread::current().id();
            assert_ne!(spawn_blocking(|| thread::current().id()).await.unwrap(), here);
            let error = spawn_blocking(|| panic!("no luck")).await.unwrap_err();
            assert_eq!(error.panic_message(), Some("no luck"));
        });
    });
}

// EXE-14, EXE-15
#[test]
fn a_blocking_job_may_use_tasks_jobs_timers_and_sockets() {
    on_1_2_and_4(|workers| {
        runtime(workers).block_on(async {
            let job = spawn_blocking(|| {
                let handle = Handle::current();
                let task = spawn(async { 1 });
                let job = spawn_blocking(|| 2);
                let sum = handle.block_on(async { task.await.unwrap() + job.await.unwrap() });
                handle.block_on(async {
                    sleep(Duration::from_millis(2)).await;
                    let (left, right) = UnixStream::pair().unwrap();
                    left.write(b"x").await.unwrap();
                    sum + right.read(&mut [0; 8]).await.unwrap()
                })
            });
            assert_eq!(job.await.unwrap(), 4);
        });
    });
}

#[test]
fn a_handle_outlives_its_runtime_without_keeping_its_threads() {
    on_1_2_and_4(|workers| {
        let runtime = runtime(workers);
        let handle = runtime.handle().clone();
        drop(runtime);
        assert!(handle.spawn(async {}).is_finished());
        let (sender, receiver) = channel::<()>();
        handle.spawn(async move { drop(sender) }).detach();
        assert!(receiver.recv().is_err(), "the future was dropped");
    });
}
