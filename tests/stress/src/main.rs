//! Random work on whole runtimes, for as long as one likes, with their promises checked.
//!
//! ```text
//!   round      a runtime: built, used by a few threads at once, shut down, looked at
//!     root       one thread inside `block_on`
//!       scene      one kind of work in a task of its own, with its own invariants
//! ```
//!
//! What is chosen depends on the seed alone, which is printed; what the threads make of it does not,
//! so a seed repeats a run in kind, not to the letter. A broken promise is a panic, and any panic ends
//! the process with the seed, the round and the runtime's dump. So does a round that stands still.
//!
//! In reading order: [`round`], [`scenes`] and the files in that folder; [`random`], [`lives`] and
//! [`watchdog`] are their tools, [`sabotage`] breaks each check once.
#![forbid(unsafe_code)]

mod lives;
mod random;
mod round;
mod sabotage;
mod scenes;
mod watchdog;

use std::process::ExitCode;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use clap::Parser;

use random::Random;
use round::Plan;
use sabotage::Sabotage;

/// Random work on the whole of windlass, with its promises checked.
#[derive(Debug, Parser)]
struct Options {
    /// How long to go on; the round that runs then is ended.
    #[arg(long, default_value_t = 60)]
    seconds: u64,
    /// Repeats a run in kind.
    #[arg(long)]
    seed: Option<u64>,
    /// Worker seats of every runtime; 1 to 4 at random if left out.
    #[arg(long)]
    workers: Option<usize>,
    /// Only scenes whose name contains this.
    #[arg(long)]
    only: Option<String>,
    /// A round that takes longer than so many looks, one each second, has hung.
    #[arg(long, default_value_t = 120)]
    patience: u32,
    /// Breaks something on purpose, to show that it is noticed.
    #[arg(long, value_enum)]
    sabotage: Option<Sabotage>,
}

fn main() -> ExitCode {
    let options = Options::parse();
    let seed = options.seed.unwrap_or_else(a_new_seed);
    println!("seed {seed}");
    sabotage::set(options.sabotage);
    let scenes = scenes::named(options.only.as_deref().unwrap_or_default());
    if scenes.is_empty() {
        eprintln!("no scene has such a name; there are: {}", scenes::names());
        return ExitCode::FAILURE;
    }
    watchdog::begin(seed, options.patience);

    let begun = Instant::now();
    let mut random = Random::new(seed);
    let mut rounds = 0;
    while begun.elapsed() < Duration::from_secs(options.seconds) {
        rounds += 1;
        watchdog::next_round(rounds);
        round::run(Plan { workers: options.workers, scenes: &scenes }, random.split());
    }
    println!("{rounds} rounds in {:.1} s", begun.elapsed().as_secs_f64());
    for scene in &scenes {
        println!("{:>8}  {}", scene.count(), scene.name);
    }
    ExitCode::SUCCESS
}

fn a_new_seed() -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    now.as_nanos() as u64 ^ u64::from(std::process::id()) << 32
}
