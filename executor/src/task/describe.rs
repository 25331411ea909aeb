//! A task as a dump shows it: its number, what it does, and its reasons as two words.

use std::fmt;
use std::panic::Location;
use std::sync::Arc;
use std::time::{Duration, Instant};

use windlass_sync::waiting::{self, Reason, Waiting};

use super::state::Phase;

/// A task's number: unique within its runtime, never used again, never 0.
///
/// # Examples
/// ```
/// # use std::future::pending;
/// # use windlass_executor::runtime::Builder;
/// let runtime = Builder::new().workers(1).build()?;
/// let task = runtime.spawn(pending::<()>());
/// let dump = runtime.handle().dump();
/// assert!(dump.tasks.iter().any(|shown| shown.id == task.id()));
/// # std::io::Result::Ok(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TaskId(pub(crate) u64);

impl TaskId {
    /// The number itself.
    pub fn get(self) -> u64 {
        waiting::number(self.0)
    }
}

impl fmt::Debug for TaskId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("TaskId").field(&self.get()).finish()
    }
}

impl fmt::Display for TaskId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.get().fmt(f)
    }
}

/// A task as a dump shows it.
///
/// # Examples
/// ```
/// # use std::future::pending;
/// # use windlass_executor::runtime::Builder;
/// let runtime = Builder::new().workers(1).build()?;
/// let task = runtime.spawn(pending::<()>()).named("server");
/// let server = &runtime.handle().dump().tasks[0];
/// assert_eq!(server.name.as_deref(), Some("server"));
/// assert_eq!(server.spawned_at, task.spawned_at());
/// println!("{server}"); // task 1 "server" (spawned at src/main.rs:4:20): was never polled, ...
/// # std::io::Result::Ok(())
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Described {
    /// Its number.
    pub id: TaskId,
    /// Its name, if it was given one.
    pub name: Option<Arc<str>>,
    /// The line that spawned it.
    pub spawned_at: &'static Location<'static>,
    /// What it is doing.
    pub phase: Phase,
    /// How often it was polled.
    pub polls: u32,
    /// How long ago it was spawned; exact to a turn of the worker that spawned it.
    pub age: Duration,
    /// What it waits for, if it does and its last poll said so.
    pub waiting: Option<Waiting>,
    /// How long it has been waiting, if it does; exact to a turn of its worker.
    pub waited: Duration,
}

impl Described {
    /// Which task it is, in words.
    pub(crate) fn title(&self) -> String {
        let Self { id, name, spawned_at, .. } = self;
        format!("task {id}{} (spawned at {spawned_at})", quoted(name))
    }
}

impl fmt::Display for Described {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: ", self.title())?;
        match (self.phase, &self.waiting) {
            (Phase::Idle, Some(waiting)) => write!(f, "waits for {waiting}")?,
            (Phase::Idle, None) => f.write_str("waits")?,
            (Phase::Lost, Some(waiting)) => write!(f, "lost (no waker is left), at {waiting}")?,
            (Phase::Lost, None) => f.write_str("lost (no waker is left)")?,
            (Phase::Active, _) if self.polls == 0 => f.write_str("was never polled")?,
            (Phase::Active, _) => f.write_str("is queued or running")?,
            (Phase::Cancelling, _) => f.write_str("is being cancelled")?,
            (Phase::Done, _) => f.write_str("is done")?,
        }
        if matches!(self.phase, Phase::Idle | Phase::Lost) {
            write!(f, " for {:.1?}", self.waited)?;
        }
        write!(f, ", age {:.1?}, {} polls", self.age, self.polls)
    }
}

/// A name as it stands behind a number, if there is one. It comes from users; a report stays a line.
pub(crate) fn quoted(name: &Option<Arc<str>>) -> String {
    const LONGEST: usize = 80; // characters; what fits a terminal line beside the rest
    let quote = |name: &Arc<str>| format!(" \"{name:.LONGEST$}\"");
    name.as_ref().map_or_else(String::new, quote)
}

/// A reason as a kind and one word of figures.
pub(super) fn pack(reason: &Reason, epoch: &Instant) -> (u16, u64) {
    let halves = |high: usize, low: usize| {
        let capped = |n: usize| u32::try_from(n).unwrap_or(u32::MAX) as u64;
        (capped(high) << 32) | capped(low)
    };
    match *reason {
        Reason::Sleep { deadline } => {
            let ns = deadline.saturating_duration_since(*epoch).as_nanos();
            (1, u64::try_from(ns).unwrap_or(u64::MAX))
        }
        Reason::Join { task } => (2, task),
        Reason::Wait { pending } => (3, pending as u64),
        Reason::Semaphore { wanted, free } => (4, halves(wanted, free)),
        Reason::Mutex { holder } => (5, holder),
        Reason::Event => (6, 0),
        Reason::Notify => (7, 0),
        Reason::Oneshot => (8, 0),
        Reason::Readable { source } => (9, source as u64),
        Reason::Writable { source } => (10, source as u64),
        Reason::Signal { number } => (11, u64::from(number.cast_unsigned())),
        Reason::Yield => (12, 0),
        // The words are not kept: a pointer here could be read with the kind of another note.
        Reason::Other(_) => (13, 0),
        // Where it was locked is a pointer, too; the report of it has it from the note itself.
        Reason::OwnMutex { .. } => (14, 0),
        Reason::RwLockRead { writer } => (15, writer),
        Reason::RwLockWrite { writer: 0, readers } => (16, readers as u64),
        Reason::RwLockWrite { writer, .. } => (17, writer),
        Reason::Condvar => (18, 0),
        Reason::Barrier { arrived, parties } => (19, halves(arrived, parties)),
        Reason::OnceCell => (20, 0),
        Reason::QueuePut { used, capacity } => (21, halves(used, capacity)),
        Reason::QueueGet => (22, 0),
        Reason::QueueJoin { unfinished } => (23, unfinished as u64),
        Reason::Watch => (24, 0),
        Reason::Broadcast => (25, 0),
        Reason::Cancel => (26, 0),
        Reason::Group { children } => (27, children as u64),
        Reason::Limiter { in_use, limit } => (28, halves(in_use, limit)),
        Reason::OwnToken { .. } => (29, 0),
        // A reason that this crate does not know yet is shown by its place alone.
        _ => (13, 0),
    }
}

/// The reason that [`pack`] made this of.
pub(super) fn unpack(kind: u16, subject: u64, epoch: Instant) -> Option<Reason> {
    let (high, low) = ((subject >> 32) as usize, (subject & 0xFFFF_FFFF) as usize);
    Some(match kind {
        1 => Reason::Sleep { deadline: epoch.checked_add(Duration::from_nanos(subject))? },
        2 => Reason::Join { task: subject },
        3 => Reason::Wait { pending: subject as usize },
        4 => Reason::Semaphore { wanted: high, free: low },
        5 => Reason::Mutex { holder: subject },
        6 => Reason::Event,
        7 => Reason::Notify,
        8 => Reason::Oneshot,
        9 => Reason::Readable { source: subject as usize },
        10 => Reason::Writable { source: subject as usize },
        11 => Reason::Signal { number: (low as u32).cast_signed() },
        12 => Reason::Yield,
        13 => Reason::Other("a condition of its own"),
        14 => Reason::OwnMutex { locked_at: None },
        15 => Reason::RwLockRead { writer: subject },
        16 => Reason::RwLockWrite { writer: 0, readers: subject as usize },
        17 => Reason::RwLockWrite { writer: subject, readers: 0 },
        18 => Reason::Condvar,
        19 => Reason::Barrier { arrived: high, parties: low },
        20 => Reason::OnceCell,
        21 => Reason::QueuePut { used: high, capacity: low },
        22 => Reason::QueueGet,
        23 => Reason::QueueJoin { unfinished: subject as usize },
        24 => Reason::Watch,
        25 => Reason::Broadcast,
        26 => Reason::Cancel,
        27 => Reason::Group { children: subject as usize },
        28 => Reason::Limiter { in_use: high, limit: low },
        29 => Reason::OwnToken { taken_at: None },
        _ => return None,
    })
}
