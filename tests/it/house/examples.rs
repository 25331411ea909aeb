//! Every name of the facade is shown in use where it is documented.

use super::names::spell_out;
use super::source::{Finding, Source, words};

/// Where the facade hands its names on.
const FACADE: [&str; 2] = ["src/lib.rs", "src/net.rs"];
/// What begins an item that can have a name.
const KINDS: [&str; 8] = ["fn", "struct", "enum", "trait", "type", "const", "union", "macro_rules"];
/// An example of more lines shows more than one thing.
const LONGEST: usize = 15;
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

/// Every public function that makes a future says what happens when that is dropped.
pub fn futures_say_what_a_drop_does(sources: &[Source]) -> Vec<Finding> {
    let mut findings = Vec::new();
    for source in sources {
        let floor = source.path.split('/').next();
        let beside = |other: &&Source| other.path.split('/').next() == floor;
        let futures: Vec<&str> = sources.iter().filter(beside).flat_map(named_futures).collect();
        for (line, text) in source.code.lines().enumerate().filter(|(at, _)| !source.test[*at]) {
            let Some(rest) = text.trim_start().strip_prefix("pub ") else { continue };
            let words_of: Vec<&str> = words(rest).map(|(_, word)| word).take(3).collect();
            let is_async = matches!(words_of[..], ["async", "fn", _]);
            if !is_async && !matches!(words_of[..], ["fn", ..]) {
                continue;
            }
            let from = source.code.lines().take(line).map(|line| line.len() + 1).sum::<usize>();
            let signature = &source.code[from..];
            let signature = &signature[..signature.find(['{', ';']).unwrap_or(signature.len())];
            let output = signature.split_once("->").map_or("", |(_, output)| output);
            let output = output.split("where").next().unwrap_or_default();
            let mut outputs = words(output).map(|(_, word)| word);
            let is_future =
                output.contains("impl Future<") || outputs.any(|word| futures.contains(&word));
            if (is_async || is_future) && !says(&doc(source, line), "# Cancel safety") {
                let name = name_at(source, line);
                findings.push(
                    source.finding_at_line(line, format!("`{name}` has no `# Cancel safety`")),
                );
            }
        }
    }
    findings
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
    let mut words = words(source.code.lines().nth(line).unwrap_or_default());
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
        if is_item && is_wanted {
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
fn a_future_that_says_nothing_of_its_drop_is_found() {
    let bad = sample(
        "/// Sleeps.\npub async fn nap() {}\n/// Naps.\npub fn rest(\n) -> Nap {}\n/// # Cancel safety\n/// Safe.\npub fn sleep() -> impl Future<Output = u8> {}\npub fn length() -> u8 {}",
    );
    let expected = [
        "timer/src/nap.rs:2: `nap` has no `# Cancel safety`",
        "timer/src/nap.rs:4: `rest` has no `# Cancel safety`",
    ];
    assert_eq!(said(&futures_say_what_a_drop_does(&bad)), expected);
}
