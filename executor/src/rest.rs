//! How a worker sleeps.
//!
//! A worker that has found nothing announces that it parks ([`crate::idle`]), looks through every
//! queue once more, and sleeps: in the reactor if it can have the driver, else on a condition
//! variable. It sleeps no longer than until the first timer of its own shard, or the end of its gap
//! (`gap.rs`). Whoever sleeps in the reactor also answers for the foreign shard and for seat 0 while that
//! is vacant.
//!
//! While somebody runs, one of the sleepers is the [sentinel](crate::sentinel) and wakes now and then to
//! look after the others. If nobody has run for a watch, it sleeps on like them: an idle runtime makes
//! no wake-ups.
//!
//! # Orderings
//!
//! | label   | release side                | acquire side                              | what crosses |
//! |---------|-----------------------------|-------------------------------------------|--------------|
//! | `sleep` | the fence in [`hand_over`]  | the fence in [`Idle::park`], then the look at the driver | that the driver is free |

use std::time::{Duration, Instant};

use windlass_sync::shim::atomic::{Ordering::*, fence};

use crate::driver::Driver;
use crate::idle::{Bed, Idle, Left};
use crate::parker::Parker;
use crate::try_lock::{Guard, TryLock};
use crate::worker::Worker;

/// With a clock that jumps when nothing runs: how often a sleeper looks whether the blocking job that
/// still runs has ended. A job that nobody awaits wakes nobody.
const JOB_LOOK: Duration = Duration::from_millis(1);

/// Parks a seat and takes it out again; in between, `sleep` sleeps, unless something has come. The
/// driver, if it is to be had, is asked for before. The models park their workers by this, too.
pub fn lie_down<G>(
    (idle, parker, seat): (&Idle, &Parker, usize),
    searching: bool,
    mut driver: Option<G>,
    has_work: impl FnOnce() -> bool,
    sleep: impl FnOnce(&mut Option<G>, bool),
) -> Left {
    let bed = if driver.is_some() { Bed::Reactor } else { Bed::Condvar };
    let parked = idle.park(seat, searching, bed);
    let left = if has_work() {
        idle.leave_to_search(seat)
    } else {
        if !parker.is_notified() {
            sleep(&mut driver, parked.sentinel);
        }
        idle.leave(seat)
    };
    // Not before it has left: until then it must show that something has come for it.
    parker.clear();
    // Last of all: whoever finds the driver free finds this seat awake.
    drop(driver);
    left
}

/// True if nothing is under way, so that a clock that stands still may go on to the next timer: no
/// job runs, nothing has come for a worker, and all of them lie in their beds.
///
/// In this order: a job that is done first wakes its task and then goes, and a worker that something
/// has come for first leaves its bed and then clears its parker. So what one look is too late for is
/// seen by the next. What a worker did before it lay down is seen by whoever hears that from us.
pub fn is_quiet<'a>(
    idle: &Idle,
    mut parkers: impl Iterator<Item = &'a Parker>,
    awaits_job: impl FnOnce() -> bool,
) -> bool {
    !awaits_job() && !parkers.any(Parker::is_notified) && idle.all_parked()
}

/// For a thread that leaves its seat for good: the seat to unpark, so that somebody takes the driver
/// and waits for events.
///
/// A worker that parks in vain for the driver looks at it again after it has parked, so either it
/// finds the driver free, or we find it parked.
#[must_use = "the seat must be unparked"]
pub fn hand_over<D>(idle: &Idle, driver: &TryLock<D>) -> Option<usize> {
    // ORDERING: SeqCst, `sleep`: giving the driver back comes before the look at who is parked, as
    // parking comes before the look at the driver.
    fence(SeqCst);
    if driver.is_held() { None } else { idle.call_anybody() }
}

impl Worker {
    /// Sleeps until there may be something to do. Returns at once if there is.
    pub(crate) fn park(&self) {
        let me = (&self.shared.idle, &self.my_seat().parker, self.seat);
        let driver = self.shared.helm.take(self.seat);
        let has_work = || self.shared.has_work() || self.has_own_work();
        let left = lie_down(me, self.searching.take(), driver, has_work, |driver, sentinel| {
            self.counters().parks.add(1);
            self.sleep(driver, sentinel);
        });
        self.searching.set(left.searching);
        self.fresh.set(true);
        let now_ns = self.shared.clock.now_ns();
        self.now_ns.set(now_ns);
        self.stretch.begin(now_ns);
    }

    /// Work that the other workers' re-check cannot see, or that is none of theirs.
    fn has_own_work(&self) -> bool {
        self.seat == 0 && !(self.local.borrow().is_empty() && self.shared.inbox.is_empty())
            || self.shared.ending.must_stop()
    }

    /// Sleeps, again and again while it is only the sentinel's watch that ends.
    fn sleep(&self, driver: &mut Option<Guard<'_, Driver>>, mut sentinel: bool) {
        if sentinel && self.begin_watch() {
            return;
        }
        loop {
            if self.advance_clock(driver) {
                return;
            }
            if sentinel && Instant::now() >= self.sentinel.ends() {
                // A second look proves nothing about who has run.
                let active = self.sentinel.is_doubting() || self.has_seen_polls();
                sentinel = self.shared.idle.watch_on(self.seat, active);
                if sentinel && self.look_after_others(driver.is_some()) {
                    return;
                }
            }
            // The worker that had the driver may have left its seat for good, see `hand_over`.
            if driver.is_none() && self.shared.helm.is_free_for(self.seat) {
                return;
            }
            let deadline = self.deadline(driver.is_some());
            let watch = sentinel.then(|| self.sentinel.ends());
            let bound = watch.into_iter().chain(deadline).min();
            let (unparked, events) = match driver {
                Some(driver) => self.sleep_in_reactor(driver, bound),
                None => (self.my_seat().parker.park(bound), 0),
            };
            let timers_due = deadline.is_some_and(|deadline| deadline <= Instant::now());
            if unparked || events > 0 || timers_due || !sentinel {
                return;
            }
        }
    }

    /// With a paused clock that advances by itself: if everybody sleeps and nothing is under way,
    /// goes on to the next timer. True if there is something to do now.
    fn advance_clock(&self, driver: &mut Option<Guard<'_, Driver>>) -> bool {
        let shared = &*self.shared;
        if !shared.clock.is_paused() || !shared.clock.auto_advance() {
            return false;
        }
        // Two that have parked at the same time would jump twice; the second must look again.
        let Some(_jumping) = shared.jumping.try_lock() else { return true };
        // Jobs are looked at once more at the end, for one that was submitted by a worker that has
        // parked since.
        let parkers = shared.seats.iter().map(|seat| &seat.parker);
        if !is_quiet(&shared.idle, parkers, || shared.awaits_job()) {
            return false;
        }
        let events = driver.as_mut().map_or(0, |driver| self.collecting(|| driver.look()));
        if events > 0 || shared.has_work() || shared.awaits_job() {
            return events > 0;
        }
        let Some(next) = shared.timers.next_of_all() else { return false };
        shared.clock.advance_to(next);
        for shard in 0..=shared.timers.foreign() {
            self.fire_shard(shard, next);
        }
        true
    }

    fn sleep_in_reactor(&self, driver: &mut Driver, bound: Option<Instant>) -> (bool, usize) {
        let mut events = 0;
        let unparked = self.my_seat().parker.park_in_reactor(|| {
            events = self.collecting(|| driver.sleep(bound));
        });
        self.shared.timers.unwatch();
        if events > 0 {
            self.counters().turns.add(1);
            self.counters().events.add(events as u64);
        }
        (unparked, events)
    }

    /// When this worker must be awake for a timer; with the driver, other shards count too.
    fn deadline(&self, driving: bool) -> Option<Instant> {
        let timers = &self.shared.timers;
        let stuck = self.stuck().filter_map(|seat| timers.next(seat));
        let mut first = timers.next(self.seat).into_iter().chain(stuck).min();
        let limit = self.limit.get();
        if driving {
            if self.seat != 0 && self.shared.idle.is_caller_vacant() {
                first = first.into_iter().chain(timers.next(0)).min();
            }
            first = timers.watch(first);
        }
        // Nothing comes due by itself while the clock stands still; moving it wakes us.
        if self.shared.clock.is_paused() {
            let look = self.shared.awaits_job().then(|| Instant::now() + JOB_LOOK);
            return look.into_iter().chain(limit).min();
        }
        let earliest = self.gap.ends_ns();
        let first = first.map(|ns| self.shared.clock.real_instant_at(ns.max(earliest)));
        first.into_iter().chain(limit).min()
    }

    /// Timers and events, for a worker that does not sleep; true if they brought work.
    pub(crate) fn look_for_work(&self) -> bool {
        let fired = self.fire_timers();
        let driver = self.shared.helm.take(self.seat);
        let woken = driver.map_or(0, |mut driver| self.collecting(|| driver.look()));
        self.after_turn(woken);
        fired + woken > 0 || self.shared.has_work() || self.has_own_work()
    }

    /// What a worker does when a turn found nothing: search, and else sleep.
    pub(crate) fn search_or_park(&self) {
        if self.fire_timers() > 0 {
            return;
        }
        match self.search() {
            Some(task) => self.run(task),
            None => self.park(),
        }
    }
}
