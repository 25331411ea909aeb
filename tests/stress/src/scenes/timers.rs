//! Sleeps and timeouts: never early, and decided once.

use std::time::{Duration, Instant};

use windlass::spawn;
use windlass::task::Task;
use windlass::time::{interval, sleep, sleep_until, timeout, timeout_at};

use crate::lives::Lives;
use crate::random::{Random, a_few_polls};
use crate::sabotage::Sabotage;

/// No sleep ends before its time, wherever it is polled and whatever it was reset to.
pub async fn nobody_wakes_early(mut random: Random) {
    let lives = Lives::default();
    let tasks: Vec<Task<()>> = (0..random.between(1, 40))
        .map(|_| {
            let life = lives.begin();
            let mut random = random.split();
            spawn(async move {
                let _life = life;
                sleep_somehow(&mut random).await;
            })
        })
        .collect();
    for task in tasks {
        match random.below(4) {
            0 => drop(task),
            1 => drop(timeout(random.micros(1_000), task).await),
            _ => task.await.expect("nobody cancels it"),
        }
    }
    lives.over().await;
}

async fn sleep_somehow(random: &mut Random) {
    let mut duration = random.micros(5_000);
    let begun = Instant::now();
    match random.below(4) {
        0 => {
            let mut sleep = sleep(random.micros(3_000));
            if a_few_polls(&mut sleep, random).await.is_none() {
                sleep.reset(begun + duration);
                sleep.await;
            } else {
                duration = Duration::ZERO;
            }
        }
        1 => {
            let period = Duration::from_micros(1 + random.below(700) as u64);
            let mut ticks = interval(period);
            let count = random.between(1, 4) as u32;
            for _ in 0..count {
                ticks.tick().await;
            }
            duration = period * (count - 1); // the first tick is at once
        }
        2 => sleep_until(begun + duration).await,
        _ => sleep(duration).await,
    }
    if Sabotage::WakeEarly.is_on() {
        duration += Duration::from_secs(1);
    }
    assert!(begun.elapsed() >= duration, "a sleep of {duration:?} took {:?}", begun.elapsed());
}

/// A timeout gives the output, or says that it has expired and drops the future; one of both.
pub async fn a_timeout_decides_once(mut random: Random) {
    let lives = Lives::default();
    for _ in 0..random.between(1, 20) {
        let life = lives.begin();
        let (takes, limit) = (random.micros(1_500), random.micros(1_500));
        let begun = Instant::now();
        let work = async move {
            let _life = life;
            sleep(takes).await;
            takes
        };
        let ended = if random.hits_one_in(2) {
            timeout(limit, work).await
        } else {
            timeout_at(begun + limit, work).await
        };
        match ended {
            Ok(output) => assert!(output == takes && begun.elapsed() >= takes, "early"),
            Err(elapsed) => {
                assert!(begun.elapsed() >= limit, "a timeout has expired early");
                assert!(elapsed.deadline() >= begun + limit, "the deadline has moved");
            }
        }
        assert_eq!(lives.now(), 0, "the future of a timeout lives on");
    }
}
