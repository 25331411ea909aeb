//! The rounds.
//!
//! A round measures every row once on every runtime. Within a row the runtimes follow each other
//! at once, each in a process of its own, and who begins changes from round to round. So a slow
//! minute of the machine hits all of them, and ratios are taken within a round before their median
//! is: what drifts with the machine cancels out.

use std::fs::File;
use std::io::{Read, Write};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::time::Duration;

use crate::catalogue::{self, ROWS, Row};
use crate::figures::Figures;
use crate::{bare, machine, python, table};

/// A child that has not finished by then hangs; no row takes a tenth of it.
const CHILD_DEADLINE: Duration = Duration::from_secs(180);

/// What to compare, and how.
#[derive(Debug)]
pub struct Settings {
    /// The first one is compared with the others.
    runtimes: Vec<String>,
    rows: Vec<&'static Row>,
    rounds: usize,
    workers: usize,
    quick: bool,
    log: Option<String>,
}

impl Settings {
    /// # Errors
    /// A text that says what is wrong with the words.
    pub fn parse(words: &[&str]) -> Result<Settings, String> {
        let (runtimes, options) = words.split_first().ok_or("compare what? RUNTIME,RUNTIME,...")?;
        let mut settings = Settings {
            runtimes: runtimes.split(',').map(str::to_owned).collect(),
            rows: ROWS.iter().collect(),
            rounds: 5,
            workers: 2,
            quick: false,
            log: None,
        };
        let unknown = |name: &&String| !crate::is_built_in(name) && !python::has(name);
        if let Some(name) = settings.runtimes.iter().find(unknown) {
            let cure = if name == "windlass" { "; build with --features windlass" } else { "" };
            return Err(format!("no such runtime in this build: {name}{cure}"));
        }
        let mut options = options.iter();
        while let Some(option) = options.next() {
            let mut value = || options.next().ok_or(format!("{option} needs a value"));
            match *option {
                "--quick" => settings.quick = true,
                "--rounds" => settings.rounds = positive(value()?)?,
                "--workers" => settings.workers = positive(value()?)?,
                "--log" => settings.log = Some((*value()?).to_owned()),
                "--rows" => {
                    let rows: Result<_, _> = value()?.split(',').map(catalogue::find).collect();
                    settings.rows = rows?;
                }
                _ => return Err(format!("no such option: {option}")),
            }
        }
        Ok(settings)
    }

    /// The runtimes that take part in `row`.
    fn runtimes_of(&self, row: &Row) -> Vec<&str> {
        let named = self.runtimes.iter().map(String::as_str);
        let able = named.filter(|name| {
            !bare::NAMES.contains(name)
                && !row.without.contains(name)
                && (!python::has(name) || python::can(row))
        });
        let mut runtimes: Vec<&str> = able.collect();
        if row.has_bare() {
            // With one worker the two are one.
            runtimes.extend(bare::NAMES.iter().take(self.workers));
        }
        runtimes
    }
}

impl Settings {
    fn to_json_line(&self) -> String {
        let Settings { workers, rounds, quick, .. } = self;
        let runtimes = self.runtimes.join(",");
        format!(
            r#"{{"compare":"{runtimes}","workers":{workers},"rounds":{rounds},"quick":{quick}}}"#
        )
    }
}

fn positive(word: &str) -> Result<usize, String> {
    let number = word.parse().ok().filter(|number| *number > 0);
    number.ok_or(format!("not a positive number: {word}"))
}

/// Measures everything and prints the table.
///
/// # Errors
/// A text, if a child failed or hung; the table is printed all the same.
pub fn run(settings: &Settings) -> Result<(), String> {
    let mut log = Log::create(settings.log.as_deref())?;
    log.add(&settings.to_json_line())?;
    let has_python = settings.runtimes.iter().any(|name| python::has(name));
    for line in machine::describe().into_iter().chain(has_python.then(python::describe)) {
        log.add(&format!(r#"{{"head":"{}"}}"#, line.replace('"', "'")))?;
    }
    let mut failures = Vec::new();
    for round in 0..settings.rounds {
        log.add(&format!(r#"{{"round":{}}}"#, round + 1))?;
        for row in &settings.rows {
            let mut runtimes = settings.runtimes_of(row);
            let first = round % runtimes.len().max(1);
            runtimes.rotate_left(first);
            for runtime in runtimes {
                eprintln!("round {} of {}: {} on {runtime}", round + 1, settings.rounds, row.name);
                match measure_in_child(settings, runtime, row.name) {
                    Ok(text) => log.add(text.trim_end())?,
                    Err(text) => failures.push(format!("{} on {runtime}: {text}", row.name)),
                }
            }
        }
    }
    println!("{}", table::markdown(&Figures::read(&log.text)));
    if failures.is_empty() { Ok(()) } else { Err(failures.join("\n")) }
}

/// All lines so far, here and in the file, which so keeps what an interrupted run has measured.
#[derive(Debug)]
struct Log {
    text: String,
    file: Option<File>,
}

impl Log {
    fn create(path: Option<&str>) -> Result<Log, String> {
        let file = path.map(|path| File::create(path).map_err(|error| format!("{path}: {error}")));
        Ok(Log { text: String::new(), file: file.transpose()? })
    }

    fn add(&mut self, lines: &str) -> Result<(), String> {
        self.text.push_str(lines);
        self.text.push('\n');
        let Some(file) = &mut self.file else { return Ok(()) };
        writeln!(file, "{lines}").map_err(|error| format!("log: {error}"))
    }
}

/// What the child printed.
fn measure_in_child(settings: &Settings, runtime: &str, row: &str) -> Result<String, String> {
    let workers = settings.workers.to_string();
    let mut command = if python::has(runtime) {
        python::command(runtime, row)
    } else {
        let program = std::env::current_exe().map_err(|error| error.to_string())?;
        let mut command = Command::new(program);
        command.args(["measure", runtime, row, &workers]).env("SMOL_THREADS", &workers);
        command
    };
    if settings.quick {
        command.arg("--quick");
    }
    let child = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn();
    let mut child = child.map_err(|error| error.to_string())?;
    let text = text_by_deadline(&mut child);
    let status = child.wait().map_err(|error| error.to_string())?;
    match text {
        Some(text) if status.success() => Ok(text),
        Some(_) => Err(status.to_string()),
        None => Err(format!("hung, killed after {CHILD_DEADLINE:?}")),
    }
}

/// All that the child prints until it ends; nothing if it does not, and then it is killed. This
/// process sleeps meanwhile: both cores belong to the child.
fn text_by_deadline(child: &mut Child) -> Option<String> {
    let mut stdout = child.stdout.take().expect("the child was started with a pipe");
    let (sender, receiver) = mpsc::channel();
    let reader = std::thread::spawn(move || {
        let mut text = String::new();
        let _ = stdout.read_to_string(&mut text);
        let _ = sender.send(text);
    });
    match receiver.recv_timeout(CHILD_DEADLINE) {
        Ok(text) => {
            let _ = reader.join();
            Some(text)
        }
        Err(_) => {
            let _ = child.kill();
            None
        }
    }
}
