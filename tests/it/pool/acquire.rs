//! Getting a connection: the size of the pool, the line, the time limit.

use windlass::pool::{AcquireError, ConnectError, Pool};
use windlass::runtime::now;
use windlass::spawn;
use windlass::task::try_id;
use windlass::time::sleep;

use super::kit::*;
use crate::kit::Hand;

#[windlass::test(paused)]
async fn the_first_connections_are_opened_at_the_same_time() {
    let server = Server::default();
    server.always(Connect, After(SECOND));
    let begun = now();
    let pool = server.pool().min_size(5).max_size(20).build().await.unwrap();
    assert_eq!(now() - begun, SECOND);
    assert_eq!(sizes(pool.stats()), (5, 5, 0));
    assert_clean(&pool, &server);
}

#[windlass::test(paused)]
async fn a_pool_that_cannot_open_its_first_connections_closes_those_it_has_and_says_why() {
    let server = Server::default();
    server.next(Connect, [Yes, Hang, After(SECOND), No, After(SECOND)]);
    let begun = now();
    let error = server.pool().min_size(5).build().await.unwrap_err();
    assert_eq!(error, ConnectError::Failed("refused"));
    assert_eq!((now() - begun, server.open()), (NO_TIME, 0));
}

#[windlass::test(paused)]
async fn a_pool_whose_making_is_given_up_closes_what_it_has_opened() {
    let server = Server::default();
    server.next(Connect, [Yes, Hang]);
    let mut making = Hand::new(server.pool().min_size(2).build());
    making.pending();
    settle().await;
    making.pending();
    assert_eq!(server.open(), 2);
    drop(making);
    settle().await;
    assert_eq!(server.open(), 0);
}

#[windlass::test(paused)]
async fn fifty_jobs_on_twenty_connections_take_three_waves() {
    let server = Server::default();
    let pool = server.pool().min_size(5).max_size(20).build().await.unwrap();
    let begun = now();
    let jobs: Vec<_> = (0..50)
        .map(|_| {
            let pool = pool.clone();
            spawn(async move {
                let mut connection = pool.acquire().await.unwrap();
                connection.run(async |connection| connection.work(200 * MS).await).await.unwrap()
            })
        })
        .collect();
    for job in jobs {
        job.await.unwrap();
    }
    assert_eq!(now() - begun, 600 * MS);
    assert_eq!((server.peak(), pool.stats().opened), (20, 20));
    assert_eq!(sizes(pool.stats()), (20, 20, 0));
    assert_clean(&pool, &server);
}

#[windlass::test(paused)]
async fn who_asks_first_is_served_first() {
    let server = Server::default();
    let pool = server.pool().max_size(1).build().await.unwrap();
    let held = pool.acquire().await.unwrap();
    let order = crate::executor::rig::Log::default();
    let jobs: Vec<_> = (0..8)
        .map(|number| {
            let (pool, order) = (pool.clone(), order.clone());
            spawn(async move {
                let _connection = pool.acquire().await.unwrap();
                order.add(number.to_string());
                sleep(MS).await;
            })
        })
        .collect();
    settle().await;
    assert_eq!(pool.stats().waiting, 8);
    drop(held);
    for job in jobs {
        job.await.unwrap();
    }
    assert_eq!(order.lines().concat(), "01234567");
}

#[windlass::test(paused)]
async fn an_exhausted_pool_says_so_when_the_time_is_up_and_loses_nothing() {
    let server = Server::default();
    let pool = server.pool().max_size(2).acquire_timeout(300 * MS).build().await.unwrap();
    let held = [pool.acquire().await.unwrap(), pool.acquire().await.unwrap()];
    let begun = now();
    let other = spawn({
        let pool = pool.clone();
        async move { pool.acquire().await.map(drop) }
    });
    let error = other.await.unwrap().unwrap_err();
    assert_eq!(error, AcquireError::Timeout { limit: 300 * MS, own: None });
    assert_eq!(error.to_string(), "no connection within 300ms");
    assert_eq!(now() - begun, 300 * MS);
    assert_eq!((pool.stats().acquire_timeouts, pool.stats().waiting), (1, 0));
    drop(held);
    assert_clean(&pool, &server);
}

#[windlass::test(paused)]
async fn without_a_word_an_acquire_waits_thirty_seconds() {
    let server = Server::default();
    let pool = server.pool().max_size(1).build().await.unwrap();
    let _held = pool.acquire().await.unwrap();
    let begun = now();
    pool.acquire().await.unwrap_err();
    assert_eq!(now() - begun, 30 * SECOND);
}

#[windlass::test(paused)]
async fn without_a_limit_an_acquire_waits_for_a_day() {
    let server = Server::default();
    let pool = server.pool().max_size(1).acquire_timeout(None).build().await.unwrap();
    let held = pool.acquire().await.unwrap();
    let waits = spawn({
        let pool = pool.clone();
        async move { pool.acquire().await.map(drop) }
    });
    sleep(86_400 * SECOND).await;
    assert!(!waits.is_finished());
    drop(held);
    waits.await.unwrap().unwrap();
}

#[windlass::test(paused)]
async fn a_waiter_that_gives_up_passes_its_turn_on() {
    let server = Server::default();
    let pool = server.pool().max_size(1).build().await.unwrap();
    let held = pool.acquire().await.unwrap();
    let mut gone = Hand::new(pool.acquire());
    gone.pending();
    drop(gone); // while it waits
    assert_eq!(pool.stats().waiting, 0);
    let mut first = Hand::new(pool.acquire());
    let (mut second, mut third) = (Hand::new(pool.acquire()), Hand::new(pool.acquire()));
    [&mut first, &mut second, &mut third].into_iter().for_each(Hand::pending);
    drop(held);
    assert_eq!(first.wakes(), 1, "it is its turn");
    drop(first); // and it never takes it
    let held = second.ready().unwrap();
    third.pending();
    drop(held);
    drop(third.ready().unwrap());
    assert_clean(&pool, &server);
}

#[windlass::test(paused)]
async fn who_waits_for_what_the_same_task_holds_is_told_where() {
    let server = Server::default();
    let pool = server.pool().max_size(1).acquire_timeout(300 * MS).build().await.unwrap();
    let line = line!() + 1;
    let _held = pool.acquire().await.unwrap();
    assert_eq!(pool.lent()[0].task, try_id());
    let AcquireError::Timeout { own: Some(at), .. } = pool.acquire().await.unwrap_err() else {
        panic!("it does not know");
    };
    assert_eq!((at.file(), at.line()), (file!(), line));
    let error = AcquireError::<&str>::Timeout { limit: SECOND, own: Some(at) };
    assert!(error.to_string().contains("this task holds one, taken at tests/it/pool/"));
}

#[windlass::test(paused)]
async fn a_dump_names_the_line_that_waits_for_a_connection() {
    let server = Server::default();
    let pool = server.pool().max_size(1).build().await.unwrap();
    server.always(Connect, After(SECOND));
    let acquiring = [(); 2].map(|()| {
        let pool = pool.clone();
        spawn(async move { pool.acquire().await.map(drop) })
    });
    let line = line!() - 2;
    settle().await;
    let dump = windlass::runtime::Handle::current().dump().to_string();
    for reason in ["oneshot", "semaphore (1 wanted, 0 free)"] {
        let text = format!("waits for {reason} at {}:{line}", file!());
        assert!(dump.contains(&text), "{text} is not in {dump}");
    }
    for task in acquiring {
        task.await.unwrap().unwrap();
    }
}

#[windlass::test(paused)]
async fn an_error_of_connecting_is_told_at_once_and_the_next_attempt_is_free() {
    let server = Server::default();
    let pool = server.pool().max_size(1).build().await.unwrap();
    server.next(Connect, [No]);
    let error = pool.acquire().await.unwrap_err();
    assert_eq!(error, AcquireError::Connect(ConnectError::Failed("refused")));
    assert_eq!((pool.stats().failed, pool.stats().size), (1, 0));
    drop(pool.acquire().await.unwrap());
    assert_clean(&pool, &server);
}

#[windlass::test(paused)]
async fn connecting_has_a_time_limit_of_its_own() {
    let server = Server::default();
    let pool = server.pool().max_size(1).connect_timeout(SECOND).build().await.unwrap();
    server.next(Connect, [Hang, After(SECOND / 2)]);
    let begun = now();
    let error = pool.acquire().await.unwrap_err();
    assert_eq!(error, AcquireError::Connect(ConnectError::Timeout(SECOND)));
    assert_eq!((now() - begun, server.open()), (SECOND, 0));
    drop(pool.acquire().await.unwrap());
    assert_clean(&pool, &server);
}

#[windlass::test(paused)]
async fn a_connection_whose_asker_has_gone_is_opened_for_the_next_one() {
    let server = Server::default();
    let pool = server.pool().max_size(1).build().await.unwrap();
    server.next(Connect, [After(3 * SECOND)]);
    pool.acquire_within(SECOND).await.unwrap_err();
    assert_eq!((pool.stats().opening, server.open()), (1, 1), "it goes on");
    let begun = now();
    assert_eq!(pool.acquire().await.unwrap().id, 1);
    assert_eq!(now() - begun, 2 * SECOND);
    assert_clean(&pool, &server);
}

#[windlass::test(paused)]
async fn an_opening_whose_asker_has_gone_gives_its_place_back_when_it_fails() {
    for act in [No, Hang] {
        let server = Server::default();
        let pool = server.pool().max_size(1).connect_timeout(2 * SECOND).build().await.unwrap();
        server.next(Connect, [act]);
        let mut gone = Hand::new(pool.acquire());
        gone.pending();
        drop(gone);
        assert_eq!(pool.acquire().await.unwrap().id, 2);
        assert_clean(&pool, &server);
    }
}

#[windlass::test(paused)]
async fn a_new_connection_that_is_being_handed_over_is_in_one_place_of_the_figures() {
    let server = Server::default();
    let pool = server.pool().max_size(1).build().await.unwrap();
    let mut asking = Hand::new(pool.acquire());
    asking.pending();
    assert_eq!((pool.stats().opened, pool.stats().opening), (0, 1));
    settle().await;
    let stats = pool.stats();
    assert_eq!((stats.opened, stats.opening, stats.in_use, stats.in_upkeep), (1, 0, 0, 1));
    let held = asking.ready().unwrap();
    assert_eq!((pool.stats().in_use, pool.stats().in_upkeep), (1, 0));
    drop(held);
    assert_clean(&pool, &server);
}

#[windlass::test(paused)]
async fn try_acquire_takes_what_is_there_and_never_waits() {
    let server = Server::default();
    let pool = server.pool().max_size(2).check_after(SECOND).build().await.unwrap();
    assert!(pool.try_acquire().is_none(), "nothing is open");
    drop(pool.acquire().await.unwrap());
    let held = pool.try_acquire().unwrap();
    assert!(pool.try_acquire().is_none());
    drop(held);
    sleep(SECOND).await;
    assert!(pool.try_acquire().is_none(), "it would have to be checked first");
    drop(pool.acquire().await.unwrap());
    assert!(pool.try_acquire().is_some());
    assert_clean(&pool, &server);
}

#[windlass::test(paused)]
async fn the_connection_that_came_back_last_is_lent_first() {
    let server = Server::default();
    let pool = server.pool().min_size(3).build().await.unwrap();
    let one = pool.acquire().await.unwrap();
    let (id, other) = (one.id, pool.acquire().await.unwrap());
    drop(other);
    drop(one);
    assert_eq!(pool.acquire().await.unwrap().id, id);
}

#[windlass::test(paused)]
async fn a_detached_connection_is_no_business_of_the_pool_any_more() {
    let server = Server::default();
    let pool = server.pool().max_size(1).build().await.unwrap();
    let own = pool.acquire().await.unwrap().detach();
    let other = pool.acquire().await.unwrap();
    assert_eq!((own.id, other.id, pool.stats().detached), (1, 2, 1));
    drop(other);
    pool.close().await;
    assert_eq!(server.news().last().unwrap(), "close 2");
    drop(own);
}

#[windlass::test(paused)]
async fn a_guard_can_be_used_in_any_task_of_the_runtime() {
    let server = Server::default();
    let pool = server.pool().build().await.unwrap();
    let mut held: Taken = pool.acquire().await.unwrap();
    let task = spawn(async move {
        let factor = String::from("abc");
        let answer = held.run(async |connection| connection.work(MS).await + factor.len() as u32);
        answer.await.unwrap()
    });
    assert_eq!(task.await.unwrap(), 4);
    async fn by_reference(pool: &Pool<Server>, words: &[&str]) -> usize {
        let mut held = pool.acquire().await.unwrap();
        let work = held.run(async |connection| (connection.work(MS).await, words.len()));
        work.await.unwrap().1
    }
    let other = pool.clone();
    assert_eq!(spawn(async move { by_reference(&other, &["a", "b"]).await }).await.unwrap(), 2);
    let acquires = spawn(pool.acquire());
    drop(acquires.await.unwrap().unwrap());
    assert_clean(&pool, &server);
}

#[windlass::test(paused)]
async fn a_pool_of_nothing_and_one_that_cannot_hold_its_minimum_are_refused() {
    use crate::executor::rig::refusal;
    let server = Server::default();
    let none = refusal(|| server.pool().max_size(0).build());
    assert_eq!(none, "a pool of 0 connections could never lend one");
    let few = refusal(|| server.pool().min_size(3).max_size(2).build());
    assert_eq!(few, "a pool cannot keep 3 of at most 2 open");
}
