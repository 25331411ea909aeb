//! The bugs, as `tests/models/mutants/*.toml` tells them.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::Result;
use super::wrap;

/// The files, in the order of the floors.
const FLOORS: [&str; 5] = ["sync", "timer", "reactor", "executor", "facade"];
/// Where they are.
const FOLDER: &str = "tests/models/mutants";

/// One bug: a place, and what stands there instead.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Bug {
    /// Its place in the lists, from 1: what the seeded program is asked for.
    #[serde(skip)]
    pub number: u32,
    /// Unique, in kebab case.
    pub name: String,
    /// The model that must fail.
    pub model: String,
    /// The file that it is in, from the root.
    pub file: String,
    /// What is wrong then, in a line.
    pub what: String,
    /// The text of the place; it must occur once, if `nth` does not choose.
    pub find: String,
    /// Which of the occurrences of `find`, from 1.
    pub nth: Option<usize>,
    /// What stands there instead.
    pub replace: String,
    /// Why no model can see it; then none must.
    pub survives: Option<String>,
    /// Cannot be wrapped in an `if`: replaced plainly, in a build of its own.
    #[serde(default)]
    pub alone: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct List {
    #[serde(default)]
    mutant: Vec<Bug>,
}

/// Reads all lists; the bugs get their numbers here.
pub fn read(root: &Path) -> Result<Vec<Bug>> {
    let mut bugs = Vec::new();
    for floor in FLOORS {
        let path = root.join(FOLDER).join(floor).with_extension("toml");
        if !path.exists() {
            continue;
        }
        let text = std::fs::read_to_string(&path)?;
        let list = toml::from_str::<List>(&text);
        bugs.extend(list.map_err(|error| format!("{FOLDER}/{floor}.toml: {error}"))?.mutant);
    }
    for (number, bug) in (1..).zip(&mut bugs) {
        bug.number = number;
        bug.find = bug.find.trim().to_owned();
        bug.replace = bug.replace.trim().to_owned();
    }
    Ok(bugs)
}

/// Every bug has a name of its own, a model, and a place.
pub fn check(root: &Path, bugs: &[Bug]) -> Result<()> {
    let models = models(root)?;
    let mut names = BTreeSet::new();
    for bug in bugs {
        let name = &bug.name;
        let kebab = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        if name.is_empty() || !name.chars().all(kebab) {
            return Err(format!("`{name}` is no name in kebab case").into());
        }
        if !names.insert(name) {
            return Err(format!("{name}: two bugs have this name").into());
        }
        if !models.contains(&bug.model) {
            return Err(format!("{name}: there is no model `{}`", bug.model).into());
        }
        if bug.what.trim().is_empty() || bug.survives.as_ref().is_some_and(|why| why.is_empty()) {
            return Err(format!("{name}: `what` or `survives` says nothing").into());
        }
    }
    for (file, bugs) in by_file(bugs) {
        wrap::wrap(&file, &source(root, &file)?, &bugs)?;
    }
    Ok(())
}

/// The bugs of each file.
pub fn by_file(bugs: &[Bug]) -> BTreeMap<String, Vec<&Bug>> {
    let mut files = BTreeMap::<String, Vec<&Bug>>::new();
    for bug in bugs {
        files.entry(bug.file.clone()).or_default().push(bug);
    }
    files
}

/// The text of a file of the tree.
pub fn source(root: &Path, file: &str) -> Result<String> {
    std::fs::read_to_string(root.join(file))
        .map_err(|error| format!("{file}, which a bug names: {error}").into())
}

/// The file of the model that is there to fail, and is in no list.
const BROKEN: &str = "broken.rs";

/// The names of all models: what is written after `name:` in a `Model { .. }` under `tests/models`.
pub fn models(root: &Path) -> Result<BTreeSet<String>> {
    let mut files = Vec::new();
    rust_files(&root.join("tests/models"), &mut files)?;
    let mut names = BTreeSet::new();
    for file in files.iter().filter(|file| !file.ends_with(BROKEN)) {
        let text = std::fs::read_to_string(file)?;
        for row in text.split("Model {").skip(1) {
            let name = row.trim_start().strip_prefix("name: \"");
            names.extend(name.and_then(|name| name.split('"').next()).map(str::to_owned));
        }
    }
    Ok(names)
}

/// The models that no bug is expected to make fail.
pub fn models_without_a_bug(bugs: &[Bug], models: &BTreeSet<String>) -> Vec<String> {
    let caught = bugs.iter().filter(|bug| bug.survives.is_none());
    let proven: BTreeSet<&str> = caught.map(|bug| bug.model.as_str()).collect();
    models.iter().filter(|model| !proven.contains(model.as_str())).cloned().collect()
}

fn rust_files(folder: &Path, files: &mut Vec<PathBuf>) -> Result<()> {
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            rust_files(&path, files)?;
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
