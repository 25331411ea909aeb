//! Which runtime, and which worker of it, this thread is.
//!
//! Three thread-locals name the current handles: one here, one in the timer floor, one in the
//! reactor floor. They are entered together, once per worker thread and once per `block_on`.

use std::cell::Cell;
use std::panic::Location;
use std::rc::Rc;

use windlass_reactor as reactor;
use windlass_sync::current::{self, Current};
use windlass_sync::shim::{self, Arc};
use windlass_timer as timer;

use crate::scheduler::Shared;
use crate::slack::Slack;
use crate::worker::Worker;

shim::thread_local! {
    static CURRENT: Current<Rc<Context>> = Current::new();
}

/// What a thread is.
pub(crate) struct Context {
    pub(crate) shared: Arc<Shared>,
    /// Present on a thread that runs tasks of the runtime.
    pub(crate) worker: Option<Rc<Worker>>,
}

/// Leaves the runtime when dropped.
#[derive(Debug)]
#[must_use = "the runtime is current only while this guard lives"]
pub(crate) struct Entered {
    /// First of all: it may be the last reference to the runtime.
    _context: current::Entered<Rc<Context>>,
    _timers: timer::EnterGuard,
    _reactor: reactor::EnterGuard,
    _slack: Option<Slack>,
}

/// Makes the runtime current on this thread, as that worker or as a guest.
pub(crate) fn enter(shared: &Arc<Shared>, worker: Option<Rc<Worker>>) -> Entered {
    let shard = worker.as_ref().map_or(shared.timers.foreign(), |worker| worker.seat);
    let slack = worker.is_some().then(Slack::none);
    Entered {
        _context: current::enter(&CURRENT, Rc::new(Context { shared: shared.clone(), worker })),
        _timers: timer::Handle::new(shared.timers.clone(), shard).enter(),
        _reactor: shared.reactor.enter(),
        _slack: slack,
    }
}

/// What this thread is, if it is in a runtime. To count it is cheaper than to count the runtime.
#[inline]
pub(crate) fn current() -> Option<Rc<Context>> {
    current::get(&CURRENT)
}

/// Calls `f` with the worker that this thread is. `f` must not enter or leave a runtime.
#[inline]
pub(crate) fn with_worker<T>(f: impl FnOnce(&Rc<Worker>) -> T) -> Option<T> {
    let call = |context: Option<&Rc<Context>>| Some(f(context?.worker.as_ref()?));
    CURRENT.try_with(|current| current.look(call)).ok().flatten()
}

/// True on a thread that must not block, because it polls a task or a root future.
pub(crate) fn is_polling() -> bool {
    // The second question sees through the guard of a guest.
    with_worker(|_| ()).is_some() || windlass_sync::waiting::owner() != 0
}

shim::thread_local! {
    /// Where this thread has entered `block_on` or `drive`.
    static INSIDE: Cell<Option<&'static Location<'static>>> = Cell::new(None);
}

/// Refuses a `block_on` inside another, which would stop the outer one's tasks.
pub(crate) struct Inside;

impl Inside {
    #[track_caller]
    pub(crate) fn enter(at: &'static Location<'static>) -> Self {
        let outer = INSIDE.with(Cell::get);
        if outer.is_some() || is_polling() {
            let place = outer
                .map_or("a task".to_owned(), |outer| format!("the block_on or drive at {outer}"));
            panic!(
                "block_on at {at} is inside {place}: it would block the worker that must run the \
                 future it waits for; await the future instead, or use spawn_blocking"
            );
        }
        INSIDE.with(|inside| inside.set(Some(at)));
        Self
    }
}

impl Drop for Inside {
    fn drop(&mut self) {
        let _ = INSIDE.try_with(|inside| inside.set(None));
    }
}
