//! What hyper spawns and sleeps with.

use std::sync::Arc;
use std::time::Duration;

use hyper::rt::{Executor as _, Timer as _};
use windlass::runtime::{Handle, now};
use windlass::sync::Event;
use windlass_compat::rt::{Executor, Timer};

const DAY: Duration = Duration::from_secs(86_400);
const SECOND: Duration = Duration::from_secs(1);

#[windlass::test(paused)]
async fn the_time_is_that_of_the_runtimes_clock() {
    let before = Timer.now();
    Handle::current().clock().advance(DAY);
    assert_eq!(Timer.now(), now());
    assert_eq!(Timer.now() - before, DAY);
}

#[windlass::test(paused)]
async fn a_sleep_ends_at_its_time() {
    Handle::current().clock().advance(DAY);
    let begun = now();
    Timer.sleep(SECOND).await;
    assert_eq!(now() - begun, SECOND);
    Timer.sleep_until(begun + SECOND * 3).await;
    assert_eq!(now() - begun, SECOND * 3);
}

#[windlass::test(paused)]
async fn a_sleep_that_is_reset_moves_and_stays_the_same_sleep() {
    let begun = now();
    let mut sleep = Timer.sleep(SECOND);
    let place = |sleep: &dyn hyper::rt::Sleep| std::ptr::from_ref(sleep).cast::<()>();
    let before = place(&*sleep);
    // Once while it waits, once after it has ended.
    assert!(windlass::time::timeout(SECOND / 2, sleep.as_mut()).await.is_err());
    for deadline in [begun + SECOND * 2, begun + SECOND * 5] {
        Timer.reset(&mut sleep, deadline);
        assert_eq!(place(&*sleep), before, "nothing was allocated");
        sleep.as_mut().await;
        assert_eq!(now(), deadline);
    }
}

#[windlass::test]
async fn what_is_executed_runs_although_nobody_waits_for_it() {
    let done = Arc::new(Event::new());
    let task = done.clone();
    Executor.execute(async move { task.set() });
    done.wait().await;
}
