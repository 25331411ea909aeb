//! A place for one connection, and a connection in its place.

use windlass_sync::shim::Arc;

use super::shared::{Open, Shared, Stage};
use super::stats::Reason;
use super::{ConnectError, Manager};
use crate::sync::OwnedPermit;
use crate::time::timeout;

/// A place that is taken: an entry in the pool's books, and a permit.
///
/// However its owner ends, the entry is taken out when it is dropped, and the permit goes to the
/// next in line.
pub(super) struct Slot<M: Manager> {
    pub(super) shared: Arc<Shared<M>>,
    /// Of the entry.
    key: usize,
    /// The entry is out already, and nobody has to be told.
    is_vacant: bool,
    /// `None` once it was taken out. Dropped after the entry is gone.
    permit: Option<OwnedPermit>,
}

/// A connection and its slot.
///
/// The order of the fields matters: the connection is dropped before its place is free.
pub(super) struct Held<M: Manager> {
    pub(super) open: Open<M::Connection>,
    pub(super) slot: Slot<M>,
}

impl<M: Manager> Slot<M> {
    pub(super) fn new(shared: Arc<Shared<M>>, key: usize, permit: OwnedPermit) -> Self {
        Self { shared, key, is_vacant: false, permit: Some(permit) }
    }

    /// Opens a connection here.
    pub(super) async fn open(self) -> Result<Held<M>, ConnectError<M::Error>> {
        let shared = self.shared.clone();
        let limit = shared.settings.connect_timeout;
        let failure = match timeout(limit, shared.manager.connect()).await {
            Ok(Ok(connection)) => {
                let mut state = shared.state.lock();
                state.counts.opened += 1;
                // Nobody has it yet: whoever waits for it is about to take it.
                let entry = state.entry(self.key);
                (entry.stage, entry.reason) = (Stage::Upkeep, Some(Reason::NotReset));
                let now = shared.now();
                return Ok(Held { open: Open { connection, born: now, since: now }, slot: self });
            }
            Ok(Err(error)) => ConnectError::Failed(error),
            Err(_) => ConnectError::Timeout(limit),
        };
        shared.state.lock().counts.failed += 1;
        Err(failure)
    }

    /// Writes down what the slot is for. False, and nothing has changed, if the pool is closed.
    pub(super) fn enter(&self, stage: Stage) -> bool {
        let mut state = self.shared.state.lock();
        if state.is_closed {
            return false;
        }
        state.entry(self.key).stage = stage;
        true
    }
}

impl<M: Manager> Drop for Slot<M> {
    fn drop(&mut self) {
        if self.is_vacant {
            return;
        }
        let shared = &*self.shared;
        let (is_short, is_gone) = {
            let mut state = shared.state.lock();
            if let Some(reason) = state.vacate(self.key).and_then(|entry| entry.reason) {
                state.counts.discarded.count(reason);
            }
            (state.size() < shared.settings.min_size, state.is_gone())
        };
        if is_gone {
            shared.gone.set();
        } else if is_short {
            shared.chores.notify_one();
        }
    }
}

impl<M: Manager> Held<M> {
    /// Makes the connection idle; closes it if the pool is closed.
    pub(super) fn put(self) {
        let shared = self.slot.shared.clone();
        let mut state = shared.state.lock();
        if state.is_closed {
            drop(state);
            drop(self.discard(Reason::Closed));
            return;
        }
        let Held { open, mut slot } = self;
        state.vacate(slot.key);
        slot.is_vacant = true;
        let is_due_earlier = state.put(&shared.settings, Open { since: shared.now(), ..open });
        drop(state);
        if is_due_earlier {
            shared.chores.notify_one();
        }
    }

    /// Closes the connection. What is left is the permit, which may have another one.
    pub(super) fn discard(self, reason: Reason) -> OwnedPermit {
        let Held { open, mut slot } = self;
        slot.shared.state.lock().entry(slot.key).reason = Some(reason);
        drop(open);
        slot.permit.take().expect("only this takes it, and the slot along with it")
    }

    /// Takes the connection out of the pool.
    pub(super) fn detach(self) -> M::Connection {
        let mut state = self.slot.shared.state.lock();
        state.entry(self.slot.key).reason = None;
        state.counts.detached += 1;
        drop(state);
        self.open.connection
    }
}
