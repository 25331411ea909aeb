//! The rounds and the table of the comparison.
//!
//! A round measures every route once on every server. Within a route the servers follow each other
//! at once, each in a new process, and who begins changes from round to round. Ratios are taken
//! within a round before their median is, so what drifts with the machine cancels out.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};

use crate::load::{Pass, ROUTES};
use crate::machine;
use crate::options::Options;
use crate::serve::SERVERS;

/// The server and the clients have that long to grow their buffers.
const WARM_MS: u64 = 300;

/// The columns: name, and what of a pass it shows.
const METRICS: [Metric; 4] = [
    ("req/s", |it| it.pass.requests_per_second),
    ("p50 us", |it| it.pass.p50_us),
    ("p99 us", |it| it.pass.p99_us),
    ("server CPU us/req", |it| it.cpu_us),
];

type Metric = (&'static str, fn(&Figure) -> f64);

/// What one server gave on one route in one round.
struct Figure {
    pass: Pass,
    /// CPU time of the server for a request, user and system.
    cpu_us: f64,
}

/// Measures everything and prints the table.
///
/// # Errors
/// A text, if an option is wrong or a child failed.
pub fn run(mut options: Options<'_>) -> Result<(), String> {
    let quick = options.flag("--quick");
    let connections = options.value("--connections")?.unwrap_or(64);
    let rounds = options.value("--rounds")?.unwrap_or(if quick { 1 } else { 5_usize });
    let seconds = options.value("--seconds")?.unwrap_or(if quick { 0.3 } else { 3.0 });
    let workers = options.value("--workers")?.unwrap_or(2_usize);
    options.end()?;
    if connections == 0 || rounds == 0 || workers == 0 {
        return Err("not a positive number".to_owned());
    }
    for line in machine::describe() {
        println!("- {line}");
    }
    let mode = if quick { ", quick: NOT FIGURES TO QUOTE" } else { "" };
    println!("- {workers} workers, {connections} connections, {seconds} s, {rounds} rounds{mode}");

    // By route, server and round.
    let mut figures: [[Vec<Figure>; SERVERS.len()]; ROUTES.len()] = Default::default();
    for round in 0..rounds {
        for (route, (name, ..)) in ROUTES.iter().enumerate() {
            for turn in 0..SERVERS.len() {
                let server = (round + turn) % SERVERS.len();
                eprintln!("round {} of {rounds}: {name} on {}", round + 1, SERVERS[server]);
                let figure = measure(SERVERS[server], workers, route, connections, seconds)?;
                figures[route][server].push(figure);
            }
        }
    }
    println!("- {} (after)\n", machine::load());
    print_table(&figures);
    Ok(())
}

fn measure(
    server: &str,
    workers: usize,
    route: usize,
    connections: usize,
    seconds: f64,
) -> Result<Figure, String> {
    let program = std::env::current_exe().map_err(|error| error.to_string())?;
    let mut command = Command::new(&program);
    command.args(["serve", server, &workers.to_string()]).stdin(Stdio::null());
    let child = command.stdout(Stdio::piped()).spawn();
    let mut child = KilledOnDrop(child.map_err(|error| format!("{server}: {error}"))?);
    let stdout = child.0.stdout.take().expect("the child was started with a pipe");
    let mut address = String::new();
    let read = BufReader::new(stdout).read_line(&mut address);
    read.map_err(|error| format!("{server}: {error}"))?;

    let milliseconds = (seconds * 1e3) as u64;
    let numbers = [route as u64, connections as u64, WARM_MS, milliseconds];
    let words = numbers.map(|number| number.to_string());
    let before = cpu_seconds(child.0.id())?;
    let mut command = Command::new(program);
    command.args(["load", address.trim()]).args(words).stderr(Stdio::inherit());
    let output = command.output().map_err(|error| format!("load: {error}"))?;
    let cpu = cpu_seconds(child.0.id())? - before;
    let pass = Pass::read(&String::from_utf8_lossy(&output.stdout));
    let pass = pass.ok_or(format!("{server}: the load generator gave no figure"))?;
    Ok(Figure { pass, cpu_us: cpu * 1e6 / pass.requests as f64 })
}

/// CPU time of a process so far, all threads, user and system.
fn cpu_seconds(process: u32) -> Result<f64, String> {
    let path = format!("/proc/{process}/stat");
    let text = std::fs::read_to_string(&path).map_err(|error| format!("{path}: {error}"))?;
    // The name in brackets may contain anything; after it, user and system time are 12th and 13th.
    let fields = text.rsplit_once(')').map_or("", |(_, fields)| fields).split_whitespace();
    let ticks = fields.skip(11).take(2).map(|field| field.parse::<u64>().unwrap_or_default());
    Ok(ticks.sum::<u64>() as f64 / rustix::param::clock_ticks_per_second() as f64)
}

fn print_table(figures: &[[Vec<Figure>; SERVERS.len()]]) {
    let [subject, peers @ ..] = SERVERS;
    let ratios = peers.map(|peer| format!("{subject} / {peer} | range")).join(" | ");
    println!("| route | figure | {} | {ratios} |", SERVERS.join(" | "));
    println!("|---|---|{}{}", "--:|".repeat(SERVERS.len()), "--:|---|".repeat(peers.len()));
    for ((route, ..), servers) in ROUTES.iter().zip(figures) {
        for (metric, of) in METRICS {
            let series = servers.each_ref().map(|it| it.iter().map(of).collect::<Vec<f64>>());
            let medians = series.each_ref().map(|it| written(median(it.clone())));
            let ratios = series[1..].iter().map(|peer| {
                let pairs = series[0].iter().zip(peer);
                let ratios: Vec<f64> = pairs.map(|(subject, peer)| subject / peer).collect();
                let low = ratios.iter().copied().fold(f64::INFINITY, f64::min);
                let high = ratios.iter().copied().fold(0.0, f64::max);
                format!("{:.2} | {low:.2}..{high:.2}", median(ratios))
            });
            let ratios: Vec<String> = ratios.collect();
            let (medians, ratios) = (medians.join(" | "), ratios.join(" | "));
            println!("| `{route}` | {metric} | {medians} | {ratios} |");
        }
    }
}

/// The middle of `figures`, the mean of the middle two if they are even in number.
fn median(mut figures: Vec<f64>) -> f64 {
    figures.sort_by(f64::total_cmp);
    let (low, high) = ((figures.len() - 1) / 2, figures.len() / 2);
    (figures[low] + figures[high]) / 2.0
}

fn written(figure: f64) -> String {
    if figure < 100.0 { format!("{figure:.1}") } else { format!("{figure:.0}") }
}

struct KilledOnDrop(Child);

impl Drop for KilledOnDrop {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
