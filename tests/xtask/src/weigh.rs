//! `cargo xtask weigh`: what a user pays before the first request: the time of a cold build, the
//! crates in the tree, the size of the program.
//!
//! The same small program for each runtime, with the features that somebody enables who wants what
//! windlass has without any: several workers, sockets, timers, channels and locks, the attribute.

use std::path::Path;
use std::process::Command;
use std::time::Instant;

use clap::Args;

use crate::section;

/// The part of `benches/README.md` between the marks of this name.
const SECTION: &str = "weight";

/// Builds a small program on windlass, tokio and smol, and tells what that takes.
#[derive(Debug, Args)]
pub struct Options {
    /// Only these: windlass, tokio, smol
    #[arg(value_name = "RUNTIME")]
    runtimes: Vec<String>,
    /// Cold builds of each; their median counts
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..))]
    rounds: u32,
    /// Write the table into benches/README.md
    #[arg(long, conflicts_with = "runtimes")]
    write: bool,
}

struct Subject {
    name: &'static str,
    dependency: &'static str,
    program: &'static str,
}

const SUBJECTS: [Subject; 3] = [
    Subject {
        name: "windlass",
        dependency: "{ path = \"ROOT\" }",
        program: "\
#[windlass::main]
async fn main() {
    let task = windlass::spawn(async {
        windlass::time::sleep(std::time::Duration::from_millis(1)).await;
        \"hello\"
    });
    println!(\"{}\", task.await.unwrap());
}
",
    },
    Subject {
        name: "tokio",
        dependency: "{ version = \"1\", features = [\"rt-multi-thread\", \"net\", \"time\", \"sync\", \"macros\"] }",
        program: "\
#[tokio::main]
async fn main() {
    let task = tokio::spawn(async {
        tokio::time::sleep(std::time::Duration::from_millis(1)).await;
        \"hello\"
    });
    println!(\"{}\", task.await.unwrap());
}
",
    },
    Subject {
        name: "smol",
        dependency: "\"2\"",
        program: "\
fn main() {
    smol::block_on(async {
        let task = smol::spawn(async {
            smol::Timer::after(std::time::Duration::from_millis(1)).await;
            \"hello\"
        });
        println!(\"{}\", task.await);
    });
}
",
    },
];

struct Weight {
    seconds: f64,
    crates: usize,
    bytes: u64,
}

/// # Errors
/// A text, if a program cannot be built.
pub fn run(options: &Options) -> Result<(), String> {
    let wanted = |name: &str| {
        options.runtimes.is_empty() || options.runtimes.iter().any(|known| known == name)
    };
    let mut lines = vec![
        "| runtime | cold build, s | crates | stripped program, KiB | features |".to_owned(),
        "|---|--:|--:|--:|---|".to_owned(),
    ];
    for subject in SUBJECTS.iter().filter(|subject| wanted(subject.name)) {
        let weight = weigh(subject, options.rounds)?;
        let features = subject.dependency.split_once("features = [").map_or("none", |(_, it)| it);
        lines.push(format!(
            "| {} | {:.1} | {} | {} | {} |",
            subject.name,
            weight.seconds,
            weight.crates,
            weight.bytes / 1024,
            features.trim_end_matches("] }").replace('"', ""),
        ));
    }
    lines.push(String::new());
    let (rustc, date) = (crate::output("rustc", &["-V"])?, crate::output("date", &["-u", "+%F"])?);
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    let load = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    lines.push(format!("{date}, {rustc}, {cores} cores, load average after: {}", load.trim()));
    let table = lines.join("\n");
    println!("{table}");
    if options.write { section::write(SECTION, &table) } else { Ok(()) }
}

fn weigh(subject: &Subject, rounds: u32) -> Result<Weight, String> {
    let folder = std::env::temp_dir().join(format!("windlass-weigh-{}", std::process::id()));
    let outcome = weigh_in(&folder, subject, rounds);
    let _ = std::fs::remove_dir_all(&folder); // also after a failure; it is the system's otherwise
    outcome
}

fn weigh_in(folder: &Path, subject: &Subject, rounds: u32) -> Result<Weight, String> {
    let failed = |error: std::io::Error| format!("{}: {error}", folder.display());
    std::fs::create_dir_all(folder.join("src")).map_err(failed)?;
    let dependency = subject.dependency.replace("ROOT", &crate::root().display().to_string());
    let manifest = format!(
        "[workspace]\n[package]\nname = \"hello\"\nedition = \"2024\"\n\
         [dependencies]\n{} = {dependency}\n[profile.release]\nstrip = true\n",
        subject.name,
    );
    std::fs::write(folder.join("Cargo.toml"), manifest).map_err(failed)?;
    std::fs::write(folder.join("src/main.rs"), subject.program).map_err(failed)?;
    // The versions that the other figures were measured with. Cargo leaves out what is not needed.
    let lock = crate::root().join("benches/rivals/Cargo.lock");
    std::fs::copy(lock, folder.join("Cargo.lock")).map_err(failed)?;
    crate::succeed(cargo(folder, &["fetch", "--quiet"]).env_remove("CARGO_TARGET_DIR"))?;

    let mut seconds = Vec::new();
    for _ in 0..rounds {
        let _ = std::fs::remove_dir_all(folder.join("target"));
        let start = Instant::now();
        let mut build = cargo(folder, &["build", "--quiet", "--offline", "--release", "-j2"]);
        crate::succeed(build.env_remove("CARGO_TARGET_DIR"))?;
        seconds.push(start.elapsed().as_secs_f64());
    }
    seconds.sort_by(f64::total_cmp);
    let program = folder.join("target/release/hello");
    let said = crate::output(&program.display().to_string(), &[])?;
    if said != "hello" {
        return Err(format!("the program on {} said {said:?}", subject.name));
    }
    Ok(Weight {
        seconds: seconds[seconds.len() / 2],
        crates: crates(folder)?,
        bytes: program.metadata().map_err(failed)?.len(),
    })
}

/// The crates that are compiled for it, without itself.
fn crates(folder: &Path) -> Result<usize, String> {
    let options = ["tree", "--offline", "--prefix", "none", "--edges", "normal,build"];
    let output = cargo(folder, &options).output().map_err(|error| format!("cargo: {error}"))?;
    let text = String::from_utf8_lossy(&output.stdout);
    let mut crates: Vec<&str> = text.lines().map(|line| line.trim_end_matches(" (*)")).collect();
    crates.sort_unstable();
    crates.dedup();
    Ok(crates.len().saturating_sub(1))
}

fn cargo(folder: &Path, words: &[&str]) -> Command {
    let mut cargo = Command::new("cargo");
    cargo.args(words).current_dir(folder);
    cargo
}
