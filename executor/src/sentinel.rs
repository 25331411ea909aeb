//! The sentinel: what a sleeper does for those who are stuck.
//!
//! While somebody runs, one of the sleepers ([`crate::idle`] says which) is the sentinel and wakes every
//! [`WATCH`]. It fires the overdue timers of workers that are busy, takes the driver if nobody waits for
//! events, steals what is [worth it](crate::pace) from their queues and, if it has met somebody at work,
//! looks a second time after a `DOUBT`. From a worker that has polled nothing in between it takes
//! whatever is there, the task in its slot too; from then on it is on time for the timers of such a
//! worker. So a task that blocks its worker stops neither timers, nor sockets, nor its neighbours for
//! longer than the two together.
//!
//! What it finds out are hints: counters and lengths that their owners go on changing. What it takes, it
//! takes as any thief does.
//!
//! ```text
//!        first look   second        first look
//!   ---------|----------|---------------|---      at work at the first: a DOUBT to the second
//!      WATCH    DOUBT         WATCH               nobody at work: a WATCH to the next
//! ```

use std::cell::{Cell, RefCell};
use std::time::{Duration, Instant};

use crate::task::slot::Glance;
use crate::worker::Worker;

/// How long the sentinel sleeps between two looks; with `DOUBT`, the delay that a stuck worker can
/// cause.
pub const WATCH: Duration = Duration::from_millis(7);
/// How soon the sentinel looks again when it has met somebody at work. A poll that takes so long is
/// longer than what a theft costs by far.
const DOUBT: Duration = Duration::from_micros(250);

/// What the sentinel saw of another worker at its last look.
#[derive(Clone, Copy, Default)]
pub(crate) struct Seen {
    polls: u64,
    slot: Option<Glance>,
}

/// A worker's part as the sentinel; it keeps it while another one is.
pub(crate) struct Sentinel {
    /// When it looks next.
    ends: Cell<Instant>,
    /// Its last look met somebody at work, and the next one is to tell whether that is stuck.
    doubting: Cell<bool>,
    /// All polls of all workers when it was asked last.
    polls: Cell<u64>,
    /// What it saw of each of them when it looked last.
    seen: RefCell<Vec<Seen>>,
    /// A bit for each seat that was stuck then.
    stuck: Cell<u64>,
}

impl Sentinel {
    /// One that has not looked yet.
    pub(crate) fn new(now: Instant) -> Self {
        Self {
            ends: Cell::new(now),
            doubting: Cell::new(false),
            polls: Cell::new(0),
            seen: RefCell::default(),
            stuck: Cell::new(0),
        }
    }

    /// When it looks next.
    pub(crate) fn ends(&self) -> Instant {
        self.ends.get()
    }

    /// True if its next look is a second one.
    pub(crate) fn is_doubting(&self) -> bool {
        self.doubting.get()
    }

    /// True if its last look is so long ago that a new watch begins: what it doubted then says nothing.
    fn begins_anew(&self, now: Instant) -> bool {
        let anew = self.ends.get() + WATCH < now;
        if anew {
            self.doubting.set(false);
        }
        anew
    }

    /// Sets the time of the next look: soon after a first one that has met somebody at work.
    fn look_again(&self, now: Instant, at_work: bool) {
        let doubting = at_work && !self.doubting.get();
        self.doubting.set(doubting);
        self.ends.set(now + if doubting { DOUBT } else { WATCH });
    }
}

impl Worker {
    /// A watch goes on where the last one was interrupted: a worker whose timers never let it sleep
    /// for long must look after the others all the same. A new one begins with a look, so that the
    /// next one knows who has been stuck; true if there is something to do already.
    pub(crate) fn begin_watch(&self) -> bool {
        self.sentinel.begins_anew(Instant::now()) && self.free_the_stuck()
    }

    /// True if anybody has polled since it was asked last. A sentinel that went to bed between two
    /// requests would be called again for the next, and that at the expense of the request.
    pub(crate) fn has_seen_polls(&self) -> bool {
        let polls: u64 = self.shared.seats.iter().map(|seat| seat.counters.polls.get()).sum();
        self.sentinel.polls.replace(polls) != polls
    }

    /// The sentinel's look; true if there is something for it to do.
    pub(crate) fn look_after_others(&self, driving: bool) -> bool {
        self.counters().watches.add(1);
        if !driving && self.shared.helm.is_free_for(self.seat) {
            self.sentinel.look_again(Instant::now(), false);
            return true; // nobody waits for events: park again, in the reactor
        }
        let freed = self.free_the_stuck();
        self.fire_timers_of_others() > 0 || self.shared.has_work() || freed
    }

    /// Finds out who has polled nothing since it was asked last, and takes what lies there; true if
    /// there was anything. If others are at work, it must be asked again soon, but not for ever.
    fn free_the_stuck(&self) -> bool {
        let (mut found, mut stuck, mut at_work) = (false, 0, false);
        let mut seen = self.sentinel.seen.borrow_mut();
        seen.resize(self.shared.seats.len(), Seen::default());
        for (index, seat) in self.shared.seats.iter().enumerate() {
            if index == self.seat || self.shared.idle.is_deserted(index) {
                continue;
            }
            let now = Seen { polls: seat.counters.polls.get(), slot: seat.queue.glance() };
            let before = std::mem::replace(&mut seen[index], now);
            if before.polls != now.polls {
                at_work = true;
                continue;
            }
            stuck |= 1 << index;
            if !seat.queue.is_empty() {
                seat.pace.doubt();
                found = true;
            }
            // Not one that came into the slot a moment ago.
            if let Some(slot) = now.slot
                && before.slot == now.slot
                && let Some(task) = seat.queue.take_slot(slot)
            {
                self.queue.push(task);
                found = true;
            }
        }
        self.sentinel.stuck.set(stuck);
        self.sentinel.look_again(Instant::now(), at_work);
        found
    }

    /// The seats that were stuck at the last look and have not been left since, for sleep or for good.
    /// This worker is on time for their timers, too.
    pub(crate) fn stuck(&self) -> impl Iterator<Item = usize> {
        let stuck = self.sentinel.stuck.get();
        let bits = (u64::BITS - stuck.leading_zeros()) as usize;
        (0..bits).filter(move |seat| stuck >> seat & 1 == 1 && !self.shared.idle.is_deserted(*seat))
    }

    /// Fires what is overdue in the shards of workers that are busy, and of a vacant seat.
    fn fire_timers_of_others(&self) -> usize {
        let (shared, now_ns) = (&self.shared, self.shared.clock.now_ns());
        let is_awake =
            |shard: &usize| *shard >= shared.seats.len() || !shared.idle.is_parked(*shard);
        let shards = (0..=shared.timers.foreign()).filter(is_awake);
        shards.map(|shard| self.fire_shard(shard, now_ns)).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_second_look_comes_soon_while_somebody_is_at_work_and_none_while_nobody_is() {
        let now = Instant::now();
        let sentinel = Sentinel::new(now);
        for expected in [DOUBT, WATCH, DOUBT, WATCH] {
            sentinel.look_again(now, true);
            assert_eq!(sentinel.ends() - now, expected);
            assert_eq!(sentinel.is_doubting(), expected == DOUBT);
        }
        for _ in 0..2 {
            sentinel.look_again(now, false);
            assert_eq!((sentinel.ends() - now, sentinel.is_doubting()), (WATCH, false));
        }
    }

    #[test]
    fn a_doubt_that_was_interrupted_goes_on_or_is_forgotten_with_its_watch() {
        let now = Instant::now();
        let sentinel = Sentinel::new(now);
        sentinel.look_again(now, true);
        assert!(!sentinel.begins_anew(now + DOUBT + WATCH), "the watch goes on");
        assert!(sentinel.is_doubting());
        let later = now + DOUBT + WATCH + Duration::from_nanos(1);
        assert!(sentinel.begins_anew(later));
        sentinel.look_again(later, true);
        assert_eq!(
            sentinel.ends() - later,
            DOUBT,
            "the first look of a new watch is no second one"
        );
    }
}
