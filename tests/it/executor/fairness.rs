//! Nobody starves under a storm, and a random mixture of everything leaves nothing behind.

use std::future::Future;
use std::io::Write;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::thread;
use std::time::Duration;

use windlass::net::UnixStream;
use windlass::runtime::Handle;
use windlass::sync::{Event, Mutex, Semaphore};
use windlass::time::{sleep, timeout};
use windlass::{Task, spawn, yield_now};

use super::rig::*;

/// Rounds of each thing that must get its turn in the middle of a storm.
const ROUNDS: usize = 30;

/// Waits for timers, a socket and the injector, while `storm` keeps every worker busy.
fn served_beside(workers: usize, storm: fn(Arc<AtomicBool>) -> Task<()>) {
    let runtime = runtime(workers);
    let over = Arc::new(AtomicBool::new(false));
    let (mut here, there) = std::os::unix::net::UnixStream::pair().unwrap();
    there.set_nonblocking(true).unwrap();
    let handle = runtime.handle().clone();
    runtime.block_on(async {
        let storms: Vec<_> = (0..2 * workers).map(|_| storm(over.clone())).collect();
        let timers = spawn(async {
            for _ in 0..ROUNDS {
                sleep(Duration::from_millis(1)).await;
            }
        });
        let reader = spawn(async move {
            let there = UnixStream::from_std(there).unwrap();
            let mut bytes = 0;
            while bytes < ROUNDS {
                bytes += there.read(&mut [0]).await.unwrap();
            }
        });
        // The other end is written by a plain thread, so only the reactor can tell of it.
        let other = thread::spawn(move || {
            let mut injected = Vec::new();
            for _ in 0..ROUNDS {
                here.write_all(b"x").unwrap();
                injected.push(handle.spawn(async {}));
                thread::sleep(Duration::from_millis(1));
            }
            injected
        });
        timers.await.unwrap();
        reader.await.unwrap();
        for task in other.join().unwrap() {
            task.await.unwrap();
        }
        over.store(true, SeqCst);
        for storm in storms {
            storm.await.unwrap();
        }
    });
}

#[test]
fn a_storm_of_yields_starves_neither_timers_nor_sockets_nor_the_injector() {
    on_1_2_and_4(|workers| {
        served_beside(workers, |over| {
            spawn(async move {
                while !over.load(SeqCst) {
                    yield_now().await;
                }
            })
        });
    });
}

#[test]
fn a_storm_of_spawns_starves_neither_timers_nor_sockets_nor_the_injector() {
    fn burst(over: Arc<AtomicBool>) -> Task<()> {
        spawn(async move {
            while !over.load(SeqCst) {
                let tasks: Vec<_> = (0..10).map(|_| spawn(async {})).collect();
                for task in tasks {
                    task.await.unwrap();
                }
            }
        })
    }
    on_1_2_and_4(|workers| served_beside(workers, burst));
}

#[test]
fn two_tasks_that_wake_each_other_for_ever_starve_nobody() {
    fn ping_pong(over: Arc<AtomicBool>) -> Task<()> {
        let (ping, pong) =
            (Arc::new(windlass::sync::Notify::new()), Arc::new(windlass::sync::Notify::new()));
        let other = spawn({
            let (ping, pong, over) = (ping.clone(), pong.clone(), over.clone());
            async move {
                while !over.load(SeqCst) {
                    pong.notify_one();
                    ping.notified().await;
                }
                pong.notify_one();
            }
        });
        spawn(async move {
            while !over.load(SeqCst) {
                pong.notified().await;
                ping.notify_one();
            }
            ping.notify_one();
            other.await.unwrap();
        })
    }
    on_1_2_and_4(|workers| served_beside(workers, ping_pong));
}

// SCH-21
#[test]
fn a_task_on_one_worker_is_as_fair_as_on_many() {
    on_1_2_and_4(|workers| {
        let rounds: Arc<Vec<AtomicUsize>> = Arc::new((0..8).map(|_| AtomicUsize::new(0)).collect());
        let over = Arc::new(Event::new());
        runtime(workers).block_on(async {
            let tasks: Vec<_> = (0..8)
                .map(|number| {
                    let (rounds, over) = (rounds.clone(), over.clone());
                    spawn(async move {
                        while !over.is_set() {
                            rounds[number].fetch_add(1, SeqCst);
                            yield_now().await;
                        }
                    })
                })
                .collect();
            while rounds.iter().any(|rounds| rounds.load(SeqCst) < 1000) {
                yield_now().await;
            }
            over.set();
            for task in tasks {
                task.await.unwrap();
            }
        });
    });
}

/// A xorshift generator: the same seed gives the same choices.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % sides
    }
}

/// What the tasks of the mixture share.
#[derive(Default)]
struct Common {
    permits: Option<Semaphore>,
    counter: Mutex<usize>,
}

/// One task: a few random waits, with random children that are awaited, cancelled or dropped.
///
/// Boxed, since it is a part of itself.
fn mixture(
    common: Arc<Common>,
    seed: u64,
    depth: u32,
) -> Pin<Box<dyn Future<Output = u64> + Send>> {
    Box::pin(mix_at(common, seed, depth))
}

async fn mix_at(common: Arc<Common>, seed: u64, depth: u32) -> u64 {
    let mut dice = Dice(seed | 1);
    let mut sum = 1;
    for _ in 0..3 {
        match dice.roll(7) {
            0 => yield_now().await,
            1 => sleep(Duration::from_micros(dice.roll(800))).await,
            2 => {
                let permits = common.permits.as_ref().unwrap();
                let limit = Duration::from_micros(dice.roll(400));
                if let Ok(permit) = timeout(limit, permits.acquire()).await {
                    yield_now().await;
                    drop(permit);
                }
            }
            3 => *common.counter.lock().await += 1,
            4 => {
                let (left, right) = UnixStream::pair().unwrap();
                let echo = spawn(async move { right.read(&mut [0; 4]).await });
                left.write(b"abc").await.unwrap();
                sum += echo.await.unwrap().unwrap() as u64 - 3;
            }
            5 => {
                let job = windlass::spawn_blocking(|| 0);
                if dice.roll(2) == 0 {
                    sum += job.await.unwrap();
                }
            }
            _ if depth > 0 => {
                for _ in 0..3 {
                    let task = spawn(mixture(common.clone(), dice.roll(u64::MAX), depth - 1));
                    match dice.roll(4) {
                        0 => drop(task),
                        1 => {
                            let late = timeout(Duration::from_micros(dice.roll(500)), task).await;
                            sum += late.map_or(0, |output| output.unwrap());
                        }
                        2 => sum += task.cancel().await.unwrap_or(0),
                        _ => sum += task.await.unwrap(),
                    }
                }
            }
            _ => {}
        }
    }
    sum
}

fn mix(workers: usize, seed: u64, tasks: u64) {
    let runtime = runtime(workers);
    let common = Arc::new(Common { permits: Some(Semaphore::new(2)), ..Common::default() });
    let mut dice = Dice(seed);
    let mut polled = Vec::new();
    for _ in 0..tasks {
        polled.push(runtime.spawn(mixture(common.clone(), dice.roll(u64::MAX), 2)));
    }
    runtime.block_on(async {
        for (number, task) in polled.into_iter().enumerate() {
            match number % 5 {
                0 => drop(task),
                1 => _ = task.cancel().await.map(|sum| assert!(sum > 0)),
                _ => assert!(task.await.unwrap() > 0, "seed {seed}"),
            }
        }
        while Handle::current().metrics().tasks > 0 {
            yield_now().await;
        }
    });
    let metrics = runtime.handle().metrics();
    assert_eq!((metrics.tasks, metrics.sources), (0, 0), "seed {seed}");
    assert_eq!(metrics.timers, 0, "seed {seed}");
    assert_eq!(common.permits.as_ref().unwrap().available_permits(), 2, "seed {seed}");
    let report = runtime.shutdown(LONG);
    assert!(report.is_clean() && report.cancelled.is_empty(), "seed {seed}: {report}");
    let shared = Arc::strong_count(&common);
    assert_eq!(shared, 1, "seed {seed}: every future is gone");
}

#[test]
fn a_random_mixture_of_everything_leaves_nothing_behind() {
    on_1_2_and_4(|workers| {
        for seed in 1..=30 {
            mix(workers, 0x9E37_79B9_7F4A_7C15_u64.wrapping_mul(seed), 60);
        }
    });
}

#[test]
fn a_random_mixture_that_is_shut_down_in_the_middle_leaves_nothing_behind() {
    on_1_2_and_4(|workers| {
        for seed in 1..=60_u64 {
            let runtime = runtime(workers);
            let common = Arc::new(Common { permits: Some(Semaphore::new(2)), ..Common::default() });
            let mut dice = Dice(0xD1B5_4A32_D192_ED03_u64.wrapping_mul(seed));
            for _ in 0..60 {
                runtime.spawn(mixture(common.clone(), dice.roll(u64::MAX), 2)).detach();
            }
            runtime.block_on(async {
                for _ in 0..dice.roll(20) {
                    yield_now().await;
                }
                sleep(Duration::from_micros(dice.roll(1000))).await;
            });
            let report = runtime.shutdown(LONG);
            assert!(report.is_clean(), "seed {seed}: {report}");
            assert_eq!(Arc::strong_count(&common), 1, "seed {seed}: every future is gone");
        }
    });
}
