//! Seat 0: the thread inside `block_on` is a worker like the others.
//!
//! A root future that hands its work to other threads pays two thread wake-ups for every answer.
//! So the caller of `block_on` takes seat 0, polls its root there, and runs and steals tasks while
//! the root waits. The root need not be `Send`, since no other thread ever polls it.
//!
//! There is one seat for this. A second `block_on` at the same time polls only its own root and
//! sleeps otherwise; when the seat becomes free, everybody who waits like this is woken and one of
//! them takes it. Tasks that are bound to their thread bind the seat: while any of them lives, only
//! their thread may sit there.
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
use std::thread::{self, ThreadId};
use std::time::{Duration, Instant};

use windlass_sync::shim::{Arc, Mutex};

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

/// The seat while nobody sits there, and those who wait for it.
pub(crate) struct Caller(Mutex<State>);

struct State {
    /// What the next worker takes over; `None` while somebody sits there.
    left: Option<Core>,
    /// The thread that the bound tasks belong to.
    home: Option<ThreadId>,
    /// The seat is parked on behalf of a foreign loop, between two `drive`s.
    hosted: bool,
    /// Roots that wait outside.
    waiting: Vec<Arc<Root>>,
}

/// What stays when the worker of seat 0 leaves.
pub(crate) struct Core {
    queue: RunQueue,
    local: VecDeque<Runnable>,
}

impl Caller {
    /// A vacant seat; `queue` is absent if a worker thread sits there for good.
    pub(crate) fn new(queue: Option<RunQueue>) -> Self {
        let left = queue.map(|queue| Core { queue, local: VecDeque::new() });
        Self(Mutex::new(State { left, home: None, hosted: false, waiting: Vec::new() }))
    }

    /// True if this thread may run the tasks that are bound to the seat.
    pub(crate) fn is_home(&self) -> bool {
        self.0.lock().home == Some(thread::current().id())
    }

    /// True if nobody sits there, so that bound tasks cannot go on.
    pub(crate) fn is_left(&self) -> bool {
        self.0.lock().left.is_some()
    }

    /// Makes the roots that wait outside look again.
    pub(crate) fn wake_waiting(&self) {
        let waiting = std::mem::take(&mut self.0.lock().waiting);
        for root in waiting {
            root.bell.call_in();
        }
    }

    /// Takes the tasks that wait for their thread to come back, for taking the runtime apart.
    pub(crate) fn take_local(&self, to: &mut VecDeque<Runnable>) {
        if let Some(core) = &mut self.0.lock().left {
            to.append(&mut core.local);
        }
    }
}

/// Sitting on seat 0; left when dropped, also by a panic.
pub(crate) struct Seated {
    worker: Rc<Worker>,
    entered: Option<context::Entered>,
}

impl Seated {
    /// Sits down, if the seat is free for this thread; `hosting` is for a foreign loop.
    pub(crate) fn claim(shared: &Arc<Shared>, hosting: bool) -> Option<Self> {
        let here = thread::current().id();
        let mut state = shared.caller.0.lock();
        if shared.live_local() > 0 && state.home != Some(here) {
            return None;
        }
        let Core { queue, local } = state.left.take()?;
        state.home = Some(here);
        let hosted = std::mem::take(&mut state.hosted);
        drop(state);
        shared.idle.set_caller(true);
        shared.set_hosting(hosting);
        let worker = Worker::new(shared.clone(), 0, queue);
        *worker.local.borrow_mut() = local;
        if hosted {
            shared.seats[0].parker.leave_host();
            shared.timers.unwatch();
            worker.searching.set(shared.idle.leave(0).searching);
        }
        let worker = Rc::new(worker);
        let entered = Some(context::enter(shared, Some(worker.clone())));
        Some(Self { worker, entered })
    }

    pub(crate) fn worker(&self) -> &Worker {
        &self.worker
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
        root.bell.sit(true);
        worker.root_after.set(0);
        loop {
            if worker.root_after.get() == 0 && root.bell.take() {
                let mut cx = Context::from_waker(waker);
                let polled = worker.polling(id, || future.as_mut().poll(&mut cx));
                if let Poll::Ready(output) = polled {
                    return output;
                }
                worker.after_poll();
                shared.take_note_of_root(id, root.bell.is_rung(), &mut told);
            }
            refuse_stopped(shared);
            // Before the turn: if that wakes the root, the task that did is none of those to wait for.
            worker.root_after.set(worker.root_after.get().saturating_sub(1));
            match worker.step() {
                Step::Ran => {}
                Step::Idle if root.bell.is_rung() => worker.root_after.set(0),
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
    fn host(&self) -> bool {
        let (worker, shared) = (&*self.worker, &*self.worker.shared);
        let _ = shared.idle.park(0, worker.searching.take(), Bed::Host);
        let quiet = !shared.has_work() && worker.local.borrow().is_empty() && !shared.has_local();
        if quiet && shared.seats[0].parker.enter_host() {
            let driver = shared.driver.try_lock();
            if driver.is_none() {
                // A worker sleeps there since before the loop began: it leaves for good.
                shared.reactor.unpark();
            } else if driver.is_some_and(|mut driver| driver.prepare_foreign_wait()) {
                shared.caller.0.lock().hosted = true;
                return true;
            }
            shared.seats[0].parker.leave_host();
        }
        worker.searching.set(shared.idle.leave(0).searching);
        shared.idle.set_caller(true);
        false
    }
}

impl Drop for Seated {
    fn drop(&mut self) {
        drop(self.entered.take());
        let worker = Rc::get_mut(&mut self.worker);
        let worker =
            worker.expect("a guard of Handle::enter ends before the block_on it was made in");
        let shared = worker.shared.clone();
        let hosted = shared.caller.0.lock().hosted;
        if !hosted {
            worker.stop_searching();
            if let Some(next) = worker.queue.pop_next() {
                worker.queue.push(next);
            }
        }
        let queue = std::mem::replace(&mut worker.queue, RunQueue::new());
        let core = Core { queue, local: worker.local.take() };
        let mut state = shared.caller.0.lock();
        state.left = Some(core);
        if !hosted {
            shared.idle.set_caller(false);
        }
        drop(state);
        if shared.must_stop() {
            shared.drop_queued(true); // here, where they may be dropped
        }
        shared.caller.wake_waiting();
        if !hosted && shared.seats.len() > 1 {
            let called = if shared.has_work() {
                shared.idle.notify()
            } else {
                hand_over(&shared.idle, &shared.driver)
            };
            if let Some(seat) = called {
                shared.unpark(seat);
            }
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
    let root = Arc::new(Root { bell: Bell::new(), shared: Arc::downgrade(shared) });
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
    let _owner = windlass_sync::waiting::enter(id.get());
    {
        let mut state = shared.caller.0.lock();
        if state.left.is_some() && shared.live_local() == 0 {
            return Poll::Pending;
        }
        state.waiting.push(root.clone());
    }
    loop {
        if root.bell.take() {
            let _budget = windlass_sync::budget::enter();
            if let Poll::Ready(output) = future.as_mut().poll(&mut Context::from_waker(waker)) {
                shared.caller.0.lock().waiting.retain(|other| !Arc::ptr_eq(other, root));
                return Poll::Ready(output);
            }
            shared.take_note_of_root(id, root.bell.is_rung(), &mut told);
        }
        refuse_stopped(shared);
        if root.bell.is_rung() {
            continue;
        }
        root.bell.sleep_outside();
        // Off the list, by whoever left the seat: try for it, or else get on the list again.
        if !shared.caller.0.lock().waiting.iter().any(|other| Arc::ptr_eq(other, root)) {
            return Poll::Pending;
        }
    }
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
    let Some(seated) = Seated::claim(shared, true) else {
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

fn refuse_stopped(shared: &Shared) {
    assert!(!shared.must_stop(), "the runtime was shut down while block_on was running on it");
}

/// The waker of a root future.
pub(crate) struct Root {
    bell: Bell,
    shared: Weak<Shared>,
}

impl Wake for Root {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        if !self.bell.ring() {
            return;
        }
        let Some(shared) = self.shared.upgrade() else { return };
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
