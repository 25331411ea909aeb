//! Starts three tasks, waits for the first of them, and cancels the others.
//!
//! ```text
//! cargo run --release --example first_completed
//! WINDLASS_WORKERS=1 cargo run --release --example first_completed     # starts in spawn order
//! cargo run --release --example first_completed -- 1 1 1               # other delays, in seconds
//! cargo run --release --example first_completed -- --fail B            # B panics instead
//! ```
//!
//! It prints, after one second in all:
//!
//! ```text
//! [2026-11-22 10:49:03.000123] Task A started
//! [2026-11-22 10:49:03.000180] Task B started
//! [2026-11-22 10:49:03.000196] Task C started
//! [2026-11-22 10:49:04.000391] Task B finished
//! First completed: Result-B
//! ```
//!
//! With one worker the tasks start in the order in which they were spawned; with several, in any.
//! A and C never finish: a `Task` that is dropped is cancelled, and the runtime does not end before
//! their futures are gone. That takes no time worth mentioning, so the program ends two seconds
//! before C would have.
//!
//! A task that fails first is "completed" as well. Its error comes out of the `await` that asks for
//! its output, and ends the program with status 1, while the others are cancelled just the same.

use std::error::Error;
use std::time::Duration;

use windlass::task::{Until, Waited, wait};
use windlass::{spawn, time};

/// What the command line says.
struct Options {
    /// The delays of A, B and C, in seconds.
    delays: [f64; 3],
    /// Which task is to panic instead of finishing.
    fails: Option<String>,
}

#[windlass::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let Options { delays, fails } = options()?;
    let mut tasks = Vec::new();
    for (name, delay) in ["A", "B", "C"].into_iter().zip(delays) {
        let fails = fails.as_deref() == Some(name);
        tasks.push(spawn(task(name, Duration::from_secs_f64(delay), fails)).named(name));
    }

    let Waited { done, pending } = wait(&mut tasks, Until::FirstCompleted).await;

    // Usually one. Those that end at the same moment are all here, in the order of their ends.
    for task in done {
        println!("First completed: {}", task.await?);
    }
    // Dropping a task cancels it. `task.cancel().await` would also wait until its future is gone.
    drop(pending);
    Ok(())
}

async fn task(name: &str, delay: Duration, fails: bool) -> String {
    println!("[{}] Task {name} started", now());
    time::sleep(delay).await;
    assert!(!fails, "task {name} was told to fail");
    println!("[{}] Task {name} finished", now());
    format!("Result-{name}")
}

/// Local time, as `2026-11-22 10:49:03.000123`.
fn now() -> impl std::fmt::Display {
    chrono::Local::now().format("%Y-%m-%d %H:%M:%S%.6f")
}

fn options() -> Result<Options, Box<dyn Error>> {
    let mut options = Options { delays: [2.0, 1.0, 3.0], fails: None };
    let mut delays = options.delays.iter_mut();
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        if argument == "--fail" {
            options.fails = arguments.next();
        } else {
            let delay = delays.next().ok_or("there are three tasks, so at most three delays")?;
            *delay = argument.parse().map_err(|_| format!("no number of seconds: {argument}"))?;
        }
    }
    Ok(options)
}
