//! The end of a pool.

use std::sync::mpsc;

use windlass::pool::{AcquireError, ConnectError, Pool};
use windlass::runtime::{Builder, Handle, Report, now};
use windlass::spawn;
use windlass::time::{Clock, sleep};

use super::kit::*;
use crate::executor::rig::{LONG, within};
use crate::kit::Hand;

#[windlass::test(paused)]
async fn a_closed_pool_refuses_who_comes_and_who_waits_and_closes_what_is_idle() {
    let server = Server::default();
    let pool = server.pool().min_size(2).max_size(3).build().await.unwrap();
    let held: Vec<_> = [pool.acquire().await, pool.acquire().await, pool.acquire().await].into();
    let mut waiter = Hand::new(pool.acquire());
    waiter.pending();
    drop(held.into_iter().nth(1));
    let held = waiter.ready().unwrap();
    let mut waiters = [Hand::new(pool.acquire()), Hand::new(pool.acquire())];
    let also_held = [waiters[0].ready().unwrap(), waiters[1].ready().unwrap()];
    let mut waiter = Hand::new(pool.acquire());
    waiter.pending();
    drop(also_held);
    assert_eq!(pool.stats().in_use, 1);
    drop(waiter);

    let mut waiting: Vec<_> = (0..3).map(|_| Hand::new(pool.acquire())).collect();
    let last: Vec<_> = waiting.iter_mut().take(2).map(|waiting| waiting.ready().unwrap()).collect();
    waiting[2].pending();
    let mut closing = Hand::new(pool.close());
    closing.pending();
    assert!(pool.is_closed());
    assert_eq!(waiting[2].ready().unwrap_err(), AcquireError::Closed);
    let error = pool.acquire().await.unwrap_err();
    assert_eq!((error.to_string(), error), ("the pool is closed".into(), AcquireError::Closed));
    assert!(pool.try_acquire().is_none());
    drop(last);
    assert_eq!(server.open(), 1, "what is lent stays open");
    settle().await;
    closing.pending();
    drop(held);
    closing.ready();
    assert_eq!((server.open(), pool.stats().discarded.closed), (0, 3));
    assert_clean(&pool, &server);
}

#[windlass::test(paused)]
async fn a_pool_that_nobody_uses_is_closed_at_once() {
    let server = Server::default();
    let pool = server.pool().min_size(2).build().await.unwrap();
    let begun = now();
    pool.close().await;
    pool.close().await;
    assert_eq!((now() - begun, server.open()), (NO_TIME, 0));
    assert_eq!(Handle::current().metrics().tasks, 0);
}

#[windlass::test(paused)]
async fn close_with_a_time_limit_names_who_has_not_given_back() {
    let server = Server::default();
    let pool = server.pool().build().await.unwrap();
    let (tell, told) = windlass::sync::oneshot::channel();
    let holder = spawn({
        let pool = pool.clone();
        async move {
            let _held = pool.acquire().await.unwrap();
            let _ = told.await;
        }
    });
    settle().await;
    let begun = now();
    let error = pool.close_timeout(SECOND).await.unwrap_err();
    assert_eq!((now() - begun, error.lent.len()), (SECOND, 1));
    assert_eq!(error.lent[0].task, Some(holder.id()));
    let text = error.to_string();
    assert!(text.starts_with("the pool is not closed yet, 1 connections are lent; one to task"));
    assert!(text.contains("tests/it/pool/closing.rs"));
    tell.send(()).unwrap();
    pool.close_timeout(SECOND).await.unwrap();
    holder.await.unwrap();
    assert_clean(&pool, &server);
}

#[windlass::test(paused)]
async fn closing_ends_what_is_being_opened_checked_and_reset() {
    let server = Server::default();
    server.always(Reset, Hang);
    server.always(Cancel, Hang);
    let pool = server.pool().max_size(4).recovery_timeout(None).build().await.unwrap();
    let mut dirty = pool.acquire().await.unwrap();
    let mut cut_off = pool.acquire().await.unwrap();
    dirty.mark_dirty();
    cut_off.run_within(MS, async |connection| connection.work(SECOND).await).await.unwrap_err();
    drop((dirty, cut_off));
    server.always(Connect, Hang);
    let opening = spawn(pool.acquire());
    settle().await;
    assert_eq!((pool.stats().opening, pool.stats().in_upkeep), (1, 2));
    let begun = now();
    pool.close().await;
    assert_eq!((now() - begun, server.open()), (NO_TIME, 0));
    assert_eq!(opening.await.unwrap().unwrap_err(), AcquireError::Closed);
    assert_eq!(Handle::current().metrics().tasks, 0);
    assert_clean(&pool, &server);
}

#[windlass::test(paused)]
async fn a_dirty_connection_that_comes_back_after_the_close_is_closed_and_not_reset() {
    let server = Server::default();
    let pool = server.pool().build().await.unwrap();
    let mut held = pool.acquire().await.unwrap();
    let mut closing = Hand::new(pool.close());
    closing.pending();
    held.run_within(MS, async |connection| connection.work(SECOND).await).await.unwrap_err();
    drop(held);
    settle().await;
    closing.ready();
    assert_eq!(server.log(), ["connect 1", "close 1"]);
    assert_eq!(pool.stats().discarded.closed, 1);
}

#[windlass::test(paused)]
async fn the_last_handle_closes_what_is_idle_and_ends_the_tasks() {
    let server = Server::default();
    let pool = server.pool().min_size(3).build().await.unwrap();
    let other = pool.clone();
    let held = pool.acquire().await.unwrap();
    drop(pool);
    assert_eq!(server.open(), 3);
    drop(other);
    assert_eq!(server.open(), 1);
    settle().await;
    assert_eq!(Handle::current().metrics().tasks, 0);
    drop(held);
    assert_eq!(server.open(), 0);
}

#[windlass::test(paused)]
async fn who_waits_for_a_connection_keeps_the_pool_open() {
    let server = Server::default();
    let pool = server.pool().max_size(1).build().await.unwrap();
    let held = pool.acquire().await.unwrap();
    let waiter = spawn(pool.acquire());
    drop(pool);
    settle().await;
    drop(held);
    assert_eq!(waiter.await.unwrap().unwrap().id, 1);
    assert_eq!(server.open(), 0);
}

#[windlass::test(paused)]
async fn a_pool_that_is_closed_between_a_grant_and_its_use_lends_nothing() {
    for is_broken in [false, true] {
        let server = Server::default();
        let pool = server.pool().max_size(1).build().await.unwrap();
        let mut held = pool.acquire().await.unwrap();
        let mut waiter = Hand::new(pool.acquire());
        waiter.pending();
        held.broken = is_broken;
        drop(held);
        assert_eq!(waiter.wakes(), 1);
        pool.close().await;
        assert_eq!(waiter.ready().unwrap_err(), AcquireError::Closed);
        assert_eq!(pool.stats().opened, 1);
        assert_clean(&pool, &server);
    }
}

#[windlass::test(paused)]
async fn a_pool_that_is_closed_during_a_check_lends_nothing() {
    let server = Server::default();
    let pool = server.pool().check_after(NO_TIME).build().await.unwrap();
    drop(pool.acquire().await.unwrap());
    server.next(Check, [After(SECOND)]);
    let mut acquiring = Hand::new(pool.acquire());
    acquiring.pending();
    let mut closing = Hand::new(pool.close());
    closing.pending();
    sleep(SECOND).await;
    assert_eq!(acquiring.ready().unwrap_err(), AcquireError::Closed);
    closing.ready();
    assert_clean(&pool, &server);
}

/// Runs `body` on a runtime whose reports are returned.
fn reports<F: Future>(body: impl FnOnce() -> F + Send + 'static) -> Vec<String> {
    within(LONG, || {
        let (tell, told) = mpsc::channel();
        let clock = Clock::paused();
        clock.set_auto_advance(true);
        let builder = Builder::new().workers(1).clock(clock).on_report(move |report| {
            if let Report::UnobservedPanic(error) = report {
                let _ = tell.send(error.to_string());
            }
        });
        let runtime = builder.build().unwrap();
        runtime.block_on(body());
        drop(runtime);
        told.into_iter().collect()
    })
}

#[test]
fn a_panic_while_connecting_is_reported_and_takes_nothing_but_its_own_acquire_along() {
    let reports = reports(|| async {
        let server = Server::default();
        let pool = server.pool().min_size(1).max_size(1).build().await.unwrap();
        server.next(Connect, [Panic, Panic, Yes]);
        let mut held = pool.acquire().await.unwrap();
        held.broken = true;
        let waiter = spawn(pool.acquire());
        settle().await;
        drop(held); // the waiter meets one panic, the pool's own attempt the other
        let error = waiter.await.unwrap().unwrap_err();
        assert_eq!(error, AcquireError::Connect(ConnectError::Lost));
        sleep(SECOND).await;
        assert_eq!(sizes(pool.stats()), (1, 1, 0));
        assert_clean(&pool, &server);
        pool.close().await;
    });
    assert_eq!(reports.len(), 2, "{reports:?}");
    assert!(reports[0].contains("pool connect") && reports[0].contains("the server bites"));
}

#[test]
fn a_panic_in_a_reset_is_reported_and_the_connection_replaced() {
    let reports = reports(|| async {
        let server = Server::default();
        let pool = server.pool().max_size(1).build().await.unwrap();
        server.next(Reset, [Panic]);
        let mut held = pool.acquire().await.unwrap();
        held.mark_dirty();
        drop(held);
        assert_eq!(pool.acquire().await.unwrap().id, 2);
        assert_eq!(pool.stats().discarded.not_reset, 1);
        assert_eq!(
            Handle::current().metrics().unobserved_panics,
            1,
            "it does not wait for a close"
        );
        assert_clean(&pool, &server);
        pool.close().await;
    });
    assert_eq!(reports.len(), 1, "{reports:?}");
    assert!(reports[0].contains("pool reset") && reports[0].contains("the server bites"));
}

#[test]
fn a_panic_of_who_hears_of_errors_is_reported_and_lost_connections_are_replaced() {
    let reports = reports(|| async {
        let server = Server::default();
        let pool = server.pool().min_size(1).max_size(1).build().await.unwrap();
        server.next(Connect, [No]);
        server.next(Hear, [Panic]);
        let mut held = pool.acquire().await.unwrap();
        held.broken = true;
        drop(held);
        sleep(SECOND).await;
        assert_eq!(server.errors(), ["refused"]);
        assert_eq!(sizes(pool.stats()), (1, 1, 0));
        assert_clean(&pool, &server);
        pool.close().await;
    });
    assert_eq!(reports.len(), 1, "{reports:?}");
    assert!(reports[0].contains("pool report"), "{reports:?}");
}

#[test]
fn a_runtime_that_ends_takes_the_pool_along() {
    within(LONG, || {
        let server = Server::default();
        let runtime = Builder::new().workers(2).build().unwrap();
        let (pool, mut held): (Pool<Server>, _) = runtime.block_on(async {
            let pool = server.pool().min_size(3).build().await.unwrap();
            let held = pool.acquire().await.unwrap();
            (pool, held)
        });
        held.mark_dirty();
        let report = runtime.shutdown(SECOND);
        assert!(report.is_clean(), "{report}");
        drop(held); // nobody is left to reset it
        assert_eq!(server.open(), 2);
        drop(pool);
        assert_eq!(server.open(), 0);
    });
}
