//! A task that blocks its worker stops nobody else, and a runtime with nothing to do does nothing.

use std::future::Future;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::SeqCst};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use windlass::net::UnixStream;
use windlass::runtime::{Builder, Handle, now};
use windlass::sync::{Event, oneshot};
use windlass::time::{sleep, sleep_until};
use windlass::{spawn, yield_now};

use super::rig::*;

/// How long a poll blocks its worker.
const BLOCK: Duration = Duration::from_millis(400);
/// The part of it that others may be late: 20 ms of 400.
const SHARE: f64 = 0.05;
const ROUNDS: usize = 10;

/// The part of it that the median of the timers may be late, once it is known who is blocked: a
/// quarter of what looks every 7 ms alone would make of it.
const SHARE_WHEN_KNOWN: f64 = 0.0025;
/// The part of it that something may be late if the sentinel comes as the block begins: it looks twice.
const SHARE_OF_TWO_LOOKS: f64 = 0.005;
/// So long that a sentinel is needed no more.
const REST: Duration = Duration::from_millis(30);

/// How often the rounds may be tried: other tests and other programs can only make them later.
const TRIES: usize = 3;

/// Runs the rounds one after the other and judges the delays by a rule that a noisy machine can
/// keep: in one of the tries the median, and all but two of the rounds, are below the share.
fn judge<F: Future<Output = Duration>>(what: &str, round: impl FnMut() -> F) {
    judge_by(SHARE, what, round);
}

fn judge_by<F: Future<Output = Duration>>(allowed: f64, what: &str, mut round: impl FnMut() -> F) {
    // One at a time: two of these need more processors than a small machine has.
    static TURN: Mutex<()> = Mutex::new(());
    let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    let runtime = runtime(2);
    let mut tries = Vec::new();
    for _ in 0..TRIES {
        let mut shares: Vec<f64> = (0..ROUNDS)
            .map(|_| runtime.block_on(round()).as_secs_f64() / BLOCK.as_secs_f64())
            .collect();
        shares.sort_by(f64::total_cmp);
        println!("{what}: {shares:.4?}");
        let late = shares.iter().filter(|share| **share >= allowed).count();
        if shares[ROUNDS / 2] < allowed && late <= 2 {
            return;
        }
        tries.push(shares);
    }
    panic!("{what} is late by {tries:.4?} of the block");
}

/// Blocks the worker that polls it, once it has been told to, and tells since when.
fn block(begin: Arc<Event>) -> (windlass::Task<()>, oneshot::Receiver<Instant>) {
    let (send, begun) = oneshot::channel();
    let task = spawn(async move {
        begin.wait().await;
        send.send(now()).unwrap();
        thread::sleep(BLOCK);
    });
    (task, begun)
}

/// Timers that come due all through the block, on every worker's shard; their delays, sorted.
async fn timers_beside(sleepers: u64) -> Vec<Duration> {
    let begin = Arc::new(Event::new());
    let start = now() + Duration::from_millis(5);
    let tasks: Vec<_> = (0..sleepers)
        .map(|number| {
            spawn(async move {
                let deadline = start + BLOCK.mul_f64(number as f64 / sleepers as f64);
                sleep_until(deadline).await;
                now() - deadline
            })
        })
        .collect();
    let (blocker, begun) = block(begin.clone());
    // Let both workers take part, so that both shards have timers.
    for _ in 0..8 {
        yield_now().await;
    }
    sleep_until(start).await;
    begin.set();
    begun.await.unwrap();
    let mut delays = Vec::new();
    for task in tasks {
        delays.push(task.await.unwrap());
    }
    blocker.await.unwrap();
    delays.sort_unstable();
    delays
}

/// The longest delay of so many timers.
async fn worst_of(sleepers: u64) -> Duration {
    *timers_beside(sleepers).await.last().unwrap()
}

#[test]
fn a_blocked_worker_does_not_delay_timers() {
    judge("40 timers", || worst_of(40));
}

#[test]
fn a_blocked_worker_does_not_delay_timers_that_come_every_millisecond() {
    judge("400 timers", || worst_of(400));
}

#[test]
fn once_it_is_known_who_is_blocked_his_timers_are_on_time() {
    let median = async || timers_beside(101).await[50];
    judge_by(SHARE_WHEN_KNOWN, "the median of 101 timers", median);
}

/// Two tasks that pass a byte to and fro over sockets; the longest round trip during the block.
async fn sockets_beside() -> Duration {
    let begin = Arc::new(Event::new());
    let over = Arc::new(AtomicBool::new(false));
    let (left, right) = UnixStream::pair().unwrap();
    let echo = spawn(async move {
        let mut byte = [0];
        while right.read(&mut byte).await.unwrap() == 1 {
            right.write(&byte).await.unwrap();
        }
    });
    let ended = over.clone();
    let pinger = spawn(async move {
        let mut worst = Duration::ZERO;
        let mut byte = [7];
        while !ended.load(SeqCst) {
            let sent = now();
            left.write(&byte).await.unwrap();
            left.read(&mut byte).await.unwrap();
            worst = worst.max(now() - sent);
            sleep(Duration::from_millis(1)).await;
        }
        // The sleeps in between are judged elsewhere.
        worst
    });
    sleep(Duration::from_millis(5)).await;
    let (blocker, begun) = block(begin.clone());
    begin.set();
    begun.await.unwrap();
    blocker.await.unwrap();
    over.store(true, SeqCst);
    let worst = pinger.await.unwrap();
    echo.await.unwrap();
    worst
}

#[test]
fn a_blocked_worker_does_not_delay_sockets() {
    judge("sockets", sockets_beside);
}

/// A task that makes `count` others ready and then blocks, all in one poll; their longest delay. They
/// are woken after they have waited for so long, or else spawned.
async fn ready_beside(count: usize, waited: Option<Duration>) -> Duration {
    let worst = Arc::new(AtomicU64::new(0));
    let events: Vec<_> = (0..count).map(|_| Arc::new(Event::new())).collect();
    let readied = Arc::new(AtomicU64::new(0));
    let clock = Handle::current().clock().clone();
    let ready = |event: Arc<Event>| {
        let (worst, readied, clock) = (worst.clone(), readied.clone(), clock.clone());
        async move {
            event.wait().await;
            worst.fetch_max(clock.now_ns() - readied.load(SeqCst), SeqCst);
        }
    };
    let mut tasks = Vec::new();
    if let Some(waited) = waited {
        tasks.extend(events.iter().map(|event| spawn(ready(event.clone()))));
        for _ in 0..4 {
            yield_now().await; // until they wait
        }
        sleep(waited).await;
    }
    let spawned: Vec<_> = events.iter().map(|event| ready(event.clone())).collect();
    let (readied, clock) = (readied.clone(), clock.clone());
    let blocker = spawn(async move {
        readied.store(clock.now_ns(), SeqCst);
        events.iter().for_each(|event| event.set());
        let tasks: Vec<_> = match waited {
            Some(_) => Vec::new(),
            None => spawned.into_iter().map(spawn).collect(),
        };
        thread::sleep(BLOCK);
        tasks
    });
    tasks.extend(blocker.await.unwrap());
    for task in tasks {
        task.await.unwrap();
    }
    Duration::from_nanos(worst.load(SeqCst))
}

#[test]
fn a_blocked_worker_does_not_keep_the_task_it_has_woken() {
    judge("one woken task", || ready_beside(1, Some(Duration::from_millis(2))));
}

#[test]
fn the_second_look_at_a_worker_that_blocks_comes_long_before_the_next_watch_ends() {
    let after_a_rest = || ready_beside(1, Some(REST));
    judge_by(SHARE_OF_TWO_LOOKS, "one woken task after a rest", after_a_rest);
}

#[test]
fn a_blocked_worker_does_not_keep_the_tasks_in_its_queue() {
    judge("the queue", || ready_beside(20, None));
}

#[test]
fn the_sentinel_looks_twice_a_watch_at_a_worker_that_is_at_work_and_no_more() {
    const WATCH: Duration = Duration::from_millis(7);
    let runtime = runtime(2);
    let looks = || runtime.handle().metrics().total(|worker| worker.watches);
    let (began, before) = (Instant::now(), looks());
    let busy = runtime.spawn(async move {
        while began.elapsed() < 30 * WATCH {
            yield_now().await;
        }
    });
    runtime.block_on(busy).unwrap();
    let (looks, watches) = (looks() - before, began.elapsed().as_nanos() / WATCH.as_nanos());
    assert!(looks > 1, "somebody has watched");
    assert!(u128::from(looks) <= 2 * (watches + 2), "{looks} looks in {watches} watches");
}

/// The workers have polled so quickly until now that one task is worth no theft.
async fn ready_beside_a_quick_worker() -> Duration {
    let quick = async || {
        for _ in 0..5_000 {
            yield_now().await;
        }
    };
    let tasks: Vec<_> = (0..4).map(|_| spawn(quick())).collect();
    for task in tasks {
        task.await.unwrap();
    }
    ready_beside(1, None).await
}

#[test]
fn a_blocked_worker_that_was_quick_until_then_does_not_keep_the_task_in_its_queue() {
    judge("the queue of a quick worker", ready_beside_a_quick_worker);
}

#[test]
fn a_blocked_worker_does_not_keep_the_tasks_in_a_long_queue() {
    judge("a long queue", || ready_beside(1000, None));
}

#[test]
fn a_blocked_worker_does_not_keep_the_task_in_its_next_task_slot() {
    // Those that were woken first make the queue long, and the last one is in the slot.
    judge("the slot", || ready_beside(50, Some(Duration::from_millis(2))));
}

/// As `timers_beside`, but what blocks is the root future.
async fn root_beside() -> Duration {
    let worst = Arc::new(AtomicU64::new(0));
    let tasks: Vec<_> = (0..20_u32)
        .map(|number| {
            let worst = worst.clone();
            spawn(async move {
                let deadline = now() + BLOCK.mul_f64(f64::from(number) / 20.0);
                sleep_until(deadline).await;
                let late = u64::try_from((now() - deadline).as_nanos()).unwrap();
                worst.fetch_max(late, SeqCst);
            })
        })
        .collect();
    for _ in 0..4 {
        yield_now().await;
    }
    sleep(Duration::from_millis(20)).await; // everybody rests; the timer wakes this thread alone
    thread::sleep(BLOCK);
    for task in tasks {
        task.await.unwrap();
    }
    Duration::from_nanos(worst.load(SeqCst))
}

#[test]
fn a_root_that_blocks_its_worker_does_not_delay_timers() {
    judge("timers beside the root", root_beside);
}

#[test]
fn a_root_that_blocks_in_its_first_poll_does_not_keep_what_it_has_spawned() {
    judge("spawned by the root", || async {
        let readied = now();
        let task = spawn(async { now() });
        thread::sleep(BLOCK);
        task.await.unwrap() - readied
    });
}

#[test]
fn a_busy_neighbour_serves_the_timers_of_a_blocked_worker() {
    judge("timers beside a yield storm", || async {
        let over = Arc::new(AtomicBool::new(false));
        let ended = over.clone();
        let storm = spawn(async move {
            while !ended.load(SeqCst) {
                yield_now().await;
            }
        });
        let worst = worst_of(40).await;
        over.store(true, SeqCst);
        storm.await.unwrap();
        worst
    });
}

/// Voluntary context switches of all threads of this process.
fn switches() -> u64 {
    let tasks = std::fs::read_dir("/proc/self/task").unwrap();
    let status = |task: std::fs::DirEntry| std::fs::read_to_string(task.path().join("status"));
    let count = |status: String| {
        let line = status.lines().find(|line| line.starts_with("voluntary_ctxt_switches"))?;
        line.split_whitespace().nth(1)?.parse::<u64>().ok()
    };
    tasks.filter_map(|task| count(status(task.unwrap()).ok()?)).sum()
}

#[test]
fn an_idle_runtime_makes_no_wake_up() {
    const TEST: &str = "executor::stall::an_idle_runtime_makes_no_wake_up";
    const IDLE: Duration = Duration::from_secs(2);
    if is_done_alone(TEST, &[]) {
        return;
    }
    let runtime = Builder::new().workers(4).debug(false).build().unwrap();
    let handle = runtime.handle().clone();
    let mut tasks = Vec::new();
    for _ in 0..900 {
        tasks.push(runtime.spawn(asleep()));
    }
    for _ in 0..80 {
        tasks.push(runtime.spawn(async { sleep(Duration::from_secs(3600)).await }));
    }
    let (ends, others): (Vec<_>, Vec<_>) = {
        let _inside = runtime.enter();
        (0..20).map(|_| UnixStream::pair().unwrap()).unzip()
    };
    for end in ends {
        tasks.push(runtime.spawn(async move {
            end.read(&mut [0]).await.unwrap();
        }));
    }
    let watch = move || {
        until(|| {
            let metrics = handle.metrics();
            metrics.parked == 4 && metrics.total(|worker| worker.polls) >= 1000
        });
        // The last sentinel still has one watch to end.
        let settled = || handle.metrics().total(|worker| worker.watches + worker.parks);
        let mut seen = settled();
        until(|| {
            thread::sleep(Duration::from_millis(50));
            std::mem::replace(&mut seen, settled()) == settled()
        });
        let (before, switched) = (handle.metrics(), switches());
        thread::sleep(IDLE);
        (before, handle.metrics(), switches() - switched)
    };
    let watched = runtime.block_on(async { windlass::spawn_blocking(watch).await });
    let (before, after, switched) = watched.unwrap();
    assert_eq!(after.tasks, 1000);
    assert_eq!(before.workers, after.workers, "no worker has done anything");
    // The watching thread itself has slept once.
    assert!(switched <= 1, "{switched} voluntary context switches in {IDLE:?}");
    drop((tasks, others));
}

#[test]
fn a_hundred_thousand_tasks_spawned_cancelled_and_joined_leave_nothing() {
    const TASKS: usize = 100_000;
    on_1_2_and_4(|workers| {
        let runtime = runtime(workers);
        let drops = Drops::default();
        runtime.block_on(async {
            let (mut finished, mut cancelled) = (0, 0);
            let tasks: Vec<_> = (0..TASKS)
                .map(|number| {
                    let witness = drops.witness();
                    spawn(async move {
                        let _witness = witness;
                        if number % 2 == 0 {
                            asleep().await;
                        }
                        number
                    })
                })
                .collect();
            for (number, task) in tasks.into_iter().enumerate() {
                if number % 4 == 0 {
                    drop(task);
                } else if number % 4 == 2 {
                    assert!(task.cancel().await.unwrap_err().is_cancelled());
                    cancelled += 1;
                } else {
                    assert_eq!(task.await.unwrap(), number);
                    finished += 1;
                }
            }
            assert_eq!((finished, cancelled), (TASKS / 2, TASKS / 4));
            while drops.count() < TASKS {
                yield_now().await;
            }
        });
        until(|| runtime.handle().metrics().tasks == 0);
        assert!(runtime.handle().dump().tasks.is_empty());
        assert!(runtime.shutdown(LONG).is_clean());
        assert_eq!(drops.count(), TASKS);
    });
}

// EXE-10
#[test]
fn a_shutdown_with_a_stuck_blocking_job_ends_by_its_deadline_and_names_the_job() {
    const DEADLINE: Duration = Duration::from_millis(200);
    on_1_2_and_4(|workers| {
        let runtime = runtime(workers);
        let (release, released) = gate();
        let (started, starts) = gate();
        let job = runtime.handle().spawn_blocking(move || {
            started.send(()).unwrap();
            let _ = released.recv();
        });
        let job = job.named("stuck in the mud");
        starts.recv_timeout(LONG).unwrap();
        let begun = Instant::now();
        let report = runtime.shutdown(DEADLINE);
        // Twice the deadline, and the time this machine takes to run two threads at all.
        assert!(begun.elapsed() >= DEADLINE && begun.elapsed() < 10 * DEADLINE);
        assert!(!report.is_clean());
        let name = report.jobs[0].task.name.clone();
        assert_eq!((report.jobs.len(), name.as_deref()), (1, Some("stuck in the mud")));
        assert!(report.to_string().contains("stall.rs"), "{report}");
        drop((release, job));
    });
}
