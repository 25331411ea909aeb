//! The tests that the documents name: `tests/semantics.md` and `ARCHITECTURE.md`.

use std::collections::BTreeSet;

use super::source::{Finding, Source};

/// A name with this many underscores is a sentence, and so a test or a model.
const SENTENCE: usize = 3;

/// The names of all functions and models.
pub fn names(sources: &[Source]) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    for source in sources {
        for (mark, end) in [("fn ", '('), ("name: \"", '"')] {
            let text = if mark == "fn " { &source.code } else { &source.raw };
            for rest in text.split(mark).skip(1) {
                let name: String = rest.chars().take_while(|c| *c != end && *c != '<').collect();
                names.insert(name);
            }
        }
    }
    names
}

/// Names of tests between backticks that no test has.
pub fn check(path: &str, text: &str, names: &BTreeSet<String>) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (at, line) in text.lines().enumerate() {
        for quoted in line.split('`').skip(1).step_by(2) {
            let name = quoted.rsplit("::").next().unwrap_or(quoted);
            let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
            let is_sentence = name.matches('_').count() >= SENTENCE && name.chars().all(plain);
            if is_sentence && !names.contains(name) {
                let what = format!("no test or model is called `{quoted}`");
                findings.push(Finding { path: path.into(), line: at + 1, what });
            }
        }
    }
    findings
}

/// Ids that have two rows, and rows that say nothing.
pub fn rows(path: &str, text: &str) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut seen = BTreeSet::new();
    for (at, line) in text.lines().enumerate() {
        let mut cells = line.split('|').map(str::trim).skip(1);
        let (Some(id), Some(answer)) = (cells.next(), cells.next()) else { continue };
        let mut finding = |what| findings.push(Finding { path: path.into(), line: at + 1, what });
        if !id.chars().any(|c| c.is_ascii_digit()) {
            continue; // the head of a table
        }
        if !seen.insert(id) {
            finding(format!("{id} has two rows"));
        }
        if answer.is_empty() {
            finding(format!("{id} has no answer"));
        }
    }
    findings
}

#[test]
fn a_test_that_is_named_and_not_there_is_found() {
    let names = BTreeSet::from(["a_wake_is_never_lost".to_owned()]);
    let text = "`a_wake_is_never_lost` and `x::a_wake_that_is_gone_now`, `is_done`";
    let found = check("x.md", text, &names);
    assert_eq!(found.len(), 1);
    assert!(found[0].what.contains("a_wake_that_is_gone_now"));
}

#[test]
fn an_id_with_two_rows_or_none_is_found() {
    let text = "| id | shown by |\n|---|---|\n| TSK-01 | a |\n| TSK-01 | b |\n| TSK-02 |  |";
    assert_eq!(rows("x.md", text).len(), 2);
}
