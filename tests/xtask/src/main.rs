//! `cargo xtask`: the checks and measurements beside the tests.
//!
//! Each subcommand is a file of its own, and works in a fresh clone.

mod mutants;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// The checks and measurements of windlass beside its tests.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask")]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Mutants(mutants::Arguments),
}

fn main() -> ExitCode {
    match Arguments::parse().command {
        Command::Mutants(arguments) => mutants::main(&arguments),
    }
}
