//! Finds the comment that argues for a line of code.

use super::source::Source;

/// How many lines of one statement are looked through for its comment.
const REACH: usize = 16; // a struct of counters, read field by field, under one reason

/// What the comment with this mark says about the statement at `line`, from the mark on.
///
/// The comment stands at the end of a line of the statement, between its lines, or directly above
/// it; attributes and other comments may stand between, an empty line or another statement not.
pub fn over(source: &Source, line: usize, mark: &str) -> Option<String> {
    let code: Vec<&str> = source.code.lines().collect();
    let mut at = line;
    for _ in 0..REACH {
        if let Some(from) = source.comments[at].find(mark) {
            let mut text = source.comments[at][from..].to_owned();
            let between = code.iter().zip(&source.comments).take(line).skip(at + 1);
            for (_, comment) in between.filter(|(code, _)| code.trim().is_empty()) {
                text = format!("{text} {comment}");
            }
            return Some(text);
        }
        at = at.checked_sub(1)?;
        let comment = !source.comments[at].is_empty() || is_margin(source, at);
        if ends_statement(code[at].trim(), comment) {
            return None;
        }
    }
    None
}

/// True if nothing below this line belongs to the statement that it is part of.
fn ends_statement(code: &str, comment: bool) -> bool {
    if code.is_empty() {
        return !comment;
    }
    if code.starts_with("#[") {
        return false;
    }
    let Some(before) = code.strip_suffix('{') else {
        return code.ends_with([';', '}']);
    };
    // The fields of a struct that is built belong to the statement; the lines of a block do not.
    let last = before.trim_end().rsplit([' ', ':', '(']).next().unwrap_or_default();
    let is_value = last.starts_with(char::is_uppercase);
    let is_item = ["impl", "struct", "enum", "trait", "fn"]
        .iter()
        .any(|item| super::source::words(before).any(|(_, word)| word == *item));
    !is_value || is_item
}

/// True for a line that is an empty line within a comment.
fn is_margin(source: &Source, line: usize) -> bool {
    source.raw.lines().nth(line).is_some_and(|raw| raw.trim_start().starts_with("//"))
}

#[cfg(test)]
fn found(code: &str) -> Option<String> {
    let line = code.lines().position(|line| line.contains("HERE")).expect("the sample says HERE");
    over(&Source::parse("src/x.rs", code), line, "MARK:")
}

#[test]
fn a_comment_is_found_above_within_and_beside_its_statement() {
    let whole = Some("MARK: one two".to_owned());
    assert_eq!(found("a();\n// MARK: one\n// two\nHERE();"), whole);
    assert_eq!(found("a();\n// MARK: one two\nlet x = y\n    .z(1,\n    2)\n    .HERE();"), whole);
    assert_eq!(found("let x = y\n    // MARK: one two\n    .HERE();"), whole);
    assert_eq!(found("HERE(); // MARK: one two"), whole);
    assert_eq!(found("// MARK: one two\n#[inline]\nHERE();"), whole);
    assert_eq!(
        found("// MARK: one two\nlet m = Metrics {\n    a: b(),\n    c: HERE(),\n};"),
        whole
    );
}

#[test]
fn a_comment_of_another_statement_is_not_taken() {
    assert_eq!(found("// MARK: one\na();\nHERE();"), None);
    assert_eq!(found("// MARK: one\n\nHERE();"), None);
    assert_eq!(found("// MARK: one\nloop {\n    HERE();"), None);
    assert_eq!(found("// MARK: one\nimpl Metrics {\n    HERE();"), None);
    assert_eq!(found("// MARK: one\nif a { b() }\nHERE();"), None);
    assert_eq!(found("HERE();\n// MARK: one"), None);
}
