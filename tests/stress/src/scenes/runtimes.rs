//! Runtimes that come and go beside the one of the round.

use std::time::Duration;

use windlass::runtime::Builder;
use windlass::task::Task;
use windlass::time::sleep;
use windlass::{spawn, spawn_blocking};

use crate::lives::Lives;
use crate::random::Random;
use crate::watchdog;

/// Longer than any shutdown takes.
const LONG: Duration = Duration::from_secs(60);

/// A runtime is used from a blocking job and ended with work in it; nothing of it is left.
pub async fn a_runtime_inside_a_job(mut random: Random) {
    let mut its_own = random.split();
    let job = spawn_blocking(move || begin_and_end(&mut its_own));
    job.await.expect("it does not fail");
}

fn begin_and_end(random: &mut Random) {
    let runtime = Builder::new()
        .workers(random.between(1, 3))
        .caller_works(random.hits_one_in(2))
        .shutdown_timeout(LONG)
        .build()
        .expect("threads can be had");
    watchdog::look_at(runtime.handle());
    let lives = Lives::default();
    let outside = runtime.spawn(work(random.split(), lives.clone()));
    runtime.block_on(async {
        let tasks: Vec<Task<()>> = (0..random.between(1, 10))
            .map(|_| spawn(work(random.split(), lives.clone())))
            .collect();
        for task in tasks {
            match random.below(3) {
                0 => task.detach(),
                1 => drop(task),
                _ => task.await.expect("nobody cancels it"),
            }
        }
    });
    let handle = runtime.handle().clone();
    if random.hits_one_in(2) {
        let report = runtime.shutdown(LONG);
        assert!(report.is_clean(), "the shutdown found what had not ended: {report}");
    } else {
        drop(runtime);
    }
    assert_eq!(lives.now(), 0, "a future has outlived its runtime");
    drop(outside);
    // Too late: the future is dropped, and the handle says so.
    let late = handle.spawn(work(random.split(), lives.clone()));
    assert!(late.is_finished() && lives.now() == 0, "a task was taken by a runtime that is gone");
    assert!(handle.dump().tasks.is_empty(), "{}", handle.dump());
}

fn work(mut random: Random, lives: Lives) -> impl Future<Output = ()> + Send + 'static {
    let life = lives.begin();
    async move {
        let _life = life;
        for _ in 0..random.between(1, 5) {
            random.pause().await;
            sleep(random.micros(1_000)).await;
        }
    }
}
