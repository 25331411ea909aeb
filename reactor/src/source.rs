//! One socket as the reactor sees it, and the table of all of them.
//!
//! A [`Source`] joins a [`Readiness`] word with the wakers that wait for it. It knows nothing of
//! sockets or of the poller, so the models drive it as it is.
//!
//! # Waiters
//!
//! Any number of futures may wait for one direction of one source (several tasks that write to one
//! connection, several acceptors). Each has a *place* in a short list, which it gives up when it
//! is dropped. The `poll_*` methods have no future to remember a place in, so each direction has
//! one place for them: the last waker wins, as everywhere with `poll_*`.
//!
//! An edge wakes all waiters of its direction. Waking one only would be cheaper and wrong: the one
//! may be dropped before it runs, and the edge will not come again.
//!
//! An edge *moves* the wakers out. Keeping them for the next wait would save nothing, since a waker
//! may not run under the lock and would have to be cloned to leave it; and a stored waker keeps a
//! finished task's memory, and hides that a task can never be woken again.
//!
//! # The protocol
//!
//! Waiter: under the lock, (1) store the waker, (2) set the waiting bit. Reactor: (3) write the
//! edge, which takes the waiting bit; if it was set, (4) lock and take the wakers. If 2 comes before
//! 3, then 4 locks after the waiter has unlocked and finds the waker. If 3 comes before 2, the
//! waiter sees the edge, takes its waker back and does not wait.
//!
//! From this follows the short way out of [`Source::leave`]: whoever clears a waiting bit takes all
//! wakers of that direction afterwards. So a waiter that finds the bit clear has no waker left
//! here, or one that is being taken at this moment, and need not lock.

use std::task::Waker;

use slab::Slab;
use windlass_sync::shim::{Arc, Mutex};
use windlass_sync::wakes::Wakes;

use crate::readiness::{Direction, Edge, OnWait, Readiness, Snapshot};

/// A token's lower half is the slot, its upper half the generation.
const SLOT_BITS: u32 = usize::BITS / 2;
const SLOT_MASK: usize = (1 << SLOT_BITS) - 1;

/// A place in the list of a source's waiters.
///
/// It belongs to one future and one direction. The future gives it up with [`Source::leave`].
#[derive(Debug, Default)]
pub struct Place(Option<u64>);

/// The places of the `poll_*` methods; those of futures come after.
const FIRST_FREE: u64 = 2;

impl Place {
    /// No place yet: the first wait gives one.
    pub const fn new() -> Place {
        Place(None)
    }

    /// The one place that all `poll_*` calls of a direction share.
    pub const fn shared(direction: Direction) -> Place {
        match direction {
            Direction::Read => Place(Some(0)),
            Direction::Write => Place(Some(1)),
        }
    }
}

/// One socket.
#[derive(Debug)]
pub struct Source {
    /// How the poller names it.
    token: usize,
    /// What is known, and whether anybody waits.
    readiness: Readiness,
    /// Who waits.
    waiters: Mutex<Waiters>,
}

impl Source {
    /// A source outside any table.
    pub fn new(token: usize, hope: Edge) -> Source {
        let waiters = Waiters { next: FIRST_FREE, list: Vec::new() };
        Source { token, readiness: Readiness::new(hope), waiters: Mutex::new(waiters) }
    }

    /// How the poller names it.
    pub fn token(&self) -> usize {
        self.token
    }

    /// Its slot in the table: a small number for people.
    pub fn slot(&self) -> usize {
        self.token & SLOT_MASK
    }

    /// What is known now.
    #[inline]
    pub fn observe(&self) -> Snapshot {
        self.readiness.observe()
    }

    /// Strikes readiness out, unless an edge has come since.
    pub fn clear(&self, seen: Snapshot, direction: Direction) {
        self.readiness.clear(seen, direction);
    }

    /// An edge has come: collects the wakers to fire once no lock is held.
    pub fn event(&self, edge: Edge, wakes: &mut Wakes) {
        let woken = self.readiness.event(edge);
        if !woken.is_empty() {
            self.waiters.lock().take_all(|direction| woken.includes(direction), wakes);
        }
    }

    /// The reactor closes: collects every waker.
    pub fn close(&self, wakes: &mut Wakes) {
        let woken = self.readiness.close();
        if !woken.is_empty() {
            self.waiters.lock().take_all(|direction| woken.includes(direction), wakes);
        }
    }

    /// Waits for the next edge in a direction, unless it has come.
    pub fn wait(&self, direction: Direction, place: &mut Place, waker: &Waker) -> OnWait {
        // Cloning and dropping wakers runs foreign code: neither is done under the lock.
        let mut fresh = place.0.is_none().then(|| waker.clone());
        loop {
            let mut waiters = self.waiters.lock();
            let known = waiters.would_wake(place, waker);
            if !known && fresh.is_none() {
                drop(waiters);
                fresh = Some(waker.clone());
                continue;
            }
            let replaced = if known { None } else { waiters.put(place, direction, fresh.take()) };
            let answer = self.readiness.wait(direction);
            let unused = match answer {
                OnWait::Wait => None,
                OnWait::Ready(_) => waiters.remove(place),
            };
            drop(waiters);
            drop((replaced, unused, fresh));
            return answer;
        }
    }

    /// Gives a place up. Costs one load if the waiter has been woken.
    pub fn leave(&self, direction: Direction, place: &mut Place) {
        let given_up = Place(place.0.take());
        if given_up.0.is_none() || !self.readiness.observe().is_awaited(direction) {
            return;
        }
        let waiter = self.waiters.lock().remove(&given_up);
        drop(waiter); // after the lock: dropping a waker may drop a task
    }
}

/// The list behind the lock.
#[derive(Debug)]
struct Waiters {
    /// The next place to give.
    next: u64,
    /// First come, first woken. Short: nearly always one or two.
    list: Vec<Waiter>,
}

#[derive(Debug)]
struct Waiter {
    place: u64,
    direction: Direction,
    waker: Waker,
}

impl Waiters {
    fn find(&self, place: &Place) -> Option<usize> {
        let place = place.0?;
        self.list.iter().position(|waiter| waiter.place == place)
    }

    fn would_wake(&self, place: &Place, waker: &Waker) -> bool {
        self.find(place).is_some_and(|at| self.list[at].waker.will_wake(waker))
    }

    /// Stores a waker; returns the one it replaces, to be dropped after unlocking.
    fn put(
        &mut self,
        place: &mut Place,
        direction: Direction,
        waker: Option<Waker>,
    ) -> Option<Waker> {
        let waker = waker.expect("a waker was cloned before the lock was taken");
        if let Some(at) = self.find(place) {
            return Some(std::mem::replace(&mut self.list[at].waker, waker));
        }
        let place = *place.0.get_or_insert_with(|| {
            self.next += 1;
            self.next - 1
        });
        self.list.push(Waiter { place, direction, waker });
        None
    }

    fn remove(&mut self, place: &Place) -> Option<Waiter> {
        self.find(place).map(|at| self.list.remove(at))
    }

    fn take_all(&mut self, wanted: impl Fn(Direction) -> bool, wakes: &mut Wakes) {
        for waiter in self.list.extract_if(.., |waiter| wanted(waiter.direction)) {
            wakes.push(waiter.waker);
        }
    }
}

/// Every source of a reactor, by token.
///
/// Slots are used again, generations are not: an event that is still under way for a source that
/// has gone finds another generation in its slot, and is dropped.
#[derive(Debug, Default)]
pub struct Sources {
    slots: Slab<Arc<Source>>,
    /// The next generation.
    generation: usize,
    /// No source can be added any more.
    closed: bool,
}

impl Sources {
    /// An empty table.
    pub fn new() -> Sources {
        Sources::default()
    }

    /// Adds a source; `None` once the table is closed.
    pub fn insert(&mut self, hope: Edge) -> Option<Arc<Source>> {
        if self.closed {
            return None;
        }
        let slot = self.slots.vacant_entry();
        // The upper half of the word: old bits fall off its top, so the generation wraps.
        let token = self.generation << SLOT_BITS | slot.key();
        self.generation = self.generation.wrapping_add(1);
        let source = Arc::new(Source::new(token, hope));
        slot.insert(source.clone());
        Some(source)
    }

    /// The source that a token names, if it is still there.
    pub fn get(&self, token: usize) -> Option<&Arc<Source>> {
        self.slots.get(token & SLOT_MASK).filter(|source| source.token == token)
    }

    /// Takes a source out. Drop what is returned with no lock held.
    pub fn remove(&mut self, token: usize) -> Option<Arc<Source>> {
        self.get(token)?;
        self.slots.try_remove(token & SLOT_MASK)
    }

    /// Lets nobody in any more, and lists who is inside.
    pub fn close(&mut self) -> Vec<Arc<Source>> {
        self.closed = true;
        self.slots.iter().map(|(_, source)| source.clone()).collect()
    }

    /// How many sources there are.
    pub fn len(&self) -> usize {
        self.slots.len()
    }

    /// True if there is none.
    pub fn is_empty(&self) -> bool {
        self.slots.is_empty()
    }
}
