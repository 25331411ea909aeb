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
/// So long a model is explored without a bug. `cargo loom` explores all of it; here it is enough to
/// go further than where the bugs are caught.
const SANITY_LIMIT: Duration = Duration::from_secs(10);
/// A model that has failed may hang while it unwinds; it has said all by then.
const LAST_WORDS: Duration = Duration::from_secs(2);
/// How often the log of a trial is looked into for that.
const READ_EVERY: Duration = Duration::from_millis(500);
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
    /// What both modes took, on a machine that may be busy.
    pub seconds: f64,
    /// Why the model is not expected to fail.
    pub survives: Option<String>,
}

impl Verdict {
    /// Caught; or explored to the end, if the list says that it survives.
    pub fn is_as_expected(&self) -> bool {
        match self.survives {
            None => self.caught,
            Some(_) => !self.caught && !self.out_of_time,
        }
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

/// Runs these models with no bug chosen: none may fail, or the wrapping has broken something.
pub fn sanity(models: &Path, names: &BTreeSet<&str>, logs: &Path) -> Result<()> {
    let jobs = names.iter().flat_map(|name| MODES.map(|mode| (*name, mode))).collect();
    let ends = two_at_a_time(jobs, |(name, mode)| {
        let log = logs.join(format!("{name}.{mode}.log"));
        Ok(((name, mode), run(models, 0, (name, mode), SANITY_LIMIT, &log)?))
    })?;
    for ((name, mode), end) in ends {
        if let End::Failed { .. } = end {
            return Err(format!(
                "{name} ({mode}) fails although no bug is chosen; either `cargo loom {name}` fails \
                 too, or the wrapping broke it: see {}",
                logs.display()
            )
            .into());
        }
    }
    Ok(())
}

/// Tries each of these bugs.
pub fn all(models: &Path, bugs: &[&Bug], logs: &Path) -> Result<Vec<Verdict>> {
    two_at_a_time(bugs.iter().copied().collect(), |bug| one(models, bug, logs))
}

fn one(models: &Path, bug: &Bug, logs: &Path) -> Result<Verdict> {
    let begun = Instant::now();
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
        seconds: 0.0,
        survives: bug.survives.clone(),
    };
    for mode in MODES {
        let log = logs.join(format!("{}.{mode}.log", bug.name));
        match run(models, bug.number, (&bug.model, mode), LIMIT, &log)? {
            End::Passed => {}
            End::OutOfTime => verdict.out_of_time = true,
            End::Failed { execution } => {
                (verdict.caught, verdict.mode, verdict.executions) = (true, Some(mode), execution);
                break;
            }
        }
    }
    verdict.seconds = begun.elapsed().as_secs_f64();
    let caught = if verdict.caught { "caught" } else { "not caught" };
    eprintln!("{}: {caught}, {:.1} s", verdict.bug, verdict.seconds); // the table comes at the end
    Ok(verdict)
}

/// Runs one model in one mode with this bug, 0 for none; what it prints goes to the log.
fn run(
    models: &Path,
    bug: u32,
    (model, mode): (&str, &str),
    limit: Duration,
    log: &Path,
) -> Result<End> {
    let file = File::create(log)?;
    let mut process = Command::new(models)
        .args(["--one", model, mode])
        .env("WINDLASS_SEEDED", bug.to_string())
        .env("RUST_BACKTRACE", "0") // an unwinding model may not resolve symbols
        .stdin(Stdio::null())
        .stdout(file.try_clone()?)
        .stderr(file)
        .spawn()?;
    let mut trial = Clock::new();
    let mut failed_at = None;
    let status = loop {
        if let Some(status) = process.try_wait()? {
            break Some(status);
        }
        if trial.elapsed() > limit || failed_at.is_some_and(|at| trial.elapsed() > at + LAST_WORDS)
        {
            process.kill()?;
            process.wait()?;
            break None;
        }
        if failed_at.is_none() && trial.is_time_to_read() && execution(&printed(log)?).is_some() {
            failed_at = Some(trial.elapsed());
        }
        std::thread::sleep(LOOK_EVERY);
    };
    let execution = execution(&printed(log)?);
    match status {
        Some(status) if status.success() => Ok(End::Passed),
        None if execution.is_none() => Ok(End::OutOfTime),
        _ => Ok(End::Failed { execution }),
    }
}

/// How long a trial has run. A machine that stood still meanwhile took none of its time.
struct Clock {
    ran: Duration,
    looked: Instant,
    read: Duration,
}

impl Clock {
    fn new() -> Clock {
        Clock { ran: Duration::ZERO, looked: Instant::now(), read: Duration::ZERO }
    }

    fn elapsed(&mut self) -> Duration {
        const STOOD_STILL: Duration = Duration::from_secs(1);
        let since = self.looked.elapsed();
        self.looked += since;
        self.ran += since.min(STOOD_STILL);
        self.ran
    }

    fn is_time_to_read(&mut self) -> bool {
        let due = self.ran >= self.read + READ_EVERY;
        if due {
            self.read = self.ran;
        }
        due
    }
}

fn printed(log: &Path) -> Result<String> {
    Ok(String::from_utf8_lossy(&std::fs::read(log)?).into_owned())
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
