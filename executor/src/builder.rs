//! How a runtime is put together.

use std::collections::VecDeque;
use std::io;
use std::ops::RangeInclusive;
use std::rc::Rc;
use std::sync::{Arc, Weak};
use std::task::{Wake, Waker};
use std::time::Duration;

use windlass_reactor::Reactor;
use windlass_sync::shim::{self, thread};
use windlass_timer::{Clock, Timers};

use crate::blocking::BlockingPool;
use crate::caller::Core;
use crate::config::{Config, OnPanic, ThreadHook, processors};
use crate::context;
use crate::counters::Counters;
use crate::idle::MAX_SEATS;
use crate::ids::Ids;
use crate::pace::{Pace, UNKNOWN_NS};
use crate::parker::Parker;
use crate::report::Report;
use crate::run_queue::RunQueue;
use crate::runtime::Runtime;
use crate::scheduler::{Parts, Seat, Shared};
use crate::worker::{Step, Worker};

/// A poll longer than this is reported in debug mode; asyncio's figure.
const SLOW_POLL: Duration = Duration::from_millis(100);
/// How long dropping a runtime waits for what does not end.
const SHUTDOWN_TIMEOUT: Duration = Duration::from_secs(10);

/// Settings of a runtime; what is not set comes from the environment or has a default.
///
/// | variable           | meaning                                                      |
/// |--------------------|--------------------------------------------------------------|
/// | `WINDLASS_WORKERS` | workers, if [`workers`](Self::workers) is not called          |
/// | `WINDLASS_DEBUG`   | debug mode, if [`debug`](Self::debug) is not called; empty or `0` is off |
///
/// # Examples
/// ```
/// use windlass_executor::runtime::Builder;
///
/// let runtime = Builder::new().workers(1).build()?;
/// assert_eq!(runtime.handle().workers(), 1);
/// # std::io::Result::Ok(())
/// ```
#[derive(Debug)]
#[must_use = "a builder makes nothing until `build` is called"]
pub struct Builder {
    workers: Option<usize>,
    debug: Option<bool>,
    caller_works: bool,
    clock: Clock,
    blocking_threads: Option<RangeInclusive<usize>>,
    blocking_keep_alive: Option<Duration>,
    config: Config,
}

impl Default for Builder {
    fn default() -> Self {
        Self::new()
    }
}

impl Builder {
    /// The default settings: a worker for each processor, the caller of `block_on` among them.
    pub fn new() -> Self {
        Self {
            workers: None,
            debug: None,
            caller_works: true,
            clock: Clock::new(),
            blocking_threads: None,
            blocking_keep_alive: None,
            config: Config {
                name: "windlass".to_owned(),
                debug: false,
                slow_poll: SLOW_POLL,
                on_panic: OnPanic::default(),
                on_report: None,
                on_thread_start: None,
                on_thread_stop: None,
                shutdown_timeout: SHUTDOWN_TIMEOUT,
            },
        }
    }

    /// How many workers run tasks: 1 to 48. One of them is the thread inside `block_on`, so one
    /// worker means no thread is started, and tasks run strictly in their order.
    pub fn workers(mut self, workers: usize) -> Self {
        self.workers = Some(workers);
        self
    }

    /// Whether the thread inside `block_on` is one of the workers (the default). If not, all of them
    /// are threads, and tasks run on while nobody is inside `block_on`.
    ///
    /// # Examples
    /// ```
    /// # use std::sync::mpsc;
    /// # use windlass_executor::runtime::Builder;
    /// let runtime = Builder::new().workers(1).caller_works(false).build()?;
    /// let (tell, told) = mpsc::channel();
    /// runtime.spawn(async move { tell.send(42).unwrap() }).detach();
    /// assert_eq!(told.recv(), Ok(42)); // although nobody is inside `block_on`
    /// # std::io::Result::Ok(())
    /// ```
    pub fn caller_works(mut self, works: bool) -> Self {
        self.caller_works = works;
        self
    }

    /// What the names of the runtime's threads begin with.
    pub fn name(mut self, name: &str) -> Self {
        name.clone_into(&mut self.config.name);
        self
    }

    /// Debug mode: reports polls that block their worker, lost tasks, tasks that wait for what they hold
    /// themselves, and tasks left at shutdown. It reads the clock twice per poll.
    ///
    /// # Examples
    /// ```
    /// # use std::{sync::mpsc, thread, time::Duration};
    /// # use windlass_executor::runtime::Builder;
    /// let (tell, told) = mpsc::channel();
    /// let runtime = Builder::new().workers(1).debug(true).slow_poll(Duration::from_millis(5))
    ///     .on_report(move |report| tell.send(report.to_string()).unwrap())
    ///     .build()?;
    /// let blocks = runtime.spawn(async { thread::sleep(Duration::from_millis(10)) });
    /// runtime.block_on(blocks).unwrap();
    /// assert!(told.recv().unwrap().starts_with("slow poll"));
    /// # std::io::Result::Ok(())
    /// ```
    pub fn debug(mut self, debug: bool) -> Self {
        self.debug = Some(debug);
        self
    }

    /// From what length on debug mode reports a poll; 100 ms by default.
    pub fn slow_poll(mut self, threshold: Duration) -> Self {
        self.config.slow_poll = threshold;
        self
    }

    /// What an unobserved panic does besides being reported.
    pub fn on_panic(mut self, policy: OnPanic) -> Self {
        self.config.on_panic = policy;
        self
    }

    /// Where reports go instead of to standard error. It is called on the thread where the trouble
    /// was found, and must not block.
    pub fn on_report(mut self, hook: impl Fn(&Report) + Send + Sync + 'static) -> Self {
        self.config.on_report = Some(Arc::new(hook));
        self
    }

    /// Called on each thread of the runtime, blocking ones included, before it does anything. A panic in
    /// it is printed, and the thread goes on.
    ///
    /// # Examples
    /// ```
    /// # use std::sync::{Arc, atomic::{AtomicUsize, Ordering::Relaxed}};
    /// # use windlass_executor::runtime::Builder;
    /// let threads = Arc::new(AtomicUsize::new(0));
    /// let count = threads.clone();
    /// let builder = Builder::new().workers(3).on_thread_start(move || {
    ///     count.fetch_add(1, Relaxed); // or set a priority, a processor, a name in a profiler
    /// });
    /// drop(builder.build()?);
    /// assert_eq!(threads.load(Relaxed), 2, "the third worker is whoever calls `block_on`");
    /// # std::io::Result::Ok(())
    /// ```
    pub fn on_thread_start(mut self, hook: impl Fn() + Send + Sync + 'static) -> Self {
        self.config.on_thread_start = Some(contained(hook));
        self
    }

    /// Called on each thread of the runtime, blocking ones included, before it ends.
    pub fn on_thread_stop(mut self, hook: impl Fn() + Send + Sync + 'static) -> Self {
        self.config.on_thread_stop = Some(contained(hook));
        self
    }

    /// The clock that timers go by; a paused one makes time stand still until it is advanced.
    pub fn clock(mut self, clock: Clock) -> Self {
        self.clock = clock;
        self
    }

    /// How many threads the default blocking pool keeps and may have; `0..=min(32, processors + 4)`
    /// by default.
    pub fn blocking_threads(mut self, threads: RangeInclusive<usize>) -> Self {
        self.blocking_threads = Some(threads);
        self
    }

    /// How long a blocking thread waits for a job before it ends; 10 s by default.
    pub fn blocking_keep_alive(mut self, keep_alive: Duration) -> Self {
        self.blocking_keep_alive = Some(keep_alive);
        self
    }

    /// How long dropping the runtime waits for tasks, threads and blocking jobs; 10 s by default.
    pub fn shutdown_timeout(mut self, timeout: Duration) -> Self {
        self.config.shutdown_timeout = timeout;
        self
    }

    /// Makes the runtime and starts its threads.
    ///
    /// # Errors
    /// If the number of workers is out of range (also in `WINDLASS_WORKERS`), if the poller cannot
    /// be made, or if a thread cannot be started.
    ///
    /// # Panics
    /// If the name has a zero byte, or if `blocking_threads` has a maximum of 0 or one below its minimum.
    pub fn build(mut self) -> io::Result<Runtime> {
        let workers = self.settle_workers()?;
        self.config.debug = self.debug.unwrap_or_else(debug_from_environment);
        let reactor = Reactor::new()?;
        let mut queues: Vec<_> = (0..workers).map(|_| RunQueue::new()).collect();
        let seats = queues.iter().map(|queue| Seat {
            queue: queue.public().clone(),
            parker: Parker::default(),
            counters: Counters::new(),
            pace: Pace::new(UNKNOWN_NS),
        });
        let seats = seats.collect();
        let threads_from = usize::from(self.caller_works);
        let for_threads = queues.split_off(threads_from);
        let core = |queue| Core { queue, local: VecDeque::new(), hosted: false };
        let shared = Arc::new_cyclic(|weak: &Weak<Shared>| {
            let ids = Arc::new(Ids::new(weak.as_ptr().addr()));
            // A foreign thread that arms an earlier timer ends the sleep in the reactor.
            let unparker = reactor.handle().unparker();
            let timers = Timers::new(workers, self.clock.clone(), unparker);
            Shared::new(Parts {
                blocking: self.blocking(weak.clone(), ids.clone()),
                config: self.config,
                reactor,
                core: queues.pop().map(core),
                subscription: self.clock.subscribe(Waker::from(Arc::new(LookAgain(weak.clone())))),
                timers,
                seats,
                ids,
            })
        });
        let mut threads = Vec::new();
        for (offset, queue) in for_threads.into_iter().enumerate() {
            let seat = threads_from + offset;
            match start(&shared, seat, queue) {
                Ok(thread) => threads.push(thread),
                Err(error) => {
                    // Those that have started are told to end by the drop.
                    drop(Runtime::assemble(shared, threads));
                    return Err(error);
                }
            }
        }
        Ok(Runtime::assemble(shared, threads))
    }

    fn settle_workers(&self) -> io::Result<usize> {
        const VARIABLE: &str = "WINDLASS_WORKERS";
        let refuse = |what: String| Err(io::Error::new(io::ErrorKind::InvalidInput, what));
        let (workers, source) = match (self.workers, std::env::var(VARIABLE)) {
            (Some(workers), _) => (workers, "workers()"),
            (None, Ok(text)) => match text.trim().parse() {
                Ok(workers) => (workers, VARIABLE),
                Err(_) => return refuse(format!("{VARIABLE} is no number: {text:?}")),
            },
            (None, Err(_)) => (processors().min(MAX_SEATS), "the number of processors"),
        };
        if (1..=MAX_SEATS).contains(&workers) {
            return Ok(workers);
        }
        refuse(format!("{source} is {workers}, and must be from 1 to {MAX_SEATS}"))
    }

    /// The default pool, whose threads are inside the runtime.
    fn blocking(&self, runtime: Weak<Shared>, ids: Arc<Ids>) -> BlockingPool {
        let (start, stop) =
            (self.config.on_thread_start.clone(), self.config.on_thread_stop.clone());
        let mut pool = BlockingPool::builder();
        if let Some(threads) = self.blocking_threads.clone() {
            pool = pool.threads(threads);
        }
        if let Some(keep_alive) = self.blocking_keep_alive {
            pool = pool.keep_alive(keep_alive);
        }
        pool.name(&format!("{}-blocking", self.config.name))
            .numbered(ids, self.clock.epoch())
            .setup(Arc::new(move |body: &mut dyn FnMut()| {
                let entered = runtime.upgrade().map(|shared| context::enter(&shared, None));
                start.iter().for_each(|hook| hook());
                body();
                stop.iter().for_each(|hook| hook());
                drop(entered);
            }))
            .build()
    }
}

/// Wakes every worker when the clock is paused, moved or resumed.
struct LookAgain(Weak<Shared>);

impl Wake for LookAgain {
    fn wake(self: Arc<Self>) {
        if let Some(shared) = self.0.upgrade() {
            shared.unpark_all();
        }
    }
}

/// A hook whose panic ends there, since its thread is needed; the panic hook prints it.
fn contained(hook: impl Fn() + Send + Sync + 'static) -> ThreadHook {
    Arc::new(move || _ = shim::catch_unwind(&hook).map_err(std::mem::forget))
}

fn debug_from_environment() -> bool {
    std::env::var("WINDLASS_DEBUG").is_ok_and(|value| !value.is_empty() && value != "0")
}

/// Starts the thread of one seat.
fn start(shared: &Arc<Shared>, seat: usize, queue: RunQueue) -> io::Result<thread::JoinHandle<()>> {
    shared.ending.thread_starts();
    let ends = ThreadEnds(shared.clone()); // dropped, too, if the thread cannot be started
    let name = format!("{}-{seat}", shared.config.name);
    thread::spawn(name, move || {
        let config = &ends.0.config;
        config.on_thread_start.iter().for_each(|hook| hook());
        work(&ends.0, seat, queue);
        config.on_thread_stop.iter().for_each(|hook| hook());
        drop(ends);
    })
}

/// Tells the end of a worker thread, also by a panic.
struct ThreadEnds(Arc<Shared>);

impl Drop for ThreadEnds {
    fn drop(&mut self) {
        self.0.ending.thread_ends(|| self.0.close_floors());
    }
}

/// A worker thread's life.
fn work(shared: &Arc<Shared>, seat: usize, queue: RunQueue) {
    let worker = Rc::new(Worker::new(shared.clone(), seat, queue));
    let entered = context::enter(shared, Some(worker.clone()));
    while !shared.ending.must_stop() {
        if worker.step() == Step::Idle {
            worker.search_or_park();
        }
    }
    worker.stop_searching();
    // Whoever shuts the runtime down need not be able to wait for us.
    shared.drop_queued(false);
    drop(entered);
}
