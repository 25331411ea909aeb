//! Where and with what the figures were taken, in words for the head of the table.

use std::process::Command;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

/// The lock file this program was built from: the only honest list of versions.
const LOCK: &str = include_str!("../Cargo.lock");

/// Packages whose version decides a figure.
const PACKAGES: [&str; 9] = [
    "windlass",
    "tokio",
    "smol",
    "async-executor",
    "async-io",
    "async-channel",
    "async-lock",
    "blocking",
    "mio",
];

/// Lines for the head of the table: machine, system, compiler, load, versions.
pub fn describe() -> Vec<String> {
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    let versions: Vec<String> = PACKAGES.iter().filter_map(|name| version(name)).collect();
    vec![
        format!("machine: {}, {cores} cores", processor()),
        format!(
            "system: Linux {}, {}",
            file("/proc/sys/kernel/osrelease"),
            output("rustc", &["-V"])
        ),
        format!("load average before: {}", file("/proc/loadavg")),
        exchanges(),
        format!("versions: {}", versions.join(", ")),
        format!("date: {}", output("date", &["-u", "+%Y-%m-%d %H:%M UTC"])),
    ]
}

/// What a locked instruction costs whose line is in the cache, of which the rows that switch tasks make
/// ten or so per switch; and how much the same work differs from one moment to the next.
fn exchanges() -> String {
    const PASSES: usize = 60;
    const EXCHANGES: u64 = 1_000_000;
    let word = AtomicU64::new(0);
    let pass = |_| {
        let start = Instant::now();
        (0..EXCHANGES).for_each(|number| _ = word.swap(number, Ordering::AcqRel));
        start.elapsed().as_nanos() as f64 / EXCHANGES as f64
    };
    let mut passes: Vec<f64> = (0..PASSES).map(pass).collect();
    passes.sort_by(f64::total_cmp);
    let (least, most) = (passes[0], passes[PASSES - 1]);
    format!("an exchange, {PASSES} times a million before: {least:.1} to {most:.1} ns each")
}

fn version(name: &str) -> Option<String> {
    let block = LOCK.split_once(&format!("name = \"{name}\"\nversion = \""))?.1;
    let version = block.split_once('"')?.0;
    if name != "windlass" {
        return Some(format!("{name} {version}"));
    }
    let folder = env!("CARGO_MANIFEST_DIR");
    let commit = output("git", &["-C", folder, "describe", "--always", "--dirty"]);
    Some(format!("{name} {version} ({commit})"))
}

fn processor() -> String {
    let text = file("/proc/cpuinfo");
    let line = text.lines().find_map(|line| line.strip_prefix("model name")?.split_once(": "));
    line.map_or("unknown processor".to_owned(), |(_, name)| name.trim().to_owned())
}

fn file(path: &str) -> String {
    std::fs::read_to_string(path).map_or("unknown".to_owned(), |text| text.trim().to_owned())
}

fn output(program: &str, arguments: &[&str]) -> String {
    let output = Command::new(program).args(arguments).output();
    match output {
        Ok(output) if output.status.success() => {
            String::from_utf8_lossy(&output.stdout).trim().to_owned()
        }
        _ => format!("{program} did not say"),
    }
}
