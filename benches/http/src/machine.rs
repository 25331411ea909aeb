//! Where and with what the figures were taken, in words for the head of the table.

use std::process::Command;

/// The lock file this program was built from: the only honest list of versions.
const LOCK: &str = include_str!("../Cargo.lock");

/// Packages whose version decides a figure.
const PACKAGES: [&str; 6] = ["windlass", "tokio", "hyper", "hyper-util", "axum", "mio"];

/// Lines for the head of the table: machine, system, compiler, load, versions.
pub fn describe() -> Vec<String> {
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    let versions: Vec<String> = PACKAGES.iter().filter_map(|name| version(name)).collect();
    let kernel = file("/proc/sys/kernel/osrelease");
    vec![
        format!("machine: {}, {cores} cores", processor()),
        format!("system: Linux {kernel}, {}", output("rustc", &["-V"])),
        load(),
        format!("versions: {}", versions.join(", ")),
        format!("date: {}", output("date", &["-u", "+%Y-%m-%d %H:%M UTC"])),
    ]
}

/// How busy the machine is now.
pub fn load() -> String {
    format!("load average: {}", file("/proc/loadavg"))
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
    match Command::new(program).args(arguments).output() {
        Ok(output) if output.status.success() => {
            String::from_utf8_lossy(&output.stdout).trim().to_owned()
        }
        _ => format!("{program} did not say"),
    }
}
