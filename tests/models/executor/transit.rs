//! A model of a runtime that is dropped while a foreign thread wakes one of its tasks.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};

use windlass_executor::deque::{Injector, insist};
use windlass_executor::registry::Registry;
use windlass_executor::task::runnable::Listed;
use windlass_executor::task::{Owner, Runnable, TaskId, new_task};
use windlass_executor::transit::Transit;
use windlass_sync::shim::atomic::{AtomicUsize, Ordering::Relaxed};

use super::hands::{Subject, raise_and_wake, spawn, spec};

/// A runtime that its tasks do not keep alive: whoever uses it when it is gone races with its end.
#[derive(Clone)]
struct Runtime(Arc<Inner>);

struct Inner {
    registry: Registry,
    injector: Injector<Runnable>,
    transit: Transit,
    /// How often it was used from outside.
    uses: AtomicUsize,
    /// The same, and whether it is freed, as it really is; no part of the model.
    really: (std::sync::atomic::AtomicUsize, AtomicBool),
}

impl Runtime {
    fn new() -> Self {
        let (registry, injector) = (Registry::new(1, 1), Injector::new());
        let (transit, uses) = (Transit::default(), AtomicUsize::new(0));
        Self(Arc::new(Inner { registry, injector, transit, uses, really: Default::default() }))
    }

    /// Uses it, which whoever frees it must see.
    fn touch(&self) {
        assert!(!self.0.really.1.load(SeqCst), "it is used after it was freed");
        self.0.uses.store(self.0.really.0.fetch_add(1, SeqCst) + 1, Relaxed);
    }

    fn take_any(&self) -> Option<Runnable> {
        insist(|| self.0.injector.steal())
    }

    /// As `Shared::drop`, and then the memory goes.
    fn end(&self) {
        self.0.registry.close();
        self.0.transit.wait_out(|| {
            drop(self.0.registry.cancel_all());
            while let Some(task) = self.take_any() {
                drop(task);
            }
            self.0.registry.is_empty()
        });
        let seen = self.0.uses.load(Relaxed);
        assert_eq!(seen, self.0.really.0.load(SeqCst), "it is freed beside its last use");
        self.0.really.1.store(true, SeqCst);
    }
}

impl Owner for Runtime {
    /// As `Shared::inject`; what it touches last is where it would wake a worker.
    fn push(&self, task: Runnable) {
        self.0.transit.pass(|| {
            self.0.injector.push(task);
            self.touch();
        });
    }

    fn unlist(&self, place: u64) -> Listed {
        self.0.registry.take(place)
    }

    fn retract(&self, _: TaskId) {}
}

/// Property: a thread that wakes a task while the task's runtime is dropped is done with the runtime
/// before that is gone, and the task's future is dropped.
/// Threads: a waker, one that drops the runtime. Bound: see the list.
/// Killed by: `wait_out` not looking at the count; `pass` counting after it has queued; the count down
/// not releasing; the look at it not acquiring.
pub fn a_thread_that_wakes_a_task_is_done_with_its_runtime_before_that_is_gone() {
    let runtime = Runtime::new();
    let (future, watch, flags) = Subject::new(1);
    let spec = spec(true);
    let admission = runtime.0.registry.open(0, spec.id).expect("it is open");
    let (runnable, task) = new_task(future, runtime.clone(), spec);
    admission.list(&runnable);
    task.detach();
    let _ = runnable.run(&std::time::Instant::now(), 0);
    let waker = watch.waker();
    let rouser = spawn(move || raise_and_wake(&flags[0], &waker));
    runtime.end();
    rouser.join().expect("it does not panic");
    assert_eq!(watch.futures_dropped(), 1);
    assert_eq!(Arc::strong_count(&runtime.0), 1, "a cell is leaked");
}
