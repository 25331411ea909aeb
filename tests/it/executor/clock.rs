//! Runtimes whose clock stands still, and moves on by itself when nothing else can.

use std::time::{Duration, Instant};

use windlass::runtime::{Builder, Handle, Runtime, now};
use windlass::time::{Clock, sleep, timeout};
use windlass::{spawn, spawn_blocking};

use super::rig::*;

const HOUR: Duration = Duration::from_secs(3600);

fn jumping(workers: usize) -> Runtime {
    let clock = Clock::paused();
    clock.set_auto_advance(true);
    Builder::new().workers(workers).clock(clock).build().unwrap()
}

#[test]
fn an_idle_runtime_jumps_to_its_next_deadline() {
    on_1_2_and_4(|workers| {
        let begun = Instant::now();
        jumping(workers).block_on(async {
            let before = now();
            sleep(24 * HOUR).await;
            assert_eq!(now() - before, 24 * HOUR);
        });
        assert!(begun.elapsed() < LONG);
    });
}

#[test]
fn the_timers_that_a_jump_fires_are_counted() {
    on_1_2_and_4(|workers| {
        let runtime = jumping(workers);
        runtime.block_on(async {
            for _ in 0..5 {
                sleep(HOUR).await;
            }
        });
        assert_eq!(runtime.handle().metrics().total(|worker| worker.timers), 5);
    });
}

#[test]
fn a_jumping_clock_never_jumps_over_what_a_woken_task_does_next() {
    on_1_2_and_4(|workers| {
        jumping(workers).block_on(async {
            for _ in 0..500 {
                let before = now();
                let task = spawn(async {
                    sleep(Duration::from_secs(1)).await;
                });
                // The far deadline is armed on this worker while the task ends on another.
                timeout(Duration::from_secs(10), task).await.unwrap().unwrap();
                assert_eq!(now() - before, Duration::from_secs(1));
            }
        });
    });
}

#[test]
fn a_jumping_clock_keeps_many_sleepers_in_the_order_of_their_deadlines() {
    on_1_2_and_4(|workers| {
        let woken = Log::default();
        let log = woken.clone();
        jumping(workers).block_on(async move {
            let sleepers: Vec<_> = (0..200_u64)
                .map(|number| {
                    let (seconds, log) = (number * 7919 % 200, log.clone());
                    spawn(async move {
                        sleep(Duration::from_secs(60 * seconds)).await;
                        log.add(format!("{seconds}"));
                    })
                })
                .collect();
            for sleeper in sleepers {
                sleeper.await.unwrap();
            }
        });
        let expected: Vec<_> = (0..200).map(|seconds| format!("{seconds}")).collect();
        assert_eq!(woken.lines(), expected);
    });
}

#[test]
fn a_jumping_clock_waits_for_a_blocking_job() {
    on_1_2_and_4(|workers| {
        jumping(workers).block_on(async {
            let before = now();
            let job = spawn_blocking(|| std::thread::sleep(Duration::from_millis(20)));
            timeout(HOUR, job).await.expect("the job ends before an hour has passed").unwrap();
            assert_eq!(now(), before);
        });
    });
}

#[test]
fn a_jumping_clock_goes_on_when_a_job_that_nobody_awaits_has_ended() {
    on_1_2_and_4(|workers| {
        jumping(workers).block_on(async {
            spawn_blocking(|| std::thread::sleep(Duration::from_millis(20))).detach();
            sleep(HOUR).await;
        });
    });
}

#[test]
fn a_clock_that_is_paused_and_resumed_by_another_thread_wakes_whoever_sleeps() {
    on_1_2_and_4(|workers| {
        let runtime = runtime(workers);
        runtime.block_on(async {
            let clock = Handle::current().clock().clone();
            clock.pause();
            let sleeper = spawn(sleep(HOUR));
            let moved = std::thread::spawn(move || {
                clock.advance(HOUR);
                clock.resume();
                clock
            });
            while !moved.is_finished() {
                windlass::yield_now().await;
            }
            // The sleep may have been armed before or after the move.
            moved.join().unwrap().advance(HOUR);
            sleeper.await.unwrap();
        });
    });
}
