//! Closures on the threads of pools.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::thread;
use std::time::Duration;

use windlass::blocking::BlockingPool;
use windlass::spawn_blocking;
use windlass::task::Task;

use crate::lives::Lives;
use crate::random::{Random, a_few_polls};
use crate::sabotage::Sabotage;

/// Each closure runs once or is dropped, and the pool knows which.
pub async fn every_job_runs_or_is_dropped(mut random: Random) {
    let most = random.between(1, 4);
    let mut builder = BlockingPool::builder()
        .threads(0..=most)
        .keep_alive(random.micros(2_000) + Duration::from_micros(1));
    if random.hits_one_in(2) {
        builder = builder.queue(random.between(1, 8));
    }
    let pool = builder.build();
    let (closures, ran) = (Lives::default(), Arc::new(AtomicUsize::new(0)));
    let mut kept: Vec<Task<usize>> = Vec::new();
    let (mut answers, mut given_up) = (0, 0);
    for number in 0..random.between(1, 40) {
        let (life, ran, nap) = (closures.begin(), ran.clone(), random.micros(300));
        let naps = random.hits_one_in(6);
        let job = move || {
            let _life = life;
            if naps {
                thread::sleep(nap);
            }
            ran.fetch_add(1, SeqCst);
            number
        };
        let task = match random.below(4) {
            0 => pool.try_run(job).ok(), // else the closure is dropped here
            1 => a_few_polls(&mut pool.run_when_free(job), &mut random).await,
            2 => Some(pool.run_when_free(job).await),
            _ => Some(pool.run(job)),
        };
        match (task, random.below(5)) {
            (Some(task), 0) => {
                drop(task);
                given_up += 1;
            }
            (Some(task), 1) => task.detach(),
            (Some(task), 2) => kept.push(task),
            (Some(task), 3) => {
                given_up += 1;
                answers += usize::from(task.cancel().await.is_ok());
            }
            (Some(task), _) => match task.await {
                Ok(output) => {
                    assert_eq!(output, number, "an answer of another job");
                    answers += 1;
                }
                Err(error) => assert!(error.is_refused(), "{error}"),
            },
            (None, _) => given_up += 1,
        }
        assert!(pool.stats().threads <= most, "the pool has grown beyond its size");
    }
    if random.hits_one_in(2) {
        pool.shutdown().await;
    } else {
        pool.shutdown_now().await;
    }
    for task in kept {
        answers += usize::from(task.await.is_ok());
    }
    assert_eq!(closures.now(), 0, "a closure was neither run nor dropped");
    let (ran, stats) = (ran.load(SeqCst), pool.stats());
    let ran = if Sabotage::ForgetJob.is_on() { ran + 1 } else { ran };
    let beyond = stats.done.checked_sub(ran as u64);
    let beyond = beyond.unwrap_or_else(|| panic!("jobs have run uncounted: {ran}, {stats:?}"));
    // Such a job may be given up just when a thread has taken it.
    assert!(beyond <= given_up, "jobs are counted that nobody gave: {ran}, {stats:?}");
    assert!(answers <= ran, "there are answers of jobs that have not run");
    assert_eq!((stats.threads, stats.queued, stats.waiting, stats.running), (0, 0, 0, 0));
    default_pool(&mut random).await;
}

/// The pool of the runtime, with a panic now and then.
async fn default_pool(random: &mut Random) {
    for number in 0..random.below(10) {
        let panics = random.hits_one_in(5);
        let task = spawn_blocking(move || {
            if panics {
                std::panic::resume_unwind(Box::new(number));
            }
            number
        });
        match task.await {
            Ok(output) => assert!(output == number && !panics, "an answer of another job"),
            Err(error) => {
                let payload = error.into_panic().expect("nothing else fails it");
                assert_eq!(payload.downcast_ref(), Some(&number), "a panic of another job");
            }
        }
    }
}
