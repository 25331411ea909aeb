//! What is known about a task besides its future: for dumps, errors and reports.
//!
//! Everything here is always on. It costs no clock and no lock on the path of a poll: the runner
//! stores a poll count and, when the poll ends pending, what the future waits for; a dump reads
//! them while the task runs on. A dump may therefore mix the notes of two polls; it is a picture.
//!
//! # Orderings
//!
//! All Relaxed, and no pairs. Even the place a task waits at, a pointer that others follow, needs
//! nothing published: it points to a constant of the program.

use std::fmt;
use std::panic::Location;
use std::sync::Arc;
use std::time::{Duration, Instant};

use windlass_sync::shim::atomic::{AtomicPtr, AtomicU32, AtomicU64, Ordering::*};
use windlass_sync::waiting::{Reason, Waiting};

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
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TaskId(pub(crate) u64);

impl TaskId {
    /// The number itself.
    pub fn get(self) -> u64 {
        self.0
    }
}

impl fmt::Display for TaskId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The place of a task that was not listed yet.
const NOWHERE: u64 = u64::MAX;

/// The fixed and the changing facts of one task.
pub(super) struct Meta {
    /// Written before the cell is published.
    pub(super) id: TaskId,
    /// The line that spawned it. Written before the cell is published.
    pub(super) spawned_at: &'static Location<'static>,
    /// Nanoseconds of the runtime's clock at the spawn, coarse. Written before publication.
    pub(super) born_ns: u64,
    /// It is bound to the thread that made it. Written before publication.
    pub(super) local: bool,
    /// Where the owner lists it, or [`NOWHERE`]. Written by the spawner before the first push.
    place: AtomicU64,
    /// Polls begun. Only the runner writes it.
    polls: AtomicU32,
    /// Which [`Reason`], 0 for none; only the runner writes this and the next three.
    kind: AtomicU32,
    /// The reason's figures, packed.
    subject: AtomicU64,
    /// Nanoseconds of the runtime's clock when the poll ended, coarse.
    since_ns: AtomicU64,
    /// Where the future waits; null for nowhere.
    at: AtomicPtr<Location<'static>>,
}

impl Meta {
    pub(super) fn new(
        id: TaskId,
        spawned_at: &'static Location<'static>,
        born_ns: u64,
        local: bool,
    ) -> Self {
        Self {
            id,
            spawned_at,
            born_ns,
            local,
            place: AtomicU64::new(NOWHERE),
            polls: AtomicU32::new(0),
            kind: AtomicU32::new(0),
            subject: AtomicU64::new(0),
            since_ns: AtomicU64::new(born_ns),
            at: AtomicPtr::new(std::ptr::null_mut()),
        }
    }

    /// True if the task has no place yet; for the spawner, who is about to find one.
    pub(super) fn is_nowhere(&self) -> bool {
        self.place() == NOWHERE
    }

    /// Says where the owner lists the task. For the spawner, before the first push.
    pub(super) fn set_place(&self, place: u64) {
        // ORDERING: Relaxed. The push that follows publishes it.
        self.place.store(place, Relaxed);
    }

    /// Where the owner lists the task.
    pub(super) fn place(&self) -> u64 {
        // ORDERING: Relaxed. The runner came to the task through a queue.
        self.place.load(Relaxed)
    }

    /// Counts a poll. For the runner.
    pub(super) fn begin_poll(&self) {
        // ORDERING: Relaxed. Only the runner writes it, and runners follow each other through the
        // state word; others only look.
        let polls = self.polls.load(Relaxed);
        // ORDERING: Relaxed, for the same reason.
        self.polls.store(polls.wrapping_add(1), Relaxed);
    }

    /// Keeps what the poll that has just ended waits for. For the runner.
    pub(super) fn note(&self, waiting: Option<&Waiting>, epoch: Instant, now_ns: u64) {
        let (kind, subject) = waiting.map_or((0, 0), |waiting| pack(&waiting.reason, epoch));
        let at = waiting
            .map_or(std::ptr::null_mut(), |waiting| std::ptr::from_ref(waiting.at).cast_mut());
        // ORDERING: Relaxed, all four. A dump that reads halfway shows a mixture for once.
        self.kind.store(kind, Relaxed);
        // ORDERING: Relaxed, as above.
        self.subject.store(subject, Relaxed);
        // ORDERING: Relaxed, as above.
        self.since_ns.store(now_ns, Relaxed);
        // ORDERING: Relaxed. It points to a constant of the program, which was always there.
        self.at.store(at, Relaxed);
    }

    /// Polls begun so far.
    pub(super) fn polls(&self) -> u32 {
        // ORDERING: Relaxed. For people.
        self.polls.load(Relaxed)
    }

    /// What the last poll ended with, and since when.
    pub(super) fn waiting(&self, epoch: Instant) -> (Option<Waiting>, u64) {
        // ORDERING: Relaxed. For people; see `note`.
        let (kind, subject) = (self.kind.load(Relaxed), self.subject.load(Relaxed));
        // ORDERING: Relaxed. For people.
        let since = self.since_ns.load(Relaxed);
        // ORDERING: Relaxed. It points to a constant of the program, if anywhere.
        let at = self.at.load(Relaxed);
        // SAFETY: rule 1 keeps the header; a pointer that is not null was made by `note` from a
        // `&'static Location`, and nothing else writes the field.
        let at = unsafe { at.as_ref() };
        (unpack(kind, subject, epoch).zip(at).map(|(reason, at)| Waiting { reason, at }), since)
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
    /// What it waits for, if its last poll said so.
    pub waiting: Option<Waiting>,
    /// How long it has been waiting; exact to a turn of its worker.
    pub waited: Duration,
}

impl Described {
    /// Which task it is, in words.
    pub(crate) fn title(&self) -> String {
        let Self { id, spawned_at, .. } = self;
        match &self.name {
            Some(name) => format!("task {id} \"{}\" (spawned at {spawned_at})", shortened(name)),
            None => format!("task {id} (spawned at {spawned_at})"),
        }
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

/// Names come from users; a report stays a line.
pub(crate) fn shortened(name: &str) -> &str {
    const LONGEST: usize = 80; // characters; what fits a terminal line beside the rest
    match name.char_indices().nth(LONGEST) {
        Some((end, _)) => &name[..end],
        None => name,
    }
}

/// A reason as a kind and one word of figures.
fn pack(reason: &Reason, epoch: Instant) -> (u32, u64) {
    let halves = |high: usize, low: usize| {
        let capped = |n: usize| u32::try_from(n).unwrap_or(u32::MAX) as u64;
        (capped(high) << 32) | capped(low)
    };
    match *reason {
        Reason::Sleep { deadline } => {
            let ns = deadline.saturating_duration_since(epoch).as_nanos();
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
fn unpack(kind: u32, subject: u64, epoch: Instant) -> Option<Reason> {
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
