//! The models: each says what it proves, and names a mutation that it was seen to catch.

use super::source::{Finding, Source, words};

/// What the header of a model says.
const HEADER: [&str; 4] = ["Property:", "Threads:", "Bound:", "Killed by:"];
/// Shorter than this a mutation is not named.
const SHORTEST: usize = 12; // "Relaxed load" is the shortest that still tells what to change

/// Every row of a list of models names the mutation, and its body has a header.
pub fn check(source: &Source) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (at, end) in rows(source) {
        let row = at..end;
        let killed_by = field(source, row.clone(), "killed_by").unwrap_or_default();
        let text = &source.raw[killed_by];
        if !text.starts_with('"') || text.trim_matches(['"', ' ']).len() < SHORTEST {
            findings.push(source.finding(at, "this model names no mutation in `killed_by`"));
        }
        let body = field(source, row, "body").map(|body| source.code[body].trim().to_owned());
        let body = body.as_deref().unwrap_or_default();
        if let Some(what) = header(source, body) {
            findings.push(source.finding(at, what));
        }
    }
    findings
}

/// How many rows there are.
pub fn count(source: &Source) -> usize {
    rows(source).len()
}

/// The names of the models in this file.
pub fn names(source: &Source) -> Vec<String> {
    let name = |(at, end)| {
        let name = field(source, at..end, "name")?;
        Some(source.raw[name].trim().trim_matches('"').to_owned())
    };
    rows(source).into_iter().filter_map(name).collect()
}

/// The `Model { .. }` values: offsets of the name and of the closing bracket.
fn rows(source: &Source) -> Vec<(usize, usize)> {
    let is_row = |(at, word): &(usize, &str)| {
        let before = words(&source.code[..*at]).last().map_or("", |(_, word)| word);
        let opens = source.code[at + word.len()..].trim_start().starts_with('{');
        *word == "Model" && opens && !["struct", "impl", "for"].contains(&before)
    };
    let row = |(at, _): (usize, &str)| {
        let open = at + source.code[at..].find('{').expect("a row was found by its bracket");
        (at, source.closing(open))
    };
    source.words().filter(is_row).map(row).collect()
}

/// Where the value of a field is, up to its comma.
fn field(
    source: &Source,
    row: std::ops::Range<usize>,
    name: &str,
) -> Option<std::ops::Range<usize>> {
    let code = &source.code[row.clone()];
    let start = code.find(&format!("{name}:"))? + name.len() + 1;
    let start = start + code[start..].find(|c: char| !c.is_whitespace())?;
    let length = code[start..].find([',', '\n']).unwrap_or(code.len() - start);
    Some(row.start + start..row.start + start + length)
}

/// What is missing in the comment above the function `name`, if it is in this file.
fn header(source: &Source, name: &str) -> Option<String> {
    let name = name.rsplit("::").next().unwrap_or(name);
    let at = source.code.find(&format!("fn {name}("))?;
    let line = source.line(at);
    let above = (0..line).rev().take_while(|line| !source.comments[*line].is_empty());
    let text: Vec<&str> = above.map(|line| source.comments[line].as_str()).collect();
    let text = text.join(" ");
    let missing = HEADER.iter().find(|word| !text.to_lowercase().contains(&word.to_lowercase()));
    missing.map(|word| format!("the header of `{name}` says no `{word}`"))
}

#[test]
fn a_model_without_a_mutation_or_header_is_found() {
    let text = r#"
pub const MODELS: &[Model] = &[
    Model { name: "a", killed_by: "Relaxed exchange in `step`", body: a },
    Model { name: "b", killed_by: "", body: b },
    Model { name: "c", body: c::c },
];
/// Property: p. Threads: two.
/// Bound: none. Killed by: Relaxed exchange.
fn a() {}
/// Property: p. Threads: two. Bound: 2.
fn b() {}
struct Model { killed_by: u8 }
"#;
    let source = Source::parse("tests/models/sync.rs", text);
    let found: Vec<String> = check(&source).iter().map(Finding::to_string).collect();
    let expected = [
        "tests/models/sync.rs:4: this model names no mutation in `killed_by`",
        "tests/models/sync.rs:4: the header of `b` says no `Killed by:`",
        "tests/models/sync.rs:5: this model names no mutation in `killed_by`",
    ];
    assert_eq!(found, expected);
    assert_eq!(count(&source), 3);
}
