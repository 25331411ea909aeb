//! The instruments: how long to measure, CPU time, resident bytes, and figures as JSON lines.

use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

/// Passes after the warm-up, at least: their median must mean something.
const LEAST_PASSES: usize = 3;
/// Passes go on until this much was measured, so that short work is not judged by one time slice.
const ENOUGH: Duration = Duration::from_millis(300);
const ENOUGH_QUICK: Duration = Duration::from_millis(20);

/// How a row is to be measured.
#[derive(Debug, Clone, Copy)]
pub struct Plan {
    pub workers: usize,
    /// Short and rough, to see that everything works.
    pub quick: bool,
    /// So many passes, whatever they take; the figure is then how many operations were done, for
    /// somebody outside who counts something else.
    pub counted: Option<usize>,
}

impl Plan {
    /// `number`, or a tenth of it when it has to be quick. For the rows where the number itself
    /// takes time or memory.
    pub fn scaled(&self, number: usize) -> usize {
        if self.quick { number / 10 } else { number }
    }
}

/// The passes of one row over the same work. The first one warms up and does not count.
#[derive(Debug)]
pub struct Passes {
    least: usize,
    enough: Duration,
    counted: bool,
    warm: bool,
    taken: Vec<Duration>,
}

impl Passes {
    pub fn new(plan: Plan) -> Passes {
        let (least, enough) = match plan {
            Plan { counted: Some(passes), .. } => (passes, Duration::ZERO),
            Plan { quick: true, .. } => (1, ENOUGH_QUICK),
            _ => (LEAST_PASSES, ENOUGH),
        };
        Passes { least, enough, counted: plan.counted.is_some(), warm: false, taken: Vec::new() }
    }

    /// For work that takes a second: one pass, and the warm-up.
    pub fn once(plan: Plan) -> Passes {
        Passes { least: plan.counted.unwrap_or(1), enough: Duration::ZERO, ..Passes::new(plan) }
    }

    pub fn wants_more(&self) -> bool {
        self.taken.len() < self.least || self.taken.iter().sum::<Duration>() < self.enough
    }

    pub fn record(&mut self, pass: Duration) {
        if self.warm {
            self.taken.push(pass);
        }
        self.warm = true;
    }

    /// The median pass, in nanoseconds per operation; of a counted plan, the operations done.
    pub fn nanoseconds_per(self, operations: usize) -> f64 {
        if self.counted {
            return (operations * self.taken.len()) as f64;
        }
        let figures = self.taken.iter().map(|pass| pass.as_nanos() as f64 / operations as f64);
        median(figures.collect())
    }
}

/// The middle of `figures`; the mean of the middle two if they are even in number.
///
/// # Panics
/// If there are none.
pub fn median(mut figures: Vec<f64>) -> f64 {
    figures.sort_by(f64::total_cmp);
    let middle = figures.len() / 2;
    if figures.len() % 2 == 1 {
        figures[middle]
    } else {
        (figures[middle - 1] + figures[middle]) / 2.0
    }
}

/// The smallest of `figures` that `percent` of them do not exceed.
///
/// # Panics
/// If there are none.
pub fn percentile(mut figures: Vec<f64>, percent: usize) -> f64 {
    figures.sort_by(f64::total_cmp);
    figures[(figures.len() * percent).div_ceil(100).max(1) - 1]
}

/// CPU time of the whole process so far, all threads, user and system.
pub fn cpu_time() -> Duration {
    let now = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    let seconds = u64::try_from(now.tv_sec).expect("CPU time is never negative");
    let nanoseconds = u32::try_from(now.tv_nsec).expect("a second has fewer than 2^32 of them");
    Duration::new(seconds, nanoseconds)
}

/// Memory of this process that is in RAM, in bytes.
pub fn resident_bytes() -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").expect("Linux has /proc");
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("it has VmRSS");
    let kibibytes = line.trim().trim_end_matches(" kB").parse::<f64>().expect("it is a number");
    kibibytes * 1024.0
}

/// Voluntary context switches of all threads of this process.
pub fn switches() -> f64 {
    switches_but(None)
}

/// Voluntary context switches of all threads of this process but the calling one.
pub fn switches_of_others() -> f64 {
    switches_but(Some(rustix::thread::gettid().as_raw_nonzero().to_string()))
}

fn switches_but(left_out: Option<String>) -> f64 {
    let threads = std::fs::read_dir("/proc/self/task").expect("Linux has /proc");
    let counted =
        threads.flatten().filter(|thread| thread.file_name().to_str() != left_out.as_deref());
    let count = |thread: std::fs::DirEntry| -> Option<f64> {
        // A thread may end before it is read.
        let status = std::fs::read_to_string(thread.path().join("status")).ok()?;
        let mut lines = status.lines();
        lines.find_map(|line| line.strip_prefix("voluntary_ctxt_switches:"))?.trim().parse().ok()
    };
    counted.filter_map(count).sum()
}

/// Raises the limit on open files as far as this user may.
pub fn permit_many_files() {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let Rlimit { maximum, .. } = getrlimit(Resource::Nofile);
    // If it stays low, the row fails with a message of its own.
    let _ = setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum });
}

/// One figure as a JSON line.
pub fn json_line(runtime: &str, workers: usize, metric: &str, unit: &str, figure: f64) -> String {
    format!(
        r#"{{"runtime":"{runtime}","workers":{workers},"metric":"{metric}","unit":"{unit}","value":{figure:.3}}}"#
    )
}

/// Runtime, metric and value of a line made by [`json_line`]; nothing of any other line.
pub fn parse_json_line(line: &str) -> Option<(&str, &str, f64)> {
    Some((field(line, "runtime")?, field(line, "metric")?, field(line, "value")?.parse().ok()?))
}

/// What `key` stands for in a JSON line of this program: all are flat, and no text has quotes in it.
pub fn field<'a>(line: &'a str, key: &str) -> Option<&'a str> {
    let value = line.split_once(&format!("\"{key}\":"))?.1;
    match value.strip_prefix('"') {
        Some(text) => text.split('"').next(),
        None => value.split([',', '}']).next(),
    }
}

/// Runs `work` on a thread of its own; the future is its result. In no runtime's vocabulary, so
/// that waiting for the load generator costs the same everywhere.
pub fn on_thread<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> OnThread<T> {
    let slot = Arc::new(Mutex::new(Slot { result: None, waker: None }));
    let theirs = Arc::clone(&slot);
    std::thread::spawn(move || {
        let result = work();
        let waker = {
            let mut slot = theirs.lock().unwrap_or_else(PoisonError::into_inner);
            slot.result = Some(result);
            slot.waker.take()
        };
        if let Some(waker) = waker {
            waker.wake();
        }
    });
    OnThread(slot)
}

/// Future of [`on_thread`].
#[derive(Debug)]
pub struct OnThread<T>(Arc<Mutex<Slot<T>>>);

#[derive(Debug)]
struct Slot<T> {
    result: Option<T>,
    waker: Option<Waker>,
}

impl<T> Future for OnThread<T> {
    type Output = T;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<T> {
        let mut slot = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match slot.result.take() {
            Some(result) => Poll::Ready(result),
            None => {
                slot.waker = Some(cx.waker().clone());
                Poll::Pending
            }
        }
    }
}
