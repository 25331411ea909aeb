//! `cargo xtask fuzz`: inputs that grow out of the code they reach.
//!
//! libFuzzer comes as C++ source and is compiled here; the counters it steers by are a pass of the
//! stable compiler. So neither a nightly nor cargo-fuzz is needed, only a C++ compiler.

use std::path::PathBuf;
use std::process::Command;

use crate::{nightly, output, root, succeed};

/// Gives the targets in `tests/fuzz` ever more inputs.
#[derive(Debug, clap::Args)]
pub struct Options {
    /// Which one; all of them, one after the other, if left out.
    #[arg(value_parser = TARGETS)]
    target: Option<String>,
    /// How long each of them runs.
    #[arg(long, default_value_t = 60)]
    seconds: u64,
    /// Runs this one input instead, as after a failure.
    #[arg(long, requires = "target")]
    input: Option<PathBuf>,
}

const TARGETS: [&str; 4] = ["lines", "macros", "queue", "wheel"];

/// Longer inputs reach nothing new, and are slow.
const MAX_LENGTH: &str = "-max_len=1024";

/// As cargo-fuzz has them.
const FLAGS: [&str; 6] = [
    "-Cpasses=sancov-module",
    "-Cllvm-args=-sanitizer-coverage-level=4",
    "-Cllvm-args=-sanitizer-coverage-inline-8bit-counters",
    "-Cllvm-args=-sanitizer-coverage-pc-table",
    "-Cllvm-args=-sanitizer-coverage-trace-compares",
    // Else the same function may be counted in several places.
    "-Ccodegen-units=1",
];

pub fn run(options: &Options) -> Result<(), String> {
    if output("c++", &["--version"]).is_err() {
        return Err("libFuzzer needs a C++ compiler: install the package `g++`".into());
    }
    let host = nightly::host()?;
    let folder = root().join("target/fuzz");
    let mut cargo = Command::new("cargo");
    cargo.args(["build", "--release", "--target", &host, "--manifest-path"]);
    cargo.arg(root().join("tests/fuzz/Cargo.toml")).arg("--target-dir").arg(&folder);
    succeed(cargo.env("RUSTFLAGS", FLAGS.join(" ")))?;

    for target in TARGETS {
        if options.target.as_deref().is_some_and(|only| only != target) {
            continue;
        }
        let mut fuzzer = Command::new(folder.join(&host).join("release").join(target));
        match &options.input {
            Some(input) => fuzzer.arg(input),
            None => forage(&mut fuzzer, target, options.seconds)?,
        };
        println!("{target}");
        succeed(&mut fuzzer).map_err(|error| {
            format!(
                "{error}\nthe input is in target/fuzz/found: repeat it with `cargo xtask fuzz \
                 {target} --input FILE`, and keep it in tests/fuzz/seeds/{target}"
            )
        })?;
    }
    Ok(())
}

/// What the fuzzer begins with, and where it leaves what it finds.
fn forage<'a>(
    fuzzer: &'a mut Command,
    target: &str,
    seconds: u64,
) -> Result<&'a mut Command, String> {
    let corpus = root().join("target/fuzz/corpus").join(target);
    let found = root().join("target/fuzz/found");
    for folder in [&corpus, &found] {
        std::fs::create_dir_all(folder).map_err(|error| format!("{folder:?}: {error}"))?;
    }
    fuzzer.arg(corpus).arg(root().join("tests/fuzz/seeds").join(target));
    fuzzer.arg(format!("-max_total_time={seconds}")).args([MAX_LENGTH, "-timeout=20"]);
    fuzzer.arg(format!("-artifact_prefix={}/{target}-", found.display()));
    Ok(fuzzer.args(["-print_final_stats=1", "-verbosity=0"]))
}
