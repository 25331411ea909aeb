//! A place for one connection, and a connection in its place.

use std::time::Instant;

use windlass_sync::shim::Arc;

use super::shared::{Idle, Shared, Stage, after};
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
    key: u64,
    /// `None` once it was taken out. Dropped after the entry is gone.
    permit: Option<OwnedPermit>,
}

/// A connection and its slot.
///
/// The order of the fields matters: the connection is dropped before its place is free.
pub(super) struct Held<M: Manager> {
    pub(super) connection: M::Connection,
    pub(super) born: Instant,
    pub(super) slot: Slot<M>,
}

/// A connection that was idle a moment ago.
pub(super) struct Filled<M: Manager> {
    pub(super) held: Held<M>,
    /// Since when it was idle.
    pub(super) since: Instant,
}

impl<M: Manager> Slot<M> {
    pub(super) fn new(shared: Arc<Shared<M>>, key: u64, permit: OwnedPermit) -> Self {
        Self { shared, key, permit: Some(permit) }
    }

    /// Opens a connection here.
    pub(super) async fn open(self) -> Result<Held<M>, ConnectError<M::Error>> {
        let shared = self.shared.clone();
        let limit = shared.settings.connect_timeout;
        let failure = match timeout(limit, shared.manager.connect()).await {
            Ok(Ok(connection)) => {
                let mut state = shared.state.lock();
                state.counts.opened += 1;
                state.entry(self.key).reason = Some(Reason::NotReset);
                drop(state);
                return Ok(Held { connection, born: shared.now(), slot: self });
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
        let shared = &*self.shared;
        let (is_short, is_gone) = {
            let mut state = shared.state.lock();
            let entry = state.slots.remove(&self.key);
            if let Some(reason) = entry.and_then(|entry| entry.reason) {
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
    /// True if it has reached the maximum lifetime.
    pub(super) fn is_too_old(&self) -> bool {
        let shared = &self.slot.shared;
        after(self.born, shared.settings.max_lifetime).is_some_and(|end| end <= shared.now())
    }

    /// Makes the connection idle; closes it if the pool is closed.
    pub(super) fn put(self) {
        let Held { connection, born, slot } = self;
        let shared = &*slot.shared;
        let idle = Idle { connection, born, since: shared.now() };
        let is_due_earlier = {
            let mut state = shared.state.lock();
            if state.is_closed {
                drop(state);
                let held = Held { connection: idle.connection, born, slot };
                drop(held.discard(Reason::Closed));
                return;
            }
            state.slots.remove(&slot.key);
            state.put(&shared.settings, idle)
        };
        if is_due_earlier {
            shared.chores.notify_one();
        }
    }

    /// Closes the connection. What is left is the permit, which may have another one.
    pub(super) fn discard(self, reason: Reason) -> OwnedPermit {
        let Held { connection, mut slot, .. } = self;
        slot.shared.state.lock().entry(slot.key).reason = Some(reason);
        drop(connection);
        slot.permit.take().expect("only this takes it, and the slot along with it")
    }

    /// Takes the connection out of the pool.
    pub(super) fn detach(self) -> M::Connection {
        let Held { connection, slot, .. } = self;
        {
            let mut state = slot.shared.state.lock();
            state.slots.remove(&slot.key);
            state.counts.detached += 1;
        }
        connection
    }
}
