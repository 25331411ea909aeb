//! The tables of `tests/models/README.md`: every file with a protocol between threads, every model.

use std::collections::BTreeSet;

use super::ordering;
use super::source::{Finding, Source, root, words};

const README: &str = "tests/models/README.md";
/// Fewer words than these give no reason for having no model.
const SHORTEST_REASON: usize = 6;

/// A row for each file that needs one, with models that exist or the reason why there is none; and a
/// row for each model.
pub fn check(readme: &str, library: &[Source], models: &[String]) -> Vec<Finding> {
    let rows: Vec<Row> = readme.lines().enumerate().filter_map(row).collect();
    let mut findings = Vec::new();
    let files = library.iter().filter(|source| is_shared(source));
    for source in files.filter(|source| !rows.iter().any(|row| row.names(&source.path))) {
        findings.push(source.finding(0, format!("atomics or locks, and no row in {README}")));
    }
    for model in models.iter().filter(|model| !rows.iter().any(|row| row.names(model))) {
        findings.push(at(0, format!("the model `{model}` has no row")));
    }
    for row in rows.iter().filter(|row| row.first.ends_with(".rs`")) {
        let path = row.first.trim_matches('`');
        if !library.iter().any(|source| source.path == path) {
            findings.push(at(row.line, format!("there is no file `{path}`")));
        }
        let cell = row.cells.get(2).copied().unwrap_or_default();
        let named: Vec<&str> = cell.split('`').skip(1).step_by(2).collect();
        for name in named.iter().filter(|name| !models.iter().any(|model| model == *name)) {
            findings.push(at(row.line, format!("there is no model `{name}`")));
        }
        if named.is_empty() && cell.split_whitespace().count() < SHORTEST_REASON {
            findings.push(at(row.line, "neither a model nor a reason why there is none".into()));
        }
    }
    findings
}

/// Each bug in `tests/models/mutants` is for a model that exists, and has a name of its own.
pub fn seeded_bugs(models: &[String]) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut names = BTreeSet::new();
    let folder = root().join("tests/models/mutants");
    for entry in folder.read_dir().into_iter().flatten().flatten() {
        let path = entry.path().strip_prefix(root()).expect("it is within").display().to_string();
        let mut finding = |what| findings.push(Finding { path: path.clone(), line: 1, what });
        let text = std::fs::read_to_string(entry.path()).expect("a listed file can be read");
        let table: toml::Table = match text.parse() {
            Ok(table) => table,
            Err(error) => {
                finding(error.to_string());
                continue;
            }
        };
        for bug in table.get("mutant").and_then(toml::Value::as_array).into_iter().flatten() {
            let word = |key| bug.get(key).and_then(toml::Value::as_str).unwrap_or_default();
            let (name, model) = (word("name"), word("model"));
            if !models.iter().any(|other| other == model) {
                finding(format!("`{name}`: there is no model `{model}`"));
            }
            if !names.insert(name.to_owned()) {
                finding(format!("`{name}`: another bug has this name"));
            }
        }
    }
    findings
}

/// True if threads meet in this file: an atomic operation, a fence, or a lock of the shim's.
fn is_shared(source: &Source) -> bool {
    let is_ours =
        !source.path.starts_with("sync/src/shim") && !source.test.iter().all(|test| *test);
    is_ours && (ordering::is_atomic(source) || locks(source))
}

/// `shim::Mutex`, or an import of it; `Mutex` alone may be our own.
fn locks(source: &Source) -> bool {
    let uses = source.code.match_indices("shim::").filter(|(at, _)| !source.is_test(*at));
    let after = uses.map(|(at, found)| &source.code[at + found.len()..]);
    after.into_iter().any(|rest| {
        let end = if rest.starts_with('{') {
            rest.find(';')
        } else {
            rest.find(|c: char| !c.is_alphanumeric())
        };
        words(&rest[..end.unwrap_or(0)]).any(|(_, word)| ["Mutex", "Condvar"].contains(&word))
    })
}

/// A line of a table.
struct Row<'a> {
    line: usize,
    first: &'a str,
    cells: Vec<&'a str>,
}

impl Row<'_> {
    fn names(&self, name: &str) -> bool {
        self.first.strip_prefix('`').and_then(|cell| cell.strip_suffix('`')) == Some(name)
    }
}

fn row((line, text): (usize, &str)) -> Option<Row<'_>> {
    let inside = text.strip_prefix('|')?.strip_suffix('|')?;
    let cells: Vec<&str> = inside.split('|').map(str::trim).collect();
    Some(Row { line, first: cells[0], cells })
}

fn at(line: usize, what: String) -> Finding {
    Finding { path: README.into(), line: line + 1, what }
}

#[test]
fn a_missing_row_and_a_row_without_a_model_are_found() {
    let library = [
        Source::parse("sync/src/a.rs", "use crate::shim::{Arc, Mutex};"),
        Source::parse("sync/src/b.rs", "fn b(x: &AtomicU32) { x.fetch_add(1, Relaxed); }"),
        Source::parse("sync/src/c.rs", "use crate::mutex::Mutex; use crate::shim::Arc;"),
        Source::parse("sync/src/d.rs", "fn d() { fence(SeqCst); }"),
    ];
    let models = ["one".to_owned(), "two".to_owned()];
    let readme =
        "| `sync/src/a.rs` | x | `one`, `three` | y |\n| `sync/src/b.rs` | x | | y |\n| `one` |";
    let found: Vec<String> =
        check(readme, &library, &models).iter().map(Finding::to_string).collect();
    let expected = [
        "sync/src/d.rs:1: atomics or locks, and no row in tests/models/README.md",
        "tests/models/README.md:1: the model `two` has no row",
        "tests/models/README.md:1: there is no model `three`",
        "tests/models/README.md:2: neither a model nor a reason why there is none",
    ];
    assert_eq!(found, expected);
}
