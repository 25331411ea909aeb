//! Every name of the facade is shown in use where it is documented, and every function says how it
//! may end.

use super::names::spell_out;
use super::source::{Finding, Source, words};

/// Where the facade hands its names on.
const FACADE: [&str; 9] = [
    "src/lib.rs",
    "src/future.rs",
    "src/net.rs",
    "src/pool.rs",
    "src/pool/builder.rs",
    "src/pool/error.rs",
    "src/pool/guard.rs",
    "src/pool/manager.rs",
    "src/pool/stats.rs",
];
/// What begins an item that can have a name.
const KINDS: [&str; 8] = ["fn", "struct", "enum", "trait", "type", "const", "union", "macro_rules"];
/// An example of more lines shows more than one thing.
const LONGEST: usize = 15;
/// Not for users: the inside of the macros, and of the switch between threads and models.
const INSIDE: [&str; 2] = ["macros/", "sync/src/shim"];
/// How often a name may be handed on.
const DEEPEST: u8 = 8; // three times is the most there is; the rest is against going in circles

/// An item, and what is said about it.
#[derive(Clone)]
struct Item<'a> {
    source: &'a Source,
    line: usize,
    doc: Vec<&'a str>,
}

/// Every public name has an example that runs, and says what a dropped future leaves behind.
pub fn check<'a>(sources: &'a [Source]) -> Vec<Finding> {
    let mut findings = Vec::new();
    for path in FACADE {
        let Some(facade) = named(sources, path) else { continue };
        let mut items = own(facade, None);
        for (at, path) in handed_on(facade) {
            let found = [resolve(sources, &path, 0), macros(sources, &path)].concat();
            let is_ours = path.starts_with("windlass_");
            if is_ours && found.is_empty() && module_file(sources, &path).is_none() {
                findings.push(facade.finding(at, format!("`{path}` is nowhere to be found")));
            }
            let above = doc(facade, facade.line(at));
            let say = |item: Item<'a>| Item { doc: [above.clone(), item.doc].concat(), ..item };
            items.extend(found.into_iter().map(say));
        }
        for Item { source, line, doc } in items {
            findings.extend(missing(&doc).map(|what| {
                let name = name_at(source, line);
                source.finding_at_line(line, format!("`{name}` {what}"))
            }));
        }
    }
    findings.sort_by(|a, b| (&a.path, a.line).cmp(&(&b.path, b.line)));
    findings.dedup();
    findings
}

/// Every public function that makes a future says what happens when that is dropped, and every
/// fallible one how it fails.
pub fn functions_say_how_they_end(sources: &[Source]) -> Vec<Finding> {
    let mut findings = Vec::new();
    let is_inside = |path: &str| INSIDE.iter().any(|folder| path.starts_with(folder));
    for source in sources.iter().filter(|source| !is_inside(&source.path)) {
        let floor = source.path.split('/').next();
        let beside = |other: &&Source| other.path.split('/').next() == floor;
        let futures: Vec<&str> = sources.iter().filter(beside).flat_map(named_futures).collect();
        for line in functions(source) {
            let output = output(source, line);
            let is_io = output.contains("impl IoFuture<");
            let is_future = output.contains("impl Future<")
                || is_io
                || text(source, line).contains("async fn ")
                || words(output).any(|(_, word)| futures.contains(&word));
            let may_fail = is_io || words(output).any(|(_, word)| word == "Result");
            let is_poll = words(output).any(|(_, word)| word == "Poll");
            let doc = doc(source, line);
            let owed = [
                (is_future, "# Cancel safety"),
                (may_fail && !is_poll, "# Errors"), // a poll function is as the future beside it
            ];
            for (_, heading) in owed.iter().filter(|(owed, heading)| *owed && !says(&doc, heading))
            {
                let name = name_at(source, line);
                findings.push(source.finding_at_line(line, format!("`{name}` has no `{heading}`")));
            }
        }
    }
    findings
}

/// The lines in which public functions begin.
fn functions(source: &Source) -> impl Iterator<Item = usize> {
    let lines = source.code.lines().enumerate().filter(|(at, _)| !source.test[*at]);
    let public = lines.filter(|(_, text)| text.trim_start().starts_with("pub "));
    let functions = public.filter(|(_, text)| {
        let mut words = words(text).map(|(_, word)| word).skip(1);
        words.find(|word| !["async", "const", "unsafe"].contains(word)) == Some("fn")
    });
    functions.map(|(line, _)| line)
}

/// What the function that begins in a line returns, as it is written.
fn output(source: &Source, line: usize) -> &str {
    let signature = &source.code[source.start(line)..];
    let signature = &signature[..signature.find(['{', ';']).unwrap_or(signature.len())];
    let signature = signature.split("where").next().unwrap_or_default();
    let output = signature.rsplit_once("->").map_or("", |(_, output)| output);
    // What a closure among the arguments returns is none of the function's.
    let opened = output.matches('(').count();
    if output.matches(')').count() > opened { "" } else { output }
}

fn text(source: &Source, line: usize) -> &str {
    source.code.lines().nth(line).unwrap_or_default()
}

fn named<'a>(sources: &'a [Source], path: &str) -> Option<&'a Source> {
    sources.iter().find(|source| source.path == path)
}

/// What a doc comment lacks, if anything.
fn missing(doc: &[&str]) -> Option<String> {
    let first = doc.first().copied().unwrap_or_default();
    let is_future = first.starts_with("The future of ");
    let is_guard = doc.iter().take(3).any(|line| line.contains("while this guard lives"));
    if is_future || is_guard {
        return None;
    }
    if !says(doc, "# Examples") {
        return Some("has no `# Examples`".into());
    }
    let mut runs = false;
    for (info, lines) in blocks(doc) {
        runs |=
            !["no_run", "ignore", "text", "compile_fail"].iter().any(|word| info.contains(word));
        let shown = lines.iter().filter(|line| !line.starts_with("# ") && !line.is_empty()).count();
        if shown > LONGEST {
            return Some(format!("has an example of {shown} lines"));
        }
    }
    (!runs).then(|| "has no example that runs".into())
}

fn says(doc: &[&str], heading: &str) -> bool {
    doc.contains(&heading)
}

/// The code blocks after the heading: their language, and their lines.
fn blocks<'a>(doc: &[&'a str]) -> Vec<(&'a str, Vec<&'a str>)> {
    let mut blocks = Vec::new();
    let mut open = false;
    for line in doc.iter().skip_while(|line| **line != "# Examples") {
        match line.strip_prefix("```") {
            Some(info) if !open => {
                blocks.push((info, Vec::new()));
                open = true;
            }
            Some(_) => open = false,
            None if open => blocks.last_mut().expect("a block is open").1.push(*line),
            None => {}
        }
    }
    blocks
}

/// The doc comment above a line, attributes left out.
fn doc(source: &Source, line: usize) -> Vec<&str> {
    let raw: Vec<&str> = source.raw.lines().take(line).collect();
    let above = raw.iter().rev().map(|line| line.trim());
    let mut doc: Vec<&str> = above
        .take_while(|line| {
            line.starts_with("///") || line.starts_with("#[") || line.ends_with(")]")
        })
        .filter_map(|line| line.strip_prefix("///"))
        .map(|line| line.strip_prefix(' ').unwrap_or(line))
        .collect();
    doc.reverse();
    doc
}

/// The name of the item that begins in a line.
fn name_at(source: &Source, line: usize) -> &str {
    let mut words = words(text(source, line));
    words.find(|(_, word)| KINDS.contains(word));
    words.next().map_or("?", |(_, word)| word)
}

/// The futures that have a type of their own.
fn named_futures(source: &Source) -> Vec<&str> {
    let structs = source.code.lines().enumerate().filter(|(_, line)| line.contains("pub struct "));
    let futures = structs.filter(|(line, _)| {
        doc(source, *line).first().is_some_and(|first| first.starts_with("The future of "))
    });
    futures.map(|(line, _)| name_at(source, line)).collect()
}

/// The single paths of a file's `pub use`, each with its offset.
fn handed_on(source: &Source) -> Vec<(usize, String)> {
    let mut found = Vec::new();
    for (at, _) in source.code.match_indices("pub use ") {
        let tree = &source.code[at + "pub use ".len()..];
        let tree = &tree[..tree.find(';').unwrap_or(tree.len())];
        spell_out("", tree, &mut |path, _| found.push((at, path.to_owned())));
    }
    found
}

/// Follows `windlass_floor::module::Name` to where it is defined; a glob to all that is behind it.
///
/// Nothing is found for what is not ours, and for modules, which are chapters.
fn resolve<'a>(sources: &'a [Source], path: &str, depth: u8) -> Vec<Item<'a>> {
    let Some((module, name)) = path.rsplit_once("::") else { return Vec::new() };
    let Some(source) = module_file(sources, module) else { return Vec::new() };
    let mut items = own(source, Some(name).filter(|name| *name != "*"));
    for (_, other) in handed_on(source) {
        let last = other.rsplit("::").next().unwrap_or_default();
        if depth < DEEPEST && (name == "*" || name == last) {
            let floor = module.split("::").next().unwrap_or_default();
            let full = match other.strip_prefix("crate::") {
                Some(rest) => format!("{floor}::{rest}"),
                None => format!("{module}::{other}"),
            };
            items.extend(resolve(sources, &full, depth + 1));
        }
    }
    items
}

/// The file of a module; none if it is not ours.
fn module_file<'a>(sources: &'a [Source], module: &str) -> Option<&'a Source> {
    let path = module.strip_prefix("windlass_")?;
    let (floor, inside) = path.split_once("::").unwrap_or((path, "lib"));
    let inside = inside.replace("::", "/");
    let file = named(sources, &format!("{floor}/src/{inside}.rs"));
    file.or_else(|| named(sources, &format!("{floor}/src/{inside}/mod.rs")))
}

/// Declarative macros are known by name in their whole floor.
fn macros<'a>(sources: &'a [Source], path: &str) -> Vec<Item<'a>> {
    let Some((floor, name)) = path.split_once("::") else { return Vec::new() };
    let folder = format!("{}/", floor.trim_start_matches("windlass_"));
    let mut found = Vec::new();
    for source in sources.iter().filter(|source| source.path.starts_with(&folder)) {
        for (line, text) in source.code.lines().enumerate() {
            if text.trim_start().starts_with("macro_rules!") && name_at(source, line) == name {
                found.push(Item { source, line, doc: doc(source, line) });
            }
        }
    }
    found
}

/// The public items that a file defines: one of them, or those that stand at its margin.
fn own<'a>(source: &'a Source, wanted: Option<&str>) -> Vec<Item<'a>> {
    let mut found: Vec<(usize, usize)> = Vec::new(); // margin, line
    for (line, text) in source.code.lines().enumerate().filter(|(at, _)| !source.test[*at]) {
        let margin = text.len() - text.trim_start().len();
        let Some(rest) = text.trim_start().strip_prefix("pub ") else { continue };
        let mut words = words(rest).map(|(_, word)| word);
        let kind = words.find(|word| !["async", "unsafe"].contains(word));
        let is_item = kind.is_some_and(|kind| KINDS.contains(&kind));
        let is_wanted = wanted.map_or(margin == 0, |name| name_at(source, line) == name);
        if is_item && is_wanted && !is_for_doctests(source, line) {
            found.push((margin, line));
        }
    }
    if wanted.is_some() {
        // Of a function and a method of one name it is the function.
        found.sort();
        found.truncate(1);
    }
    found.into_iter().map(|(_, line)| Item { source, line, doc: doc(source, line) }).collect()
}

/// True for what rustdoc sees only when it looks for examples to run.
fn is_for_doctests(source: &Source, line: usize) -> bool {
    let raw: Vec<&str> = source.raw.lines().take(line).collect();
    let mut above = raw.iter().rev().take_while(|line| line.starts_with(['#', '/']));
    above.any(|line| *line == "#[cfg(doctest)]")
}

#[cfg(test)]
fn sample(floor: &str) -> Vec<Source> {
    let facade = "pub mod time {\n    pub use std::time::Duration;\n    pub use windlass_timer::{nap, rest::*};\n}";
    vec![
        Source::parse("src/lib.rs", facade),
        Source::parse("timer/src/lib.rs", "mod nap;\npub mod rest;\npub use nap::nap;"),
        Source::parse("timer/src/nap.rs", floor),
        Source::parse(
            "timer/src/rest.rs",
            "/// The future of [`nap`].\npub struct Nap;\npub use other::SIGNAL;",
        ),
    ]
}

#[cfg(test)]
fn said(findings: &[Finding]) -> Vec<String> {
    findings.iter().map(Finding::to_string).collect()
}

#[test]
fn a_name_without_an_example_that_runs_is_found() {
    let bad =
        sample("impl Bed {\n    pub fn nap() {}\n}\n/// Sleeps.\n#[track_caller]\npub fn nap() {}");
    assert_eq!(said(&check(&bad)), ["timer/src/nap.rs:6: `nap` has no `# Examples`"]);
    let bad = sample(
        "/// Sleeps.\n///\n/// # Examples\n/// ```no_run\n/// nap();\n/// ```\npub fn nap() {}",
    );
    assert_eq!(said(&check(&bad)), ["timer/src/nap.rs:7: `nap` has no example that runs"]);
    let long = "/// nap();\n".repeat(16);
    let bad = sample(&format!("/// # Examples\n/// ```\n{long}/// ```\npub fn nap() {{}}"));
    assert_eq!(said(&check(&bad)), ["timer/src/nap.rs:20: `nap` has an example of 16 lines"]);
    let good = sample(
        "/// # Examples\n/// ```\n/// # use timer::nap;\n/// nap();\n/// ```\npub fn nap() {}",
    );
    assert_eq!(said(&check(&good)), [""; 0]);
}

#[test]
fn a_function_that_does_not_say_how_it_ends_is_found() {
    let bad = sample(
        "/// Sleeps.\npub async fn nap() {}\n/// Naps.\npub fn rest(\n) -> Nap {}\n/// # Cancel safety\n/// Safe.\npub fn sleep() -> impl Future<Output = u8> {}\npub fn wake(f: impl Fn() -> u8) -> io::Result<u8> {}\npub fn length(f: impl Fn() -> Result<u8>) {}\npub fn read() -> impl IoFuture<usize> {}",
    );
    let expected = [
        "timer/src/nap.rs:2: `nap` has no `# Cancel safety`",
        "timer/src/nap.rs:4: `rest` has no `# Cancel safety`",
        "timer/src/nap.rs:9: `wake` has no `# Errors`",
        "timer/src/nap.rs:11: `read` has no `# Cancel safety`",
        "timer/src/nap.rs:11: `read` has no `# Errors`",
    ];
    assert_eq!(said(&functions_say_how_they_end(&bad)), expected);
}
