//! The two sides of a channel of many values: how many are on each, and who waits for the other.
//!
//! A side that is empty stays so in effect: what the other waits for will not come. So whoever
//! leaves it as the last lets all go on who stand in line for it.

use crate::wait_list::{Phase, WaitList};
use crate::waiter::{Look, Visit};
use crate::waiting::Reason;
use crate::wakes::Wakes;

/// What the lock of a channel guards besides the values.
pub(crate) struct Sides {
    /// How many can still send.
    pub(crate) senders: usize,
    /// How many can still receive.
    pub(crate) receivers: usize,
    /// Receivers that wait for a value, or for the last sender to go.
    pub(crate) receiving: WaitList<()>,
    /// Senders that wait for the last receiver to go.
    pub(crate) closing: WaitList<()>,
}

impl Sides {
    /// One of each, and nobody waits.
    pub(crate) fn new() -> Self {
        Self { senders: 1, receivers: 1, receiving: WaitList::new(), closing: WaitList::new() }
    }

    /// A sender goes.
    pub(crate) fn drop_sender(&mut self, wakes: &mut Wakes) {
        self.senders -= 1;
        if self.senders == 0 {
            self.receiving.grant_all(wakes);
        }
    }

    /// A receiver goes.
    pub(crate) fn drop_receiver(&mut self, wakes: &mut Wakes) {
        self.receivers -= 1;
        if self.receivers == 0 {
            self.closing.grant_all(wakes);
        }
    }

    /// A sender looks whether there is no receiver, or has been none at a moment of its wait.
    pub(crate) fn look_closed(&mut self, what: &'static str, visit: &mut Visit<'_>) -> Look<()> {
        if self.receivers > 0 && visit.phase(&self.closing) != Some(Phase::Granted) {
            return visit.stay(&mut self.closing, (), Reason::Other(what));
        }
        visit.leave(&mut self.closing);
        Look::Go(())
    }

    /// How many stand in either line.
    pub(crate) fn waiting(&self) -> usize {
        self.receiving.waiting() + self.closing.waiting()
    }
}
