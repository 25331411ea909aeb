//! What becomes of tasks that are bound to a thread when that thread ends.
//!
//! Nobody else may run them or drop their futures, and while there are any nobody else may sit on seat 0.
//! So the thread cancels them before it ends, and drops their futures itself.

use std::cell::RefCell;
use std::sync::Weak;

use windlass_sync::shim::{self, Arc, thread};

use crate::context;
use crate::scheduler::Shared;

shim::thread_local! {
    static BOUND: Bound = Bound(RefCell::new(Vec::new()));
}

/// The runtimes that have tasks which are bound to this thread, or had some.
struct Bound(RefCell<Vec<Weak<Shared>>>);

impl Drop for Bound {
    fn drop(&mut self) {
        self.0.take().iter().filter_map(Weak::upgrade).for_each(|shared| shared.end_bound());
    }
}

/// A task of this runtime is bound to this thread.
pub(crate) fn bind(shared: &Arc<Shared>) {
    shared.caller.bind();
    // A thread that is being torn down is on no seat.
    let _ = BOUND.try_with(|bound| {
        let mut bound = bound.0.borrow_mut();
        bound.retain(|other| other.strong_count() > 0 && other.as_ptr() != Arc::as_ptr(shared));
        bound.push(Arc::downgrade(shared));
    });
}

impl Shared {
    /// The thread ends: what is bound to it ends here.
    fn end_bound(self: &Arc<Self>) {
        let _entered = context::enter(self, None);
        // The count first: if it is of another thread's tasks, then that one has called this home before.
        // While it is of ours, nobody can.
        while self.caller.bound() > 0 && self.caller.is_home() {
            let mut ended = self.take_bound();
            self.registry
                .each(|entry| ended.extend(entry.is_local().then(|| entry.cancel()).flatten()));
            if ended.is_empty() {
                thread::yield_now(); // some thread has woken a task and not pushed it yet
            }
            drop(ended); // and with them their futures
        }
        self.caller.call_in();
    }
}
