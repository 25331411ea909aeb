//! asyncio and uvloop, for the rows that repeat the article's programs: another program, in another
//! language, that prints the same lines.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::catalogue::Row;

/// Whether `runtime` is one of Python's.
pub fn has(runtime: &str) -> bool {
    ["asyncio", "uvloop"].contains(&runtime)
}

/// Whether Python has a program for `row`.
pub fn can(row: &Row) -> bool {
    row.name.starts_with("article_")
}

/// The command that measures `row`.
pub fn command(runtime: &str, row: &str) -> Command {
    let mut command = Command::new(interpreter());
    command.arg(folder().join("article.py")).args([runtime, row]);
    command
}

/// What the head of the table says of it.
pub fn describe() -> String {
    const ASK: &str = "\
import sys
print('Python', sys.version.split()[0], end='')
try:
    import uvloop
    print(', uvloop', uvloop.__version__)
except ImportError:
    print()";
    let output = Command::new(interpreter()).args(["-c", ASK]).output();
    output
        .map_or("no Python".to_owned(), |it| String::from_utf8_lossy(&it.stdout).trim().to_owned())
}

/// That of the environment beside the script, which has uvloop, if somebody has made it.
fn interpreter() -> PathBuf {
    let own = folder().join("venv/bin/python");
    if own.exists() { own } else { PathBuf::from("python3") }
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("python")
}
