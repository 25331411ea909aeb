//! Locks: what they guard is never seen half done.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed, Ordering::SeqCst};

use windlass::spawn;
use windlass::sync::{Condvar, Mutex, RwLock};
use windlass::task::Task;
use windlass::time::timeout;

use crate::random::{Random, a_few_polls};
use crate::sabotage::Sabotage;

/// Two cells that are equal whenever nobody is inside. They are written without any order between
/// threads but what the lock gives.
#[derive(Debug, Default)]
struct Twins {
    first: AtomicUsize,
    second: AtomicUsize,
    /// Somebody is at work.
    is_busy: AtomicBool,
}

impl Twins {
    /// Adds one to both, slowly.
    async fn add(&self, random: &mut Random) {
        let _at_work = AtWork::begin(self);
        let value = self.look();
        self.first.store(value + 1, Relaxed);
        let _whole = Whole(self, value + 1);
        random.pause().await; // perhaps cancelled here
    }

    fn look(&self) -> usize {
        let value = self.first.load(Relaxed);
        assert_eq!(value, self.second.load(Relaxed), "what a lock guards is seen half done");
        value
    }
}

/// Makes the second cell equal to the first when it goes.
struct Whole<'a>(&'a Twins, usize);

impl Drop for Whole<'_> {
    fn drop(&mut self) {
        self.0.second.store(self.1, Relaxed);
    }
}

struct AtWork<'a>(&'a Twins);

impl AtWork<'_> {
    fn begin(twins: &Twins) -> AtWork<'_> {
        assert!(!twins.is_busy.swap(true, SeqCst), "two are inside a lock");
        AtWork(twins)
    }
}

impl Drop for AtWork<'_> {
    fn drop(&mut self) {
        self.0.is_busy.store(false, SeqCst);
    }
}

/// One is inside at a time, and each who was inside is counted.
pub async fn a_mutex_excludes(mut random: Random) {
    let mutex = Arc::new(Mutex::new(Twins::default()));
    let done = Arc::new(AtomicUsize::new(0));
    let aside = Arc::new(Twins::default());
    let tasks: Vec<Task<()>> = (0..random.between(1, 12))
        .map(|_| {
            let (mutex, done, aside) = (mutex.clone(), done.clone(), aside.clone());
            let mut random = random.split();
            let adds = async move {
                for _ in 0..random.between(1, 30) {
                    if Sabotage::SkipLock.is_on() {
                        aside.add(&mut random).await;
                        windlass::yield_now().await;
                        continue;
                    }
                    let guard = match random.below(5) {
                        0 => a_few_polls(&mut mutex.lock(), &mut random).await,
                        1 => mutex.try_lock(),
                        2 => timeout(random.micros(500), mutex.lock()).await.ok(),
                        _ => Some(mutex.lock().await),
                    };
                    let Some(guard) = guard else { continue };
                    done.fetch_add(1, SeqCst); // before it may be cancelled
                    guard.add(&mut random).await;
                }
            };
            spawn(adds)
        })
        .collect();
    end_some(tasks, &mut random).await;
    assert!(!mutex.stats().is_locked && mutex.stats().waiting == 0, "{:?}", mutex.stats());
    let twins = mutex.try_lock().expect("nobody has it");
    assert_eq!(twins.look(), done.load(SeqCst), "work under a lock is lost");
}

/// Writers are alone, readers see nothing half done.
pub async fn a_lock_for_reading_and_writing(mut random: Random) {
    let lock = Arc::new(RwLock::new(Twins::default()));
    let done = Arc::new(AtomicUsize::new(0));
    let tasks: Vec<Task<()>> = (0..random.between(1, 12))
        .map(|_| {
            let (lock, done, mut random) = (lock.clone(), done.clone(), random.split());
            let visits = async move {
                for _ in 0..random.between(1, 30) {
                    if random.hits_one_in(3) {
                        let guard = match random.below(4) {
                            0 => a_few_polls(&mut lock.write(), &mut random).await,
                            1 => lock.try_write(),
                            _ => Some(lock.write().await),
                        };
                        let Some(guard) = guard else { continue };
                        done.fetch_add(1, SeqCst);
                        guard.add(&mut random).await;
                    } else {
                        let guard = match random.below(4) {
                            0 => a_few_polls(&mut lock.read(), &mut random).await,
                            1 => lock.try_read(),
                            _ => Some(lock.read().await),
                        };
                        let Some(guard) = guard else { continue };
                        let before = guard.look();
                        random.pause().await;
                        assert_eq!(guard.look(), before, "somebody has written under a reader");
                    }
                }
            };
            spawn(visits)
        })
        .collect();
    end_some(tasks, &mut random).await;
    let stats = lock.stats();
    let idle = (stats.readers, stats.is_written, stats.waiting);
    assert_eq!(idle, (0, false, 0), "{stats:?}");
    let twins = lock.try_read().expect("nobody writes");
    assert_eq!(twins.look(), done.load(SeqCst), "work under a lock is lost");
}

/// A queue of mutex and condition passes everything on, whoever gives up waiting.
pub async fn a_condition_is_not_missed(mut random: Random) {
    let shared = Arc::new((Mutex::new(VecDeque::new()), Condvar::new()));
    let items = random.between(1, 100);
    let tasks: Vec<Task<usize>> = (0..random.between(1, 6))
        .map(|_| {
            let (shared, mut random) = (shared.clone(), random.split());
            let takes = async move {
                let (items, added) = &*shared;
                let mut sum = 0;
                loop {
                    if random.hits_one_in(4) {
                        let guard = items.lock().await;
                        // A told wait that is dropped passes the notification on.
                        a_few_polls(&mut added.wait(guard), &mut random).await;
                        // What a wait that ended was told of is still there: look for it.
                    }
                    let guard = items.lock().await;
                    let mut guard = added.wait_while(guard, |items| items.is_empty()).await;
                    match guard.pop_front().expect("the wait has ended") {
                        Some(item) => sum += item,
                        None => return sum,
                    }
                }
            };
            spawn(takes)
        })
        .collect();
    let (queue, added) = &*shared;
    for item in 1..=items {
        queue.lock().await.push_back(Some(item));
        added.notify_one();
        random.pause().await;
    }
    for _ in &tasks {
        queue.lock().await.push_back(None);
        added.notify_one();
    }
    let mut sum = 0;
    for task in tasks {
        sum += task.await.expect("nobody cancels it");
    }
    assert_eq!(sum, items * (items + 1) / 2, "items of a condition are lost");
}

/// Waits for most and cancels some.
async fn end_some(tasks: Vec<Task<()>>, random: &mut Random) {
    for task in tasks {
        if random.hits_one_in(5) {
            if let Err(error) = task.cancel().await {
                assert!(error.is_cancelled(), "{error}");
            }
        } else {
            task.await.expect("nobody cancels it");
        }
    }
}
