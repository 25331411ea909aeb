//! What the models of this floor share: a scheduler of one queue, and a future that is watched.

use std::collections::VecDeque;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Instant;

use windlass_executor::ids::Ids;
use windlass_executor::task::runnable::Listed;
use windlass_executor::task::{Owner, Ran, Runnable, Spec, TaskId};
use windlass_sync::shim::atomic::{AtomicBool, Ordering::Relaxed};
use windlass_sync::shim::thread::{self, JoinHandle};
use windlass_sync::shim::{Mutex, UnsafeCell};

use crate::note::Note;

/// Starts a thread of the model.
pub fn spawn(body: impl FnOnce() + Send + 'static) -> JoinHandle<()> {
    thread::spawn("model".into(), body).expect("a thread can be started")
}

/// A scheduler of one queue; each cell holds one clone of it.
#[derive(Clone)]
pub struct Queue(Arc<Inner>);

struct Inner {
    ready: Mutex<VecDeque<Runnable>>,
    list: Mutex<Option<Listed>>,
}

impl Queue {
    pub fn new() -> Self {
        Self(Arc::new(Inner { ready: Mutex::new(VecDeque::new()), list: Mutex::new(None) }))
    }

    /// Runs what is queued, until nothing is.
    pub fn run(&self) {
        loop {
            let next = self.0.ready.lock().pop_front();
            match next {
                Some(task) => self.run_one(task),
                None => return,
            }
        }
    }

    /// Runs this task once, and queues it again if it says so.
    pub fn run_one(&self, task: Runnable) {
        if let Ran::Again(task) = task.run(&Instant::now(), 0) {
            self.push(task);
        }
    }

    /// Lists a task that was made to be listed.
    pub fn list(&self, task: &Runnable) {
        task.list(|entry| {
            *self.0.list.lock() = Some(entry);
            7
        });
    }

    /// Cancels the listed task, if it is still there; true if it was.
    pub fn cancel_listed(&self) -> bool {
        let (found, runnable) = match &*self.0.list.lock() {
            Some(entry) => (true, entry.cancel()),
            None => (false, None),
        };
        if let Some(runnable) = runnable {
            self.push(runnable);
        }
        found
    }

    /// Cells that are not freed yet.
    pub fn cells(&self) -> usize {
        Arc::strong_count(&self.0) - 1
    }
}

impl Owner for Queue {
    fn push(&self, task: Runnable) {
        self.0.ready.lock().push_back(task);
    }

    fn unlist(&self, place: u64) -> Listed {
        assert_eq!(place, 7);
        self.0.list.lock().take().expect("a listed task has its entry")
    }

    fn retract(&self, _: TaskId) {}
}

/// The facts of a new task.
#[track_caller]
pub fn spec(listed: bool) -> Spec {
    Spec { id: Ids::new(0).one(), spawned_at: std::panic::Location::caller(), born_ns: 0, listed }
}

/// What happened to a [`Subject`]; no part of the model.
#[derive(Default)]
pub struct Watch {
    pub polls: AtomicUsize,
    pub futures_dropped: AtomicUsize,
    pub outputs_dropped: AtomicUsize,
    waker: Note<Option<Waker>>,
}

impl Watch {
    pub fn polls(&self) -> usize {
        self.polls.load(SeqCst)
    }

    pub fn futures_dropped(&self) -> usize {
        self.futures_dropped.load(SeqCst)
    }

    pub fn outputs_dropped(&self) -> usize {
        self.outputs_dropped.load(SeqCst)
    }

    /// The waker that the first poll has left.
    pub fn waker(&self) -> Waker {
        let waker = self.waker.lock().take();
        waker.expect("the subject was polled")
    }
}

/// A future that is ready when all its flags are up.
pub struct Subject {
    pub watch: Arc<Watch>,
    flags: Arc<[AtomicBool]>,
    /// Its own field, which travels from worker to worker.
    own: UnsafeCell<()>,
}

impl Subject {
    /// With so many flags, and where they are.
    pub fn new(flags: usize) -> (Self, Arc<Watch>, Arc<[AtomicBool]>) {
        let watch = Arc::new(Watch::default());
        let flags: Arc<[AtomicBool]> = (0..flags).map(|_| AtomicBool::new(false)).collect();
        let own = UnsafeCell::new(());
        (Self { watch: watch.clone(), flags: flags.clone(), own }, watch, flags)
    }
}

impl Future for Subject {
    type Output = Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Output> {
        self.own.with_mut(|_| ());
        if self.watch.polls.fetch_add(1, SeqCst) == 0 {
            let waker = cx.waker().clone();
            *self.watch.waker.lock() = Some(waker);
        }
        if self.flags.iter().all(|flag| flag.load(Relaxed)) {
            Poll::Ready(Output { watch: self.watch.clone(), own: UnsafeCell::new(()) })
        } else {
            Poll::Pending
        }
    }
}

impl Drop for Subject {
    fn drop(&mut self) {
        self.own.with_mut(|_| ());
        self.watch.futures_dropped.fetch_add(1, SeqCst);
    }
}

/// The output of a [`Subject`].
pub struct Output {
    watch: Arc<Watch>,
    own: UnsafeCell<()>,
}

impl Drop for Output {
    fn drop(&mut self) {
        self.own.with_mut(|_| ());
        self.watch.outputs_dropped.fetch_add(1, SeqCst);
    }
}

/// Raises a flag, and says so with a waker that stays alive.
pub fn raise_and_wake(flag: &AtomicBool, waker: &Waker) {
    flag.store(true, Relaxed);
    waker.wake_by_ref();
}

/// A joiner's waker.
#[derive(Default)]
pub struct Count(AtomicUsize);

impl Count {
    pub fn wakes(&self) -> usize {
        self.0.load(SeqCst)
    }
}

impl Wake for Count {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, SeqCst);
    }
}
