//! Connections: opening, waiting, commands that are cut off, servers that are not there.

use std::future::poll_fn;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex};
use std::task::Poll;
use std::time::{Duration, Instant};

use service::postgres::Postgres;
use service::store::{Limits, StoreError};
use windlass::net::TcpListener;
use windlass::pool::AcquireError;
use windlass::spawn;

use crate::rig::{Database, limits, until};

const MS: Duration = Duration::from_millis(1);
const SECOND: Duration = Duration::from_secs(1);

#[windlass::test]
async fn five_connections_are_opened_at_the_start_and_stay_open() {
    let Some(database) = Database::new().await else { return };
    let store = database.store(5, 20).await;
    let stats = store.stats();
    assert_eq!((stats.size, stats.idle, stats.opened), (5, 5, 5));
    until("the one that made the table is gone", async || database.sessions().await.0 == 5).await;
    for _ in 0..10 {
        store.health().await.unwrap();
    }
    assert_eq!((store.stats().opened, database.sessions().await.0), (5, 5));
    store.close(SECOND).await;
    until("all are closed", async || database.sessions().await.0 == 0).await;
}

#[windlass::test]
async fn the_server_is_reached_through_its_file_too() {
    let Some(database) = Database::new().await else { return };
    let store = Postgres::open(&database.socket_url(), limits(1, 2), 2).await.unwrap();
    assert_eq!(store.user(1).await.unwrap().balance, 1000);
    // A command that is cut off is stopped the same way.
    let mut lent = store.pool().acquire().await.unwrap();
    let slow = lent.run_within(50 * MS, async |one| one.batch_execute("select pg_sleep(60)").await);
    slow.await.unwrap_err();
    lent.run(async |one| one.check_connection().await).await.unwrap().unwrap();
    drop(lent);
    store.close(SECOND).await;
}

#[windlass::test]
async fn the_first_of_several_hosts_that_answers_is_taken() {
    let Some(database) = Database::new().await else { return };
    let nobody = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let (name, port) = (&database.name, database.port());
    let hosts = format!("127.0.0.1:{nobody},localhost:{port}");
    let url = format!("postgres://postgres:secret@{hosts}/{name}");
    let store = Postgres::open(&url, limits(1, 1), 1).await.unwrap();
    store.health().await.unwrap();
    store.close(SECOND).await;
}

#[windlass::test]
async fn a_wrong_password_is_an_error_that_says_so() {
    let Some(database) = Database::new().await else { return };
    let url = database.url().replace("secret", "guess");
    let error = Postgres::open(&url, limits(1, 1), 1).await.unwrap_err();
    assert!(matches!(&error, StoreError::Unavailable(why) if why.contains("password")), "{error}");
}

#[windlass::test]
async fn a_server_that_accepts_and_says_nothing_is_given_up() {
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = silent.local_addr().unwrap().port();
    let url = format!("postgres://postgres@127.0.0.1:{port}/none?connect_timeout=1");
    let error = Postgres::open(&url, limits(1, 1), 1).await.unwrap_err();
    let says = error.to_string();
    assert!(says.contains("does not answer within 1s"), "{says}");
}

#[windlass::test]
async fn a_user_is_found_and_one_who_is_not_there_is_not() {
    let Some(database) = Database::new().await else { return };
    let store = database.store(1, 2).await;
    let user = store.user(2).await.unwrap();
    assert_eq!((user.id, &*user.name, user.balance), (2, "user 2", 1000));
    assert_eq!(store.user(3).await.unwrap_err(), StoreError::NotFound(3));
    store.close(SECOND).await;
}

#[windlass::test]
async fn services_that_start_together_make_one_table() {
    let Some(database) = Database::new().await else { return };
    let url: Arc<str> = database.url().into();
    let tasks: Vec<_> = (0..16)
        .map(|_| {
            let url = url.clone();
            spawn(async move { Postgres::open(&url, limits(1, 1), 7).await })
        })
        .collect();
    for task in tasks {
        task.await.unwrap().unwrap().close(SECOND).await;
    }
    assert_eq!(database.balances().await, [1000; 7]);
}

#[windlass::test]
async fn a_wrong_argument_and_bad_sql_are_errors_that_leave_the_connection_as_it_was() {
    let Some(database) = Database::new().await else { return };
    let store = database.store(1, 1).await;
    let wrong =
        store.read(async |one| Ok(one.query_one(&one.statements().find, &[&"one"]).await?));
    let error = wrong.await.unwrap_err();
    let says = error.to_string();
    assert!(says.contains("error serializing parameter 0"), "{says}");
    let bad = store.read(async |one| Ok(one.batch_execute("selekt 1").await?)).await;
    assert!(matches!(&bad, Err(StoreError::Database(says)) if says.contains("42601")), "{bad:?}");
    assert_eq!(store.user(1).await.unwrap().id, 1);
    let stats = store.stats();
    assert_eq!((stats.opened, stats.idle), (1, 1));
    store.close(SECOND).await;
}

#[windlass::test]
async fn fifty_jobs_use_twenty_connections_and_no_more() {
    let Some(database) = Database::new().await else { return };
    let store = Arc::new(database.store(5, 20).await);
    let (now, peak) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let begun = Instant::now();
    let jobs: Vec<_> = (0..50)
        .map(|_| {
            let (store, now, peak) = (store.clone(), now.clone(), peak.clone());
            spawn(async move {
                let job = store.read(async |one| {
                    peak.fetch_max(now.fetch_add(1, SeqCst) + 1, SeqCst);
                    one.batch_execute("select pg_sleep(0.2)").await?;
                    now.fetch_sub(1, SeqCst);
                    Ok(())
                });
                job.await.unwrap();
            })
        })
        .collect();
    for job in jobs {
        job.await.unwrap();
    }
    assert_eq!(peak.load(SeqCst), 20);
    assert!(begun.elapsed() >= 600 * MS, "fifty on twenty are three rounds");
    let stats = store.stats();
    assert_eq!((stats.size, stats.idle, stats.opened), (20, 20, 20));
    store.close(SECOND).await;
}

#[windlass::test]
async fn who_waits_for_a_connection_is_served_in_the_order_of_asking() {
    let Some(database) = Database::new().await else { return };
    let store = Arc::new(database.store(1, 1).await);
    let held = store.pool().acquire().await.unwrap();
    let served = Arc::new(Mutex::new(Vec::new()));
    let mut waiting = Vec::new();
    for n in 0..8 {
        let (store, served) = (store.clone(), served.clone());
        let line = store.clone();
        waiting.push(spawn(async move {
            let job = store.read(async move |one| {
                served.lock().unwrap().push(n);
                Ok(one.check_connection().await?)
            });
            job.await.unwrap();
        }));
        until("it stands in line", async || line.stats().waiting == n + 1).await;
    }
    // One gives up, and its turn is passed on.
    let given_up = waiting.remove(3);
    given_up.cancel().await.unwrap_err();
    drop(held);
    for task in waiting {
        task.await.unwrap();
    }
    assert_eq!(*served.lock().unwrap(), [0, 1, 2, 4, 5, 6, 7]);
    store.close(SECOND).await;
}

#[windlass::test]
async fn who_waits_too_long_is_told_and_nothing_is_lost() {
    let Some(database) = Database::new().await else { return };
    let store = database.store(1, 1).await;
    let held = store.pool().acquire().await.unwrap();
    let begun = Instant::now();
    let error = store.pool().acquire_within(100 * MS).await.unwrap_err();
    assert!(begun.elapsed() >= 100 * MS);
    assert!(matches!(error, AcquireError::Timeout { own: Some(_), .. }), "it waits for itself");
    drop(held);
    let stats = store.stats();
    assert_eq!((stats.idle, stats.waiting, stats.acquire_timeouts), (1, 0, 1));
    store.health().await.unwrap();
    store.close(SECOND).await;
}

#[windlass::test]
async fn a_command_that_takes_too_long_is_stopped_at_the_server_and_its_connection_goes_on() {
    let Some(database) = Database::new().await else { return };
    let limits = Limits { command_timeout: 500 * MS, ..limits(1, 1) };
    let store = database.store_with(limits).await.unwrap();
    let mut lent = store.pool().acquire().await.unwrap();
    let begun = Instant::now();
    lent.run(async |one| one.batch_execute("select pg_sleep(60)").await).await.unwrap_err();
    assert!(begun.elapsed() >= 500 * MS);
    // The next command waits until the statement is stopped, and is not hit by that itself.
    for _ in 0..10 {
        let next = lent.run_within(10 * SECOND, async |one| one.check_connection().await);
        next.await.unwrap().unwrap();
    }
    assert_eq!(database.sessions().await.1, 0, "the server has nothing to do");
    drop(lent);
    until("it is clean again", async || store.stats().idle == 1).await;
    assert_eq!(store.stats().opened, 1);
    let slow = store.read(async |one| Ok(one.batch_execute("select pg_sleep(60)").await?)).await;
    assert_eq!(slow.unwrap_err(), StoreError::Timeout);
    store.health().await.unwrap();
    assert_eq!(store.stats().opened, 1);
    store.close(SECOND).await;
}

#[windlass::test]
async fn one_call_may_have_a_time_limit_of_its_own() {
    let Some(database) = Database::new().await else { return };
    let limits = Limits { command_timeout: 200 * MS, ..limits(1, 1) };
    let store = database.store_with(limits).await.unwrap();
    let mut lent = store.pool().acquire().await.unwrap();
    let slow =
        lent.run_within(20 * SECOND, async |one| one.batch_execute("select pg_sleep(0.4)").await);
    slow.await.unwrap().unwrap();
    drop(lent);
    store.close(SECOND).await;
}

#[windlass::test]
async fn the_statement_of_a_cancelled_task_is_stopped_and_all_connections_come_back() {
    let Some(database) = Database::new().await else { return };
    let store = Arc::new(database.store(5, 5).await);
    let shared = store.clone();
    let task = spawn(async move {
        let slow = shared.read(async |one| Ok(one.batch_execute("select pg_sleep(60)").await?));
        slow.await
    });
    database.until_busy().await;
    assert!(task.cancel().await.unwrap_err().is_cancelled());
    database.until_quiet().await;
    until("all are back", async || store.stats().idle == 5).await;
    assert_eq!(store.stats().opened, 5, "none had to be replaced");
    for _ in 0..20 {
        store.health().await.unwrap();
    }
    store.close(SECOND).await;
}

#[windlass::test]
async fn whatever_a_session_was_left_with_is_gone_before_somebody_else_gets_it() {
    let Some(database) = Database::new().await else { return };
    let store = database.store(1, 1).await;
    let mut lent = store.pool().acquire().await.unwrap();
    assert!(!lent.is_dirty());
    // In two parts: what comes together is one transaction.
    let session = "select pg_advisory_lock(7); set timezone to 'Asia/Shanghai'; listen news;
        create temp table mine (id int)";
    for left in [session, "begin; update users set balance = 0"] {
        lent.run(async |one| one.batch_execute(left).await).await.unwrap().unwrap();
    }
    assert!(lent.is_dirty(), "a transaction is open");
    drop(lent);
    let user = store.user(1).await.unwrap();
    assert_eq!(user.balance, 1000);
    let left = store.read(async |one| {
        let question = "select current_setting('timezone') = 'Asia/Shanghai'
            or to_regclass('mine') is not null
            or exists (select from pg_listening_channels())
            or exists (select from pg_locks where locktype = 'advisory')";
        Ok(one.query_one(question, &[]).await?.get::<_, bool>(0))
    });
    assert!(!left.await.unwrap());
    assert_eq!(store.stats().opened, 1, "it is the same one");
    store.close(SECOND).await;
}

#[windlass::test]
async fn a_killed_connection_fails_its_call_only_and_is_replaced() {
    let Some(database) = Database::new().await else { return };
    let store = Arc::new(database.store(2, 2).await);
    let shared = store.clone();
    let victim = spawn(async move {
        let slow = shared.read(async |one| Ok(one.batch_execute("select pg_sleep(60)").await?));
        slow.await
    });
    database.until_busy().await;
    // The idle one, too.
    let kill = "select count(pg_terminate_backend(pid)) from pg_stat_activity
        where datname = current_database() and pid <> pg_backend_pid()";
    assert_eq!(database.ask::<i64>(kill).await, 2);
    let error = victim.await.unwrap().unwrap_err();
    assert!(matches!(error, StoreError::Unavailable(_)), "{error}");
    // Whoever asks next is lent none of the two, once their ends have arrived here.
    until("they work", async || {
        let mut both =
            [store.pool().acquire().await.unwrap(), store.pool().acquire().await.unwrap()];
        let mut works = true;
        for one in &mut both {
            works &= one.run(async |one| one.check_connection().await).await.unwrap().is_ok();
        }
        works
    })
    .await;
    let stats = store.stats();
    assert_eq!((stats.opened, stats.idle, stats.discarded.total()), (4, 2, 2));
    store.close(SECOND).await;
}

#[windlass::test]
async fn a_server_with_less_room_than_the_pool_wants_is_an_error_and_all_is_closed() {
    let Some(database) = Database::new().await else { return };
    let role = format!("tight_{}", database.name);
    let make = format!(
        "create role {role} login password 'secret' connection limit 3;
         alter database {} owner to {role}",
        database.name
    );
    database.admin.batch_execute(&make).await.unwrap();
    let error = Postgres::open(&database.url_of(&role), limits(5, 20), 2).await.unwrap_err();
    let says = error.to_string();
    assert!(says.contains("too many connections for role"), "{says}");
    until("they are closed", async || database.sessions().await.0 == 0).await;
}

#[windlass::test]
async fn closing_waits_for_what_is_lent_as_long_as_it_may() {
    let Some(database) = Database::new().await else { return };
    let store = database.store(2, 2).await;
    let mut held = store.pool().acquire().await.unwrap();
    store.close(50 * MS).await;
    assert!(matches!(store.pool().acquire().await, Err(AcquireError::Closed)));
    held.run(async |one| one.check_connection().await).await.unwrap().unwrap();
    drop(held);
    store.close(SECOND).await;
    until("all are closed", async || database.sessions().await.0 == 0).await;
}

#[windlass::test]
async fn statements_that_are_awaited_together_share_the_way() {
    let Some(database) = Database::new().await else { return };
    let store = database.store(1, 1).await;
    let answers = store.read(async |one| {
        let mut asked: Vec<_> = (0..50)
            .map(|n| Box::pin(async move { one.query_one(&format!("select {n}"), &[]).await }))
            .collect();
        let mut answers = Vec::new();
        let mut rounds = 0;
        poll_fn(|cx| {
            rounds += 1;
            asked.retain_mut(|one| match one.as_mut().poll(cx) {
                Poll::Ready(row) => {
                    answers.push(row.unwrap().get::<_, i32>(0));
                    false
                }
                Poll::Pending => true,
            });
            if asked.is_empty() { Poll::Ready(()) } else { Poll::Pending }
        })
        .await;
        assert!(rounds < 50, "they did not wait for each other");
        Ok(answers)
    });
    assert_eq!(answers.await.unwrap(), Vec::from_iter(0..50));
    store.close(SECOND).await;
}
