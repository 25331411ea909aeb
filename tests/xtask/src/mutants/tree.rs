//! The copy of the tree that has the bugs in it, and its build.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::list::{self, Bug};
use super::{Result, wrap};

/// What every wrapped place asks. It is no loom object, so that asking is no step of a model.
const SEEDED: &str = r#"
/// True if the bug with this number is the one to run with.
#[cfg(windlass_loom)]
pub fn seeded(number: u32) -> bool {
    static CHOSEN: std::sync::OnceLock<u32> = std::sync::OnceLock::new();
    let chosen = || std::env::var("WINDLASS_SEEDED").ok()?.parse().ok();
    *CHOSEN.get_or_init(|| chosen().unwrap_or(0)) == number
}
"#;
/// Where `seeded` is put.
const SHIM: &str = "sync/src/shim.rs";

/// The copy, under `target/mutants`.
#[derive(Debug)]
pub struct Tree {
    root: PathBuf,
    home: PathBuf,
}

impl Tree {
    /// Copies what git knows or would add, with all bugs wrapped in. A file that is there already
    /// with the same content is left alone, so that cargo builds only what has changed.
    pub fn copy(root: &Path, bugs: &[Bug]) -> Result<Tree> {
        let home = root.join("target/mutants");
        let tree = Tree { root: root.to_owned(), home };
        std::fs::create_dir_all(tree.logs())?;
        let listed = Command::new("git")
            .args(["ls-files", "-z", "--cached", "--others", "--exclude-standard"])
            .current_dir(root)
            .stderr(Stdio::inherit())
            .output()?;
        if !listed.status.success() {
            return Err("git cannot list the files of this tree".into());
        }
        let by_file = list::by_file(bugs);
        for file in String::from_utf8(listed.stdout)?.split_terminator('\0') {
            let path = root.join(file);
            if !path.is_file() {
                continue; // deleted, but git does not know it yet
            }
            let mut content = std::fs::read(&path)?;
            if let Some(bugs) = by_file.get(file) {
                content = wrap::wrap(file, &list::source(root, file)?, bugs)?.into();
            }
            if file == SHIM {
                content.extend_from_slice(SEEDED.as_bytes());
            }
            tree.write(file, &content)?;
        }
        Ok(tree)
    }

    /// Builds the models as `cargo loom` does, with warnings off; returns the program.
    pub fn build(&self) -> Result<PathBuf> {
        let built = Command::new("cargo")
            .args(loom_alias(&self.root)?)
            .args(["--config", "build.rustflags=['--cap-lints','allow']"])
            .arg("--target-dir")
            .arg(self.home.join("build"))
            .args(["--quiet", "--no-run", "--message-format", "json-render-diagnostics"])
            .current_dir(self.home.join("tree"))
            .stderr(Stdio::inherit())
            .output()?;
        if !built.status.success() {
            return Err("the tree with the bugs in it does not build; a bug may need another \
                        place, or `alone = true`"
                .into());
        }
        let messages = String::from_utf8(built.stdout)?;
        messages
            .lines()
            .filter_map(program)
            .next_back()
            .ok_or_else(|| "cargo does not say where the models are".into())
    }

    /// Builds with this bug in its plain form, and puts the file back.
    pub fn build_with(&self, bug: &Bug) -> Result<PathBuf> {
        let file = &bug.file;
        let wrapped = std::fs::read(self.home.join("tree").join(file))?;
        let plain = wrap::replace(file, &list::source(&self.root, file)?, bug)?;
        self.write(file, plain.as_bytes())?;
        let built = self.build().map(|program| {
            let kept = self.home.join("alone");
            std::fs::copy(program, &kept).map(|_| kept)
        });
        self.write(file, &wrapped)?;
        Ok(built.map_err(|error| format!("{}: {error}", bug.name))??)
    }

    /// Where each trial leaves what its model printed.
    pub fn logs(&self) -> PathBuf {
        self.home.join("logs")
    }

    fn write(&self, file: &str, content: &[u8]) -> Result<()> {
        let path = self.home.join("tree").join(file);
        if std::fs::read(&path).is_ok_and(|there| there == content) {
            return Ok(());
        }
        let folder = path.parent().expect("a file lies in a folder");
        std::fs::create_dir_all(folder)?;
        Ok(std::fs::write(&path, content)?)
    }
}

/// The arguments behind `cargo loom`, without its target folder and what goes to the program.
fn loom_alias(root: &Path) -> Result<Vec<String>> {
    const PATH: &str = ".cargo/config.toml";
    let config: toml::Table = toml::from_str(&std::fs::read_to_string(root.join(PATH))?)?;
    let alias = config.get("alias").and_then(|alias| alias.get("loom"));
    let words = alias.and_then(toml::Value::as_array).ok_or(format!("{PATH} has no alias loom"))?;
    let mut words: Vec<String> =
        words.iter().filter_map(toml::Value::as_str).map(str::to_owned).collect();
    if let Some(at) = words.iter().position(|word| word == "--target-dir") {
        words.drain(at..at + 2);
    }
    words.retain(|word| word != "--");
    Ok(words)
}

/// The program, if this message of cargo is the one that tells of it.
fn program(message: &str) -> Option<PathBuf> {
    let message: serde_json::Value = serde_json::from_str(message).ok()?;
    let is_models = message["target"]["name"] == "models";
    is_models.then(|| message["executable"].as_str().map(PathBuf::from))?
}
