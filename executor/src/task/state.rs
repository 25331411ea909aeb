//! The life of a task, as one word.
//!
//! A task is *idle*, *active* or *done*. Active means that it is in a run queue, or on its way to
//! one, or being polled: whoever holds the one [`Runnable`](super::Runnable) of an active task may
//! touch its future, and nobody else may. Everything that can happen to its life is one row here and
//! one method below; nothing but the methods of this file writes the word.
//!
//! ```text
//!  event          idle             active            active, WOKEN     done
//!  -------------  ---------------  ----------------  ----------------  -------------
//!  wake           active: Push     WOKEN             =                 =
//!  cancel         active: Push     CANCELLED         CANCELLED         =
//!  begin_poll     -                Poll | Cancel     Poll | Cancel     -
//!  own wake       -                = Push            = Push            -
//!  end_poll       -                idle, idle: Lost  active: Push      -
//!    CANCELLED    -                active: Cancel    active: Cancel    -
//!    unreachable  -                active: Cancel    active: Push      -
//!  complete       -                done              done              -
//!  last waker     active: Push     =                 =                 maybe Free
//!    dropped
//!  last reference active: Push     -                 -                 Free
//!    of all         CANCELLED
//!
//!  X: Y  the caller owes Y     =  no change     -  cannot happen (asserted)
//! ```
//!
//! Besides, the word counts who may still reach the cell: `ACTIVE` itself, `JOINABLE` (the
//! [`Task`](super::Task)), `LISTED` (the registry), a number of handles and a number of wakers.
//! When the last of them goes, its transition returns [`Order::Free`], exactly once.
//!
//! # Lost wakers
//!
//! A task that sleeps while no waker of it exists can never run again. `end_poll` sees that in the
//! word and says `Lost`. When the last waker of a sleeping task is dropped without a wake, the task
//! is polled once more: either it finds what the waker's owner has left unsaid, or that poll ends
//! as `Lost`. So every such task is found, at the moment it happens, and for free.
//!
//! # Why there is no RUNNING bit
//!
//! `ACTIVE` stays set from the wake to the end of the poll, so being queued and being polled need
//! no exchange between them: a poll begins with a *load*. Only a task that was woken twice before
//! its poll pays a second write there, which takes the second wake back, so that two wakes that
//! come before a poll cause one poll. A poll that wakes its own task does not end in the word at all:
//! the task goes back to its queue as active as it was, and the queue hands on what the poll wrote.
//!
//! # Orderings
//!
//! | label       | release side                  | acquire side               | what crosses |
//! |-------------|-------------------------------|----------------------------|--------------|
//! | `wake-poll` | [`wake`], [`cancel`]          | [`begin_poll`], [`end_poll`] | what the waker did before it woke us |
//! | `poll-poll` | [`end_poll`], or the queue    | [`wake`], [`begin_poll`]   | the future's own fields, from worker to worker |
//! | `done-join` | [`complete`]                  | [`is_done`], [`watch`]     | the output |
//! | `join-wake` | [`watch`]                     | [`complete`]               | that the joiner's waker is in its lock |
//! | `last-use`  | every method that lets go     | the one that is told to free | every earlier access, before the memory goes |
//!
//! A wake that lands on an active task changes nothing the second time, and is written all the
//! same: a later `begin_poll` reads that write, and with it what the waker did before.
//!
//! [`wake`]: State::wake
//! [`cancel`]: State::cancel
//! [`begin_poll`]: State::begin_poll
//! [`end_poll`]: State::end_poll
//! [`complete`]: State::complete
//! [`is_done`]: State::is_done
//! [`watch`]: State::watch

use windlass_sync::shim;
use windlass_sync::shim::atomic::{AtomicU64, Ordering::*};

/// In a run queue, on its way there, or being polled. A lock on the future, and a reference.
const ACTIVE: u64 = 1 << 0;
/// Woken since the poll began, or a second time before it began.
const WOKEN: u64 = 1 << 1;
/// The future is gone; the output may be there. Never unset.
const DONE: u64 = 1 << 2;
/// The runner is to drop the future instead of polling it. Never unset.
const CANCELLED: u64 = 1 << 3;
/// The `Task` handle exists; it owns the output.
const JOINABLE: u64 = 1 << 4;
/// The handle has left a waker that wants to know of `DONE`.
const WATCHED: u64 = 1 << 5;
/// The registry lists the task. Set until it is done.
const LISTED: u64 = 1 << 6;

/// One further handle (`AbortHandle` and the like).
const HANDLE: u64 = 1 << 8;
/// 24 bits of handles.
const HANDLES: u64 = 0xFF_FFFF << 8;
/// One waker.
const WAKER: u64 = 1 << 32;
/// 32 bits of wakers.
const WAKERS: u64 = 0xFFFF_FFFF << 32;

/// What the caller of a transition owes.
#[must_use = "an order that is not carried out loses a task or its memory"]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// Nothing is owed. The caller has let go of what it held and touches the cell no more.
    Nothing,
    /// The caller made the task active and now holds its `Runnable`: push it.
    Push,
    /// Poll the future.
    Poll,
    /// Drop the future and finish the task as cancelled.
    Cancel,
    /// The task sleeps and no waker is left: it can never run again unless it is cancelled.
    Lost,
    /// This was the last reference: free the cell.
    Free,
}

/// What the runner owes after [`State::complete`].
#[must_use = "a completed task may have a joiner to wake or an output to drop"]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Completed {
    /// The handle takes it from here; the cell may be gone already.
    LeftToHandle,
    /// Wake the joiner, then [`State::release`].
    WakeJoiner,
    /// Nobody wants the output: drop it, then [`State::release`].
    DropOutput,
}

/// What the handle owes when it lets go.
#[must_use = "the output may be left to drop"]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LetGo {
    /// The task is done: drop the output first, then [`State::drop_join`].
    DropOutput,
    /// As the order says.
    Then(Order),
}

/// A readable picture of the word, for dumps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// Waiting to be woken.
    Idle,
    /// Waiting, but no waker is left that could wake it.
    Lost,
    /// In a run queue or being polled.
    Active,
    /// To be dropped by the next worker that meets it.
    Cancelling,
    /// Finished.
    Done,
}

/// The word.
pub struct State(AtomicU64);

impl State {
    /// A task that its maker holds as `Runnable`, with a `Task` handle; listed if `listed`.
    pub fn new(listed: bool) -> Self {
        Self(AtomicU64::new(ACTIVE | JOINABLE | if listed { LISTED } else { 0 }))
    }

    /// Records that the task has something to do.
    pub fn wake(&self) -> Order {
        // ORDERING: AcqRel, release side of `wake-poll`, acquire side of `poll-poll`. The step is
        // taken even when the bits do not change, or a second wake would publish nothing.
        self.step(woken)
    }

    /// [`wake`](Self::wake), and gives up the waker that did it.
    pub fn wake_and_drop(&self) -> Order {
        // ORDERING: as `wake`; also a release side of `last-use`.
        self.step(|word| {
            let (next, order) = woken(word - WAKER);
            (next, if unreferenced(next) { Order::Free } else { order })
        })
    }

    /// Counts one more waker.
    pub fn clone_waker(&self) {
        // ORDERING: Relaxed. The new reference comes from an existing one, which keeps the cell.
        let before = self.0.fetch_add(WAKER, Relaxed);
        // 2^31 wakers of one task would be 32 GiB of them: a leak in a loop. A wrapped count would
        // free the cell under their feet, so the clone that fails is not counted.
        if before & WAKERS >= WAKERS / 2 {
            // ORDERING: Relaxed. The reference that we were cloned from is still there.
            self.0.fetch_sub(WAKER, Relaxed);
            panic!("too many wakers of one task are alive");
        }
    }

    /// Counts one waker less.
    pub fn drop_waker(&self) -> Order {
        // ORDERING: AcqRel, both sides of `last-use`.
        self.step(|word| {
            let next = word - WAKER;
            if next & (WAKERS | ACTIVE | DONE) == 0 {
                (next | ACTIVE, Order::Push)
            } else {
                let_go(next)
            }
        })
    }

    /// The holder of the `Runnable` is about to poll: [`Order::Poll`] or [`Order::Cancel`].
    pub fn begin_poll(&self) -> Order {
        // ORDERING: Acquire, of `wake-poll` and `poll-poll`. A stale value is no harm: a wake or a
        // cancel that it misses is found by `end_poll`, whose exchange reads the newest.
        let word = self.0.load(Acquire);
        assert!(word & ACTIVE != 0 && word & DONE == 0, "only an active task is polled");
        if word & (CANCELLED | WOKEN) == 0 {
            return Order::Poll;
        }
        // ORDERING: AcqRel, acquire side of `wake-poll`: the second wake is taken back here, so
        // what it published must be seen by this poll.
        self.step(|word| {
            (word & !WOKEN, if word & CANCELLED == 0 { Order::Poll } else { Order::Cancel })
        })
    }

    /// The poll returned `Pending`. Unless the answer is `Push` or `Cancel`, the caller no longer
    /// holds the task.
    pub fn end_poll(&self) -> Order {
        // ORDERING: AcqRel, release side of `poll-poll`, acquire side of `wake-poll`.
        self.step(|word| {
            assert!(word & ACTIVE != 0 && word & DONE == 0, "only an active task is polled");
            if word & CANCELLED != 0 {
                (word & !WOKEN, Order::Cancel)
            } else if word & WOKEN != 0 {
                (word & !WOKEN, Order::Push)
            } else if unreferenced(word & !ACTIVE) {
                // Nobody could ever wake, cancel, await or list it: only its future is left.
                (word, Order::Cancel)
            } else if word & WAKERS == 0 {
                (word & !ACTIVE, Order::Lost)
            } else {
                (word & !ACTIVE, Order::Nothing)
            }
        })
    }

    /// The future is gone and the output is stored. The registry has already forgotten the task.
    pub fn complete(&self) -> Completed {
        // ORDERING: AcqRel, release side of `done-join`, acquire side of `join-wake`.
        self.step(|word| {
            assert!(word & ACTIVE != 0 && word & DONE == 0, "a task completes once");
            let done = (word | DONE) & !(LISTED | WOKEN);
            match (word & JOINABLE != 0, word & WATCHED != 0) {
                (false, _) => (done, Completed::DropOutput),
                (true, true) => (done, Completed::WakeJoiner),
                (true, false) => (done & !ACTIVE, Completed::LeftToHandle),
            }
        })
    }

    /// The runner lets go of a completed task.
    pub fn release(&self) -> Order {
        // ORDERING: AcqRel, both sides of `last-use`.
        self.step(|word| let_go(word & !ACTIVE))
    }

    /// Asks for the task to be dropped; true if this was the first time and it was not done.
    ///
    /// A task that is active has a runner, which will see it.
    pub fn cancel(&self) -> (bool, Order) {
        // ORDERING: AcqRel, release side of `wake-poll`.
        self.step(|word| {
            if word & (DONE | CANCELLED) != 0 {
                return (word, (false, Order::Nothing));
            }
            let order = if word & ACTIVE == 0 { Order::Push } else { Order::Nothing };
            (word | CANCELLED | ACTIVE, (true, order))
        })
    }

    /// True once the future is gone; the handle may then take the output.
    pub fn is_done(&self) -> bool {
        // ORDERING: Acquire, of `done-join`.
        self.0.load(Acquire) & DONE != 0
    }

    /// The handle has stored a waker; false if the task is done and the waker will not be called.
    pub fn watch(&self) -> bool {
        // ORDERING: AcqRel, acquire side of `done-join` when the task is done; when it is not, release
        // side of `join-wake`: the runner finds the waker in its lock.
        self.step(|word| if word & DONE != 0 { (word, false) } else { (word | WATCHED, true) })
    }

    /// The handle goes; a task that is not done runs on without it.
    pub fn let_go(&self) -> LetGo {
        // ORDERING: AcqRel. Acquire side of `done-join` if the output is left to us, and both sides
        // of `last-use`.
        self.step(|word| {
            assert!(word & JOINABLE != 0, "a task has one handle");
            if word & DONE != 0 {
                return (word, LetGo::DropOutput);
            }
            let (next, order) = let_go(word & !(JOINABLE | WATCHED));
            (next, LetGo::Then(order))
        })
    }

    /// The handle of a done task goes; its output has been taken or dropped.
    pub fn drop_join(&self) -> Order {
        // ORDERING: AcqRel, both sides of `last-use`.
        self.step(|word| let_go(word & !JOINABLE))
    }

    /// Counts one more handle.
    pub fn clone_handle(&self) {
        // ORDERING: Relaxed. The new reference comes from an existing one, which keeps the cell.
        let before = self.0.fetch_add(HANDLE, Relaxed);
        if before & HANDLES >= HANDLES / 2 {
            // ORDERING: Relaxed, as in `clone_waker`.
            self.0.fetch_sub(HANDLE, Relaxed);
            panic!("too many handles of one task are alive");
        }
    }

    /// Counts one handle less.
    pub fn drop_handle(&self) -> Order {
        // ORDERING: AcqRel, both sides of `last-use`.
        self.step(|word| let_go(word - HANDLE))
    }

    /// True until the task is done, if it was made to be listed.
    pub fn is_listed(&self) -> bool {
        // ORDERING: Relaxed. Only the runner asks, and only its own `complete` changes the answer.
        self.0.load(Relaxed) & LISTED != 0
    }

    /// What the task is doing, as far as one glance can tell.
    pub fn phase(&self) -> Phase {
        // ORDERING: Relaxed. A picture for people; nothing is read on the strength of it.
        let word = self.0.load(Relaxed);
        match word {
            _ if word & DONE != 0 => Phase::Done,
            _ if word & CANCELLED != 0 => Phase::Cancelling,
            _ if word & ACTIVE != 0 => Phase::Active,
            _ if word & WAKERS == 0 => Phase::Lost,
            _ => Phase::Idle,
        }
    }

    /// The one place that writes the word. `f` may run more than once, so it only computes.
    fn step<T>(&self, f: impl Fn(u64) -> (u64, T)) -> T {
        shim::step(&self.0, f)
    }
}

/// The effect of a wake on the word.
fn woken(word: u64) -> (u64, Order) {
    if word & DONE != 0 {
        (word, Order::Nothing)
    } else if word & ACTIVE != 0 {
        (word | WOKEN, Order::Nothing)
    } else {
        (word | ACTIVE, Order::Push)
    }
}

/// The effect of a reference going away, already subtracted from the word.
///
/// The memory goes only after the future: a task that sleeps where nobody can reach it any more is
/// made active once more, and its runner drops the future.
fn let_go(next: u64) -> (u64, Order) {
    if !unreferenced(next) {
        (next, Order::Nothing)
    } else if next & DONE != 0 {
        (next, Order::Free)
    } else {
        (next | ACTIVE | CANCELLED, Order::Push)
    }
}

/// True if nobody can reach the cell any more.
fn unreferenced(word: u64) -> bool {
    word & (ACTIVE | JOINABLE | LISTED | HANDLES | WAKERS) == 0
}

impl std::fmt::Debug for State {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // ORDERING: Relaxed. For people.
        let word = self.0.load(Relaxed);
        let handles = (word & HANDLES) / HANDLE;
        let wakers = (word & WAKERS) / WAKER;
        let bits = word & !(HANDLES | WAKERS);
        write!(f, "State({:?}, {bits:#b}, {handles} handles, {wakers} wakers)", self.phase())
    }
}

#[cfg(test)]
mod tests {
    use std::panic::{AssertUnwindSafe, catch_unwind};

    use super::*;

    fn word(state: &State) -> u64 {
        // ORDERING: Relaxed. There is one thread.
        state.0.load(Relaxed)
    }

    #[test]
    fn wakes_during_a_poll_push_the_task_once_and_are_forgotten_by_then() {
        for wakes in 1..=2 {
            let state = State::new(false);
            assert_eq!(state.begin_poll(), Order::Poll);
            for _ in 0..wakes {
                assert_eq!(state.wake(), Order::Nothing);
            }
            assert_eq!(state.end_poll(), Order::Push, "{wakes} wakes are lost");
            assert_eq!(word(&state), ACTIVE | JOINABLE);
        }
    }

    #[test]
    fn a_task_that_ends_before_anybody_waits_for_it_is_left_to_its_handle() {
        let state = State::new(false);
        assert_eq!(state.begin_poll(), Order::Poll);
        assert_eq!(state.complete(), Completed::LeftToHandle, "there is no joiner to look for");
        assert_eq!(state.drop_join(), Order::Free);
    }

    #[test]
    fn the_reference_that_would_be_one_too_many_is_refused_and_not_counted() {
        let kinds = [
            (HANDLE, HANDLE << 23, State::clone_handle as fn(&State)),
            (WAKER, WAKER << 31, State::clone_waker),
        ];
        for (one, most, clone) in kinds {
            let state = State(AtomicU64::new(JOINABLE | (most - one)));
            clone(&state);
            assert_eq!(word(&state), JOINABLE | most);
            assert!(catch_unwind(AssertUnwindSafe(|| clone(&state))).is_err());
            assert_eq!(word(&state), JOINABLE | most);
        }
    }
}
