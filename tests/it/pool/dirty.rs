//! Connections that come back in another state than they were lent in.

use std::future::pending;

use windlass::pool::Pool;
use windlass::runtime::now;
use windlass::spawn;
use windlass::time::{sleep, timeout};

use super::kit::*;

async fn one(server: &Server) -> Pool<Server> {
    let pool = server.pool().max_size(1).recovery_timeout(5 * SECOND).build().await.unwrap();
    drop(pool.acquire().await.unwrap());
    server.news();
    pool
}

#[windlass::test(paused)]
async fn a_clean_connection_is_lent_again_as_it_is() {
    let server = Server::default();
    let pool = one(&server).await;
    let mut held = pool.acquire().await.unwrap();
    assert_eq!(held.run(async |connection| connection.work(SECOND).await).await, Ok(1));
    assert!(!held.is_dirty());
    drop(held);
    assert_eq!(pool.acquire().await.unwrap().id, 1);
    assert_eq!(server.log(), [""; 0]);
    assert_clean(&pool, &server);
}

#[windlass::test(paused)]
async fn a_dirty_connection_is_reset_before_somebody_else_gets_it() {
    let server = Server::default();
    server.always(Reset, After(SECOND));
    let pool = one(&server).await;
    let mut held = pool.acquire().await.unwrap();
    held.undone = true; // a transaction is open, say
    held.mark_dirty();
    drop(held);
    assert_eq!((pool.stats().in_upkeep, pool.stats().idle), (1, 0));
    let begun = now();
    let held = pool.acquire().await.unwrap();
    assert_eq!((held.id, held.undone, now() - begun), (1, false, SECOND));
    assert_eq!(server.log(), ["reset 1"]);
    drop(held);
    assert_clean(&pool, &server);
}

#[windlass::test(paused)]
async fn a_connection_that_looks_dirty_is_reset_whatever_its_guard_says() {
    let server = Server::default();
    let pool = one(&server).await;
    let mut held = pool.acquire().await.unwrap();
    assert!(!held.is_dirty());
    (held.undone, held.shows) = (true, true);
    held.mark_clean();
    assert!(held.is_dirty());
    drop(held);
    let held = pool.acquire().await.unwrap();
    assert_eq!((held.id, held.undone), (1, false));
    assert_eq!(server.log(), ["reset 1"]);
    drop(held);
    assert_clean(&pool, &server);
}

#[windlass::test(paused)]
async fn what_was_marked_clean_again_is_not_reset() {
    let server = Server::default();
    let pool = one(&server).await;
    let mut held = pool.acquire().await.unwrap();
    held.mark_dirty();
    held.run(async |connection| connection.work(MS).await).await.unwrap();
    assert!(held.is_dirty(), "a command that ends well does not clean up for others");
    held.mark_clean();
    drop(held);
    assert_clean(&pool, &server);
    assert_eq!(server.log(), [""; 0]);
}

#[windlass::test(paused)]
async fn a_connection_that_cannot_be_reset_is_closed() {
    for (act, waits) in [(No, 0), (Hang, 5)] {
        let server = Server::default();
        let pool = one(&server).await;
        server.next(Reset, [act]);
        let mut held = pool.acquire().await.unwrap();
        held.mark_dirty();
        drop(held);
        let begun = now();
        assert_eq!(pool.acquire().await.unwrap().id, 2);
        assert_eq!(now() - begun, waits * SECOND);
        assert_eq!(server.log(), ["reset 1", "close 1", "connect 2"]);
        assert_eq!(pool.stats().discarded.not_reset, 1);
        assert_eq!(server.errors().len(), usize::from(matches!(act, No)));
        assert_clean(&pool, &server);
    }
}

#[windlass::test(paused)]
async fn a_connection_that_breaks_while_it_is_reset_is_closed() {
    let server = Server::default();
    let pool = one(&server).await;
    server.next(Reset, [After(SECOND)]);
    let mut held = pool.acquire().await.unwrap();
    held.mark_dirty();
    drop(held);
    settle().await;
    server.kill(1);
    sleep(SECOND).await;
    settle().await;
    assert_eq!((sizes(pool.stats()), pool.stats().discarded.not_reset), ((0, 0, 0), 1));
    assert_clean(&pool, &server);
}

#[windlass::test(paused)]
async fn a_broken_connection_is_closed_and_the_next_acquire_opens_another() {
    let server = Server::default();
    let pool = one(&server).await;
    let mut held = pool.acquire().await.unwrap();
    held.broken = true; // the call has failed: the server has killed it
    held.mark_dirty();
    drop(held);
    assert_eq!(pool.acquire().await.unwrap().id, 2);
    assert_eq!(server.log(), ["close 1", "connect 2"]);
    assert_eq!(pool.stats().discarded.broken, 1);
    assert_clean(&pool, &server);
}

#[windlass::test(paused)]
async fn a_command_that_takes_too_long_is_cancelled_at_the_server_and_the_connection_reset() {
    let server = Server::default();
    let pool = one(&server).await;
    let mut held = pool.acquire().await.unwrap();
    let begun = now();
    let cut_off = held.run_within(300 * MS, async |connection| connection.work(2 * SECOND).await);
    let elapsed = cut_off.await.unwrap_err();
    assert!(elapsed.to_string().contains("tests/it/pool/dirty.rs"), "{elapsed}");
    assert_eq!(now() - begun, 300 * MS);
    assert!(held.is_dirty());
    drop(held);
    let held = pool.acquire().await.unwrap();
    assert_eq!((held.id, held.undone, now() - begun), (1, false, 300 * MS));
    assert_eq!(server.log(), ["cancel 1", "cancelled 1", "reset 1"]);
    drop(held);
    assert_clean(&pool, &server);
}

#[windlass::test(paused)]
async fn commands_have_the_time_limit_of_the_pool_unless_they_bring_their_own() {
    let server = Server::default();
    let pool = server.pool().command_timeout(SECOND).build().await.unwrap();
    let mut held = pool.acquire().await.unwrap();
    let begun = now();
    held.run(async |connection| connection.work(2 * SECOND).await).await.unwrap_err();
    assert_eq!(now() - begun, SECOND);
    held.run_within(3 * SECOND, async |connection| connection.work(2 * SECOND).await)
        .await
        .unwrap();
    assert_eq!(now() - begun, 3 * SECOND);
}

#[windlass::test(paused)]
async fn without_a_word_a_command_may_take_a_minute() {
    let server = Server::default();
    let pool = server.pool().build().await.unwrap();
    let mut held = pool.acquire().await.unwrap();
    let begun = now();
    held.run(async |_| pending::<()>().await).await.unwrap_err();
    assert_eq!(now() - begun, 60 * SECOND);
}

#[windlass::test(paused)]
async fn a_task_that_is_cancelled_in_a_command_leaves_a_connection_that_is_clean_for_the_next() {
    let server = Server::default();
    let pool = one(&server).await;
    let task = spawn({
        let pool = pool.clone();
        async move {
            let mut held = pool.acquire().await.unwrap();
            held.run(async |connection| connection.work(2 * SECOND).await).await
        }
    });
    sleep(SECOND).await;
    let begun = now();
    assert!(task.cancel().await.unwrap_err().is_cancelled());
    let held = pool.acquire().await.unwrap();
    assert_eq!((held.id, held.undone, now() - begun), (1, false, NO_TIME));
    assert_eq!(server.log(), ["cancel 1", "cancelled 1", "reset 1"]);
    drop(held);
    assert_clean(&pool, &server);
}

#[windlass::test(paused)]
async fn the_next_command_waits_until_the_one_before_is_cancelled() {
    let server = Server::default();
    server.always(Cancel, After(SECOND));
    let pool = one(&server).await;
    let mut held = pool.acquire().await.unwrap();
    held.run_within(MS, async |connection| connection.work(SECOND).await).await.unwrap_err();
    let begun = now();
    let log = held.run(async |_| server.log()).await.unwrap();
    assert_eq!(log, ["cancel 1", "cancelled 1"]);
    assert_eq!(now() - begun, SECOND);
    drop(held);
    settle().await;
    assert_eq!(server.news().last().unwrap(), "reset 1");
    assert_clean(&pool, &server);
}

#[windlass::test(paused)]
async fn a_command_of_the_next_one_is_not_met_by_a_cancel_that_is_under_way() {
    let server = Server::default();
    server.always(Cancel, After(SECOND));
    let pool = one(&server).await;
    let mut held = pool.acquire().await.unwrap();
    held.run_within(MS, async |connection| connection.work(SECOND).await).await.unwrap_err();
    held.undone = false;
    held.mark_clean();
    assert!(held.is_dirty(), "the command may run on at the other end");
    drop(held);
    let mut next = pool.acquire().await.unwrap();
    let log = next.run(async |_| server.log()).await.unwrap();
    assert_eq!(log, ["cancel 1", "cancelled 1", "reset 1"]);
    drop(next);
    assert_clean(&pool, &server);
}

#[windlass::test(paused)]
async fn a_cancel_that_hangs_holds_the_reset_up_no_longer_than_the_recovery_may_take() {
    let server = Server::default();
    server.always(Cancel, Hang);
    let pool = one(&server).await;
    let mut held = pool.acquire().await.unwrap();
    held.run_within(MS, async |connection| connection.work(SECOND).await).await.unwrap_err();
    drop(held);
    let begun = now();
    drop(pool.acquire().await.unwrap());
    assert_eq!(now() - begun, 5 * SECOND);
    settle().await;
    assert_clean(&pool, &server);
}

#[windlass::test(paused)]
async fn a_guard_dropped_by_a_panic_counts_as_dirty() {
    let server = Server::default();
    let pool = one(&server).await;
    let held = pool.acquire().await.unwrap();
    let task = spawn(async move {
        let _held = held;
        panic!("in the middle of something");
    });
    assert!(task.await.unwrap_err().is_panic());
    settle().await;
    assert_eq!(server.log(), ["reset 1"]);
    assert_clean(&pool, &server);
}

#[windlass::test(paused)]
async fn a_command_that_panics_leaves_a_connection_that_is_clean_for_the_next() {
    let server = Server::default();
    let pool = one(&server).await;
    let mut held = pool.acquire().await.unwrap();
    let task = spawn(async move {
        let _ = held.run(async |_| panic!("in the middle of something")).await;
    });
    assert!(task.await.unwrap_err().is_panic());
    settle().await;
    assert_eq!(server.log(), ["cancel 1", "cancelled 1", "reset 1"]);
    assert_clean(&pool, &server);
}

#[windlass::test(paused)]
async fn a_dirty_connection_is_not_reset_by_the_task_that_drops_it() {
    let server = Server::default();
    let pool = one(&server).await;
    let mut held = pool.acquire().await.unwrap();
    held.mark_dirty();
    server.next(Reset, [After(SECOND)]);
    // Also from a thread that is in no runtime.
    std::thread::spawn(move || drop(held)).join().unwrap();
    assert_eq!(pool.stats().in_upkeep, 1);
    let dump = windlass::runtime::Handle::current().dump().to_string();
    assert!(dump.contains("pool reset"), "{dump}");
    drop(timeout(2 * SECOND, pool.acquire()).await.unwrap().unwrap());
    assert_clean(&pool, &server);
}
