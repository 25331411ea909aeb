//! The work, written once and loaded once per runtime; `super` is the vocabulary of that runtime.
//!
//! The vocabulary: `run` (build a runtime with so many workers, block on a future), `spawn`,
//! `spawn_blocking`, `Task`, `join`, `detach`, `yield_now`, `sleep`, `timeout`, `Semaphore` with
//! `acquire`, `Mutex` with `lock`, `Signal` with `raise` and `wait`, `queue` with its two ends
//! `Sender` (`send`) and `Receiver` (`receive`), `Shared` as a queue that many receive from,
//! `TcpListener`, `TcpStream`, `bind`, `accept`, `read`, `write_all`.

#[path = "rows/large.rs"]
mod large;
#[path = "rows/quiet.rs"]
mod quiet;
#[path = "rows/stalled.rs"]
mod stalled;

use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use super::{
    Mutex, Semaphore, Signal, Task, TcpListener, TcpStream, accept, acquire, bind, detach, join,
    lock, queue, read, receive, run, send, sleep, spawn, spawn_blocking, timeout, write_all,
    yield_now,
};
use crate::load;
use crate::measure::{Passes, Plan, cpu_time, on_thread, percentile, resident_bytes};

const HOUR: Duration = Duration::from_secs(3600);
/// Long enough never to fire, short enough to be a timeout that people write.
const LONG_TIMEOUT: Duration = Duration::from_secs(30);
/// A prime that divides none of the counts below: `index * STRIDE % count` visits every index in
/// an order that is neither sorted nor random.
const STRIDE: usize = 7919;

/// The figures of one row on this runtime, one per metric.
///
/// # Errors
/// If there is no such row.
pub fn measure(row: &str, plan: Plan) -> Result<Vec<f64>, String> {
    let figure = match row {
        "spawn_join" => passes_on_worker(plan, 10_000, || spawn_join(10_000)),
        "spawn_remote" => passes_on_caller(plan, 10_000, || spawn_join(10_000)),
        "yield_many" => passes_on_worker(plan, 200_000, || yields(200, 1_000)),
        "yield_one" => passes_on_worker(plan, 100_000, || yields(1, 100_000)),
        "chained_spawn" => passes_on_worker(plan, 10_000, || chained_spawn(10_000)),
        "ping_pong" => passes_on_worker(plan, 20_000, || ping_pong(100, 200)),
        "ping_pong_1" => passes_on_worker(plan, 20_000, || ping_pong(1, 20_000)),
        "signal" => passes_on_worker(plan, 20_000, || signals(100, 200)),
        "signal_1" => passes_on_worker(plan, 20_000, || signals(1, 20_000)),
        "fan_in" => passes_on_worker(plan, 80_000, || fan_in(8, 128, 10_000)),
        "fan_in_cap3" => passes_on_worker(plan, 50_000, || fan_in(5, 3, 10_000)),
        "deep_queue" => passes_on_worker(plan, 100_000, || large::deep_queue(10_000, 10)),
        "semaphore" => passes_on_worker(plan, 20_000, || semaphore(100, 200)),
        "semaphore_free" => passes_on_worker(plan, 100_000, || semaphore_free(100_000)),
        "mutex" => passes_on_worker(plan, 20_000, || mutex(100, 200)),
        "mutex_free" => passes_on_worker(plan, 100_000, || mutex_free(100_000)),
        "timeout_cancel" => passes_on_worker(plan, 32_000, || timeouts(16, 2_000)),
        "timeout_cancel_100k" => {
            let tasks = plan.scaled(100_000);
            passes_on_worker(plan, tasks * 10, || timeouts(tasks, 10))
        }
        "timers_1m" => large::timers(plan),
        "sleep_late" => return Ok(sleep_late(plan)),
        "sleep_cpu" => sleep_cpu(plan),
        "blocking" => passes_on_worker(plan, 10_000, || blocking(10_000)),
        "echo_1" => echo(plan, 1),
        "echo_64" => echo(plan, 64),
        "echo_512" => echo(plan, 512),
        "churn" => churn(plan),
        "calm" => return Ok(quiet::calm(plan)),
        "stalled_message" => stalled::message(plan),
        "stalled_timers" => return Ok(stalled::timers(plan)),
        "idle_wakes" => quiet::idle(plan),
        "start_stop" => quiet::start_stop(plan),
        "article_queue" => passes_on_worker(plan, 100_000, || large::article_queue(5, 2, 20_000)),
        "article_gather" => passes_on_worker(plan, 100_000, || spawn_join(100_000)),
        "article_limit" => passes_on_worker(plan, 100_000, || semaphore(100_000, 1)),
        "mem_sleepers" => mem_sleepers(plan),
        "sleepers_1m" => return Ok(large::sleepers(plan)),
        _ => return Err(format!("no work for row {row}")),
    };
    Ok(vec![figure])
}

/// Nanoseconds per operation of `work`, run by a task on a worker.
fn passes_on_worker<F>(plan: Plan, operations: usize, work: impl Fn() -> F) -> f64
where
    F: Future<Output = ()> + Send + 'static,
{
    run(plan.workers, async {
        let mut passes = Passes::new(plan);
        while passes.wants_more() {
            let work = work();
            passes.record(join(spawn(timed(work))).await);
        }
        passes.nanoseconds_per(operations)
    })
}

/// Nanoseconds per operation of `work`, run by the future that the caller blocks on.
fn passes_on_caller<F>(plan: Plan, operations: usize, work: impl Fn() -> F) -> f64
where
    F: Future<Output = ()>,
{
    run(plan.workers, async {
        let mut passes = Passes::new(plan);
        while passes.wants_more() {
            passes.record(timed(work()).await);
        }
        passes.nanoseconds_per(operations)
    })
}

async fn timed(work: impl Future<Output = ()>) -> Duration {
    let start = Instant::now();
    work.await;
    start.elapsed()
}

async fn join_all<T>(tasks: Vec<Task<T>>) {
    for task in tasks {
        join(task).await;
    }
}

async fn spawn_join(count: usize) {
    join_all((0..count).map(|_| spawn(async {})).collect()).await;
}

async fn yields(tasks: usize, rounds: usize) {
    let yielding = |_| {
        spawn(async move {
            for _ in 0..rounds {
                yield_now().await;
            }
        })
    };
    join_all((0..tasks).map(yielding).collect()).await;
}

async fn chained_spawn(depth: usize) {
    fn link(left: usize, end: Signal) {
        if left == 0 {
            end.raise();
        } else {
            detach(spawn(async move { link(left - 1, end) }));
        }
    }
    let end = Signal::new();
    link(depth, end.clone());
    end.wait().await;
}

async fn ping_pong(pairs: usize, trips: usize) {
    let mut tasks = Vec::with_capacity(pairs * 2);
    for _ in 0..pairs {
        let (ping, mut pinged) = queue(1);
        let (pong, mut ponged) = queue(1);
        tasks.push(spawn(async move {
            for _ in 0..trips {
                send(&pong, receive(&mut pinged).await).await;
            }
        }));
        tasks.push(spawn(async move {
            for trip in 0..trips {
                send(&ping, trip).await;
                assert_eq!(receive(&mut ponged).await, trip);
            }
        }));
    }
    join_all(tasks).await;
}

async fn signals(pairs: usize, trips: usize) {
    let mut tasks = Vec::with_capacity(pairs * 2);
    for _ in 0..pairs {
        let (ping, pong) = (Signal::new(), Signal::new());
        let (their_ping, their_pong) = (ping.clone(), pong.clone());
        tasks.push(spawn(async move {
            for _ in 0..trips {
                their_ping.wait().await;
                their_pong.raise();
            }
        }));
        tasks.push(spawn(async move {
            for _ in 0..trips {
                ping.raise();
                pong.wait().await;
            }
        }));
    }
    join_all(tasks).await;
}

/// The task that measures is the one that receives.
async fn fan_in(producers: usize, capacity: usize, messages: usize) {
    let (sender, mut receiver) = queue(capacity);
    let producer = |_| {
        let sender = sender.clone();
        spawn(async move {
            for message in 0..messages {
                send(&sender, message).await;
            }
        })
    };
    let tasks = (0..producers).map(producer).collect();
    let mut sum = 0;
    for _ in 0..producers * messages {
        sum += receive(&mut receiver).await;
    }
    assert_eq!(sum, producers * messages * (messages - 1) / 2, "each message came once");
    join_all(tasks).await;
}

async fn semaphore(tasks: usize, rounds: usize) {
    let semaphore = Arc::new(Semaphore::new(10));
    let contender = |_| {
        let semaphore = Arc::clone(&semaphore);
        spawn(async move {
            for _ in 0..rounds {
                let _permit = acquire(&semaphore).await;
                yield_now().await;
            }
        })
    };
    join_all((0..tasks).map(contender).collect()).await;
}

async fn semaphore_free(rounds: usize) {
    let semaphore = Semaphore::new(1);
    for _ in 0..rounds {
        let _permit = acquire(&semaphore).await;
    }
}

async fn mutex(tasks: usize, rounds: usize) {
    let mutex = Arc::new(Mutex::new(0_usize));
    let contender = |_| {
        let mutex = Arc::clone(&mutex);
        spawn(async move {
            for _ in 0..rounds {
                let mut count = lock(&mutex).await;
                *count += 1;
                yield_now().await;
            }
        })
    };
    join_all((0..tasks).map(contender).collect()).await;
    assert_eq!(*lock(&mutex).await, tasks * rounds);
}

async fn mutex_free(rounds: usize) {
    let mutex = Mutex::new(0_usize);
    for _ in 0..rounds {
        *lock(&mutex).await += 1;
    }
    assert_eq!(*lock(&mutex).await, rounds);
}

async fn timeouts(tasks: usize, rounds: usize) {
    let impatient = |_| {
        spawn(async move {
            for _ in 0..rounds {
                let in_time = timeout(LONG_TIMEOUT, yield_now()).await;
                assert!(in_time, "a yield does not take 30 s");
            }
        })
    };
    join_all((0..tasks).map(impatient).collect()).await;
}

async fn blocking(jobs: usize) {
    join_all((0..jobs).map(|_| spawn_blocking(|| {})).collect()).await;
}

/// Spawns `count` tasks on a worker that each sleep until their own point in `span`; how late each
/// of them woke, in microseconds.
async fn sleepers(count: usize, span: Duration) -> Vec<f64> {
    let start = Instant::now();
    let sleeper = |index: usize| {
        let share = (index * STRIDE % count) as f64 / count as f64;
        let due = start + span.mul_f64(share);
        spawn(async move {
            sleep(due.saturating_duration_since(Instant::now())).await;
            // A sleep that the spawning loop itself has outlasted counts as late: that is what a
            // user would see.
            let late = Instant::now().checked_duration_since(due).expect("no sleep ends early");
            late.as_nanos() as f64 / 1000.0
        })
    };
    let tasks: Vec<Task<f64>> = (0..count).map(sleeper).collect();
    let mut late = Vec::with_capacity(count);
    for task in tasks {
        late.push(join(task).await);
    }
    late
}

fn sleep_late(plan: Plan) -> Vec<f64> {
    let span = Duration::from_millis(500);
    let late = run(plan.workers, async { join(spawn(sleepers(1_000, span))).await });
    vec![percentile(late.clone(), 50), percentile(late, 99)]
}

fn sleep_cpu(plan: Plan) -> f64 {
    let tasks = plan.scaled(100_000);
    let cpu = run(plan.workers, async move {
        let before = cpu_time();
        join(spawn(sleepers(tasks, Duration::from_secs(1)))).await;
        cpu_time() - before
    });
    cpu.as_nanos() as f64 / tasks as f64
}

/// Resident bytes per sleeping task. The handles are let go, so that only what the runtime keeps
/// is counted.
fn mem_sleepers(plan: Plan) -> f64 {
    let tasks = plan.scaled(200_000);
    let begun = Arc::new(AtomicUsize::new(0));
    run(plan.workers, async move {
        // Threads, arenas and the poller exist before the first reading.
        join(spawn(sleep(Duration::from_millis(20)))).await;
        let before = resident_bytes();
        let counter = Arc::clone(&begun);
        join(spawn(async move {
            for _ in 0..tasks {
                let begun = Arc::clone(&counter);
                detach(spawn(async move {
                    let sleep = sleep(HOUR);
                    begun.fetch_add(1, Ordering::Relaxed);
                    sleep.await;
                }));
            }
        }))
        .await;
        while begun.load(Ordering::Relaxed) < tasks {
            sleep(Duration::from_millis(5)).await;
        }
        // The last few have counted themselves and are about to sleep.
        sleep(Duration::from_millis(50)).await;
        (resident_bytes() - before) / tasks as f64
    })
}

/// Requests per second of an echo server in this runtime, asked by a load generator outside.
fn echo(plan: Plan, connections: usize) -> f64 {
    run(plan.workers, async move {
        let (listener, address) = bind().await.expect("a loopback port is free");
        detach(spawn(serve(listener)));
        requests_per_second(plan, address, connections).await
    })
}

async fn requests_per_second(plan: Plan, address: SocketAddr, connections: usize) -> f64 {
    on_thread(move || load::ask(plan, address, connections)).await
}

/// Connections per second, each for one request.
fn churn(plan: Plan) -> f64 {
    run(plan.workers, async move {
        let (listener, address) = bind().await.expect("a loopback port is free");
        detach(spawn(serve(listener)));
        on_thread(move || load::churn(plan, address, 16)).await
    })
}

async fn serve(mut listener: TcpListener) {
    loop {
        let stream = accept(&mut listener).await.expect("accept works on loopback");
        detach(spawn(echo_connection(stream)));
    }
}

async fn echo_connection(mut stream: TcpStream) {
    let mut buffer = [0; 1024];
    loop {
        match read(&mut stream, &mut buffer).await {
            Ok(0) | Err(_) => return,
            Ok(count) => {
                if write_all(&mut stream, &buffer[..count]).await.is_err() {
                    return;
                }
            }
        }
    }
}
