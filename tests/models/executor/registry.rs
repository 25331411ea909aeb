//! Models of the end of a runtime: the registry against a spawn and against a wake that come late.

use std::collections::VecDeque;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::task::{Context, Poll};
use std::time::Instant;

use windlass_executor::ending::{CLOSING, Ending};
use windlass_executor::registry::Registry;
use windlass_executor::task::runnable::Listed;
use windlass_executor::task::{Owner, Ran, Runnable, TaskId, new_task};
use windlass_sync::shim::Mutex;

use super::hands::{Subject, raise_and_wake, spawn, spec};

/// A scheduler of one queue that lists its tasks in a registry; each cell holds one clone of it.
#[derive(Clone)]
struct Listing(Arc<Inner>);

struct Inner {
    ready: Mutex<VecDeque<Runnable>>,
    registry: Registry,
    ending: Ending,
}

impl Listing {
    fn new() -> Self {
        let (ready, registry) = (Mutex::new(VecDeque::new()), Registry::new(2, 1));
        Self(Arc::new(Inner { ready, registry, ending: Ending::default() }))
    }

    fn spawn(&self, future: impl Future<Output: Send + 'static> + Send + 'static) -> bool {
        self.spawn_in(0, future)
    }

    /// Makes, lists and pushes a task, as `Shared::admit` does; false if it is refused.
    fn spawn_in(
        &self,
        shard: usize,
        future: impl Future<Output: Send + 'static> + Send + 'static,
    ) -> bool {
        let spec = spec(true);
        let Some(admission) = self.0.registry.open(shard, spec.id) else { return false };
        let (runnable, task) = new_task(future, self.clone(), spec);
        admission.list(&runnable);
        task.detach();
        self.push(runnable);
        true
    }

    /// Admits nobody any more, and cancels those who are there, as `Shared`'s end does.
    fn close(&self) {
        self.0.registry.close();
        for runnable in self.0.registry.cancel_all() {
            self.push(runnable);
        }
    }

    /// Runs what is queued, until nothing is.
    fn run(&self) {
        loop {
            let next = self.0.ready.lock().pop_front();
            match next.map(|task| task.run(&Instant::now(), 0)) {
                Some(Ran::Again(task)) => self.push(task),
                Some(_) => {}
                None => return,
            }
        }
    }

    /// Nothing is left of any task.
    fn check(&self) {
        assert!(self.0.registry.is_empty(), "a task outlives the runtime");
        assert_eq!(Arc::strong_count(&self.0), 1, "a cell is leaked");
    }
}

impl Owner for Listing {
    fn push(&self, task: Runnable) {
        self.0.ready.lock().push_back(task);
    }

    /// As `Shared::unlist`.
    fn unlist(&self, place: u64) -> Listed {
        let entry = self.0.registry.take(place);
        let _ = self.0.ending.task_gone(|| self.0.registry.is_empty());
        entry
    }

    fn retract(&self, _: TaskId) {}
}

/// A future that waits for ever, and is counted when it is dropped.
struct Held(Arc<AtomicUsize>);

impl Future for Held {
    type Output = ();

    fn poll(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<()> {
        Poll::Pending
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.0.fetch_add(1, SeqCst);
    }
}

/// Property: a task that is spawned while the runtime ends is refused, or it is cancelled; its future
/// is dropped either way.
/// Threads: a spawner, one that ends the runtime. Bound: none.
/// Killed by: `Registry::admit` not looking at `closed`; `Registry::close` after `cancel_all`.
pub fn a_task_that_is_spawned_while_the_runtime_ends_is_refused_or_cancelled() {
    let (listing, dropped) = (Listing::new(), Arc::new(AtomicUsize::new(0)));
    let spawner = spawn({
        let (listing, held) = (listing.clone(), Held(dropped.clone()));
        move || _ = listing.spawn(held)
    });
    listing.close();
    listing.run();
    spawner.join().expect("it does not panic");
    listing.run();
    assert_eq!(dropped.load(SeqCst), 1);
    listing.check();
}

/// Property: a wake that comes while the runtime ends neither revives its task nor is it lost on the
/// way: the task leaves the registry, its future is dropped once, and the waker keeps nothing alive
/// once it is gone.
/// Threads: a waker, one that ends the runtime. Bound: none.
/// Killed by: `Registry::cancel_all` dropping a runnable under the lock that its end needs.
pub fn a_wake_that_comes_while_the_runtime_ends_leaves_nothing_behind() {
    let listing = Listing::new();
    let (future, watch, flags) = Subject::new(1);
    assert!(listing.spawn(future));
    listing.run();
    let waker = watch.waker();
    let rouser = spawn(move || raise_and_wake(&flags[0], &waker));
    listing.close();
    listing.run();
    rouser.join().expect("it does not panic");
    listing.run();
    assert_eq!(watch.futures_dropped(), 1);
    assert!(watch.outputs_dropped() <= 1);
    listing.check();
}

/// Property: while a runtime is closing, the last of its tasks wakes who waits for that, though two of
/// them go at once from two lists.
/// Threads: two that end a task each, one that ends the runtime. Bound: see the list.
/// Killed by: `task_gone` unparking nobody. Not by a Relaxed look at the phase: the locks of the
/// registry order it.
pub fn the_last_task_that_goes_wakes_who_waits_for_it() {
    let (listing, dropped) = (Listing::new(), Arc::new(AtomicUsize::new(0)));
    let runners = [0, 1].map(|shard| {
        assert!(listing.spawn_in(shard, Held(dropped.clone())));
        let task = listing.0.ready.lock().pop_front().expect("it was pushed");
        spawn(move || drop(task))
    });
    // As `shutdown::close` and `drain` do.
    listing.0.ending.say(CLOSING);
    listing.0.registry.close();
    while !listing.0.registry.is_empty() {
        listing.0.ending.sleep(None);
    }
    for runner in runners {
        runner.join().expect("it does not panic");
    }
    assert_eq!(dropped.load(SeqCst), 2);
    listing.check();
}
