//! Who of a pool's threads works, rests or comes: pure accounting, kept under the pool's one lock.
//!
//! ```text
//!  a thread that is   goes on by          and is then
//!  -----------------  ------------------  ------------------------------------------------
//!  (not there)        call: Start         coming
//!  coming             look                working, or standby, or idle if the queue is empty
//!  working            finish              working on the next job, or idle if there is none
//!  standby            look, call: Wake    as for coming; coming
//!  idle               call: Wake          coming
//!  idle               give_up             leaving
//!  leaving            gone                (not there)
//!
//!  Once the pool is closing, who would become idle is leaving.
//! ```
//!
//! # Growing slowly
//!
//! Three rules keep a stream of tiny jobs from starting or waking a crowd.
//!
//! 1. *At most one thread is coming.* Whoever takes a job and leaves others in the queue calls the
//!    next, so a burst still gets its threads, one after the other at the pace of a wake-up.
//! 2. *Nobody is called while nobody is needed:* threads that find a job when they finish one take
//!    it without a word to anybody, so a busy pool makes no system call per job.
//! 3. *The last spare thread stands by.* Once `eager` threads work and no other is idle, the thread
//!    that comes takes no job until the oldest has waited for [`GRACE`](super::GRACE). If the
//!    others empty the queue first, it was not needed, and none is started after it. If they do
//!    not, it takes the job, and `call` starts the next, which finds the oldest job overdue at
//!    once: jobs that block get their threads as fast as threads start.
//!
//! Rejected: a thread per job while none is idle (a microsecond job starts hundreds), and a ratio
//! of queue length to threads (a few long jobs wait for ever behind two).
//!
//! # No job is left behind
//!
//! Whenever the lock is free and a job is queued, one of these is true:
//!
//! - a thread is coming, and will look at the queue;
//! - no thread is idle, and one stands by, which looks again when the oldest job is overdue;
//! - no thread is idle, and there are `max` of them; those that work look when they finish, and
//!   for those that leave `gone` calls another. (They cannot all have left: `max` is not 0.)
//!
//! [`call`](Crew::call) makes it true, and follows wherever a job is added, a job is taken, or a
//! thread is gone, before the lock is released. Besides, a thread becomes idle only by
//! [`look`](Crew::look) and [`finish`](Crew::finish), which find the queue empty under that lock,
//! and stops being idle by [`give_up`](Crew::give_up) only if it was not called. A thread that
//! cannot be started breaks the rule for a moment; [`start_failed`](Crew::start_failed) says what
//! then. Closing changes who may submit, not who must look.

use std::cmp;

/// How many threads there may be, and how soon.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Limits {
    /// So many threads stay when there is nothing to do.
    pub min: usize,
    /// There are never more threads than this.
    pub max: usize,
    /// So many threads take jobs without standing by first.
    pub eager: usize,
}

/// Who must be called so that the queued jobs have somebody.
#[must_use = "a thread that should be called and is not leaves a job behind"]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Call {
    /// Nobody.
    Nobody,
    /// This thread: it is asleep, and has been told.
    Wake(usize),
    /// A thread of this number: start it, or report [`Crew::start_failed`].
    Start(usize),
}

/// What a thread does next.
#[must_use = "a thread does what the crew has booked for it"]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// Take the oldest job; then [`Crew::call`].
    Take,
    /// Sleep until woken, at most for the keep-alive, then [`Crew::give_up`].
    Rest,
    /// Sleep until the oldest job is overdue, then look again.
    StandBy,
    /// End; then [`Crew::gone`].
    Leave,
}

/// What becomes of the queue when a thread could not be started.
#[must_use = "the queued jobs may have nobody"]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Failed {
    /// Others will get to the jobs.
    Carry(Call),
    /// There is no thread at all: refuse every queued job.
    RefuseAll,
}

/// The books.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Crew {
    /// Given at the start.
    limits: Limits,
    /// Jobs that no thread has taken.
    queued: usize,
    /// Threads that are started or being started, and not gone.
    threads: usize,
    /// Threads with a job.
    working: usize,
    /// Threads that sleep with nothing to do; the last one has slept the shortest.
    idle: Vec<usize>,
    /// The thread that has been called and has not looked yet.
    coming: Option<usize>,
    /// The thread that waits for the oldest job to be overdue.
    standby: Option<usize>,
    /// Threads that have been told to leave and are not gone.
    leaving: usize,
    /// No job is submitted any more.
    closing: bool,
    /// Numbers of threads that are gone, for the next ones.
    free: Vec<usize>,
}

impl Crew {
    /// No threads and no jobs.
    pub fn new(limits: Limits) -> Self {
        assert!(limits.max > 0, "a pool without threads would run nothing");
        let limits = Limits { eager: cmp::max(limits.eager, 1), ..limits };
        Self {
            limits,
            queued: 0,
            threads: 0,
            working: 0,
            idle: Vec::new(),
            coming: None,
            standby: None,
            leaving: 0,
            closing: false,
            free: Vec::new(),
        }
    }

    /// A job was put in the queue; then [`call`](Self::call).
    pub fn enqueue(&mut self) {
        self.queued += 1;
    }

    /// A job was taken out of the queue by somebody who will not run it.
    pub fn withdraw(&mut self) {
        self.queued -= 1;
    }

    /// Calls one thread, if a job is queued and nobody is on the way to it.
    pub fn call(&mut self) -> Call {
        if self.queued == 0 || self.coming.is_some() {
            return Call::Nobody;
        }
        if let Some(thread) = self.idle.pop() {
            self.coming = Some(thread);
            return Call::Wake(thread);
        }
        if let Some(thread) = self.standby {
            if self.working >= self.limits.eager {
                return Call::Nobody;
            }
            self.standby = None;
            self.coming = Some(thread);
            return Call::Wake(thread);
        }
        self.recruit()
    }

    /// Starts a thread, if there may be one more.
    pub fn recruit(&mut self) -> Call {
        if self.threads == self.limits.max || self.coming.is_some() {
            return Call::Nobody;
        }
        // Numbers in use and free ones together are those that were ever given.
        let thread = self.free.pop().unwrap_or(self.threads);
        self.threads += 1;
        self.coming = Some(thread);
        Call::Start(thread)
    }

    /// Thread `me`, which was called or sleeps, looks at the queue. `overdue` is true if the oldest
    /// job has waited long enough.
    pub fn look(&mut self, me: usize, overdue: bool) -> Next {
        if self.coming == Some(me) {
            self.coming = None;
        } else if self.standby == Some(me) {
            self.standby = None;
        } else if self.closing {
            return self.finish(me); // `close` has booked it as working
        } else {
            return Next::Rest;
        }
        if self.queued == 0 {
            return self.lie_down(me);
        }
        let spare = !self.idle.is_empty() || self.standby.is_some();
        let last = self.threads == self.limits.max;
        if self.working < self.limits.eager || spare || last || overdue || self.closing {
            self.queued -= 1;
            self.working += 1;
            return Next::Take;
        }
        self.standby = Some(me);
        Next::StandBy
    }

    /// Thread `me` has done its job.
    pub fn finish(&mut self, me: usize) -> Next {
        if self.queued > 0 {
            self.queued -= 1;
            return Next::Take;
        }
        self.working -= 1;
        self.lie_down(me)
    }

    fn lie_down(&mut self, me: usize) -> Next {
        if self.closing {
            self.leaving += 1;
            return Next::Leave;
        }
        self.idle.push(me);
        Next::Rest
    }

    /// Thread `me` has rested for the keep-alive; true if it is to leave.
    ///
    /// It is not if it has been called meanwhile: a job counts on it.
    pub fn give_up(&mut self, me: usize) -> bool {
        if self.threads - self.leaving <= self.limits.min {
            return false;
        }
        let Some(place) = self.idle.iter().position(|thread| *thread == me) else {
            return false;
        };
        self.idle.remove(place);
        self.leaving += 1;
        true
    }

    /// Thread `me`, which was told to leave, is gone.
    pub fn gone(&mut self, me: usize) -> Call {
        self.leaving -= 1;
        self.threads -= 1;
        self.forget(me);
        self.call()
    }

    /// Thread `me` could not be started.
    pub fn start_failed(&mut self, me: usize) -> Failed {
        assert!(self.coming == Some(me), "a thread that is being started is the one that comes");
        self.coming = None;
        self.threads -= 1;
        self.forget(me);
        if self.threads == 0 {
            return Failed::RefuseAll;
        }
        // Another start would most likely fail as well, so only threads that are there are called.
        // If all there are leave, the last one's `gone` tries again.
        if self.idle.is_empty() && self.standby.is_none() {
            return Failed::Carry(Call::Nobody);
        }
        Failed::Carry(self.call())
    }

    /// Gives the number of a thread that is no more to the next one.
    fn forget(&mut self, me: usize) {
        if self.threads == 0 {
            self.free.clear(); // all numbers are free: begin at 0 again
        } else {
            self.free.push(me);
        }
    }

    /// No job comes any more; the threads that must be woken to find out.
    pub fn close(&mut self) -> Vec<usize> {
        self.closing = true;
        let mut sleeping = std::mem::take(&mut self.idle);
        sleeping.extend(self.standby.take());
        // Each looks at the queue once more before it leaves, as if it had finished a job.
        self.working += sleeping.len();
        sleeping
    }

    /// True once [`close`](Self::close) was called.
    pub fn is_closing(&self) -> bool {
        self.closing
    }

    /// True if it is closed and no thread is left.
    pub fn is_gone(&self) -> bool {
        self.closing && self.threads == 0
    }

    /// Jobs that no thread has taken.
    pub fn queued(&self) -> usize {
        self.queued
    }

    /// Threads that are started or being started, and not gone.
    pub fn threads(&self) -> usize {
        self.threads
    }

    /// Threads that sleep with nothing to do.
    pub fn idle(&self) -> usize {
        self.idle.len()
    }
}

#[cfg(test)]
mod tests;
