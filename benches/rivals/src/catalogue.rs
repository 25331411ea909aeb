//! What the rows are: name, unit, the work in words, and where the runtimes cannot be equal.

/// One row of the suite: one piece of work, measured in a process of its own.
#[derive(Debug)]
pub struct Row {
    pub name: &'static str,
    /// What it reports; nearly always one figure, named as the row.
    pub metrics: &'static [&'static str],
    pub unit: &'static str,
    /// Requests per second grow when things get better; everything else shrinks.
    pub more_is_better: bool,
    pub work: &'static str,
    /// Where the same work cannot be said in the same words on every runtime. Often empty.
    pub note: &'static str,
}

impl Row {
    /// Whether the mio loop without futures takes part.
    pub fn has_bare(&self) -> bool {
        self.name.starts_with("echo_")
    }
}

macro_rules! row {
    ($name:literal, $unit:literal, $work:literal, $note:literal) => {
        row!($name, [$name], $unit, false, $work, $note)
    };
    ($name:literal, [$($metric:literal),+], $unit:literal, $more:literal, $work:literal, $note:literal) => {
        Row {
            name: $name,
            metrics: &[$($metric),+],
            unit: $unit,
            more_is_better: $more,
            work: $work,
            note: $note,
        }
    };
}

const TIMEOUT_NOTE: &str = "smol has no timeout: future::or(work, Timer::after(d))";
const CALLER_NOTE: &str = "the caller of block_on is a worker in windlass, a guest in the others";
const QUEUE_NOTE: &str =
    "tokio: mpsc::channel; smol: async_channel::bounded; windlass: a Queue, split";
const SIGNAL_NOTE: &str = "Notify; smol has none: async_channel::bounded(1)";

/// Every row, in the order of the table.
pub const ROWS: &[Row] = &[
    row!("spawn_join", "ns/task", "a task on a worker spawns 10,000 empty tasks, awaits all", ""),
    Row { note: CALLER_NOTE, ..row!("spawn_remote", "ns/task", "the block_on caller does it", "") },
    row!("yield_many", "ns/yield", "200 tasks yield 1,000 times each", ""),
    row!("yield_one", "ns/yield", "1 task yields 100,000 times", ""),
    row!("chained_spawn", "ns/task", "every task spawns the next, 10,000 deep", ""),
    Row {
        note: QUEUE_NOTE,
        ..row!(
            "ping_pong",
            "ns/trip",
            "100 pairs over two queues with room for 1, 200 trips each",
            ""
        )
    },
    Row { note: QUEUE_NOTE, ..row!("ping_pong_1", "ns/trip", "1 such pair, 20,000 trips", "") },
    Row {
        note: SIGNAL_NOTE,
        ..row!("signal", "ns/trip", "100 pairs over two signals, 200 trips", "")
    },
    Row { note: SIGNAL_NOTE, ..row!("signal_1", "ns/trip", "1 such pair, 20,000 trips", "") },
    Row {
        note: QUEUE_NOTE,
        ..row!("fan_in", "ns/message", "8 tasks send 10,000 messages each, room for 128", "")
    },
    Row {
        note: QUEUE_NOTE,
        ..row!("fan_in_cap3", "ns/message", "5 tasks send 10,000 messages each, room for 3", "")
    },
    row!("semaphore", "ns/permit", "100 tasks x 200, 10 permits, each held over a yield", ""),
    row!("semaphore_free", "ns/permit", "1 task takes and gives a free permit 100,000 times", ""),
    row!("mutex", "ns/lock", "100 tasks x 200, each lock held over a yield", ""),
    row!("mutex_free", "ns/lock", "1 task locks and unlocks a free mutex 100,000 times", ""),
    Row {
        note: TIMEOUT_NOTE,
        ..row!("timeout_cancel", "ns/op", "16 tasks x 2,000 of timeout(30 s) around a yield", "")
    },
    Row {
        note: TIMEOUT_NOTE,
        ..row!("timeout_cancel_100k", "ns/op", "100,000 tasks x 10 of the same, at once", "")
    },
    row!(
        "sleep_late",
        ["sleep_late_p50", "sleep_late_p99"],
        "us",
        false,
        "1,000 sleeps spread over 0.5 s: how late they wake",
        "tokio rounds deadlines up to whole milliseconds"
    ),
    row!("sleep_cpu", "ns CPU/task", "100,000 tasks with one sleep each, spread over 1 s", ""),
    row!("blocking", "ns/job", "10,000 empty jobs to the blocking pool, awaits all", ""),
    row!("echo_1", ["echo_1"], "req/s", true, "TCP echo, 64 B, 1 connection", ""),
    row!("echo_64", ["echo_64"], "req/s", true, "TCP echo, 64 B, 64 connections", ""),
    row!("echo_512", ["echo_512"], "req/s", true, "TCP echo, 64 B, 512 connections", ""),
    row!("mem_sleepers", "B/task", "resident bytes of 200,000 detached tasks sleeping an hour", ""),
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
        println!("{:<20} {:<12} {}", row.name, row.unit, row.work);
        if !row.note.is_empty() {
            println!("{:<33} note: {}", "", row.note);
        }
    }
}
