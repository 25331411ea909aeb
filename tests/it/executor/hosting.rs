//! Seat 0 in a foreign loop, and tasks that are bound to its thread.

use std::cell::Cell;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::thread;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use windlass::net::UnixStream;
use windlass::runtime::{Builder, Driven, Handle, Runtime};
use windlass::sync::oneshot;
use windlass::time::{Clock, sleep};
use windlass::{Task, spawn, spawn_local, yield_now};

use super::rig::*;

/// Longer than the loop of a host runs for one test.
const PATIENCE: Duration = Duration::from_secs(20);

/// A foreign loop as its author would write it: drive, wait for the descriptor or the deadline.
fn host(runtime: &Runtime, mut is_over: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !is_over() {
        let driven = runtime.drive(Duration::from_millis(5));
        if driven.more || is_over() {
            continue;
        }
        assert!(begun.elapsed() < PATIENCE, "the host waits in vain: {}", runtime.handle().dump());
        wait(runtime, driven);
    }
}

fn wait(runtime: &Runtime, driven: Driven) {
    let longest = Instant::now() + PATIENCE;
    let until = driven.next_deadline.map_or(longest, |deadline| deadline.min(longest));
    let left = until.saturating_duration_since(Instant::now());
    let timeout = Timespec { tv_sec: left.as_secs() as i64, tv_nsec: left.subsec_nanos().into() };
    let descriptor = runtime.handle().poller_fd();
    poll(&mut [PollFd::new(&descriptor, PollFlags::IN)], Some(&timeout)).unwrap();
}

/// Hosts until the task has ended, which a bound task sees to: another worker may end it.
fn host_until<T: Send + 'static>(runtime: &Runtime, task: Task<T>) -> T {
    let output = Rc::new(Cell::new(None));
    let inside = output.clone();
    let mut bound = None;
    runtime.block_on(async {
        bound = Some(spawn_local(async move { inside.set(Some(task.await.unwrap())) }));
    });
    let bound = bound.unwrap();
    host(runtime, || bound.is_finished());
    output.take().unwrap()
}

// RUN-12
#[test]
fn drive_runs_what_is_ready_and_returns_without_waiting() {
    on_1_2_and_4(|workers| {
        let runtime = runtime(workers);
        let task = runtime.spawn(async {
            yield_now().await;
            asleep().await;
        });
        let begun = Instant::now();
        while runtime.drive(Duration::from_secs(3600)).more {}
        assert!(begun.elapsed() < LONG);
        until(|| runtime.handle().dump().tasks[0].polls == 2);
        drop(task);
    });
}

#[test]
fn drive_says_when_the_next_timer_is_due() {
    within(LONG, || {
        let runtime = runtime(1);
        assert_eq!(runtime.drive(Duration::ZERO).next_deadline, None);
        let deadline = Instant::now() + Duration::from_secs(3600);
        let task = runtime.spawn(async move { windlass::time::sleep_until(deadline).await });
        while runtime.drive(Duration::from_millis(1)).more {}
        let next = runtime.drive(Duration::from_millis(1)).next_deadline.unwrap();
        let off = next.max(deadline) - next.min(deadline);
        assert!(off < Duration::from_millis(1), "{off:?}");
        drop(task);
    });
}

#[test]
fn a_paused_clock_gives_the_host_no_deadline() {
    within(LONG, || {
        let clock = Clock::paused();
        let runtime = Builder::new().workers(1).clock(clock.clone()).build().unwrap();
        let task = runtime.spawn(async { sleep(Duration::from_secs(1)).await });
        while runtime.drive(Duration::from_millis(1)).more {}
        let driven = runtime.drive(Duration::from_millis(1));
        assert_eq!(driven.next_deadline, None);
        let mover = thread::spawn(move || clock.advance(Duration::from_secs(1)));
        host_until(&runtime, task);
        mover.join().unwrap();
    });
}

#[test]
fn a_host_serves_timers_and_sockets() {
    on_1_2_and_4(|workers| {
        let runtime = runtime(workers);
        let task = runtime.spawn(async {
            for _ in 0..20 {
                sleep(Duration::from_millis(1)).await;
                let (left, right) = UnixStream::pair().unwrap();
                let echo = spawn(async move { right.read(&mut [0; 8]).await.unwrap() });
                left.write(b"abc").await.unwrap();
                assert_eq!(echo.await.unwrap(), 3);
            }
        });
        host_until(&runtime, task);
    });
}

#[test]
fn a_wake_from_another_thread_makes_the_descriptor_readable() {
    on_1_2_and_4(|workers| {
        let runtime = runtime(workers);
        for _ in 0..50 {
            let (send, receive) = oneshot::channel();
            let task = runtime.spawn(async move { receive.await.unwrap() });
            let other = thread::spawn(move || send.send(()).unwrap());
            host_until(&runtime, task);
            other.join().unwrap();
        }
    });
}

#[test]
fn a_spawn_from_another_thread_makes_the_descriptor_readable() {
    within(LONG, || {
        let runtime = runtime(1);
        for _ in 0..50 {
            let (handle, ran) = (runtime.handle().clone(), Arc::new(AtomicUsize::new(0)));
            let inside = ran.clone();
            let other = thread::spawn(move || {
                until(|| handle.metrics().parked == 1); // the host waits, or is about to
                handle.spawn(async move { inside.fetch_add(1, SeqCst) }).detach();
            });
            host(&runtime, || ran.load(SeqCst) == 1);
            other.join().unwrap();
        }
    });
}

#[test]
fn a_bound_task_that_another_thread_wakes_brings_its_host_back() {
    on_1_2_and_4(|workers| {
        let runtime = runtime(workers);
        let (ended, count) = (Rc::new(Cell::new(0)), 50);
        for round in 0..count {
            let (send, receive) = oneshot::channel();
            let inside = ended.clone();
            // Only a task that runs on seat 0 may spawn one that is bound to it.
            runtime.block_on(async {
                spawn_local(async move {
                    receive.await.unwrap();
                    inside.set(inside.get() + 1);
                })
                .detach();
            });
            let other = thread::spawn(move || send.send(()).unwrap());
            host(&runtime, || ended.get() > round);
            other.join().unwrap();
        }
    });
}

#[test]
fn a_host_that_stays_away_does_not_keep_tasks_from_the_other_workers() {
    on_2_and_4(|workers| {
        let runtime = runtime(workers);
        while runtime.drive(Duration::from_millis(1)).more {}
        // Nobody drives any more, but there are other workers.
        for _ in 0..20 {
            let task = runtime.spawn(async { spawn(async {}).await.unwrap() });
            until(|| task.is_finished());
        }
    });
}

#[test]
fn a_timer_of_a_foreign_thread_brings_the_host_back_in_time() {
    within(LONG, || {
        let runtime = runtime(1);
        let handle = runtime.handle().clone();
        let (armed, is_armed) = gate();
        let other = thread::spawn(move || {
            let _inside = handle.enter();
            let mut nap = Box::pin(sleep(Duration::from_millis(10)));
            let count = crate::kit::Count::new();
            let waker = std::task::Waker::from(count.clone());
            let mut cx = std::task::Context::from_waker(&waker);
            // The host waits already, and without a deadline.
            until(|| handle.metrics().parked == 1);
            assert!(nap.as_mut().poll(&mut cx).is_pending());
            armed.send(()).unwrap();
            until(|| count.wakes() > 0);
        });
        let (mut rounds, metrics) =
            (0, || runtime.handle().metrics().total(|worker| worker.timers));
        host(&runtime, || {
            rounds += 1;
            metrics() == 1
        });
        is_armed.recv().unwrap();
        other.join().unwrap();
        assert!(rounds > 1);
    });
}

#[test]
fn a_runtime_may_be_driven_and_blocked_on_by_turns() {
    on_1_2_and_4(|workers| {
        let runtime = runtime(workers);
        for _ in 0..20 {
            let task = runtime.spawn(async { sleep(Duration::from_micros(200)).await });
            host_until(&runtime, task);
            assert_eq!(runtime.block_on(async { spawn(async { 7 }).await.unwrap() }), 7);
        }
        assert!(runtime.shutdown(LONG).is_clean());
    });
}

#[test]
fn drive_is_refused_while_another_thread_sits_on_the_seat() {
    on_1_2_and_4(|workers| {
        let runtime = Arc::new(runtime(workers));
        let (inside, is_inside) = gate();
        let (leave, left) = oneshot::channel();
        let other = {
            let runtime = runtime.clone();
            thread::spawn(move || {
                runtime.block_on(async {
                    inside.send(()).unwrap();
                    left.await.unwrap();
                });
            })
        };
        is_inside.recv().unwrap();
        let text = refusal(|| runtime.drive(Duration::ZERO));
        assert!(text.contains("another thread sits there"), "{text}");
        leave.send(()).unwrap();
        other.join().unwrap();
    });
}

#[test]
fn drive_inside_a_task_is_refused() {
    let runtime = Arc::new(runtime(1));
    let inside = runtime.clone();
    let text = refusal(|| runtime.block_on(async { inside.drive(Duration::ZERO) }));
    assert!(text.contains("would block the worker"), "{text}");
}

#[test]
fn a_bound_task_is_polled_and_dropped_on_its_thread() {
    struct Home(thread::ThreadId, Rc<Cell<usize>>);
    impl Drop for Home {
        fn drop(&mut self) {
            assert_eq!(thread::current().id(), self.0);
            self.1.set(self.1.get() + 1);
        }
    }
    on_1_2_and_4(|workers| {
        let drops = Rc::new(Cell::new(0));
        runtime(workers).block_on(async {
            let tasks: Vec<_> = (0..50)
                .map(|number| {
                    let home = Home(thread::current().id(), drops.clone());
                    spawn_local(async move {
                        for _ in 0..10 {
                            let (send, receive) = oneshot::channel();
                            // Sent by any worker: the wake-up has to find its way home.
                            spawn(async move { send.send(()).unwrap() }).detach();
                            receive.await.unwrap();
                            assert_eq!(thread::current().id(), home.0);
                        }
                        number
                    })
                })
                .collect();
            for (number, task) in tasks.into_iter().enumerate() {
                match number % 3 {
                    0 => drop(task),
                    1 => assert_eq!(task.await.unwrap(), number),
                    _ => _ = task.cancel().await,
                }
            }
            while Handle::current().metrics().tasks > 0 {
                yield_now().await;
            }
        });
        assert_eq!(drops.get(), 50);
    });
}

#[test]
fn bound_tasks_that_are_left_are_dropped_by_their_thread_at_the_end() {
    on_1_2_and_4(|workers| {
        let drops = Rc::new(Cell::new(0));
        struct Count(Rc<Cell<usize>>);
        impl Drop for Count {
            fn drop(&mut self) {
                self.0.set(self.0.get() + 1);
            }
        }
        let runtime = runtime(workers);
        runtime.block_on(async {
            for _ in 0..10 {
                let count = Count(drops.clone());
                spawn_local(async move {
                    let _count = count;
                    asleep().await;
                })
                .detach();
            }
            yield_now().await;
        });
        assert!(runtime.shutdown(LONG).is_clean());
        assert_eq!(drops.get(), 10);
    });
}

#[test]
fn no_other_thread_takes_the_seat_while_bound_tasks_live() {
    on_1_2_and_4(|workers| {
        let runtime = Arc::new(runtime(workers));
        let polled = Arc::new(AtomicUsize::new(0));
        let (begin, begun) = oneshot::channel::<()>();
        let seen = polled.clone();
        let mut bound = None;
        runtime.block_on(async {
            bound = Some(spawn_local(async move {
                begun.await.unwrap();
                seen.fetch_add(1, SeqCst);
            }));
        });
        let other = {
            let runtime = runtime.clone();
            thread::spawn(move || {
                // Its own root is polled all the same.
                runtime.block_on(async { begin.send(()).unwrap() });
            })
        };
        other.join().unwrap();
        assert_eq!(polled.load(SeqCst), 0, "it cannot run away from home");
        runtime.block_on(bound.unwrap()).unwrap();
        assert_eq!(polled.load(SeqCst), 1);
    });
}

#[test]
fn spawn_local_elsewhere_than_on_seat_0_is_refused_with_the_cure() {
    within(LONG, || {
        let runtime = runtime(1);
        let _inside = runtime.enter();
        let text = refusal(|| spawn_local(async {}));
        assert!(text.contains("spawn it from the root future, or use spawn()"), "{text}");
    });
    let text = refusal(|| spawn_local(async {}));
    assert!(text.contains("needs a runtime"), "{text}");
}
