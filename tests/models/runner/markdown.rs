//! The table of models in README.md, with the bugs that each was seen to catch.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use super::job::{Job, Result};
use crate::Model;

/// Between these lines of the README is the table.
const BEGIN: &str = "<!-- begin: cargo loom --markdown --write -->\n";
const END: &str = "<!-- end -->\n";

/// A row for each model.
pub fn table(models: &[&'static Model], results: &[(Job, Result)]) -> String {
    let bugs = seeded_bugs();
    let mut text = format!("{}\n\n", when_and_where());
    text.push_str("| model | threads | weak: bound, executions, seconds | interleaving: the same | seeded bugs that it catches |\n");
    text.push_str("|---|--:|---|---|---|\n");
    for model in models {
        let cell = |mode: &str| {
            let mut all = results.iter();
            let its = all.find(|(job, _)| job.model.name == model.name && job.mode == mode);
            its.map(|(job, result)| figures(job, result)).unwrap_or_default()
        };
        let names = bugs.get(model.name).map(|names| names.join(", "));
        let _ = writeln!(
            text,
            "| `{}` | {} | {} | {} | {} |",
            model.name,
            model.threads,
            cell("weak"),
            cell("interleaving"),
            names.unwrap_or_default()
        );
    }
    text
}

fn figures(job: &Job, result: &Result) -> String {
    let bound = job.preemptions.map_or("none".into(), |bound| bound.to_string());
    match result {
        Result::Passed { executions, seconds } => format!("{bound}, {executions}, {seconds:.2}"),
        Result::Cut => format!("{bound}, cut"),
        Result::Failed(_) => format!("{bound}, FAILED"),
    }
}

fn when_and_where() -> String {
    let date = chrono::Local::now().format("%Y-%m-%d");
    let cpus = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let name = cpus.lines().find_map(|line| line.strip_prefix("model name")?.split_once(": "));
    let name = name.map_or("an unknown processor", |(_, name)| name);
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    format!("{date}, {cores} cores, {name}, two models at a time.")
}

/// The names of the bugs in `mutants/*.toml` that a model catches, by model.
fn seeded_bugs() -> BTreeMap<String, Vec<String>> {
    let mut bugs: BTreeMap<String, Vec<String>> = BTreeMap::new();
    let folder = here().join("mutants");
    let files = folder.read_dir().into_iter().flatten().flatten().map(|entry| entry.path());
    let mut files: Vec<PathBuf> =
        files.filter(|path| path.extension().is_some_and(|kind| kind == "toml")).collect();
    files.sort();
    for file in files {
        let text = std::fs::read_to_string(&file).expect("a listed file can be read");
        let table: toml::Table = text.parse().unwrap_or_else(|e| panic!("{}: {e}", file.display()));
        let bugs_of_file =
            table.get("mutant").and_then(toml::Value::as_array).into_iter().flatten();
        for bug in bugs_of_file.filter(|bug| bug.get("survives").is_none()) {
            let word = |key: &str| bug.get(key).and_then(toml::Value::as_str).map(str::to_owned);
            let (name, model) = (word("name"), word("model"));
            bugs.entry(model.unwrap_or_default()).or_default().extend(name);
        }
    }
    bugs
}

/// Puts the table into the README.
pub fn write(table: &str) {
    let path = here().join("README.md");
    let text = std::fs::read_to_string(&path).expect("the models have a README");
    let (before, rest) = text.split_once(BEGIN).expect("the README says where the table begins");
    let (_, after) = rest.split_once(END).expect("the README says where the table ends");
    let text = format!("{before}{BEGIN}\n{table}\n{END}{after}");
    std::fs::write(path, text).expect("the README can be written");
}

fn here() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/models")
}
