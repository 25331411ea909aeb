//! The engine: who has which place, and whose item it is. Everything is under one lock.
//!
//! A place is *taken* by an item, by a slot, or by a putter who was granted it and has not run yet;
//! an item is *kept* if a getter was granted it and has not run yet. Which item that will be is
//! decided when he runs: the first one then. Two rules follow from [`State::serve`], which whoever
//! frees a place, adds an item or takes a waiter out calls before it unlocks:
//!
//! - if a putter stands in line, all places are taken;
//! - if a getter stands in line, all items are kept.
//!
//! So a newcomer who finds a free place, or an item that is not kept, overtakes nobody.
//!
//! After a shutdown there are no putters. Getters stand in line for as long as items are kept for
//! others: if one of those is dropped, the item is still taken by somebody who wants it.

use std::marker::PhantomData;
use std::mem;

use super::{Stats, Store};
use crate::error::{TryGetError, TryPutError};
use crate::shim::Mutex;
use crate::wait_list::{Phase, WaitList};
use crate::waiter::{Look, Visit};
use crate::waiting::{self, Reason};
use crate::wakes::{self, Wakes};

/// An empty queue with room for more items than this does not keep it.
const ROOM: usize = 1024;

/// What all handles of a queue share.
pub(super) struct Shared<T, S>(Mutex<State<T, S>>);

impl<T, S: Store<T>> Shared<T, S> {
    pub(super) fn new(capacity: usize) -> Self {
        Self(Mutex::new(State {
            store: S::default(),
            capacity,
            slots: 0,
            jobs: 0,
            high_water: 0,
            unfinished: 0,
            getters: WaitList::new(),
            putters: WaitList::new(),
            joiners: WaitList::new(),
            producers: 0,
            consumers: 0,
            shut: false,
            items: PhantomData,
        }))
    }

    /// Locks, acts, unlocks, and fires what the act has woken.
    #[inline]
    pub(super) fn with<R>(&self, act: impl FnOnce(&mut State<T, S>, &mut Wakes) -> R) -> R {
        wakes::collect(|wakes| act(&mut self.0.lock(), wakes))
    }

    /// A look of a waiter: locks, looks, unlocks; the waiter fires.
    #[inline]
    pub(super) fn look<R>(&self, look: impl FnOnce(&mut State<T, S>) -> Look<R>) -> Look<R> {
        look(&mut self.0.lock())
    }
}

/// What the lock guards.
pub(super) struct State<T, S> {
    /// The items.
    store: S,
    /// How many places there are; `usize::MAX` if they are not counted.
    capacity: usize,
    /// Places that were given away as slots and are not filled yet.
    slots: usize,
    /// Items that are out as jobs: each marks one as done when it ends.
    jobs: usize,
    /// The most items there ever were.
    high_water: usize,
    /// Items that were put and not marked as done. Not beside `slots`: the two would be changed by
    /// one wide instruction, which waits for the narrow store of a moment before.
    unfinished: usize,
    /// Who waits for an item.
    getters: WaitList<()>,
    /// Who waits for a place.
    putters: WaitList<()>,
    /// Who waits until nothing is unfinished.
    joiners: WaitList<()>,
    /// Handles that can put, slots included.
    producers: usize,
    /// Handles that can get.
    consumers: usize,
    /// Nothing more is put.
    shut: bool,
    /// The store holds them.
    items: PhantomData<fn() -> T>,
}

/// The lines of a queue.
#[derive(Clone, Copy, Debug)]
pub(super) enum Line {
    Getters,
    Putters,
    Joiners,
}

impl<T, S: Store<T>> State<T, S> {
    /// Looks whether a putter may have a place. True if it has one now, as a slot; false if the
    /// queue is shut down.
    #[inline]
    pub(super) fn look_for_place(&mut self, visit: &mut Visit<'_>) -> Look<bool> {
        let found = match visit.phase(&self.putters) {
            Some(Phase::Granted) if !self.shut => {
                self.slots += 1;
                Ok(())
            }
            _ => self.try_reserve(),
        };
        if let Err(TryPutError::Full(())) = found {
            let reason = Reason::QueuePut { used: self.used(), capacity: self.capacity };
            return visit.stay(&mut self.putters, (), reason);
        }
        visit.leave(&mut self.putters);
        Look::Go(found.is_ok())
    }

    /// As [`look_for_place`](Self::look_for_place), for a slot that is given out.
    pub(super) fn look_for_slot(&mut self, visit: &mut Visit<'_>) -> Look<bool> {
        let found = self.look_for_place(visit);
        if let Look::Go(true) = found {
            self.count_in(true, false);
        }
        found
    }

    /// Looks whether a getter may have an item; none if the queue has come to its end.
    #[inline]
    pub(super) fn look_for_item(&mut self, visit: &mut Visit<'_>) -> Look<Option<T>> {
        let found = match visit.phase(&self.getters) {
            Some(Phase::Granted) if self.store.count() > 0 => Ok(self.take(visit.wakes)),
            _ => self.try_take(visit.wakes),
        };
        if let Err(TryGetError::Empty) = found {
            return visit.stay(&mut self.getters, (), Reason::QueueGet);
        }
        visit.leave(&mut self.getters);
        Look::Go(found.ok())
    }

    /// As [`look_for_item`](Self::look_for_item), for an item that goes out as a job.
    pub(super) fn look_for_job(&mut self, visit: &mut Visit<'_>) -> Look<Option<T>> {
        let found = self.look_for_item(visit);
        if let Look::Go(Some(_)) = found {
            self.begin_job();
        }
        found
    }

    /// Looks whether nothing is unfinished, or was so since the joiner came.
    pub(super) fn look_for_end(&mut self, visit: &mut Visit<'_>) -> Look<()> {
        if self.unfinished > 0 && visit.phase(&self.joiners) != Some(Phase::Granted) {
            let reason = Reason::QueueJoin { unfinished: self.unfinished };
            return visit.stay(&mut self.joiners, (), reason);
        }
        visit.leave(&mut self.joiners);
        Look::Go(())
    }

    /// Takes a place as a slot, if one is free or was granted to a putter of the same owner.
    #[inline]
    pub(super) fn try_reserve(&mut self) -> Result<(), TryPutError<()>> {
        if self.shut {
            return Err(TryPutError::ShutDown(()));
        }
        if !self.has_room() && !borrow(&mut self.putters) {
            return Err(TryPutError::Full(()));
        }
        self.slots += 1;
        Ok(())
    }

    /// Takes an item, if there is one that is kept for nobody, or for a getter of the same owner.
    #[inline]
    pub(super) fn try_take(&mut self, wakes: &mut Wakes) -> Result<T, TryGetError> {
        let count = self.store.count();
        if count == 0 && self.shut {
            return Err(TryGetError::ShutDown);
        }
        if count == 0 && self.store.room() > ROOM {
            self.give_room_back();
        }
        if count == 0 || (count == self.getters.granted() && !borrow(&mut self.getters)) {
            return Err(TryGetError::Empty);
        }
        Ok(self.take(wakes))
    }

    /// Puts an item into the place of a slot. Not after a shutdown.
    #[inline]
    pub(super) fn fill(&mut self, item: T, wakes: &mut Wakes) {
        self.slots -= 1;
        self.unfinished += 1;
        self.store.push(item);
        self.high_water = self.high_water.max(self.store.count());
        self.serve(wakes);
    }

    /// Gives the place of a slot up.
    pub(super) fn vacate(&mut self, wakes: &mut Wakes) {
        self.slots -= 1;
        self.serve(wakes);
    }

    /// Marks so many items as done, or as many as are unfinished.
    pub(super) fn finish(&mut self, items: usize, wakes: &mut Wakes) {
        self.unfinished = self.unfinished.saturating_sub(items);
        if self.unfinished == 0 {
            self.joiners.grant_all(wakes);
        }
    }

    /// Counts an item that goes out as a job.
    pub(super) fn begin_job(&mut self) {
        self.jobs += 1;
    }

    /// Marks the item of a job as done.
    pub(super) fn finish_job(&mut self, wakes: &mut Wakes) {
        self.jobs -= 1;
        self.finish(1, wakes);
    }

    /// Lets nothing more in.
    pub(super) fn shut_down(&mut self, wakes: &mut Wakes) {
        self.shut = true;
        self.serve(wakes);
    }

    /// Lets nothing more in, and gives all items out, to be used or dropped after unlocking.
    pub(super) fn shut_down_now(&mut self, wakes: &mut Wakes) -> S {
        let store = mem::take(&mut self.store);
        self.finish(store.count(), wakes);
        self.shut_down(wakes);
        store
    }

    /// True if nothing more is let in.
    pub(super) fn is_shut_down(&self) -> bool {
        self.shut
    }

    /// True if nothing is unfinished.
    pub(super) fn is_finished(&self) -> bool {
        self.unfinished == 0
    }

    /// Counts a new handle.
    pub(super) fn count_in(&mut self, puts: bool, gets: bool) {
        self.producers += usize::from(puts);
        self.consumers += usize::from(gets);
    }

    /// Counts a handle that goes. With the last one of its kind the queue comes to its end; what is
    /// returned is to be dropped after unlocking.
    pub(super) fn count_out(&mut self, puts: bool, gets: bool, wakes: &mut Wakes) -> Option<S> {
        self.producers -= usize::from(puts);
        self.consumers -= usize::from(gets);
        if gets && self.consumers == 0 {
            let store = self.shut_down_now(wakes);
            // What was taken without a job will not be marked as done: nobody is left to do it.
            self.finish(self.unfinished.saturating_sub(self.jobs), wakes);
            return Some(store);
        }
        if puts && self.producers == 0 {
            self.shut_down(wakes);
        }
        None
    }

    /// The line of that name.
    pub(super) fn line(&mut self, line: Line) -> &mut WaitList<()> {
        match line {
            Line::Getters => &mut self.getters,
            Line::Putters => &mut self.putters,
            Line::Joiners => &mut self.joiners,
        }
    }

    /// Grants what is free to those who stand in line, and sends away who waits in vain.
    #[inline]
    pub(super) fn serve(&mut self, wakes: &mut Wakes) {
        while let Some(first) = self.getters.first()
            && self.getters.granted() < self.store.count()
        {
            wakes.push(self.getters.grant(first));
        }
        if self.shut {
            return self.refuse(wakes);
        }
        while let Some(first) = self.putters.first()
            && self.has_room()
        {
            wakes.push(self.putters.grant(first));
        }
    }

    /// The figures of this moment.
    pub(super) fn stats(&self) -> Stats {
        Stats {
            capacity: (self.capacity < usize::MAX).then_some(self.capacity),
            len: self.store.count(),
            kept: self.getters.granted().min(self.store.count()),
            used: self.used(),
            high_water: self.high_water,
            unfinished: self.unfinished,
            waiting_getters: self.getters.waiting(),
            waiting_putters: self.putters.waiting(),
            waiting_joiners: self.joiners.waiting(),
            producers: self.producers,
            consumers: self.consumers,
            is_shut_down: self.shut,
        }
    }

    /// Takes the item whose turn it is, and lets the next putter have its place.
    #[inline]
    fn take(&mut self, wakes: &mut Wakes) -> T {
        let item = self.store.pop().expect("the caller has counted the items");
        self.serve(wakes);
        item
    }

    #[inline]
    fn has_room(&self) -> bool {
        self.used() < self.capacity
    }

    #[inline]
    fn used(&self) -> usize {
        self.store.count() + self.slots + self.putters.granted()
    }

    /// A burst is over: whoever finds the queue empty frees what it has taken.
    #[cold]
    fn give_room_back(&mut self) {
        self.store = S::default();
    }

    /// Sends away those for whom a queue that is shut down has nothing any more.
    #[cold]
    fn refuse(&mut self, wakes: &mut Wakes) {
        while let Some(first) = self.putters.first() {
            wakes.push(self.putters.refuse(first));
        }
        while let Some(first) = self.getters.first()
            && self.store.count() == 0
        {
            wakes.push(self.getters.refuse(first));
        }
    }
}

/// Takes back what was granted to a waiter of the current owner that has not run yet; the waiter is
/// then first in line again. Without it, a task that keeps a waiting future aside and asks again in
/// another branch would wait for itself.
#[inline]
fn borrow(line: &mut WaitList<()>) -> bool {
    let owner = waiting::owner();
    if owner == 0 || line.granted() == 0 {
        return false;
    }
    let latest = line.granted_to(owner).next();
    latest.inspect(|key| line.take_back(*key)).is_some()
}
