//! Rows in which a task blocks its worker: what becomes of the others meanwhile.

use std::time::{Duration, Instant};

use super::super::{Sender, Task, join, queue, receive, run, send, sleep, spawn};
use crate::measure::{Plan, median, percentile};

const BLOCKED: Duration = Duration::from_millis(200);
const TIMERS: u32 = 100;
const TIMERS_SPAN: Duration = Duration::from_millis(400);

/// Microseconds until a message arrives whose sender blocks its worker right after it.
pub fn message(plan: Plan) -> f64 {
    let times = if plan.quick { 1 } else { 3 };
    run(plan.workers, async move {
        let mut delays = Vec::with_capacity(times);
        for _ in 0..times {
            let (sender, mut receiver) = queue(1);
            let receiving = spawn(async move {
                let sent: Instant = receive(&mut receiver).await;
                sent.elapsed()
            });
            // The receiver waits, and the workers that have nothing to do are asleep.
            sleep(Duration::from_millis(20)).await;
            let blocking = spawn(send_and_block(sender));
            delays.push(join(receiving).await.as_nanos() as f64 / 1000.0);
            join(blocking).await;
        }
        median(delays)
    })
}

async fn send_and_block(sender: Sender<Instant>) {
    send(&sender, Instant::now()).await;
    std::thread::sleep(BLOCKED);
}

/// How late timers are while a task blocks its worker: median and greatest, in microseconds.
pub fn timers(plan: Plan) -> Vec<f64> {
    let late = run(plan.workers, async {
        let start = Instant::now();
        let sleeper = |index: u32| {
            // None is due before the worker is blocked.
            let due = start + BLOCKED / 10 + TIMERS_SPAN * index / TIMERS;
            spawn(async move {
                sleep(due.saturating_duration_since(Instant::now())).await;
                let late = Instant::now().checked_duration_since(due);
                late.expect("no sleep ends early").as_nanos() as f64 / 1000.0
            })
        };
        let sleepers: Vec<Task<f64>> = (0..TIMERS).map(sleeper).collect();
        sleep(BLOCKED / 20).await;
        let blocking = spawn(async { std::thread::sleep(TIMERS_SPAN) });
        let mut late = Vec::new();
        for sleeper in sleepers {
            late.push(join(sleeper).await);
        }
        join(blocking).await;
        late
    });
    vec![percentile(late.clone(), 50), percentile(late, 100)]
}
