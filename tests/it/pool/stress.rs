//! Many tasks on real threads, and a server that fails at random.

use std::time::Duration;

use windlass::pool::Pool;
use windlass::runtime::Builder;
use windlass::time::{Clock, sleep, timeout};
use windlass::{spawn, yield_now};

use super::kit::*;
use crate::executor::rig::on_2_and_4;

const MAX_SIZE: usize = 4;
const TASKS: u64 = 10;
const ROUNDS: u64 = 60;

/// Numbers that look random, the same in each run.
struct Dice(u64);

impl Dice {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % limit
    }

    fn while_ms(&mut self) -> Duration {
        Duration::from_millis(self.below(8))
    }

    fn act(&mut self) -> Act {
        match self.below(10) {
            0 => No,
            1 => Hang,
            2 | 3 => After(self.while_ms()),
            4 | 5 => Yield(self.below(4) as usize),
            _ => Yes,
        }
    }
}

async fn one_of_many(pool: Pool<Server>, server: Server, mut dice: Dice) {
    for _ in 0..ROUNDS {
        let ask = [Connect, Check, Reset, Cancel][dice.below(4) as usize];
        server.next(ask, [dice.act()]);
        let patience = dice.while_ms();
        // Cut off by a limit of its own, by one around it, or by being dropped after a poll or two.
        let acquired = match dice.below(3) {
            0 => pool.acquire_within(patience).await.ok(),
            1 => timeout(patience, pool.acquire()).await.ok().and_then(Result::ok),
            _ => {
                let acquiring = spawn(pool.acquire());
                for _ in 0..dice.below(4) {
                    yield_now().await;
                }
                acquiring.cancel().await.ok().and_then(Result::ok)
            }
        };
        let Some(mut taken) = acquired else { continue };
        assert!(!taken.undone, "somebody has left something undone");
        match dice.below(6) {
            0 => {
                let (limit, time) = (dice.while_ms(), dice.while_ms());
                let _ = taken.run_within(limit, async |taken| taken.work(time).await).await;
            }
            1 => taken.mark_dirty(),
            2 => taken.broken = true,
            3 => drop(taken.detach()),
            4 => sleep(dice.while_ms()).await,
            _ => {
                let patience = dice.while_ms();
                let work = taken.run(async |taken| taken.work(5 * MS).await);
                let _ = timeout(patience, work).await;
            }
        }
    }
}

#[test]
fn a_pool_survives_a_server_and_users_that_fail_at_random() {
    on_2_and_4(|workers| {
        let clock = Clock::paused();
        clock.set_auto_advance(true);
        let runtime = Builder::new().workers(workers).clock(clock).build().unwrap();
        runtime.block_on(async {
            let server = Server::default();
            let builder = server.pool().min_size(2).max_size(MAX_SIZE).check_after(MS);
            let builder = builder.connect_timeout(20 * MS).recovery_timeout(10 * MS);
            let builder = builder.max_lifetime(200 * MS).idle_timeout(30 * MS);
            let pool = builder.backoff(MS, 8 * MS).build().await.unwrap();
            let tasks: Vec<_> = (1..=TASKS)
                .map(|seed| spawn(one_of_many(pool.clone(), server.clone(), Dice(seed * 7919))))
                .collect();
            for task in tasks {
                task.await.unwrap();
            }
            server.forget();
            sleep(SECOND).await;
            assert!(server.peak() <= MAX_SIZE, "{} were open", server.peak());
            // It grows old all the time, so it is looked at between two replacements.
            while pool.stats().size != pool.stats().idle {
                yield_now().await;
            }
            let mut all = Vec::new();
            for _ in 0..MAX_SIZE {
                all.push(pool.acquire().await.unwrap());
            }
            drop(all);
            pool.close().await;
            assert_clean(&pool, &server);
            assert_eq!(pool.stats().size, 0);
        });
        assert_eq!(runtime.handle().metrics().tasks, 0);
        assert!(runtime.shutdown(SECOND).is_clean());
    });
}
