//! The same work on windlass, tokio and smol, one process per figure.
//!
//! ```text
//!   report     table and plot, from a log of compare
//!   compare    parent: for every round, row and runtime starts ...
//!     measure    child: one row on one runtime; prints its figures, one JSON line each
//!       load       grandchild of the echo rows: the clients, the same for every server
//! ```
//!
//! In reading order: [`catalogue`] says what the rows are, `rows.rs` is the work itself, written
//! against a small vocabulary, and `tokio.rs`, `smol.rs` and `windlass.rs` each say that vocabulary
//! in their runtime's words and include `rows.rs` once. [`bare`] is the echo server without
//! futures, [`load`] its clients, [`measure`] the instruments, [`compare`] the rounds, [`figures`]
//! what comes of them, [`table`] and [`plot`] how it is shown, [`report`] where.

// `rows.rs` is loaded once per runtime, which is the point of this program.
#![allow(clippy::duplicate_mod)]

mod bare;
mod catalogue;
mod compare;
mod figures;
mod load;
mod machine;
mod measure;
mod plot;
mod python;
mod report;
#[cfg(feature = "peers")]
mod smol;
mod table;
#[cfg(feature = "peers")]
mod tokio;
#[cfg(feature = "windlass")]
mod windlass;

use std::process::ExitCode;

use crate::catalogue::Row;
use crate::measure::Plan;

const USAGE: &str = "\
usage: rivals compare RUNTIME,RUNTIME,... [--rows a,b] [--rounds 5] [--workers 2] [--quick] [--log FILE]
       rivals report LOG...
       rivals rows
       rivals measure RUNTIME ROW WORKERS [--quick]
       rivals count RUNTIME ROW PASSES
runtimes: tokio, smol, bare and bare_1 (echo rows only, join by themselves), windlass,
          asyncio, uvloop (article rows only)";

const BUILT_IN: &[&str] = &[
    #[cfg(feature = "peers")]
    "tokio",
    #[cfg(feature = "peers")]
    "smol",
    #[cfg(feature = "windlass")]
    "windlass",
];

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let outcome = match words.as_slice() {
        ["compare", rest @ ..] => compare::Settings::parse(rest).and_then(|it| compare::run(&it)),
        ["report", logs @ ..] => report::run(logs),
        ["rows"] => {
            catalogue::print();
            Ok(())
        }
        ["measure", runtime, row, workers, rest @ ..] => measure_one(runtime, row, workers, rest),
        ["count", runtime, row, passes] => count(runtime, row, passes),
        ["load", rest @ ..] => load::run(rest),
        _ => Err(USAGE.to_owned()),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(text) => {
            eprintln!("{text}");
            ExitCode::FAILURE
        }
    }
}

/// The child's side: one row on one runtime, one JSON line per metric.
fn measure_one(runtime: &str, row: &str, workers: &str, rest: &[&str]) -> Result<(), String> {
    let row = catalogue::find(row)?;
    let workers = workers.parse().map_err(|_| format!("not a number of workers: {workers}"))?;
    let plan = Plan { workers, quick: rest.contains(&"--quick"), counted: None };
    let figures = figures(runtime, row, plan)?;
    assert_eq!(figures.len(), row.metrics.len(), "a row gives one figure per metric");
    for (metric, figure) in row.metrics.iter().zip(figures) {
        println!("{}", measure::json_line(runtime, workers, metric.name, metric.unit, figure));
    }
    // The sleepers row leaves 200,000 tasks behind. To take them down is nobody's figure.
    std::process::exit(0)
}

/// One row with one worker and so many passes after the warm-up: prints how many operations these
/// did. For whoever counts from outside what they cost, as `cargo xtask instructions` does.
fn count(runtime: &str, row: &str, passes: &str) -> Result<(), String> {
    let row = catalogue::find(row)?;
    let passes = passes.parse().map_err(|_| format!("not a number of passes: {passes}"))?;
    let plan = Plan { workers: 1, quick: false, counted: Some(passes) };
    for operations in figures(runtime, row, plan)? {
        println!("{operations}");
    }
    std::process::exit(0)
}

fn figures(runtime: &str, row: &Row, plan: Plan) -> Result<Vec<f64>, String> {
    match runtime {
        #[cfg(feature = "peers")]
        "tokio" => tokio::rows::measure(row.name, plan),
        #[cfg(feature = "peers")]
        "smol" => smol::check_threads(plan).and_then(|()| smol::rows::measure(row.name, plan)),
        name if bare::NAMES.contains(&name) => bare::measure(name, row.name, plan),
        #[cfg(feature = "windlass")]
        "windlass" => windlass::rows::measure(row.name, plan),
        _ => Err(format!("no such runtime in this build: {runtime}\n{USAGE}")),
    }
}

/// Whether this build can measure `runtime`.
pub fn is_built_in(runtime: &str) -> bool {
    BUILT_IN.contains(&runtime) || bare::NAMES.contains(&runtime)
}
