//! Models of the timer floor.
//!
//! The clock stands still in all of them, so that nothing depends on real time.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

use windlass_sync::shim::{Condvar, Mutex, thread};
use windlass_timer::{Clock, Handle, Sleep, Timers, sleep};

use crate::Model;
use crate::note::Note;

/// The models of this floor.
pub const MODELS: &[Model] = &[
    Model {
        name: "timer_cancel_or_fire",
        threads: 3,
        weak: None,
        interleaving: Some(3),
        killed_by: "Chunks::find: do not compare the serial number",
        body: cancel_or_fire,
    },
    Model {
        name: "timer_reset_or_fire",
        threads: 2,
        weak: None,
        interleaving: None,
        killed_by: "Sleep::reset: keep the key when the shard answers Gone",
        body: reset_or_fire,
    },
    Model {
        name: "timer_reset_moves_to_the_resetting_worker",
        threads: 3,
        weak: None,
        interleaving: None,
        killed_by: "Shard::reset: hasten always, as if the shard were the caller's own",
        body: reset_moves,
    },
    Model {
        name: "timer_foreign_arm_unparks",
        threads: 2,
        weak: Some(4),
        interleaving: Some(4),
        killed_by: "Watch::armed: no fence; Timers::watch: no second look after the fence",
        body: foreign_arm,
    },
    Model {
        name: "timer_advance_unparks",
        threads: 3,
        weak: Some(2),
        interleaving: Some(3),
        killed_by: "Clock::change: wake before the word is stored",
        body: advance_unparks,
    },
    Model {
        name: "timer_arm_or_close",
        threads: 2,
        weak: None,
        interleaving: None,
        killed_by: "Shard::close: mark it closed after draining, under a second lock",
        body: arm_or_close,
    },
    Model {
        name: "timer_pause_or_arm",
        threads: 2,
        weak: Some(4),
        interleaving: Some(4),
        killed_by: "Clock::now_ns taking the freezing word for a time; Clock::change waking nobody",
        body: pause_or_arm,
    },
];

/// Counts wakes; the standard `Arc` counts its wakers. No loom type: nothing here is under test.
#[derive(Default)]
struct Count(std::sync::atomic::AtomicUsize);

impl Wake for Count {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
    }
}

impl Count {
    fn wakes(&self) -> usize {
        self.0.load(std::sync::atomic::Ordering::SeqCst)
    }
}

fn poll(sleep: &mut Sleep, count: &Arc<Count>) -> Poll<()> {
    let waker = Waker::from(count.clone());
    Pin::new(sleep).poll(&mut Context::from_waker(&waker))
}

fn spawn(body: impl FnOnce() + Send + 'static) -> thread::JoinHandle<()> {
    thread::spawn("model".into(), body).expect("a thread can be started")
}

const SECOND: Duration = Duration::from_secs(1);

/// A thread that parks, as the holder of the driver does: an unpark that comes first is not lost.
#[derive(Default)]
struct Parker {
    unparked: Mutex<bool>,
    changed: Condvar,
}

impl Parker {
    fn park(&self) {
        let mut unparked = self.unparked.lock();
        while !*unparked {
            self.changed.wait(&mut unparked);
        }
        *unparked = false;
    }
}

impl Wake for Parker {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }
    fn wake_by_ref(self: &Arc<Self>) {
        *self.unparked.lock() = true;
        self.changed.notify_one();
    }
}

/// Property: a sleep is either fired or cancelled, its waker is freed either way, and the sleep that
/// takes its place is harmed by neither.
/// Threads: one drops its sleep and arms another, one fires, one waits for both. Bound: none in weak
/// mode, 3 in interleaving mode.
/// Killed by: `Chunks::find` without the comparison of serial numbers.
fn cancel_or_fire() {
    let clock = Clock::paused();
    let timers = Timers::new(1, clock.clone(), Waker::noop().clone());
    let (first, second) = (Arc::<Count>::default(), Arc::<Count>::default());
    let owner = spawn({
        let (timers, clock) = (timers.clone(), clock.clone());
        let (first, second) = (first.clone(), second.clone());
        move || {
            let _entered = Handle::new(timers.clone(), 0).enter();
            let mut due = sleep(Duration::ZERO);
            assert!(poll(&mut due, &first).is_pending());
            let mut later = sleep(SECOND);
            assert!(poll(&mut later, &second).is_pending());
            drop(due);
            assert_eq!(timers.armed(0), 1, "the later one waits");
            clock.advance(SECOND);
            timers.fire(0);
            assert!(poll(&mut later, &second).is_ready());
        }
    });
    let firing = spawn({
        let timers = timers.clone();
        move || {
            timers.fire(0);
        }
    });
    owner.join().expect("the owner does not panic");
    firing.join().expect("the sentinel does not panic");
    assert!(first.wakes() <= 1);
    assert_eq!(second.wakes(), 1);
    assert_eq!(timers.armed(0), 0);
    assert_eq!((Arc::strong_count(&first), Arc::strong_count(&second)), (1, 1), "wakers are freed");
}

/// Property: a sleep that is reset to a later time does not end before it, and does end then,
/// whatever a fire at the former time does meanwhile.
/// Threads: one resets, one fires. Bound: none.
/// Killed by: `Sleep::reset` keeping its key when the entry is gone.
fn reset_or_fire() {
    let clock = Clock::paused();
    let timers = Timers::new(1, clock.clone(), Waker::noop().clone());
    let _entered = Handle::new(timers.clone(), 0).enter();
    let count = Arc::<Count>::default();
    let mut nap = sleep(Duration::ZERO);
    assert!(poll(&mut nap, &count).is_pending());
    let firing = spawn({
        let timers = timers.clone();
        move || {
            timers.fire(0);
        }
    });
    nap.reset(clock.now() + SECOND);
    assert!(poll(&mut nap, &count).is_pending(), "its time has not come");
    firing.join().expect("the sentinel does not panic");
    assert!(poll(&mut nap, &count).is_pending(), "its time has not come");
    let before = count.wakes();
    clock.advance(SECOND);
    assert_eq!(timers.fire(0), 1);
    assert_eq!(count.wakes(), before + 1);
    assert!(poll(&mut nap, &count).is_ready());
    drop(nap);
    assert_eq!(Arc::strong_count(&count), 1, "the waker is freed");
}

/// Property: a sleep of one worker that another worker moves to an earlier time is fired by a worker
/// that knows of it, although the first one has parked with the old time.
/// Threads: worker 0, worker 1, and who made the sleep. Bound: none.
/// Killed by: `Shard::reset` moving it within the shard of a worker that is not the caller.
fn reset_moves() {
    let clock = Clock::paused();
    let timers = Timers::new(2, clock.clone(), Waker::noop().clone());
    let count = Arc::<Count>::default();
    let mut nap = {
        let _entered = Handle::new(timers.clone(), 0).enter();
        let mut nap = sleep(SECOND);
        assert!(poll(&mut nap, &count).is_pending());
        nap
    };
    let owner = spawn({
        let timers = timers.clone();
        // Parks until what it has read, which is not before the old deadline.
        move || assert!(timers.next(0).is_none_or(|next| next >= SECOND.as_nanos() as u64))
    });
    let other = spawn({
        let (timers, count) = (timers.clone(), count.clone());
        move || {
            let _entered = Handle::new(timers.clone(), 1).enter();
            nap.reset(timers.clock().now());
            assert_eq!(timers.fire(1), 1, "whoever moved it sees to it");
            assert!(poll(&mut nap, &count).is_ready());
        }
    });
    owner.join().expect("worker 0 does not panic");
    other.join().expect("worker 1 does not panic");
    assert_eq!((timers.armed(0), timers.armed(1)), (0, 0));
    assert_eq!((count.wakes(), Arc::strong_count(&count)), (1, 1));
}

/// Property: what a thread arms in the foreign shard is fired, although the holder of the driver
/// goes to park; it does not sleep past it. Twice, so that the second round meets what the first one
/// left behind.
/// Threads: the holder, one that arms. Bound: 4.
/// Killed by: no fence in `Watch::armed`; no second look in `Timers::watch`.
fn foreign_arm() {
    const ROUNDS: usize = 2;
    let parker = Arc::<Parker>::default();
    let timers = Timers::new(1, Clock::paused(), Waker::from(parker.clone()));
    let foreign = timers.foreign();
    let naps = Arc::<Note<Vec<Sleep>>>::default();
    let arming = spawn({
        let (timers, naps) = (timers.clone(), naps.clone());
        move || {
            let _entered = Handle::new(timers.clone(), foreign).enter();
            for _ in 0..ROUNDS {
                let count = Arc::<Count>::default();
                let mut nap = sleep(Duration::ZERO);
                assert!(poll(&mut nap, &count).is_pending());
                naps.lock().push(nap);
            }
        }
    });
    let mut fired = 0;
    while fired < ROUNDS {
        // All deadlines are due, so whoever sees one does not park at all.
        if timers.watch(None).is_none() {
            parker.park();
        }
        timers.unwatch();
        fired += timers.fire(foreign);
    }
    arming.join().expect("the other thread does not panic");
    assert_eq!(timers.armed(foreign), 0);
}

/// Property: a worker that parks because its sleep is not due looks again when the clock is
/// advanced, by whomever, and so the sleep ends.
/// Threads: a worker, two that advance the clock half the way each. Bound: 2, and 3 in interleaving
/// mode.
/// Killed by: `Clock::change` waking before it stores.
fn advance_unparks() {
    let parker = Arc::<Parker>::default();
    let clock = Clock::paused();
    let timers = Timers::new(1, clock.clone(), Waker::from(parker.clone()));
    let advancing = [(); 2].map(|()| {
        let clock = clock.clone();
        spawn(move || clock.advance(SECOND / 2))
    });
    let _entered = Handle::new(timers.clone(), 0).enter();
    let count = Arc::<Count>::default();
    let mut nap = windlass_timer::sleep_until(clock.instant_at(SECOND.as_nanos() as u64));
    assert!(poll(&mut nap, &count).is_pending());
    while timers.fire(0) == 0 {
        parker.park();
    }
    assert!(poll(&mut nap, &count).is_ready());
    for advancing in advancing {
        advancing.join().expect("advancing does not panic");
    }
    assert_eq!(clock.now_ns(), SECOND.as_nanos() as u64, "no step is lost");
}

/// Property: a sleep that is armed while the timers are closed either is refused or is woken: it
/// never waits for ever.
/// Threads: one arms, one closes. Bound: none.
/// Killed by: `Shard::close` setting its flag after the drain, under a second lock.
fn arm_or_close() {
    let clock = Clock::paused();
    let timers = Timers::new(1, clock, Waker::noop().clone());
    let closing = spawn({
        let timers = timers.clone();
        move || timers.close()
    });
    let count = Arc::<Count>::default();
    {
        let _entered = Handle::new(timers.clone(), 0).enter();
        let mut nap = sleep(Duration::ZERO);
        let refused = poll(&mut nap, &count).is_ready(); // due, so it need not panic
        closing.join().expect("closing does not panic");
        assert_eq!(count.wakes(), usize::from(!refused));
        assert!(poll(&mut nap, &count).is_ready());
    }
    assert_eq!(timers.armed(0), 0);
    assert_eq!(Arc::strong_count(&count), 1, "the waker is freed");
}

/// Property: a sleep that is armed while the clock is paused and moved on ends, and not before its
/// time by that clock.
/// Threads: a worker, one that pauses and advances. Bound: 4.
/// Killed by: `Clock::now_ns` taking the freezing word for a time; `Clock::change` waking nobody.
fn pause_or_arm() {
    const HOUR: Duration = Duration::from_secs(3600); // the model does not run for so long
    let parker = Arc::<Parker>::default();
    let clock = Clock::new();
    let timers = Timers::new(1, clock.clone(), Waker::from(parker.clone()));
    let pausing = spawn({
        let clock = clock.clone();
        move || {
            clock.pause();
            clock.advance(HOUR);
        }
    });
    let due = HOUR.as_nanos() as u64;
    let count = Arc::<Count>::default();
    let _entered = Handle::new(timers.clone(), 0).enter();
    let mut nap = windlass_timer::sleep_until(clock.instant_at(due));
    while poll(&mut nap, &count).is_pending() {
        if timers.fire(0) == 0 {
            parker.park();
        }
    }
    assert!(clock.now_ns() >= due, "it ended before its time");
    pausing.join().expect("pausing does not panic");
    drop(nap);
    assert_eq!((timers.armed(0), Arc::strong_count(&count)), (0, 1), "the waker is freed");
}
