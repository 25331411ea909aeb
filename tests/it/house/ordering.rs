//! Atomic operations, the reason each gives for its ordering, and the pairs they form.

use std::collections::BTreeMap;

use super::argument;
use super::source::{Finding, Source, words};

/// The five orderings; our code imports them by name.
const ORDERINGS: [&str; 5] = ["Relaxed", "Acquire", "Release", "AcqRel", "SeqCst"];

/// Exempt: this is where the operations are made.
fn is_shim(source: &Source) -> bool {
    source.path.starts_with("sync/src/shim")
}

/// One atomic operation or fence.
struct Operation {
    at: usize,
    /// The offset of the bracket after its arguments.
    end: usize,
    relaxed: bool,
    /// `SeqCst` on what is no fence: loom would check it as if it were weaker.
    unmodelled: bool,
}

/// Every operation under its own `ORDERING:` comment, and no ordering away from its operation.
pub fn operations_are_argued(source: &Source) -> Vec<Finding> {
    if is_shim(source) {
        return Vec::new();
    }
    let operations = operations(source);
    let mut findings = Vec::new();
    for operation in &operations {
        if operation.unmodelled {
            let what = "SeqCst operation: loom models only `fence(SeqCst)`";
            findings.push(source.finding(operation.at, what));
        }
        let line = source.line(operation.at);
        let Some(text) = argument::over(source, line, "ORDERING:") else {
            findings.push(source.finding(operation.at, "atomic operation without `ORDERING:`"));
            continue;
        };
        let reason = text.trim_start_matches("ORDERING:").trim();
        let refers = ["see ", "as "].iter().any(|word| reason.to_lowercase().contains(word));
        if operation.relaxed && reason.split_whitespace().count() < 3 {
            findings.push(source.finding(operation.at, "Relaxed without a reason"));
        } else if !operation.relaxed && !refers && !reason.contains('`') {
            findings.push(
                source.finding(operation.at, "an ordering stronger than Relaxed without a label"),
            );
        }
    }
    // Without the import these words are names of our own, such as the future `Acquire`.
    let imported = source.code.contains("Ordering");
    for (at, word) in source.words().filter(|(_, word)| imported && ORDERINGS.contains(word)) {
        let ordered =
            operations.iter().any(|operation| (operation.at..operation.end).contains(&at));
        if !ordered && !source.is_test(at) && !in_use(&source.code, at) {
            let what = format!("`{word}` away from the operation that it orders");
            findings.push(source.finding(at, what));
        }
    }
    findings
}

/// True if there is an atomic operation or a fence, tests aside.
pub fn is_atomic(source: &Source) -> bool {
    !operations(source).is_empty()
}

fn operations(source: &Source) -> Vec<Operation> {
    let mut operations = Vec::new();
    for (at, name) in source.words() {
        let open = at + name.len();
        let is_method = source.code[..at].ends_with('.');
        let certain = is_method
            && (name.starts_with("compare_exchange") || name.starts_with("fetch_"))
            || !is_method && name == "fence";
        let likely = is_method && ["load", "store", "swap"].contains(&name);
        let called = source.code[open..].starts_with('(') && !source.code[..at].ends_with("fn ");
        if !called || !certain && !likely || source.is_test(at) {
            continue;
        }
        let end = source.closing(open);
        let arguments: Vec<&str> = words(&source.code[open..end]).map(|(_, word)| word).collect();
        let mut orderings = arguments.iter().filter(|word| ORDERINGS.contains(word)).peekable();
        let passed_on = ["order", "ordering"].iter().any(|name| arguments.contains(name));
        if certain || passed_on || orderings.peek().is_some() {
            let relaxed = !passed_on && orderings.all(|word| *word == "Relaxed");
            let unmodelled = is_method && arguments.contains(&"SeqCst");
            operations.push(Operation { at, end, relaxed, unmodelled });
        }
    }
    operations
}

/// True inside a `use` item.
fn in_use(code: &str, at: usize) -> bool {
    let start = code[..at].rfind(';').map_or(0, |semicolon| semicolon + 1);
    code[start..at].split_whitespace().take(4).any(|word| word == "use")
}

/// On which side of a pair an operation stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Side {
    Release,
    Acquire,
    Both,
    /// A `SeqCst` fence: the two ends are alike.
    Fence,
    Unsaid,
    /// A relaxed operation says which pair orders it; it is no end of that pair.
    Ordered,
}

/// Every label used on both sides, and listed in the table of each file that uses it.
pub fn labels_are_paired(sources: &[Source]) -> Vec<Finding> {
    let mut uses: BTreeMap<String, Vec<(&Source, usize, Side)>> = BTreeMap::new();
    let mut findings = Vec::new();
    let tables: Vec<Vec<Row>> = sources.iter().map(table).collect();
    let listed = |label: &str| tables.iter().flatten().any(|row| row.label == label);
    for (source, table) in sources.iter().zip(&tables).filter(|(source, _)| !is_shim(source)) {
        for (label, line, side) in mentions(source, &listed) {
            if [Side::Unsaid, Side::Ordered].contains(&side) && !is_label(&label) {
                continue; // a method of the same name
            }
            if !table.iter().any(|row| row.label == label) {
                let what = format!("label `{label}` is not in this file's table of orderings");
                findings.push(source.finding_at_line(line, what));
            }
            if side == Side::Unsaid {
                let what = format!("`{label}`: say whether this is its release or acquire side");
                findings.push(source.finding_at_line(line, what));
            }
            if side != Side::Ordered {
                uses.entry(label).or_default().push((source, line, side));
            }
        }
    }
    for (source, table) in sources.iter().zip(&tables) {
        for row in table {
            let used = uses.get(&row.label).into_iter().flatten();
            let sides: Vec<Side> = used.map(|(_, _, side)| *side).collect();
            if let Some(what) = missing(row, &sides) {
                findings.push(source.finding_at_line(row.line, what));
            }
        }
    }
    findings
}

/// One row of a table of orderings.
struct Row {
    label: String,
    line: usize,
    /// The table says that one of the two sides is `none`: a fence before something that is not
    /// memory, such as a look at the clock.
    one_sided: bool,
}

/// What the operations with this label lack.
fn missing(row: &Row, sides: &[Side]) -> Option<String> {
    let label = &row.label;
    let has = |side| sides.contains(&side) || sides.contains(&Side::Both);
    let fences = sides.iter().filter(|side| **side == Side::Fence).count();
    if sides.is_empty() {
        Some(format!("label `{label}` is in the table, and no operation uses it"))
    } else if row.one_sided {
        None
    } else if fences == sides.len() {
        (fences < 2).then(|| format!("`{label}` has one fence; the other end has none"))
    } else if !has(Side::Release) && fences == 0 {
        Some(format!("no operation is the release side of `{label}`"))
    } else if !has(Side::Acquire) && fences == 0 {
        Some(format!("no operation is the acquire side of `{label}`"))
    } else {
        None
    }
}

/// The rows of the file's tables whose first column is headed `label`.
fn table(source: &Source) -> Vec<Row> {
    let mut rows = Vec::new();
    let mut in_table = false;
    for (line, comment) in source.comments.iter().enumerate() {
        let cells: Vec<&str> = comment.split('|').map(str::trim).collect();
        let ["", label, sides @ ..] = &cells[..] else {
            in_table = false;
            continue;
        };
        in_table |= *label == "label";
        let label = label.strip_prefix('`').and_then(|rest| rest.strip_suffix('`'));
        if let Some(label) = label.filter(|_| in_table) {
            let one_sided = sides.iter().take(2).any(|side| *side == "none");
            rows.push(Row { label: label.to_owned(), line, one_sided });
        }
    }
    rows
}

/// The labels that the `ORDERING:` comments of a file name, with their lines and sides.
fn mentions(source: &Source, listed: &dyn Fn(&str) -> bool) -> Vec<(String, usize, Side)> {
    let mut mentions = Vec::new();
    for line in 0..source.comments.len() {
        let Some(from) = source.comments[line].find("ORDERING:") else { continue };
        if source.test[line] {
            continue;
        }
        let mut text = source.comments[line][from + "ORDERING:".len()..].to_owned();
        let code = source.code.lines().skip(line + 1).zip(&source.comments[line + 1..]);
        for (_, more) in code.take_while(|(code, more)| code.trim().is_empty() && !more.is_empty())
        {
            text = format!("{text} {more}");
        }
        for (label, side) in sides(&text, listed) {
            mentions.push((label, line, side));
        }
    }
    mentions
}

/// `AcqRel, release side of `a`, acquire side of `b`` as [(a, Release), (b, Acquire)].
fn sides(text: &str, listed: &dyn Fn(&str) -> bool) -> Vec<(String, Side)> {
    let mut found = Vec::new();
    let mut side = Side::Unsaid;
    let parts: Vec<&str> = text.split('`').collect();
    for (at, part) in parts.iter().enumerate() {
        let after = parts.get(at + 1).copied().unwrap_or_default().trim_start().to_lowercase();
        if at % 2 == 0 {
            for (_, word) in words(part) {
                side = match word.to_lowercase().as_str() {
                    "release" => Side::Release,
                    "acquire" => Side::Acquire,
                    "acqrel" | "both" => Side::Both,
                    "seqcst" | "fence" => Side::Fence,
                    "relaxed" => Side::Ordered,
                    _ => side,
                };
            }
        } else if after.starts_with("release side") {
            found.push((part.to_string(), Side::Release));
        } else if after.starts_with("acquire side") {
            found.push((part.to_string(), Side::Acquire));
        } else if listed(part) || is_label(part) {
            found.push((part.to_string(), side));
        }
    }
    found
}

/// True for words with a hyphen between them, which no name in Rust has.
fn is_label(text: &str) -> bool {
    text.contains('-')
        && text.split('-').all(|word| {
            !word.is_empty() && word.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit())
        })
}

#[cfg(test)]
fn unargued(code: &str) -> Vec<String> {
    let source = Source::parse("timer/src/x.rs", code);
    operations_are_argued(&source).into_iter().map(|found| found.to_string()).collect()
}

#[test]
fn an_operation_without_a_reason_is_found() {
    let missing = "timer/src/x.rs:1: atomic operation without `ORDERING:`";
    for code in [
        "a.load(Relaxed);",
        "a.store(1, Ordering::Release);",
        "a\n    .swap(1, AcqRel);",
        "a.fetch_or(1, order);",
        "a.compare_exchange_weak(\n    1, 2, AcqRel, Acquire);",
        "fence(SeqCst);",
        "atomic::fence(SeqCst);",
    ] {
        let found = unargued(code);
        assert_eq!(found.len(), 1, "{code}: {found:?}");
        assert!(found[0].ends_with(&missing[18..]), "{code}: {found:?}");
    }
    for code in
        ["std::mem::swap(a, b);", "list.swap(1, 2);", "cache.load(key);", "fn fence(a: u8) {}"]
    {
        assert_eq!(unargued(code), [""; 0]);
    }
}

#[test]
fn a_reason_without_content_is_found() {
    let found = unargued("// ORDERING: Relaxed.\na.load(Relaxed);");
    assert_eq!(found, ["timer/src/x.rs:2: Relaxed without a reason"]);
    let found = unargued("// ORDERING: Release, so that it is seen.\na.store(1, Release);");
    assert_eq!(found, ["timer/src/x.rs:2: an ordering stronger than Relaxed without a label"]);
    assert_eq!(unargued("// ORDERING: Relaxed. A first guess.\na.load(Relaxed);"), [""; 0]);
    assert_eq!(unargued("// ORDERING: release side of `a-b`.\na.store(1, Release);"), [""; 0]);
}

#[test]
fn a_sequentially_consistent_operation_is_found_and_a_fence_is_not() {
    let found = unargued("// ORDERING: SeqCst, `a-b`.\na.store(1, SeqCst);");
    assert_eq!(found, ["timer/src/x.rs:2: SeqCst operation: loom models only `fence(SeqCst)`"]);
    assert_eq!(unargued("// ORDERING: SeqCst, `a-b`.\nfence(SeqCst);"), [""; 0]);
}

#[test]
fn one_reason_does_not_cover_the_next_statement() {
    let found =
        unargued("// ORDERING: Relaxed. For people only.\na.load(Relaxed);\nb.load(Relaxed);");
    assert_eq!(found, ["timer/src/x.rs:3: atomic operation without `ORDERING:`"]);
}

#[test]
fn an_ordering_away_from_its_operation_is_found() {
    let found = unargued("use a::Ordering::{Acquire, Relaxed};\nlet how = Acquire;\na.load(how);");
    assert_eq!(found, ["timer/src/x.rs:2: `Acquire` away from the operation that it orders"]);
}

#[cfg(test)]
fn unpaired(table: &str, comments: &[&str]) -> Vec<String> {
    let rows: String =
        table.split(' ').map(|label| format!("//! | `{label}` | a | b | c |\n")).collect();
    let mut code = format!("//! | label | release side | acquire side | what crosses |\n{rows}");
    for comment in comments {
        code.push_str(&format!("// ORDERING: {comment}\nf();\n"));
    }
    let sources = [Source::parse("timer/src/x.rs", &code)];
    labels_are_paired(&sources).into_iter().map(|found| found.what).collect()
}

#[test]
fn a_label_with_one_end_is_found() {
    assert_eq!(unpaired("a-b", &["release side of `a-b`.", "Acquire, of `a-b`."]), [""; 0]);
    assert_eq!(unpaired("a-b", &["AcqRel, both sides of `a-b`."]), [""; 0]);
    let one = unpaired("a-b", &["AcqRel, release side of `a-b`."]);
    assert_eq!(one, ["no operation is the acquire side of `a-b`"]);
    let one = unpaired("a-b", &["acquire side of `a-b`, see `f`."]);
    assert_eq!(one, ["no operation is the release side of `a-b`"]);
    let one = unpaired("a-b", &["SeqCst, `a-b`."]);
    assert_eq!(one, ["`a-b` has one fence; the other end has none"]);
    assert_eq!(unpaired("a-b", &["SeqCst, `a-b`.", "SeqCst fence of `a-b`."]), [""; 0]);
}

#[test]
fn a_label_must_be_in_the_table_and_the_table_in_use() {
    let found = unpaired("a-b", &["both sides of `a-b`.", "both sides of `b-a`."]);
    assert_eq!(found, ["label `b-a` is not in this file's table of orderings"]);
    let found = unpaired("a-b c-d", &["both sides of `a-b`."]);
    assert_eq!(found, ["label `c-d` is in the table, and no operation uses it"]);
    let found = unpaired("a-b", &["both sides of `a-b`.", "`note` release side."]);
    assert_eq!(found, ["label `note` is not in this file's table of orderings"]);
    assert_eq!(unpaired("a-b", &["both sides of `a-b`.", "Relaxed; see `note`."]), [""; 0]);
    let found = unpaired("a-b", &["both sides of `a-b`.", "Relaxed. `a-b` and `c-d` order it."]);
    assert_eq!(found, ["label `c-d` is not in this file's table of orderings"]);
    let found = unpaired("a-b", &["both sides of `a-b`.", "of `a-b`."]);
    assert_eq!(found, ["`a-b`: say whether this is its release or acquire side"]);
}
