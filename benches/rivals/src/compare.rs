//! The rounds and the table.
//!
//! A round measures every row once on every runtime. Within a row the runtimes follow each other
//! at once, each in a process of its own, and who begins changes from round to round. So a slow
//! minute of the machine hits all of them, and ratios are taken within a round before their median
//! is: what drifts with the machine cancels out.

use std::collections::HashMap;
use std::fs::File;
use std::io::{Read, Write};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::time::Duration;

use crate::catalogue::{self, ROWS, Row};
use crate::machine;
use crate::measure::{median, parse_json_line};

/// A child that has not finished by then hangs; no row takes a tenth of it.
const CHILD_DEADLINE: Duration = Duration::from_secs(180);
/// Rows that are further behind than this are marked.
const MARK_ABOVE: f64 = 1.5;

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
        if let Some(name) = settings.runtimes.iter().find(|name| !crate::is_built_in(name)) {
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
        let mut runtimes: Vec<&str> = named.filter(|name| *name != "bare").collect();
        if row.has_bare() {
            runtimes.push("bare");
        }
        runtimes
    }
}

fn positive(word: &str) -> Result<usize, String> {
    let number = word.parse().ok().filter(|number| *number > 0);
    number.ok_or(format!("not a positive number: {word}"))
}

/// Figures by metric and runtime, one per round; nothing where the child failed.
#[derive(Debug, Default)]
struct Figures(HashMap<(&'static str, String), Vec<Option<f64>>>);

/// Measures everything and prints the table.
///
/// # Errors
/// A text, if a child failed or hung; the table is printed all the same.
pub fn run(settings: &Settings) -> Result<(), String> {
    let mut log = match &settings.log {
        Some(path) => Some(File::create(path).map_err(|error| format!("{path}: {error}"))?),
        None => None,
    };
    for line in machine::describe() {
        println!("- {line}");
    }
    let mode = if settings.quick { ", quick: NOT FIGURES TO QUOTE" } else { "" };
    println!("- {} workers, medians of {} rounds{mode}\n", settings.workers, settings.rounds);

    let mut figures = Figures::default();
    let mut failures = Vec::new();
    for round in 0..settings.rounds {
        for row in &settings.rows {
            let mut runtimes = settings.runtimes_of(row);
            let first = round % runtimes.len();
            runtimes.rotate_left(first);
            for runtime in runtimes {
                eprintln!("round {} of {}: {} on {runtime}", round + 1, settings.rounds, row.name);
                let text = measure_in_child(settings, runtime, row.name).unwrap_or_else(|text| {
                    failures.push(format!("{} on {runtime}: {text}", row.name));
                    String::new()
                });
                if let Some(log) = &mut log {
                    log.write_all(text.as_bytes()).map_err(|error| format!("log: {error}"))?;
                }
                let read: HashMap<&str, f64> = text.lines().filter_map(parse_json_line).collect();
                for metric in row.metrics {
                    let series = figures.0.entry((metric, runtime.to_owned())).or_default();
                    series.push(read.get(metric).copied());
                }
            }
        }
    }
    print_table(settings, &figures);
    if failures.is_empty() { Ok(()) } else { Err(failures.join("\n")) }
}

/// What the child printed.
fn measure_in_child(settings: &Settings, runtime: &str, row: &str) -> Result<String, String> {
    let program = std::env::current_exe().map_err(|error| error.to_string())?;
    let workers = settings.workers.to_string();
    let mut command = Command::new(program);
    command.args(["measure", runtime, row, &workers]).env("SMOL_THREADS", &workers);
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

fn print_table(settings: &Settings, figures: &Figures) {
    let named = settings.runtimes.iter().map(String::as_str).filter(|name| *name != "bare");
    let runtimes: Vec<&str> = named.collect();
    let has_bare = settings.rows.iter().any(|row| row.has_bare());
    let columns: Vec<&str> = runtimes.iter().copied().chain(has_bare.then_some("bare")).collect();
    let peers = runtimes.get(1..).unwrap_or_default();
    let subject = runtimes.first().copied().unwrap_or("bare");

    println!("| row | unit | {} | {subject} / best peer | range | / bare |", columns.join(" | "));
    println!("|---|---|{}---|---|---|", "--:|".repeat(columns.len()));
    for row in &settings.rows {
        for metric in row.metrics {
            let medians = columns.iter().map(|name| match figures.median(metric, name) {
                Some(figure) => written(figure),
                None if *name == "bare" && !row.has_bare() => String::new(),
                None => "failed".to_owned(),
            });
            let medians: Vec<String> = medians.collect();
            let against = |peer| figures.ratio(metric, subject, peer, row.more_is_better);
            let ratios = peers.iter().filter_map(|peer| Some((*peer, against(peer)?)));
            let best = ratios.max_by(|(_, one), (_, other)| one.median.total_cmp(&other.median));
            let best = best.map_or(" | ".to_owned(), |(peer, ratio)| {
                let mark = if ratio.median > MARK_ABOVE { " **behind**" } else { "" };
                let Ratio { median, low, high } = ratio;
                format!("{median:.2} ({peer}){mark} | {low:.2}..{high:.2}")
            });
            let bare = against("bare").map_or(String::new(), |it| format!("{:.2}", it.median));
            println!("| {metric} | {} | {} | {best} | {bare} |", row.unit, medians.join(" | "));
        }
    }
}

/// How many times worse one runtime is than another: above 1 is behind, whether the metric is a
/// cost or a rate.
#[derive(Debug)]
struct Ratio {
    median: f64,
    low: f64,
    high: f64,
}

impl Figures {
    fn median(&self, metric: &'static str, runtime: &str) -> Option<f64> {
        let series = self.0.get(&(metric, runtime.to_owned()))?;
        let known: Vec<f64> = series.iter().copied().flatten().collect();
        (!known.is_empty()).then(|| median(known))
    }

    /// The ratios of the rounds in which both have a figure; nothing if there is none.
    fn ratio(
        &self,
        metric: &'static str,
        subject: &str,
        peer: &str,
        more_is_better: bool,
    ) -> Option<Ratio> {
        let series = |name: &str| self.0.get(&(metric, name.to_owned()));
        let pairs = series(subject)?.iter().zip(series(peer)?);
        let ratios = pairs.filter_map(|(subject, peer)| {
            let (subject, peer) = ((*subject)?, (*peer)?);
            Some(if more_is_better { peer / subject } else { subject / peer })
        });
        let ratios: Vec<f64> = ratios.collect();
        let low = ratios.iter().copied().reduce(f64::min)?;
        let high = ratios.iter().copied().reduce(f64::max)?;
        Some(Ratio { median: median(ratios), low, high })
    }
}

/// A figure with three digits that count, and commas between thousands.
fn written(figure: f64) -> String {
    if figure < 10.0 {
        return format!("{figure:.2}");
    }
    if figure < 100.0 {
        return format!("{figure:.1}");
    }
    let digits = format!("{figure:.0}");
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index) % 3 == 0 {
            text.push(',');
        }
        text.push(digit);
    }
    text
}
