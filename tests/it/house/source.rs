//! Source files as the gates see them: code without comments and texts, comments without code.

use std::fmt;
use std::ops::Range;
use std::path::{Path, PathBuf};

/// Stands for each character of a text, so that its lines count as code and its words as nothing.
const BLOT: char = '~'; // Rust gives this sign no meaning

/// The folders of the library: the five floors and the facade.
pub const LIBRARY: [&str; 6] = ["sync", "timer", "reactor", "executor", "macros", ""];

/// A Rust file.
pub struct Source {
    /// From the root of the repository, with `/`.
    pub path: String,
    /// The file itself.
    pub raw: String,
    /// The file with comments as spaces and the inside of texts as blots; every line break is kept.
    pub code: String,
    /// Line by line, what its comments say, without slashes and margins.
    pub comments: Vec<String>,
    /// Line by line: belongs to tests only.
    pub test: Vec<bool>,
    /// Where each line starts.
    starts: Vec<usize>,
}

/// What a gate refuses.
#[derive(Debug, PartialEq, Eq)]
pub struct Finding {
    pub path: String,
    pub line: usize,
    pub what: String,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}", self.path, self.line, self.what)
    }
}

/// Fails the gate if there are findings, and lists them.
#[track_caller]
pub fn none(gate: &str, findings: Vec<Finding>) {
    let list: Vec<String> = findings.iter().map(Finding::to_string).collect();
    assert!(list.is_empty(), "{gate}: {} findings\n{}\n", list.len(), list.join("\n"));
}

impl Source {
    pub fn parse(path: &str, raw: &str) -> Source {
        let (code, comments) = split(raw);
        let lines = comments.len();
        let all =
            path.starts_with("tests/") || path.contains("/tests/") || path.contains("/tests.");
        let breaks = code.match_indices('\n').map(|(at, _)| at + 1);
        let starts = std::iter::once(0).chain(breaks).collect();
        let test = vec![all; lines];
        let mut source =
            Source { path: path.into(), raw: raw.into(), code, comments, test, starts };
        for region in source.test_regions() {
            let lines = source.line(region.start)..source.line(region.end) + 1;
            source.test[lines].fill(true);
        }
        source
    }

    /// The line of an offset, counted from 0.
    pub fn line(&self, offset: usize) -> usize {
        self.starts.partition_point(|start| *start <= offset) - 1
    }

    /// Where a line starts.
    pub fn start(&self, line: usize) -> usize {
        self.starts[line]
    }

    pub fn finding(&self, offset: usize, what: impl Into<String>) -> Finding {
        self.finding_at_line(self.line(offset), what)
    }

    pub fn finding_at_line(&self, line: usize, what: impl Into<String>) -> Finding {
        Finding { path: self.path.clone(), line: line + 1, what: what.into() }
    }

    /// True if the offset belongs to tests only.
    pub fn is_test(&self, offset: usize) -> bool {
        self.test[self.line(offset)]
    }

    /// How many of these lines hold code.
    pub fn code_lines(&self, lines: Range<usize>) -> usize {
        let lines = self.code.lines().skip(lines.start).take(lines.len());
        lines.filter(|line| !line.trim().is_empty()).count()
    }

    /// Names, keywords and numbers, with their offsets.
    pub fn words(&self) -> impl Iterator<Item = (usize, &str)> {
        words(&self.code)
    }

    /// The offset of the bracket that closes the one at `open`.
    pub fn closing(&self, open: usize) -> usize {
        closing(&self.code, open)
    }

    /// The items under `#[cfg(test)]`.
    fn test_regions(&self) -> Vec<Range<usize>> {
        let starts = self.code.match_indices("#[cfg(test)]").map(|(start, _)| start);
        starts.map(|start| start..item_end(&self.code, start)).collect()
    }

    /// The files that this one declares as `#[cfg(test)] mod name;`.
    fn test_modules(&self) -> Vec<String> {
        let path = Path::new(&self.path);
        let stem = path.file_stem().unwrap_or_default();
        let mut folder = path.parent().unwrap_or(Path::new("")).to_path_buf();
        if stem != "lib" && stem != "mod" && stem != "main" {
            folder.push(stem);
        }
        let names = self.test_regions().into_iter().filter_map(|region| {
            let item: Vec<(usize, &str)> = words(&self.code[region.clone()]).collect();
            let at = item.iter().position(|(_, word)| *word == "mod")?;
            self.code[region].ends_with(';').then(|| item[at + 1].1)
        });
        names.map(|name| folder.join(format!("{name}.rs")).display().to_string()).collect()
    }
}

/// The root of the repository.
pub fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Every file of the library, tests of private parts included (all their lines marked).
pub fn library() -> Vec<Source> {
    let folders = LIBRARY
        .map(|folder| if folder.is_empty() { "src".into() } else { format!("{folder}/src") });
    let mut sources = under(&folders.each_ref().map(String::as_str));
    let tests: Vec<String> = sources.iter().flat_map(Source::test_modules).collect();
    for source in sources.iter_mut().filter(|source| tests.contains(&source.path)) {
        source.test.fill(true);
    }
    sources
}

/// The Rust files of these folders, sorted by path; a folder that is not there has none.
pub fn under(folders: &[&str]) -> Vec<Source> {
    let mut paths = Vec::new();
    for folder in folders {
        collect(&root().join(folder), &mut paths);
    }
    paths.sort();
    let parse = |path: &PathBuf| {
        let raw = std::fs::read_to_string(path).ok()?; // removed since it was listed
        let path = path.strip_prefix(root()).expect("every path was found under the root");
        Some(Source::parse(&path.display().to_string(), &raw))
    };
    paths.iter().filter_map(parse).collect()
}

fn collect(folder: &Path, paths: &mut Vec<PathBuf>) {
    for entry in folder.read_dir().into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() && path.file_name().is_none_or(|name| name != "target") {
            collect(&path, paths);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            paths.push(path);
        }
    }
}

/// Names, keywords and numbers of a piece of code, with their offsets.
pub fn words(code: &str) -> impl Iterator<Item = (usize, &str)> {
    let belongs = |c: char| c.is_alphanumeric() || c == '_';
    code.split(move |c| !belongs(c))
        .filter(|word| !word.is_empty())
        .map(|word| (word.as_ptr() as usize - code.as_ptr() as usize, word))
}

/// The offset of the bracket that closes the one at `open`.
pub fn closing(code: &str, open: usize) -> usize {
    let mut depth = 0;
    for (at, c) in code[open..].char_indices() {
        match c {
            '(' | '[' | '{' => depth += 1,
            ')' | ']' | '}' => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return open + at;
        }
    }
    code.len() - 1
}

/// The last offset of the item at `start`: its `;`, or the end of its body.
pub fn item_end(code: &str, start: usize) -> usize {
    let mut at = start;
    while let Some(found) = code[at..].find(['(', '[', '{', ';']) {
        at += found;
        match code.as_bytes()[at] {
            b';' => return at + 1,
            b'{' => return closing(code, at) + 1,
            _ => at = closing(code, at) + 1,
        }
    }
    code.len()
}

/// Code and comments of a file, apart from each other.
fn split(raw: &str) -> (String, Vec<String>) {
    let mut code = String::with_capacity(raw.len());
    let mut comments = vec![String::new(); raw.lines().count().max(1)];
    let mut rest = raw;
    let mut line = 0;
    while let Some(first) = rest.chars().next() {
        let (length, kind) = piece(rest, code.chars().next_back());
        let text = &rest[..length];
        for c in text.chars() {
            let shown = match kind {
                _ if c == '\n' => '\n',
                Kind::Code => c,
                Kind::Comment => ' ',
                Kind::Text if c == '"' || c == '\'' && first == c => c,
                Kind::Text => BLOT,
            };
            // One character may be several bytes: offsets must stay those of the file.
            let width = if shown == c { 1 } else { c.len_utf8() };
            code.extend(std::iter::repeat_n(shown, width));
        }
        if kind == Kind::Comment {
            for (at, part) in text.lines().enumerate() {
                let part = part.trim().trim_start_matches(['/', '!', '*']).trim_end_matches("*/");
                comments[line + at].push_str(part.trim());
            }
        }
        line += text.matches('\n').count();
        rest = &rest[length..];
    }
    (code, comments)
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Code,
    Comment,
    Text,
}

/// The length of the first comment, text or single character, and which of them it is.
fn piece(rest: &str, before: Option<char>) -> (usize, Kind) {
    let line = rest.find('\n').unwrap_or(rest.len());
    let first = rest.chars().next().map_or(0, char::len_utf8);
    let in_word = before.is_some_and(|c| c.is_alphanumeric() || c == '_');
    if rest.starts_with("//") {
        return (line, Kind::Comment);
    }
    if rest.starts_with("/*") {
        return (block_comment(rest), Kind::Comment);
    }
    if rest.starts_with('"') {
        return (quoted(rest, 0, '"'), Kind::Text);
    }
    if rest.starts_with('\'') {
        let mut inside = rest.chars().skip(1);
        return match (inside.next(), inside.next()) {
            (Some('\\'), _) | (Some(_), Some('\'')) => (quoted(rest, 0, '\''), Kind::Text),
            _ => (first, Kind::Code), // a lifetime
        };
    }
    let prefix = rest.find(|c| c != 'r' && c != 'b' && c != 'c').unwrap_or(0);
    if !in_word && (1..=2).contains(&prefix) && rest[..prefix].contains('r') {
        let hashes = rest[prefix..].bytes().take_while(|byte| *byte == b'#').count();
        if rest[prefix + hashes..].starts_with('"') {
            let close = format!("\"{}", "#".repeat(hashes));
            let from = prefix + hashes + 1;
            let end = rest[from..].find(&close).map_or(rest.len(), |at| from + at + close.len());
            return (end, Kind::Text);
        }
    }
    (first, Kind::Code)
}

fn block_comment(rest: &str) -> usize {
    let mut depth = 0;
    let mut at = 0;
    while at < rest.len() {
        let step = match &rest.as_bytes()[at..] {
            [b'/', b'*', ..] => (2, 1),
            [b'*', b'/', ..] => (2, -1),
            _ => (1, 0),
        };
        at += step.0;
        depth += step.1;
        if depth == 0 {
            break;
        }
    }
    at
}

fn quoted(rest: &str, open: usize, quote: char) -> usize {
    let mut escaped = false;
    for (at, c) in rest.char_indices().skip(open + 1) {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            _ if c == quote => return at + 1,
            _ => {}
        }
    }
    rest.len()
}

#[test]
fn comments_and_texts_are_not_code_and_offsets_stay() {
    let raw = "let a = \"x // y\"; // unsafe “q”\nlet b = 'u'; /* a /* b */\n c */ fn f<'a>() {}\n";
    let source = Source::parse("src/x.rs", raw);
    let code = source.code.as_str();
    assert_eq!(code.len(), raw.len());
    assert!(code.starts_with("let a = \"~~~~~~\"; "), "{code}");
    assert!(!code.contains("unsafe") && code.contains("fn f<'a>() {}"), "{code}");
    assert_eq!(source.comments, ["unsafe “q”", "a /* b", "c"]);
    assert_eq!(code.find("fn f"), raw.find("fn f"));
}

#[test]
fn raw_texts_and_escapes_end_where_they_end() {
    let source =
        Source::parse("src/x.rs", "f(r#\"a\" unwrap()\"#, \"\\\"unwrap()\", '\\'', br\"\\\"); g()");
    let words: Vec<&str> = source.words().map(|(_, word)| word).collect();
    assert_eq!(words, ["f", "g"]);
}

#[test]
fn tests_are_told_from_the_rest() {
    let raw = "fn a() {}\n#[cfg(test)]\nmod tests {\n    fn b() {}\n}\nfn c() {}\n#[cfg(test)]\npub mod lexer;\n";
    let source = Source::parse("macros/src/tree.rs", raw);
    assert_eq!(source.test, [false, true, true, true, true, false, true, true]);
    assert_eq!(source.test_modules(), ["macros/src/tree/lexer.rs"]);
    assert!(Source::parse("sync/src/queue/tests.rs", "fn a() {}").is_test(0));
}
