//! `cargo xtask`: the checks and measurements beside the tests.
//!
//! Each subcommand is a file of its own, and works in a fresh clone.

mod fuzz;
mod instructions;
mod mutants;
mod nightly;
mod page;
mod sanitize;
mod section;
mod stress;
mod valgrind;
mod weigh;

use std::path::Path;
use std::process::{Command as Program, ExitCode};

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
    Fuzz(fuzz::Options),
    Instructions(instructions::Options),
    Mutants(mutants::Arguments),
    Page(page::Options),
    Sanitize(sanitize::Options),
    Stress(stress::Options),
    Valgrind(valgrind::Options),
    Weigh(weigh::Options),
}

fn main() -> ExitCode {
    let outcome = match Arguments::parse().command {
        Command::Fuzz(options) => fuzz::run(&options),
        Command::Instructions(options) => instructions::run(&options),
        Command::Mutants(arguments) => return mutants::main(&arguments),
        Command::Page(options) => page::run(&options),
        Command::Sanitize(options) => sanitize::run(&options),
        Command::Stress(options) => stress::run(&options),
        Command::Valgrind(options) => valgrind::run(&options),
        Command::Weigh(options) => weigh::run(&options),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(text) => {
            eprintln!("{text}");
            ExitCode::FAILURE
        }
    }
}

/// The root of the repository.
fn root() -> &'static Path {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.ancestors().nth(2).expect("this package is two folders down")
}

/// Runs a program that must succeed; what it prints is seen.
fn succeed(program: &mut Program) -> Result<(), String> {
    let status = program.status().map_err(|error| format!("{program:?}: {error}"))?;
    if status.success() { Ok(()) } else { Err(format!("{program:?}: {status}")) }
}

/// What a program that must succeed prints, without the line break at its end.
fn output(program: &str, arguments: &[&str]) -> Result<String, String> {
    let output = Program::new(program).args(arguments).output();
    let output = output.map_err(|error| format!("{program}: {error}"))?;
    if !output.status.success() {
        return Err(format!("{program} {arguments:?}: {}", output.status));
    }
    Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}
