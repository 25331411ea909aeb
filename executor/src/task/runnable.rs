//! The right to run a task, and the registry's entry for it.

use std::ptr::NonNull;
use std::task::Context;
use std::time::{Duration, Instant};

use windlass_sync::{waiting, wakes};

use super::cell::Header;
use super::describe::{Described, TaskId};
use super::state::{Completed, Order, Phase};
use super::{AbortHandle, waker};

/// The right to poll one task; there is at most one for each.
///
/// Run queues hold these. Dropping one cancels its task.
pub struct Runnable(NonNull<Header>);

// SAFETY: rule 2: the holder may poll the future, which is `Send` or, by rule 6, checks its thread.
unsafe impl Send for Runnable {}

/// What became of a task that was run.
#[must_use = "a task that wants to run again must be pushed"]
#[derive(Debug)]
pub enum Ran {
    /// It waits for a waker.
    Asleep,
    /// As before, for something that the task holds itself. [`waiting::take`] has the note.
    AsleepForItself,
    /// It was woken while it ran: push it.
    Again(Runnable),
    /// It is done.
    Done,
    /// It waits, but no waker is left.
    Lost,
}

impl Runnable {
    /// The caller has just made the task active, or has made the task.
    pub(super) fn new(header: NonNull<Header>) -> Self {
        Self(header)
    }

    /// The pointer, with the right to run the task.
    pub(super) fn into_header(self) -> NonNull<Header> {
        let header = self.0;
        std::mem::forget(self);
        header
    }

    fn header(&self) -> &Header {
        // SAFETY: rule 1: `ACTIVE` is our reference.
        unsafe { self.0.as_ref() }
    }

    /// The task's number.
    pub fn id(&self) -> TaskId {
        self.header().meta.id
    }

    /// True if it must be run on the thread that made it.
    pub fn is_local(&self) -> bool {
        self.header().meta.is_local()
    }

    /// Polls the task once. `now_ns` is the clock's reading, coarse, and `epoch` its zero.
    #[inline(always)]
    pub fn run(self, epoch: &Instant, now_ns: u64) -> Ran {
        let header = self.header();
        if header.state.begin_poll() == Order::Cancel {
            drop(self);
            return Ran::Done;
        }
        header.meta.begin_poll();
        let waker = waker::borrowed(self.0);
        let (done, woken) = waiting::vouch(&waker, || {
            // SAFETY: rule 2, we are the `Runnable`.
            unsafe { (header.vtable.poll)(self.0, &mut Context::from_waker(&waker)) }
        });
        let mut waits_for_own = false;
        waiting::read(|note| {
            // Who has woken itself waits for nothing.
            if !done && !woken {
                header.meta.note(note, epoch, now_ns);
                waits_for_own = note.is_some_and(|note| note.reason.is_own());
            }
            // What a poll has noted on its way to an output is not the next task's, either.
            !waits_for_own
        });
        if done {
            self.complete();
            return Ran::Done;
        }
        let order = if woken { Order::Push } else { header.state.end_poll() };
        if waits_for_own && order != Order::Nothing {
            let _ = waiting::take(); // it is no news then, and not the next task's
        }
        match order {
            Order::Push => Ran::Again(self),
            Order::Cancel => {
                drop(self);
                Ran::Done
            }
            order => {
                // The task is no longer ours: the next line must not touch it.
                std::mem::forget(self);
                match order {
                    Order::Lost => Ran::Lost,
                    _ if waits_for_own => Ran::AsleepForItself,
                    _ => Ran::Asleep,
                }
            }
        }
    }

    /// Ends the task unpolled, with an error that says why it is not run.
    pub fn refuse(self, reason: std::io::Error) {
        let this = std::mem::ManuallyDrop::new(self);
        // SAFETY: rule 2, we are the `Runnable`.
        unsafe { (this.header().vtable.cancel)(this.0, Some(reason)) };
        Runnable(this.0).complete();
    }

    /// The future is gone and the output stored: publishes that and lets the task go.
    ///
    /// If an assertion fails on the way, the task is leaked: to drop this would come here again.
    fn complete(self) {
        let pointer = self.into_header();
        // SAFETY: rule 1: `ACTIVE` is still our reference.
        let header = unsafe { pointer.as_ref() };
        if header.state.is_listed() {
            // SAFETY: rules 2 and 5: the task is ours and not done yet.
            let entry = unsafe { (header.vtable.unlist)(pointer) };
            assert!(entry.0 == pointer, "an owner returns the entry of the task that asks");
            // An entry has no destructor; `complete` clears LISTED on its behalf.
        }
        match header.state.complete() {
            Completed::LeftToHandle => return,
            Completed::WakeJoiner => {
                let joiner = header.with_loose(|loose| loose.replace_waker(None));
                if let Some(joiner) = joiner {
                    wakes::wake(joiner);
                }
            }
            // SAFETY: rule 3: there was no handle at that moment.
            Completed::DropOutput => unsafe { (header.vtable.drop_output)(pointer) },
        }
        let order = header.state.release();
        carry_out(pointer, order);
    }

    /// Lists the task at its owner, before it is first pushed: `keep` stores the entry and says
    /// where. Only for tasks that were made with [`Spec::listed`](super::Spec), and once.
    pub fn list(&self, keep: impl FnOnce(Listed) -> u64) {
        let header = self.header();
        assert!(header.state.is_listed(), "the task was made to be listed");
        // LISTED stands for one entry. A second one would outlive the cell.
        assert!(header.meta.is_nowhere(), "a task is listed once");
        header.meta.set_place(0);
        let place = keep(Listed(self.0));
        header.meta.set_place(place);
        assert!(!header.meta.is_nowhere(), "a place is not the mark of no place");
    }
}

impl Drop for Runnable {
    fn drop(&mut self) {
        let this = Runnable(self.0);
        // SAFETY: rule 2, we are the `Runnable`.
        unsafe { (this.header().vtable.cancel)(this.0, None) };
        this.complete();
    }
}

impl std::fmt::Debug for Runnable {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Runnable(task {}, {:?})", self.id(), self.header().state)
    }
}

/// A registry's entry: it keeps the cell, and is given back when the task is done.
///
/// Dropping it instead leaks the cell.
#[derive(Debug)]
pub struct Listed(NonNull<Header>);

// SAFETY: rule 1: it reads the header, which is made to be shared.
unsafe impl Send for Listed {}

impl Listed {
    fn header(&self) -> &Header {
        // SAFETY: rule 1: `LISTED` is our reference; `complete` clears it only after it has got
        // this very entry back from the owner.
        unsafe { self.0.as_ref() }
    }

    /// The task's number.
    pub fn id(&self) -> TaskId {
        self.header().meta.id
    }

    /// True if the task must be run on the thread that made it.
    pub fn is_local(&self) -> bool {
        self.header().meta.is_local()
    }

    /// Cancels the task; the `Runnable`, if the caller must push it.
    #[must_use = "a cancelled task must run once more"]
    pub fn cancel(&self) -> Option<Runnable> {
        let (_, order) = self.header().state.cancel();
        (order == Order::Push).then(|| Runnable::new(self.0))
    }

    /// A handle that can cancel the task.
    pub fn handle(&self) -> AbortHandle {
        AbortHandle::new(self.0, self.header())
    }

    /// True once, for whoever reports that the task waits for what it holds itself.
    pub(crate) fn waits_for_itself(&self) -> bool {
        self.header().waits_for_itself()
    }

    /// What a dump shows of the task.
    pub fn describe(&self, epoch: Instant, now_ns: u64) -> Described {
        let header = self.header();
        let (phase, (waiting, since_ns)) = (header.state.phase(), header.meta.waiting(epoch));
        Described {
            id: header.meta.id,
            name: header.name(),
            spawned_at: header.meta.spawned_at,
            phase,
            polls: header.meta.polls(),
            age: Duration::from_nanos(now_ns.saturating_sub(header.meta.born_ns)),
            waiting: waiting.filter(|_| phase != Phase::Active),
            waited: Duration::from_nanos(now_ns.saturating_sub(since_ns)),
        }
    }
}

/// Does what a transition's order says.
pub(super) fn carry_out(header: NonNull<Header>, order: Order) {
    match order {
        // SAFETY: rule 2: the transition has just set `ACTIVE`.
        Order::Push => unsafe { (header.as_ref().vtable.push)(header) },
        // SAFETY: rule 1: the transition has just removed the last reference.
        Order::Free => unsafe { (header.as_ref().vtable.free)(header) },
        _ => {}
    }
}
