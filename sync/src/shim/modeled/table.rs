//! An execution that failed, as a table: a column for each thread, a row for each operation.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::panic::Location;
use std::sync::Once;

use super::trace::{self, Kind, Object, Step, Trace, Value};

/// At most so many rows are shown, the last ones.
const ROWS: usize = 200;
/// The longest round of a spinning loop that is folded, in operations of all its threads.
const LONGEST_ROUND: usize = 8;

/// From now on a panic in a model prints what its threads did, before its message.
pub fn print_on_panic() {
    static INSTALLED: Once = Once::new();
    INSTALLED.call_once(|| {
        let message = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |info| {
            // Not every panic is a model's. What unwinds may panic again: the trace is gone then.
            if let Some(trace) = trace::take() {
                // The stack of a model's thread is a small one.
                let text = std::thread::spawn(move || shown(&trace)).join();
                eprintln!("{}", text.unwrap_or_default());
            }
            message(info);
        }));
    });
}

/// One line of the table.
#[derive(PartialEq, Eq)]
struct Row {
    thread: usize,
    place: String,
    text: String,
}

/// The whole report.
fn shown(trace: &Trace) -> String {
    let mut names = Names::default();
    let mut newest = BTreeMap::new();
    let mut rows = Vec::new();
    for step in &trace.steps {
        let text = names.text(step, newest.get(&step.object).copied());
        rows.push(Row { thread: step.thread, place: place(step.at), text });
        if let Some(value) = step.wrote {
            newest.insert(step.object, value);
        }
    }
    let mut lines = fold(rows);
    let mut text = format!("failed at execution {}\n", trace.execution);
    if lines.len() > ROWS {
        let cut = lines.len() - ROWS;
        lines.drain(..cut);
        let _ = writeln!(text, "the last {ROWS} rows; {cut} before them are left out");
    }
    for step in trace.begun.iter().flatten() {
        let doing = format!("{} ...", names.text(&Step { wrote: None, ..*step }, None));
        lines.push(Line::Row(0, Row { thread: step.thread, place: place(step.at), text: doing }));
    }
    table(&mut text, &lines, trace.begun.len());
    text.push_str("a: atomic, m: mutex, v: condition variable, c: cell; `->` is what it became,\n");
    text.push_str("`old` a value that was not the newest, `...` an operation that has not ended\n");
    text
}

/// A row with its number (0: none), or what stands for rows that are like those before.
enum Line {
    Row(usize, Row),
    Folded { rows: usize, times: usize },
}

/// Leaves out the repetitions of a loop.
fn fold(rows: Vec<Row>) -> Vec<Line> {
    let mut lines = Vec::new();
    let mut rest = rows.as_slice();
    let mut keep = Vec::new(); // (rows that are shown, times they come again)
    while !rest.is_empty() {
        let times = |length: usize| {
            let round = rest.get(..length);
            let rounds = rest.chunks_exact(length);
            rounds.take_while(|next| Some(*next) == round).count()
        };
        let spins = (1..=LONGEST_ROUND.min(rest.len())).find(|length| times(*length) > 2);
        let (length, again) = spins.map_or((1, 0), |length| (length, times(length) - 1));
        keep.push((length, again));
        rest = &rest[length * (again + 1)..];
    }
    let mut rows = rows.into_iter().enumerate();
    for (length, again) in keep {
        lines.extend(rows.by_ref().take(length).map(|(at, row)| Line::Row(at + 1, row)));
        rows.by_ref().take(length * again).for_each(drop);
        if again > 0 {
            lines.push(Line::Folded { rows: length, times: again });
        }
    }
    lines
}

fn table(text: &mut String, lines: &[Line], threads: usize) {
    let name = |thread: usize| match thread {
        0 => "main".to_owned(),
        _ => format!("thread {thread}"),
    };
    let rows = || {
        lines.iter().filter_map(|line| if let Line::Row(_, row) = line { Some(row) } else { None })
    };
    let widest = rows().map(|row| row.place.len()).max().unwrap_or(0).max("source line".len());
    let width = |thread: usize| {
        let its = rows().filter(|row| row.thread == thread).map(|row| row.text.len());
        its.max().unwrap_or(0).max(name(thread).len())
    };
    let widths: Vec<usize> = (0..threads).map(width).collect();
    let mut line = |step: &str, place: &str, cell: &dyn Fn(usize) -> String| {
        let mut line = format!("{step:>5}  {place:<widest$}");
        for (thread, width) in widths.iter().enumerate() {
            let _ = write!(line, "  {:<width$}", cell(thread));
        }
        text.push_str(line.trim_end());
        text.push('\n');
    };
    line("step", "source line", &name);
    for entry in lines {
        match entry {
            Line::Row(number, row) => {
                let step = if *number == 0 { String::new() } else { number.to_string() };
                let cell =
                    |thread| if thread == row.thread { row.text.clone() } else { String::new() };
                line(&step, &row.place, &cell);
            }
            Line::Folded { rows: 1, times } => {
                line("", &format!("(the same again {times} times)"), &|_| String::new());
            }
            Line::Folded { rows, times } => {
                line("", &format!("(these {rows} again {times} times)"), &|_| String::new());
            }
        }
    }
}

/// Short names in the order in which things appear.
#[derive(Default)]
struct Names {
    objects: BTreeMap<Object, usize>,
    addresses: BTreeMap<usize, usize>,
    /// How many there are of each kind.
    counts: BTreeMap<Kind, usize>,
}

impl Names {
    fn object(&mut self, object: Object) -> String {
        let letter = match object.kind {
            Kind::Atomic => 'a',
            Kind::Mutex => 'm',
            Kind::Condvar => 'v',
            Kind::Cell => 'c',
            Kind::Nothing => return String::new(),
        };
        let counts = &mut self.counts;
        let number = self.objects.entry(object).or_insert_with(|| {
            let count = counts.entry(object.kind).or_default();
            *count += 1;
            *count
        });
        format!("{letter}{number} ")
    }

    fn value(&mut self, value: Value) -> String {
        match value {
            Value::Flag(flag) => flag.to_string(),
            Value::Number(number) if number < 1 << 16 => number.to_string(),
            Value::Number(number) => format!("{number:#x}"),
            Value::Address(0) => "null".into(),
            Value::Address(address) => {
                let next = self.addresses.len() + 1;
                format!("p{}", self.addresses.entry(address).or_insert(next))
            }
        }
    }

    /// What was done; `newest` is what the atomic held last.
    fn text(&mut self, step: &Step, newest: Option<Value>) -> String {
        let mut text = format!("{}{}", self.object(step.object), step.what);
        if let Some(thread) = step.other {
            let _ = write!(text, " thread {thread}");
        }
        match (step.read, step.wrote) {
            (Some(read), Some(wrote)) => {
                let _ = write!(text, " {} -> {}", self.value(read), self.value(wrote));
            }
            (Some(value), None) | (None, Some(value)) => {
                let _ = write!(text, " {}", self.value(value));
            }
            (None, None) => {}
        }
        if let Some(order) = step.order {
            let _ = write!(text, " {order:?}");
        }
        if let (Some(read), None, Some(newest)) = (step.read, step.wrote, newest)
            && read != newest
        {
            let _ = write!(text, " (old: {} is newest)", self.value(newest));
        }
        text
    }
}

/// The end of a path, and the line.
fn place(at: &Location<'_>) -> String {
    const PARTS: usize = 4; // executor/src/task/state.rs
    let parts: Vec<&str> = at.file().rsplit(['/', '\\']).take(PARTS).collect();
    let path: Vec<&str> = parts.into_iter().rev().collect();
    format!("{}:{}", path.join("/"), at.line())
}
