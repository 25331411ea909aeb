//! `cargo xtask sanitize`: tests and stress under the sanitizers of the compiler.
//!
//! They need the nightly, but neither its sources nor a rebuilt std. So what std itself does is not
//! seen: ThreadSanitizer knows an order between threads only from atomics and locks that are compiled
//! into our own crates, which is what `tests/tsan.supp` is about.

use std::process::Command;

use clap::ValueEnum;

use crate::{nightly, root, succeed};

/// Runs tests and stress under ThreadSanitizer, AddressSanitizer or LeakSanitizer.
#[derive(Debug, clap::Args)]
pub struct Options {
    #[arg(value_enum)]
    sanitizer: Sanitizer,
    /// How long the stress goes on.
    #[arg(long, default_value_t = 60)]
    seconds: u64,
    /// Repeats a stress in kind.
    #[arg(long)]
    seed: Option<u64>,
    /// Only the stress, and neither the models nor the tests.
    #[arg(long)]
    quick: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Sanitizer {
    /// Data races: the stress, and the models on real threads.
    Thread,
    /// Memory that is used after it was freed, or beyond its end, and leaks: the stress, and unit and
    /// integration tests.
    Address,
    /// Memory that nobody can free any more: the same.
    Leak,
}

impl Sanitizer {
    /// As the compiler calls it.
    fn name(self) -> &'static str {
        match self {
            Sanitizer::Thread => "thread",
            Sanitizer::Address => "address",
            Sanitizer::Leak => "leak",
        }
    }
}

/// The crates that have unit tests.
const CRATES: [&str; 5] =
    ["windlass", "windlass-sync", "windlass-timer", "windlass-reactor", "windlass-executor"];

pub fn run(options: &Options) -> Result<(), String> {
    let sanitizer = options.sanitizer;
    if !nightly::is_there(&format!("sanitize {}", sanitizer.name())) {
        return Ok(());
    }
    stress(options)?;
    match sanitizer {
        _ if options.quick => Ok(()),
        Sanitizer::Thread => models(),
        Sanitizer::Address | Sanitizer::Leak => tests(sanitizer),
    }
}

/// Whatever the stress comes upon. It is the quick form: the tests of a task's cell, which is where
/// the `unsafe` is, are in the big test program, and that takes longer to build than this to run.
fn stress(options: &Options) -> Result<(), String> {
    let mut cargo = begin(options.sanitizer, "run")?;
    cargo.args(["--release", "--package", "stress", "--"]);
    cargo.args(["--seconds", &options.seconds.to_string()]);
    if let Some(seed) = options.seed {
        cargo.args(["--seed", &seed.to_string()]);
    }
    succeed(&mut cargo)
}

/// The races of every model.
fn models() -> Result<(), String> {
    let mut cargo = begin(Sanitizer::Thread, "test")?;
    succeed(cargo.args(["--release", "--test", "models"]))
}

fn tests(sanitizer: Sanitizer) -> Result<(), String> {
    let mut cargo = begin(sanitizer, "test")?;
    cargo.arg("--lib");
    for name in CRATES {
        cargo.args(["--package", name]);
    }
    succeed(&mut cargo)?;
    let mut cargo = begin(sanitizer, "test")?;
    cargo.args(["--package", "windlass", "--test", "it", "--"]);
    for (name, _) in LEFT_OUT {
        cargo.args(["--skip", name]);
    }
    succeed(&mut cargo)
}

/// Tests that are left out, and why.
const LEFT_OUT: [(&str, &str); 3] = [
    ("executor::stall::", "measures how late others are, and instrumented code is late"),
    ("house::", "reads sources, and runs nothing of the library"),
    ("programs::", "builds and runs other programs, which are not instrumented"),
];

/// A cargo command with the sanitizer in it, and a target folder of its own.
fn begin(sanitizer: Sanitizer, verb: &str) -> Result<Command, String> {
    let name = sanitizer.name();
    let mut cargo = nightly::cargo();
    let mut flags = format!("-Zsanitizer={name}");
    if sanitizer == Sanitizer::Thread {
        // std is not instrumented, which has to be allowed; and crossbeam's fences, which
        // ThreadSanitizer does not know, become operations that it does.
        flags += " -Cunsafe-allow-abi-mismatch=sanitizer --cfg crossbeam_sanitize_thread";
    }
    if sanitizer == Sanitizer::Leak {
        // Stacks are followed by frame pointers, and `tests/lsan.supp` names what stands in them.
        // With the other two, the compiler sees to it.
        flags += " -Cforce-frame-pointers=yes";
    }
    let suppressions = |file: &str| format!("suppressions={}", root().join(file).display());
    let races = format!("halt_on_error=1 exitcode=66 {}", suppressions("tests/tsan.supp"));
    cargo.arg(verb).args(["--target", &nightly::host()?]);
    cargo.arg("--target-dir").arg(root().join("target").join(name));
    cargo.env("RUSTFLAGS", flags).env("TSAN_OPTIONS", races);
    cargo.env("LSAN_OPTIONS", suppressions("tests/lsan.supp"));
    cargo.env("RUST_BACKTRACE", "0").current_dir(root());
    Ok(cargo)
}
