//! Debug mode, reports, policies, dumps, figures, and the test runner.

use std::future::poll_fn;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::task::{Poll, Waker};
use std::thread;
use std::time::Duration;

use windlass::__private::{TestOptions, run_test};
use windlass::net::UnixStream;
use windlass::runtime::{Builder, Handle, OnPanic, Runtime};
use windlass::sync::{Event, Limiter, Mutex};
use windlass::task::try_id;
use windlass::time::sleep;
use windlass::{spawn, spawn_blocking, yield_now};

use super::rig::*;

/// Longer than a poll may take, where that is looked at.
const SLOW: Duration = Duration::from_millis(20);

/// A runtime whose reports go to the log. No poll counts as slow, however busy the machine is.
fn logged(workers: usize, debug: bool, policy: OnPanic) -> (Runtime, Log) {
    logged_if_slow(LONG, workers, debug, policy)
}

/// The same, where a poll that takes longer than `slow` is reported in debug mode.
fn logged_if_slow(slow: Duration, workers: usize, debug: bool, policy: OnPanic) -> (Runtime, Log) {
    let log = Log::default();
    let reports = log.clone();
    let builder = Builder::new().workers(workers).debug(debug).on_panic(policy).slow_poll(slow);
    (builder.on_report(move |report| reports.add(report.to_string())).build().unwrap(), log)
}

async fn panics(text: &'static str) {
    panic!("{text}");
}

/// Ends a task by a panic, and drops its handle unread.
async fn unread_panic() {
    let task = spawn(async { panic!("no luck") }).named("unlucky");
    while !task.is_finished() {
        yield_now().await;
    }
    drop::<windlass::Task<()>>(task);
}

// DBG-05
#[test]
fn a_panic_that_nobody_reads_is_reported_once_with_name_and_place() {
    on_1_2_and_4(|workers| {
        let (runtime, log) = logged(workers, false, OnPanic::Report);
        runtime.block_on(unread_panic());
        let told = log.lines();
        assert_eq!(told.len(), 1, "{told:?}");
        for part in ["unobserved panic", "\"unlucky\"", "debug.rs", "no luck"] {
            assert!(told[0].contains(part), "{part} in {told:?}");
        }
        assert_eq!(runtime.handle().metrics().unobserved_panics, 1);
    });
}

// DBG-05
#[test]
fn a_detached_task_that_panics_is_reported() {
    on_1_2_and_4(|workers| {
        let (runtime, log) = logged(workers, false, OnPanic::Report);
        runtime.block_on(async {
            spawn(async { panic!("no luck") }).detach();
            while Handle::current().metrics().tasks > 0 {
                yield_now().await;
            }
        });
        until(|| log.lines().len() == 1);
    });
}

// DBG-06, DBG-08
#[test]
fn what_was_read_or_cancelled_or_succeeded_unread_is_not_reported() {
    on_1_2_and_4(|workers| {
        let (runtime, log) = logged(workers, true, OnPanic::Report);
        runtime.block_on(async {
            let error = spawn(panics("read")).await.unwrap_err();
            assert!(error.is_panic());
            drop(error);
            drop(spawn(asleep()));
            assert!(spawn(asleep()).cancel().await.unwrap_err().is_cancelled());
            let unread = spawn(async { 7 });
            while !unread.is_finished() || Handle::current().metrics().tasks > 0 {
                yield_now().await;
            }
        });
        assert!(runtime.shutdown(LONG).is_clean());
        assert!(log.lines().is_empty(), "{:?}", log.lines());
    });
}

// DBG-02
#[test]
fn a_slow_poll_is_reported_with_its_task_and_its_time() {
    on_1_2_and_4(|workers| {
        let (runtime, log) = logged_if_slow(SLOW, workers, true, OnPanic::Report);
        runtime.block_on(async {
            let task = spawn(async {
                thread::sleep(2 * SLOW);
                asleep().await;
            });
            let task = task.named("slow");
            while !log.lines().iter().any(|told| told.contains("\"slow\"")) {
                yield_now().await;
            }
            drop(task);
        });
        // On a busy machine others may be slow as well.
        let told = log.lines();
        let about = |told: &&String| told.contains("\"slow\"");
        let mut slow = told.iter().filter(about);
        let told_of_it = slow.next().unwrap();
        for part in ["slow poll", "blocked its worker for", "debug.rs"] {
            assert!(told_of_it.contains(part), "{part} in {told:?}");
        }
        assert!(slow.next().is_none(), "it was slow once: {told:?}");
        let handle = runtime.handle().clone();
        drop(runtime);
        let counted = handle.metrics().total(|worker| worker.slow_polls);
        assert_eq!(counted, log.lines().len() as u64);
    });
}

// DBG-01
#[test]
fn debug_mode_is_off_unless_asked_for() {
    on_1_2_and_4(|workers| {
        let (runtime, log) = logged_if_slow(SLOW, workers, false, OnPanic::Report);
        runtime.block_on(async {
            spawn(async { thread::sleep(2 * SLOW) }).await.unwrap();
            spawn(lost()).detach();
            yield_now().await;
        });
        drop(runtime);
        assert!(log.lines().is_empty(), "{:?}", log.lines());
    });
}

// DBG-10
#[test]
fn a_task_that_nobody_can_wake_is_reported_as_lost() {
    on_1_2_and_4(|workers| {
        let (runtime, log) = logged(workers, true, OnPanic::Report);
        runtime.block_on(async {
            let task = spawn(lost()).named("forgotten");
            while log.lines().is_empty() {
                yield_now().await;
            }
            let told = Handle::current().dump().to_string();
            assert!(told.contains("lost (no waker is left)"), "{told}");
            drop(task);
        });
        let told = &log.lines()[0];
        assert!(told.contains("lost task") && told.contains("\"forgotten\""), "{told}");
        assert_eq!(runtime.handle().metrics().total(|worker| worker.lost), 1);
    });
}

/// A future that waits for its own mutex, and somebody who looks on.
#[derive(Default)]
struct Knot {
    mutex: Mutex<()>,
    polls: AtomicUsize,
    is_over: AtomicBool,
    waker: std::sync::Mutex<Option<Waker>>,
}

impl Knot {
    const LOCKS_AT: u32 = line!() + 3;

    async fn tie(&self) {
        let _guard = self.mutex.lock().await;
        let mut second = pin!(self.mutex.lock()); // the next line
        poll_fn(|cx| {
            *self.waker.lock().unwrap() = Some(cx.waker().clone());
            self.polls.fetch_add(1, SeqCst);
            if self.is_over.load(SeqCst) {
                Poll::Ready(())
            } else {
                second.as_mut().poll(cx).map(drop)
            }
        })
        .await;
    }

    /// Has it polled some times more once there is a report, and then ends it.
    async fn untie(&self, log: &Log) {
        while log.lines().is_empty() {
            yield_now().await;
        }
        for polls in 2..=5 {
            self.is_over.store(polls == 5, SeqCst);
            self.waker.lock().unwrap().as_ref().unwrap().wake_by_ref();
            while self.polls.load(SeqCst) < polls {
                yield_now().await;
            }
        }
    }

    #[track_caller]
    fn check(log: &Log, title: &str) {
        let told = log.lines();
        assert_eq!(told.len(), 1, "{told:?}");
        let (begins, rest) = told[0].split_once(" waits at ").unwrap();
        assert!(begins.starts_with(title), "{begins}");
        let (waits, holds) = rest.split_once(" for a mutex that it locked itself at ").unwrap();
        for (at, line) in [(waits, Knot::LOCKS_AT + 1), (holds, Knot::LOCKS_AT)] {
            assert!(at.starts_with(&format!("{}:{line}:", file!())), "{line} in {told:?}");
        }
    }
}

// LCK-13, DBG-11
#[test]
fn a_task_that_waits_for_its_own_mutex_is_reported_once_with_both_lines() {
    on_1_2_and_4(|workers| {
        let (runtime, log) = logged(workers, true, OnPanic::Report);
        let knot = Arc::new(Knot::default());
        runtime.block_on(async {
            let tied = knot.clone();
            let task = spawn(async move { tied.tie().await }).named("knot");
            knot.untie(&log).await;
            task.await.unwrap();
        });
        assert!(log.lines()[0].contains("\"knot\""));
        Knot::check(&log, "possible deadlock: task ");
    });
}

// LCK-13
#[test]
fn a_root_future_that_waits_for_its_own_mutex_is_reported_too() {
    on_1_2_and_4(|workers| {
        let (runtime, log) = logged(workers, true, OnPanic::Report);
        let knot = Arc::new(Knot::default());
        runtime.block_on(async {
            let (tied, lines) = (knot.clone(), log.clone());
            let task = spawn(async move { tied.untie(&lines).await });
            knot.tie().await;
            task.await.unwrap();
        });
        Knot::check(&log, "possible deadlock: future ");
    });
}

// LCK-13
#[test]
fn a_part_that_waits_for_what_another_part_of_its_task_holds_is_not_reported() {
    on_1_2_and_4(|workers| {
        let (runtime, log) = logged(workers, true, OnPanic::Report);
        runtime.block_on(async {
            let mutex = Arc::new(Mutex::new(()));
            let task = spawn(async move {
                let holds = async {
                    let _guard = mutex.lock().await;
                    sleep(Duration::from_millis(1)).await;
                };
                let wants = async { drop(mutex.lock().await) };
                windlass::future::join(holds, wants).await;
            });
            task.await.unwrap();
        });
        assert!(log.lines().is_empty(), "{:?}", log.lines());
    });
}

// SEM-31
#[test]
fn a_task_that_waits_for_a_second_token_of_a_limiter_is_reported() {
    on_1_2_and_4(|workers| {
        let (runtime, log) = logged(workers, true, OnPanic::Report);
        runtime.block_on(async {
            let limiter = Arc::new(Limiter::new(1));
            let task = spawn(async move {
                let _token = limiter.acquire().await;
                drop(limiter.acquire().await);
            });
            while log.lines().is_empty() {
                yield_now().await;
            }
            drop(task);
        });
        let told = log.lines();
        assert_eq!(told.len(), 1, "{told:?}");
        assert!(told[0].contains("for a second token of a limiter, after the one it took at"));
    });
}

// DBG-09, DBG-11
#[test]
fn a_task_left_at_shutdown_is_reported_with_all_that_is_known_of_it() {
    on_1_2_and_4(|workers| {
        let (runtime, log) = logged(workers, true, OnPanic::Report);
        runtime.block_on(async {
            spawn(async { sleep(Duration::from_secs(3600)).await }).named("left").detach();
            while Handle::current().dump().tasks[0].waiting.is_none() {
                yield_now().await;
            }
        });
        drop(runtime);
        let told = log.lines();
        assert_eq!(told.len(), 1, "{told:?}");
        for part in
            ["left at shutdown", "\"left\"", "waits for sleep", "debug.rs", "age", "1 polls"]
        {
            assert!(told[0].contains(part), "{part} in {told:?}");
        }
    });
}

// DBG-14, DBG-16
#[test]
fn the_hook_gets_the_report_as_a_value() {
    let seen = Arc::new(std::sync::Mutex::new(None));
    let inside = seen.clone();
    let builder = Builder::new().workers(1).on_report(move |report| {
        if let windlass::runtime::Report::UnobservedPanic(error) = report {
            let about = (error.name().map(str::to_owned), error.panic_message().map(str::to_owned));
            *inside.lock().unwrap() = Some((about, try_id()));
        }
    });
    builder.build().unwrap().block_on(async {
        spawn(async { panic!("no luck") }).named("unlucky").detach();
        yield_now().await;
    });
    let (about, _) = seen.lock().unwrap().clone().unwrap();
    assert_eq!(about, (Some("unlucky".to_owned()), Some("no luck".to_owned())));
}

// DBG-23
#[test]
fn a_hook_that_panics_hurts_nobody() {
    on_1_2_and_4(|workers| {
        let builder = Builder::new().workers(workers).on_report(|_| panic!("the hook itself"));
        let runtime = builder.build().unwrap();
        runtime.block_on(unread_panic());
        assert_eq!(runtime.block_on(async { spawn(async { 7 }).await.unwrap() }), 7);
    });
}

// DBG-23
#[test]
fn a_waker_that_panics_hurts_nobody() {
    struct Bomb;
    impl std::task::Wake for Bomb {
        fn wake(self: Arc<Self>) {
            panic!("the waker");
        }
    }
    on_1_2_and_4(|workers| {
        runtime(workers).block_on(async {
            let event = Arc::new(Event::new());
            let mut wait = Box::pin(event.wait());
            let waker = std::task::Waker::from(Arc::new(Bomb));
            let polled = wait.as_mut().poll(&mut std::task::Context::from_waker(&waker));
            assert!(polled.is_pending());
            let setter = event.clone();
            spawn(async move { setter.set() }).await.unwrap();
        });
    });
}

// DBG-18
#[test]
fn a_long_name_is_shortened_in_reports() {
    let runtime = runtime(1);
    let task = runtime.spawn(async {}).named(&"x".repeat(10_000));
    assert!(runtime.handle().dump().to_string().len() < 500);
    drop(task);
}

// DBG-21
#[test]
fn the_policy_of_cancelling_ends_the_others_and_the_runtime_goes_on() {
    on_1_2_and_4(|workers| {
        let (runtime, log) = logged(workers, false, OnPanic::CancelGroup);
        runtime.block_on(async {
            let neighbour = spawn(asleep());
            unread_panic().await;
            assert!(neighbour.await.unwrap_err().is_cancelled());
            assert_eq!(spawn(async { 7 }).await.unwrap(), 7);
        });
        assert_eq!(log.lines().len(), 1);
    });
}

// DBG-21
#[test]
fn the_policy_of_shutting_down_ends_block_on_with_a_panic() {
    on_1_2_and_4(|workers| {
        for caller_works in [true, false] {
            let builder = Builder::new().workers(workers).caller_works(caller_works);
            let runtime = builder.on_panic(OnPanic::ShutDown).on_report(|_| ()).build().unwrap();
            let drops = Drops::default();
            let witness = drops.witness();
            let text = refusal(|| {
                runtime.block_on(async {
                    spawn(async move {
                        let _witness = witness;
                        asleep().await;
                    })
                    .detach();
                    spawn(async { panic!("no luck") }).detach();
                    asleep().await;
                })
            });
            assert!(text.contains("was shut down"), "{text}");
            drop(runtime);
            assert_eq!(drops.count(), 1);
        }
    });
}

// DBG-21
#[test]
fn the_policy_of_aborting_aborts_the_process() {
    let Some(output) = alone("executor::debug::the_policy_of_aborting_aborts_the_process", &[])
    else {
        let runtime = Builder::new().workers(1).on_panic(OnPanic::Abort).build().unwrap();
        runtime.block_on(unread_panic());
        return;
    };
    use std::os::unix::process::ExitStatusExt;
    assert_eq!(output.status.signal(), Some(rustix::process::Signal::ABORT.as_raw()));
    assert!(text(&output.stderr).contains("unobserved panic"), "{}", text(&output.stderr));
}

/// What the builder makes of the environment in a process of its own.
fn built_with(test: &str, variables: &[(&str, &str)], body: fn()) {
    if !is_done_alone(&format!("executor::debug::{test}"), variables) {
        body();
    }
}

#[test]
fn the_environment_sets_the_number_of_workers() {
    let test = "the_environment_sets_the_number_of_workers";
    built_with(test, &[("WINDLASS_WORKERS", " 3 ")], || {
        assert_eq!(Runtime::new().unwrap().handle().workers(), 3);
        assert_eq!(runtime(2).handle().workers(), 2, "the builder wins");
    });
}

#[test]
fn a_number_of_workers_that_is_none_is_refused_by_name() {
    let test = "a_number_of_workers_that_is_none_is_refused_by_name";
    built_with(test, &[("WINDLASS_WORKERS", "many")], || {
        let text = Runtime::new().unwrap_err().to_string();
        assert_eq!(text, "WINDLASS_WORKERS is no number: \"many\"");
    });
}

#[test]
fn a_number_of_workers_out_of_range_is_refused() {
    let test = "a_number_of_workers_out_of_range_is_refused";
    built_with(test, &[("WINDLASS_WORKERS", "0")], || {
        let text = Runtime::new().unwrap_err().to_string();
        assert_eq!(text, "WINDLASS_WORKERS is 0, and must be from 1 to 48");
        for workers in [0, 49] {
            let text = Builder::new().workers(workers).build().unwrap_err().to_string();
            assert_eq!(text, format!("workers() is {workers}, and must be from 1 to 48"));
        }
    });
}

/// Leaves a task behind; debug mode tells of it on standard error.
fn leave_a_task(builder: Builder) -> bool {
    let log = Log::default();
    let reports = log.clone();
    let builder = builder.workers(1).on_report(move |report| reports.add(report.to_string()));
    let runtime = builder.build().unwrap();
    runtime.spawn(async {}).detach();
    drop(runtime);
    !log.lines().is_empty()
}

// DBG-01, RUN-07
#[test]
fn the_environment_turns_debug_mode_on_and_the_builder_wins() {
    let test = "the_environment_turns_debug_mode_on_and_the_builder_wins";
    built_with(test, &[("WINDLASS_DEBUG", "1")], || {
        assert!(leave_a_task(Builder::new()));
        assert!(!leave_a_task(Builder::new().debug(false)));
    });
}

// DBG-01
#[test]
fn an_empty_debug_variable_means_off() {
    let test = "an_empty_debug_variable_means_off";
    built_with(test, &[("WINDLASS_DEBUG", "")], || {
        assert!(!leave_a_task(Builder::new()));
        assert!(leave_a_task(Builder::new().debug(true)));
    });
}

// DBG-01
#[test]
fn a_debug_variable_of_0_means_off() {
    let test = "a_debug_variable_of_0_means_off";
    built_with(test, &[("WINDLASS_DEBUG", "0")], || assert!(!leave_a_task(Builder::new())));
}

#[test]
fn a_dump_names_every_wait_and_its_line_and_polls_nothing() {
    on_1_2_and_4(|workers| {
        runtime(workers).block_on(async {
            let lock = Arc::new(Mutex::new(()));
            let held = lock.lock().await;
            let (left, _right) = UnixStream::pair().unwrap();
            let inner = lock.clone();
            let first = line!() + 2;
            let tasks = [
                spawn(async { sleep(Duration::from_secs(3600)).await }).named("sleeps"),
                spawn(async move { drop(inner.lock().await) }).named("locks"),
                spawn(async move { drop(left.read(&mut [0]).await) }).named("reads"),
            ];
            while Handle::current().dump().tasks.iter().any(|task| task.waiting.is_none()) {
                yield_now().await;
            }
            let dump = Handle::current().dump();
            let reasons = ["sleep, ", "mutex held by task", "readable source"];
            for (number, (task, reason)) in dump.tasks.iter().zip(reasons).enumerate() {
                let waiting = task.waiting.unwrap();
                assert!(waiting.to_string().starts_with(reason), "{task}");
                assert!(waiting.at.file().ends_with("debug.rs"), "{task}");
                assert_eq!(waiting.at.line(), first + number as u32, "{task}");
                assert_eq!(task.spawned_at.line(), first + number as u32, "{task}");
                assert_eq!(task.polls, 1);
            }
            let again = Handle::current().dump();
            assert!(again.tasks.iter().all(|task| task.polls == 1), "a dump polls nothing");
            drop((held, tasks));
        });
    });
}

#[test]
fn a_dump_shows_what_was_never_polled_and_which_jobs_run() {
    within(LONG, || {
        let runtime = runtime(1);
        let task = runtime.spawn(async {}).named("fresh");
        let (started, starts) = gate();
        let (release, released) = gate();
        let job = runtime.handle().spawn_blocking(move || {
            started.send(()).unwrap();
            let _ = released.recv();
        });
        let job = job.named("grinds");
        starts.recv().unwrap();
        let told = runtime.handle().dump().to_string();
        assert!(told.starts_with("1 tasks, 1 blocking jobs"), "{told}");
        assert!(told.contains("was never polled") && told.contains("\"grinds\""), "{told}");
        drop(release);
        runtime.block_on(async { (task.await.unwrap(), job.await.unwrap()) });
    });
}

#[test]
fn the_figures_count_what_happens() {
    on_1_2_and_4(|workers| {
        let runtime = runtime(workers);
        runtime.block_on(async {
            let (left, right) = UnixStream::pair().unwrap();
            let sleeper = spawn(async { sleep(Duration::from_secs(3600)).await });
            let reader = spawn(async move { right.read(&mut [0]).await.unwrap() });
            let job = spawn_blocking(|| ());
            while Handle::current().metrics().timers == 0 {
                yield_now().await;
            }
            let metrics = Handle::current().metrics();
            assert_eq!((metrics.workers.len(), metrics.queued.len()), (workers, workers));
            assert_eq!((metrics.tasks, metrics.sources, metrics.timers), (2, 2, 1));
            sleep(Duration::from_millis(1)).await;
            left.write(b"x").await.unwrap();
            reader.await.unwrap();
            job.await.unwrap();
            sleeper.cancel().await.unwrap_err();
            let metrics = Handle::current().metrics();
            assert_eq!((metrics.tasks, metrics.timers, metrics.sources), (0, 0, 1));
            assert!(metrics.total(|worker| worker.polls) >= 3);
            assert!(metrics.total(|worker| worker.timers) >= 1);
            assert!(metrics.total(|worker| worker.parks) >= 1);
        });
    });
}

/// Options of the test runner for a test of this name.
fn options(workers: usize) -> TestOptions {
    TestOptions {
        workers: Some(workers),
        paused: false,
        timeout_ms: 60_000,
        allow_leaks: false,
        name: "the_test",
    }
}

#[test]
fn the_test_runner_accepts_a_test_that_cleans_up() {
    on_1_2_and_4(|workers| {
        let output = run_test(options(workers), || async {
            let dropped = spawn(asleep());
            drop(dropped);
            spawn(async { 7 }).await.unwrap()
        });
        assert_eq!(output, 7);
    });
}

#[test]
fn the_test_runner_refuses_a_task_that_is_left() {
    on_1_2_and_4(|workers| {
        let text = refusal(|| {
            run_test(options(workers), || async { spawn(asleep()).named("leak").detach() });
        });
        for part in ["the_test leaves tasks behind", "\"leak\"", "debug.rs"] {
            assert!(text.contains(part), "{part} in {text}");
        }
        run_test(TestOptions { allow_leaks: true, ..options(workers) }, || async {
            spawn(asleep()).detach();
        });
    });
}

#[test]
fn the_test_runner_refuses_a_panic_that_nobody_has_read() {
    on_1_2_and_4(|workers| {
        let text = refusal(|| run_test(options(workers), unread_panic));
        assert!(text.contains("1 tasks panicked, and nobody has read it"), "{text}");
        let lenient = TestOptions { allow_leaks: true, ..options(workers) };
        let text = refusal(|| {
            run_test(lenient, || async {
                spawn(asleep()).detach();
                unread_panic().await;
            });
        });
        assert!(text.contains("1 tasks panicked, and nobody has read it"), "{text}");
    });
}

#[test]
fn the_test_runner_ends_a_test_that_hangs_and_shows_its_tasks() {
    on_1_2_and_4(|workers| {
        let hanging = TestOptions { timeout_ms: 50, ..options(workers) };
        let text = refusal(|| {
            run_test(hanging, || async {
                spawn(async { sleep(Duration::from_secs(3600)).await }).named("stuck").await
            })
        });
        assert!(text.contains("the_test hangs after 50 ms"), "{text}");
        assert!(text.contains("\"stuck\"") && text.contains("waits for sleep"), "{text}");
    });
}

#[test]
fn the_test_runner_lets_a_paused_day_pass_at_once() {
    on_1_2_and_4(|workers| {
        let paused = TestOptions { paused: true, ..options(workers) };
        run_test(paused, || async {
            let day = Duration::from_secs(86_400);
            let task = spawn(async move { sleep(day).await });
            task.await.unwrap();
        });
    });
}

// SCH-20
#[test]
fn a_panic_in_a_task_surfaces_at_its_handle_wherever_it_happens() {
    struct Bomb;
    impl Drop for Bomb {
        fn drop(&mut self) {
            panic!("in the destructor");
        }
    }
    on_1_2_and_4(|workers| {
        let (runtime, log) = logged(workers, false, OnPanic::Report);
        let counted = Arc::new(AtomicUsize::new(0));
        runtime.block_on(async {
            let first = spawn(panics("first poll")).await.unwrap_err();
            let later = spawn(async {
                yield_now().await;
                panics("later poll").await;
            });
            let later = later.await.unwrap_err();
            let bomb = spawn(async {
                let _bomb = Bomb;
                asleep().await;
            });
            while Handle::current().dump().tasks.iter().any(|task| task.polls == 0) {
                yield_now().await;
            }
            let cancelled = bomb.cancel().await.unwrap_err();
            let texts =
                [first, later, cancelled].map(|error| error.panic_message().unwrap().to_owned());
            assert_eq!(texts, ["first poll", "later poll", "in the destructor"]);
            // An output whose destructor panics has no handle to surface at.
            let output = spawn(async { Bomb });
            while !output.is_finished() {
                yield_now().await;
            }
            drop(output);
            counted.fetch_add(1, SeqCst);
        });
        assert_eq!((counted.load(SeqCst), log.lines().len()), (1, 1), "{:?}", log.lines());
    });
}

// DBG-05
#[test]
fn a_panic_whose_handle_is_dropped_on_a_plain_thread_is_reported_to_its_runtime() {
    on_1_2_and_4(|workers| {
        let runtime = runtime(workers);
        let task = runtime.block_on(async {
            let task = spawn(async { panic!("unread") });
            while !task.is_finished() {
                windlass::yield_now().await;
            }
            task
        });
        let handle = runtime.handle().clone();
        assert_eq!(handle.metrics().unobserved_panics, 0);
        let task: windlass::Task<()> = task;
        std::thread::spawn(move || drop(task)).join().unwrap();
        assert_eq!(handle.metrics().unobserved_panics, 1);
    });
}

// DBG-08, DBG-09
#[test]
fn a_task_that_is_being_cancelled_is_no_leftover() {
    on_1_2_and_4(|workers| {
        let (runtime, log) = logged(workers, true, OnPanic::Report);
        runtime.block_on(async {
            let seen_to = spawn(asleep()).named("seen to");
            spawn(asleep()).named("forgotten").detach();
            yield_now().await;
            seen_to.abort();
            seen_to.detach();
        });
        drop(runtime);
        let left: Vec<_> = log.lines().into_iter().filter(|line| line.contains("left")).collect();
        assert_eq!(left.len(), 1, "{left:?}");
        assert!(left[0].contains("forgotten"), "{left:?}");
    });
}
