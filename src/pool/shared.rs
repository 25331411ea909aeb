//! What the handles, guards and tasks of a pool share: the books.
//!
//! A connection is either idle, and then it lies in the state; or somebody has it, and then that
//! somebody has a [`Slot`] too, which is an entry in the books and a permit. What is being opened
//! has a slot as well.
//!
//! # Why there are never too many
//! There are as many permits as there may be connections. A connection is opened only by who has a
//! slot, and a slot without a connection is made only while, under the lock, nothing is idle or
//! fewer than the minimum exist. With nothing idle all connections have slots, so there are no more
//! than permits; below the minimum there are fewer than the maximum anyway. And a slot gives its
//! permit back only after its connection is dropped, or is idle again.

use std::panic::Location;
use std::time::Instant;

use windlass_sync::shim::{Arc, Mutex};

use super::builder::Settings;
use super::slot::{Held, Slot};
use super::stats::{Reason, Stats};
use super::{Lent, Manager};
use crate::runtime::Handle;
use crate::sync::{Event, Notify, OwnedPermit, Semaphore};
use crate::task::{Task, try_id};

pub(super) struct Shared<M: Manager> {
    pub(super) manager: M,
    pub(super) settings: Settings,
    /// Where the tasks of the pool run, and whose clock counts.
    pub(super) runtime: Handle,
    /// As many as there may be connections; whoever has one has a permit. Closed with the pool.
    pub(super) permits: Arc<Semaphore>,
    /// Tells the keeper that it has something to do, or has it earlier.
    pub(super) chores: Notify,
    /// Set once the pool is closed and the last slot is free.
    pub(super) gone: Event,
    /// Held for a few steps, never while code of the manager runs or a connection is dropped.
    pub(super) state: Mutex<State<M::Connection>>,
}

/// What the lock guards.
pub(super) struct State<C> {
    /// In the order in which they came back. The last one is lent first, so that the others can
    /// grow old.
    pub(super) idle: Vec<Open<C>>,
    /// The entries of the slots, and where there is none.
    slots: Vec<Option<Entry>>,
    free: Vec<usize>,
    /// When the keeper looks at the idle ones; `None` if it does not expect any.
    pub(super) look_at: Option<Instant>,
    /// The tasks of the pool, and some that have ended.
    tasks: Vec<Task<()>>,
    pub(super) is_closed: bool,
    /// The counters in it; the rest is filled in when it is asked for.
    pub(super) counts: Stats,
}

/// A connection, and its age.
pub(super) struct Open<C> {
    pub(super) connection: C,
    /// When it was opened.
    pub(super) born: Instant,
    /// When it was idle first since it was last lent.
    pub(super) since: Instant,
}

/// What the books say about one slot.
pub(super) struct Entry {
    pub(super) stage: Stage,
    /// Why its connection is discarded, if the slot is dropped now; `None` if it has none.
    pub(super) reason: Option<Reason>,
}

/// What a slot is for at the moment.
#[derive(Clone, Copy)]
pub(super) enum Stage {
    Opening,
    Lent(Lent),
    Upkeep,
}

/// What to do with a permit.
pub(super) enum Choice {
    /// To take this idle connection.
    Take(usize),
    /// To open one.
    Open,
    /// Nothing, and to think again at this time.
    Wait(Option<Instant>),
}

/// A slot, and what is in it.
pub(super) enum Occupied<M: Manager> {
    Filled(Held<M>),
    Empty(Slot<M>),
}

impl<M: Manager> Shared<M> {
    #[track_caller]
    pub(super) fn new(manager: M, settings: Settings) -> Self {
        let state = State {
            idle: Vec::new(),
            slots: Vec::new(),
            free: Vec::new(),
            look_at: None,
            tasks: Vec::new(),
            is_closed: false,
            counts: Stats::default(),
        };
        Self {
            manager,
            runtime: Handle::current(),
            permits: Arc::new(Semaphore::new(settings.max_size)),
            settings,
            chores: Notify::new(),
            gone: Event::new(),
            state: Mutex::new(state),
        }
    }

    /// The present, by the clock of the pool's runtime: a guard may be dropped anywhere.
    pub(super) fn now(&self) -> Instant {
        self.runtime.clock().now()
    }

    /// Makes a slot of a permit, unless the choice is to wait, which gives the permit back; the
    /// stage is for a connection that was idle.
    ///
    /// On a closed pool nothing is idle, and what is to be opened is never [started](Self::start).
    pub(super) fn occupy(
        self: &Arc<Self>,
        permit: OwnedPermit,
        stage: Stage,
        choose: impl FnOnce(&State<M::Connection>) -> Choice,
    ) -> Result<Occupied<M>, OwnedPermit> {
        let mut state = self.state.lock();
        let (taken, entry) = match choose(&state) {
            Choice::Take(at) => {
                (Some(state.idle.remove(at)), Entry { stage, reason: Some(Reason::NotReset) })
            }
            Choice::Open => (None, Entry { stage: Stage::Opening, reason: None }),
            Choice::Wait(_) => return Err(permit),
        };
        let key = state.free.pop().unwrap_or(state.slots.len());
        match state.slots.get_mut(key) {
            Some(slot) => *slot = Some(entry),
            None => state.slots.push(Some(entry)),
        }
        drop(state);
        let slot = Slot::new(self.clone(), key, permit);
        Ok(match taken {
            Some(open) => Occupied::Filled(Held { open, slot }),
            None => Occupied::Empty(slot),
        })
    }

    /// Starts a task of the pool, unless the pool is closed. It is cancelled when the pool closes.
    pub(super) fn start(&self, what: &str, future: impl Future<Output = ()> + Send + 'static) {
        if self.permits.is_closed() {
            return;
        }
        let task = self.runtime.spawn(future).named(&format!("{} {what}", self.settings.name));
        let ended: Vec<_> = {
            let mut state = self.state.lock();
            if state.is_closed {
                vec![task]
            } else {
                state.tasks.push(task);
                state.tasks.extract_if(.., |task| task.is_finished()).collect()
            }
        };
        drop(ended); // a panic that nobody has seen is reported here
    }

    /// Refuses everybody from now on, and closes what is idle. The tasks that still run are the
    /// caller's: dropping them cancels them.
    pub(super) fn shut(&self) -> Vec<Task<()>> {
        self.permits.close();
        let (idle, tasks) = {
            let mut state = self.state.lock();
            state.is_closed = true;
            state.counts.discarded.closed += state.idle.len() as u64;
            (std::mem::take(&mut state.idle), std::mem::take(&mut state.tasks))
        };
        drop(idle);
        if self.state.lock().is_gone() {
            self.gone.set();
        }
        tasks
    }

    pub(super) fn stats(&self) -> Stats {
        let line = self.permits.stats();
        let state = self.state.lock();
        let mut stats = state.counts;
        for entry in state.slots.iter().flatten() {
            match entry.stage {
                Stage::Opening => stats.opening += 1,
                Stage::Lent(_) => stats.in_use += 1,
                Stage::Upkeep => stats.in_upkeep += 1,
            }
        }
        Stats { size: state.size(), idle: state.idle.len(), waiting: line.waiting, ..stats }
    }

    /// Everybody who has a connection.
    pub(super) fn lent(&self) -> Vec<Lent> {
        let state = self.state.lock();
        let lent = state.slots.iter().flatten().filter_map(|entry| match entry.stage {
            Stage::Lent(lent) => Some(lent),
            Stage::Opening | Stage::Upkeep => None,
        });
        lent.collect()
    }

    /// Where the current task has taken a connection that it has not given back.
    pub(super) fn own(&self) -> Option<&'static Location<'static>> {
        let task = try_id()?;
        self.lent().iter().find(|lent| lent.task == Some(task)).map(|lent| lent.at)
    }

    /// True if a connection can be lent without a look at it.
    pub(super) fn is_fresh(&self, open: &Open<M::Connection>, now: Instant) -> bool {
        now.duration_since(open.since) < self.settings.check_after
    }

    /// Why an idle connection is not to be lent, if there is a reason.
    pub(super) fn unfit(&self, open: &Open<M::Connection>, now: Instant) -> Option<Reason> {
        match now.duration_since(open.born) >= self.settings.max_lifetime {
            true => Some(Reason::TooOld),
            false => self.manager.is_broken(&open.connection).then_some(Reason::Broken),
        }
    }

    /// What the keeper should do now, and if nothing, until when.
    pub(super) fn chore(&self, state: &State<M::Connection>, retry_at: Option<Instant>) -> Choice {
        let now = self.now();
        let mut until = None;
        for (at, idle) in state.idle.iter().enumerate() {
            match state.due(&self.settings, idle) {
                Some(due) if due <= now => return Choice::Take(at),
                due => until = earlier(until, due),
            }
        }
        if state.size() < self.settings.min_size {
            match retry_at {
                Some(retry_at) if retry_at > now => until = earlier(until, Some(retry_at)),
                _ => return Choice::Open,
            }
        }
        Choice::Wait(until)
    }
}

impl<C> State<C> {
    pub(super) fn size(&self) -> usize {
        self.idle.len() + self.slots.len() - self.free.len()
    }

    pub(super) fn entry(&mut self, key: usize) -> &mut Entry {
        self.slots[key].as_mut().expect("a slot has an entry until it is dropped")
    }

    /// Takes the entry of a slot out.
    pub(super) fn vacate(&mut self, key: usize) -> Option<Entry> {
        self.free.push(key);
        self.slots[key].take()
    }

    /// True if the pool is closed and nobody has a slot.
    pub(super) fn is_gone(&self) -> bool {
        self.is_closed && self.slots.len() == self.free.len()
    }

    /// For who wants any connection: the one that came back last, or a new one.
    pub(super) fn any(&self) -> Choice {
        self.idle.len().checked_sub(1).map_or(Choice::Open, Choice::Take)
    }

    /// When an idle connection is to be closed.
    fn due(&self, settings: &Settings, idle: &Open<C>) -> Option<Instant> {
        let too_old = idle.born.checked_add(settings.max_lifetime);
        if self.size() <= settings.min_size {
            return too_old;
        }
        earlier(too_old, idle.since.checked_add(settings.idle_timeout))
    }

    /// Adds an idle connection; true if the keeper has to look earlier than it will.
    pub(super) fn put(&mut self, settings: &Settings, idle: Open<C>) -> bool {
        self.idle.push(idle);
        let due = self.idle.last().and_then(|idle| self.due(settings, idle));
        let is_earlier = earlier(due, self.look_at) != self.look_at;
        if is_earlier {
            self.look_at = due;
        }
        is_earlier
    }
}

/// The earlier of two instants, where `None` is never.
fn earlier(one: Option<Instant>, other: Option<Instant>) -> Option<Instant> {
    [one, other].into_iter().flatten().min()
}
