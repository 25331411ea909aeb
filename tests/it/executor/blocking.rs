//! Blocking pools by themselves, without a runtime around them.

use std::cell::Cell;
use std::future::Future;
use std::io;
use std::pin::pin;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Barrier, Mutex};
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{self, Thread};
use std::time::{Duration, Instant};

use windlass_executor::blocking::{BlockingPool, Builder, CancelFlag, Start, TryRunError};
use windlass_executor::task::Task;

use crate::kit::Hand;

/// Longer than anything here takes; a test that waits so long has failed.
const LONG: Duration = Duration::from_secs(60);

struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

/// Waits for a future on this thread.
fn wait<F: Future>(future: F) -> F::Output {
    let waker = Waker::from(Arc::new(Unpark(thread::current())));
    let mut future = pin!(future);
    loop {
        match future.as_mut().poll(&mut Context::from_waker(&waker)) {
            Poll::Ready(output) => return output,
            Poll::Pending => thread::park_timeout(LONG),
        }
    }
}

/// Waits for something that nobody announces.
#[track_caller]
fn until(mut it_is_so: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !it_is_so() {
        assert!(begun.elapsed() < LONG, "it never was so");
        thread::yield_now();
    }
}

fn pool(threads: usize) -> Builder {
    BlockingPool::builder().threads(0..=threads).eager(threads)
}

/// A job that says when it runs, and ends when the sender is used or dropped.
fn held(pool: &BlockingPool) -> (Task<()>, Sender<()>) {
    let (started, starts) = channel();
    let (release, released) = channel::<()>();
    let task = pool.run(move || {
        started.send(()).unwrap();
        let _ = released.recv();
    });
    starts.recv_timeout(LONG).expect("the job has a thread");
    (task, release)
}

/// Sends when it is dropped.
struct Witness(Sender<()>);

impl Drop for Witness {
    fn drop(&mut self) {
        let _ = self.0.send(());
    }
}

fn witness() -> (Witness, Receiver<()>) {
    let (sender, receiver) = channel();
    (Witness(sender), receiver)
}

// EXE-01
#[test]
fn a_closure_runs_on_a_thread_of_the_pool_and_its_value_comes_back() {
    let pool = pool(1).name("files").build();
    let name = wait(pool.run(|| thread::current().name().map(str::to_owned))).unwrap();
    assert_eq!(name.as_deref(), Some("files-1"));
}

// EXE-02
#[test]
fn an_error_of_a_closure_is_its_value() {
    let pool = pool(1).build();
    let result = wait(pool.run(|| "x".parse::<u32>())).unwrap();
    assert!(result.is_err());
}

// EXE-02
#[test]
fn a_panic_of_a_closure_goes_to_its_task_and_the_thread_lives_on() {
    let pool = pool(1).build();
    let first = wait(pool.run(|| thread::current().id())).unwrap();
    let error = wait(pool.run(|| panic!("no luck")).named("gambler")).unwrap_err();
    assert!(error.is_panic());
    assert_eq!(error.panic_message(), Some("no luck"));
    assert_eq!(error.name(), Some("gambler"));
    assert!(error.spawned_at().file().ends_with("blocking.rs"));
    assert_eq!(wait(pool.run(|| thread::current().id())).unwrap(), first);
}

// EXE-03, INT-18
#[test]
fn threads_start_with_the_jobs_and_jobs_that_block_get_all_of_the_default_size() {
    let size = thread::available_parallelism().unwrap().get().saturating_add(4).min(32);
    let pool = BlockingPool::builder().build();
    assert_eq!(pool.stats().threads, 0);
    let (release, released) = channel::<()>();
    let released = Arc::new(Mutex::new(released));
    let jobs: Vec<_> = (0..size * 3)
        .map(|_| {
            let released = released.clone();
            pool.run(move || released.lock().unwrap().recv().unwrap_err())
        })
        .collect();
    until(|| pool.stats().running == size);
    assert_eq!(pool.stats().queued, size * 2);
    drop(release);
    for job in jobs {
        wait(job).unwrap();
    }
    assert_eq!(pool.stats().peak, size);
    until(|| pool.stats().done == size as u64 * 3);
}

// EXE-06
#[test]
fn dropping_the_task_of_a_running_job_returns_at_once_and_shutdown_waits_for_the_job() {
    let pool = pool(1).build();
    let (task, release) = held(&pool);
    drop(task); // would hang if it waited: the job is held
    assert_eq!(pool.stats().running, 1);
    let mut shutdown = Hand::new(pool.shutdown());
    shutdown.pending();
    drop(release);
    until(|| shutdown.wakes() > 0);
    shutdown.ready();
    assert_eq!(pool.stats().threads, 0);
}

// EXE-07
#[test]
fn a_queued_job_that_is_cancelled_never_runs_and_is_dropped_at_once() {
    let pool = pool(1).queue(1).build();
    let (_running, _release) = held(&pool);
    let (witness, dropped) = witness();
    let queued = pool.run(move || drop(witness));
    assert!(matches!(pool.try_run(|| ()), Err(TryRunError::Full(_))));

    assert!(queued.abort());
    assert_eq!(dropped.try_recv(), Ok(())); // while the only thread is still busy
    assert!(wait(queued).unwrap_err().is_cancelled());
    assert_eq!(pool.stats().queued, 0);
    assert!(pool.try_run(|| ()).is_ok()); // its place is free
}

// EXE-07
#[test]
fn dropping_the_task_of_a_queued_job_removes_the_job() {
    let pool = pool(1).build();
    let (_running, _release) = held(&pool);
    let tasks: Vec<_> = (0..3).map(|_| pool.run(|| panic!("it was removed"))).collect();
    assert_eq!(pool.stats().queued, 3);
    drop(tasks);
    assert_eq!(pool.stats().queued, 0);
}

// EXE-08
#[test]
fn a_running_job_cannot_be_cancelled_and_its_value_still_comes() {
    let pool = pool(1).build();
    let (started, starts) = channel();
    let (release, released) = channel::<()>();
    let task = pool.run(move || {
        started.send(()).unwrap();
        released.recv().unwrap();
        5
    });
    starts.recv().unwrap();
    task.abort();
    assert!(!task.is_finished());
    release.send(()).unwrap();
    assert_eq!(wait(task).unwrap(), 5);
}

// EXE-08
#[test]
fn the_late_value_of_an_abandoned_job_is_dropped() {
    let pool = pool(1).build();
    let (started, starts) = channel();
    let (release, released) = channel::<()>();
    let (witness, dropped) = witness();
    let task = pool.run(move || {
        started.send(()).unwrap();
        released.recv().unwrap();
        witness
    });
    starts.recv().unwrap();
    drop(task);
    drop(pool);
    assert!(dropped.try_recv().is_err());
    release.send(()).unwrap();
    assert_eq!(dropped.recv_timeout(LONG), Ok(()));
}

/// Takes 20 ms to be dropped, and says when that was over.
struct Slow(Sender<Instant>);

impl Drop for Slow {
    fn drop(&mut self) {
        let begun = Instant::now();
        while begun.elapsed() < Duration::from_millis(20) {
            thread::yield_now();
        }
        self.0.send(Instant::now()).unwrap();
    }
}

#[test]
fn a_job_does_not_run_yet_while_the_value_of_the_one_before_is_dropped() {
    let pool = pool(1).build();
    let (started, starts) = channel();
    let (release, released) = channel::<()>();
    let (dropped, drops) = channel();
    let first = pool.run(move || {
        started.send(()).unwrap();
        released.recv().unwrap();
        Slow(dropped)
    });
    starts.recv_timeout(LONG).expect("the job has a thread");
    let (end, ended) = channel::<()>();
    let next = pool.run(move || ended.recv().is_err());
    drop(first);
    release.send(()).unwrap();
    let over = drops.recv_timeout(LONG).expect("an abandoned value is dropped");
    let running = || pool.jobs()[0].running;
    until(|| running().is_some());
    let ran = running().expect("it waits to be ended");
    assert!(ran <= over.elapsed(), "it counts from before the drop was over");
    drop(end);
    assert!(wait(next).unwrap());
}

// EXE-09
#[test]
fn a_pool_that_is_shut_down_refuses_jobs() {
    let pool = pool(1).build();
    wait(pool.run(|| ())).unwrap();
    wait(pool.shutdown());
    let (witness, dropped) = witness();
    assert!(wait(pool.run(move || drop(witness))).unwrap_err().is_refused());
    assert_eq!(dropped.try_recv(), Ok(()));
    let Err(TryRunError::Closed(closure)) = pool.try_run(|| 7) else { panic!("it took a job") };
    assert_eq!(closure(), 7);
    assert!(wait(wait(pool.run_when_free(|| ()))).unwrap_err().is_refused());
}

// EXE-10
#[test]
fn a_shutdown_with_a_limit_names_what_is_left_and_tells_it_to_stop() {
    let pool = pool(1).build();
    let (started, starts) = channel();
    let stuck = pool.run_with(move |cancelled| {
        started.send(()).unwrap();
        until(|| cancelled.is_set());
    });
    let stuck = stuck.named("stuck");
    starts.recv().unwrap();
    let queued = pool.run(|| ()).named("queued");

    let left = pool.shutdown_timeout(Duration::from_millis(1));
    let names: Vec<_> = left.iter().map(|job| job.task.name.as_deref().unwrap()).collect();
    assert_eq!(names, ["stuck", "queued"]);
    assert!(left[0].running.is_some() && left[1].running.is_none());
    let told = left[0].to_string();
    assert!(told.contains("\"stuck\" (submitted at tests/it/executor/blocking.rs"), "{told}");
    assert!(told.contains("has been running for"), "{told}");

    assert!(wait(queued).unwrap_err().is_cancelled());
    wait(stuck).unwrap(); // it saw the flag
}

#[test]
fn a_shutdown_with_a_limit_ends_early_when_the_jobs_are_done() {
    let pool = pool(2).build();
    let sum = Arc::new(AtomicUsize::new(0));
    for _ in 0..100 {
        let sum = sum.clone();
        pool.run(move || sum.fetch_add(1, SeqCst)).detach();
    }
    assert!(pool.shutdown_timeout(LONG).is_empty());
    assert_eq!(sum.load(SeqCst), 100); // the queued ones ran
    assert_eq!(pool.stats().threads, 0);
}

// EXE-13
#[test]
fn each_of_many_jobs_runs_once() {
    let pool = pool(3).build();
    let counts: Arc<Vec<AtomicUsize>> = Arc::new((0..1000).map(|_| AtomicUsize::new(0)).collect());
    thread::scope(|scope| {
        for quarter in 0..4 {
            let (pool, counts) = (&pool, &counts);
            scope.spawn(move || {
                let mut tasks = Vec::new();
                for n in quarter * 250..(quarter + 1) * 250 {
                    let counts = counts.clone();
                    tasks.push(pool.run(move || counts[n].fetch_add(1, SeqCst)));
                }
                tasks.into_iter().for_each(|task| assert_eq!(wait(task).unwrap(), 0));
            });
        }
    });
    assert!(counts.iter().all(|count| count.load(SeqCst) == 1));
}

// EXE-13
#[test]
fn jobs_run_side_by_side_up_to_the_cap() {
    let pool = BlockingPool::builder().threads(0..=4).eager(1).build();
    let barrier = Arc::new(Barrier::new(4)); // nobody passes before all four are inside
    let tasks: Vec<_> = (0..4)
        .map(|_| {
            let barrier = barrier.clone();
            pool.run(move || barrier.wait().is_leader())
        })
        .collect();
    assert_eq!(tasks.into_iter().filter_map(|task| wait(task).ok()).filter(|led| *led).count(), 1);
}

// EXE-14
#[test]
fn a_job_may_submit_jobs() {
    let pool = pool(1).build();
    let inner = pool.clone();
    let task = wait(pool.run(move || inner.run(|| 3))).unwrap();
    assert_eq!(wait(task).unwrap(), 3);
}

thread_local! {
    static ENTERED: Cell<bool> = const { Cell::new(false) };
}

// EXE-15 (what a runtime builds on), and the hooks of its threads
#[test]
fn jobs_run_inside_of_the_setup_and_a_thread_is_gone_when_it_is_over() {
    let torn_down = Arc::new(AtomicBool::new(false));
    let seen = torn_down.clone();
    let pool = pool(1).setup(Arc::new(move |body: &mut dyn FnMut()| {
        ENTERED.set(true);
        body();
        torn_down.store(true, SeqCst);
    }));
    let pool = pool.build();
    assert!(wait(pool.run(|| ENTERED.get())).unwrap());
    wait(pool.shutdown());
    assert!(seen.load(SeqCst));
}

// EXE-16
#[test]
#[should_panic = "a blocking pool needs a thread: make the maximum 1 or more"]
fn a_cap_of_no_threads_is_refused() {
    let _ = BlockingPool::builder().threads(0..=0);
}

#[test]
#[should_panic = "needs room for 1 job or more"]
fn a_queue_without_room_is_refused() {
    let _ = BlockingPool::builder().queue(0);
}

// EXE-16, EXE-18
#[test]
fn at_the_cap_jobs_run_in_the_order_they_were_submitted() {
    let pool = pool(1).build();
    let (running, release) = held(&pool);
    let order = Arc::new(Mutex::new(Vec::new()));
    let tasks: Vec<_> = (0..50)
        .map(|n| {
            let order = order.clone();
            pool.run(move || order.lock().unwrap().push(n))
        })
        .collect();
    assert_eq!(pool.stats().queued, 50);
    drop(release);
    for task in tasks {
        wait(task).unwrap();
    }
    wait(running).unwrap();
    assert_eq!(*order.lock().unwrap(), (0..50).collect::<Vec<_>>());
    assert_eq!(pool.stats().peak, 1);
}

// EXE-20
#[test]
fn cancelling_a_running_job_waits_for_it() {
    let pool = pool(1).build();
    let (task, release) = held(&pool);
    let mut cancel = Hand::new(task.cancel());
    cancel.pending();
    drop(release);
    until(|| cancel.wakes() > 0);
    cancel.ready().unwrap();
}

// EXE-25
#[test]
fn a_busy_pool_does_not_delay_another() {
    let (busy, other) = (pool(1).build(), pool(1).build());
    let (_running, _release) = held(&busy);
    let _queued = busy.run(|| ());
    assert_eq!(wait(other.run(|| 1)).unwrap(), 1);
    assert_eq!(busy.stats().queued, 1);
}

// DBG-20
#[test]
fn a_slow_job_is_reported_and_a_report_that_panics_does_no_harm() {
    let (sender, reports) = channel();
    let sender = Mutex::new(sender);
    let pool = pool(1).on_slow(
        Duration::ZERO,
        Arc::new(move |job: &_| {
            sender.lock().unwrap().send(format!("{job}")).unwrap();
            panic!("a report that panics");
        }),
    );
    let pool = pool.build();
    wait(pool.run(|| ()).named("lookup")).unwrap();
    let report = reports.recv().unwrap();
    assert!(report.contains("blocking.rs"), "{report}");
    assert_eq!(wait(pool.run(|| 4)).unwrap(), 4);
    assert!(pool.stats().longest_run > Duration::ZERO);
}

// The threads of another runtime's pool were seen to stay for ever.
#[test]
fn idle_threads_end_after_the_keep_alive_down_to_the_minimum() {
    let pool = BlockingPool::builder().name("brief").threads(1..=8).eager(8);
    let pool = pool.keep_alive(Duration::from_millis(1)).build();
    for _ in 0..3 {
        let barrier = Arc::new(Barrier::new(8));
        let jobs: Vec<_> = (0..8)
            .map(|_| {
                let barrier = barrier.clone();
                pool.run(move || {
                    barrier.wait();
                })
            })
            .collect();
        jobs.into_iter().for_each(|job| wait(job).unwrap());
        until(|| pool.stats().threads == 1);
    }
    assert_eq!(pool.stats().peak, 8);
    #[cfg(target_os = "linux")]
    until(|| {
        let threads = std::fs::read_dir("/proc/self/task").unwrap().filter_map(Result::ok);
        let names = threads.filter_map(|it| std::fs::read_to_string(it.path().join("comm")).ok());
        names.filter(|name| name.starts_with("brief-")).count() == 1
    });
    assert_eq!(wait(pool.run(|| 9)).unwrap(), 9);
}

#[test]
fn a_keep_alive_beyond_the_clock_is_for_ever() {
    let pool = pool(1).keep_alive(Duration::MAX).build();
    wait(pool.run(|| ())).unwrap();
    until(|| pool.stats().idle == 1);
    wait(pool.shutdown());
}

#[test]
fn short_jobs_one_after_the_other_start_one_thread_beyond_the_eager_ones_at_most() {
    let pool = BlockingPool::builder().threads(0..=100).eager(1).build();
    for n in 0..2000 {
        assert_eq!(wait(pool.run(move || n)).unwrap(), n);
    }
    assert!(pool.stats().peak <= 2, "{pool:?}");
}

#[test]
fn a_running_closure_sees_that_its_task_was_dropped() {
    let pool = pool(1).build();
    let (sender, flags) = channel::<CancelFlag>();
    let task = pool.run_with(move |flag| {
        sender.send(flag.clone()).unwrap();
        until(|| flag.is_set());
    });
    let flag = flags.recv().unwrap();
    assert!(!flag.is_set());
    drop(task);
    assert!(flag.is_set());
    wait(pool.shutdown());
}

#[test]
fn shutdown_now_drops_the_queued_and_tells_the_running() {
    let pool = pool(1).build();
    let (started, starts) = channel();
    let running = pool.run_with(move |flag| {
        started.send(()).unwrap();
        until(|| flag.is_set());
        1
    });
    starts.recv().unwrap();
    let (witness, dropped) = witness();
    let queued = pool.run(move || drop(witness));
    let shutdown = pool.shutdown_now();
    assert_eq!(dropped.try_recv(), Ok(()));
    assert!(wait(queued).unwrap_err().is_cancelled());
    wait(shutdown);
    assert_eq!(wait(running).unwrap(), 1);
}

#[test]
fn a_shutdown_that_is_dropped_takes_its_waker_along() {
    let pool = pool(1).build();
    let (_running, _release) = held(&pool);
    let mut shutdown = Hand::new(pool.shutdown());
    shutdown.pending();
    shutdown.pending();
    let count = shutdown.count.clone();
    assert_eq!(count.wakers(), 2); // the test's own count, and one in the pool
    drop(shutdown);
    assert_eq!(count.wakers(), 0);
}

#[test]
fn a_pool_without_threads_is_shut_down_at_once() {
    Hand::new(pool(1).build().shutdown()).ready();
}

#[test]
fn dropping_the_last_handle_waits_for_nobody_and_the_queued_jobs_still_run() {
    let pool = pool(1).build();
    let (running, release) = held(&pool);
    let queued = pool.run(|| 8);
    drop(pool.clone());
    drop(pool); // would hang if it waited: the job is held
    drop(release);
    wait(running).unwrap();
    assert_eq!(wait(queued).unwrap(), 8);
}

#[test]
fn a_closure_that_is_dropped_may_use_the_pool() {
    struct Uses(BlockingPool);
    impl Drop for Uses {
        fn drop(&mut self) {
            let _ = self.0.stats(); // would hang if a lock were held
            drop(self.0.run(|| ()));
        }
    }
    let pool = pool(1).queue(2).build();
    let (_running, _release) = held(&pool);
    let inside = |pool: &BlockingPool| Uses(pool.clone());
    let uses = inside(&pool);
    drop(pool.run(move || drop(uses))); // removed from the queue
    let uses = inside(&pool);
    let queued = pool.run(move || drop(uses));
    let full = pool.run(|| ());
    let uses = inside(&pool);
    assert!(wait(pool.run(move || drop(uses))).unwrap_err().is_refused()); // refused
    drop(pool.shutdown_now());
    wait(queued).unwrap_err();
    wait(full).unwrap_err();
}

#[test]
fn a_full_queue_gives_the_closure_back_or_refuses_it() {
    let pool = pool(1).queue(1).build();
    let (_running, _release) = held(&pool);
    let queued = pool.try_run(|| 1).unwrap();
    let Err(TryRunError::Full(closure)) = pool.try_run(|| 2) else { panic!("it was full") };
    assert_eq!(closure(), 2);
    assert!(wait(pool.run(|| 3)).unwrap_err().is_refused());
    assert!(!queued.is_finished());
}

#[test]
fn those_who_wait_for_room_get_it_in_order_and_nobody_overtakes_them() {
    let pool = pool(1).queue(1).build();
    let (_running, release) = held(&pool);
    let queued = pool.run(|| 0);
    let mut first = Hand::new(pool.run_when_free(|| 1));
    let mut second = Hand::new(pool.run_when_free(|| 2));
    first.pending();
    second.pending();
    first.pending();
    assert_eq!(pool.stats().waiting, 2);

    drop(queued); // makes room for one
    assert_eq!((first.wakes(), second.wakes()), (1, 0));
    assert!(matches!(pool.try_run(|| 3), Err(TryRunError::Full(_))));
    let first = first.ready();
    second.pending();
    drop(release);
    until(|| second.wakes() == 1);
    assert_eq!(wait(first).unwrap(), 1);
    assert_eq!(wait(second.ready()).unwrap(), 2);
}

#[test]
fn one_who_stops_waiting_for_room_leaves_no_job_behind() {
    let pool = pool(1).queue(1).build();
    let (_running, release) = held(&pool);
    let queued = pool.run(|| 0);
    let (witness, dropped) = witness();
    let mut first = Hand::new(pool.run_when_free(move || drop(witness)));
    let mut second = Hand::new(pool.run_when_free(|| 2));
    first.pending();
    second.pending();
    let count = first.count.clone();
    drop(first);
    assert_eq!(dropped.try_recv(), Ok(()));
    assert_eq!(count.wakers(), 0);
    drop(queued);
    assert_eq!(second.wakes(), 1);
    drop(release);
    assert_eq!(wait(second.ready()).unwrap(), 2);
}

#[test]
fn of_many_who_come_for_the_same_room_none_is_refused() {
    let pool = pool(1).queue(1).build();
    thread::scope(|threads| {
        for _ in 0..4 {
            threads.spawn(|| {
                for n in 0..10_000 {
                    assert_eq!(wait(wait(pool.run_when_free(move || n))).unwrap(), n);
                }
            });
        }
    });
}

#[test]
fn those_who_wait_for_room_are_refused_when_the_pool_closes() {
    let pool = pool(1).queue(1).build();
    let (_running, _release) = held(&pool);
    let _queued = pool.run(|| 0);
    let mut waits = Hand::new(pool.run_when_free(|| 1));
    waits.pending();
    let _shutdown = pool.shutdown();
    assert_eq!(waits.wakes(), 1);
    assert!(wait(waits.ready()).unwrap_err().is_refused());
}

/// A way to start threads that fails while the flag is set.
fn failing_while(fails: &Arc<AtomicBool>) -> Start {
    let fails = fails.clone();
    Arc::new(move |name, body| {
        if fails.load(SeqCst) {
            return Err(io::Error::from(io::ErrorKind::WouldBlock));
        }
        thread::Builder::new().name(name).spawn(body).map(drop)
    })
}

#[test]
fn a_job_of_a_pool_that_gets_no_thread_comes_back_as_an_error() {
    let fails = Arc::new(AtomicBool::new(true));
    let pool = pool(2).start_with(failing_while(&fails)).build();
    let Err(TryRunError::NoThread(closure, error)) = pool.try_run(|| 1) else {
        panic!("there is no thread")
    };
    assert_eq!((closure(), error.kind()), (1, io::ErrorKind::WouldBlock));
    assert!(wait(pool.run(|| 2)).unwrap_err().is_refused());
    fails.store(false, SeqCst);
    assert_eq!(wait(pool.run(|| 3)).unwrap(), 3); // the failure is not remembered
}

#[test]
fn a_job_waits_for_a_busy_thread_if_no_other_can_be_started() {
    let fails = Arc::new(AtomicBool::new(false));
    let pool = pool(2).start_with(failing_while(&fails)).build();
    let (_running, release) = held(&pool);
    fails.store(true, SeqCst);
    let task = pool.run(|| 2);
    assert_eq!(pool.stats().queued, 1);
    drop(release);
    assert_eq!(wait(task).unwrap(), 2);
}

#[test]
fn a_thread_whose_setup_panics_counts_as_one_that_did_not_start() {
    let pool = pool(1).setup(Arc::new(|_: &mut dyn FnMut()| panic!("no setup"))).build();
    assert!(wait(pool.run(|| 1)).unwrap_err().is_refused());
    until(|| pool.stats().threads == 0);
    wait(pool.shutdown());
}
