//! All timers of one runtime: a shard per worker, and one for everybody else.
//!
//! ```text
//!   worker 0      worker 1      other threads
//!      |             |             |  |  |
//!   [shard 0]     [shard 1]     [foreign shard]        each: a wheel behind a lock,
//!      |             |             |                         its next deadline outside it
//!   parks until   parks until   served by whoever holds the driver
//!   its own next  its own next  (watch .. park .. unwatch)
//! ```
//!
//! A worker arms in its own shard, whose lock nobody wants at that moment, and needs no wake-up for
//! it: it is awake, and looks at [`next`](Timers::next) before it parks. Only a worker itself ever
//! makes its shard's next deadline earlier. Another thread that moves one of its sleeps to an
//! earlier time takes the sleep over into its own shard.
//!
//! # The foreign shard
//!
//! A thread that is no worker arms in the foreign shard, and somebody may be asleep who has to know.
//! That is the holder of the driver:
//!
//! ```text
//!   holder, going to park                    a thread that arms
//!   h1  watched = until                      a1  next = deadline
//!   h2  fence(SeqCst)                        a2  fence(SeqCst)
//!   h3  read next; park until the earlier    a3  read watched; unpark if deadline < watched
//! ```
//!
//! One of the two fences comes first. If it is h2, then a3 reads what h1 wrote, or a later value: the
//! thread unparks the holder if it would sleep too long. If it is a2, then h3 reads what a1 wrote, or
//! what was written to `next` since, and the holder does not sleep beyond that. Either way nobody
//! sleeps past the deadline. An unpark that comes before the park must not be lost, so the waker
//! given to [`Timers::new`] leaves a mark that makes the next turn of the driver return at once.
//!
//! After waking, the holder writes *nobody sleeps* ([`unwatch`](Timers::unwatch)), so that arming
//! costs no unpark while it is awake. It cannot miss what is armed meanwhile: before it sleeps
//! again it goes through h1 to h3.
//!
//! # Orderings
//!
//! | label   | release side          | acquire side          | what crosses                      |
//! |---------|-----------------------|-----------------------|-----------------------------------|
//! | `watch` | fence in `Watch::armed` | fence in [`Timers::watch`] | the next deadline, or who sleeps until when; symmetric |
//!
//! The next deadline of a worker's shard is relaxed everywhere: only its own thread makes it
//! earlier, and to others (the sentinel) it is a hint. What is in the shard crosses with its lock.

use std::task::Waker;

use windlass_sync::shim::Arc;
use windlass_sync::shim::atomic::Ordering::{Relaxed, SeqCst};
use windlass_sync::shim::atomic::{AtomicU64, fence};

use crate::clock::{Clock, NEVER, Subscription};
use crate::shard::Shard;

/// The time until which nobody sleeps: the holder of the driver is awake.
const NOBODY: u64 = 0;

/// The timers of one runtime.
///
/// The futures find them through the thread's [`Handle`](crate::Handle); a runtime drives them with
/// [`next`](Self::next) and [`fire`](Self::fire).
///
/// # Examples
/// ```
/// # use std::{future::Future, pin::pin, time::Duration};
/// # use std::task::{Context, Waker};
/// # use windlass_timer::{Clock, Handle, Timers, sleep};
/// let clock = Clock::paused();
/// let timers = Timers::new(1, clock.clone(), Waker::noop().clone());
/// let _entered = Handle::new(timers.clone(), 0).enter();
/// let mut nap = pin!(sleep(Duration::from_secs(60)));
/// let mut cx = Context::from_waker(Waker::noop());
/// assert!(nap.as_mut().poll(&mut cx).is_pending());
///
/// clock.advance_to(timers.next(0).expect("one sleep is armed"));
/// assert_eq!(timers.fire(0), 1);
/// assert!(nap.as_mut().poll(&mut cx).is_ready());
/// ```
#[derive(Debug)]
pub struct Timers {
    /// One for each worker, then the foreign shard.
    shards: Box<[Arc<Shard>]>,
    clock: Clock,
    /// Makes the holder of the driver look again when the clock changes.
    _subscription: Subscription,
}

impl Timers {
    /// Timers for so many workers.
    ///
    /// `unpark` is woken when a thread that is no worker arms a sleep earlier than the holder of
    /// the driver would wake, and after each change of the clock. It must make the turn of the
    /// driver that is in progress return, or else the next one.
    pub fn new(workers: usize, clock: Clock, unpark: Waker) -> Arc<Timers> {
        let subscription = clock.subscribe(unpark.clone());
        let foreign = Arc::new(Shard::foreign(clock.clone(), unpark));
        let mut shards: Vec<_> = (0..workers)
            .map(|_| Arc::new(Shard::of_worker(clock.clone(), foreign.clone())))
            .collect();
        shards.push(foreign);
        Arc::new(Timers { shards: shards.into(), clock, _subscription: subscription })
    }

    /// The clock that these timers follow.
    pub fn clock(&self) -> &Clock {
        &self.clock
    }

    /// The index of the shard for threads that are no workers.
    pub fn foreign(&self) -> usize {
        self.shards.len() - 1
    }

    /// The earliest deadline in a shard, in nanoseconds of the clock. One load.
    ///
    /// It may be too early, if what it stood for was cancelled; [`fire`](Self::fire) corrects that.
    #[inline]
    pub fn next(&self, shard: usize) -> Option<u64> {
        Some(self.shards[shard].next()).filter(|next| *next != NEVER)
    }

    /// The earliest deadline in all shards.
    pub fn next_of_all(&self) -> Option<u64> {
        (0..self.shards.len()).filter_map(|shard| self.next(shard)).min()
    }

    /// Wakes what is due in a shard by the clock, earliest first; returns how many that was.
    ///
    /// Takes no lock if nothing is due, and reads the clock only if something is armed.
    #[inline]
    pub fn fire(&self, shard: usize) -> usize {
        self.next(shard).map_or(0, |_| self.fire_at(shard, self.clock.now_ns(), |_| {}))
    }

    /// As [`fire`](Self::fire), for a caller who has read the clock. `foresee` is shown all wakers of a
    /// batch before the first of them runs, and may fetch what they will touch: among many sleepers that
    /// is in no cache, and a wake, being an atomic exchange, waits for its own line alone.
    #[inline]
    pub fn fire_at(&self, shard: usize, now_ns: u64, foresee: impl Fn(&Waker)) -> usize {
        self.shards[shard].fire(now_ns, foresee)
    }

    /// Sleeps that are armed in a shard.
    pub fn armed(&self, shard: usize) -> usize {
        self.shards[shard].armed()
    }

    /// Says that the holder of the driver is about to sleep until this time, and returns until when
    /// it may: no later than the next deadline of the foreign shard.
    pub fn watch(&self, until: Option<u64>) -> Option<u64> {
        let foreign = &self.shards[self.foreign()];
        let until = until.unwrap_or(NEVER).min(foreign.next());
        Some(foreign.watch().sleep(until, foreign)).filter(|until| *until != NEVER)
    }

    /// Says that the holder of the driver is awake, so that nobody needs to unpark it.
    pub fn unwatch(&self) {
        // ORDERING: Relaxed; a thread that still sees the old time only unparks for nothing.
        self.shards[self.foreign()].watch().until.store(NOBODY, Relaxed);
    }

    /// Ends all timers: every sleep that waits is woken, and none can be armed any more.
    ///
    /// A sleep that is polled after this, before its time, panics.
    pub fn close(&self) {
        for shard in &self.shards {
            shard.close();
        }
    }

    pub(crate) fn shard(&self, index: usize) -> &Arc<Shard> {
        &self.shards[index]
    }
}

impl Drop for Timers {
    fn drop(&mut self) {
        self.close();
    }
}

/// Who sleeps while the foreign shard may change, and how to wake it.
#[derive(Debug)]
pub(crate) struct Watch {
    /// Until when the holder of the driver sleeps, [`NOBODY`] if it is awake. Written by it alone.
    until: AtomicU64,
    unpark: Waker,
}

impl Watch {
    pub fn new(unpark: Waker) -> Watch {
        Watch { until: AtomicU64::new(NOBODY), unpark }
    }

    /// The steps h1 to h3.
    fn sleep(&self, until: u64, foreign: &Shard) -> u64 {
        // ORDERING: Relaxed, ordered by the fence.
        self.until.store(until, Relaxed);
        // ORDERING: SeqCst, h2 of `watch`.
        fence(SeqCst);
        until.min(foreign.next())
    }

    /// The steps a2 and a3, after a deadline was published.
    pub fn armed(&self, deadline: u64) {
        // ORDERING: SeqCst, a2 of `watch`.
        fence(SeqCst);
        // ORDERING: Relaxed, ordered by the fence.
        if deadline < self.until.load(Relaxed) {
            self.unpark.wake_by_ref();
        }
    }
}
