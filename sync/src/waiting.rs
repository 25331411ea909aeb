//! Why the future that is being polled cannot go on, and where it waits.
//!
//! Every leaf future calls [`note`] before it returns `Pending`. Whoever polls (the executor) takes
//! the note after the poll with [`take`] or [`read`] and keeps it with the task, so that a dump can say
//! "mutex held by task 7, at src/main.rs:40" without polling anything. The note costs one store to a
//! thread-local and never allocates.
//!
//! The other direction is [`owner`]: the number of whoever is being polled on this thread. The
//! primitives do not know what a task is; they only compare owners, to tell a holder's name and to
//! let a waiter's own task take what is reserved for it.

use std::cell::{Cell, RefCell};
use std::fmt;
use std::panic::Location;
use std::ptr;
use std::task::{RawWakerVTable, Waker};
use std::time::Instant;

use crate::shim;

/// What a future waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Reason {
    /// A point in time.
    Sleep {
        /// When it comes.
        deadline: Instant,
    },
    /// The end of another task.
    Join {
        /// That task's number.
        task: u64,
    },
    /// Any or all of several tasks.
    Wait {
        /// How many of them have not ended.
        pending: usize,
    },
    /// Permits of a semaphore.
    Semaphore {
        /// Permits asked for.
        wanted: usize,
        /// Permits free at that moment.
        free: usize,
    },
    /// A mutex.
    Mutex {
        /// The owner who holds it, 0 if that is unknown.
        holder: u64,
    },
    /// A mutex that the very owner that waits for it has locked: a deadlock, unless another part of
    /// the owner drops the guard. While one waits for anything else, [`note`] keeps that instead.
    OwnMutex {
        /// The line that locked it; a dump does not know it.
        locked_at: Option<&'static Location<'static>>,
    },
    /// A token of a limiter.
    Limiter {
        /// Tokens that are out.
        in_use: usize,
        /// Tokens there are.
        limit: usize,
    },
    /// A token of a limiter of which the owner has one already: as for
    /// [`OwnMutex`](Self::OwnMutex), but the tokens of others may come back.
    OwnToken {
        /// The line that took the other; a dump does not know it.
        taken_at: Option<&'static Location<'static>>,
    },
    /// A read-write lock, to read what somebody writes or waits to write.
    RwLockRead {
        /// The owner who writes, 0 if that is unknown or nobody.
        writer: u64,
    },
    /// A read-write lock, to write what others read or write.
    RwLockWrite {
        /// The owner who writes, 0 if that is unknown or nobody.
        writer: u64,
        /// How many read.
        readers: usize,
    },
    /// A notification of a condition.
    Condvar,
    /// The others of a barrier.
    Barrier {
        /// How many are there.
        arrived: usize,
        /// How many it takes.
        parties: usize,
    },
    /// Somebody else who is making the value of a once cell.
    OnceCell,
    /// A place in a queue.
    QueuePut {
        /// Places that are taken.
        used: usize,
        /// Places there are.
        capacity: usize,
    },
    /// An item of a queue.
    QueueGet,
    /// Items of a queue to be marked as done.
    QueueJoin {
        /// How many are not.
        unfinished: usize,
    },
    /// A new value of a watch channel.
    Watch,
    /// The next value of a broadcast channel.
    Broadcast,
    /// A cancel token.
    Cancel,
    /// The children of a task group.
    Group {
        /// How many have not ended.
        children: usize,
    },
    /// An event that is not set.
    Event,
    /// A notification.
    Notify,
    /// The value of a oneshot channel.
    Oneshot,
    /// A source becoming readable.
    Readable {
        /// The number of the source in its reactor.
        source: usize,
    },
    /// A source becoming writable.
    Writable {
        /// The number of the source in its reactor.
        source: usize,
    },
    /// A signal of the operating system.
    Signal {
        /// Its number.
        number: i32,
    },
    /// A turn: the future has yielded, or used its budget up.
    Yield,
    /// Something else, in words.
    Other(&'static str),
}

impl Reason {
    /// True if the owner waits for what it holds itself.
    #[inline]
    pub fn is_own(&self) -> bool {
        matches!(self, Reason::OwnMutex { .. } | Reason::OwnToken { .. })
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Reason::Sleep { deadline } => match deadline.checked_duration_since(Instant::now()) {
                Some(left) => write!(f, "sleep, {left:.1?} to go"),
                None => f.write_str("sleep, due"),
            },
            Reason::Join { task } => write!(f, "join of task {task}"),
            Reason::Wait { pending } => write!(f, "wait for {pending} tasks"),
            Reason::Semaphore { wanted, free } => {
                write!(f, "semaphore ({wanted} wanted, {free} free)")
            }
            Reason::Mutex { holder: 0 } => f.write_str("mutex"),
            Reason::Mutex { holder } => write!(f, "mutex held by task {holder}"),
            Reason::OwnMutex { locked_at: None } => f.write_str("mutex that it locked itself"),
            Reason::OwnMutex { locked_at: Some(at) } => {
                write!(f, "mutex that it locked itself at {at}")
            }
            Reason::Limiter { in_use, limit } => write!(f, "limiter ({in_use}/{limit} in use)"),
            Reason::OwnToken { taken_at: None } => f.write_str("second token of a limiter"),
            Reason::OwnToken { taken_at: Some(at) } => {
                write!(f, "second token of a limiter, after the one it took at {at}")
            }
            Reason::RwLockRead { writer: 0 } => f.write_str("rwlock, to read"),
            Reason::RwLockRead { writer } => write!(f, "rwlock, to read, held by task {writer}"),
            Reason::RwLockWrite { writer: 0, readers } => {
                write!(f, "rwlock, to write ({readers} readers)")
            }
            Reason::RwLockWrite { writer, .. } => {
                write!(f, "rwlock, to write, held by task {writer}")
            }
            Reason::Condvar => f.write_str("condvar"),
            Reason::Barrier { arrived, parties } => {
                write!(f, "barrier ({arrived}/{parties} there)")
            }
            Reason::OnceCell => f.write_str("once cell, being made"),
            Reason::QueuePut { used, capacity } => write!(f, "queue put ({used}/{capacity} full)"),
            Reason::QueueGet => f.write_str("queue get"),
            Reason::QueueJoin { unfinished } => write!(f, "queue join ({unfinished} unfinished)"),
            Reason::Watch => f.write_str("watch"),
            Reason::Broadcast => f.write_str("broadcast"),
            Reason::Cancel => f.write_str("cancel token"),
            Reason::Group { children } => write!(f, "group of {children} tasks"),
            Reason::Event => f.write_str("event"),
            Reason::Notify => f.write_str("notify"),
            Reason::Oneshot => f.write_str("oneshot"),
            Reason::Readable { source } => write!(f, "readable source {source}"),
            Reason::Writable { source } => write!(f, "writable source {source}"),
            Reason::Signal { number } => write!(f, "signal {number}"),
            Reason::Yield => f.write_str("its turn"),
            Reason::Other(words) => f.write_str(words),
        }
    }
}

/// A reason and the line of code that waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Waiting {
    /// What is waited for.
    pub reason: Reason,
    /// Where: the caller of the function that made the future.
    pub at: &'static Location<'static>,
}

impl fmt::Display for Waiting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} at {}", self.reason, self.at)
    }
}

shim::thread_local! {
    /// In one place, which is looked up once for a poll.
    static POLL: Polled = Polled {
        note: RefCell::new(None),
        owner: Cell::new(0),
        data: Cell::new(ptr::null()),
        vtable: Cell::new(ptr::null()),
        fired: Cell::new(false),
    };
}

/// The poll that is running on this thread.
struct Polled {
    /// Its last note.
    note: RefCell<Option<Waiting>>,
    /// Who is polled; 0 if nobody is.
    owner: Cell<u64>,
    /// What tells the waker apart that an executor [vouches](vouch) for; compared, never followed. A cell
    /// for each field: a record that was written in pieces and is then read as a whole costs a stall of a
    /// dozen cycles.
    data: Cell<*const ()>,
    vtable: Cell<*const RawWakerVTable>,
    /// It was fired by the poll that it was given to.
    fired: Cell<bool>,
}

/// Says what the current poll is about to wait for. The last note of a poll counts.
///
/// A wait for what the owner holds itself gives way to every other: if that is what is left in the
/// end, then the owner waits for nothing else that has said so.
#[inline]
pub fn note(reason: Reason, at: &'static Location<'static>) {
    let _ = POLL.try_with(|polled| {
        let mut note = polled.note.borrow_mut();
        if !reason.is_own() || note.as_ref().is_none_or(|before| before.reason.is_own()) {
            *note = Some(Waiting { reason, at });
        }
    });
}

/// As [`note`], but gives way to everything that has been said: for a wait around another one, after
/// that was polled. The reason is only made if it counts.
#[inline]
pub fn note_otherwise(reason: impl FnOnce() -> Reason, at: &'static Location<'static>) {
    let _ = POLL.try_with(|polled| {
        let mut note = polled.note.borrow_mut();
        if note.as_ref().is_none_or(|before| before.reason.is_own()) {
            *note = Some(Waiting { reason: reason(), at });
        }
    });
}

/// Takes the note of the poll that has just ended. For executors.
pub fn take() -> Option<Waiting> {
    POLL.try_with(|polled| polled.note.take()).ok().flatten()
}

/// Shows the note of the poll that has just ended, and then forgets it if `read` says so: as
/// [`take`], but it stays where it lies, which on every poll makes a difference. For executors.
#[inline]
pub fn read(read: impl FnOnce(Option<&Waiting>) -> bool) {
    let look = |polled: &Polled| {
        let mut note = polled.note.borrow_mut();
        if read(note.as_ref()) {
            *note = None;
        }
    };
    // A thread that is being torn down has polled nobody.
    let _ = POLL.try_with(look);
}

/// The number of whoever is being polled on this thread; 0 outside any.
#[inline]
pub fn owner() -> u64 {
    POLL.try_with(|polled| polled.owner.get()).unwrap_or(0)
}

/// Names the former owner again when dropped, also when the poll panics.
#[derive(Debug)]
#[must_use = "the owner is named only while this guard lives"]
pub struct Owned(u64);

impl Drop for Owned {
    #[inline]
    fn drop(&mut self) {
        // A thread that is being torn down polls nobody any more.
        let _ = POLL.try_with(|polled| polled.owner.set(self.0));
    }
}

/// The number of the task that an owner is, as it is shown. What an executor has put above the lower
/// 48 bits tells the tasks of several runtimes in a process apart.
#[inline]
pub fn number(owner: u64) -> u64 {
    owner & ((1 << 48) - 1)
}

/// Says that `owner` is being polled while the guard lives. For executors, around a poll.
#[inline]
pub fn enter(owner: u64) -> Owned {
    Owned(POLL.try_with(|polled| polled.owner.replace(owner)).unwrap_or(0))
}

/// Runs a poll with a waker that the executor vouches for: to clone it is to count and nothing else,
/// so it may be cloned under a lock. Also says whether the poll has [fired](fires_itself) it.
#[inline]
pub fn vouch<T>(waker: &Waker, poll: impl FnOnce() -> T) -> (T, bool) {
    let Ok(restored) = POLL.try_with(|polled| {
        let restored = Restored { data: polled.data.get(), fired: polled.fired.get() };
        polled.data.set(waker.data());
        polled.vtable.set(waker.vtable());
        polled.fired.set(false);
        restored
    }) else {
        return (poll(), false);
    };
    let result = poll();
    let fired = POLL.try_with(|polled| polled.fired.get()).unwrap_or(false);
    drop(restored);
    (result, fired)
}

/// Vouches for the former waker again when dropped, also when the poll panics. The table stays as it
/// is: if it was another executor's, the former waker is merely not recognised any more.
struct Restored {
    data: *const (),
    fired: bool,
}

impl Drop for Restored {
    #[inline]
    fn drop(&mut self) {
        let _ = POLL.try_with(|polled| {
            polled.data.set(self.data);
            polled.fired.set(self.fired);
        });
    }
}

/// True if the executor vouches for this waker; false if it is anybody else's.
#[inline]
pub(crate) fn is_vouched(waker: &Waker) -> bool {
    let is_it = |polled: &Polled| {
        polled.data.get() == waker.data() && ptr::eq(polled.vtable.get(), waker.vtable())
    };
    POLL.try_with(is_it).unwrap_or(false)
}

/// For the wake of an executor: true if this is the waker of the poll that runs on this thread. Then
/// it is noted, and the executor learns of it when the poll has ended.
#[inline]
pub fn fires_itself(data: *const ()) -> bool {
    let note = |polled: &Polled| {
        let is_own = ptr::eq(polled.data.get(), data);
        if is_own {
            polled.fired.set(true);
        }
        is_own
    };
    POLL.try_with(note).unwrap_or(false)
}
