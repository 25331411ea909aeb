//! The example service: started, watched through its `/metrics`, stopped.

use std::collections::BTreeMap;
use std::env;
use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::net::SocketAddr;
use std::process::{Child, ChildStderr, Command, Stdio};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use crate::wire;

/// What must not have grown when all is quiet again, under its name in `/metrics`.
const MUST_NOT_GROW: [&str; 10] = [
    "windlass_tasks",
    "windlass_sources",
    "windlass_timers",
    r#"pool_connections{state="in_use"}"#,
    "pool_waiting",
    "service_handlers",
    "service_handlers_waiting",
    "service_panics_total",
    "service_timeouts_total",
    "windlass_unobserved_panics_total",
];
/// The same for what the system says about a process.
const SOCKETS: &str = "sockets of the process";
/// How the service begins to tell that a connection broke; an abort is one, so these are counted.
const BROKEN: &str = "service: connection of ";
/// How long the service may take to be quiet, or to end.
const PATIENCE: Duration = Duration::from_secs(30);
/// How often to look.
const LOOK_AGAIN: Duration = Duration::from_millis(100);
/// How long it is left alone before the first look.
const SETTLING: Duration = Duration::from_millis(500);

/// Figures of one moment, by name.
pub type Figures = BTreeMap<String, i64>;

/// A running service.
#[derive(Debug)]
pub struct Service {
    pub address: SocketAddr,
    /// None if somebody else has started it.
    child: Option<Child>,
    /// Reads what it logs.
    log: Option<JoinHandle<Log>>,
}

/// What a service has logged until its end.
#[derive(Debug, Default)]
pub struct Log {
    /// Connections that broke.
    pub broken: u64,
    /// All other lines, such as panics.
    pub others: u64,
}

impl Service {
    /// One that somebody else has started.
    pub fn at(address: SocketAddr) -> Service {
        Service { address, child: None, log: None }
    }

    /// Builds the example and starts it on a free port.
    ///
    /// # Errors
    /// A text, if it cannot be built or does not say where it listens.
    pub fn start(users: u64) -> Result<Service, String> {
        let program = build()?;
        let mut command = Command::new(program);
        command.args(["--listen", "127.0.0.1:0", "--quiet", "--users", &users.to_string()]);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let child = command.spawn();
        let mut child = child.map_err(|error| format!("the service: {error}"))?;
        let mut stdout = BufReader::new(child.stdout.take().expect("it was started with a pipe"));
        let stderr = child.stderr.take().expect("it was started with a pipe");
        let log = Some(thread::spawn(|| read_log(stderr)));
        let mut service = Service { address: ([0; 4], 0).into(), child: Some(child), log };
        let mut line = String::new();
        let _ = stdout.read_line(&mut line);
        let address = line.split_once("http://").and_then(|(_, rest)| rest.split(' ').next());
        let address = address.and_then(|address| address.parse().ok());
        service.address = address.ok_or(format!("the service does not listen: {line:?}"))?;
        // It talks on, and must not wait for a reader.
        thread::spawn(move || stdout.read_to_end(&mut Vec::new()));
        Ok(service)
    }

    /// What it says of itself now.
    ///
    /// # Errors
    /// A text, if it does not answer.
    pub fn figures(&self) -> Result<Figures, String> {
        let text =
            wire::ask(self.address, "/metrics").map_err(|error| format!("metrics: {error}"))?;
        let samples = text.lines().filter_map(|line| line.rsplit_once(' '));
        let samples = samples.filter(|(name, _)| MUST_NOT_GROW.contains(name));
        let mut figures: Figures = samples
            .filter_map(|(name, value)| Some((name.to_owned(), value.parse().ok()?)))
            .collect();
        if let Some(name) = MUST_NOT_GROW.iter().find(|name| !figures.contains_key(**name)) {
            return Err(format!("the service does not tell {name}"));
        }
        if let Some(child) = &self.child {
            let entries = fs::read_dir(format!("/proc/{}/fd", child.id())).into_iter().flatten();
            let targets = entries.filter_map(|entry| fs::read_link(entry.ok()?.path()).ok());
            let sockets = targets.filter(|target| target.to_string_lossy().starts_with("socket:"));
            figures.insert(SOCKETS.to_owned(), sockets.count() as i64);
        }
        Ok(figures)
    }

    /// The figures when it has been left alone for a moment.
    ///
    /// # Errors
    /// As those of [`figures`](Service::figures).
    pub fn settled(&self) -> Result<Figures, String> {
        thread::sleep(SETTLING);
        self.figures()
    }

    /// The figures when none is above what it was before; those of the last look if some still is
    /// after half a minute.
    ///
    /// # Errors
    /// As those of [`figures`](Service::figures).
    pub fn quiet_again(&self, before: &Figures) -> Result<Figures, String> {
        let begun = Instant::now();
        loop {
            let now = self.figures()?;
            if grown(before, &now).is_empty() || begun.elapsed() > PATIENCE {
                return Ok(now);
            }
            thread::sleep(LOOK_AGAIN);
        }
    }

    /// The money of all users together.
    ///
    /// # Errors
    /// A text, if it does not answer.
    pub fn money(&self, users: u64) -> Result<i64, String> {
        (1..=users).try_fold(0, |sum, id| {
            let user =
                wire::ask(self.address, &format!("/users/{id}")).map_err(|it| it.to_string())?;
            let user: serde_json::Value =
                serde_json::from_str(&user).map_err(|it| it.to_string())?;
            let balance = user["balance"].as_i64().ok_or(format!("no balance in {user}"))?;
            Ok(sum + balance)
        })
    }

    /// Stops it, if it is ours: what it has logged.
    ///
    /// # Errors
    /// A text, if it does not end in order and in time.
    pub fn stop(mut self) -> Result<Log, String> {
        let Some(child) = &mut self.child else { return Ok(Log::default()) };
        let pid = Pid::from_child(child);
        kill_process(pid, Signal::TERM).map_err(|error| format!("the service: {error}"))?;
        let begun = Instant::now();
        while begun.elapsed() < PATIENCE {
            match child.try_wait() {
                Ok(Some(status)) if status.success() => {
                    let log = self.log.take().map(JoinHandle::join);
                    return Ok(log.and_then(Result::ok).unwrap_or_default());
                }
                Ok(Some(status)) => return Err(format!("the service has ended with {status}")),
                Ok(None) => thread::sleep(LOOK_AGAIN),
                Err(error) => return Err(format!("the service: {error}")),
            }
        }
        Err(format!("the service has not ended within {PATIENCE:?} of SIGTERM"))
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        if let Some(child) = &mut self.child {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// What is more than it was before.
pub fn grown<'a>(before: &Figures, now: &'a Figures) -> Vec<&'a str> {
    let is_more = |(name, value): &(&String, &i64)| **value > before[*name];
    now.iter().filter(is_more).map(|(name, _)| name.as_str()).collect()
}

/// Sorts the lines until there are no more; repeats those that no abort explains.
fn read_log(stderr: ChildStderr) -> Log {
    let mut log = Log::default();
    for line in BufReader::new(stderr).lines().map_while(Result::ok) {
        if line.starts_with(BROKEN) {
            log.broken += 1;
        } else {
            log.others += 1;
            eprintln!("{line}");
        }
    }
    log
}

/// Builds the example as `cargo run --release -p service` does: the path of its program.
fn build() -> Result<String, String> {
    let cargo = env::var("CARGO").unwrap_or_else(|_| "cargo".to_owned());
    let mut command = Command::new(cargo);
    command.args(["build", "--release", "-p", "service", "--message-format", "json"]);
    command.args(["--manifest-path", concat!(env!("CARGO_MANIFEST_DIR"), "/../../Cargo.toml")]);
    let output = command.stderr(Stdio::inherit()).output();
    let output = output.map_err(|error| format!("cargo: {error}"))?;
    let text = String::from_utf8_lossy(&output.stdout);
    let messages = text.lines().filter_map(|line| serde_json::from_str(line).ok());
    let mut programs =
        messages.filter_map(|it: serde_json::Value| Some(it["executable"].as_str()?.to_owned()));
    programs.next_back().ok_or("cargo has built no service".to_owned())
}
