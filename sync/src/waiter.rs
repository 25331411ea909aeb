//! One future's place in a line: what the polls of all waiting futures have in common.
//!
//! A poll asks the budget, looks at the primitive under its lock, and ends in one of two ways: it
//! goes on, or it stands in line and notes why. The lock is the primitive's own, so each passes a
//! closure that locks, looks and unlocks; what must happen outside the lock happens here, around it:
//! wakers are cloned before, fired and dropped after. Only a waker that the executor
//! [vouches](waiting::vouch) for is cloned inside, which saves the second look.
//!
//! ```text
//!   poll: budget -> look ----> Go(output) -> fire, spend -> Ready
//!                    ^  |----> Wait       -> fire -> Pending
//!                    |  +----> NeedsWaker -> clone a waker --+
//!                    +---------------------------------------+
//! ```

use std::panic::Location;
use std::task::{Context, Poll, Waker, ready};

use crate::shown::shown;
use crate::wait_list::{Phase, Removed, Renewed, Spare, WaitList};
use crate::waiting::Reason;
use crate::wakes::Wakes;
use crate::{budget, waiting};

/// A future's place among the waiters of a primitive.
pub(crate) struct Waiter {
    /// Its key, from its first fruitless poll until it is ready.
    key: Option<usize>,
    /// Who waits.
    pub(crate) at: &'static Location<'static>,
}

/// What a look at the primitive has found.
pub(crate) enum Look<R> {
    /// The wait is over.
    Go(R),
    /// The waiter stands in line and will be woken; made by [`Visit::stay`], which notes why.
    Wait,
    /// As before, but its waker is missing: unlock, and look again with one.
    NeedsWaker,
}

/// A waiter while it looks: its place, and what it brings and takes along.
pub(crate) struct Visit<'a> {
    key: &'a mut Option<usize>,
    /// Who waits.
    pub(crate) at: &'static Location<'static>,
    /// Wakes the waiter; `None` if it only gets into line.
    current: Option<&'a Waker>,
    spare: &'a mut Spare,
    /// Wakers to fire once the lock is released.
    pub(crate) wakes: &'a mut Wakes,
}

impl Waiter {
    /// One that is not in line yet.
    #[inline]
    pub(crate) const fn new(at: &'static Location<'static>) -> Self {
        Self { key: None, at }
    }

    /// True if it has a place in the line.
    #[inline]
    pub(crate) fn is_in_line(&self) -> bool {
        self.key.is_some()
    }

    /// Its key, which it gives up: for the drop of its future, to take it out of the line.
    #[inline]
    pub(crate) fn leave(&mut self) -> Option<usize> {
        self.key.take()
    }

    /// Polls. `look` locks the primitive, looks, and unlocks; it may be called twice.
    #[inline]
    pub(crate) fn poll<R>(
        &mut self,
        cx: &mut Context<'_>,
        look: impl FnMut(&mut Visit<'_>) -> Look<R>,
    ) -> Poll<R> {
        self.poll_with(cx, false, look)
    }

    /// As [`poll`](Self::poll), for who has tried already and will hardly get by without waiting: it
    /// brings its waker along the first time, so that it never looks in vain.
    pub(crate) fn poll_to_wait<R>(
        &mut self,
        cx: &mut Context<'_>,
        look: impl FnMut(&mut Visit<'_>) -> Look<R>,
    ) -> Poll<R> {
        self.poll_with(cx, self.key.is_none(), look)
    }

    #[inline]
    fn poll_with<R>(
        &mut self,
        cx: &mut Context<'_>,
        brings_waker: bool,
        look: impl FnMut(&mut Visit<'_>) -> Look<R>,
    ) -> Poll<R> {
        ready!(budget::poll_proceed_at(cx, self.at));
        match self.visit(Some(cx.waker()), brings_waker, look) {
            Some(output) => {
                budget::spend();
                Poll::Ready(output)
            }
            None => Poll::Pending,
        }
    }

    /// Looks without being polled: if it has to wait it stands in line, to be polled later.
    pub(crate) fn enable<R>(&mut self, look: impl FnMut(&mut Visit<'_>) -> Look<R>) -> Option<R> {
        self.visit(None, false, look)
    }

    #[inline]
    fn visit<R>(
        &mut self,
        current: Option<&Waker>,
        brings_waker: bool,
        mut look: impl FnMut(&mut Visit<'_>) -> Look<R>,
    ) -> Option<R> {
        let Self { key, at } = self;
        let mut wakes = Wakes::new();
        let mut spare = match current {
            Some(waker) if brings_waker => Spare::of(waker),
            _ => Spare::none(),
        };
        let result = loop {
            let (spare, wakes) = (&mut spare, &mut wakes);
            let found = look(&mut Visit { key, at, current, spare, wakes });
            wakes.fire(); // before `spare` drops a waker, which may panic
            match (found, current) {
                (Look::Go(output), _) => break Some(output),
                (Look::Wait, _) => break None,
                (Look::NeedsWaker, Some(waker)) => *spare = Spare::of(waker),
                (Look::NeedsWaker, None) => unreachable!("who is not polled needs no waker"),
            }
        };
        wakes.end();
        spare.end();
        result
    }
}

impl Visit<'_> {
    /// What has happened to the waiter in its line; `None` if it is in none.
    #[inline]
    pub(crate) fn phase<P>(&self, line: &WaitList<P>) -> Option<Phase> {
        self.key.map(|key| line.phase(key))
    }

    /// The waiter's key; `None` if it is in no line.
    #[inline]
    pub(crate) fn key(&self) -> Option<usize> {
        *self.key
    }

    /// Stands in line from now on, or still does, and notes why, unless somebody else does. Here,
    /// where the reason is at hand: to carry it out of the lock would cost more than the note, and so
    /// does a call, to which it is copied whole (`fan_in` 0.95, `signal` 0.97 of the time inline).
    #[inline(always)]
    pub(crate) fn stay<P, R>(
        &mut self,
        line: &mut WaitList<P>,
        payload: P,
        reason: impl Into<Option<Reason>>,
    ) -> Look<R> {
        let Some(key) = *self.key else {
            let waker = match self.current {
                None => None,
                Some(current) => match self.spare.cloned.take() {
                    None if waiting::is_vouched(current) => Some(current.clone()),
                    None => return Look::NeedsWaker,
                    brought => brought,
                },
            };
            *self.key = Some(line.enter(waker, payload));
            return self.wait_for(reason);
        };
        match self.current.map(|current| line.renew(key, current, self.spare)) {
            None | Some(Renewed::Yes) => self.wait_for(reason),
            Some(Renewed::NeedsWaker) => Look::NeedsWaker,
        }
    }

    #[inline]
    fn wait_for<R>(&self, reason: impl Into<Option<Reason>>) -> Look<R> {
        if self.current.is_some()
            && let Some(reason) = reason.into()
        {
            waiting::note(reason, self.at);
        }
        Look::Wait
    }

    /// It was taken out of the line, and its key may be somebody else's.
    #[inline]
    pub(crate) fn forget(&mut self) {
        *self.key = None;
    }

    /// Leaves the line if it is in it. Its waker is dropped after the lock is released.
    #[inline]
    pub(crate) fn leave<P>(&mut self, line: &mut WaitList<P>) -> Option<P> {
        let Removed { payload, waker, .. } = line.remove(self.key.take()?);
        // Not copied if there is none: it was written in pieces, see `waiting::Polled`.
        if waker.is_some() {
            self.spare.replaced = waker;
        }
        Some(payload)
    }
}

shown!([] Waiter[] |this| { in_line: this.key.is_some(), at: this.at });
