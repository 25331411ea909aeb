//! Notifications, events, barriers and cancel tokens.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};

use windlass::spawn;
use windlass::sync::{Barrier, Event, Notify};
use windlass::task::{CancelToken, Task};

use crate::random::{Random, a_few_polls};
use crate::sabotage::Sabotage;

/// Tokens that lie on a table, and a notification for each: whoever is told passes it on while there
/// are more. If a notification is lost, a token stays and somebody waits for ever.
#[derive(Debug, Default)]
struct Table {
    tokens: AtomicUsize,
    notify: Notify,
}

impl Table {
    fn put(&self) {
        self.tokens.fetch_add(1, SeqCst);
        self.notify.notify_one();
    }

    fn take(&self) -> bool {
        let taken = self.tokens.fetch_update(SeqCst, SeqCst, |tokens| tokens.checked_sub(1));
        if taken.is_ok_and(|before| before > 1) {
            self.notify.notify_one(); // two calls may have been kept as one
        }
        taken.is_ok()
    }
}

/// However many give up waiting, those who wait on get every token.
pub async fn no_notification_is_lost(mut random: Random) {
    let table = Arc::new(Table::default());
    let tokens = random.between(1, 60);
    let takers: Vec<Task<()>> = (0..random.between(1, 6))
        .map(|_| {
            let (table, mut random) = (table.clone(), random.split());
            spawn(async move {
                loop {
                    if random.hits_one_in(3) {
                        let told = a_few_polls(&mut table.notify.notified(), &mut random).await;
                        if told.is_none() {
                            continue;
                        }
                    } else {
                        table.notify.notified().await;
                    }
                    while table.take() {
                        random.pause().await;
                    }
                }
            })
        })
        .collect();
    for _ in 0..tokens {
        table.put();
        random.pause().await;
    }
    while table.tokens.load(SeqCst) > 0 {
        random.pause().await;
    }
    for taker in takers {
        taker.abort();
        assert!(taker.await.is_err(), "it never ends by itself");
    }
    assert_eq!(table.notify.stats().waiting, 0, "somebody still waits");
}

/// A set event ends every wait, also of those who come later.
pub async fn an_event_ends_every_wait(mut random: Random) {
    let event = Arc::new(Event::new());
    let waits: Vec<Task<()>> = (0..random.between(1, 30))
        .map(|_| {
            let (event, mut random) = (event.clone(), random.split());
            spawn(async move {
                random.pause().await;
                a_few_polls(&mut event.wait(), &mut random).await;
                event.wait().await;
                assert!(event.is_set(), "nobody clears it");
            })
        })
        .collect();
    random.pause().await;
    event.set();
    for wait in waits {
        wait.await.expect("nobody cancels it");
    }
    assert_eq!(event.stats().waiting, 0, "somebody still waits");
}

/// Nobody is a round ahead, and each round has one leader.
pub async fn a_barrier_lets_all_or_none_pass(mut random: Random) {
    let parties = random.between(1, 6);
    let rounds = random.between(1, 10);
    let barrier = Arc::new(Barrier::new(parties));
    let extra = || spawn(barrier.clone().wait_owned());
    let _extra = Sabotage::DoubleParty.is_on().then(extra);
    let arrivals: Arc<Vec<AtomicUsize>> = Arc::new((0..rounds).map(|_| 0.into()).collect());
    let tasks: Vec<Task<usize>> = (0..parties)
        .map(|_| {
            let (barrier, arrivals) = (barrier.clone(), arrivals.clone());
            let mut random = random.split();
            spawn(async move {
                let mut led = 0;
                for arrived in arrivals.iter() {
                    random.pause().await;
                    arrived.fetch_add(1, SeqCst);
                    let passed = barrier.wait().await.expect("nobody breaks it");
                    led += usize::from(passed.is_leader);
                    let here = arrived.load(SeqCst);
                    assert_eq!(here, barrier.parties(), "somebody passes a barrier too early");
                }
                led
            })
        })
        .collect();
    let mut led = 0;
    for task in tasks {
        led += task.await.expect("nobody cancels it");
    }
    assert_eq!(led, rounds, "one leads each round");
}

/// A cancelled token reaches all below it and none beside it.
pub async fn a_token_cancels_all_below_it(mut random: Random) {
    let top = CancelToken::new();
    let beside = CancelToken::new();
    let mut tokens = vec![top.clone()];
    let mut tasks = Vec::new();
    for _ in 0..random.between(1, 20) {
        let child = random.pick(&tokens).child();
        let waits = child.clone();
        tasks.push(spawn(async move { waits.cancelled().await }));
        tokens.push(child);
        random.pause().await;
    }
    let waits = {
        let beside = beside.child();
        spawn(async move { beside.cancelled().await })
    };
    top.cancel();
    for task in tasks {
        task.await.expect("nobody cancels the task");
    }
    assert!(tokens.iter().all(CancelToken::is_cancelled), "a token below was not reached");
    assert!(!beside.is_cancelled() && !waits.is_finished(), "a token beside was reached");
    beside.cancel();
    waits.await.expect("nobody cancels the task");
}
