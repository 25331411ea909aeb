//! The way of a task into a queue.
//!
//! A task that a worker wakes or spawns goes to that worker's own queue; from any other thread it
//! goes to the injector. Either way the workers hear of it by the rules of [`crate::idle`].
//!
//! # Orderings
//!
//! | label     | release side                                   | acquire side   | what crosses |
//! |-----------|------------------------------------------------|----------------|--------------|
//! | `transit` | [`Shared::inject`], [`Shared::send_local`], at their ends | `Shared::drop` | this thread's last use of `Shared` |

use std::collections::VecDeque;
use std::panic::Location;
use std::rc::Rc;

use windlass_sync::shim::Arc;
use windlass_sync::shim::atomic::Ordering::*;

use crate::context;
use crate::scheduler::Shared;
use crate::task::owner::SchedulerRef;
use crate::task::{Runnable, Spec, Task, new_local_task, new_task};
use crate::worker::Worker;

impl Shared {
    /// Spawns a task.
    pub(crate) fn spawn<F>(
        self: &Arc<Self>,
        future: F,
        spawned_at: &'static Location<'static>,
    ) -> Task<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        let owner = SchedulerRef::new(self);
        self.admit(spawned_at, false, |spec| new_task(future, owner, spec))
    }

    /// Spawns a task that stays on this thread, which must be on seat 0.
    pub(crate) fn spawn_local<F>(
        self: &Arc<Self>,
        future: F,
        spawned_at: &'static Location<'static>,
    ) -> Task<F::Output>
    where
        F: Future + 'static,
        F::Output: 'static,
    {
        let owner = SchedulerRef::new(self);
        self.admit(spawned_at, true, |spec| new_local_task(future, owner, spec))
    }

    /// Makes, lists and pushes a task; on a closed runtime it is cancelled instead.
    fn admit<T>(
        self: &Arc<Self>,
        spawned_at: &'static Location<'static>,
        local: bool,
        make: impl FnOnce(Spec) -> (Runnable, Task<T>),
    ) -> Task<T> {
        let here = |worker: &Rc<Worker>| {
            Arc::ptr_eq(&worker.shared, self)
                .then(|| (worker.seat, worker.next_id(), worker.now_ns.get()))
        };
        let (owner, id, born_ns) = context::with_worker(here)
            .flatten()
            .unwrap_or_else(|| (self.seats.len(), self.ids.one(), self.clock.now_ns()));
        let spec = |listed| Spec { id, spawned_at, born_ns, listed };
        let Some(admission) = self.registry.open(owner, id) else {
            // The future is dropped here, by dropping its `Runnable`, under no lock.
            return make(spec(false)).1;
        };
        let (runnable, task) = make(spec(true));
        admission.list(&runnable);
        if local {
            // ORDERING: Relaxed. Read on this thread, or compared with zero by another that then
            // looks whose tasks they are under the caller's lock.
            self.live_local.fetch_add(1, Relaxed);
        }
        self.push_new(runnable, local);
        task
    }

    fn push_new(&self, task: Runnable, local: bool) {
        self.hand_to_worker(task, |worker, task| {
            if local { worker.accept_local(task) } else { worker.accept_new(task) }
        });
    }

    /// A task was woken or cancelled, on whatever thread.
    #[inline]
    pub(crate) fn schedule(&self, task: Runnable) {
        let local = task.is_local();
        self.hand_to_worker(task, |worker, task| worker.accept_woken(task, local));
    }

    /// Gives a task to the worker that this thread is, if it may run it, and else to all.
    #[inline]
    fn hand_to_worker(&self, task: Runnable, accept: impl FnOnce(&Worker, Runnable)) {
        let local = task.is_local();
        let mut task = Some(task);
        context::with_worker(|worker| {
            if std::ptr::eq(&*worker.shared, self)
                && (!local || worker.seat == 0)
                && let Some(task) = task.take()
            {
                accept(worker, task);
            }
        });
        if let Some(task) = task {
            if local { self.send_local(task) } else { self.inject(task) }
        }
    }

    /// Queues a task from a thread that is no worker of this runtime.
    fn inject(&self, task: Runnable) {
        // ORDERING: Relaxed. The task that we still hold keeps the runtime; see `Shared::drop`.
        self.in_transit.fetch_add(1, Relaxed);
        self.injector.push(task);
        if let Some(seat) = self.idle.notify() {
            self.unpark(seat);
        }
        // ORDERING: Release, of `transit`. Nothing of `self` is touched after it.
        self.in_transit.fetch_sub(1, Release);
    }

    /// Queues a task that is bound to seat 0's thread from another thread.
    fn send_local(&self, task: Runnable) {
        // ORDERING: Relaxed, as in `inject`.
        self.in_transit.fetch_add(1, Relaxed);
        let mut inbox = self.local.lock();
        inbox.push_back(task);
        // ORDERING: Relaxed. The lock orders the stores; the unpark below publishes it.
        self.local_len.store(inbox.len(), Relaxed);
        drop(inbox);
        self.call(0);
        // ORDERING: Release, of `transit`.
        self.in_transit.fetch_sub(1, Release);
    }

    /// Moves what [`send_local`](Self::send_local) has left to its thread.
    pub(crate) fn receive_local(&self, to: &mut VecDeque<Runnable>) {
        if self.has_local() {
            let mut inbox = self.local.lock();
            to.append(&mut inbox);
            // ORDERING: Relaxed. Under the lock.
            self.local_len.store(0, Relaxed);
        }
    }
}
