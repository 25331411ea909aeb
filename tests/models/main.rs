//! The models: every protocol between threads, explored by loom or run on real threads.
//!
//! `cargo loom` explores all of them within their bounds, `cargo loom NAME` those whose name
//! contains `NAME`; `cargo models` and `cargo test` run the same bodies on real threads.
//!
//! A model that cannot fail proves nothing. `cargo xtask mutants` puts the bugs of
//! `tests/models/mutants` into the code, one at a time, and sees each make its model fail.
//!
//! Each model is explored twice, see [`Mode`]. Under loom each runs in a process of its own, since
//! loom ends the process when a model spins or overflows a stack; two processes run at a time.

mod executor;
mod reactor;
mod sync;
mod timer;

use std::collections::VecDeque;
use std::process::{Command, ExitCode, Stdio};
use std::sync::Mutex;
use std::time::{Duration, Instant};

use windlass_sync::shim::{MODELED, Mode, explore};

#[derive(Debug)]
/// One model: a property, the threads it takes, and how far it is explored.
pub struct Model {
    /// The sentence it proves.
    pub name: &'static str,
    /// Threads, the main one included.
    pub threads: u32,
    /// Preemptions in weak mode; `None` is exhaustive.
    pub weak: Option<usize>,
    /// Preemptions in interleaving mode; `None` is exhaustive.
    pub interleaving: Option<usize>,
    /// The one-line mutation that it was seen to catch.
    pub killed_by: &'static str,
    /// The model itself.
    pub body: fn(),
}

/// Every model, in the order of the floors.
const ALL: &[&[Model]] = &[
    sync::MODELS,
    sync::queue::MODELS,
    sync::locks::MODELS,
    sync::lending::MODELS,
    sync::condvar::MODELS,
    sync::channels::MODELS,
    sync::meetings::MODELS,
    timer::MODELS,
    reactor::MODELS,
    executor::MODELS,
    executor::together::MODELS,
];

/// True if loom explores the models, false if real threads run them.
const LOOM: bool = MODELED;
/// A failing model can hang while it unwinds; none that passes takes nearly as long.
const LIMIT: Duration = Duration::from_secs(300);

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if let [flag, name, mode] = &arguments[..]
        && flag == "--one"
    {
        return run_one(name, mode);
    }
    let filters: Vec<&String> = arguments.iter().filter(|word| !word.starts_with('-')).collect();
    let wanted = |model: &&Model| {
        filters.is_empty() || filters.iter().any(|filter| model.name.contains(filter.as_str()))
    };
    let models: Vec<&Model> = ALL.iter().copied().flatten().filter(wanted).collect();
    if arguments.iter().any(|word| word == "--list") {
        for model in &models {
            println!("{}: test", model.name);
        }
        return ExitCode::SUCCESS;
    }
    if models.is_empty() {
        println!("no model has such a name; --list shows them");
        return ExitCode::FAILURE;
    }
    run_all(&models)
}

/// Runs the models, each mode of each in a process of its own under loom, and prints a row for each.
fn run_all(models: &[&Model]) -> ExitCode {
    let begun = Instant::now();
    let modes: &[&str] = if LOOM { &["weak", "interleaving"] } else { &["threads"] };
    println!(
        "\n{:>7}  {:<12} {:>5} {:>10} {:>8}  model",
        "threads", "mode", "bound", "executions", "seconds"
    );
    let jobs: Mutex<VecDeque<(&Model, &str)>> = Mutex::new(
        models.iter().flat_map(|model| modes.iter().map(move |mode| (*model, *mode))).collect(),
    );
    let failures = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for _ in 0..if LOOM { 2 } else { 1 } {
            scope.spawn(|| {
                loop {
                    let Some((model, mode)) = jobs.lock().expect("no job panics").pop_front()
                    else {
                        return;
                    };
                    if !run_in_process(model, mode) {
                        failures.lock().expect("no job panics").push((model.name, mode));
                    }
                }
            });
        }
    });
    let failures = failures.into_inner().expect("no job panics");
    for (name, mode) in &failures {
        println!("FAILED: {name} ({mode})");
    }
    let total = models.len() * modes.len();
    println!("total: {:.1} s", begun.elapsed().as_secs_f64());
    println!("models: {} passed, {} failed", total - failures.len(), failures.len());
    if failures.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Starts this program again for one model and shows what it printed; true if it passed.
fn run_in_process(model: &Model, mode: &str) -> bool {
    let this = std::env::current_exe().expect("a running program has a path");
    let output = Command::new(this)
        .args(["--one", model.name, mode])
        .env("RUST_BACKTRACE", "0") // an unwinding model may not resolve symbols
        .stdin(Stdio::null())
        .output()
        .expect("this program can be started again");
    print!("{}", String::from_utf8_lossy(&output.stdout));
    if !output.status.success() {
        println!("--- {} ({mode}): {}", model.name, output.status);
        println!("{}", String::from_utf8_lossy(&output.stderr));
    }
    output.status.success()
}

/// Explores one model in one mode and prints its row.
fn run_one(name: &str, mode: &str) -> ExitCode {
    let model = ALL.iter().copied().flatten().find(|model| model.name == name);
    let model = model.expect("the parent process names a model of this list");
    let (kind, bound) = match mode {
        "interleaving" => (Mode::Interleaving, model.interleaving),
        _ => (Mode::Weak, model.weak),
    };
    let begun = Instant::now();
    let name_of_it = name.to_owned();
    std::thread::spawn(move || {
        std::thread::sleep(LIMIT);
        eprintln!("{name_of_it} takes longer than {LIMIT:?}");
        std::process::exit(1);
    });
    let executions = explore(kind, bound, model.body);
    let bound = bound.map_or("none".into(), |n| n.to_string());
    let seconds = begun.elapsed().as_secs_f64();
    println!("{:>7}  {mode:<12} {bound:>5} {executions:>10} {seconds:>8.2}  {name}", model.threads);
    ExitCode::SUCCESS
}
