//! The life of one thread of a pool.

use std::cell::Cell;
use std::io;
use std::ptr;
use std::time::Instant;

use windlass_sync::shim::{self, Arc, MutexGuard};
use windlass_sync::wakes::Wakes;

use super::crew::Next;
use super::job::nanos;
use super::shared::Shared;
use super::state::State;
use crate::task::Runnable;

shim::thread_local! {
    /// The pool that this thread belongs to; compared, never followed.
    static POOL: Cell<*const Shared> = Cell::new(ptr::null());
}

impl Shared {
    /// True on a thread of this pool.
    pub(super) fn is_mine(&self) -> bool {
        POOL.try_with(|pool| ptr::eq(pool.get(), self)).unwrap_or(false)
    }

    /// Starts the thread with this number.
    pub(super) fn start(self: &Arc<Self>, me: usize) -> io::Result<()> {
        let shared = self.clone();
        let body = move || shared.live(me);
        let name = format!("{}-{}", self.settings.name, me + 1);
        match &self.settings.start {
            Some(start) => start(name, Box::new(body)),
            None => shim::thread::spawn(name, body).map(drop),
        }
    }

    /// The whole thread: what the runtime sets up, and the work inside of it.
    fn live(self: Arc<Self>, me: usize) {
        POOL.with(|pool| pool.set(Arc::as_ptr(&self)));
        let mut worked = false;
        let mut body = || {
            if !worked {
                self.work(me);
                worked = true;
            }
        };
        let set_up = shim::catch_unwind(|| match &self.settings.setup {
            Some(setup) => setup(&mut body),
            None => body(),
        });
        if worked {
            self.gone(me);
        } else {
            self.start_failed(me, &io::Error::other("its setup did not run it"));
        }
        // The panic hook has printed it; dropping a payload may panic again.
        set_up.unwrap_or_else(std::mem::forget);
    }

    /// Runs jobs until the crew says leave.
    fn work(self: &Arc<Self>, me: usize) {
        let mut state = self.state.lock();
        let overdue = state.is_overdue();
        let mut next = state.crew.look(me, overdue);
        loop {
            match next {
                Next::Take => {
                    let mut wakes = Wakes::new();
                    let (runnable, errand) = state.take(&mut wakes);
                    drop(state);
                    self.carry_out(errand);
                    wakes.fire();
                    self.run(runnable);
                    state = self.state.lock();
                    next = state.crew.finish(me);
                }
                Next::Rest => next = self.rest(&mut state, me),
                Next::StandBy => next = stand_by(&mut state, me),
                Next::Leave => return,
            }
        }
    }

    fn run(&self, runnable: Runnable) {
        let epoch = self.settings.epoch;
        // A job is done when its poll is over. The reading would date what it waits for.
        let _done = runnable.run(&epoch, nanos(epoch, epoch));
    }

    /// Sleeps until called, or for the keep-alive.
    fn rest(&self, state: &mut MutexGuard<'_, State>, me: usize) -> Next {
        let bell = state.bells[me].clone();
        // A keep-alive beyond the clock's range is for ever.
        let mut until = Instant::now().checked_add(self.settings.keep_alive);
        loop {
            let timed_out = match until {
                Some(until) => bell.wait_until(state, until),
                None => (bell.wait(state), false).1,
            };
            let overdue = state.is_overdue();
            match state.crew.look(me, overdue) {
                Next::Rest if timed_out && state.crew.give_up(me) => return Next::Leave,
                // One of the threads that stay: no wake-ups for nothing from now on.
                Next::Rest if timed_out => until = None,
                Next::Rest => {}
                next => return next,
            }
        }
    }
}

/// Sleeps until the oldest job is overdue, or until called.
fn stand_by(state: &mut MutexGuard<'_, State>, me: usize) -> Next {
    let bell = state.bells[me].clone();
    if let Some(overdue_at) = state.overdue_at() {
        bell.wait_until(state, overdue_at);
    }
    let overdue = state.is_overdue();
    state.crew.look(me, overdue)
}
