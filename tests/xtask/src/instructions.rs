//! `cargo xtask instructions`: how many instructions an operation of the single-threaded rows
//! takes, counted by valgrind, how many of them are locked, and how
//! many system calls come with it, counted by strace.
//!
//! A count does not move with the load of the machine, so it shows a change of one percent where a
//! clock shows ten of noise. It knows nothing of caches and of waiting, and nothing of the kernel.
//!
//! Each row runs twice with one worker, with few passes and with more. What the second run took in
//! addition, divided by what it did in addition, is free of start-up and warm-up.

mod locked;
mod profile;
mod stored;

use std::path::PathBuf;
use std::process::{Command, Stdio};

use clap::Args;

use locked::Locked;

/// The rows that one thread can do alone and that wait for no time to pass.
const ROWS: [&str; 13] = [
    "spawn_join",
    "yield_many",
    "yield_one",
    "chained_spawn",
    "ping_pong",
    "ping_pong_1",
    "signal_1",
    "fan_in",
    "fan_in_cap3",
    "semaphore",
    "semaphore_free",
    "mutex_free",
    "timeout_cancel",
];
/// Passes of the shorter and of the longer run.
const PASSES: (u32, u32) = (1, 3);

/// Counts the instructions of an operation, row by row.
#[derive(Debug, Args)]
pub struct Options {
    /// Only these rows
    #[arg(long = "row", value_name = "NAME", value_delimiter = ',')]
    rows: Vec<String>,
    /// Count tokio and smol as well
    #[arg(long)]
    peers: bool,
    /// Print where the instructions of each row are spent: by function and by line
    #[arg(long)]
    annotate: bool,
    /// Lines of each list that --annotate prints
    #[arg(long, default_value_t = 25, value_name = "LINES")]
    top: usize,
    /// Compare with the figures in benches/README.md, and fail if one is more than 5 % off
    #[arg(long, conflicts_with_all = ["annotate", "write"])]
    check: bool,
    /// Write the figures into benches/README.md
    #[arg(long, conflicts_with = "rows")]
    write: bool,
}

/// # Errors
/// A text, if something cannot be built or run, or a figure is off.
pub fn run(options: &Options) -> Result<(), String> {
    let unknown = options.rows.iter().find(|row| !ROWS.contains(&row.as_str()));
    if let Some(row) = unknown {
        return Err(format!("{row} is not among the rows: {}", ROWS.join(", ")));
    }
    let wanted = |row: &str| options.rows.is_empty() || options.rows.iter().any(|it| it == row);
    let runtimes: &[&str] =
        if options.peers || options.write { &["windlass", "tokio", "smol"] } else { &["windlass"] };
    let counter = Counter::build(runtimes.len() > 1)?;
    let mut table = Vec::new();
    println!("instructions, locked ones, system calls per operation: {}", runtimes.join(", "));
    for row in ROWS.iter().filter(|row| wanted(row)) {
        let (mut figures, mut shown) = (Vec::new(), String::new());
        for runtime in runtimes {
            let figure = counter.per_operation(runtime, row)?;
            let Figure { instructions, locked, calls } = figure;
            shown.push_str(&format!("{instructions:>10.0} {locked:>7.1} {calls:>7.3}"));
            figures.push(figure);
        }
        println!("{row:<16}{shown}");
        table.push(((*row).to_owned(), figures));
        if options.annotate {
            counter.annotate(row, options.top)?;
        }
    }
    if options.write {
        stored::write(runtimes, &table)?;
    }
    if options.check { stored::check(&table) } else { Ok(()) }
}

/// The program that does the rows, and where its profiles go.
struct Counter {
    program: PathBuf,
    profile: PathBuf,
    locked: Locked,
}

/// What one operation takes.
struct Figure {
    instructions: f64,
    locked: f64,
    calls: f64,
}

/// What one run did and took.
struct Run {
    operations: f64,
    instructions: f64,
    locked: f64,
    calls: f64,
}

impl Counter {
    fn build(with_peers: bool) -> Result<Counter, String> {
        let rivals = crate::root().join("benches/rivals");
        let mut cargo = Command::new("cargo");
        cargo.args(["build", "--quiet", "--locked", "--release", "--manifest-path"]);
        cargo.arg(rivals.join("Cargo.toml"));
        if !with_peers {
            cargo.args(["--no-default-features", "--features", "windlass"]);
        }
        crate::succeed(&mut cargo)?;
        let target = std::env::var_os("CARGO_TARGET_DIR").map(PathBuf::from);
        let target = target.unwrap_or_else(|| rivals.join("target"));
        let profile = target.join("callgrind.out");
        let program = target.join("release/rivals");
        Ok(Counter { locked: Locked::of(&program)?, program, profile })
    }

    fn per_operation(&self, runtime: &str, row: &str) -> Result<Figure, String> {
        let few = self.count(runtime, row, PASSES.0)?;
        let more = self.count(runtime, row, PASSES.1)?;
        let operations = more.operations - few.operations;
        Ok(Figure {
            instructions: (more.instructions - few.instructions) / operations,
            locked: (more.locked - few.locked) / operations,
            calls: (more.calls - few.calls) / operations,
        })
    }

    /// Runs `row` under valgrind, and leaves the profile behind.
    fn count(&self, runtime: &str, row: &str, passes: u32) -> Result<Run, String> {
        let mut valgrind = Command::new("valgrind");
        valgrind.args(["--tool=callgrind", "--dump-instr=yes"]);
        valgrind.args(["--compress-strings=no", "--compress-pos=no"]);
        valgrind.arg(format!("--callgrind-out-file={}", self.profile.display()));
        valgrind.arg(&self.program).args(["count", runtime, row, &passes.to_string()]);
        let output = valgrind.env("SMOL_THREADS", "1").stdin(Stdio::null()).output();
        let output = output.map_err(|error| format!("valgrind: {error}; is it installed?"))?;
        if !output.status.success() {
            return Err(String::from_utf8_lossy(&output.stderr).into_owned());
        }
        let operations = String::from_utf8_lossy(&output.stdout).trim().parse();
        let operations = operations.map_err(|_| format!("{row} did not say what it did"))?;
        let text = profile::read(&self.profile)?;
        let instructions = profile::total(&self.profile, &text)?;
        let locked = self.locked.executed(&text);
        Ok(Run { operations, instructions, locked, calls: self.calls(runtime, row, passes)? })
    }

    /// The system calls of one run, all threads.
    fn calls(&self, runtime: &str, row: &str, passes: u32) -> Result<f64, String> {
        let counts = self.profile.with_extension("calls");
        let mut strace = Command::new("strace");
        strace.args(["-f", "-c", "-U", "calls,name", "-o"]).arg(&counts);
        strace.arg(&self.program).args(["count", runtime, row, &passes.to_string()]);
        strace.env("SMOL_THREADS", "1").stdin(Stdio::null()).stdout(Stdio::null());
        crate::succeed(&mut strace)?;
        let calls = |line: &str| {
            let (count, name) = line.trim().split_once(' ')?;
            (name.trim() != "total").then(|| count.parse::<f64>().ok())?
        };
        Ok(profile::read(&counts)?.lines().filter_map(calls).sum())
    }

    /// Prints where windlass spends the instructions of `row`.
    fn annotate(&self, row: &str, top: usize) -> Result<(), String> {
        let run = self.count("windlass", row, PASSES.1)?;
        // The warm-up is in the profile, too.
        let operations = run.operations * f64::from(PASSES.1 + 1) / f64::from(PASSES.1);
        profile::print(&self.profile, operations, top)
    }
}
