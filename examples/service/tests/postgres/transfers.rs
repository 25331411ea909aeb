//! Transactions: wholly or not at all, however they end, and a true word about it.

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

use service::fate::{Fate, Outcome};
use service::postgres::Postgres;
use service::store::{Balances, Limits, Store, StoreError, Transfer};
use windlass::sync::Event;
use windlass::time::{sleep, timeout};
use windlass::{spawn, spawn_local};

use crate::rig::{Database, limits, until};

const MS: Duration = Duration::from_millis(1);
const SECOND: Duration = Duration::from_secs(1);
const LIMIT: Duration = Duration::from_secs(20);

/// An update of one balance, by statements that anybody could write.
const PLUS_ONE: &str = "update users set balance = balance + 1 where id = 1";
const MINUS_ALL: &str = "update users set balance = balance - 10000 where id = 1";
/// How many of this database wait for a lock.
const WAITING: &str = "select count(*) from pg_locks join pg_stat_activity using (pid)
    where not granted and datname = current_database()";

fn order(from: i64, to: i64, amount: i64) -> Transfer {
    Transfer { from, to, amount }
}

async fn transfer(store: &Postgres, order: Transfer) -> Result<Balances, StoreError> {
    store.transfer(order, &Fate::default()).await
}

/// Everything has come back, nothing was opened anew, and the connections work.
async fn is_intact(store: &Postgres, size: usize) {
    until("all are back", async || store.stats().idle == size).await;
    assert_eq!(store.stats().opened, size as u64);
    store.health().await.unwrap();
}

#[windlass::test]
async fn a_transfer_changes_both_sides() {
    let Some(database) = Database::new().await else { return };
    let store = database.store(1, 1).await;
    let fate = Fate::default();
    let balances = store.transfer(order(1, 2, 30), &fate).await.unwrap();
    assert_eq!(balances, Balances { from: 970, to: 1030 });
    assert_eq!(fate.outcome(), Outcome::Committed);
    assert_eq!(database.balances().await, [970, 1030]);
    is_intact(&store, 1).await;
    store.close(SECOND).await;
}

#[windlass::test]
async fn the_service_finds_it_by_its_url() {
    let Some(database) = Database::new().await else { return };
    let chosen = database.url().parse().unwrap();
    let store = Store::open(&chosen, limits(1, 2), 2).await.unwrap();
    let balances = store.transfer(order(2, 1, 5), &Fate::default()).await.unwrap();
    assert_eq!(balances, Balances { from: 995, to: 1005 });
    assert_eq!(store.user(1).await.unwrap().balance, 1005);
    store.health().await.unwrap();
    assert_eq!(store.stats().opened, 1);
    store.close(SECOND).await;
}

#[windlass::test]
async fn an_overdraft_changes_nothing() {
    let Some(database) = Database::new().await else { return };
    let store = database.store(1, 1).await;
    let fate = Fate::default();
    let error = store.transfer(order(1, 2, 1001), &fate).await.unwrap_err();
    assert_eq!(error, StoreError::Insufficient(1));
    assert_eq!(fate.outcome(), Outcome::NotCommitted);
    assert_eq!(database.balances().await, [1000, 1000]);
    is_intact(&store, 1).await;
    store.close(SECOND).await;
}

#[windlass::test]
async fn a_transfer_to_or_from_nobody_changes_nothing() {
    let Some(database) = Database::new().await else { return };
    let store = database.store(1, 1).await;
    for missing in [order(1, 3, 10), order(3, 1, 10)] {
        assert_eq!(transfer(&store, missing).await.unwrap_err(), StoreError::NotFound(3));
    }
    assert_eq!(database.balances().await, [1000, 1000]);
    is_intact(&store, 1).await;
    store.close(SECOND).await;
}

#[windlass::test]
async fn a_balance_that_would_be_too_large_is_an_error() {
    let Some(database) = Database::new().await else { return };
    let store = database.store(1, 1).await;
    let rich = "update users set balance = 9223372036854775807 where id = 2";
    database.admin.batch_execute(rich).await.unwrap();
    let error = transfer(&store, order(1, 2, 1)).await.unwrap_err();
    assert!(matches!(&error, StoreError::Database(why) if why.contains("22003")), "{error}");
    assert_eq!(database.balances().await[0], 1000);
    store.close(SECOND).await;
}

#[windlass::test]
async fn an_error_of_the_closure_rolls_back() {
    let Some(database) = Database::new().await else { return };
    let store = database.store(1, 1).await;
    let fate = Fate::default();
    let failed = store.write(&fate, async |transaction, _| {
        transaction.batch_execute(PLUS_ONE).await?;
        Err::<(), _>(StoreError::Insufficient(7))
    });
    assert_eq!(failed.await.unwrap_err(), StoreError::Insufficient(7));
    assert_eq!(fate.outcome(), Outcome::NotCommitted);
    assert_eq!(store.stats().in_upkeep, 0, "it was rolled back on the way, no reset is needed");
    assert_eq!(database.balances().await, [1000, 1000]);
    is_intact(&store, 1).await;
    store.close(SECOND).await;
}

#[windlass::test]
async fn a_panic_of_the_closure_rolls_back() {
    let Some(database) = Database::new().await else { return };
    let store = Arc::new(database.store(1, 1).await);
    let (shared, fate) = (store.clone(), Fate::default());
    let known = fate.clone();
    let task = spawn(async move {
        let failed = shared.write(&fate, async |transaction, _| {
            transaction.batch_execute(PLUS_ONE).await?;
            if transaction.query("select 1", &[]).await?.len() == 1 {
                panic!("between the statements");
            }
            Ok(())
        });
        failed.await
    });
    assert!(task.await.unwrap_err().is_panic());
    assert_eq!(known.outcome(), Outcome::NotCommitted);
    database.until_quiet().await;
    assert_eq!(database.balances().await, [1000, 1000]);
    is_intact(&store, 1).await;
    store.close(SECOND).await;
}

#[windlass::test]
async fn a_failed_statement_that_the_closure_ignores_fails_the_commit() {
    let Some(database) = Database::new().await else { return };
    let store = database.store(1, 1).await;
    let fate = Fate::default();
    let failed = store.write(&fate, async |transaction, _| {
        transaction.batch_execute(PLUS_ONE).await?;
        let _ignored = transaction.batch_execute(MINUS_ALL).await;
        Ok(())
    });
    let error = failed.await.unwrap_err();
    assert!(matches!(&error, StoreError::Database(why) if why.contains("25P02")), "{error}");
    assert_eq!(fate.outcome(), Outcome::NotCommitted);
    assert_eq!(database.balances().await, [1000, 1000]);
    is_intact(&store, 1).await;
    store.close(SECOND).await;
}

#[windlass::test]
async fn a_savepoint_that_fails_leaves_what_was_before_it() {
    let Some(database) = Database::new().await else { return };
    let store = database.store(1, 1).await;
    let fate = Fate::default();
    let changed = store.write(&fate, async |transaction, _| {
        transaction.batch_execute(PLUS_ONE).await?;
        let inner = transaction.savepoint("failing").await?;
        inner.batch_execute(PLUS_ONE).await?;
        inner.batch_execute(MINUS_ALL).await.unwrap_err();
        inner.rollback().await?;
        let dropped = transaction.savepoint("dropped").await?;
        dropped.batch_execute(PLUS_ONE).await?;
        drop(dropped);
        let kept = transaction.savepoint("kept").await?;
        kept.batch_execute(PLUS_ONE).await?;
        kept.commit().await?;
        Ok(())
    });
    changed.await.unwrap();
    assert_eq!(database.balances().await, [1002, 1000]);
    is_intact(&store, 1).await;
    store.close(SECOND).await;
}

#[windlass::test]
async fn a_transfer_that_takes_too_long_is_stopped_and_changes_nothing() {
    let Some(database) = Database::new().await else { return };
    let limits = Limits { command_timeout: 500 * MS, ..limits(1, 1) };
    let store = database.store_with(limits).await.unwrap();
    database.admin.batch_execute(&format!("begin; {PLUS_ONE}")).await.unwrap();
    let fate = Fate::default();
    let error = store.transfer(order(2, 1, 10), &fate).await.unwrap_err();
    assert_eq!((error, fate.outcome()), (StoreError::Timeout, Outcome::NotCommitted));
    database.until_quiet().await;
    database.admin.batch_execute("rollback").await.unwrap();
    assert_eq!(database.balances().await, [1000, 1000]);
    is_intact(&store, 1).await;
    store.close(SECOND).await;
}

#[windlass::test]
async fn a_transfer_that_is_cancelled_while_it_waits_for_a_row_is_stopped_at_the_server() {
    let Some(database) = Database::new().await else { return };
    let store = Arc::new(database.store(1, 1).await);
    database.admin.batch_execute(&format!("begin; {PLUS_ONE}")).await.unwrap();
    let (shared, fate) = (store.clone(), Fate::default());
    let known = fate.clone();
    let task = spawn(async move { shared.transfer(order(2, 1, 10), &fate).await });
    until("it waits", async || database.ask::<i64>(WAITING).await == 1).await;
    task.cancel().await.unwrap_err();
    assert_eq!(known.outcome(), Outcome::NotCommitted);
    database.until_quiet().await;
    database.admin.batch_execute("rollback").await.unwrap();
    assert_eq!(database.balances().await, [1000, 1000]);
    is_intact(&store, 1).await;
    store.close(SECOND).await;
}

#[windlass::test]
async fn a_change_whose_caller_says_no_before_the_commit_is_rolled_back() {
    let Some(database) = Database::new().await else { return };
    let store = database.store(1, 1).await;
    let fate = Fate::default();
    let changed = store.write(&fate, async |transaction, _| {
        transaction.batch_execute(PLUS_ONE).await?;
        fate.cancel();
        Ok(())
    });
    assert_eq!(changed.await.unwrap_err(), StoreError::Cancelled);
    assert_eq!(fate.outcome(), Outcome::NotCommitted);
    assert_eq!(database.balances().await, [1000, 1000]);
    is_intact(&store, 1).await;
    store.close(SECOND).await;
}

#[windlass::test]
async fn a_transfer_locks_the_lower_id_first_whichever_way_it_goes() {
    let Some(database) = Database::new().await else { return };
    let store = Arc::new(database.store(2, 2).await);
    for (from, to) in [(1, 2), (2, 1)] {
        let block = "begin; update users set balance = balance where id = 2";
        database.admin.batch_execute(block).await.unwrap();
        let shared = store.clone();
        let task = spawn(async move { transfer(&shared, order(from, to, 10)).await });
        until("it waits", async || database.ask::<i64>(WAITING).await == 1).await;
        let free = "select id from users where id = 1 for update skip locked";
        let free = store.read(async |one| Ok(one.query(free, &[]).await?.len()));
        assert_eq!(free.await.unwrap(), 0, "it has the lower one");
        database.admin.batch_execute("rollback").await.unwrap();
        task.await.unwrap().unwrap();
    }
    store.close(SECOND).await;
}

#[windlass::test]
async fn two_hundred_transfers_in_both_directions_all_succeed() {
    let Some(database) = Database::new().await else { return };
    let store = Arc::new(database.store(5, 20).await);
    let tasks: Vec<_> = (0..200)
        .map(|n| {
            let store = store.clone();
            let order = if n % 2 == 0 { order(1, 2, 3) } else { order(2, 1, 2) };
            spawn(async move { transfer(&store, order).await })
        })
        .collect();
    for task in tasks {
        task.await.unwrap().unwrap();
    }
    assert_eq!(database.balances().await, [900, 1100]);
    assert!(store.stats().opened <= 20);
    store.close(SECOND).await;
}

#[windlass::test]
async fn a_deadlock_is_tried_again() {
    let Some(database) = Database::new().await else { return };
    let store = Arc::new(database.store(2, 2).await);
    let locked = Arc::new([Event::new(), Event::new()]);
    let one_is_done = Arc::new(Event::new());
    let attempts = Arc::new(AtomicUsize::new(0));
    let crossing = [0, 1].map(|at| {
        let (store, locked, attempts) = (store.clone(), locked.clone(), attempts.clone());
        let one_is_done = one_is_done.clone();
        spawn_local(async move {
            let ids = if at == 0 { [1_i64, 2] } else { [2, 1] };
            let fate = Fate::default();
            let crossed = store.write(&fate, async |transaction, statements| {
                if attempts.fetch_add(1, SeqCst) >= 2 {
                    one_is_done.wait().await; // or it might be as quick, and cross it again
                }
                transaction.query_one(&statements.add, &[&ids[0], &1_i64]).await?;
                locked[at].set();
                locked[1 - at].wait().await;
                transaction.query_one(&statements.add, &[&ids[1], &1_i64]).await?;
                Ok(())
            });
            let crossed = crossed.await;
            one_is_done.set();
            crossed
        })
    });
    for task in crossing {
        task.await.unwrap().unwrap();
    }
    assert_eq!(attempts.load(SeqCst), 3);
    assert_eq!(database.balances().await, [1002, 1002]);
    is_intact(&store, 2).await;
    store.close(SECOND).await;
}

/// What another session does while ours is in the middle of its own.
const RIVAL: &str = "begin isolation level serializable;
    select sum(balance) from users;
    update users set balance = balance + 1 where id = 2;
    commit";

#[windlass::test]
async fn a_commit_that_is_refused_for_the_order_of_things_is_tried_again() {
    let Some(database) = Database::new().await else { return };
    let store = database.store(1, 1).await;
    let attempts = AtomicUsize::new(0);
    let fate = Fate::default();
    let changed = store.write(&fate, async |transaction, _| {
        let serializable = "set transaction isolation level serializable";
        transaction.batch_execute(serializable).await?;
        transaction.query("select sum(balance) from users", &[]).await?;
        transaction.batch_execute(PLUS_ONE).await?;
        if attempts.fetch_add(1, SeqCst) == 0 {
            database.admin.batch_execute(RIVAL).await?;
        }
        Ok(())
    });
    changed.await.unwrap();
    assert_eq!(attempts.load(SeqCst), 2);
    assert_eq!(fate.outcome(), Outcome::Committed);
    assert_eq!(database.balances().await, [1001, 1001]);
    is_intact(&store, 1).await;
    store.close(SECOND).await;
}

#[windlass::test]
async fn a_change_that_always_conflicts_is_given_up() {
    let Some(database) = Database::new().await else { return };
    let store = database.store(1, 1).await;
    let attempts = AtomicUsize::new(0);
    let fate = Fate::default();
    let changed = store.write(&fate, async |transaction, _| {
        attempts.fetch_add(1, SeqCst);
        let fail = "do $$ begin raise sqlstate '40001'; end $$";
        Ok(transaction.batch_execute(fail).await?)
    });
    assert_eq!(changed.await.unwrap_err(), StoreError::Conflict);
    assert_eq!((attempts.load(SeqCst), fate.outcome()), (5, Outcome::NotCommitted));
    is_intact(&store, 1).await;
    store.close(SECOND).await;
}

/// Has each commit of a change to the users do something.
async fn at_commit(database: &Database, what: &str) {
    let script = format!(
        "create function at_commit() returns trigger language plpgsql as
             $$ begin {what}; return null; end $$;
         create constraint trigger at_commit after update on users
             deferrable initially deferred for each row execute function at_commit()"
    );
    database.admin.batch_execute(&script).await.unwrap();
}

/// Whether somebody commits at this moment.
async fn commits(database: &Database) -> bool {
    let question = "select exists (select from pg_stat_activity
        where datname = current_database() and state = 'active' and query like '%; commit')";
    database.ask(question).await
}

#[windlass::test]
async fn a_commit_that_the_server_refuses_is_not_a_commit() {
    let Some(database) = Database::new().await else { return };
    let store = database.store(1, 1).await;
    at_commit(&database, "raise check_violation").await;
    let fate = Fate::default();
    let error = store.transfer(order(1, 2, 10), &fate).await.unwrap_err();
    assert!(matches!(&error, StoreError::Database(why) if why.contains("23514")), "{error}");
    assert_eq!(fate.outcome(), Outcome::NotCommitted);
    assert_eq!(database.balances().await, [1000, 1000]);
    is_intact(&store, 1).await;
    store.close(SECOND).await;
}

#[windlass::test]
async fn a_transfer_that_is_cancelled_while_it_commits_is_unknown_until_it_is_committed() {
    let Some(database) = Database::new().await else { return };
    let store = Arc::new(database.store(1, 1).await);
    at_commit(&database, "perform pg_sleep(0.3)").await;
    let (shared, fate) = (store.clone(), Fate::default());
    let known = fate.clone();
    let task = spawn(async move { shared.transfer(order(1, 2, 10), &fate).await });
    until("it commits", async || commits(&database).await).await;
    task.cancel().await.unwrap_err();
    assert_eq!(known.outcome(), Outcome::Unknown);
    until("it is known", async || known.outcome() != Outcome::Unknown).await;
    assert_eq!(known.outcome(), Outcome::Committed);
    assert_eq!(database.balances().await, [990, 1010]);
    is_intact(&store, 1).await;
    store.close(SECOND).await;
}

#[windlass::test]
async fn a_connection_that_is_killed_while_it_commits_leaves_the_outcome_unknown() {
    let Some(database) = Database::new().await else { return };
    let store = Arc::new(database.store(1, 1).await);
    at_commit(&database, "perform pg_sleep(60)").await;
    let (shared, fate) = (store.clone(), Fate::default());
    let known = fate.clone();
    let task = spawn(async move { shared.transfer(order(1, 2, 10), &fate).await });
    until("it commits", async || commits(&database).await).await;
    let kill = "select count(pg_terminate_backend(pid)) from pg_stat_activity
        where datname = current_database() and pid <> pg_backend_pid()";
    assert_eq!(database.ask::<i64>(kill).await, 1);
    assert_eq!(task.await.unwrap().unwrap_err(), StoreError::Unknown);
    assert_eq!(known.outcome(), Outcome::Unknown);
    store.health().await.unwrap();
    assert_eq!(store.stats().discarded.total(), 1);
    store.close(SECOND).await;
}

#[windlass::test]
async fn a_commit_that_takes_too_long_leaves_the_outcome_unknown() {
    let Some(database) = Database::new().await else { return };
    let limits = Limits { command_timeout: SECOND, ..limits(1, 1) };
    let store = database.store_with(limits).await.unwrap();
    at_commit(&database, "perform pg_sleep(60)").await;
    let fate = Fate::default();
    let error = store.transfer(order(1, 2, 10), &fate).await.unwrap_err();
    assert_eq!((error, fate.outcome()), (StoreError::Unknown, Outcome::Unknown));
    database.until_quiet().await;
    is_intact(&store, 1).await;
    store.close(SECOND).await;
}

/// Remembers whether it was woken, and wakes the one who polls by hand.
#[derive(Default)]
struct Woken(Event, AtomicUsize);

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.1.fetch_add(1, SeqCst);
        self.0.set();
    }
}

/// Polls a transfer so often, each time it is woken, and drops it then. True if it was over before.
async fn cut_off_after(polls: usize, store: &Postgres, order: Transfer, fate: &Fate) -> bool {
    let mut transfer = pin!(store.transfer(order, fate));
    for _ in 0..polls {
        let woken = Arc::new(Woken::default());
        let waker = Waker::from(woken.clone());
        if let Poll::Ready(done) = transfer.as_mut().poll(&mut Context::from_waker(&waker)) {
            done.unwrap();
            return true;
        }
        timeout(LIMIT, woken.0.wait()).await.expect("it is woken");
    }
    false
}

/// Checks that the word about a transfer of 10 from the first to the second is true.
async fn is_true(database: &Database, fate: &Fate, before: &[i64]) -> bool {
    // The commit goes on if it has begun.
    until("it is known", async || fate.outcome() != Outcome::Unknown).await;
    let is_committed = fate.outcome() == Outcome::Committed;
    let moved = if is_committed { 10 } else { 0 };
    // What it has not committed by now, it never does.
    for _ in 0..2 {
        assert_eq!(database.balances().await, [before[0] - moved, before[1] + moved]);
        database.until_quiet().await;
    }
    is_committed
}

#[windlass::test]
async fn a_transfer_can_be_dropped_at_every_poll_and_the_word_about_it_is_true() {
    let Some(database) = Database::new().await else { return };
    let store = database.store(2, 2).await;
    let (mut dropped, mut committed_anyway) = (0, 0);
    for _round in 0..5 {
        for polls in 0.. {
            assert!(polls < 100, "it is never over");
            let (before, fate) = (database.balances().await, Fate::default());
            let is_over = cut_off_after(polls, &store, order(1, 2, 10), &fate).await;
            let is_committed = is_true(&database, &fate, &before).await;
            if is_over {
                assert!(is_committed);
                assert!(polls > 5, "begin, lock, two updates and the commit were waited for");
                break;
            }
            dropped += 1;
            committed_anyway += usize::from(is_committed);
        }
    }
    assert!(dropped > committed_anyway, "{committed_anyway} of {dropped} were committed");
    assert!(committed_anyway > 0, "the last poll but one is during the commit");
    is_intact(&store, 2).await;
    store.close(SECOND).await;
}

#[windlass::test]
async fn a_transfer_can_be_cancelled_at_any_time_and_the_word_about_it_is_true() {
    let Some(database) = Database::new().await else { return };
    let store = Arc::new(database.store(2, 2).await);
    for n in 0..60 {
        let (before, fate) = (database.balances().await, Fate::default());
        let (shared, known) = (store.clone(), fate.clone());
        let task = spawn(async move { shared.transfer(order(1, 2, 10), &known).await });
        sleep(Duration::from_micros(100 * n)).await;
        let ended = task.cancel().await;
        let is_committed = is_true(&database, &fate, &before).await;
        assert!(is_committed || ended.is_err(), "who is told of success can rely on it");
    }
    is_intact(&store, 2).await;
    store.close(SECOND).await;
}
