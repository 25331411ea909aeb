//! What the attribute macros call.
#![allow(missing_docs, reason = "the fields are the options that the macros document")]

use std::future::poll_fn;
use std::pin::pin;
use std::task::Waker;
use std::time::{Duration, Instant};

use windlass_executor::task::state::Phase;
use windlass_sync::shim::{Arc, Condvar, Mutex, thread};

use crate::runtime::{Builder, Runtime};
use crate::time::Clock;

/// The options of `#[windlass::main]`, as its docs explain them.
#[derive(Debug)]
pub struct MainOptions {
    pub workers: Option<usize>,
    pub debug: Option<bool>,
}

/// The options of `#[windlass::test]`, as its docs explain them.
#[derive(Debug)]
pub struct TestOptions {
    pub workers: Option<usize>,
    pub paused: bool,
    pub timeout_ms: u64,
    pub allow_leaks: bool,
    pub name: &'static str,
}

/// Runs `main`.
pub fn run_main<F: Future>(options: MainOptions, main: F) -> F::Output {
    let mut builder = Builder::new();
    if let Some(workers) = options.workers {
        builder = builder.workers(workers);
    }
    if let Some(debug) = options.debug {
        builder = builder.debug(debug);
    }
    build(builder).block_on(main)
}

/// Runs a test on a runtime of its own: with a time limit, and so that nothing is left behind.
pub fn run_test<F: Future>(options: TestOptions, test: impl FnOnce() -> F) -> F::Output {
    let clock = if options.paused { Clock::paused() } else { Clock::new() };
    clock.set_auto_advance(options.paused);
    let workers = options.workers.unwrap_or(1);
    let runtime = build(Builder::new().workers(workers).clock(clock).debug(false));
    let watchdog = Watchdog::start(&options);
    let output = runtime.block_on(async {
        let mut test = pin!(test());
        poll_fn(|cx| {
            if watchdog.is_over(cx.waker()) {
                panic!(
                    "{} hangs after {} ms; {}",
                    options.name,
                    options.timeout_ms,
                    crate::runtime::Handle::current().dump()
                );
            }
            test.as_mut().poll(cx)
        })
        .await
    });
    drop(watchdog);
    check(runtime, &options);
    output
}

/// Fails a test that has left tasks or unread panics behind.
fn check(runtime: Runtime, options: &TestOptions) {
    // What is ready to end may end.
    const TURNS: u32 = 8; // a chain of tasks that wake each other at the end
    runtime.block_on(async {
        for _ in 0..TURNS {
            crate::yield_now().await;
        }
    });
    let handle = runtime.handle().clone();
    let mut left = handle.dump();
    left.tasks.retain(|task| task.phase != Phase::Cancelling && task.phase != Phase::Done);
    let report = runtime.shutdown(Duration::from_secs(5));
    let unread = handle.metrics().unobserved_panics;
    assert!(unread == 0, "{}: {unread} tasks panicked, and nobody has read it", options.name);
    assert!(
        options.allow_leaks || left.tasks.is_empty(),
        "{} leaves tasks behind (await, cancel or drop them, or say `leaks = allow`): {left}",
        options.name
    );
    assert!(report.is_clean(), "{}: {report}", options.name);
}

fn build(builder: Builder) -> Runtime {
    match builder.build() {
        Ok(runtime) => runtime,
        Err(error) => panic!("the runtime cannot be made: {error}"),
    }
}

/// A thread that ends a test which takes too long; it goes by real time.
struct Watchdog(Arc<(Mutex<Watched>, Condvar)>);

#[derive(Default)]
struct Watched {
    finished: bool,
    over: bool,
    waker: Option<Waker>,
}

impl Watchdog {
    fn start(options: &TestOptions) -> Self {
        let shared = Arc::new((Mutex::new(Watched::default()), Condvar::new()));
        let (limit, name) = (Duration::from_millis(options.timeout_ms), options.name);
        let inside = shared.clone();
        let started = thread::spawn("watchdog".into(), move || watch(&inside, limit, name));
        started.expect("a test can have a thread to watch over it");
        Self(shared)
    }

    /// True once time is up; else `waker` is woken when it is.
    fn is_over(&self, waker: &Waker) -> bool {
        let waker = waker.clone();
        let mut watched = self.0.0.lock();
        watched.waker = Some(waker);
        watched.over
    }
}

impl Drop for Watchdog {
    fn drop(&mut self) {
        self.0.0.lock().finished = true;
        self.0.1.notify_all();
    }
}

fn watch(shared: &(Mutex<Watched>, Condvar), limit: Duration, name: &str) {
    /// A test that does not return to its poll within this time blocks its thread.
    const GRACE: Duration = Duration::from_secs(10);
    let (watched, finished) = shared;
    let wait = |limit| {
        let end = Instant::now() + limit;
        let mut watched = watched.lock();
        while !watched.finished && !finished.wait_until(&mut watched, end) {}
        watched.finished
    };
    if wait(limit) {
        return;
    }
    let waker = {
        let mut watched = watched.lock();
        watched.over = true;
        watched.waker.take()
    };
    waker.into_iter().for_each(Waker::wake);
    if !wait(GRACE) {
        eprintln!("windlass: {name} blocks its thread and cannot be ended");
        std::process::abort();
    }
}
