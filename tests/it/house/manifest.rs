//! What each crate may depend on. Cargo refuses an upward import; this list refuses a new one.

use super::source::{Finding, root};

/// A crate of the library: its folder, and the normal dependencies it may have.
pub struct Floor {
    pub folder: &'static str,
    may_use: &'static [&'static str],
}

/// From the bottom up.
pub const FLOORS: [Floor; 6] = [
    Floor { folder: "sync", may_use: &["parking_lot", "slab", "loom"] },
    Floor { folder: "timer", may_use: &["windlass-sync", "slab"] },
    Floor {
        folder: "reactor",
        may_use: &["windlass-sync", "mio", "slab", "rustix", "signal-hook"],
    },
    Floor {
        folder: "executor",
        may_use: &[
            "windlass-sync",
            "windlass-timer",
            "windlass-reactor",
            "crossbeam-deque",
            "slab",
            "rustix",
        ],
    },
    Floor { folder: "macros", may_use: &[] },
    Floor {
        folder: "",
        may_use: &[
            "windlass-sync",
            "windlass-timer",
            "windlass-reactor",
            "windlass-executor",
            "windlass-macros",
        ],
    },
];

/// What only tests and examples use.
const TESTS_MAY_USE: [&str; 6] =
    ["allocation-counter", "chrono", "clap", "proptest", "rustix", "toml"];

/// The manifest of a folder, as its path and its text.
pub fn read(folder: &str) -> (String, String) {
    let path = if folder.is_empty() { "Cargo.toml".into() } else { format!("{folder}/Cargo.toml") };
    let text = std::fs::read_to_string(root().join(&path)).expect("every floor has a manifest");
    (path, text)
}

pub fn check(floor: &Floor, path: &str, text: &str) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (line, section, key) in keys(text) {
        let mut finding = |what: String| findings.push(Finding { path: path.into(), line, what });
        let parts: Vec<&str> = section.split('.').collect();
        let name = match parts.iter().position(|part| part.ends_with("dependencies")) {
            Some(at) => parts.get(at + 1).copied().unwrap_or(key),
            None => key,
        };
        if section == "features" || section.ends_with(".features") && !parts[0].contains("depend") {
            finding(format!("feature `{key}`: there are no feature flags"));
        } else if section.contains("workspace") {
            continue;
        } else if section.contains("dev-dependencies") {
            if !TESTS_MAY_USE.contains(&name) {
                finding(format!("tests here may not use `{name}`"));
            }
        } else if section.contains("build-dependencies") {
            finding("there are no build scripts".into());
        } else if section.contains("dependencies") {
            if !floor.may_use.contains(&name) {
                finding(format!("this floor may not use `{name}`"));
            } else if name == "loom" && !section.contains("cfg(windlass_loom)") {
                finding("loom is a dependency under cfg(windlass_loom) only".into());
            }
        }
    }
    for (at, line) in text.lines().enumerate() {
        if line.replace(' ', "").contains("optional=true") {
            let what = "there are no optional dependencies".into();
            findings.push(Finding { path: path.into(), line: at + 1, what });
        }
    }
    findings
}

/// The members of the workspace that are neither floors nor in this list.
pub fn members(text: &str, others: &[&str]) -> Vec<Finding> {
    let list = text.split_once("\nmembers").and_then(|(_, rest)| rest.split_once(']'));
    let list = list.map_or("", |(list, _)| list);
    let names = list.split('"').skip(1).step_by(2);
    let known =
        |name: &&str| FLOORS.iter().any(|floor| floor.folder == *name) || others.contains(name);
    let what = |name: &str| format!("`{name}` is no floor: give it a row in house/manifest.rs");
    let finding = |name: &str| Finding { path: "Cargo.toml".into(), line: 1, what: what(name) };
    names.filter(|name| !known(name)).map(finding).collect()
}

/// The keys of a manifest with their lines and sections; of `a.b = c` the key is `a`.
fn keys(text: &str) -> Vec<(usize, &str, &str)> {
    let mut section = "";
    let mut keys = Vec::new();
    for (at, line) in text.lines().enumerate() {
        let line = line.trim();
        if let Some(name) = line.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
            section = name;
            if section.split('.').rev().nth(1).is_some_and(|part| part.ends_with("dependencies")) {
                keys.push((at + 1, section, "")); // `[dependencies.slab]`
            }
        } else if let Some((key, _)) = line.split_once('=').filter(|_| !line.starts_with('#')) {
            keys.push((at + 1, section, key.split('.').next().unwrap_or(key).trim()));
        }
    }
    keys
}

#[cfg(test)]
fn found(folder: &str, text: &str) -> Vec<String> {
    let floor = FLOORS.iter().find(|floor| floor.folder == folder).expect("a floor");
    check(floor, "Cargo.toml", text).into_iter().map(|found| found.what).collect()
}

#[test]
fn an_upward_dependency_and_a_new_one_are_found() {
    let text = "[dependencies]\nwindlass-executor.workspace = true\nslab.workspace = true\n";
    assert_eq!(found("timer", text), ["this floor may not use `windlass-executor`"]);
    let text = "[dependencies.libc]\nversion = \"1\"\n";
    assert_eq!(found("timer", text), ["this floor may not use `libc`"; 2]);
    let text = "[target.'cfg(unix)'.dependencies]\nlibc = \"1\"\n";
    assert_eq!(found("reactor", text), ["this floor may not use `libc`"]);
    let text = "[dev-dependencies]\nwindlass-executor.workspace = true\nproptest = \"1\"\n";
    assert_eq!(found("sync", text), ["tests here may not use `windlass-executor`"]);
}

#[test]
fn loom_is_found_where_every_user_would_build_it() {
    let text = "[dependencies]\nloom.workspace = true\n";
    assert_eq!(found("sync", text), ["loom is a dependency under cfg(windlass_loom) only"]);
    let text = "[target.'cfg(windlass_loom)'.dependencies]\nloom.workspace = true\n";
    assert_eq!(found("sync", text), [""; 0]);
}

#[test]
fn feature_flags_and_optional_dependencies_are_found() {
    let text =
        "[features]\nnet = []\n[dependencies]\nslab = { version = \"1\", optional = true }\n";
    let expected =
        ["feature `net`: there are no feature flags", "there are no optional dependencies"];
    assert_eq!(found("sync", text), expected);
    // The features of a dependency are not ours.
    assert_eq!(found("", "[workspace.dependencies]\nmio = { features = [\"net\"] }\n"), [""; 0]);
}

#[test]
fn a_member_without_a_row_is_found() {
    let text = "[workspace]\nmembers = [\"sync\", \"attic\",\n \"examples/service\"]\n";
    let found = members(text, &["examples/service"]);
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].what, "`attic` is no floor: give it a row in house/manifest.rs");
}
