//! Barrier, limiter.

use std::sync::Arc;

use windlass_sync::barrier::{Barrier, Broken};
use windlass_sync::limiter::Limiter;

use super::{Subject, Wait};
use crate::kit::Hand;

pub fn all() -> Vec<Subject> {
    vec![
        barrier("barrier", |barrier| {
            Box::pin(async move { assert!(barrier.wait().await.is_ok()) })
        }),
        barrier("barrier, owned", |barrier| {
            let wait = barrier.wait_owned();
            Box::pin(async move { assert!(wait.await.is_ok()) })
        }),
        barrier_reset(),
        limiter("limiter", |limiter| Box::pin(async move { drop(limiter.acquire().await) })),
        limiter("limiter, owned", |limiter| {
            let acquire = limiter.acquire_owned();
            Box::pin(async move { drop(acquire.await) })
        }),
    ]
}

/// More than any test lets wait.
const PARTIES: usize = 10;

/// Served by as many as are missing.
fn barrier(name: &'static str, wait: fn(Arc<Barrier>) -> Wait) -> Subject {
    let barrier = Arc::new(Barrier::new(PARTIES));
    let [waits, serves, counts] = [(); 3].map(|()| barrier.clone());
    let serve = move || {
        let missing = PARTIES - serves.stats().waiting;
        let mut others: Vec<_> = (0..missing).map(|_| Hand::new(serves.wait())).collect();
        let (last, others) = others.split_last_mut().unwrap();
        others.iter_mut().for_each(Hand::pending);
        assert!(last.ready().unwrap().is_leader);
    };
    Subject {
        name,
        wait: Box::new(move || wait(waits.clone())),
        serve: Box::new(serve),
        waiting: Box::new(move || counts.stats().waiting),
        poke: Box::new(move || {
            let _ = (barrier.parties(), format!("{barrier:?}"), barrier.wait());
        }),
        one_at_a_time: false,
    }
}

/// Served by a reset, which fails all.
fn barrier_reset() -> Subject {
    let barrier = Arc::new(Barrier::new(PARTIES));
    let [waits, serves, counts] = [(); 3].map(|()| barrier.clone());
    Subject {
        name: "barrier, reset",
        wait: Box::new(move || {
            let barrier = waits.clone();
            Box::pin(async move { assert_eq!(barrier.wait().await, Err(Broken::Reset)) })
        }),
        serve: Box::new(move || serves.reset()),
        waiting: Box::new(move || counts.stats().waiting),
        poke: Box::new(move || drop(format!("{:?}", barrier.stats()))),
        one_at_a_time: false,
    }
}

fn limiter(name: &'static str, wait: fn(Arc<Limiter>) -> Wait) -> Subject {
    let limiter = Arc::new(Limiter::new(0));
    let [waits, serves, counts] = [(); 3].map(|()| limiter.clone());
    Subject {
        name,
        wait: Box::new(move || wait(waits.clone())),
        serve: Box::new(move || serves.set_limit(serves.stats().limit + 1)),
        waiting: Box::new(move || counts.stats().waiting),
        poke: Box::new(move || {
            let limit = limiter.stats().limit;
            let _ = (limiter.try_acquire(), limiter.holders(), limiter.acquire());
            limiter.set_limit(limit);
        }),
        one_at_a_time: true,
    }
}
