//! What the pool does on its own: checks, replaces, and lets go.

use windlass::pool::Pool;
use windlass::runtime::{Handle, now};
use windlass::time::sleep;

use super::kit::*;

/// Acquires so many at once, and gives them back.
async fn use_at_once(pool: &Pool<Server>, count: usize) {
    let mut held = Vec::new();
    for _ in 0..count {
        held.push(pool.acquire().await.unwrap());
    }
}

#[windlass::test(paused)]
async fn a_connection_that_was_idle_for_long_is_checked_before_it_is_lent() {
    let server = Server::default();
    let pool = server.pool().check_after(10 * SECOND).build().await.unwrap();
    use_at_once(&pool, 1).await;
    sleep(9 * SECOND).await;
    use_at_once(&pool, 1).await;
    sleep(10 * SECOND).await;
    use_at_once(&pool, 1).await;
    assert_eq!(server.log(), ["connect 1", "check 1"]);
    assert_clean(&pool, &server);
}

#[windlass::test(paused)]
async fn a_connection_that_was_killed_while_it_was_idle_is_not_lent() {
    let server = Server::default();
    let pool = server.pool().build().await.unwrap();
    use_at_once(&pool, 4).await;
    [4, 3].into_iter().for_each(|id| server.kill(id));
    assert_eq!(pool.acquire().await.unwrap().id, 2);
    server.kill(2);
    assert_eq!(pool.try_acquire().unwrap().id, 1);
    assert_eq!((pool.stats().discarded.broken, server.open()), (3, 1));
    assert_clean(&pool, &server);
}

#[windlass::test(paused)]
async fn a_connection_that_is_known_to_be_broken_is_not_checked_any_more() {
    let server = Server::default();
    let pool = server.pool().build().await.unwrap();
    use_at_once(&pool, 2).await;
    sleep(60 * SECOND).await;
    server.news();
    server.kill(2);
    drop(pool.acquire().await.unwrap());
    assert_eq!(server.log(), ["close 2", "check 1"]);
}

#[windlass::test(paused)]
async fn a_connection_that_is_being_checked_is_not_counted_as_lent() {
    let server = Server::default();
    let pool = server.pool().check_after(NO_TIME).build().await.unwrap();
    use_at_once(&pool, 1).await;
    server.next(Check, [After(SECOND)]);
    let acquiring = windlass::spawn(pool.acquire());
    settle().await;
    assert_eq!((pool.stats().in_use, pool.stats().in_upkeep, pool.lent().len()), (0, 1, 0));
    let held = acquiring.await.unwrap().unwrap();
    assert_eq!((pool.stats().in_use, pool.stats().in_upkeep, pool.lent().len()), (1, 0, 1));
    drop(held);
    assert_clean(&pool, &server);
}

#[windlass::test(paused)]
async fn connections_that_fail_the_check_are_closed_and_the_acquire_goes_on() {
    let server = Server::default();
    let pool = server.pool().recovery_timeout(5 * SECOND).build().await.unwrap();
    use_at_once(&pool, 3).await;
    sleep(60 * SECOND).await;
    server.news();
    server.next(Check, [No, Hang, Yes]);
    let begun = now();
    assert_eq!(pool.acquire().await.unwrap().id, 1);
    assert_eq!(now() - begun, 5 * SECOND);
    let expected = ["check 3", "close 3", "check 2", "close 2", "check 1"];
    assert_eq!(server.log(), expected);
    assert_eq!(pool.stats().discarded.unhealthy, 2);
    assert_clean(&pool, &server);
}

#[windlass::test(paused)]
async fn a_check_that_is_given_up_leaves_a_connection_to_be_reset() {
    let server = Server::default();
    let pool = server.pool().max_size(1).build().await.unwrap();
    use_at_once(&pool, 1).await;
    sleep(60 * SECOND).await;
    server.news();
    server.next(Check, [Hang]);
    pool.acquire_within(SECOND).await.unwrap_err();
    assert_eq!(pool.acquire().await.unwrap().id, 1);
    assert_eq!(server.log(), ["check 1", "cancel 1", "cancelled 1", "reset 1"]);
    assert_clean(&pool, &server);
}

#[windlass::test(paused)]
async fn what_nobody_wants_for_long_is_closed_down_to_the_minimum() {
    let server = Server::default();
    let pool = server.pool().min_size(2).idle_timeout(60 * SECOND).build().await.unwrap();
    sleep(30 * SECOND).await;
    use_at_once(&pool, 5).await;
    sleep(59 * SECOND).await;
    assert_eq!(pool.stats().idle, 5);
    sleep(SECOND).await;
    settle().await;
    assert_eq!((pool.stats().idle, pool.stats().discarded.too_idle), (2, 3));
    sleep(1_800 * SECOND).await;
    assert_eq!(pool.stats().discarded.total(), 5, "the two have grown too old, and were replaced");
    assert_clean(&pool, &server);
}

#[windlass::test(paused)]
async fn a_connection_that_is_too_old_is_closed_and_replaced_if_it_belongs_to_the_minimum() {
    let server = Server::default();
    let pool = server.pool().min_size(1).max_lifetime(60 * SECOND).build().await.unwrap();
    sleep(59 * SECOND).await;
    settle().await;
    assert_eq!(server.log(), ["connect 1"]);
    sleep(SECOND).await;
    settle().await;
    assert_eq!(server.news(), ["connect 1", "close 1", "connect 2"]);
    let held = pool.acquire().await.unwrap();
    sleep(90 * SECOND).await;
    assert_eq!(server.news(), [""; 0], "it is lent");
    drop(held);
    settle().await;
    assert_eq!(server.news(), ["close 2", "connect 3"]);
    assert_eq!(pool.stats().discarded.too_old, 2);
    assert_clean(&pool, &server);
}

#[windlass::test(paused)]
async fn an_acquire_never_gets_a_connection_that_is_too_old() {
    let server = Server::default();
    let pool = server.pool().max_size(1).max_lifetime(SECOND).build().await.unwrap();
    let held = pool.acquire().await.unwrap();
    sleep(2 * SECOND).await;
    drop(held);
    assert_eq!(pool.acquire().await.unwrap().id, 2, "before the pool itself has looked");
    assert!(pool.try_acquire().is_some());
    assert_clean(&pool, &server);
}

#[windlass::test(paused)]
async fn a_lost_connection_is_replaced_with_longer_and_longer_pauses() {
    let server = Server::default();
    let builder = server.pool().min_size(2).backoff(SECOND, 4 * SECOND);
    let pool = builder.build().await.unwrap();
    server.always(Connect, No); // the server restarts
    let (mut one, mut other) = (pool.acquire().await.unwrap(), pool.acquire().await.unwrap());
    (one.broken, other.broken) = (true, true);
    drop((one, other));
    let mut attempts = Vec::new();
    for _ in 0..20 {
        settle().await;
        let tried = server.news().iter().filter(|line| line.starts_with("connect")).count();
        attempts.push(tried);
        sleep(SECOND).await;
    }
    // At 0, 1, 3, 7, 11, 15, 19 s; the first two connections are in the log, too.
    assert_eq!(attempts, [3, 1, 0, 1, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 1]);
    assert_eq!((pool.stats().failed, server.errors().len(), pool.stats().size), (7, 7, 0));
    server.always(Connect, Yes);
    sleep(4 * SECOND).await;
    settle().await;
    assert_eq!(sizes(pool.stats()), (2, 2, 0));
    let mut held = pool.acquire().await.unwrap();
    held.broken = true;
    server.news();
    server.next(Connect, [No]);
    drop(held);
    sleep(SECOND).await;
    settle().await;
    assert_eq!(pool.stats().size, 2, "the pauses are short again");
    assert_clean(&pool, &server);
}

#[windlass::test(paused)]
async fn while_the_server_is_gone_each_acquire_is_told_at_once_and_afterwards_all_succeed() {
    let server = Server::default();
    let pool = server.pool().min_size(5).max_size(20).build().await.unwrap();
    let mut held = Vec::new();
    for _ in 0..5 {
        held.push(pool.acquire().await.unwrap());
    }
    server.always(Connect, No);
    held.iter_mut().for_each(|held| held.broken = true);
    drop(held);
    let begun = now();
    for _ in 0..10 {
        pool.acquire().await.unwrap_err();
    }
    assert_eq!((now() - begun, pool.stats().size), (NO_TIME, 0));
    server.always(Connect, Yes);
    use_at_once(&pool, 20).await;
    settle().await;
    assert_clean(&pool, &server);
}

#[windlass::test(paused)]
async fn a_detached_connection_is_replaced_below_the_minimum() {
    let server = Server::default();
    let pool = server.pool().min_size(1).build().await.unwrap();
    let _own = pool.acquire().await.unwrap().detach();
    settle().await;
    assert_eq!(sizes(pool.stats()), (1, 1, 0));
}

#[windlass::test(paused)]
async fn nothing_is_replaced_while_everything_is_lent_or_on_its_way() {
    let server = Server::default();
    let pool = server.pool().min_size(2).max_size(2).build().await.unwrap();
    let (mut one, _other) = (pool.acquire().await.unwrap(), pool.acquire().await.unwrap());
    server.always(Connect, After(SECOND));
    one.broken = true;
    drop(one);
    let third = pool.acquire().await.unwrap();
    sleep(5 * SECOND).await;
    assert_eq!((server.peak(), pool.stats().opened), (2, 3));
    drop(third);
}

#[windlass::test(paused)]
async fn a_pool_with_nothing_idle_never_wakes_up() {
    let server = Server::default();
    let pool = server.pool().max_lifetime(None).build().await.unwrap();
    let polls = || Handle::current().dump().tasks[0].polls;
    settle().await;
    let held = pool.acquire().await.unwrap();
    let before = polls();
    sleep(86_400 * SECOND).await;
    assert_eq!(polls(), before);
    drop(held);
    settle().await;
    assert_eq!(polls(), before + 1, "now there is something to look after");
    for _ in 0..100 {
        drop(pool.acquire().await.unwrap());
        sleep(SECOND).await;
    }
    assert_eq!(polls(), before + 1, "lending does not change when to look");
}

#[windlass::test(paused)]
async fn the_tasks_of_a_pool_carry_its_name() {
    let server = Server::default();
    let pool = server.pool().name("users").build().await.unwrap();
    server.always(Connect, After(SECOND));
    let acquiring = windlass::spawn(pool.acquire());
    settle().await;
    let tasks = Handle::current().dump().tasks;
    let names: Vec<_> = tasks.iter().filter_map(|task| task.name.as_deref()).collect();
    assert_eq!(names, ["users refill", "users connect"]);
    drop(acquiring.await.unwrap().unwrap());
    assert!(format!("{pool:?}").contains("Pool { name: \"users\", stats: Stats { size: 1"));
}
