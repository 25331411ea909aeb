//! `cargo xtask valgrind`: every life of a task, under memcheck.
//!
//! The task's cell is the one place with hand-written memory management. The test that walks all of
//! its lives is run on the stable compiler's own code, with every use of memory checked.

use std::process::Command;

use crate::{output, root, succeed};

/// The product test of a task's life.
const TEST: &str = "executor::task_life::\
     in_every_life_the_future_and_the_output_are_dropped_once_and_the_cell_is_freed";

/// Walks every life of a task under valgrind's memcheck.
#[derive(Debug, clap::Args)]
pub struct Options {}

pub fn run(_: &Options) -> Result<(), String> {
    if output("valgrind", &["--version"]).is_err() {
        return Err("valgrind is missing: install the package `valgrind`".into());
    }
    let mut valgrind = Command::new("valgrind");
    valgrind.args(["--quiet", "--error-exitcode=1", "--fair-sched=yes", "--leak-check=full"]);
    // What a static or a thread that ended by itself still points to is no leak.
    valgrind.args(["--errors-for-leak-kinds=definite", "--show-leak-kinds=definite"]);
    // Deep enough for the suppressions, which name who leaks and not only what.
    valgrind.arg("--num-callers=50").arg("--suppressions=tests/valgrind.supp");
    valgrind.arg(program()?).args(["--exact", TEST]);
    succeed(valgrind.env("RUST_BACKTRACE", "0").current_dir(root()))
}

/// The program of the integration tests, built now.
fn program() -> Result<String, String> {
    let mut cargo = Command::new("cargo");
    cargo.args(["test", "--package", "windlass", "--test", "it", "--no-run"]);
    succeed(cargo.current_dir(root()))?;
    let messages = cargo.arg("--message-format=json").output();
    let messages = messages.map_err(|error| format!("cargo: {error}"))?;
    let text = String::from_utf8_lossy(&messages.stdout).into_owned();
    let of_the_test = |line: &str| {
        let message: serde_json::Value = serde_json::from_str(line).ok()?;
        message["executable"].as_str().map(str::to_owned)
    };
    text.lines().find_map(of_the_test).ok_or("cargo names no test program".into())
}
