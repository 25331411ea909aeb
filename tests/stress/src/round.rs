//! A runtime from its first to its last moment.

use std::future::pending;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::thread;
use std::time::Duration;

use windlass::runtime::{Builder, Report, Runtime};
use windlass::task::{Described, Task};
use windlass::time::sleep;
use windlass::{spawn, spawn_local};
use windlass_executor::task::state::Phase;

use crate::lives::Lives;
use crate::random::Random;
use crate::sabotage::Sabotage;
use crate::scenes::Scene;
use crate::watchdog;

/// Longer than any shutdown takes; that it takes so long is noticed by its report.
const LONG: Duration = Duration::from_secs(60);
/// The name of a task that shutdown has to end.
const LEFT: &str = "left";

/// What every round is made of.
#[derive(Clone, Copy, Debug)]
pub struct Plan<'a> {
    pub workers: Option<usize>,
    pub scenes: &'a [&'static Scene],
}

/// Builds a runtime, has a few threads work with it, and shuts it down.
pub fn run(plan: Plan<'_>, mut random: Random) {
    let workers = plan.workers.unwrap_or_else(|| random.between(1, 4));
    let lost = Arc::new(AtomicUsize::new(0));
    let caller_works = !random.hits_one_in(3);
    let runtime = Builder::new()
        .workers(workers)
        .caller_works(caller_works)
        .debug(random.hits_one_in(3))
        .slow_poll(LONG)
        .on_report(count_lost(&lost))
        .build()
        .expect("threads can be had");
    watchdog::look_at(runtime.handle());

    let roots = random.between(1, 3);
    let has_the_seat = caller_works && roots == 1;
    thread::scope(|scope| {
        for _ in 0..roots {
            let (runtime, random) = (&runtime, random.split());
            scope.spawn(move || runtime.block_on(root(plan.scenes, random, has_the_seat)));
        }
    });
    let left = leave_some(&runtime, &mut random);
    if Sabotage::Stuck.is_on() {
        // The process ends long before this does.
        runtime.handle().spawn_blocking(|| thread::sleep(2 * LONG)).detach();
    }
    let limit = if Sabotage::Stuck.is_on() { Duration::from_secs(1) } else { LONG };
    let report = runtime.shutdown(limit);
    assert!(report.is_clean(), "the shutdown found what had not ended: {report}");
    assert_eq!(lost.load(SeqCst), 0, "a task was lost");
    // One that has just ended may still be on the list.
    let was_idle = |task: &&Described| matches!(task.phase, Phase::Idle | Phase::Lost);
    let strangers = report.cancelled.iter().filter(was_idle);
    let stranger = strangers.into_iter().find(|task| task.name.as_deref() != Some(LEFT));
    assert!(stranger.is_none(), "a task was left behind: {stranger:?}");
    assert_eq!(left.now(), 0, "a future has outlived its runtime");
}

/// Every task here is woken by somebody, so the runtime must never find that nobody can.
fn count_lost(lost: &Arc<AtomicUsize>) -> impl Fn(&Report) + Send + Sync + 'static {
    let lost = lost.clone();
    move |report| {
        if let Report::Lost(_) = report {
            eprintln!("{report}");
            lost.fetch_add(1, SeqCst);
        }
    }
}

/// A few acts, each of some scenes at once.
async fn root(scenes: &[&'static Scene], mut random: Random, has_the_seat: bool) {
    if Sabotage::Leftover.is_on() {
        spawn(sleep(LONG)).detach();
    }
    for _ in 0..random.between(1, 3) {
        let act: Vec<Task<()>> =
            (0..random.between(1, 4)).map(|_| random.pick(scenes).begin(random.split())).collect();
        for scene in act {
            scene.await.expect("a scene ends by itself");
        }
        if has_the_seat && random.hits_one_in(4) {
            local(&mut random).await;
        }
    }
    if Sabotage::Hang.is_on() {
        sleep(Duration::from_secs(3600)).await;
    }
    if Sabotage::Lost.is_on() {
        spawn(pending::<()>()).named(LEFT).detach();
        sleep(Duration::from_millis(5)).await;
    }
}

/// Tasks that stay on this thread.
async fn local(random: &mut Random) {
    let home = thread::current().id();
    let lives = Lives::default();
    let tasks: Vec<Task<()>> = (0..random.between(1, 8))
        .map(|_| {
            let (life, mut random) = (lives.begin(), random.split());
            spawn_local(async move {
                let _life = life;
                random.pause().await;
                assert_eq!(thread::current().id(), home, "a bound task has moved");
            })
        })
        .collect();
    for task in tasks {
        if random.hits_one_in(3) {
            drop(task);
        } else {
            task.await.expect("it is not cancelled");
        }
    }
    lives.over().await;
}

/// Spawns tasks that the shutdown has to end, in whatever state it finds them.
pub fn leave_some(runtime: &Runtime, random: &mut Random) -> Lives {
    let lives = Lives::default();
    for _ in 0..random.below(8) {
        let (life, mut random) = (lives.begin(), random.split());
        runtime
            .spawn(async move {
                let _life = life;
                loop {
                    random.pause().await;
                    sleep(random.micros(500)).await;
                }
            })
            .named(LEFT)
            .detach();
    }
    lives
}
