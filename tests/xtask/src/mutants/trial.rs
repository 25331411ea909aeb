//! One bug against its model, in both modes of the model, and many of them two at a time.

use std::collections::{BTreeSet, VecDeque};
use std::fs::File;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Mutex;
use std::time::{Duration, Instant};

use serde::Serialize;

use super::Result;
use super::list::Bug;

/// The modes of a model, in the order in which they are tried.
const MODES: [&str; 2] = ["weak", "interleaving"];
/// Processes at a time; each is one thread.
const AT_ONCE: usize = 2;
/// A trial that takes longer has not caught its bug. None that catches one takes a tenth of it.
const LIMIT: Duration = Duration::from_secs(120);
/// How often a trial is asked whether it has ended; most end after some milliseconds.
const LOOK_EVERY: Duration = Duration::from_millis(3);
/// What the shim prints when a model fails, before the number of the execution.
const FAILED_AT: &str = "failed at execution ";

/// What became of one bug.
#[derive(Debug, Serialize)]
pub struct Verdict {
    #[serde(skip)]
    pub number: u32,
    pub bug: String,
    pub model: String,
    pub file: String,
    pub what: String,
    /// Whether the model failed.
    pub caught: bool,
    /// The mode in which it failed.
    pub mode: Option<&'static str>,
    /// The execution in which it failed, if the process lived to tell.
    pub executions: Option<u64>,
    /// A mode was ended because it took too long.
    pub out_of_time: bool,
    /// Why the model is not expected to fail.
    pub survives: Option<String>,
}

impl Verdict {
    /// Caught, unless the list says that it survives.
    pub fn is_as_expected(&self) -> bool {
        self.caught != self.survives.is_some()
    }
}

/// How one process ended.
enum End {
    Passed,
    Failed { execution: Option<u64> },
    OutOfTime,
}

/// The names that the program itself lists.
pub fn registered(models: &Path) -> Result<BTreeSet<String>> {
    let output = Command::new(models).arg("--list").output()?;
    let text = String::from_utf8(output.stdout)?;
    Ok(text.lines().filter_map(|line| line.strip_suffix(": test")).map(str::to_owned).collect())
}

/// Runs these models with no bug chosen: all must pass, or the wrapping has broken something.
pub fn sanity(models: &Path, names: &BTreeSet<&str>, logs: &Path) -> Result<()> {
    let jobs = names.iter().flat_map(|name| MODES.map(|mode| (*name, mode))).collect();
    let ends = two_at_a_time(jobs, |(name, mode)| {
        let log = logs.join(format!("{name}.{mode}.log"));
        Ok(((name, mode), run(models, 0, name, mode, &log)?))
    })?;
    for ((name, mode), end) in ends {
        match end {
            End::Passed => {}
            End::OutOfTime => return Err(format!("{name} takes more than {LIMIT:?}").into()),
            End::Failed { .. } => {
                return Err(format!(
                    "{name} ({mode}) fails although no bug is chosen; either `cargo loom {name}` \
                     fails too, or the wrapping broke it: see {}",
                    logs.display()
                )
                .into());
            }
        }
    }
    Ok(())
}

/// Tries each of these bugs.
pub fn all(models: &Path, bugs: &[&Bug], logs: &Path) -> Result<Vec<Verdict>> {
    two_at_a_time(bugs.iter().copied().collect(), |bug| one(models, bug, logs))
}

fn one(models: &Path, bug: &Bug, logs: &Path) -> Result<Verdict> {
    let mut verdict = Verdict {
        number: bug.number,
        bug: bug.name.clone(),
        model: bug.model.clone(),
        file: bug.file.clone(),
        what: bug.what.clone(),
        caught: false,
        mode: None,
        executions: None,
        out_of_time: false,
        survives: bug.survives.clone(),
    };
    for mode in MODES {
        let log = logs.join(format!("{}.{mode}.log", bug.name));
        match run(models, bug.number, &bug.model, mode, &log)? {
            End::Passed => {}
            End::OutOfTime => verdict.out_of_time = true,
            End::Failed { execution } => {
                (verdict.caught, verdict.mode, verdict.executions) = (true, Some(mode), execution);
                break;
            }
        }
    }
    Ok(verdict)
}

/// Runs one model in one mode with this bug, 0 for none; what it prints goes to the log.
fn run(models: &Path, bug: u32, model: &str, mode: &str, log: &Path) -> Result<End> {
    let file = File::create(log)?;
    let mut process = Command::new(models)
        .args(["--one", model, mode])
        .env("WINDLASS_SEEDED", bug.to_string())
        .env("RUST_BACKTRACE", "0") // an unwinding model may not resolve symbols
        .stdin(Stdio::null())
        .stdout(file.try_clone()?)
        .stderr(file)
        .spawn()?;
    let begun = Instant::now();
    let status = loop {
        if let Some(status) = process.try_wait()? {
            break status;
        }
        if begun.elapsed() > LIMIT {
            process.kill()?;
            process.wait()?;
            return Ok(End::OutOfTime);
        }
        std::thread::sleep(LOOK_EVERY);
    };
    if status.success() {
        return Ok(End::Passed);
    }
    let printed = String::from_utf8_lossy(&std::fs::read(log)?).into_owned();
    Ok(End::Failed { execution: execution(&printed) })
}

/// The execution that failed. The first line counts: a second panic while unwinding says it again.
fn execution(printed: &str) -> Option<u64> {
    let line = printed.lines().find_map(|line| line.trim().strip_prefix(FAILED_AT))?;
    line.trim().parse().ok()
}

/// Does the jobs on a few threads; ends at the first error, or with what came of all.
fn two_at_a_time<J: Send, R: Send>(
    jobs: VecDeque<J>,
    work: impl Fn(J) -> Result<R> + Sync,
) -> Result<Vec<R>> {
    let jobs = Mutex::new(jobs);
    let done = Mutex::new(Ok(Vec::new()));
    std::thread::scope(|scope| {
        for _ in 0..AT_ONCE {
            scope.spawn(|| {
                loop {
                    let Some(job) = jobs.lock().expect("no job panics").pop_front() else { return };
                    let result = work(job).map_err(|error| error.to_string());
                    let mut done = done.lock().expect("no job panics");
                    match (&mut *done, result) {
                        (Ok(results), Ok(result)) => results.push(result),
                        (Ok(_), Err(error)) => *done = Err(error),
                        (Err(_), _) => return,
                    }
                }
            });
        }
    });
    Ok(done.into_inner().expect("no job panics")?)
}

#[test]
fn the_first_failure_tells_the_execution() {
    let printed = "failed at execution 26\nthread panicked\nfailed at execution 26\n";
    assert_eq!(execution(printed), Some(26));
    assert_eq!(execution("stack overflow"), None);
}
