//! What library code may not name, and what no code may leave behind.

use super::source::{Finding, Source, item_end, words};

/// The files that spell the private cfg.
pub const LOOM_FILES: [&str; 3] = ["executor/src/deque.rs", "sync/src/shim.rs", "tests/it/main.rs"];

/// The shim itself, and the model twin of crossbeam, which keeps its items out of loom's sight.
const BELOW_THE_SHIM: [&str; 2] = ["sync/src/shim", "executor/src/deque/twin.rs"];

/// What threads share comes from the shim; the rest of a path is refused with its beginning.
const SHIM_ONLY: [&str; 24] = [
    "core::sync",
    "loom",
    "parking_lot",
    "std::cell::UnsafeCell",
    "std::hint::spin_loop",
    "std::sync::Barrier",
    "std::sync::Condvar",
    "std::sync::Mutex",
    "std::sync::MutexGuard",
    "std::sync::Once",
    "std::sync::RwLock",
    "std::sync::RwLockReadGuard",
    "std::sync::RwLockWriteGuard",
    "std::sync::atomic",
    "std::sync::mpsc",
    "std::thread::Builder",
    "std::thread::park",
    "std::thread::park_timeout",
    "std::thread::scope",
    "std::thread::sleep",
    "std::thread::spawn",
    "std::thread::yield_now",
    "std::thread_local",
    "thread_local!",
];

/// Imports whose refused items would go unseen.
const UNCLEAR: [&str; 4] = ["std::sync::*", "std::thread::*", "std::*", "core::*"];

/// No way around the shim.
pub fn shared_things_come_from_the_shim(source: &Source) -> Vec<Finding> {
    if BELOW_THE_SHIM.iter().any(|path| source.path.starts_with(path)) {
        return Vec::new();
    }
    let mut findings = Vec::new();
    for (at, path, imported) in paths(source) {
        let path = path.trim_start_matches("::");
        let below = |name: &&&str| {
            path == **name || path.strip_prefix(**name).is_some_and(|rest| rest.starts_with("::"))
        };
        let refused = SHIM_ONLY.iter().find(below);
        let unclear = UNCLEAR.iter().find(|name| imported && path == **name);
        if let Some(name) = refused.or(unclear).filter(|_| !source.is_test(at)) {
            findings
                .push(source.finding(at, format!("`{name}`: take it from windlass_sync::shim")));
        }
    }
    findings
}

/// Nothing below the executor starts a thread: of the shim's threads it has the thread-locals alone.
pub fn no_thread_is_started_below(source: &Source) -> Vec<Finding> {
    let below = ["sync/src/", "timer/src/", "reactor/src/"];
    if !below.iter().any(|folder| source.path.starts_with(folder))
        || source.path.starts_with("sync/src/shim")
    {
        return Vec::new();
    }
    let is_thread = |path: &str| {
        let path = format!("::{path}::");
        path.contains("::shim::thread::") && !path.contains("::shim::thread::LocalKey::")
    };
    paths(source)
        .into_iter()
        .filter(|(at, path, _)| is_thread(path) && !source.is_test(*at))
        .map(|(at, path, _)| source.finding(at, format!("`{path}`: that is for the executor")))
        .collect()
}

/// Every path in the code with its imports spelled out, and whether it is an import itself.
fn paths(source: &Source) -> Vec<(usize, String, bool)> {
    let code = &source.code;
    let mut found = Vec::new();
    let mut modules: Vec<(String, String)> = Vec::new();
    let mut end_of_use = 0;
    for (at, word) in source.words() {
        if at < end_of_use {
            continue;
        }
        if word == "use" {
            end_of_use = item_end_of_use(code, at);
            spell_out("", &code[at + word.len()..end_of_use], &mut |path, name| {
                found.push((at, path.to_owned(), true));
                if ["std::sync", "std::thread", "std::cell", "std::hint"].contains(&path) {
                    modules.push((name.to_owned(), path.to_owned()));
                }
            });
            continue;
        }
        let before = code[..at].trim_end();
        if before.ends_with("::") && !before[..before.len() - 2].ends_with([' ', '(', '\n', '<']) {
            continue; // the middle of a path
        }
        let belongs = |c: char| c.is_alphanumeric() || c == '_' || c == ':' || c == '!';
        let rest = &code[at..];
        let path = &rest[..rest.find(|c| !belongs(c)).unwrap_or(rest.len())];
        let path = if path.starts_with("std::") { path.trim_end_matches('!') } else { path };
        let (first, below) = path.split_once("::").unwrap_or((path, ""));
        let path = match modules.iter().find(|(name, _)| name == first && !below.is_empty()) {
            Some((_, module)) => format!("{module}::{below}"),
            None => path.to_owned(),
        };
        found.push((at, path, false));
    }
    found
}

fn item_end_of_use(code: &str, at: usize) -> usize {
    code[at..].find(';').map_or(code.len(), |length| at + length)
}

/// The single paths of `a::{b, c::{self, d as e}}`, each with the name it gets here.
pub fn spell_out(prefix: &str, tree: &str, each: &mut dyn FnMut(&str, &str)) {
    let mut depth = 0;
    let mut start = 0;
    for (at, c) in tree.char_indices().chain([(tree.len(), ',')]) {
        match c {
            '{' => depth += 1,
            '}' => depth -= 1,
            ',' if depth == 0 => {
                branch(prefix, tree[start..at].trim(), each);
                start = at + 1;
            }
            _ => {}
        }
    }
}

fn branch(prefix: &str, tree: &str, each: &mut dyn FnMut(&str, &str)) {
    if let Some((stem, rest)) = tree.split_once('{') {
        let inside = rest.trim_end().strip_suffix('}').unwrap_or(rest);
        spell_out(&format!("{prefix}{}", stem.trim()), inside, each);
    } else if !tree.is_empty() {
        let (path, alias) = tree.split_once(" as ").unwrap_or((tree, ""));
        let path = format!("{prefix}{}", path.trim());
        let path = path.strip_suffix("::self").unwrap_or(&path);
        let last = path.rsplit("::").next().unwrap_or(path);
        each(path.trim_start_matches("::"), if alias.is_empty() { last } else { alias.trim() });
    }
}

/// No `unwrap()`: `expect` says which invariant holds.
pub fn no_unwrap(source: &Source) -> Vec<Finding> {
    let calls = source.code.match_indices(".unwrap()").filter(|(at, _)| !source.is_test(*at));
    calls.map(|(at, _)| source.finding(at, "`unwrap()`: say with `expect` why it holds")).collect()
}

/// Nothing half done: no ignored test, no hole, no note to oneself.
pub fn nothing_is_left_undone(source: &Source) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (at, word) in source.words() {
        let end = at + word.len();
        let attribute = source.code[..at].ends_with("#[") && word == "ignore";
        let is_hole =
            ["todo", "unimplemented"].contains(&word) && source.code[end..].starts_with('!');
        if attribute || is_hole {
            findings.push(source.finding(at, format!("`{word}` is not allowed")));
        }
    }
    for (line, comment) in source.comments.iter().enumerate() {
        for (at, word) in words(comment).filter(|(_, word)| ["TODO", "FIXME", "XXX"].contains(word))
        {
            let rest = comment[at + word.len()..].trim_start_matches(['(', ':', ' ']);
            let number = rest
                .strip_prefix('#')
                .is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit()));
            if !number {
                findings.push(
                    source.finding_at_line(line, format!("`{word}` without an issue number")),
                );
            }
        }
    }
    findings
}

/// No cfg on a feature.
pub fn no_features(source: &Source) -> Vec<Finding> {
    let is_cfg = |at: usize| {
        let line = source.code[..at].rfind('\n').map_or(0, |at| at + 1);
        words(&source.code[line..at]).any(|(_, word)| word.starts_with("cfg"))
    };
    let features = source.words().filter(|(at, word)| *word == "feature" && is_cfg(*at));
    features.map(|(at, _)| source.finding(at, "there are no feature flags")).collect()
}

/// Where the private cfg is spelled, as the first line of each file that does so.
pub fn loom_spellings(sources: &[Source]) -> Vec<Finding> {
    let spelled = |source: &&Source| source.words().any(|(_, word)| word == "windlass_loom");
    let mut findings = Vec::new();
    for source in sources.iter().filter(spelled) {
        if !LOOM_FILES.contains(&source.path.as_str()) {
            let at = source
                .words()
                .find(|(_, word)| *word == "windlass_loom")
                .map_or(0, |found| found.0);
            findings.push(source.finding(at, "only three files may spell `windlass_loom`"));
        }
    }
    for path in LOOM_FILES {
        if !sources.iter().filter(spelled).any(|source| source.path == path) {
            let what = "this file should spell `windlass_loom`".into();
            findings.push(Finding { path: path.into(), line: 1, what });
        }
    }
    findings
}

#[cfg(test)]
fn of(check: fn(&Source) -> Vec<Finding>, code: &str) -> Vec<String> {
    let found = check(&Source::parse("timer/src/x.rs", code));
    found.into_iter().map(|found| format!("{}: {}", found.line, found.what)).collect()
}

#[test]
fn ways_around_the_shim_are_found() {
    for code in [
        "use std::sync::atomic::AtomicBool;",
        "use std::sync::{Arc, Mutex};",
        "use std::{fmt, sync::{Arc, atomic::{AtomicU8}}};",
        "pub(crate) use ::std::sync::Mutex as Lock;",
        "use std::sync;\nlet a = sync::Mutex::new(1);",
        "use std::thread::{self as t, JoinHandle};\nt::spawn(f);",
        "use std::sync::*;",
        "let a = std::sync::Mutex::new(1);",
        "let a = ::std::sync::Mutex::new(1);",
        "type A = Option<std::sync::Mutex<u8>>;",
        "std::thread::spawn(f);",
        "let a = parking_lot::Mutex::new(1);",
        "use loom::sync::Arc;",
        "use core::sync::atomic::AtomicU8;",
        "thread_local! { static A: u8 = 1; }",
        "std::thread_local! { static A: u8 = 1; }",
        "std::thread::sleep(pause);",
    ] {
        let found = of(shared_things_come_from_the_shim, code);
        assert_eq!(found.len(), 1, "{code}: {found:?}");
    }
    for code in [
        "use std::sync::{Arc, Weak};",
        "use windlass_sync::shim::{Mutex, atomic::AtomicBool, thread};",
        "shim::thread_local! { static A: u8 = 1; }",
        "thread::spawn(name, f);",
        "use std::thread::{self, ThreadId};\nlet a = thread::current();",
        "if std::thread::panicking() {}",
        "// std::sync::Mutex\nlet a = \"parking_lot::Mutex\";",
        "#[cfg(test)]\nmod tests {\n    use std::sync::Mutex;\n}",
    ] {
        assert_eq!(of(shared_things_come_from_the_shim, code), [""; 0], "{code}");
    }
}

#[test]
fn a_thread_of_the_shim_is_found_below_the_executor() {
    let found =
        |path: &str, code: &str| no_thread_is_started_below(&Source::parse(path, code)).len();
    for code in [
        "use crate::shim::{Mutex, thread};",
        "let a = windlass_sync::shim::thread::spawn(name, f);",
        "use windlass_sync::shim;\nshim::thread::spawn(name, f);",
    ] {
        assert_eq!(found("timer/src/a.rs", code), 1, "{code}");
        assert_eq!(found("executor/src/a.rs", code), 0, "{code}");
        assert_eq!(found("sync/src/shim/a.rs", code), 0, "{code}");
    }
    let locals = "use crate::shim::thread::LocalKey;\nshim::thread_local! { static A: u8 = 1; }";
    assert_eq!(found("sync/src/a.rs", locals), 0);
    let test = "#[cfg(test)]\nmod tests {\n    use crate::shim::thread;\n}";
    assert_eq!(found("reactor/src/a.rs", test), 0);
}

#[test]
fn unwrap_is_found_outside_tests() {
    let code = "a.unwrap();\n// b.unwrap()\nc.unwrap_or(1);\n#[cfg(test)]\nmod tests {\n    fn f() { d.unwrap(); }\n}";
    assert_eq!(of(no_unwrap, code), ["1: `unwrap()`: say with `expect` why it holds"]);
}

#[test]
fn things_left_undone_are_found() {
    let code = "#[ignore]\nfn a() {\n    todo!()\n}\n// TODO later\nfn b() { unimplemented!(); }\n#[ignore = \"slow\"]";
    let expected = [
        "1: `ignore` is not allowed",
        "3: `todo` is not allowed",
        "6: `unimplemented` is not allowed",
        "7: `ignore` is not allowed",
        "5: `TODO` without an issue number",
    ];
    assert_eq!(of(nothing_is_left_undone, code), expected);
    assert_eq!(of(nothing_is_left_undone, "// TODO(#12): later\nlet todo = ignore();"), [""; 0]);
}

#[test]
fn a_feature_flag_is_found() {
    let expected = ["1: there are no feature flags"];
    assert_eq!(of(no_features, "#[cfg(feature = \"net\")]\nlet feature = 1;"), expected);
    assert_eq!(of(no_features, "if cfg!(feature = \"net\") {}"), expected);
}

#[test]
fn a_fourth_spelling_of_the_cfg_and_a_missing_one_are_found() {
    let spelling = "#[cfg(windlass_loom)]\nmod a;";
    let mut sources: Vec<Source> = LOOM_FILES.map(|path| Source::parse(path, spelling)).into();
    sources.push(Source::parse("sync/src/lib.rs", "// windlass_loom"));
    assert_eq!(loom_spellings(&sources), []);
    sources.push(Source::parse("sync/src/wakes.rs", spelling));
    sources.remove(0);
    let found: Vec<String> = loom_spellings(&sources).iter().map(Finding::to_string).collect();
    let expected = [
        "sync/src/wakes.rs:1: only three files may spell `windlass_loom`",
        "executor/src/deque.rs:1: this file should spell `windlass_loom`",
    ];
    assert_eq!(found, expected);
}

#[test]
fn an_item_ends_where_its_body_does() {
    assert_eq!(item_end("fn f(a: [u8; 2]) { g(); } fn h() {}", 0), 25);
}
