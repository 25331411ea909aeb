//! Permits that are taken, given back, waited for in vain, and closed.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};

use windlass::spawn;
use windlass::sync::Semaphore;
use windlass::sync::error::TryAcquireError;
use windlass::task::Task;
use windlass::time::timeout;

use crate::random::{Random, a_few_polls};
use crate::sabotage::Sabotage;

/// What the holders of one semaphore have together.
#[derive(Debug)]
struct Held {
    permits: usize,
    now: AtomicUsize,
}

impl Held {
    /// Works with so many permits.
    async fn work(&self, count: usize, random: &mut Random) {
        let now = self.now.fetch_add(count, SeqCst) + count;
        assert!(now <= self.permits, "{now} of {} permits are held", self.permits);
        let _given_back = GivenBack(self, count);
        random.pause().await;
    }
}

struct GivenBack<'a>(&'a Held, usize);

impl Drop for GivenBack<'_> {
    fn drop(&mut self) {
        self.0.now.fetch_sub(self.1, SeqCst);
    }
}

/// Never are more held than there are; in the end all are there, and nobody waits.
pub async fn permits_are_conserved(mut random: Random) {
    let permits = random.between(1, 8);
    let semaphore = Arc::new(Semaphore::new(permits));
    let held = Arc::new(Held { permits, now: AtomicUsize::new(0) });
    if Sabotage::ForgePermit.is_on() {
        semaphore.add_permits(permits);
    }
    let tasks: Vec<Task<()>> = (0..random.between(1, 24))
        .map(|_| spawn(hold_now_and_then(semaphore.clone(), held.clone(), random.split())))
        .collect();
    for task in tasks {
        if random.hits_one_in(5) {
            if let Err(error) = task.cancel().await {
                assert!(error.is_cancelled(), "{error}");
            }
        } else {
            task.await.expect("nobody cancels it");
        }
    }
    if Sabotage::LosePermit.is_on() {
        let _ = semaphore.forget_permits(1);
    }
    let stats = semaphore.stats();
    assert_eq!(
        (stats.available, stats.waiting, stats.granted),
        (permits, 0, 0),
        "permits do not add up"
    );
}

async fn hold_now_and_then(semaphore: Arc<Semaphore>, held: Arc<Held>, mut random: Random) {
    for _ in 0..random.between(1, 20) {
        let count = random.between(1, held.permits);
        match random.below(6) {
            0 => {
                if let Some(permit) =
                    a_few_polls(&mut semaphore.acquire_many(count), &mut random).await
                {
                    let _permit = permit.expect("nobody closes it");
                    held.work(count, &mut random).await;
                }
            }
            1 => match semaphore.try_acquire_many(count) {
                Ok(_permit) => held.work(count, &mut random).await,
                Err(error) => assert_eq!(error, TryAcquireError::NoPermits),
            },
            2 => {
                let acquire = semaphore.acquire_many(count);
                if let Ok(permit) = timeout(random.micros(500), acquire).await {
                    let _permit = permit.expect("nobody closes it");
                    held.work(count, &mut random).await;
                }
            }
            3 => {
                let permit = semaphore.clone().acquire_many_owned(count).await;
                let permit = permit.expect("nobody closes it");
                held.work(count, &mut random).await;
                drop(permit);
            }
            _ => {
                let _permit = semaphore.acquire_many(count).await.expect("nobody closes it");
                held.work(count, &mut random).await;
            }
        }
    }
}

/// Who waits for permits hears that there will be none.
pub async fn closing_ends_every_wait(mut random: Random) {
    let permits = random.between(1, 3);
    let semaphore = Arc::new(Semaphore::new(permits));
    let tasks: Vec<Task<()>> = (0..random.between(1, 12))
        .map(|_| {
            let (semaphore, mut random) = (semaphore.clone(), random.split());
            let until_closed = async move {
                while let Ok(_permit) = semaphore.acquire_many(random.between(1, permits)).await {
                    random.pause().await;
                }
            };
            spawn(until_closed)
        })
        .collect();
    for _ in 0..random.below(10) {
        random.pause().await;
    }
    semaphore.close();
    for task in tasks {
        task.await.expect("nobody cancels it");
    }
    let stats = semaphore.stats();
    assert_eq!((stats.waiting, stats.granted), (0, 0), "somebody still waits");
}
