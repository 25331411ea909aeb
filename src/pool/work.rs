//! The tasks of a pool: opening a connection for who waits for one, resetting a dirty one, and
//! keeping the idle ones few and fresh.

use windlass_sync::shim::Arc;

use super::shared::{Choice, Occupied, Shared, Stage};
use super::slot::{Held, Slot};
use super::stats::Reason;
use super::{ConnectError, Guard, Manager};
use crate::sync::oneshot;
use crate::time::{timeout, timeout_at};

/// Where a connection arrives that is being opened.
pub(super) type Opening<M> =
    oneshot::Receiver<Result<Guard<M>, ConnectError<<M as Manager>::Error>>>;

/// Opens a connection in a task of its own.
///
/// It goes on if nobody waits for it any more, and the connection is idle then. If it were dropped
/// together with the request, a server that takes longer to accept than its clients wait would be
/// dialled again and again, and nobody would ever be served.
pub(super) fn open<M: Manager>(slot: Slot<M>) -> Opening<M> {
    let (answer, opening) = oneshot::channel();
    slot.shared.clone().start("connect", async move {
        let opened = slot.open().await;
        drop(answer.send(opened.map(Guard::new)));
    });
    opening
}

/// Resets a dirty connection and makes it idle.
pub(super) fn recover<M: Manager>(mut held: Held<M>, cancelling: Option<oneshot::Receiver<()>>) {
    let shared = held.slot.shared.clone();
    if !held.slot.enter(Stage::Upkeep) {
        drop(held.discard(Reason::Closed));
        return;
    }
    shared.clone().start("reset", async move {
        let reset = timeout(shared.settings.recovery_timeout, async {
            if let Some(cancelling) = cancelling {
                let _ = cancelling.await; // either way it is over
            }
            shared.manager.reset(&mut held.open.connection).await
        });
        match reset.await {
            Ok(Ok(())) if !shared.manager.is_broken(&held.open.connection) => return held.put(),
            Ok(Err(error)) => shared.manager.background_error(error),
            Ok(Ok(())) | Err(_) => {}
        }
        drop(held.discard(Reason::NotReset));
    });
}

/// Closes idle connections when they are due, and replaces lost ones up to the minimum.
///
/// Both need a permit, like everything that is done with a connection, so it waits in line for one.
pub(super) async fn keep<M: Manager>(shared: Arc<Shared<M>>) {
    let mut delay = shared.settings.backoff;
    let mut retry_at = None;
    loop {
        let chore = {
            let mut state = shared.state.lock();
            let chore = shared.chore(&state, retry_at);
            if let Choice::Wait(until) = chore {
                state.look_at = until;
            }
            chore
        };
        if let Choice::Wait(until) = chore {
            let _ = timeout_at(until, shared.chores.notified()).await;
            continue;
        }
        let Ok(permit) = shared.permits.clone().acquire_owned().await else { return };
        let occupied = shared.occupy(permit, Stage::Upkeep, |state| shared.chore(state, retry_at));
        match occupied {
            Err(_permit) => {}
            Ok(Occupied::Filled(held)) => {
                let reason = shared.unfit(&held.open, shared.now());
                drop(held.discard(reason.unwrap_or(Reason::TooIdle)));
            }
            // Connecting and telling why not have tasks of their own, so that a panic in there does
            // not end this one.
            Ok(Occupied::Empty(slot)) => {
                match open(slot).await.unwrap_or(Err(ConnectError::Lost)) {
                    Ok(guard) => {
                        drop(guard);
                        (delay, retry_at) = (shared.settings.backoff, None);
                    }
                    Err(error) => {
                        if let ConnectError::Failed(error) = error {
                            let told = shared.clone();
                            let tell = async move { told.manager.background_error(error) };
                            shared.start("report", tell);
                        }
                        retry_at = shared.now().checked_add(delay);
                        delay = delay.saturating_mul(2).min(shared.settings.max_backoff);
                    }
                }
            }
        }
    }
}
