//! Models of the blocking pool: the crew's accounting, and the jobs that go through it.
//!
//! The pool is the real one, with threads of the model. Only the keep-alive is played by hand, on
//! the same accounting, because a model has no clock.

use std::future::Future;
use std::pin::pin;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::task::{Context, Poll, Wake, Waker};

use windlass_executor::blocking::BlockingPool;
use windlass_executor::blocking::crew::{Call, Crew, Limits, Next};
use windlass_sync::shim::atomic::{AtomicUsize as Shared, Ordering::Relaxed};
use windlass_sync::shim::thread::{self, JoinHandle};
use windlass_sync::shim::{Arc, Condvar, Mutex};

use crate::Model;

pub const SUBMIT_AGAINST_REST: Model = Model {
    name: "a_job_submitted_while_a_thread_goes_idle_is_run",
    threads: 3,
    weak: Some(2),
    interleaving: Some(3),
    killed_by: "Crew::finish answering Rest without looking at the queue; Shared::submit not carrying its errand out",
    body: a_job_submitted_while_a_thread_goes_idle_is_run,
};

pub const SUBMIT_AGAINST_SHUTDOWN: Model = Model {
    name: "a_job_submitted_against_shutdown_runs_or_is_refused_and_the_threads_end",
    threads: 3,
    weak: Some(3),
    interleaving: Some(4),
    killed_by: "Crew::close not waking the idle; State::admits not looking at closing",
    body: a_job_submitted_against_shutdown_runs_or_is_refused_and_the_threads_end,
};

pub const AT_THE_CAP: Model = Model {
    name: "at_the_cap_each_job_runs_when_a_thread_frees",
    threads: 3,
    weak: Some(1),
    interleaving: Some(2),
    killed_by: "Crew::look leaving coming set; Crew::finish resting with a job queued",
    body: at_the_cap_each_job_runs_when_a_thread_frees,
};

pub const RETRACT: Model = Model {
    name: "a_job_cancelled_against_the_thread_that_takes_it_runs_or_is_dropped_once",
    threads: 2,
    weak: Some(3),
    interleaving: Some(4),
    killed_by: "Shared::retract not withdrawing the job from the crew",
    body: a_job_cancelled_against_the_thread_that_takes_it_runs_or_is_dropped_once,
};

pub const GIVE_UP: Model = Model {
    name: "a_job_submitted_against_the_end_of_the_keep_alive_is_run",
    threads: 3,
    weak: None,
    interleaving: None,
    killed_by: "Crew::gone not calling anybody; Crew::give_up leaving the thread in the idle stack",
    body: a_job_submitted_against_the_end_of_the_keep_alive_is_run,
};

pub const ROOM: Model = Model {
    name: "room_in_a_full_queue_goes_to_the_job_that_waits_for_it",
    threads: 2,
    weak: Some(3),
    interleaving: Some(4),
    killed_by: "State::take admitting nobody; submit_or_wait releasing the lock before it waits",
    body: room_in_a_full_queue_goes_to_the_job_that_waits_for_it,
};

pub const LAST_THREAD: Model = Model {
    name: "a_shutdown_that_is_awaited_sees_the_last_thread_go",
    threads: 2,
    weak: None,
    interleaving: None,
    killed_by: "Shared::gone announcing no end; poll_gone keeping no waker",
    body: a_shutdown_that_is_awaited_sees_the_last_thread_go,
};

pub const FLAG: Model = Model {
    name: "a_closure_that_sees_its_flag_sees_what_came_before_the_cancel",
    threads: 2,
    weak: None,
    interleaving: None,
    killed_by: "Relaxed store in CancelFlag::set; Relaxed load in CancelFlag::is_set",
    body: a_closure_that_sees_its_flag_sees_what_came_before_the_cancel,
};

/// A pool whose threads all take jobs at once: nothing in it depends on the time.
fn pool(threads: usize) -> BlockingPool {
    BlockingPool::builder().threads(0..=threads).eager(threads).build()
}

fn spawn(body: impl FnOnce() + Send + 'static) -> JoinHandle<()> {
    thread::spawn("model".into(), body).expect("a thread can be started")
}

/// A thread of the model that waits for wakes.
#[derive(Default)]
struct Bell {
    rung: Mutex<bool>,
    changed: Condvar,
}

impl Wake for Bell {
    fn wake(self: Arc<Self>) {
        *self.rung.lock() = true;
        self.changed.notify_one();
    }
}

fn wait<F: Future>(future: F) -> F::Output {
    let bell = Arc::new(Bell::default());
    let waker = Waker::from(bell.clone());
    let mut future = pin!(future);
    loop {
        if let Poll::Ready(output) = future.as_mut().poll(&mut Context::from_waker(&waker)) {
            return output;
        }
        let mut rung = bell.rung.lock();
        while !*rung {
            bell.changed.wait(&mut rung);
        }
        *rung = false;
    }
}

/// Counts what becomes of closures; no part of the model.
#[derive(Clone, Default)]
struct Fate {
    run: Arc<AtomicUsize>,
    dropped: Arc<AtomicUsize>,
}

struct Closure(Fate);

impl Closure {
    fn call(self) {
        self.0.run.fetch_add(1, SeqCst);
    }
}

impl Drop for Closure {
    fn drop(&mut self) {
        self.0.dropped.fetch_add(1, SeqCst);
    }
}

impl Fate {
    fn closure(&self) -> impl FnOnce() + Send + use<> {
        let closure = Closure(self.clone());
        move || closure.call()
    }

    fn run(&self) -> usize {
        self.run.load(SeqCst)
    }

    fn dropped(&self) -> usize {
        self.dropped.load(SeqCst)
    }
}

/// Property: a job that is submitted while the only thread looks for one and finds none is run,
/// with nobody else to help.
/// Threads: two that submit, one of the pool. Bound: see the list.
/// Killed by: `Crew::finish` resting without a look; `Shared::submit` not doing its errand.
fn a_job_submitted_while_a_thread_goes_idle_is_run() {
    let pool = pool(1);
    let other = spawn({
        let pool = pool.clone();
        move || assert_eq!(wait(pool.run(|| 1)).expect("it is not refused"), 1)
    });
    assert_eq!(wait(pool.run(|| 2)).expect("it is not refused"), 2);
    other.join().expect("it does not panic");
}

/// Property: a job is run once, or dropped once with an error for its task; and the threads end.
/// Threads: one that submits, one that shuts down, one of the pool. Bound: see the list.
/// Killed by: `Crew::close` waking nobody; `State::admits` not looking at `closing`.
fn a_job_submitted_against_shutdown_runs_or_is_refused_and_the_threads_end() {
    let pool = pool(1);
    let (first, second) = (Fate::default(), Fate::default());
    pool.run(first.closure()).detach();
    let other = spawn({
        let (pool, second) = (pool.clone(), second.clone());
        move || {
            let done = wait(pool.run(second.closure()));
            assert_eq!(done.is_ok(), second.run() == 1);
        }
    });
    assert!(pool.close_and_wait(None).is_empty());
    assert_eq!(first.run(), 1);
    assert_eq!(pool.stats().threads, 0);
    other.join().expect("it does not panic");
    assert_eq!((first.dropped(), second.dropped()), (1, 1));
}

/// Property: with more jobs than threads may be, each job runs.
/// Threads: one that submits and waits, two of the pool. Bound: see the list.
/// Killed by: `Crew::look` leaving `coming` set; `Crew::finish` resting with a job queued.
fn at_the_cap_each_job_runs_when_a_thread_frees() {
    let pool = pool(2);
    let tasks = [0, 1, 2].map(|n| pool.run(move || n));
    let sum: u32 = tasks.into_iter().map(|task| wait(task).expect("it is not refused")).sum();
    assert_eq!(sum, 3);
    assert!(pool.stats().peak <= 2);
}

/// Property: a job whose task is dropped while a thread takes it is run, or dropped unrun, once;
/// and the pool's books still agree with its queue.
/// Threads: one that cancels, one of the pool. Bound: see the list.
/// Killed by: `Shared::retract` not withdrawing the job from the crew.
fn a_job_cancelled_against_the_thread_that_takes_it_runs_or_is_dropped_once() {
    let pool = pool(1);
    let (cancelled, other) = (Fate::default(), Fate::default());
    let task = pool.run(cancelled.closure());
    drop(task);
    assert!(cancelled.dropped() == 1 || pool.stats().queued == 0);
    wait(pool.run(other.closure())).expect("it is not refused");
    assert!(pool.close_and_wait(None).is_empty());
    assert_eq!((cancelled.dropped(), other.dropped(), other.run()), (1, 1, 1));
}

/// The pool's lock, played by hand around the real accounting.
struct Hall {
    books: Mutex<Crew>,
    bell: Condvar,
    taken: AtomicUsize,
}

impl Hall {
    /// The life of a thread whose keep-alive ends as soon as it rests.
    fn live(self: Arc<Self>, me: usize) {
        let mut crew = self.books.lock();
        let mut next = crew.look(me, false);
        loop {
            match next {
                Next::Take => {
                    self.taken.fetch_add(1, SeqCst);
                    let call = crew.call();
                    drop(crew);
                    self.carry_out(call);
                    crew = self.books.lock();
                    next = crew.finish(me);
                }
                Next::Rest => {
                    drop(crew); // what a wait that times out does
                    crew = self.books.lock();
                    next = crew.look(me, false);
                    if next == Next::Rest {
                        assert!(crew.give_up(me), "there is no minimum, and nobody called");
                        next = Next::Leave;
                    }
                }
                Next::StandBy => unreachable!("every thread is an eager one"),
                Next::Leave => break,
            }
        }
        drop(crew);
        let call = self.books.lock().gone(me);
        self.bell.notify_all();
        self.carry_out(call);
    }

    fn carry_out(self: &Arc<Self>, call: Call) {
        if let Call::Start(thread) = call {
            let hall = self.clone();
            drop(spawn(move || hall.live(thread)));
        }
    }

    fn submit(self: &Arc<Self>) {
        let call = {
            let mut crew = self.books.lock();
            crew.enqueue();
            crew.call()
        };
        self.carry_out(call);
    }
}

/// Property: a job that comes while the only thread gives up, leaves, or is gone is run, by that
/// thread or by the next; and there is never more than one.
/// Threads: one that submits, and two of the pool, one after the other. Bound: none.
/// Killed by: `Crew::gone` calling nobody; `Crew::give_up` leaving the thread in the idle stack.
fn a_job_submitted_against_the_end_of_the_keep_alive_is_run() {
    let limits = Limits { min: 0, max: 1, eager: 1 };
    let hall = Arc::new(Hall {
        books: Mutex::new(Crew::new(limits)),
        bell: Condvar::new(),
        taken: AtomicUsize::new(0),
    });
    hall.submit();
    hall.submit();
    let mut crew = hall.books.lock();
    while crew.threads() > 0 {
        assert_eq!(crew.threads(), 1);
        hall.bell.wait(&mut crew);
    }
    assert_eq!(crew.queued(), 0);
    assert_eq!(hall.taken.load(SeqCst), 2);
}

/// Property: who waits for room in a full queue gets it when a thread takes a job.
/// Threads: one that submits, one of the pool. Bound: see the list.
/// Killed by: `State::take` admitting nobody; `submit_or_wait` unlocking before it waits.
fn room_in_a_full_queue_goes_to_the_job_that_waits_for_it() {
    let pool = BlockingPool::builder().threads(0..=1).eager(1).queue(1).build();
    let first = pool.run(|| 1);
    let second = wait(pool.run_when_free(|| 2));
    assert_eq!(wait(first).expect("there was room"), 1);
    assert_eq!(wait(second).expect("it waited for room"), 2);
}

/// Property: whoever awaits the shutdown is woken when the last thread is gone.
/// Threads: one that shuts down, one of the pool. Bound: none.
/// Killed by: `Shared::gone` announcing no end; `poll_gone` keeping no waker.
fn a_shutdown_that_is_awaited_sees_the_last_thread_go() {
    let pool = pool(1);
    let fate = Fate::default();
    pool.run(fate.closure()).detach();
    wait(pool.shutdown());
    assert_eq!(fate.run(), 1);
    assert_eq!(pool.stats().threads, 0);
}

/// Property: what was written before the task was dropped is seen by the closure that sees its flag.
/// Threads: one that cancels, one of the pool. Bound: none.
/// Killed by: a `Relaxed` store in `CancelFlag::set`; a `Relaxed` load in `CancelFlag::is_set`.
fn a_closure_that_sees_its_flag_sees_what_came_before_the_cancel() {
    let pool = pool(1);
    let data = Arc::new(Shared::new(0));
    let seen = data.clone();
    let task = pool.run_with(move |flag| {
        if flag.is_set() {
            assert_eq!(seen.load(Relaxed), 1);
        }
    });
    data.store(1, Relaxed);
    drop(task);
}
