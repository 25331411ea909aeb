//! `cargo xtask page`: does as `tests/models/FOR_USERS.md` says, in a package made from its text.
//!
//! The package stands in a folder outside of the workspace. What is compiled goes to `target/loom` here,
//! where most of it is already, and nothing is fetched if the versions of `Cargo.lock` are there.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::{fs, process};

use crate::root;

/// What the page says to change, as it is written in its code.
const BREAK: (&str, &str) = ("now + 1, Acquire", "now + 1, Relaxed");
/// What the table of the failure has to show: both threads are inside, one of them not done.
const SHOWN: [&str; 3] = ["thread 1", "c1 write", "exchange 0 -> 1 Relaxed"];

/// Follows the page for users in a package of its own, and sees its model pass and fail.
#[derive(Debug, clap::Args)]
pub struct Options {}

pub fn run(_: &Options) -> Result<(), String> {
    let page = root().join("tests/models/FOR_USERS.md");
    let page = fs::read_to_string(&page).map_err(|error| format!("{}: {error}", page.display()))?;
    let folder = Folder::new().map_err(|error| format!("a package cannot be made: {error}"))?;
    let command = folder.fill(&page)?;

    let (passed, text) = folder.test(&command)?;
    if !passed || !text.contains("1 passed") {
        return Err(format!("the model of the page should pass:\n{text}"));
    }
    println!("the model passes");
    folder.damage()?;
    let (passed, text) = folder.test(&command)?;
    if passed || !SHOWN.iter().all(|part| text.contains(part)) {
        return Err(format!("it should fail, and show {SHOWN:?}:\n{text}"));
    }
    println!("broken as the page says, it fails and shows how");
    Ok(())
}

/// A package that is gone when this is dropped.
struct Folder(PathBuf);

impl Folder {
    fn new() -> std::io::Result<Self> {
        let folder = Self(std::env::temp_dir().join(format!("windlass-page-{}", process::id())));
        fs::create_dir_all(folder.0.join("src"))?;
        fs::create_dir_all(folder.0.join("tests"))?;
        fs::create_dir_all(root().join("target"))?;
        std::os::unix::fs::symlink(root().join("target"), folder.0.join("target"))?;
        fs::copy(root().join("Cargo.lock"), folder.0.join("Cargo.lock"))?;
        Ok(folder)
    }

    /// Writes the files of the page, and returns the command that it gives.
    fn fill(&self, page: &str) -> Result<String, String> {
        let (_, page) =
            page.split_once("\n## In a package of your own").ok_or("no such section")?;
        let [manifest] = &blocks(page, "toml")[..] else { return Err("not one manifest".into()) };
        let [library, model] = &blocks(page, "rust")[..] else {
            return Err("not two files".into());
        };
        let [command] = &blocks(page, "text")[..] else { return Err("not one command".into()) };
        let sync = root().join("sync");
        let manifest = manifest.replace("../windlass/sync", &sync.display().to_string());
        let head = "[package]\nname = \"limit\"\nversion = \"0.0.0\"\nedition = \"2024\"\n";
        self.write("Cargo.toml", &format!("{head}\n{manifest}"))?;
        self.write("src/lib.rs", library)?;
        self.write("tests/model.rs", model)?;
        Ok(command.trim().to_owned())
    }

    /// Breaks the library.
    fn damage(&self) -> Result<(), String> {
        let path = self.0.join("src/lib.rs");
        let text = fs::read_to_string(&path).map_err(|error| error.to_string())?;
        if text.matches(BREAK.0).count() != 1 {
            return Err(format!("the page should have `{}` once", BREAK.0));
        }
        self.write("src/lib.rs", &text.replace(BREAK.0, BREAK.1))
    }

    fn write(&self, name: impl AsRef<Path>, text: &str) -> Result<(), String> {
        fs::write(self.0.join(name), text).map_err(|error| format!("{}: {error}", self.0.display()))
    }

    /// Runs the command here; whether it succeeded, and what it printed.
    fn test(&self, command: &str) -> Result<(bool, String), String> {
        let output = Command::new("sh").args(["-c", command]).current_dir(&self.0).output();
        let output = output.map_err(|error| format!("sh: {error}"))?;
        let text = [output.stdout, output.stderr].concat();
        Ok((output.status.success(), String::from_utf8_lossy(&text).into_owned()))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0); // it is in the folder for what may go
    }
}

/// The blocks of code of this language, without the indentation of the list that they stand in.
fn blocks(page: &str, language: &str) -> Vec<String> {
    let mut blocks = Vec::new();
    let mut open: Option<String> = None;
    for line in page.lines() {
        let line = line.strip_prefix("   ").unwrap_or(line);
        match &mut open {
            Some(_) if line == "```" => blocks.extend(open.take()),
            Some(text) => *text += &format!("{line}\n"),
            None if line.strip_prefix("```") == Some(language) => open = Some(String::new()),
            None => {}
        }
    }
    blocks
}
