//! One model in one mode, in a process of its own.

use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use windlass_sync::shim::{Explored, Mode, explore_for};

use super::LIMIT_S;
use crate::Model;

/// Over the rows.
pub const HEAD: &str = "threads  mode         bound executions  seconds          model";

/// What is to be run.
#[derive(Clone, Debug)]
pub struct Job {
    pub model: &'static Model,
    pub mode: &'static str,
    pub preemptions: Option<usize>,
    /// The time that it and those after it may take; without, a bound is explored to its end.
    time: Option<Duration>,
    /// How many executions there were with one preemption less.
    before: Option<u64>,
}

/// What became of it.
#[derive(Clone, Debug, PartialEq)]
pub enum Result {
    Passed {
        executions: u64,
        seconds: f64,
    },
    /// The time was over before every interleaving had been seen.
    Cut,
    /// With what it printed.
    Failed(String),
}

impl Result {
    pub fn failed(&self) -> bool {
        matches!(self, Result::Failed(_))
    }
}

impl Job {
    /// Within the bound that the model says.
    pub fn new(model: &'static Model, mode: &'static str) -> Self {
        let preemptions = if mode == "interleaving" { model.interleaving } else { model.weak };
        Self { model, mode, preemptions, time: None, before: None }
    }

    /// The same with one preemption more, if it is bounded.
    pub fn deeper(self, time: Duration) -> Option<Self> {
        let preemptions = Some(self.preemptions? + 1);
        Some(Self { preemptions, time: Some(time), ..self })
    }

    /// What follows when it has passed: one step deeper, if there is time for it, and if the last
    /// step has brought anything new. If not, no execution needs more preemptions.
    pub fn after(&self, result: &Result, took: Duration) -> Option<Self> {
        let Result::Passed { executions, .. } = result else { return None };
        let left = self.time?.checked_sub(took).filter(|left| !left.is_zero())?;
        let next = self.clone().deeper(left).filter(|_| self.before != Some(*executions))?;
        Some(Self { before: Some(*executions), ..next })
    }

    /// Starts this program again for it, and prints its row and what it has to say if it failed.
    pub fn run(&self, show: bool) -> (Result, Duration) {
        let begun = Instant::now();
        let this = std::env::current_exe().expect("a running program has a path");
        let mut command = Command::new(this);
        command.args(["--one", self.model.name, self.mode]);
        if let Some(preemptions) = self.preemptions {
            command.args(["--preemptions", &preemptions.to_string()]);
        }
        if let Some(time) = self.time {
            command.args(["--cut-after", &time.as_secs_f64().to_string()]);
        }
        command.env("RUST_BACKTRACE", "0"); // an unwinding model may not resolve symbols
        let output = command.stdin(Stdio::null()).output();
        let output = output.expect("this program can be started again");
        let printed = String::from_utf8_lossy(&output.stdout);
        let words: Vec<&str> = printed.split_whitespace().collect();
        let result = match &words[..] {
            ["passed", executions, seconds] if output.status.success() => Result::Passed {
                executions: executions.parse().expect("it prints numbers"),
                seconds: seconds.parse().expect("it prints numbers"),
            },
            ["cut", ..] if output.status.success() => Result::Cut,
            _ => Result::Failed(String::from_utf8_lossy(&output.stderr).into_owned()),
        };
        if show && !result.failed() {
            println!("{}", self.row(&words));
        }
        if let Result::Failed(text) = &result {
            println!("--- {} ({}): {}\n{text}", self.model.name, self.mode, output.status);
        }
        (result, begun.elapsed())
    }

    /// `words`: what became of it, executions, seconds.
    fn row(&self, words: &[&str]) -> String {
        let Self { model, mode, preemptions, .. } = self;
        let bound = preemptions.map_or("none".into(), |bound| bound.to_string());
        let (name, threads) = (model.name, model.threads);
        let mark = if words[0] == "cut" { "cut" } else { "" };
        let (executions, seconds) = (words[1], words[2]);
        format!(
            "{threads:>7}  {mode:<12} {bound:>5} {executions:>10} {seconds:>8}  {mark:<6}  {name}"
        )
    }
}

/// Explores one model in this process, and tells the parent what came of it.
pub fn run_here(model: &Model, mode: &str, preemptions: Option<usize>, cut_after: Option<f64>) {
    let (kind, usual) = match mode {
        "interleaving" => (Mode::Interleaving, model.interleaving),
        _ => (Mode::Weak, model.weak),
    };
    let begun = Instant::now();
    let limit = cut_after.map(Duration::from_secs_f64);
    end_after(Duration::from_secs(LIMIT_S) + limit.unwrap_or_default(), model.name);
    let Explored { executions, complete } =
        explore_for(kind, preemptions.or(usual), limit, model.body);
    let seconds = begun.elapsed().as_secs_f64();
    println!("{} {executions} {seconds:.2}", if complete { "passed" } else { "cut" });
}

/// Ends the process if it is still there then.
fn end_after(limit: Duration, name: &'static str) {
    std::thread::spawn(move || {
        std::thread::sleep(limit);
        eprintln!("{name} takes longer than {limit:?}");
        std::process::exit(1);
    });
}
