//! Every operation, dropped at each place where it can wait: whatever it was doing, the pool is
//! whole afterwards.

use std::pin::Pin;

use windlass::pool::Pool;
use windlass::spawn;
use windlass::time::sleep;

use super::kit::*;
use crate::kit::Hand;

const MAX_SIZE: usize = 3;

type Operation = Pin<Box<dyn Future<Output = ()>>>;

/// Prepares a pool, and what is to be done with it.
type Scenario = fn(Pool<Server>, Server) -> Pin<Box<dyn Future<Output = Operation>>>;

fn builder(server: &Server) -> windlass::pool::Builder<Server> {
    server.pool().min_size(1).max_size(MAX_SIZE).recovery_timeout(SECOND)
}

async fn take_all(pool: &Pool<Server>) -> Vec<Taken> {
    let mut taken = Vec::new();
    for _ in 0..MAX_SIZE {
        taken.push(pool.acquire().await.unwrap());
    }
    taken
}

/// Polls it so often, each time it is woken, and drops it then. True if it was over before.
async fn cut_off_after(polls: usize, operation: Operation) -> bool {
    let mut hand = Hand::new(operation);
    for _ in 0..polls {
        let wakes = hand.wakes();
        if hand.poll().is_ready() {
            return true;
        }
        while hand.wakes() == wakes {
            sleep(MS).await;
        }
    }
    false
}

async fn in_every_state(scenario: Scenario, fewest: usize) {
    for polls in 0..100 {
        let server = Server::default();
        let pool = builder(&server).build().await.unwrap();
        let operation = scenario(pool.clone(), server.clone()).await;
        let is_over = cut_off_after(polls, operation).await;
        server.forget();
        sleep(20 * SECOND).await; // longer than any time limit
        assert!(server.peak() <= MAX_SIZE, "after {polls} polls");
        assert_clean(&pool, &server);
        if !pool.is_closed() {
            let all = take_all(&pool).await;
            assert!(all.iter().all(|taken| !taken.undone), "after {polls} polls");
            drop(all);
            assert_clean(&pool, &server);
        }
        pool.close().await;
        assert_eq!(server.open(), 0, "after {polls} polls");
        if is_over {
            assert!(polls > fewest, "it was over after {polls} polls");
            return;
        }
    }
    panic!("it is never over");
}

#[windlass::test(paused)]
async fn an_acquire_that_opens_a_connection_can_be_dropped_anywhere() {
    let scenario: Scenario = |pool, server| {
        Box::pin(async move {
            let first = pool.acquire().await.unwrap();
            server.always(Connect, Yield(3));
            let acquired = pool.acquire();
            Box::pin(async move {
                drop(acquired.await.unwrap());
                drop(first);
            }) as Operation
        })
    };
    in_every_state(scenario, 1).await;
}

#[windlass::test(paused)]
async fn an_acquire_that_stands_in_line_can_be_dropped_anywhere() {
    let scenario: Scenario = |pool, server| {
        Box::pin(async move {
            let mut all = take_all(&pool).await;
            all[0].broken = true; // so that the one who gets its place has to open one
            server.always(Connect, Yield(2));
            spawn(async move {
                sleep(SECOND).await;
                drop(all);
            })
            .detach();
            Box::pin(async move { drop(pool.acquire().await.unwrap()) }) as Operation
        })
    };
    in_every_state(scenario, 1).await;
}

#[windlass::test(paused)]
async fn an_acquire_that_checks_a_connection_can_be_dropped_anywhere() {
    let scenario: Scenario = |pool, server| {
        Box::pin(async move {
            drop(take_all(&pool).await);
            sleep(60 * SECOND).await;
            server.next(Check, [No, Yield(2), Yield(2)]);
            server.always(Cancel, Yield(2));
            server.always(Reset, Yield(2));
            Box::pin(async move { drop(pool.acquire().await.unwrap()) }) as Operation
        })
    };
    in_every_state(scenario, 1).await;
}

#[windlass::test(paused)]
async fn an_acquire_can_be_dropped_anywhere_while_everything_goes_wrong() {
    let scenario: Scenario = |pool, server| {
        Box::pin(async move {
            drop(take_all(&pool).await);
            sleep(60 * SECOND).await;
            server.next(Check, [No, Hang, No]);
            server.next(Connect, [Hang, No]);
            server.always(Cancel, Hang);
            server.always(Reset, No);
            Box::pin(async move { assert!(pool.acquire().await.is_err()) }) as Operation
        })
    };
    in_every_state(scenario, 2).await;
}

#[windlass::test(paused)]
async fn a_command_can_be_dropped_anywhere() {
    let scenario: Scenario = |pool, server| {
        Box::pin(async move {
            let mut taken = pool.acquire().await.unwrap();
            server.always(Cancel, Yield(2));
            server.always(Reset, Yield(2));
            Box::pin(async move {
                // The second one waits until the first is cancelled, the third for nothing.
                let slow = taken.run_within(MS, async |taken| taken.work(SECOND).await);
                slow.await.unwrap_err();
                for _ in 0..2 {
                    taken.run(async |taken| taken.work(MS).await).await.unwrap();
                }
            }) as Operation
        })
    };
    in_every_state(scenario, 3).await;
}

#[windlass::test(paused)]
async fn a_close_can_be_dropped_anywhere() {
    let scenario: Scenario = |pool, server| {
        Box::pin(async move {
            server.always(Reset, Hang);
            let mut all = take_all(&pool).await;
            let mut dirty = all.pop().unwrap();
            dirty.mark_dirty();
            drop(dirty);
            let opening = spawn(pool.acquire());
            spawn(async move {
                sleep(SECOND).await;
                drop(all);
            })
            .detach();
            opening.detach();
            settle().await;
            Box::pin(async move { pool.close().await }) as Operation
        })
    };
    in_every_state(scenario, 1).await;
}

#[windlass::test(paused)]
async fn the_making_of_a_pool_can_be_dropped_anywhere() {
    for polls in 0..100 {
        let server = Server::default();
        server.next(Connect, [Yield(3), After(SECOND), Yes]);
        let making = server.pool().min_size(3).build();
        let operation = Box::pin(async move { drop(making.await.unwrap()) });
        let is_over = cut_off_after(polls, operation).await;
        settle().await;
        assert_eq!(server.open(), 0, "after {polls} polls");
        if is_over {
            assert!(polls > 2);
            return;
        }
    }
    panic!("it is never over");
}
