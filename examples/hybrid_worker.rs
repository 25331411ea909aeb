//! Calls that block their thread, on the default pool of threads and on a pool of their own.
//!
//! ```text
//! cargo run --release --example hybrid_worker
//! ```
//!
//! It prints the first line after one second and the second after two:
//!
//! ```text
//! IO result
//! Custom pool: IO result
//! ```
//!
//! Meanwhile a ticker ticks every 100 ms: the threads that block are not those that run tasks. What
//! it has counted goes to standard error.
//!
//! What can go wrong, and what happens then:
//! - The closure panics: the `await` gives the panic as an error, and the thread lives on.
//! - There are more jobs than threads: they wait in line, so four of these on three threads take two
//!   seconds.
//! - The task of a job is dropped: a job that has not started never will; one that runs goes on,
//!   since a thread cannot be stopped from outside, and its result is dropped.
//! - The pool is shut down: the `await` gives an error at once, and the closure is dropped.
//! - A job never ends: the program's end waits for it, but not longer than
//!   `Builder::shutdown_timeout` (10 s), and then names it.

use std::thread;
use std::time::{Duration, Instant};

use windlass::blocking::BlockingPool;
use windlass::task::JoinError;
use windlass::{spawn, spawn_blocking, time};

/// How often the ticker ticks.
const TICK: Duration = Duration::from_millis(100);

/// Stands for any call that blocks: a file, a name server, a library that knows no async.
fn blocking_io() -> &'static str {
    thread::sleep(Duration::from_secs(1));
    "IO result"
}

#[windlass::main]
async fn main() -> Result<(), JoinError> {
    let (count, counted) = std::sync::mpsc::channel();
    let ticker = spawn(async move {
        let mut ticks = time::interval(TICK);
        loop {
            ticks.tick().await;
            if count.send(Instant::now()).is_err() {
                return; // nobody counts any more
            }
        }
    });

    let result = spawn_blocking(blocking_io).await?;
    println!("{result}");

    let pool = BlockingPool::builder().name("custom").threads(0..=3).build();
    let result = pool.run(blocking_io).await?;
    println!("Custom pool: {result}");
    // Waits for jobs that still run, without blocking a worker. Merely dropping the pool would let
    // them run on by themselves.
    pool.shutdown().await;

    // The ticker ends here; it never ends by itself.
    ticker.cancel().await.ok();
    let ticks: Vec<Instant> = counted.try_iter().collect();
    let longest = ticks.windows(2).map(|pair| pair[1] - pair[0]).max().unwrap_or_default();
    eprintln!("{} ticks, at most {} ms apart", ticks.len(), longest.as_millis());
    Ok(())
}
