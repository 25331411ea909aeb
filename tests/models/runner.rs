//! Runs the models and shows a row for each.
//!
//! Under loom each mode of each model runs in a process of its own, since loom ends the process when
//! a model spins or overflows a stack; two processes run at a time.

mod job;
mod markdown;

use std::collections::VecDeque;
use std::process::ExitCode;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use clap::Parser;
use windlass_sync::shim::MODELED;

use crate::{Model, broken};
use job::{Job, Result};

/// True if loom explores the models, false if real threads run them.
const LOOM: bool = MODELED;
/// How long one model may take in one mode. A failing one can hang while it unwinds; none that passes
/// takes nearly as long.
const LIMIT_S: u64 = 300;

/// Explores the models with loom (`cargo loom`), or runs them on real threads (`cargo models`).
#[derive(Debug, Parser)]
#[command(name = "cargo loom", no_binary_name = true)]
struct Arguments {
    /// Models whose name contains one of these; all of them if none is given
    names: Vec<String>,
    /// Go beyond the bounds, one preemption more at a time, until the time of a model is over
    #[arg(long)]
    deep: bool,
    /// With --deep: the seconds for each mode of each model; what they cut short is told as `cut`
    #[arg(long, value_name = "N", default_value_t = 45, requires = "deep")]
    seconds: u64,
    /// Print the table of models for tests/models/README.md
    #[arg(long, conflicts_with = "deep")]
    markdown: bool,
    /// With --markdown: put the table into the README, too
    #[arg(long, requires = "markdown", conflicts_with = "names")]
    write: bool,
    /// Run a model with a bug in itself, to see how a failure is shown
    #[arg(long, conflicts_with_all = ["deep", "markdown", "names"])]
    show_failure: bool,
    /// List the models
    #[arg(long)]
    list: bool,

    /// Run this model in this mode within this process
    #[arg(long, hide = true, num_args = 2, value_names = ["NAME", "MODE"])]
    one: Option<Vec<String>>,
    /// Its bound, if not the usual one
    #[arg(long, hide = true)]
    preemptions: Option<usize>,
    /// Stop after these seconds
    #[arg(long, hide = true)]
    cut_after: Option<f64>,

    // What `cargo test` passes on to every test program.
    #[arg(long, hide = true)]
    nocapture: bool,
    #[arg(long, short, hide = true)]
    quiet: bool,
    #[arg(long, hide = true)]
    test_threads: Option<usize>,
}

pub fn main(models: &[&'static Model]) -> ExitCode {
    let arguments = match Arguments::try_parse_from(std::env::args_os().skip(1)) {
        Ok(arguments) => arguments,
        Err(error) => {
            let _ = error.print(); // there is nobody else to tell
            return ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(2));
        }
    };
    if let Some(one) = &arguments.one {
        let model =
            models.iter().copied().chain([&broken::MODEL]).find(|model| model.name == one[0]);
        let model = model.expect("the parent process names a model");
        job::run_here(model, &one[1], arguments.preemptions, arguments.cut_after);
        return ExitCode::SUCCESS;
    }
    if arguments.show_failure {
        return show_failure();
    }
    let is_wanted = |name: &str| arguments.names.iter().any(|part| name.contains(part.as_str()));
    let mut models = models.to_vec();
    models.retain(|model| arguments.names.is_empty() || is_wanted(model.name));
    if models.is_empty() {
        eprintln!("no model has such a name; --list shows them");
        return ExitCode::FAILURE;
    }
    if arguments.list {
        models.iter().for_each(|model| println!("{}: test", model.name));
        return ExitCode::SUCCESS;
    }
    if !LOOM && (arguments.deep || arguments.markdown) {
        eprintln!("only `cargo loom` has bounds; these are real threads");
        return ExitCode::FAILURE;
    }
    run_all(&models, &arguments)
}

/// Runs the models and prints a row for each mode of each, and what they come to.
fn run_all(models: &[&'static Model], arguments: &Arguments) -> ExitCode {
    let begun = Instant::now();
    let modes: &[&str] = if LOOM { &["weak", "interleaving"] } else { &["threads"] };
    let jobs = models.iter().flat_map(|model| modes.iter().map(|mode| Job::new(model, mode)));
    // What has no bound cannot be taken further.
    let mut jobs: Vec<Job> =
        jobs.filter(|job| !arguments.deep || job.preemptions.is_some()).collect();
    if arguments.deep {
        let time = Duration::from_secs(arguments.seconds);
        jobs = jobs.into_iter().filter_map(|job| job.deeper(time)).collect();
        let most = jobs.len() as u64 * arguments.seconds / 2 / 60;
        eprintln!("{} modes of models have a bound; this takes up to {most} minutes", jobs.len());
    }
    if !arguments.markdown {
        println!("\n{}", job::HEAD);
    }
    let results = run_jobs(jobs, !arguments.markdown);
    if arguments.markdown {
        print!("{}", markdown::table(models, &results));
    }
    let failures: Vec<&(Job, Result)> =
        results.iter().filter(|(_, result)| result.failed()).collect();
    for (job, _) in &failures {
        eprintln!("FAILED: {} ({})", job.model.name, job.mode);
    }
    let cut = results.iter().filter(|(_, result)| *result == Result::Cut).count();
    if !arguments.markdown {
        println!("total: {:.1} s", begun.elapsed().as_secs_f64());
        let passed = results.len() - failures.len() - cut;
        println!("models: {passed} passed, {cut} cut by the time limit, {} failed", failures.len());
    }
    if !failures.is_empty() {
        return ExitCode::FAILURE;
    }
    if arguments.write {
        markdown::write(&markdown::table(models, &results));
    }
    ExitCode::SUCCESS
}

/// Runs the jobs, two at a time under loom, and those that follow from them.
fn run_jobs(jobs: Vec<Job>, show: bool) -> Vec<(Job, Result)> {
    let jobs = Mutex::new(VecDeque::from(jobs));
    let results = Mutex::new(Vec::new());
    let next = || jobs.lock().expect("no job panics").pop_front();
    let work = || {
        while let Some(job) = next() {
            let mut job = Some(job);
            while let Some(now) = job {
                let (result, took) = now.run(show);
                job = now.after(&result, took);
                results.lock().expect("no job panics").push((now, result));
            }
        }
    };
    std::thread::scope(|scope| {
        let threads: Vec<_> = (0..if LOOM { 2 } else { 1 }).map(|_| scope.spawn(work)).collect();
        // The scope would wait for them by itself, but ThreadSanitizer sees an order only in a join.
        threads.into_iter().for_each(|thread| thread.join().expect("no job panics"));
    });
    results.into_inner().expect("no job panics")
}

/// Runs the broken model; success is that it fails, and shows how.
fn show_failure() -> ExitCode {
    if !LOOM {
        eprintln!("only `cargo loom` finds it; these are real threads");
        return ExitCode::FAILURE;
    }
    let (result, _) = Job::new(&broken::MODEL, "weak").run(true);
    let shown = matches!(&result, Result::Failed(text) if text.contains("thread 1"));
    println!("{}", if shown { "it failed, as it should" } else { "it should have failed" });
    if shown { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
