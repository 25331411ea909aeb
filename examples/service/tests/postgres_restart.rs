//! The service's store while its PostgreSQL server crashes and comes back. In a program of its own,
//! because nobody else can use that server meanwhile.

#[path = "rig/postgres.rs"]
mod rig;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::time::{Duration, Instant};

use rig::{Database, limits, log_in, until};
use service::fate::{Fate, Outcome};
use service::postgres::Postgres;
use service::store::{Limits, StoreError};
use windlass::time::sleep;
use windlass::{spawn, spawn_blocking};

const SECOND: Duration = Duration::from_secs(1);

/// What somebody was told about a change.
type Told = Vec<(i64, Result<(), StoreError>, Outcome)>;

/// Moves money from one to the other and writes a number down, in one transaction, again and again.
async fn keep_moving(store: &Postgres, first: i64, stop: &AtomicBool) -> Told {
    let mut told = Told::new();
    for number in first.. {
        if stop.load(SeqCst) {
            break;
        }
        let fate = Fate::default();
        let moved = store.write(&fate, async move |transaction, statements| {
            for id in [1_i64, 2] {
                let amount = if (id == 1) == (number % 2 == 0) { 1_i64 } else { -1 };
                transaction.query_one(&statements.add, &[&id, &amount]).await?;
            }
            transaction.execute("insert into moved values ($1)", &[&number]).await?;
            Ok(())
        });
        let moved = moved.await;
        if moved.is_err() {
            sleep(Duration::from_millis(10)).await; // as a client would
        }
        told.push((number, moved, fate.outcome()));
    }
    told
}

#[windlass::test]
async fn a_crash_of_the_server_in_mid_load_fails_calls_but_no_promise_and_then_all_is_well_again() {
    let Some(database) = Database::new().await else { return };
    let quick = Limits { acquire_timeout: 5 * SECOND, ..limits(5, 20) };
    let store = Arc::new(database.store_with(quick).await.unwrap());
    database.admin.batch_execute("create table moved (number int8 primary key)").await.unwrap();
    let stop = Arc::new(AtomicBool::new(false));
    let load: Vec<_> = (0..8)
        .map(|n| {
            let (store, stop) = (store.clone(), stop.clone());
            spawn(async move { keep_moving(&store, n * 1_000_000, &stop).await })
        })
        .collect();
    let mut held = store.pool().acquire().await.unwrap();
    sleep(Duration::from_millis(300)).await;

    let server = database.server;
    spawn_blocking(|| server.stop()).await.unwrap();
    let begun = Instant::now();
    let lost = held.run(async |one| one.check_connection().await).await;
    lost.unwrap().unwrap_err();
    drop(held);
    until("nothing is left of the connections", async || store.stats().idle == 0).await;
    let error = store.health().await.unwrap_err();
    assert!(matches!(error, StoreError::Unavailable(_)), "{error}");
    assert!(begun.elapsed() < 4 * SECOND, "they fail at once, and not when time is up");
    sleep(Duration::from_millis(300)).await;
    let opened = store.stats().opened;

    spawn_blocking(|| server.start()).await.unwrap();
    until("it works again", async || store.stats().opened > opened).await;
    for _ in 0..25 {
        store.health().await.unwrap();
    }
    sleep(Duration::from_millis(300)).await;
    stop.store(true, SeqCst);
    let mut told = Told::new();
    for task in load {
        told.extend(task.await.unwrap());
    }
    until("there are as many as there shall be", async || store.stats().idle >= 5).await;

    let (admin, _carrier) = log_in(server, &database.name).await;
    let rows = admin.query("select number from moved", &[]).await.unwrap();
    let written: Vec<i64> = rows.iter().map(|row| row.get(0)).collect();
    for (number, moved, outcome) in &told {
        let is_there = written.contains(number);
        match moved {
            Ok(()) => assert!(is_there && *outcome == Outcome::Committed, "{number}"),
            Err(StoreError::Unknown) => assert_eq!(*outcome, Outcome::Unknown, "{number}"),
            Err(_) => assert!(!is_there && *outcome == Outcome::NotCommitted, "{number} {moved:?}"),
        }
    }
    let failed = told.iter().filter(|(_, moved, _)| moved.is_err()).count();
    assert!(failed >= 8, "each of the eight has noticed");
    let sum = admin.query_one("select sum(balance)::int8 from users", &[]).await.unwrap();
    assert_eq!(sum.get::<_, i64>(0), 2000);
    store.close(SECOND).await;
}
