//! Rows with many of something: a deep line at a queue, the article's items, a million timers, a
//! million tasks.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use super::super::{Shared, detach, join, run, sleep, spawn, yield_now};
use super::{HOUR, join_all};
use crate::measure::{Passes, Plan, resident_bytes};

/// Every getter waits in line before the first item comes.
pub async fn deep_queue(getters: usize, items: usize) {
    let queue = Shared::new(128);
    let begun = Arc::new(AtomicUsize::new(0));
    let getter = |_| {
        let (queue, begun) = (queue.clone(), Arc::clone(&begun));
        spawn(async move {
            begun.fetch_add(1, Ordering::Relaxed);
            let mut sum = 0;
            for _ in 0..items {
                sum += queue.take().await;
            }
            sum
        })
    };
    let tasks: Vec<_> = (0..getters).map(getter).collect();
    while begun.load(Ordering::Relaxed) < getters {
        yield_now().await;
    }
    let count = getters * items;
    for item in 0..count {
        queue.send(item).await;
    }
    let mut sum = 0;
    for task in tasks {
        sum += join(task).await;
    }
    assert_eq!(sum, count * (count - 1) / 2, "each item came once");
}

/// The article's producers and consumers. The consumers end with an item that says so.
pub async fn article_queue(producers: usize, consumers: usize, items: usize) {
    const END: usize = usize::MAX;
    let queue = Shared::new(3);
    let producer = |_| {
        let queue = queue.clone();
        spawn(async move {
            for item in 0..items {
                queue.send(item).await;
            }
        })
    };
    let consumer = |_| {
        let queue = queue.clone();
        spawn(async move {
            let mut count = 0;
            while queue.take().await != END {
                count += 1;
            }
            count
        })
    };
    let producing: Vec<_> = (0..producers).map(producer).collect();
    let consuming: Vec<_> = (0..consumers).map(consumer).collect();
    join_all(producing).await;
    for _ in 0..consumers {
        queue.send(END).await;
    }
    let mut count = 0;
    for task in consuming {
        count += join(task).await;
    }
    assert_eq!(count, producers * items, "each item came once");
}

type Timer = Pin<Box<dyn Future<Output = ()> + Send>>;

/// Nanoseconds to arm a timer, or to cancel one and arm another in its place, with a million alive.
pub fn timers(plan: Plan) -> f64 {
    let count = plan.scaled(1_000_000);
    run(plan.workers, async move {
        let mut passes = Passes::once(plan);
        while passes.wants_more() {
            passes.record(join(spawn(Churn::new(count))).await);
        }
        passes.nanoseconds_per(2 * count)
    })
}

/// Arms `count` timers, then replaces as many, chosen at random.
struct Churn {
    timers: Vec<Timer>,
    count: usize,
    random: u64,
}

impl Churn {
    fn new(count: usize) -> Churn {
        Churn { timers: Vec::with_capacity(count), count, random: 0x9E37_79B9_7F4A_7C15 }
    }

    fn below(&mut self, limit: usize) -> usize {
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        (self.random % limit as u64) as usize
    }

    /// A timer between a minute and an hour away: none fires while this runs.
    fn armed(&mut self, cx: &mut Context<'_>) -> Timer {
        let duration = Duration::from_millis(self.below(3_540_000) as u64 + 60_000);
        let mut timer: Timer = Box::pin(sleep(duration));
        assert!(timer.as_mut().poll(cx).is_pending());
        timer
    }
}

impl Future for Churn {
    type Output = Duration;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Duration> {
        let start = Instant::now();
        for _ in 0..self.count {
            let timer = self.armed(cx);
            self.timers.push(timer);
        }
        for _ in 0..self.count {
            let count = self.count;
            let index = self.below(count);
            let timer = self.armed(cx);
            self.timers[index] = timer;
        }
        Poll::Ready(start.elapsed())
    }
}

/// Nanoseconds per task, and resident bytes per task.
pub fn sleepers(plan: Plan) -> Vec<f64> {
    let count = plan.scaled(1_000_000);
    run(plan.workers, async move {
        // Threads, arenas and the poller exist before the first reading.
        join_all(vec![spawn(sleep(Duration::from_millis(20)))]).await;
        let before = resident_bytes();
        let armed = Arc::new(AtomicUsize::new(0));
        let start = Instant::now();
        let counter = Arc::clone(&armed);
        join(spawn(async move {
            for _ in 0..count {
                let armed = Arc::clone(&counter);
                detach(spawn(async move {
                    let sleep = sleep(HOUR);
                    armed.fetch_add(1, Ordering::Relaxed);
                    sleep.await;
                }));
            }
        }))
        .await;
        // The last few have counted themselves and are about to arm: a few of a million.
        while armed.load(Ordering::Relaxed) < count {
            yield_now().await;
        }
        let spent = start.elapsed();
        let bytes = resident_bytes() - before;
        vec![spent.as_nanos() as f64 / count as f64, bytes / count as f64]
    })
}
