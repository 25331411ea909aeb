//! The clock: real time that can be stopped, moved on by hand, and let go again.
//!
//! Inside the timers time is a number: nanoseconds since the clock was made. One word says how to
//! get it.
//!
//! ```text
//!   running    0 | skew     now = real nanoseconds since the epoch + skew (modulo 2^63)
//!   paused     1 | time     now = time
//!   freezing   1 | all ones the moment between the two: readers wait for the lock
//! ```
//!
//! All changes of the word are made under one lock, so it is only stored to, never exchanged.
//!
//! # Why it never runs backwards
//!
//! *Resume* takes `skew = time - real`, so the first moment after it is the paused one; a reader
//! that uses this skew has loaded it first and read the real clock after, so it gets no less.
//! *Advance* only adds. *Pause* is the hard one: a reader that has loaded `running` may read the
//! real clock after the pausing thread has, and would return more than the time that is about to
//! stand still. So the pausing thread writes `freezing` before it reads the real clock, and a reader
//! loads the word a second time after reading it: if that still says `running`, the reading was made
//! before `freezing` was written, give or take the time a store needs to reach another core.
//! `PAUSE_MARGIN_NS` covers that. A fence in the reader would prove what the margin makes practically
//! certain, but it makes each reading a fifth dearer (28 ns instead of 23), and every sleep reads.
//!
//! # Orderings
//!
//! | label   | release side | acquire side | what crosses                              |
//! |---------|--------------|--------------|-------------------------------------------|
//! | `pause` | fence in [`Clock::pause`] | none | the real clock is read after the store |
//!
//! All other accesses are relaxed: the word is the whole message, and one word is coherent. Whoever
//! must *notice* a change is woken after it, and the wake-up carries it.

use std::fmt;
use std::time::{Duration, Instant};

use slab::Slab;
use windlass_sync::shim::atomic::Ordering::{Relaxed, SeqCst};
use windlass_sync::shim::atomic::{AtomicBool, AtomicU64, fence};
use windlass_sync::shim::{Arc, Mutex};
use windlass_sync::wakes;

/// The deadline of what never happens.
pub const NEVER: u64 = u64::MAX;

/// How far deadlines reach: 146 years. What lies beyond is [`NEVER`]. (The last two turns of the wheel
/// are not used: one is for what is never due, one for holes.)
pub const REACH_NS: u64 = (1 << 62) - (2 << 30);

/// The bit of a paused clock.
const PAUSED: u64 = 1 << 63;
/// The bits of a time or a skew.
const TIME: u64 = PAUSED - 1;
/// A clock that is being paused.
const FREEZING: u64 = PAUSED | TIME;
/// More than a store takes to reach the other cores. A paused clock stands this much ahead.
const PAUSE_MARGIN_NS: u64 = 1_000;
/// What stands in for [`REACH_NS`] where the system's own clock does not reach so far.
const SHORT_REACH: Duration = Duration::from_secs(30 * 365 * 24 * 3600);

/// A clock that can be paused, advanced and resumed; clones are the same clock.
///
/// Use it in tests of code that waits: a day passes in no time, and always in the same order. It
/// never runs backwards.
///
/// # Examples
/// ```
/// # use std::time::Duration;
/// # use windlass_timer::Clock;
/// let clock = Clock::new();
/// clock.pause();
/// let begun = clock.now();
/// clock.advance(Duration::from_secs(86_400));
/// assert_eq!(clock.now() - begun, Duration::from_secs(86_400));
/// ```
#[derive(Clone)]
pub struct Clock(Arc<Shared>);

struct Shared {
    /// Nanosecond 0.
    epoch: Instant,
    /// The instant that stands for [`NEVER`].
    far: Instant,
    /// See the module. Stored to only under the lock of `watchers`.
    word: AtomicU64,
    /// Whether an idle runtime may jump to its next deadline while the clock is paused.
    auto_advance: AtomicBool,
    /// Woken after each change. In an `Arc` each, so that no foreign code runs under the lock.
    watchers: Mutex<Slab<Arc<std::task::Waker>>>,
}

impl Clock {
    /// A clock that runs with real time.
    pub fn new() -> Clock {
        Clock::with_word(0)
    }

    /// A clock that stands at its epoch until it is advanced or resumed.
    pub fn paused() -> Clock {
        Clock::with_word(PAUSED)
    }

    fn with_word(word: u64) -> Clock {
        let epoch = Instant::now();
        let far = epoch.checked_add(Duration::from_nanos(REACH_NS)).unwrap_or(epoch + SHORT_REACH);
        let word = AtomicU64::new(word);
        let watchers = Mutex::new(Slab::new());
        Clock(Arc::new(Shared { epoch, far, word, auto_advance: AtomicBool::new(false), watchers }))
    }

    /// The present, as nanoseconds since the clock was made.
    #[inline]
    pub fn now_ns(&self) -> u64 {
        loop {
            // ORDERING: Relaxed, one word is the whole message.
            let word = self.0.word.load(Relaxed);
            if word & PAUSED == 0 {
                let now = self.0.time_with(word);
                // ORDERING: Relaxed; what a stale value could do, PAUSE_MARGIN_NS makes harmless.
                if self.0.word.load(Relaxed) == word {
                    return now;
                }
            } else if word == FREEZING {
                drop(self.0.watchers.lock()); // held until the clock has stopped
            } else {
                return word & TIME;
            }
        }
    }

    /// The present.
    #[inline]
    pub fn now(&self) -> Instant {
        // ORDERING: Relaxed, as in `now_ns`.
        if self.0.word.load(Relaxed) == 0 {
            let now = Instant::now();
            // ORDERING: Relaxed, as in `now_ns`.
            if self.0.word.load(Relaxed) == 0 {
                return now; // a clock that never was paused is the system's
            }
        }
        self.instant_at(self.now_ns())
    }

    /// The instant at this many nanoseconds; far in the future if that is [`NEVER`].
    #[inline]
    pub fn instant_at(&self, ns: u64) -> Instant {
        if ns >= REACH_NS {
            return self.0.far;
        }
        self.0.epoch.checked_add(Duration::from_nanos(ns)).unwrap_or(self.0.far)
    }

    /// The nanoseconds at this instant: 0 if it lies before the clock, [`NEVER`] if it is too far.
    #[inline]
    pub fn ns_at(&self, instant: Instant) -> u64 {
        if instant >= self.0.far {
            return NEVER;
        }
        nanoseconds(instant.saturating_duration_since(self.0.epoch))
    }

    /// The instant so long after another one. It never overflows: too far means never.
    #[inline]
    pub fn later(&self, instant: Instant, duration: Duration) -> Instant {
        instant.checked_add(duration).map_or(self.0.far, |sum| sum.min(self.0.far))
    }

    /// The instant from which the clock counts.
    pub fn epoch(&self) -> Instant {
        self.0.epoch
    }

    /// When this reading comes by the system's clock, if the clock runs on as it does now.
    ///
    /// For whoever sleeps until then: a clock that was moved or stood still is not the system's.
    pub fn real_instant_at(&self, ns: u64) -> Instant {
        // ORDERING: Relaxed. A change of the word wakes whoever sleeps by the old one.
        let word = self.0.word.load(Relaxed);
        match word & PAUSED {
            0 if ns < REACH_NS => self.instant_at(ns.wrapping_sub(word) & TIME),
            _ => self.instant_at(ns),
        }
    }

    /// Stops the clock. A paused clock moves only when it is advanced.
    pub fn pause(&self) {
        self.change(|shared, word| {
            if word & PAUSED != 0 {
                return word;
            }
            // ORDERING: Relaxed, ordered by the fence.
            shared.word.store(FREEZING, Relaxed);
            // ORDERING: SeqCst, release side of `pause`: the real clock is read only after
            // the other threads can see that they must not return later times.
            fence(SeqCst);
            PAUSED | (shared.time_with(word) + PAUSE_MARGIN_NS)
        });
    }

    /// Lets a paused clock run on from where it stands.
    pub fn resume(&self) {
        self.change(|shared, word| match word & PAUSED {
            0 => word,
            _ => (word & TIME).wrapping_sub(shared.real_ns()) & TIME,
        });
    }

    /// Moves the clock on by exactly so much, paused or not, and wakes who waits for it.
    ///
    /// It does not wait until what became due has run: that takes a turn of the runtime.
    pub fn advance(&self, duration: Duration) {
        let step = nanoseconds(duration);
        self.change(|shared, word| shared.moved(word, step));
    }

    /// Moves the clock on to this time; does nothing if that lies in the past.
    pub fn advance_to(&self, ns: u64) {
        self.change(|shared, word| shared.moved(word, ns.saturating_sub(shared.time_with(word))));
    }

    /// True while the clock stands still.
    pub fn is_paused(&self) -> bool {
        // ORDERING: Relaxed, one word is the whole message.
        self.0.word.load(Relaxed) & PAUSED != 0
    }

    /// Says whether a runtime in which nothing can run may move a paused clock to its next
    /// deadline. It may not at first.
    ///
    /// # Examples
    /// ```
    /// # use windlass_timer::Clock;
    /// let clock = Clock::paused();
    /// assert!(!clock.auto_advance());
    /// clock.set_auto_advance(true); // a runtime with this clock never waits for a timer
    /// assert!(clock.auto_advance() && clock.is_paused());
    /// ```
    pub fn set_auto_advance(&self, allowed: bool) {
        // ORDERING: Relaxed; who must notice is woken by `change` below.
        self.0.auto_advance.store(allowed, Relaxed);
        self.change(|_, word| word);
    }

    /// True if an idle runtime may move the clock while it is paused.
    pub fn auto_advance(&self) -> bool {
        // ORDERING: Relaxed, it guards nothing else.
        self.0.auto_advance.load(Relaxed)
    }

    /// Wakes `waker` after each change of the clock, until the subscription is dropped.
    ///
    /// Who sleeps until a deadline of this clock computes its sleep from how the clock runs, and
    /// must look again when that changes.
    pub fn subscribe(&self, waker: std::task::Waker) -> Subscription {
        let waker = Arc::new(waker);
        let key = self.0.watchers.lock().insert(waker);
        Subscription { clock: self.clone(), key }
    }

    /// Computes and stores the next word under the lock, and wakes the watchers after it.
    fn change(&self, next: impl FnOnce(&Shared, u64) -> u64) {
        let watchers = self.0.watchers.lock();
        // ORDERING: Relaxed, the word changes only under this lock.
        let word = self.0.word.load(Relaxed);
        let next = next(&self.0, word);
        // ORDERING: Relaxed; see the module, the wake-ups below carry it.
        self.0.word.store(next, Relaxed);
        let woken: Vec<_> = watchers.iter().map(|(_, waker)| waker.clone()).collect();
        drop(watchers);
        for waker in woken {
            wakes::wake((*waker).clone());
        }
    }
}

impl Default for Clock {
    fn default() -> Clock {
        Clock::new()
    }
}

impl fmt::Debug for Clock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Clock")
            .field("now", &Duration::from_nanos(self.now_ns()))
            .field("paused", &self.is_paused())
            .field("auto_advance", &self.auto_advance())
            .finish()
    }
}

impl Shared {
    #[inline]
    fn real_ns(&self) -> u64 {
        nanoseconds(self.epoch.elapsed())
    }

    /// The time according to this word, which is not [`FREEZING`].
    #[inline]
    fn time_with(&self, word: u64) -> u64 {
        match word & PAUSED {
            0 => self.real_ns().wrapping_add(word) & TIME,
            _ => word & TIME,
        }
    }

    /// The word of a clock that is moved on by so much, but not beyond what deadlines can name.
    fn moved(&self, word: u64, step: u64) -> u64 {
        let step = step.min((REACH_NS - 1).saturating_sub(self.time_with(word)));
        word & PAUSED | word.wrapping_add(step) & TIME // the time and the skew alike
    }
}

/// Keeps a waker subscribed to the changes of a [`Clock`] until dropped.
#[derive(Debug)]
#[must_use = "the waker is forgotten when the subscription is dropped"]
pub struct Subscription {
    clock: Clock,
    /// The place of the waker among the watchers.
    key: usize,
}

impl Drop for Subscription {
    fn drop(&mut self) {
        let waker = self.clock.0.watchers.lock().remove(self.key);
        drop(waker); // after the lock is free
    }
}

/// A duration in nanoseconds, [`NEVER`] if it is too long for that.
#[inline]
pub(crate) fn nanoseconds(duration: Duration) -> u64 {
    const PER_SECOND: u64 = 1_000_000_000;
    match duration.as_secs().checked_mul(PER_SECOND) {
        Some(ns) => ns.saturating_add(duration.subsec_nanos().into()),
        None => NEVER,
    }
}
