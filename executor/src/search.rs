//! Finding work elsewhere: in the injector, and in the other workers' queues.
//!
//! A worker that searches is counted in the idle word, so that nobody is woken to do the same. No worker
//! begins a search of its own while half of them search. When the last searcher finds something it sends
//! another worker out in its place, see [`crate::idle`].

use windlass_sync::shim::hint;

use crate::deque::insist;
use crate::run_queue::BATCH;
use crate::task::Runnable;
use crate::worker::Worker;

/// Passes over the other workers before a searcher gives up; a few microseconds in all.
const SEARCH_PASSES: u32 = 4;
/// Pauses between two such passes.
const SEARCH_SPINS: u32 = 32;

impl Worker {
    /// Looks for work in the other workers' queues.
    pub(crate) fn search(&self) -> Option<Runnable> {
        let idle = &self.shared.idle;
        if self.shared.seats.len() == 1 {
            return None;
        }
        if !self.searching.get() {
            if !idle.begin_search() {
                return None;
            }
            self.searching.set(true);
        }
        for pass in 0..SEARCH_PASSES {
            if let Some(task) = self.steal() {
                self.counters().steals.add(1);
                self.found_by_pace();
                return Some(task);
            }
            if let Some(task) = self.take_injected() {
                return Some(task);
            }
            // Nobody is there who could make work.
            if idle.awake() <= 1 {
                return None;
            }
            if pass + 1 < SEARCH_PASSES {
                (0..SEARCH_SPINS).for_each(|_| hint::spin_loop());
            }
        }
        None
    }

    /// One pass over the others, each time from another one on.
    fn steal(&self) -> Option<Runnable> {
        let seats = &self.shared.seats;
        let start = self.next_victim.get();
        self.next_victim.set(start.wrapping_add(1));
        let victims = (0..seats.len()).map(|offset| (start + offset) % seats.len());
        victims
            .filter(|victim| *victim != self.seat && self.shared.is_worth_a_theft(*victim))
            .find_map(|victim| seats[victim].queue.steal_into(&self.queue))
    }

    /// Moves the injected tasks behind the queued ones: a single worker keeps tasks in their order.
    pub(crate) fn queue_injected(&self) {
        for _ in 0..self.shared.injector.len() {
            let Some(task) = insist(|| self.shared.injector.steal()) else { return };
            self.queue.push(task);
        }
    }

    /// Work was found: a searcher stops searching, and the last one sends another out in its place
    /// if there is more than it can run at once, here or elsewhere.
    fn found(&self, more_here: bool) {
        if self.searching.take()
            && self.shared.idle.end_search()
            && (more_here || self.shared.has_work_beside(self.seat))
        {
            self.wake_one();
        }
    }

    /// As `found`, for work that its worker would have called nobody for if it were not much.
    pub(crate) fn found_by_pace(&self) {
        self.found(self.my_seat().pace.shares(self.queue.len()) > 0);
    }

    /// Gives up being a searcher, when the seat is left.
    pub(crate) fn stop_searching(&self) {
        if self.searching.take() && self.shared.idle.end_search() && self.shared.has_work() {
            self.wake_one();
        }
    }

    pub(crate) fn wake_one(&self) {
        self.rouse(self.shared.idle.notify());
    }

    /// Unparks the seat that was taken out of its bed, if any.
    pub(crate) fn rouse(&self, seat: Option<usize>) {
        if let Some(seat) = seat {
            self.counters().wakes.add(1);
            self.shared.unpark(seat);
        }
    }

    /// A task from the injector, with a share of what is behind it.
    pub(crate) fn take_injected(&self) -> Option<Runnable> {
        let injector = &self.shared.injector;
        if injector.is_empty() {
            return None;
        }
        // A worker that has work takes one, out of turn; one that has none a share, so that
        // one worker does not carry the whole load away.
        let share = (injector.len() / self.shared.seats.len() + 1).min(BATCH);
        let task = if self.queue.is_empty() && share > 1 {
            insist(|| injector.steal_batch_with_limit_and_pop(self.queue.deque(), share))
        } else {
            insist(|| injector.steal())
        }?;
        self.counters().injector.add(1);
        self.found(!self.queue.is_empty());
        Some(task)
    }
}
