//! The way of a task into a queue.
//!
//! A task that a worker wakes or spawns goes to that worker's own queue; from any other thread it
//! goes to the injector. Either way the workers hear of it by the rules of [`crate::idle`].

use std::panic::Location;
use std::rc::Rc;

use windlass_sync::shim::Arc;

use crate::context;
use crate::home;
use crate::scheduler::Shared;
use crate::task::owner::SchedulerRef;
use crate::task::{Runnable, Spec, Task, new_local_task, new_task};
use crate::worker::Worker;

impl Shared {
    /// Spawns a task.
    pub(crate) fn spawn<F: Future<Output: Send + 'static> + Send + 'static>(
        self: &Arc<Self>,
        future: F,
        spawned_at: &'static Location<'static>,
    ) -> Task<F::Output> {
        self.admit(spawned_at, false, |spec| new_task(future, SchedulerRef::new(self), spec))
    }

    /// Spawns a task that stays on this thread, which must be on seat 0.
    pub(crate) fn spawn_local<F: Future<Output: 'static> + 'static>(
        self: &Arc<Self>,
        future: F,
        spawned_at: &'static Location<'static>,
    ) -> Task<F::Output> {
        self.admit(spawned_at, true, |spec| new_local_task(future, SchedulerRef::new(self), spec))
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
            home::bind(self);
        }
        self.place(runnable, local, |worker, task| {
            if local { worker.accept_local(task) } else { worker.accept_new(task) }
        });
        task
    }

    /// A task was woken or cancelled, on whatever thread.
    #[inline]
    pub(crate) fn schedule(&self, task: Runnable) {
        let local = task.is_local();
        self.place(task, local, |worker, task| worker.accept_woken(task, local));
    }

    /// Queues a task here by `accept`, if this thread is a worker that may run it, or from outside.
    #[inline]
    fn place(&self, task: Runnable, local: bool, accept: impl FnOnce(&Worker, Runnable)) {
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
        self.transit.pass(|| {
            self.injector.push(task);
            self.idle.notify().into_iter().for_each(|seat| self.unpark(seat));
        });
    }

    /// Queues a task that is bound to seat 0's thread from another thread.
    fn send_local(&self, task: Runnable) {
        self.transit.pass(|| self.inbox.send(task, || self.call(0)));
    }
}
