//! Where `unsafe` is, and what makes it sound.

use super::argument;
use super::length::{Function, named};
use super::source::{Finding, Source};

/// A folder that may hold `unsafe`.
pub struct Place {
    pub folder: &'static str,
    /// Where its rules are numbered.
    pub rules: &'static str,
}

/// The one folder of the library.
pub const TASK: Place = Place { folder: "executor/src/task/", rules: "executor/src/task/mod.rs" };
/// What foreign traits demand that hand over uninitialised memory.
pub const COMPAT: Place = Place { folder: "compat/src/io/", rules: "compat/src/lib.rs" };
/// Of these blocks there are no more.
pub const BLOCKS_IN_COMPAT: usize = 2;

/// The numbers of the rules in the file's comments: its lines that begin `1. `.
pub fn rules(source: &Source) -> Vec<u32> {
    let number = |line: &String| line.split_once(". ").and_then(|(number, _)| number.parse().ok());
    source.comments.iter().filter_map(number).collect()
}

/// Where the file says `unsafe`.
pub fn spellings(source: &Source) -> impl Iterator<Item = usize> {
    source.words().filter_map(|(at, word)| {
        let after = source.code[at + word.len()..].trim_start();
        let is_type =
            after.strip_prefix("fn").is_some_and(|rest| rest.trim_start().starts_with('('));
        (word == "unsafe" && !is_type).then_some(at)
    })
}

pub fn check(source: &Source, place: &Place, rules: &[u32]) -> Vec<Finding> {
    let functions = named(source);
    let mut findings = Vec::new();
    for at in spellings(source) {
        if !source.path.starts_with(place.folder) {
            findings.push(source.finding(at, format!("`unsafe` outside {}", place.folder)));
        } else if let Err(what) = argued(source, at, &functions, place, rules) {
            findings.push(source.finding(at, what));
        }
    }
    findings
}

fn argued(
    source: &Source,
    at: usize,
    functions: &[Function<'_>],
    place: &Place,
    rules: &[u32],
) -> Result<(), String> {
    let line = source.line(at);
    let inside = functions.iter().rfind(|function| function.body.contains(&at));
    let is_fn =
        functions.iter().any(|function| function.is_unsafe && source.line(function.start) == line);
    let text = argument::over(source, line, "SAFETY:")
        .or_else(|| argument::over(source, line, "# Safety").filter(|_| is_fn))
        .ok_or("`unsafe` without a `SAFETY:` comment")?;

    let numbers = numbers(&text);
    if let Some(unknown) = numbers.iter().find(|number| !rules.contains(number)) {
        return Err(format!("{} has no rule {unknown}", place.rules));
    }
    let passed_on =
        text.contains("caller's promise") && inside.is_some_and(|outer| outer.is_unsafe);
    let as_another = is_fn && text.contains("As [`");
    let as_above = text.to_lowercase().contains("as above") && rule_above(source, line);
    if numbers.is_empty() && !passed_on && !as_another && !as_above {
        return Err("the `SAFETY:` comment names no rule".into());
    }
    Ok(())
}

/// True if the last `SAFETY:` comment before the one of this line is near, and names a rule.
fn rule_above(source: &Source, line: usize) -> bool {
    const NEAR: usize = 12; // the reader still sees it
    let near = &source.comments[line.saturating_sub(NEAR)..line];
    let mut marks = (0..near.len()).rev().filter(|at| near[*at].contains("SAFETY:"));
    let above = marks.nth(1);
    above.is_some_and(|at| !numbers(&near[at..].join(" ")).is_empty())
}

/// The numbers after `rule` or `rules`.
fn numbers(text: &str) -> Vec<u32> {
    let mut numbers = Vec::new();
    let mut listing = false;
    for word in text.split_whitespace() {
        let bare = word.trim_matches(|c: char| !c.is_alphanumeric()).to_lowercase();
        match bare.parse() {
            Ok(number) if listing => numbers.push(number),
            _ => listing = matches!(bare.as_str(), "rule" | "rules") || listing && bare == "and",
        }
    }
    numbers
}

#[cfg(test)]
fn found(path: &str, code: &str) -> Vec<String> {
    check(&Source::parse(path, code), &TASK, &[1, 2]).into_iter().map(|found| found.what).collect()
}

#[test]
fn unsafe_in_another_folder_is_found() {
    let code = "// SAFETY: rule 1.\nunsafe { f() }";
    assert_eq!(found("sync/src/queue.rs", code), ["`unsafe` outside executor/src/task/"]);
    assert_eq!(found("executor/src/task/cell.rs", code), [""; 0]);
    let harmless = "#![forbid(unsafe_code)]\n// unsafe\nf(\"unsafe\");";
    assert_eq!(found("sync/src/lib.rs", harmless), [""; 0]);
}

#[test]
fn unsafe_without_a_rule_is_found() {
    let found = |code: &str| found("executor/src/task/cell.rs", code);
    assert_eq!(found("unsafe { f() }"), ["`unsafe` without a `SAFETY:` comment"]);
    assert_eq!(found("unsafe impl Send for A {}"), ["`unsafe` without a `SAFETY:` comment"]);
    assert_eq!(
        found("// SAFETY: we know that.\nunsafe { f() }"),
        ["the `SAFETY:` comment names no rule"]
    );
    assert_eq!(
        found("// SAFETY: rule 7.\nunsafe { f() }"),
        ["executor/src/task/mod.rs has no rule 7"]
    );
    assert_eq!(found("// SAFETY: rules 1\n// and 2.\nunsafe { f() }"), [""; 0]);
}

#[test]
fn as_above_needs_a_rule_above() {
    let found = |code: &str| found("executor/src/task/cell.rs", code);
    let as_above = "unsafe { f() };\n// SAFETY: as above.\nunsafe { g() };";
    assert_eq!(found(&format!("// SAFETY: rule 1.\n{as_above}")), [""; 0]);
    let nothing = "the `SAFETY:` comment names no rule";
    assert_eq!(found(&format!("// SAFETY: well.\n{as_above}")), [nothing; 2]);
    assert_eq!(found(&format!("// SAFETY: rule 1.\n{}{as_above}", "h();\n".repeat(12))).len(), 2);
}

#[test]
fn a_promise_is_only_passed_on_inside_an_unsafe_fn() {
    let found = |code: &str| found("executor/src/task/cell.rs", code);
    let inside = "// SAFETY: the caller's promise.\n    unsafe { f() }\n}";
    assert_eq!(
        found(&format!("/// # Safety\n/// Rule 1.\nunsafe fn g() {{\n    {inside}")),
        [""; 0]
    );
    assert_eq!(found(&format!("fn g() {{\n    {inside}")), ["the `SAFETY:` comment names no rule"]);
    assert_eq!(found("struct V {\n    poll: unsafe fn(u8),\n}"), [""; 0]);
}

#[test]
fn rules_are_read_from_a_numbered_list() {
    let source =
        Source::parse(TASK.rules, "//! # Rules\n//! 1. *One.* And\n//!    more.\n//! 2. *Two.*\n");
    assert_eq!(rules(&source), [1, 2]);
}
