//! Seat 0: the thread inside `block_on` is a worker like the others.
//!
//! A root future that hands its work to other threads pays two thread wake-ups for every answer.
//! So the caller of `block_on` takes seat 0, polls its root there, and runs and steals tasks while
//! the root waits. The root need not be `Send`, since no other thread ever polls it.
//!
//! There is one seat for this. A second `block_on` at the same time polls only its own root and
//! sleeps otherwise; when the seat becomes free, everybody who waits like this is woken and one of
//! them takes it ([`crate::vacancy`]). Tasks that are bound to their thread bind the seat: while any
//! of them lives, only their thread may sit there.
//!
//! # When the root is polled
//!
//! A root that was woken by this thread waits until the tasks that were queued before it have had
//! their turn, so `yield_now` in the root is as fair as in a task. Woken by another thread, it is
//! next.

use std::collections::VecDeque;
use std::panic::Location;
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::sync::Weak;
use std::task::{Context, Poll, Wake, Waker};
use std::thread;
use std::time::{Duration, Instant};

use windlass_sync::shim::Arc;

use crate::bell::Bell;
use crate::context::{self, Inside};
use crate::idle::Bed;
use crate::rest::hand_over;
use crate::run_queue::RunQueue;
use crate::scheduler::Shared;
use crate::task::Runnable;
use crate::worker::{Step, Worker};

/// Turns between two looks at the clock in `drive`.
const CLOCK_EVERY: u32 = 16;

/// What stays when the worker of seat 0 leaves.
pub(crate) struct Core {
    pub(crate) queue: RunQueue,
    pub(crate) local: VecDeque<Runnable>,
    /// The seat is parked on behalf of a foreign loop, between two `drive`s.
    pub(crate) hosted: bool,
}

/// Sitting on seat 0; left when dropped, also by a panic.
pub(crate) struct Seated {
    pub(crate) worker: Rc<Worker>,
    entered: Option<context::Entered>,
    /// As in [`Core`].
    hosted: bool,
}

impl Seated {
    /// Sits down, if the seat is free for this thread; `hosting` is for a foreign loop.
    pub(crate) fn claim(shared: &Arc<Shared>, hosting: bool) -> Option<Self> {
        let Core { queue, local, hosted } = shared.caller.take(thread::current().id())?;
        shared.helm.set_hosting(hosting);
        let worker = Worker::new(shared.clone(), 0, queue);
        *worker.local.borrow_mut() = local;
        if hosted {
            shared.timers.unwatch();
            worker.searching.set(shared.idle.leave(0).searching);
            shared.seats[0].parker.leave_host();
        }
        shared.idle.set_caller(true);
        let worker = Rc::new(worker);
        let entered = Some(context::enter(shared, Some(worker.clone())));
        Some(Self { worker, entered, hosted: false })
    }

    /// Runs tasks, and polls the root whenever it is due, until it is ready.
    fn run<F: Future>(
        &self,
        root: &Arc<Root>,
        waker: &Waker,
        mut future: Pin<&mut F>,
    ) -> F::Output {
        let (worker, shared) = (&*self.worker, &*self.worker.shared);
        let (id, mut told) = (worker.next_id(), false);
        root.sit(true);
        worker.root_after.set(0);
        loop {
            if worker.root_after.get() == 0 && root.take() {
                let mut cx = Context::from_waker(waker);
                let polled = worker.polling(id, || future.as_mut().poll(&mut cx));
                if let Poll::Ready(output) = polled {
                    return output;
                }
                worker.after_poll();
                shared.take_note_of_root(id, root.is_rung(), &mut told);
            }
            refuse_stopped(shared);
            // Before the turn: if that wakes the root, the task that did is none of those to wait for.
            worker.root_after.set(worker.root_after.get().saturating_sub(1));
            match worker.step() {
                Step::Ran => {}
                Step::Idle if root.is_rung() => worker.root_after.set(0),
                Step::Idle => worker.search_or_park(),
            }
        }
    }

    /// Runs tasks for at most `limit`; true if there was nothing left to run.
    fn drive(&self, limit: Duration) -> bool {
        let worker = &*self.worker;
        let end = Instant::now().checked_add(limit);
        for turn in 0_u32.. {
            if worker.step() == Step::Idle {
                match worker.search() {
                    Some(task) => worker.run(task),
                    None => {
                        worker.stop_searching();
                        if !worker.look_for_work() {
                            return true;
                        }
                    }
                }
            }
            if turn % CLOCK_EVERY == 0 && end.is_some_and(|end| Instant::now() >= end) {
                return false;
            }
        }
        false
    }

    /// Parks the seat on behalf of a foreign loop that will wait on the poller's descriptor. False
    /// if there is something to do first.
    fn host(&mut self) -> bool {
        let (worker, shared) = (&*self.worker, &*self.worker.shared);
        let _ = shared.idle.park(0, worker.searching.take(), Bed::Host);
        let quiet =
            !shared.has_work() && worker.local.borrow().is_empty() && shared.inbox.is_empty();
        if quiet && shared.seats[0].parker.enter_host() {
            let driver = shared.helm.take(0);
            if driver.is_none() {
                // A worker sleeps there since before the loop began: it leaves for good.
                shared.reactor.unpark();
            } else if driver.is_some_and(|mut driver| driver.0.prepare_foreign_wait()) {
                self.hosted = true;
                return true;
            }
        }
        worker.searching.set(shared.idle.leave(0).searching);
        shared.seats[0].parker.leave_host();
        shared.idle.set_caller(true);
        false
    }
}

impl Drop for Seated {
    fn drop(&mut self) {
        drop(self.entered.take());
        // The context is left, also if guards that were entered in it are still there.
        let worker = Rc::get_mut(&mut self.worker).expect("only the context counts the worker");
        let (shared, hosted) = (worker.shared.clone(), self.hosted);
        if !hosted {
            worker.stop_searching();
            if let Some(next) = worker.queue.pop_next() {
                worker.queue.push(next);
            }
        }
        let queue = std::mem::replace(&mut worker.queue, RunQueue::new());
        let core = Core { queue, local: worker.local.take(), hosted };
        shared.caller.leave(core, || shared.idle.set_caller(false));
        if shared.ending.must_stop() {
            shared.drop_queued(true); // here, where they may be dropped
        }
        shared.caller.call_in();
        if !hosted && shared.seats.len() > 1 {
            let called = if shared.has_work() {
                shared.idle.notify()
            } else {
                hand_over(&shared.idle, &shared.helm.driver)
            };
            called.into_iter().for_each(|seat| shared.unpark(seat));
            // Whoever sleeps in the reactor answers for this seat's timers from now on.
            if shared.timers.next(0).is_some() {
                shared.reactor.unpark();
            }
        }
    }
}

/// Runs the future to its end on this thread, which works for the runtime meanwhile.
pub(crate) fn block_on<F: Future>(
    shared: &Arc<Shared>,
    future: F,
    at: &'static Location<'static>,
) -> F::Output {
    shared.check_process();
    let _inside = Inside::enter(at);
    // Also around the destructor of the future, which may spawn or send like the future itself.
    let _entered = context::enter(shared, None);
    let mut future = pin!(future);
    let root = Arc::new(Bell::new(Arc::downgrade(shared)));
    let waker = Waker::from(root.clone());
    loop {
        if let Some(seated) = Seated::claim(shared, false) {
            return seated.run(&root, &waker, future.as_mut());
        }
        if let Poll::Ready(output) = wait_outside(shared, &root, &waker, future.as_mut()) {
            return output;
        }
    }
}

/// Polls only the root, and returns to try for the seat whenever it may have become free.
fn wait_outside<F: Future>(
    shared: &Arc<Shared>,
    root: &Arc<Root>,
    waker: &Waker,
    mut future: Pin<&mut F>,
) -> Poll<F::Output> {
    let (id, mut told) = (shared.ids.one(), false);
    let _owner = windlass_sync::waiting::enter(id.0);
    shared.caller.wait(root, |is_rung| {
        if is_rung {
            let _budget = windlass_sync::budget::enter();
            let polled = future.as_mut().poll(&mut Context::from_waker(waker));
            if polled.is_ready() {
                return polled;
            }
            shared.take_note_of_root(id, root.is_rung(), &mut told);
        }
        refuse_stopped(shared);
        Poll::Pending
    })
}

/// What a foreign loop should do next.
///
/// # Examples
/// ```
/// # use std::{future::pending, time::Duration};
/// # use windlass_executor::runtime::Builder;
/// let runtime = Builder::new().workers(1).build()?;
/// let task = runtime.spawn(async { 42 });
/// let mut driven = runtime.drive(Duration::from_millis(1));
/// while driven.more {
///     // The other things that the loop is for.
///     driven = runtime.drive(Duration::from_millis(1));
/// }
/// assert!(task.is_finished());
/// assert_eq!(driven.next_deadline, None); // the loop may sleep until the descriptor is readable
/// # std::io::Result::Ok(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Driven {
    /// There is more to run: call `drive` again soon. Otherwise, when the poller's descriptor
    /// becomes readable or at [`next_deadline`](Self::next_deadline).
    pub more: bool,
    /// When the first timer is due; `None` if none is armed, or if there is [`more`](Self::more).
    pub next_deadline: Option<Instant>,
}

/// Runs seat 0 for at most `limit`.
pub(crate) fn drive(
    shared: &Arc<Shared>,
    limit: Duration,
    at: &'static Location<'static>,
) -> Driven {
    shared.check_process();
    let _inside = Inside::enter(at);
    let Some(mut seated) = Seated::claim(shared, true) else {
        panic!("drive() needs seat 0, and another thread sits there or has tasks bound to it");
    };
    let idle = seated.drive(limit) && seated.host();
    // A thread that arms an earlier timer makes the descriptor readable from now on.
    let next = if idle { shared.timers.watch(shared.timers.next(0)) } else { None };
    // Nothing comes due by itself while the clock stands still.
    let next = next.filter(|_| !shared.clock.is_paused());
    let next_deadline = next.map(|ns| shared.clock.real_instant_at(ns));
    Driven { more: !idle, next_deadline }
}

#[inline]
fn refuse_stopped(shared: &Shared) {
    let stopped = shared.ending.must_stop();
    assert!(!stopped, "the runtime was shut down while block_on was running on it");
}

/// A root future's bell, which is its waker.
pub(crate) type Root = Bell<Weak<Shared>>;

impl Wake for Root {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        if !self.ring() {
            return;
        }
        let Some(shared) = self.scheduler.upgrade() else { return };
        let here = context::with_worker(|worker| {
            let mine = worker.seat == 0 && Arc::ptr_eq(&worker.shared, &shared);
            if mine {
                worker.root_after.set(worker.queue.len());
                shared.idle.call(0);
            }
            mine
        });
        if here != Some(true) {
            shared.call(0);
        }
    }
}
