//! What the rows are: name, figures, targets, the work in words, and where the runtimes differ.

/// One row of the suite: one piece of work, measured in a process of its own.
#[derive(Debug)]
pub struct Row {
    pub name: &'static str,
    /// What it reports; nearly always one figure, named as the row.
    pub metrics: &'static [Metric],
    /// Requests per second grow when things get better; everything else shrinks.
    pub more_is_better: bool,
    pub work: &'static str,
    /// Where the same work cannot be said in the same words on every runtime. Often empty.
    pub note: &'static str,
    /// Runtimes that cannot do it; the note says why.
    pub without: &'static [&'static str],
}

/// One figure of a row.
#[derive(Debug)]
pub struct Metric {
    pub name: &'static str,
    pub unit: &'static str,
    pub target: Option<Target>,
}

/// The greatest ratio that is good enough, as the table has them: below 1 is ahead.
#[derive(Debug, Clone, Copy)]
pub enum Target {
    /// Against the better peer.
    Peers(f64),
    Tokio(f64),
    Bare(f64),
}

use Target::*;

impl Row {
    /// Whether the mio loop without futures takes part.
    pub fn has_bare(&self) -> bool {
        self.name.starts_with("echo_")
    }
}

/// 95 % of the bare loop's rate, as a ratio of costs.
const NEARLY_BARE: f64 = 1.0 / 0.95;

/// `NAME, UNIT [target], WORK`, or the same with a list of figures, and fields that are set.
macro_rules! row {
    ($name:literal, $unit:literal $([$target:expr])?, $work:literal $(, $field:ident: $value:expr)*) => {
        row!($name, {$name, $unit $([$target])?}, $work $(, $field: $value)*)
    };
    ($name:literal, $({$metric:literal, $unit:literal $([$target:expr])?}),+, $work:literal $(, $field:ident: $value:expr)*) => {
        Row {
            metrics: const { &[$(metric!($metric, $unit $([$target])?)),+] },
            work: $work,
            $($field: $value,)*
            ..EMPTY.named($name)
        }
    };
}

macro_rules! metric {
    ($name:literal, $unit:literal) => {
        Metric { name: $name, unit: $unit, target: None }
    };
    ($name:literal, $unit:literal [$target:expr]) => {
        Metric { name: $name, unit: $unit, target: Some($target) }
    };
}

const EMPTY: Row =
    Row { name: "", metrics: &[], more_is_better: false, work: "", note: "", without: &[] };

impl Row {
    const fn named(self, name: &'static str) -> Row {
        Row { name, ..self }
    }
}

const TIMEOUT_NOTE: &str = "smol has no timeout: future::or(work, Timer::after(d))";
const CALLER_NOTE: &str = "the caller of block_on is a worker in windlass, a guest in the others";
const QUEUE_NOTE: &str =
    "tokio: mpsc::channel; smol: async_channel::bounded; windlass: a Queue, split";
const SIGNAL_NOTE: &str = "Notify; smol has none: async_channel::bounded(1)";
const SHARED_NOTE: &str =
    "tokio's receiver is single: Mutex<mpsc::Receiver>, as its users share one";
const GLOBAL_NOTE: &str = "smol's executor is global: it starts once and never ends";

/// Every row, in the order of the table.
#[rustfmt::skip] // a line each, where one fits
pub const ROWS: &[Row] = &[
    row!("spawn_join", "ns/task" [Peers(0.50)], "a task on a worker spawns 10,000 empty tasks, awaits all"),
    row!("spawn_remote", "ns/task" [Peers(0.50)], "the block_on caller does it", note: CALLER_NOTE),
    row!("yield_many", "ns/yield" [Peers(0.58)], "200 tasks yield 1,000 times each"),
    row!("yield_one", "ns/yield" [Peers(0.59)], "1 task yields 100,000 times"),
    row!("chained_spawn", "ns/task" [Peers(0.67)], "every task spawns the next, 10,000 deep"),
    row!("ping_pong", "ns/trip" [Peers(0.61)], "100 pairs over two queues with room for 1, 200 trips each", note: QUEUE_NOTE),
    row!("ping_pong_1", "ns/trip" [Peers(0.35)], "1 such pair, 20,000 trips", note: QUEUE_NOTE),
    row!("signal", "ns/trip", "100 pairs over two signals, 200 trips", note: SIGNAL_NOTE),
    row!("signal_1", "ns/trip", "1 such pair, 20,000 trips", note: SIGNAL_NOTE),
    row!("fan_in", "ns/message" [Peers(0.78)], "8 tasks send 10,000 messages each, room for 128", note: QUEUE_NOTE),
    row!("fan_in_cap3", "ns/message" [Peers(0.51)], "5 tasks send 10,000 messages each, room for 3", note: QUEUE_NOTE),
    row!("deep_queue", "ns/item", "10,000 tasks wait at one queue with room for 128 and get 10 items each", note: SHARED_NOTE),
    row!("semaphore", "ns/permit" [Peers(1.00)], "100 tasks x 200, 10 permits, each held over a yield"),
    row!("semaphore_free", "ns/permit" [Peers(0.79)], "1 task takes and gives a free permit 100,000 times"),
    row!("mutex", "ns/lock", "100 tasks x 200, each lock held over a yield"),
    row!("mutex_free", "ns/lock", "1 task locks and unlocks a free mutex 100,000 times"),
    row!("timeout_cancel", "ns/op" [Peers(0.40)], "16 tasks x 2,000 of timeout(30 s) around a yield", note: TIMEOUT_NOTE),
    row!("timeout_cancel_100k", "ns/op" [Peers(0.50)], "100,000 tasks x 10 of the same, at once", note: TIMEOUT_NOTE),
    row!("timers_1m", "ns/op", "1,000,000 timers armed, cancelled and armed anew in random order"),
    row!(
        "sleep_late",
        {"sleep_late_p50", "us" [Peers(1.00)]}, {"sleep_late_p99", "us" [Peers(1.00)]},
        "1,000 sleeps spread over 0.5 s: how late they wake",
        note: "tokio rounds deadlines up to whole milliseconds"
    ),
    row!("sleep_cpu", "ns CPU/task" [Peers(0.36)], "100,000 tasks with one sleep each, spread over 1 s"),
    row!("blocking", "ns/job" [Peers(0.11)], "10,000 empty jobs to the blocking pool, awaits all"),
    row!("echo_1", "req/s" [Tokio(1.00)], "TCP echo, 64 B, 1 connection", more_is_better: true),
    row!("echo_64", "req/s" [Bare(NEARLY_BARE)], "TCP echo, 64 B, 64 connections", more_is_better: true),
    row!("echo_512", "req/s" [Bare(NEARLY_BARE)], "TCP echo, 64 B, 512 connections", more_is_better: true),
    row!("churn", "conn/s", "16 at a time connect, exchange 64 B once and close", more_is_better: true),
    row!(
        "calm", {"calm_switches", "switches/req"}, {"calm_cpu", "us CPU/req"},
        "1,000 requests a second over 10 connections: what each costs the server"
    ),
    row!("stalled_message", "us", "a task sends to another, then blocks its worker for 200 ms: when it arrives"),
    row!(
        "stalled_timers", {"stalled_timers_p50", "us"}, {"stalled_timers_max", "us"},
        "100 timers spread over 0.4 s, while a task blocks its worker for that long: how late they are"
    ),
    row!("idle_wakes", "switches/s", "1,000 connections and 1,000 sleeping tasks, and nothing happens"),
    row!("start_stop", "us", "a runtime starts, runs one task and ends", note: GLOBAL_NOTE, without: &["smol"]),
    row!("article_queue", "ns/item", "5 producers, 2 consumers, a queue with room for 3, 100,000 items", note: SHARED_NOTE),
    row!("article_gather", "ns/task", "100,000 tasks, all awaited"),
    row!("article_limit", "ns/task", "100,000 tasks, each holds one of 10 permits over a yield"),
    row!("mem_sleepers", "B/task" [Peers(0.68)], "resident bytes of 200,000 detached tasks sleeping an hour"),
    row!(
        "sleepers_1m", {"sleepers_1m", "ns/task"}, {"mem_sleepers_1m", "B/task"},
        "1,000,000 tasks are spawned and go to sleep for an hour"
    ),
];

/// The row called `name`.
///
/// # Errors
/// A text that names all of them, if there is none.
pub fn find(name: &str) -> Result<&'static Row, String> {
    ROWS.iter().find(|row| row.name == name).ok_or_else(|| {
        let names: Vec<&str> = ROWS.iter().map(|row| row.name).collect();
        format!("no such row: {name}\nrows: {}", names.join(", "))
    })
}

/// Prints every row with its work and note.
pub fn print() {
    for row in ROWS {
        println!("{:<20} {:<12} {}", row.name, row.metrics[0].unit, row.work);
        if !row.note.is_empty() {
            println!("{:<33} note: {}", "", row.note);
        }
    }
}
