//! Runtimes as their users see them: `block_on`, `run`, `drive`, order, and what is refused.

use std::cell::RefCell;
use std::future::poll_fn;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::mpsc::channel;
use std::task::Poll;
use std::thread;
use std::time::Duration;

use windlass::runtime::{Builder, Handle, Runtime};
use windlass::sync::{Event, Mutex};
use windlass::task::{try_id, unconstrained};
use windlass::time::{Clock, sleep, timeout};
use windlass::{spawn, yield_now};

use super::rig::*;

// RUN-01
#[test]
fn block_on_gives_the_value_of_its_future() {
    on_1_2_and_4(|workers| assert_eq!(runtime(workers).block_on(async { 42 }), 42));
}

// RUN-01
#[test]
fn block_on_raises_the_panic_of_its_future() {
    on_1_2_and_4(|workers| {
        let runtime = runtime(workers);
        let text = refusal(|| runtime.block_on(async { panic!("no luck") }));
        assert_eq!(text, "no luck");
    });
}

// RUN-15
#[test]
fn a_runtime_is_usable_after_a_panic_has_left_block_on() {
    on_1_2_and_4(|workers| {
        let runtime = runtime(workers);
        let survivor = runtime.spawn(async { yield_now().await });
        refusal(|| {
            runtime.block_on(async {
                yield_now().await;
                panic!("no luck")
            })
        });
        assert!(runtime.block_on(survivor).is_ok());
        assert_eq!(runtime.block_on(async { spawn(async { 7 }).await.unwrap() }), 7);
    });
}

// RUN-08
#[test]
fn a_runtime_serves_several_block_ons_and_keeps_its_tasks_between_them() {
    on_1_2_and_4(|workers| {
        let runtime = runtime(workers);
        let (send, receive) = windlass::sync::oneshot::channel();
        let task = runtime.spawn(async move { receive.await.unwrap() });
        runtime.block_on(async { spawn(async {}).detach() });
        runtime.block_on(yield_now());
        send.send(5).unwrap();
        assert_eq!(runtime.block_on(task).unwrap(), 5);
    });
}

// RUN-02
#[test]
fn run_inside_a_runtime_is_refused_with_both_places_and_the_cure() {
    let text = refusal(|| windlass::run(async { windlass::run(async {}) }));
    let (inner, outer) = text.split_once(" is inside ").expect("two places");
    assert!(inner.contains(file!()) && outer.contains(file!()), "{text}");
    assert!(text.contains("await the future instead, or use spawn_blocking"), "{text}");
}

// RUN-02
#[test]
fn block_on_inside_a_task_is_refused_on_every_worker() {
    on_1_2_and_4(|workers| {
        for caller_works in [true, false] {
            let builder = Builder::new().workers(workers).caller_works(caller_works);
            let runtime = builder.build().unwrap();
            let handle = runtime.handle().clone();
            let texts = runtime.block_on(async move {
                let nested = || {
                    let handle = handle.clone();
                    spawn(async move { refusal(|| handle.block_on(async {})) })
                };
                let tasks: Vec<_> = (0..8).map(|_| nested()).collect();
                let mut texts = Vec::new();
                for task in tasks {
                    texts.push(task.await.unwrap());
                }
                texts
            });
            assert!(texts.iter().all(|text| text.contains("would block the worker")), "{texts:?}");
        }
    });
}

// RUN-02
#[test]
fn a_guest_guard_inside_a_task_does_not_hide_that_block_on_would_block_a_worker() {
    on_1_2_and_4(|workers| {
        let runtime = runtime(workers);
        let other = Runtime::new().unwrap();
        let (handle, other) = (runtime.handle().clone(), other.handle().clone());
        let texts = runtime.block_on(async move {
            let task = spawn(async move {
                let own = {
                    let _entered = handle.enter();
                    refusal(|| handle.block_on(async {}))
                };
                let _entered = other.enter();
                (own, refusal(|| other.block_on(async {})))
            });
            task.await.unwrap()
        });
        assert!(texts.0.contains("would block the worker"), "{texts:?}");
        assert!(texts.1.contains("would block the worker"), "{texts:?}");
    });
}

#[test]
fn a_blocking_job_may_block_on_its_own_runtime() {
    on_1_2_and_4(|workers| {
        let runtime = runtime(workers);
        let answer = runtime.block_on(async {
            windlass::spawn_blocking(|| {
                Handle::current().block_on(async { spawn(async { 42 }).await })
            })
            .await
        });
        assert_eq!(answer.unwrap().unwrap(), 42);
    });
}

#[test]
fn one_worker_runs_tasks_strictly_in_their_order_and_the_root_among_them() {
    let log = Log::default();
    let inside = log.clone();
    runtime(1).block_on(async move {
        let tasks: Vec<_> = ["a", "b", "c"]
            .map(|name| {
                let log = inside.clone();
                spawn(async move {
                    for round in 0..3 {
                        log.add(format!("{name}{round}"));
                        yield_now().await;
                    }
                })
            })
            .into();
        for round in 0..3 {
            inside.add(format!("root{round}"));
            yield_now().await;
        }
        for task in tasks {
            task.await.unwrap();
        }
    });
    let expected = "root0 a0 b0 c0 root1 a1 b1 c1 root2 a2 b2 c2";
    assert_eq!(log.lines().join(" "), expected);
}

#[test]
fn one_worker_runs_what_is_woken_behind_what_was_queued_before() {
    let log = Log::default();
    let inside = log.clone();
    runtime(1).block_on(async move {
        let (go, gone) = windlass::sync::oneshot::channel::<()>();
        let add = |line: &'static str| {
            let log = inside.clone();
            move || log.add(line)
        };
        let (woken, wakes, last) = (add("woken"), add("wakes"), add("last"));
        let woken = spawn(async move {
            gone.await.unwrap();
            woken();
        });
        yield_now().await;
        let wakes = spawn(async move {
            wakes();
            go.send(()).unwrap();
        });
        let last = spawn(async move { last() });
        for task in [woken, wakes, last] {
            task.await.unwrap();
        }
    });
    assert_eq!(log.lines(), ["wakes", "last", "woken"]);
}

#[test]
fn one_worker_starts_no_thread() {
    if is_done_alone("executor::runtime::one_worker_starts_no_thread", &[]) {
        return;
    }
    let threads = || std::fs::read_dir("/proc/self/task").unwrap().count();
    let before = threads();
    let runtime = runtime(1);
    let during = runtime.block_on(async { spawn(async move { threads() }).await.unwrap() });
    assert_eq!(during, before);
}

#[test]
fn several_wakes_before_a_poll_cause_one_poll() {
    on_1_2_and_4(|workers| {
        let polls = Arc::new(AtomicUsize::new(0));
        let seen = polls.clone();
        runtime(workers).block_on(async move {
            let mut rounds = 0;
            poll_fn(move |cx| {
                seen.fetch_add(1, SeqCst);
                rounds += 1;
                if rounds > 100 {
                    return Poll::Ready(());
                }
                cx.waker().wake_by_ref();
                cx.waker().wake_by_ref();
                let waker = cx.waker().clone();
                waker.wake();
                Poll::Pending
            })
            .await;
        });
        assert_eq!(polls.load(SeqCst), 101);
    });
}

#[test]
fn several_wakes_of_a_task_before_its_poll_cause_one_poll() {
    on_1_2_and_4(|workers| {
        runtime(workers).block_on(async {
            let task = spawn(async {
                let mut rounds = 0;
                let mut polls = 0;
                poll_fn(move |cx| {
                    polls += 1;
                    rounds += 1;
                    if rounds > 100 {
                        return Poll::Ready(polls);
                    }
                    cx.waker().wake_by_ref();
                    let waker = cx.waker().clone();
                    waker.wake();
                    Poll::Pending
                })
                .await
            });
            assert_eq!(task.await.unwrap(), 101);
        });
    });
}

#[test]
fn a_second_block_on_polls_its_own_root_and_inherits_the_seat() {
    within(LONG, || {
        let runtime = Arc::new(runtime(1));
        let (second_waits, waits) = channel();
        let (outcome, inherited) = channel();
        let second = {
            let (runtime, second_waits) = (runtime.clone(), second_waits);
            move || {
                thread::spawn(move || {
                    let output = runtime.block_on(async {
                        // A task of its own: nobody but the holder of the seat can run it.
                        let task = spawn(async { thread::current().id() });
                        second_waits.send(()).unwrap();
                        task.await.unwrap()
                    });
                    outcome.send(output == thread::current().id()).unwrap();
                })
            }
        };
        let thread = runtime.block_on(async {
            let (held, hold) = windlass::sync::oneshot::channel::<()>();
            let thread = second();
            // The second one waits outside; its task is run here, on this thread.
            while waits.try_recv().is_err() {
                yield_now().await;
            }
            drop(held);
            assert!(hold.await.is_err());
            thread
        });
        // Either this thread has run the task before it left, or the second one runs it now.
        inherited.recv_timeout(LONG).expect("the second block_on ends");
        thread.join().unwrap();
    });
}

#[test]
fn the_next_block_on_drives_tasks_when_the_first_has_left_the_seat() {
    within(LONG, || {
        let runtime = Arc::new(runtime(1));
        let (leave, left) = (Arc::new(Event::new()), Arc::new(Event::new()));
        let ready = Arc::new(Event::new());
        let second = {
            let (runtime, left, ready) = (runtime.clone(), left.clone(), ready.clone());
            thread::spawn(move || {
                runtime.block_on(async {
                    ready.set();
                    left.wait().await;
                    // The first is gone, so only this thread can run a task.
                    spawn(async { thread::current().id() }).await.unwrap()
                }) == thread::current().id()
            })
        };
        let third = {
            let leave = leave.clone();
            thread::spawn(move || leave.set())
        };
        runtime.block_on(async {
            ready.wait().await;
            leave.wait().await;
        });
        left.set();
        assert!(second.join().unwrap(), "the second thread has run its task itself");
        third.join().unwrap();
    });
}

#[test]
fn the_seat_goes_from_one_waiting_block_on_to_the_next() {
    within(LONG, || {
        const THREADS: usize = 6;
        for _ in 0..20 {
            let runtime = Arc::new(runtime(1));
            let turns: Arc<Vec<_>> = Arc::new((0..=THREADS).map(|_| Event::new()).collect());
            let threads: Vec<_> = (0..THREADS)
                .map(|number| {
                    let (runtime, turns) = (runtime.clone(), turns.clone());
                    thread::spawn(move || {
                        runtime.block_on(async {
                            turns[number].wait().await;
                            // Somebody must sit on the only seat for this.
                            spawn(async {}).await.unwrap();
                        });
                        turns[number + 1].set();
                    })
                })
                .collect();
            turns[0].set();
            for thread in threads {
                thread.join().unwrap();
            }
        }
    });
}

#[test]
fn many_block_ons_at_once_all_end() {
    on_1_2_and_4(|workers| {
        let runtime = Arc::new(runtime(workers));
        let threads: Vec<_> = (0..8)
            .map(|number| {
                let runtime = runtime.clone();
                thread::spawn(move || {
                    (0..50)
                        .map(|_| {
                            runtime.block_on(async { spawn(async move { number }).await.unwrap() })
                        })
                        .sum::<usize>()
                })
            })
            .collect();
        for (number, thread) in threads.into_iter().enumerate() {
            assert_eq!(thread.join().unwrap(), 50 * number);
        }
    });
}

// RUN-22
#[test]
fn with_one_worker_nothing_moves_without_block_on() {
    within(LONG, || {
        let runtime = runtime(1);
        let task = runtime.spawn(async {});
        let dump = runtime.handle().dump();
        assert_eq!((dump.tasks.len(), dump.tasks[0].polls), (1, 0));
        runtime.block_on(task).unwrap();
    });
}

#[test]
fn where_the_caller_does_not_work_tasks_run_without_block_on() {
    on_1_2_and_4(|workers| {
        let runtime = Builder::new().workers(workers).caller_works(false).build().unwrap();
        let (send, receive) = channel();
        runtime.spawn(async move { send.send(thread::current().id()).unwrap() }).detach();
        let ran_on = receive.recv_timeout(LONG).expect("a worker thread runs it");
        assert_ne!(ran_on, thread::current().id());
    });
}

#[test]
fn where_the_caller_does_not_work_its_root_still_ends() {
    on_1_2_and_4(|workers| {
        let runtime = Builder::new().workers(workers).caller_works(false).build().unwrap();
        let (root, task) = runtime.block_on(async {
            sleep(Duration::from_millis(1)).await;
            (thread::current().id(), spawn(async { thread::current().id() }).await.unwrap())
        });
        assert_eq!(root, thread::current().id());
        assert_ne!(task, root);
    });
}

#[test]
fn tasks_go_on_with_sockets_and_timers_after_block_on_has_returned() {
    for _ in 0..20 {
        on_2_and_4(|workers| {
            let runtime = runtime(workers);
            let (send, receive) = channel();
            runtime.block_on(async {
                let (left, right) = windlass::net::UnixStream::pair().unwrap();
                let echo = send.clone();
                spawn(async move {
                    let mut byte = [0];
                    right.read(&mut byte).await.unwrap();
                    echo.send("socket").unwrap();
                })
                .detach();
                spawn(async move {
                    sleep(Duration::from_millis(2)).await;
                    left.write(b"x").await.unwrap();
                    sleep(Duration::from_millis(1)).await;
                    send.send("timer").unwrap();
                })
                .detach();
                yield_now().await;
                sleep(Duration::from_millis(1)).await;
            });
            receive.recv_timeout(Duration::from_secs(10)).expect("it goes on");
            receive.recv_timeout(Duration::from_secs(10)).expect("it goes on");
        });
    }
}

#[test]
fn the_root_need_not_be_send_and_stays_on_its_thread() {
    on_1_2_and_4(|workers| {
        runtime(workers).block_on(async {
            let (shared, home) = (Rc::new(RefCell::new(0)), thread::current().id());
            for _ in 0..100 {
                spawn(async {}).await.unwrap();
                *shared.borrow_mut() += 1;
                assert_eq!(thread::current().id(), home);
            }
            assert_eq!(*shared.borrow(), 100);
        });
    });
}

// SCH-14
#[test]
fn a_future_that_is_always_ready_still_lets_others_run() {
    on_1_2_and_4(|workers| {
        let other_ran = Arc::new(AtomicUsize::new(0));
        let seen = other_ran.clone();
        runtime(workers).block_on(async move {
            let other = spawn(async move { seen.store(1, SeqCst) });
            let event = Event::new();
            event.set();
            let mut rounds = 0_u64;
            while other_ran.load(SeqCst) == 0 {
                event.wait().await; // always ready; only the budget makes it yield
                rounds += 1;
                assert!(rounds < 1_000_000_000, "the other task never runs");
            }
            other.await.unwrap();
        });
    });
}

// SCH-14
#[test]
fn one_poll_does_no_more_than_128_ready_operations() {
    runtime(1).block_on(async {
        let operations = spawn(async {
            let event = Event::new();
            event.set();
            let mut operations = 0;
            let mut round = Box::pin(async {
                loop {
                    event.wait().await;
                    operations += 1;
                }
            });
            poll_fn(|cx| {
                let polled: Poll<()> = round.as_mut().poll(cx);
                assert!(polled.is_pending());
                Poll::Ready(())
            })
            .await;
            drop(round);
            operations
        });
        assert_eq!(operations.await.unwrap(), 128);
    });
}

// SCH-14
#[test]
fn an_unconstrained_future_is_not_interrupted() {
    runtime(1).block_on(async {
        let other = spawn(async {});
        let event = Event::new();
        event.set();
        unconstrained(async {
            for _ in 0..10_000 {
                event.wait().await;
            }
        })
        .await;
        assert!(!other.is_finished(), "nothing else has run in between");
    });
}

// INT-01, INT-02
#[test]
fn each_task_knows_its_own_number_and_outside_there_is_none() {
    assert!(try_id().is_none());
    on_1_2_and_4(|workers| {
        runtime(workers).block_on(async {
            let root = try_id().unwrap();
            let tasks: Vec<_> = (0..20)
                .map(|_| {
                    spawn(async {
                        let mine = try_id().unwrap();
                        for _ in 0..20 {
                            yield_now().await;
                            assert_eq!(try_id(), Some(mine));
                        }
                        mine
                    })
                })
                .collect();
            for task in tasks {
                let id = task.id();
                assert_eq!(task.await.unwrap(), id);
                assert_ne!(id, root);
                assert_eq!(try_id(), Some(root));
            }
        });
        assert!(try_id().is_none());
    });
}

#[test]
fn the_figures_of_a_worker_name_the_task_that_it_polled_last() {
    let runtime = runtime(1);
    let current = || runtime.handle().metrics().workers[0].current;
    runtime.block_on(async {
        for _ in 0..3 {
            let task = spawn(async {});
            let id = task.id().get();
            task.await.unwrap();
            assert_eq!(current(), id);
        }
    });
}

// INT-03
#[test]
fn the_list_has_every_unfinished_task_and_no_other() {
    on_1_2_and_4(|workers| {
        let runtime = runtime(workers);
        runtime.block_on(async {
            let finished = spawn(async {});
            let waiting = spawn(asleep());
            while !finished.is_finished()
                || Handle::current().dump().tasks.iter().any(|task| task.polls == 0)
            {
                yield_now().await;
            }
            let ids: Vec<_> = Handle::current().dump().tasks.iter().map(|task| task.id).collect();
            assert_eq!(ids, [waiting.id()]);
            waiting.cancel().await.unwrap_err();
            assert!(Handle::current().dump().tasks.is_empty());
        });
        let never_polled = runtime.spawn(async {});
        let listed = runtime.handle().dump().tasks.iter().any(|task| task.id == never_polled.id());
        assert!(listed || workers > 1);
    });
}

// INT-05
#[test]
fn ten_runtimes_in_ten_threads_see_only_their_own_tasks() {
    let threads: Vec<_> = (0..10)
        .map(|_| {
            thread::spawn(|| {
                runtime(1).block_on(async {
                    let tasks: Vec<_> = (0..100).map(|_| spawn(asleep())).collect();
                    yield_now().await;
                    assert_eq!(Handle::current().dump().tasks.len(), 100);
                    drop(tasks);
                });
            })
        })
        .collect();
    for thread in threads {
        thread.join().unwrap();
    }
}

// RUN-10
#[test]
fn the_builders_clock_is_the_one_that_timers_go_by() {
    on_1_2_and_4(|workers| {
        let clock = Clock::paused();
        let runtime = Builder::new().workers(workers).clock(clock.clone()).build().unwrap();
        let hour = Duration::from_secs(3600);
        let task = runtime.spawn(async move { timeout(hour, sleep(2 * hour)).await });
        runtime.block_on(async {
            while Handle::current().metrics().timers == 0 {
                yield_now().await;
            }
            clock.advance(hour);
            assert!(task.await.unwrap().is_err());
        });
    });
}

#[test]
fn a_task_is_not_taken_for_one_of_another_runtime_that_has_the_same_number() {
    let [here, there] = [(); 2].map(|()| Builder::new().workers(1).build().unwrap());
    let mutex = Arc::new(Mutex::new(()));
    let held = mutex.try_lock().unwrap();
    let waits = mutex.clone().lock_owned();
    let waits = here.spawn(async { drop(waits.await) });
    here.block_on(yield_now());
    drop(held); // hands it over
    let other = mutex.clone();
    let tries = there.spawn(async move { other.try_lock().is_some() });
    assert_eq!(waits.id().get(), tries.id().get());
    assert_eq!(mutex.stats().holder, waits.id().get());
    assert!(!there.block_on(tries).unwrap(), "it was handed to the other");
    here.block_on(waits).unwrap();
}
