//! The line in which futures wait: first come, first served.
//!
//! Plain data, to be kept under the lock of the primitive that owns it. Nothing in here wakes,
//! clones or drops a waker: those are foreign code, and the lock is held. Wakers come in already
//! cloned and go out by value, so that the owner can fire or drop them after unlocking.
//!
//! ```text
//!              enter                grant                 remove
//!   (nobody) ---------> Waiting ---------------> Granted ---------> (nobody)
//!                        |   ^                      |
//!                        |   +----- take_back ------+      back to its old place in the line
//!                        |
//!                        +--- refuse --> Refused ---------> (nobody)
//! ```
//!
//! *Granted* is the state in which such libraries have their bugs: the waiter was served and woken,
//! but has not run. What it was given is its own already, nobody else may take it; and if it is
//! dropped now, its owner must pass the grant on. `remove` tells in which state it was.
//!
//! # Why a slab
//! A waiter is a slot of a slab, named by its key, and the lines are links between slots. The other
//! way is a node inside the waiting future, linked by pointers: no slots, but `unsafe`, and futures
//! that may not move. The slab grows to the largest number of waiters there ever was and is then
//! reused, so a wait allocates nothing in steady state.
//!
//! # Why a taken-back waiter needs no waker
//! [`WaitList::grant`] gives the waker away, and [`WaitList::take_back`] puts no other in its
//! place. It was granted, so it has been woken; it still has the grant to lose, so it has not looked
//! since. A wake-up is therefore under way, and the poll it leads to either finds the waiter
//! granted again or leaves a new waker ([`WaitList::renew`]).

use std::task::Waker;

use slab::Slab;

use crate::waiting;
use crate::wakes::Wakes;

/// The key of no waiter: the end of a line.
const NONE: usize = usize::MAX;
/// A list with room for more waiters than this gives it back when the last of them leaves.
const ROOM: usize = 1024;

/// Waiters in the order of their arrival, each with a payload of the primitive's own.
#[derive(Debug)]
pub struct WaitList<P> {
    /// Every waiter, in whatever state.
    slots: Slab<Slot<P>>,
    /// Those in state `Waiting`, by arrival.
    waiting: Line,
    /// Those in state `Granted`, by the time of the grant.
    granted: Line,
    /// The next arrival's number.
    next_ticket: u64,
    /// Whose waiters are granted, roughly.
    grantees: Grantees,
}

/// What has happened to a waiter so far.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// It stands in line.
    Waiting,
    /// It was served and woken, and has not run yet.
    Granted,
    /// It was sent away and woken, and has not run yet.
    Refused,
}

/// A waiter that has left, see [`WaitList::remove`].
#[derive(Debug)]
pub struct Removed<P> {
    /// The state it left in: a granted one leaves something to pass on.
    pub phase: Phase,
    /// What it stood for.
    pub payload: P,
    /// Its waker, if it still had one. Drop it after unlocking.
    pub waker: Option<Waker>,
}

/// Wakers on their way into a list and out of it, so that none is cloned or dropped under its lock.
///
/// Make it before locking; it drops what is left in it when its own scope ends, after unlocking.
#[derive(Debug, Default)]
pub struct Spare {
    /// A clone of the current waker, to be put into the list if need be.
    pub cloned: Option<Waker>,
    /// A waker that was in the list and is not needed any more.
    pub replaced: Option<Waker>,
}

impl Spare {
    /// Brings a clone of `waker`, for a waiter that will probably need one.
    pub fn of(waker: &Waker) -> Self {
        Self { cloned: Some(waker.clone()), replaced: None }
    }

    /// Nothing, for a waiter whose waker is probably in the list already.
    pub const fn none() -> Self {
        Self { cloned: None, replaced: None }
    }

    /// Drops what is in it. By name for the same reason as [`Wakes::end`].
    #[inline]
    pub(crate) fn end(self) {
        if self.cloned.is_none() && self.replaced.is_none() {
            std::mem::forget(self);
        }
    }
}

/// Whether a waiter will be woken through the waker of its latest poll, see [`WaitList::renew`].
#[must_use = "a waiter that needs a waker and gets none is never woken"]
#[derive(Debug, PartialEq, Eq)]
pub enum Renewed {
    /// It will.
    Yes,
    /// Its waker is another one: unlock, clone the new one, and come again.
    NeedsWaker,
}

impl<P> Default for WaitList<P> {
    fn default() -> Self {
        Self::new()
    }
}

impl<P> WaitList<P> {
    /// A list without waiters; it allocates when the first one comes.
    pub const fn new() -> Self {
        Self {
            slots: Slab::new(),
            waiting: Line::EMPTY,
            granted: Line::EMPTY,
            next_ticket: 0,
            grantees: Grantees(Vec::new()),
        }
    }

    /// Puts a waiter at the end of the line and returns its key. It belongs to the current owner.
    ///
    /// Without a waker it stands in line all the same; a grant then just waits for its next poll.
    #[inline]
    pub fn enter(&mut self, waker: Option<Waker>, payload: P) -> usize {
        let ticket = self.next_ticket;
        self.next_ticket += 1;
        let links = self.waiting.end();
        let phase = Phase::Waiting;
        let owner = waiting::owner();
        let key = self.slots.insert(Slot { phase, waker, owner, ticket, links, payload });
        self.waiting.append(&mut self.slots, key);
        key
    }

    /// Makes sure that a waiter which was polled again is woken where it was polled last.
    ///
    /// Call it first with an empty `spare`; most polls come with the waker that is stored already.
    pub fn renew(&mut self, key: usize, current: &Waker, spare: &mut Spare) -> Renewed {
        let slot = &mut self.slots[key];
        let owner = waiting::owner();
        if slot.owner != owner {
            if slot.phase == Phase::Granted {
                self.grantees.remove(slot.owner);
                self.grantees.add(owner);
            }
            slot.owner = owner;
        }
        if slot.waker.as_ref().is_some_and(|stored| stored.will_wake(current)) {
            return Renewed::Yes;
        }
        let Some(cloned) = spare.cloned.take() else {
            return Renewed::NeedsWaker;
        };
        spare.replaced = slot.waker.replace(cloned);
        Renewed::Yes
    }

    /// The key of the waiter who is first in line.
    #[inline]
    pub fn first(&self) -> Option<usize> {
        key_of(self.waiting.first)
    }

    /// The keys of all who stand in line, the first one first.
    pub fn in_line(&self) -> impl Iterator<Item = usize> {
        std::iter::successors(self.first(), |key| key_of(self.slots[*key].links.behind))
    }

    /// Serves a waiter: takes it out of the line and returns the waker to fire after unlocking.
    #[inline]
    pub fn grant(&mut self, key: usize) -> Option<Waker> {
        let end = self.granted.end();
        let (waker, owner) = self.leave_line(key, Phase::Granted, end);
        self.granted.append(&mut self.slots, key);
        if self.grantees.is_small_for(self.granted.length) {
            self.count_grantees();
        } else {
            self.grantees.add(owner);
        }
        waker
    }

    /// Counts all grantees anew, with as many counters as they need and some to spare.
    #[cold]
    fn count_grantees(&mut self) {
        let counters = 2 * self.granted.length * COUNTERS_EACH;
        let counters = counters.next_power_of_two().min(MOST_COUNTERS);
        self.grantees = Grantees(vec![0; counters]);
        let mut next = self.granted.first;
        while next != NONE {
            let slot = &self.slots[next];
            self.grantees.add(slot.owner);
            next = slot.links.behind;
        }
    }

    /// Serves everybody who stands in line, in the order they came.
    pub fn grant_all(&mut self, wakes: &mut Wakes) {
        while let Some(first) = self.first() {
            wakes.push(self.grant(first));
        }
    }

    /// Sends a waiter away: takes it out of the line and returns the waker to fire after unlocking.
    pub fn refuse(&mut self, key: usize) -> Option<Waker> {
        self.leave_line(key, Phase::Refused, Links::NONE).0
    }

    /// Takes a grant back before the waiter has seen it; the waiter returns to its old place.
    pub fn take_back(&mut self, key: usize) {
        assert_eq!(self.slots[key].phase, Phase::Granted);
        self.granted.unlink(&mut self.slots, key);
        let Slot { ticket, owner, .. } = self.slots[key];
        self.grantees.remove(owner);
        // From the front: ahead of it are at most others whose grants were taken back.
        let mut ahead = NONE;
        let mut next = self.waiting.first;
        while next != NONE && self.slots[next].ticket < ticket {
            ahead = next;
            next = self.slots[next].links.behind;
        }
        self.waiting.insert_behind(&mut self.slots, ahead, key);
        self.slots[key].phase = Phase::Waiting;
    }

    /// Forgets a waiter, in whatever state it is.
    pub fn remove(&mut self, key: usize) -> Removed<P> {
        let Slot { phase, waker, payload, links, owner, .. } = self.slots.remove(key);
        match phase {
            Phase::Waiting => self.waiting.close_gap(&mut self.slots, links),
            Phase::Granted => {
                self.granted.close_gap(&mut self.slots, links);
                self.grantees.remove(owner);
            }
            Phase::Refused => {}
        }
        if self.slots.capacity() > ROOM && self.slots.is_empty() {
            self.give_room_back();
        }
        Removed { phase, payload, waker }
    }

    #[cold]
    fn give_room_back(&mut self) {
        self.slots = Slab::new();
    }

    /// The state of a waiter.
    pub fn phase(&self, key: usize) -> Phase {
        self.slots[key].phase
    }

    /// The state of a waiter that has drawn this ticket; `None` if it is gone and its key may be
    /// somebody else's.
    pub fn phase_of(&self, key: usize, ticket: u64) -> Option<Phase> {
        self.slots.get(key).filter(|slot| slot.ticket == ticket).map(|slot| slot.phase)
    }

    /// A waiter's place in the order of arrival: no two of a list have the same, ever.
    pub fn ticket(&self, key: usize) -> u64 {
        self.slots[key].ticket
    }

    /// Whose waiter it is; 0 if that is unknown.
    pub fn owner(&self, key: usize) -> u64 {
        self.slots[key].owner
    }

    /// What a waiter stands for.
    pub fn payload(&self, key: usize) -> &P {
        &self.slots[key].payload
    }

    /// What a waiter stands for, to change it.
    pub fn payload_mut(&mut self, key: usize) -> &mut P {
        &mut self.slots[key].payload
    }

    /// The waiters of one owner that were served and have not run, the latest grant first.
    ///
    /// Walks all who were served and have not run, unless it is clear that there is none of them.
    #[inline]
    pub fn granted_to(&self, owner: u64) -> impl Iterator<Item = usize> {
        let before = |key: &usize| key_of(self.slots[*key].links.before);
        let latest = if self.grantees.may_have(owner) { self.granted.last } else { NONE };
        std::iter::successors(key_of(latest), before)
            .filter(move |key| self.slots[*key].owner == owner)
    }

    /// How many stand in line.
    pub fn waiting(&self) -> usize {
        self.waiting.length
    }

    /// How many were served and have not run.
    pub fn granted(&self) -> usize {
        self.granted.length
    }

    /// Takes a waiter out of the line into another state, with other links; its waker and its owner.
    #[inline]
    fn leave_line(&mut self, key: usize, phase: Phase, links: Links) -> (Option<Waker>, u64) {
        let slot = &mut self.slots[key]; // looked up once: this is done for each who waits
        assert_eq!(slot.phase, Phase::Waiting, "only who stands in line is served");
        slot.phase = phase;
        let gap = std::mem::replace(&mut slot.links, links);
        let left = (slot.waker.take(), slot.owner);
        self.waiting.close_gap(&mut self.slots, gap);
        left
    }
}

/// One waiter.
#[derive(Debug)]
struct Slot<P> {
    /// What has happened to it; says which line it is in.
    phase: Phase,
    /// Wakes it; gone once fired.
    waker: Option<Waker>,
    /// Who polled it last, see [`waiting::owner`].
    owner: u64,
    /// Its place in the order of arrival.
    ticket: u64,
    /// Its neighbours in its line.
    links: Links,
    /// What it stands for.
    payload: P,
}

/// The neighbours of a waiter.
#[derive(Clone, Copy, Debug)]
struct Links {
    before: usize,
    behind: usize,
}

impl Links {
    const NONE: Links = Links { before: NONE, behind: NONE };
}

/// A doubly linked line through the slots.
#[derive(Debug)]
struct Line {
    first: usize,
    last: usize,
    length: usize,
}

impl Line {
    const EMPTY: Line = Line { first: NONE, last: NONE, length: 0 };

    /// Puts `key` behind `ahead`; in front of all if that is `NONE`.
    fn insert_behind<P>(&mut self, slots: &mut Slab<Slot<P>>, ahead: usize, key: usize) {
        let behind = if ahead == NONE { self.first } else { slots[ahead].links.behind };
        slots[key].links = Links { before: ahead, behind };
        self.join(slots, ahead, key);
        self.join(slots, key, behind);
        self.length += 1;
    }

    /// The links of who comes next.
    #[inline]
    fn end(&self) -> Links {
        Links { before: self.last, behind: NONE }
    }

    /// Puts `key`, which has the links for it, at the end.
    #[inline]
    fn append<P>(&mut self, slots: &mut Slab<Slot<P>>, key: usize) {
        match self.last {
            NONE => self.first = key,
            last => slots[last].links.behind = key,
        }
        self.last = key;
        self.length += 1;
    }

    #[inline]
    fn unlink<P>(&mut self, slots: &mut Slab<Slot<P>>, key: usize) {
        let links = slots[key].links;
        self.close_gap(slots, links);
    }

    /// Joins the neighbours of one who has left.
    #[inline]
    fn close_gap<P>(&mut self, slots: &mut Slab<Slot<P>>, gap: Links) {
        self.join(slots, gap.before, gap.behind);
        self.length -= 1;
    }

    /// Makes two slots neighbours; `NONE` is the end of the line on that side.
    #[inline]
    fn join<P>(&mut self, slots: &mut Slab<Slot<P>>, before: usize, behind: usize) {
        match before {
            NONE => self.first = behind,
            key => slots[key].links.behind = behind,
        }
        match behind {
            NONE => self.last = before,
            key => slots[key].links.before = before,
        }
    }
}

/// So many granted waiters are walked through faster than counted.
const FEW: usize = 2;
/// Counters for each granted waiter, so that two owners seldom share one.
const COUNTERS_EACH: usize = 8;
/// A page of counters, however many are granted: who sets an event off for a million asks for nobody.
const MOST_COUNTERS: usize = 4096;

/// How many granted waiters there are of all the owners that share a counter. Somebody who asks for
/// his own mostly has none, and then need not walk through those of all others.
///
/// The counters are a power of two, and none at first.
#[derive(Debug)]
struct Grantees(Vec<u8>);

impl Grantees {
    #[inline]
    fn counter(&mut self, owner: u64) -> Option<&mut u8> {
        let mask = self.0.len().wrapping_sub(1);
        self.0.get_mut(owner as usize & mask)
    }

    #[inline]
    fn add(&mut self, owner: u64) {
        if let Some(count) = self.counter(owner) {
            *count = count.saturating_add(1);
        }
    }

    /// A counter that was full stays so: it has lost count.
    #[inline]
    fn remove(&mut self, owner: u64) {
        if let Some(count) = self.counter(owner) {
            *count -= u8::from(*count < u8::MAX);
        }
    }

    #[inline]
    fn may_have(&self, owner: u64) -> bool {
        let mask = self.0.len().wrapping_sub(1);
        self.0.get(owner as usize & mask).is_none_or(|count| *count > 0)
    }

    /// True if there are too few counters for so many granted waiters.
    #[inline]
    fn is_small_for(&self, granted: usize) -> bool {
        granted > FEW && (granted * COUNTERS_EACH).min(MOST_COUNTERS) > self.0.len()
    }
}

fn key_of(link: usize) -> Option<usize> {
    (link != NONE).then_some(link)
}

#[cfg(test)]
mod tests;
