//! How long files and functions are.

use std::ops::Range;

use super::source::{Finding, Source};

/// Code lines of a file.
const FILE: usize = 320;
/// Code lines of a function.
const FUNCTION: usize = 60;

/// A named function: where it starts, where its body is, and what it is called.
pub struct Function<'a> {
    pub name: &'a str,
    pub start: usize,
    pub body: Range<usize>,
    pub is_unsafe: bool,
}

pub fn files(source: &Source) -> Vec<Finding> {
    let length = source.code_lines(0..source.test.len());
    if length <= FILE {
        return Vec::new();
    }
    vec![source.finding(0, format!("{length} code lines, at most {FILE} in a file"))]
}

pub fn functions(source: &Source) -> Vec<Finding> {
    let mut findings = Vec::new();
    for function in named(source) {
        let lines = source.line(function.start)..source.line(function.body.end) + 1;
        let length = source.code_lines(lines);
        if length > FUNCTION {
            let what = format!("`{}` has {length} code lines, at most {FUNCTION}", function.name);
            findings.push(source.finding(function.start, what));
        }
    }
    findings
}

/// The functions that have a name and a body.
pub fn named(source: &Source) -> Vec<Function<'_>> {
    let words: Vec<(usize, &str)> = source.words().collect();
    let mut functions = Vec::new();
    for (at, (start, word)) in words.iter().enumerate() {
        let Some((name_at, name)) = words.get(at + 1) else { break };
        let between = &source.code[start + word.len()..*name_at];
        if *word != "fn" || !["", "$"].contains(&between.trim()) {
            continue; // another word, or the type of a function pointer
        }
        let Some(open) = body(&source.code, *name_at) else { continue };
        let is_unsafe = at > 0 && words[at - 1].1 == "unsafe";
        let body = open..source.closing(open);
        functions.push(Function { name, start: *start, body, is_unsafe });
    }
    functions
}

/// The opening bracket of the body, unless the function has none.
fn body(code: &str, mut at: usize) -> Option<usize> {
    loop {
        at += code[at..].find(['(', '[', '{', ';'])?;
        match code.as_bytes()[at] {
            b';' => return None,
            b'{' => return Some(at),
            _ => at = super::source::closing(code, at) + 1,
        }
    }
}

#[test]
fn a_long_file_is_found_and_comments_do_not_count() {
    let long = "static A: u8 = 0;\n".repeat(FILE + 1);
    let found = files(&Source::parse("src/x.rs", &long));
    assert_eq!(found[0].to_string(), "src/x.rs:1: 321 code lines, at most 320 in a file");
    let fits = "static A: u8 = 0; // why\n// and\n\n".repeat(FILE);
    assert_eq!(files(&Source::parse("src/x.rs", &fits)), []);
}

#[test]
fn a_long_function_is_found_at_its_line() {
    let body = "    step();\n    // why\n".repeat(FUNCTION - 1);
    let long = format!("type F = fn(u8) -> u8;\n\nfn long(a: [u8; 2]) -> u8\n{{\n{body}}}\n");
    let found = functions(&Source::parse("src/x.rs", &long));
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].to_string(), "src/x.rs:3: `long` has 62 code lines, at most 60");
    let fits = long.replacen("    step();\n    step();\n", "", 1).replacen("step();", "", 2);
    assert_eq!(functions(&Source::parse("src/x.rs", &fits)), []);
}
