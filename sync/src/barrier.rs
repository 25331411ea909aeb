//! A meeting point for a fixed number of tasks.
//!
//! A round ends for all of its tasks at one moment, under the lock: whoever comes last tells each of
//! the others that it may pass, and wakes it. From then on they stand in no line, so the next round
//! begins at once, and may fill, while those of the last one have not run. Rounds therefore need no
//! numbers: a waiter either stands in the line that is filling, or was told how its round ended.

use std::fmt;
use std::ops::Deref;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use crate::place::{Lined, Place};
use crate::shim::{Arc, Mutex};
use crate::shown::shown_by_place;
use crate::wait_list::{Phase, WaitList};
use crate::waiter::{Look, Visit};
use crate::waiting::Reason;
use crate::wakes::{self, Wakes};
use crate::{blocking, error_words};

/// A meeting point: nobody passes until a fixed number of tasks is there, and then all do.
///
/// Use it for work in rounds, where none must begin before everybody has ended the last. It can be
/// used again at once. What any of them did before it came is visible to all who pass.
///
/// # Examples
/// ```
/// # use windlass_sync::barrier::Barrier;
/// let meeting = Barrier::new(3);
/// let leaders = std::thread::scope(|threads| {
///     let arrive = || meeting.wait_blocking().unwrap(); // in a task: `meeting.wait().await`
///     let others = [threads.spawn(arrive), threads.spawn(arrive)];
///     let all = [arrive()].into_iter().chain(others.map(|other| other.join().unwrap()));
///     all.filter(|passed| passed.is_leader).count()
/// });
/// assert_eq!(leaders, 1);
/// ```
pub struct Barrier {
    /// How many it takes.
    parties: usize,
    state: Mutex<State>,
}

/// Who has passed a [`Barrier`].
///
/// # Examples
/// ```
/// # use windlass_sync::barrier::{Barrier, Passed};
/// let alone = Barrier::new(1);
/// assert_eq!(alone.wait_blocking(), Ok(Passed { index: 0, is_leader: true }));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Passed {
    /// Its place in the order in which they came, from 0.
    pub index: usize,
    /// True for one of each round: who came last. That one has not waited, so it is always there to
    /// do what one of them has to do, even if others are dropped before they run.
    pub is_leader: bool,
}

/// Why nobody passes a [`Barrier`].
///
/// # Examples
/// ```
/// # use windlass_sync::barrier::{Barrier, Broken};
/// let meeting = Barrier::new(2);
/// meeting.abort();
/// assert_eq!(meeting.wait_blocking(), Err(Broken::Aborted));
/// meeting.reset(); // and two may meet again
/// assert!(!meeting.stats().is_broken);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Broken {
    /// [`Barrier::abort`] was called. It stays broken until [`Barrier::reset`].
    Aborted,
    /// [`Barrier::reset`] was called while they waited. Who comes now waits for a new round.
    Reset,
}

/// A snapshot of a barrier, for reports.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stats {
    /// How many it takes.
    pub parties: usize,
    /// How many are there. Those who may pass and have not run yet are not counted.
    pub waiting: usize,
    /// Whether it was aborted, and not reset since.
    pub is_broken: bool,
}

/// The future of [`Barrier::wait`] and [`Barrier::wait_owned`].
#[must_use = "a future does nothing unless awaited"]
pub struct Wait<B: Deref<Target = Barrier>> {
    place: Place<B>,
}

impl Barrier {
    /// A barrier that takes so many.
    ///
    /// # Panics
    /// If `parties` is 0: nobody could ever be the last to come.
    #[track_caller]
    pub fn new(parties: usize) -> Self {
        assert!(parties > 0, "a barrier takes at least one: count the caller as well");
        let state = State { is_aborted: false, line: WaitList::new() };
        Self { parties, state: Mutex::new(state) }
    }

    /// Waits until all are there; ready at once for who comes last.
    ///
    /// # Errors
    /// [`Broken`] if the barrier is or gets aborted, or is reset meanwhile.
    ///
    /// # Cancel safety
    /// Who is dropped before all were there has not come. Who is dropped after that changes nothing:
    /// the others pass all the same.
    #[track_caller]
    pub fn wait(&self) -> Wait<&Self> {
        Wait { place: Place::new(self) }
    }

    /// As [`wait`](Self::wait), with a future that keeps the barrier alive.
    ///
    /// # Errors
    /// As [`wait`](Self::wait).
    ///
    /// # Cancel safety
    /// As [`wait`](Self::wait).
    #[track_caller]
    pub fn wait_owned(self: Arc<Self>) -> Wait<Arc<Self>> {
        Wait { place: Place::new(self) }
    }

    /// Waits until all are there on a plain thread, which sleeps meanwhile.
    ///
    /// # Errors
    /// As [`wait`](Self::wait).
    ///
    /// # Panics
    /// Inside a task: it would block the worker. Use [`wait`](Self::wait) there.
    #[track_caller]
    pub fn wait_blocking(&self) -> Result<Passed, Broken> {
        blocking::wait_on("wait_blocking", "wait().await", self.wait())
    }

    /// Breaks the barrier: who waits and who comes fails, until it is [`reset`](Self::reset).
    ///
    /// Use it when one of the tasks cannot come any more.
    pub fn abort(&self) {
        self.break_up(Broken::Aborted);
    }

    /// Makes the barrier as it was at first: who waits fails, who comes from now on waits.
    pub fn reset(&self) {
        self.break_up(Broken::Reset);
    }

    fn break_up(&self, why: Broken) {
        wakes::collect(|wakes| {
            let mut state = self.state.lock();
            state.is_aborted = why == Broken::Aborted;
            state.end_round(wakes, |_| Err(why));
        });
    }

    /// How many it takes.
    pub fn parties(&self) -> usize {
        self.parties
    }

    /// The figures of this moment.
    pub fn stats(&self) -> Stats {
        let state = self.state.lock();
        let (waiting, is_broken) = (state.line.waiting(), state.is_aborted);
        Stats { parties: self.parties, waiting, is_broken }
    }

    fn look(&self, visit: &mut Visit<'_>) -> Look<Verdict> {
        let (state, parties) = (&mut *self.state.lock(), self.parties);
        let before = state.line.waiting();
        let reason = |arrived| Reason::Barrier { arrived, parties };
        match visit.phase(&state.line) {
            None if state.is_aborted => Look::Go(Err(Broken::Aborted)),
            None if before + 1 == parties => {
                let pass = |index| Ok(Passed { index, is_leader: false });
                state.end_round(visit.wakes, pass);
                Look::Go(Ok(Passed { index: before, is_leader: true }))
            }
            None => visit.stay(&mut state.line, None, reason(before + 1)),
            Some(Phase::Waiting) => visit.stay(&mut state.line, None, reason(before)),
            Some(_) => {
                let verdict = visit.leave(&mut state.line).flatten();
                Look::Go(verdict.expect("whoever ends a round tells everybody how it ended"))
            }
        }
    }
}

impl Lined for Barrier {
    fn leave(&self, key: usize) -> Option<Waker> {
        self.state.lock().line.remove(key).waker
    }
}

impl fmt::Debug for Barrier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Stats { parties, waiting, is_broken } = self.stats();
        f.debug_struct("Barrier")
            .field("state", &format_args!("{}", if is_broken { "broken" } else { "filling" }))
            .field("waiting", &waiting)
            .field("parties", &parties)
            .finish()
    }
}

error_words!(Broken:
    Broken::Aborted => "the barrier was aborted",
    Broken::Reset => "the barrier was reset before all were there",
);

impl<B: Deref<Target = Barrier> + Unpin> Future for Wait<B> {
    type Output = Result<Passed, Broken>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.place.poll(cx, Barrier::look)
    }
}

shown_by_place!([B: Deref<Target = Barrier>] Wait[B]);

/// How a round ended for one of its waiters.
type Verdict = Result<Passed, Broken>;

/// What the lock guards.
struct State {
    /// Nobody passes until it is reset.
    is_aborted: bool,
    /// Who is there, and who was told how the round ended and has not run.
    line: WaitList<Option<Verdict>>,
}

impl State {
    /// Tells everybody who is there how the round ended.
    fn end_round(&mut self, wakes: &mut Wakes, verdict: impl Fn(usize) -> Verdict) {
        let mut index = 0;
        while let Some(first) = self.line.first() {
            *self.line.payload_mut(first) = Some(verdict(index));
            wakes.push(self.line.grant(first));
            index += 1;
        }
    }
}
