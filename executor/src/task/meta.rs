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

use std::panic::Location;
use std::time::Instant;

use windlass_sync::shim::Mutex;
use windlass_sync::shim::atomic::{AtomicPtr, AtomicU16, AtomicU32, AtomicU64, Ordering::*};
use windlass_sync::waiting::Waiting;

use super::describe::{TaskId, pack, unpack};

/// The place of a task that was not listed yet.
const NOWHERE: u64 = u64::MAX;

/// In the word of the reason, where it costs no space: the task is bound to the thread that made it.
const LOCAL: u16 = 1 << 15;

/// The fixed and the changing facts of one task.
pub(super) struct Meta {
    /// Written before the cell is published.
    pub(super) id: TaskId,
    /// The line that spawned it. Written before the cell is published.
    pub(super) spawned_at: &'static Location<'static>,
    /// Nanoseconds of the runtime's clock at the spawn, coarse. Written before publication.
    pub(super) born_ns: u64,
    /// Where the owner lists it, or [`NOWHERE`]. Written by the spawner before the first push.
    place: AtomicU64,
    /// Polls begun. Only the runner writes it.
    polls: AtomicU32,
    /// Which [`Reason`](windlass_sync::waiting::Reason), 0 for none, and [`LOCAL`]; only the runner
    /// writes this, `subject`, `since_ns` and `at`.
    kind: AtomicU16,
    /// The lock of the cell's [loose](super::loose) part. It lies here, where it costs no space.
    pub(super) loose: Mutex<()>,
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
            place: AtomicU64::new(NOWHERE),
            polls: AtomicU32::new(0),
            kind: AtomicU16::new(if local { LOCAL } else { 0 }),
            loose: Mutex::new(()),
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

    /// True if the task is bound to the thread that made it.
    pub(super) fn is_local(&self) -> bool {
        // ORDERING: Relaxed. It was written before the cell was published, and never changes.
        self.kind.load(Relaxed) & LOCAL != 0
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
    #[inline]
    pub(super) fn note(&self, waiting: Option<&Waiting>, epoch: &Instant, now_ns: u64) {
        let (kind, subject) = waiting.map_or((0, 0), |waiting| pack(&waiting.reason, epoch));
        let at = waiting
            .map_or(std::ptr::null_mut(), |waiting| std::ptr::from_ref(waiting.at).cast_mut());
        // ORDERING: Relaxed, all four. A dump that reads halfway shows a mixture for once.
        self.kind.store(kind | self.kind.load(Relaxed) & LOCAL, Relaxed);
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
        let (kind, subject) = (self.kind.load(Relaxed) & !LOCAL, self.subject.load(Relaxed));
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
