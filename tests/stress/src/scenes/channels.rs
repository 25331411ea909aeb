//! Channels: what is sent arrives, comes back, or is said to be missing.

use windlass::spawn;
use windlass::sync::{broadcast, oneshot, watch};
use windlass::task::Task;
use windlass::time::timeout;

use crate::lives::{Life, Lives};
use crate::random::{Random, a_few_polls};
use crate::sabotage::Sabotage;

/// A value is received, or its sender has it again; it is never both nor neither.
pub async fn a_oneshot_arrives_or_comes_back(mut random: Random) {
    let lives = Lives::default();
    for _ in 0..random.between(1, 20) {
        let (sender, mut receiver) = oneshot::channel::<Life>();
        let (life, mut its_own) = (lives.begin(), random.split());
        let sends = spawn(async move {
            its_own.pause().await;
            sender.send(life).err().map(|back| back.0)
        });
        random.pause().await;
        let arrived = match random.below(4) {
            0 => {
                drop(receiver);
                None
            }
            1 => {
                let arrived = a_few_polls(&mut receiver, &mut random).await;
                drop(receiver); // what comes later goes back
                arrived.and_then(Result::ok)
            }
            2 => timeout(random.micros(300), receiver).await.ok().and_then(Result::ok),
            _ => receiver.await.ok(),
        };
        let back = sends.await.expect("nobody cancels it");
        // A receiver that was dropped with the value inside has dropped it.
        let known = usize::from(arrived.is_some()) + usize::from(back.is_some());
        assert!(lives.now() <= 1 && known == lives.now(), "a value is both here and there");
        drop((arrived, back));
        assert_eq!(lives.now(), 0, "a value is kept by a channel that is gone");
    }
}

/// Versions only grow, and the last value is seen by all.
pub async fn a_watch_shows_the_latest(mut random: Random) {
    let last = random.between(1, 100);
    let (sender, receiver) = watch::channel(0);
    let watchers: Vec<Task<usize>> = (0..random.between(1, 6))
        .map(|_| {
            let (mut receiver, mut random) = (receiver.clone(), random.split());
            spawn(async move {
                let mut latest = 0;
                loop {
                    if random.hits_one_in(4) {
                        a_few_polls(&mut receiver.changed(), &mut random).await;
                    } else if random.hits_one_in(4) {
                        let beyond = |value: &usize| *value > latest;
                        if receiver.wait_for(beyond).await.is_err() {
                            return latest;
                        }
                    } else if receiver.changed().await.is_err() {
                        return *receiver.get();
                    }
                    let value = *receiver.get();
                    assert!(value >= latest, "a watch has gone back");
                    latest = value;
                    random.pause().await;
                }
            })
        })
        .collect();
    for value in 1..=last {
        if value == last && Sabotage::SkipValue.is_on() {
            break;
        }
        if random.hits_one_in(2) {
            sender.send_replace(value);
        } else {
            sender.modify(|now| *now = value);
        }
        random.pause().await;
    }
    drop(sender);
    for watcher in watchers {
        let seen = watcher.await.expect("nobody cancels it");
        assert_eq!(seen, last, "somebody has not seen the last value");
    }
}

/// Each receiver gets every value in order, or is told how many it has missed.
pub async fn a_broadcast_has_no_silent_gaps(mut random: Random) {
    let (sender, receiver) = broadcast::channel(random.between(1, 32));
    let values = random.between(1, 200) as u64;
    let receivers: Vec<Task<u64>> = (0..random.between(1, 6))
        .map(|_| spawn(listen(receiver.resubscribe(), random.split())))
        .collect();
    drop(receiver);
    for value in 0..values {
        if Sabotage::SkipValue.is_on() && value == values / 2 {
            continue;
        }
        sender.send(value).expect("somebody listens until the sender goes");
        if random.hits_one_in(3) {
            random.pause().await;
        }
    }
    drop(sender);
    for receiver in receivers {
        let next = receiver.await.expect("nobody cancels it");
        assert_eq!(next, values, "values of a broadcast are lost");
    }
}

/// The number after the last value.
async fn listen(mut receiver: broadcast::Receiver<u64>, mut random: Random) -> u64 {
    use broadcast::RecvError::{Closed, Lagged};
    let mut next = 0;
    loop {
        let received = if random.hits_one_in(4) {
            match a_few_polls(&mut receiver.recv(), &mut random).await {
                Some(received) => received,
                None => continue,
            }
        } else {
            receiver.recv().await
        };
        match received {
            Ok(value) => {
                assert_eq!(value, next, "values of a broadcast are lost");
                next += 1;
            }
            Err(Lagged(missed)) => next += missed,
            Err(Closed) => return next,
        }
        if random.hits_one_in(8) {
            random.pause().await;
        }
    }
}
