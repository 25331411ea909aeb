//! `cargo xtask stress`: random work on whole runtimes, with the promises checked.

use std::process::Command;

use crate::{root, succeed};

/// Random work on whole runtimes for a while; `--seconds`, `--seed`, `--workers`, `--only`.
#[derive(Debug, clap::Args)]
pub struct Options {
    /// What the program is told; `-- --help` lists it.
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    words: Vec<String>,
}

pub fn run(options: &Options) -> Result<(), String> {
    let mut cargo = Command::new("cargo");
    cargo.args(["run", "--release", "--package", "stress", "--"]).args(&options.words);
    succeed(cargo.current_dir(root()))
}
