//! `READING.md`: the source files in teaching order.

use super::source::Finding;

/// Every file once, and no file that is not there.
pub fn check(text: &str, files: &[&str]) -> Vec<Finding> {
    let named = named(text);
    let mut findings = Vec::new();
    let mut finding = |line, what| findings.push(Finding { path: "READING.md".into(), line, what });
    for file in files {
        let lines: Vec<usize> =
            named.iter().filter(|(_, name)| name == file).map(|(line, _)| *line).collect();
        match lines[..] {
            [] => finding(1, format!("`{file}` is missing")),
            [_] => {}
            [_, again, ..] => finding(again, format!("`{file}` is named {} times", lines.len())),
        }
    }
    for (line, name) in named {
        if !files.contains(&name) {
            finding(line, format!("`{name}` is no source file of the library"));
        }
    }
    findings
}

/// The paths of Rust files between backticks, with their lines.
fn named(text: &str) -> Vec<(usize, &str)> {
    let mut named = Vec::new();
    for (at, line) in text.lines().enumerate() {
        let quoted = line.split('`').skip(1).step_by(2);
        let paths = quoted.filter(|name| name.ends_with(".rs") && name.contains('/'));
        named.extend(paths.map(|name| (at + 1, name)));
    }
    named
}

#[test]
fn files_missing_repeated_and_gone_are_found() {
    let text =
        "# Reading\n1. `a/src/x.rs`: first\n2. `a/src/y.rs`, `b/src/old.rs`\n3. `a/src/x.rs`\n";
    let found = check(text, &["a/src/x.rs", "a/src/y.rs", "a/src/z.rs"]);
    let found: Vec<String> = found.iter().map(Finding::to_string).collect();
    let expected = [
        "READING.md:4: `a/src/x.rs` is named 2 times",
        "READING.md:1: `a/src/z.rs` is missing",
        "READING.md:3: `b/src/old.rs` is no source file of the library",
    ];
    assert_eq!(found, expected);
}
