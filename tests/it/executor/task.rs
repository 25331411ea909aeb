//! Single facts of a task's life; the product of all lives is in `task_life`.

use std::cell::Cell;
use std::future::{Future, pending, poll_fn, ready};
use std::panic::{AssertUnwindSafe, Location, catch_unwind, panic_any};
use std::pin::Pin;
use std::rc::Rc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};
use std::time::Instant;

use windlass_executor::task::state::Phase;
use windlass_executor::task::{JoinError, Owner, Ran, Task, new_local_task, new_task};
use windlass_sync::waiting::{self, Reason};

use super::hands::Queue;
use crate::kit::{Count, Hand};

/// Spawns a task and queues it.
#[track_caller]
fn spawn<F>(queue: &Queue, future: F) -> Task<F::Output>
where
    F: Future<Output: Send> + Send + 'static,
{
    let (runnable, task) = new_task(future, queue.clone(), queue.spec(false));
    queue.push(runnable);
    task
}

fn poll<T>(task: &mut Task<T>) -> Poll<Result<T, JoinError>> {
    Pin::new(task).poll(&mut Context::from_waker(Waker::noop()))
}

/// What a finished task gives.
#[track_caller]
fn result<T>(mut task: Task<T>) -> Result<T, JoinError> {
    match poll(&mut task) {
        Poll::Ready(result) => result,
        Poll::Pending => panic!("the task is not finished"),
    }
}

/// Calls a closure when dropped.
struct OnDrop<F: FnMut()>(F);

impl<F: FnMut()> Drop for OnDrop<F> {
    fn drop(&mut self) {
        (self.0)();
    }
}

// TSK-03
#[test]
fn a_task_gives_its_value_or_its_error() {
    let queue = Queue::new();
    let (good, bad) = (spawn(&queue, ready(7)), spawn(&queue, async { panic!("no luck") }));
    queue.run();
    assert_eq!(result(good).unwrap(), 7);
    let error = result(bad).unwrap_err();
    assert_eq!(error.into_panic().unwrap().downcast_ref(), Some(&"no luck"));
}

// TSK-04, TSK-07
#[test]
fn a_second_cancel_says_false_and_changes_nothing() {
    let queue = Queue::new();
    let drops = Arc::new(AtomicUsize::new(0));
    let guard = OnDrop({
        let drops = drops.clone();
        move || {
            drops.fetch_add(1, SeqCst);
        }
    });
    let task = spawn(&queue, async move {
        let _guard = guard;
        pending::<()>().await
    });
    queue.run();
    let other = task.abort_handle();
    assert!(task.abort());
    assert!(!task.abort());
    assert!(!other.abort());
    assert_eq!(queue.run(), 1, "two cancels are one turn");
    assert!(!task.abort());
    assert!(result(task).unwrap_err().is_cancelled());
    assert_eq!(drops.load(SeqCst), 1);
}

// TSK-19
#[test]
fn a_cancel_of_a_finished_task_keeps_its_result() {
    let queue = Queue::new();
    let task = spawn(&queue, ready(5));
    queue.run();
    assert!(!task.abort());
    assert_eq!(result(task.cancel()).unwrap(), 5);
}

#[test]
fn a_cancel_of_a_task_that_is_queued_is_told_to_its_owner() {
    let queue = Queue::new();
    let queued = spawn(&queue, pending::<()>());
    queued.abort();
    assert_eq!(queue.retracted(), queued.id().get());
    drop(queued);
    queue.end();
}

#[test]
fn an_owner_that_returns_the_entry_of_another_task_is_stopped_by_one_panic() {
    /// Both are leaked then; here, nobody takes that for a leak of the runtime.
    static LEAKED: Mutex<Vec<Task<i32>>> = Mutex::new(Vec::new());
    let queue = Queue::new();
    for number in 0..2 {
        let (runnable, task) = new_task(ready(number), queue.clone(), queue.spec(true));
        queue.list_as(&runnable, 1 - number as usize);
        queue.push(runnable);
        LEAKED.lock().unwrap().push(task);
    }
    let ran = catch_unwind(AssertUnwindSafe(|| queue.take().run(&Instant::now(), 0)));
    let payload = ran.expect_err("the entry is not its own");
    let words = payload.downcast_ref::<&str>().expect("an assertion has failed");
    assert_eq!(*words, "an owner returns the entry of the task that asks");
    std::mem::forget(queue.take());
}

#[test]
fn the_cell_of_a_finished_task_is_freed_when_the_last_handle_goes() {
    let queue = Queue::new();
    let task = spawn(&queue, ready(1));
    let first = task.abort_handle();
    let handles = [first.clone(), first];
    queue.run();
    drop(task);
    for handle in handles {
        assert_eq!(queue.cells(), 1);
        drop(handle);
    }
    assert_eq!(queue.cells(), 0);
}

// TSK-21
#[test]
fn a_task_has_a_number_and_a_place_and_may_have_a_name() {
    let queue = Queue::new();
    let here = Location::caller().line() + 1;
    let plain = spawn(&queue, pending::<()>());
    let named = spawn(&queue, pending::<()>()).named("cook");
    assert_ne!(plain.id(), named.id());
    assert_eq!((plain.spawned_at().file(), plain.spawned_at().line()), (file!(), here));
    assert_eq!((plain.name(), named.name().as_deref()), (None, Some("cook")));
    let named = named.named("chef");
    named.abort();
    queue.run();
    let error = result(named).unwrap_err();
    assert_eq!(error.name(), Some("chef"));
    assert!(error.to_string().contains("\"chef\""), "{error}");
    drop(plain);
    queue.end();
}

// TSK-27
#[test]
fn a_join_error_tells_the_text_of_the_panic() {
    let queue = Queue::new();
    let number = 3;
    let words = spawn(&queue, async { panic!("plain words") });
    let formatted = spawn(&queue, async move { panic!("number {number}") });
    let other = spawn(&queue, async { panic_any(3) });
    queue.run();
    let text = |task: Task<()>| result(task).unwrap_err().panic_message().unwrap().to_owned();
    assert_eq!(text(words), "plain words");
    assert_eq!(text(formatted), "number 3");
    assert_eq!(text(other), "a payload that is no text");
}

// TSK-26, TSK-27
#[test]
fn a_panicking_task_takes_neither_its_worker_nor_its_neighbour_with_it() {
    let queue = Queue::new();
    spawn(&queue, async { panic!("on purpose") }).detach();
    let neighbour = spawn(&queue, ready(1));
    queue.run();
    assert_eq!(result(neighbour).unwrap(), 1);
}

// SCH-12
#[test]
fn a_destructor_that_panics_while_a_panic_unwinds_does_not_abort_the_process() {
    let queue = Queue::new();
    let bomb = OnDrop(|| panic!("the second panic"));
    let mut bomb = Some(bomb);
    let task = spawn(
        &queue,
        poll_fn(move |_| -> Poll<()> {
            assert!(bomb.as_mut().is_none(), "the first panic");
            Poll::Pending
        }),
    );
    queue.run();
    assert_eq!(result(task).unwrap_err().panic_message(), Some("the first panic"));
    assert_eq!(queue.cells(), 0);
}

#[test]
fn a_panic_whose_payload_panics_when_dropped_is_contained() {
    struct Payload(Arc<AtomicUsize>);
    impl Drop for Payload {
        fn drop(&mut self) {
            self.0.fetch_add(1, SeqCst);
            panic!("the payload's own");
        }
    }
    let queue = Queue::new();
    let drops = Arc::new(AtomicUsize::new(0));
    let payload = Payload(drops.clone());
    spawn(&queue, async move { panic_any(payload) }).detach();
    queue.run();
    assert_eq!(drops.load(SeqCst), 1);
    assert_eq!(queue.cells(), 0);
}

// TSK-27
#[test]
fn a_panic_that_nobody_joins_is_reported_with_name_and_line() {
    const CHILD: &str = "WINDLASS_TEST_UNOBSERVED";
    const NAME: &str = "executor::task::a_panic_that_nobody_joins_is_reported_with_name_and_line";
    if std::env::var_os(CHILD).is_some() {
        let queue = Queue::new();
        spawn(&queue, async { panic!("nobody looks") }).named("orphan").detach();
        queue.run();
        return;
    }
    let output = std::process::Command::new(std::env::current_exe().unwrap())
        .args(["--exact", NAME, "--nocapture"])
        .env(CHILD, "1")
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stderr);
    let report = text.lines().find(|line| line.contains("unobserved panic"));
    let report = report.unwrap_or_else(|| panic!("no report in: {text}"));
    for part in ["\"orphan\"", file!(), "nobody looks"] {
        assert!(report.contains(part), "no {part} in: {report}");
    }
}

// TSK-33
#[test]
fn an_output_outlives_its_executor() {
    let queue = Queue::new();
    let task = spawn(&queue, async { vec![1, 2, 3] });
    queue.run();
    drop(queue);
    assert_eq!(result(task).unwrap(), [1, 2, 3]);
}

#[test]
fn a_task_that_its_executor_drops_is_cancelled() {
    let queue = Queue::new();
    let task = spawn(&queue, pending::<()>());
    drop(queue.take());
    assert!(result(task).unwrap_err().is_cancelled());
}

/// A future that never ends, its waker, and how often it was polled.
fn sleeper() -> (impl Future<Output = ()> + Send, Arc<Mutex<Option<Waker>>>, Arc<AtomicUsize>) {
    let (waker, polls) = (Arc::new(Mutex::new(None)), Arc::new(AtomicUsize::new(0)));
    let future = poll_fn({
        let (waker, polls) = (waker.clone(), polls.clone());
        move |cx| {
            if polls.fetch_add(1, SeqCst) == 0 {
                *waker.lock().unwrap() = Some(cx.waker().clone());
            }
            Poll::Pending
        }
    });
    (future, waker, polls)
}

// TSK-35
#[test]
fn one_wake_is_one_poll_and_two_wakes_before_a_poll_are_one_too() {
    let queue = Queue::new();
    let (future, waker, polls) = sleeper();
    let task = spawn(&queue, future);
    queue.run();
    let waker = waker.lock().unwrap().take().unwrap();
    waker.wake_by_ref();
    assert_eq!((queue.run(), polls.load(SeqCst)), (1, 2));
    waker.wake_by_ref();
    waker.wake_by_ref();
    assert_eq!(queue.queued(), 1, "a task is in one queue once");
    assert_eq!((queue.run(), polls.load(SeqCst)), (1, 3));
    drop((task, waker));
    queue.end();
}

#[test]
fn a_wake_during_the_poll_is_a_poll_after_it() {
    let queue = Queue::new();
    let mut polls = 0;
    let task = spawn(
        &queue,
        poll_fn(move |cx| {
            polls += 1;
            cx.waker().wake_by_ref();
            cx.waker().wake_by_ref();
            if polls == 3 { Poll::Ready(polls) } else { Poll::Pending }
        }),
    );
    assert_eq!(queue.run(), 3);
    assert_eq!(result(task).unwrap(), 3);
}

#[test]
fn wakes_by_another_thread_during_a_poll_are_one_poll_after_it() {
    for wakes in 1..=2 {
        let queue = Queue::new();
        let polls = Arc::new(AtomicUsize::new(0));
        let counted = polls.clone();
        let future = poll_fn(move |cx| {
            if counted.fetch_add(1, SeqCst) == 0 {
                let waker = cx.waker().clone();
                let wake = move || (0..wakes).for_each(|_| waker.wake_by_ref());
                std::thread::spawn(wake).join().unwrap();
            }
            Poll::<()>::Pending
        });
        let task = spawn(&queue, future);
        let Ran::Again(runnable) = queue.take().run(&Instant::now(), 0) else {
            panic!("{wakes} wakes are lost");
        };
        assert_eq!(queue.queued(), 0, "a task that is polled is in no queue");
        assert!(matches!(runnable.run(&Instant::now(), 0), Ran::Lost));
        assert_eq!(polls.load(SeqCst), 2);
        drop(task);
        queue.end();
    }
}

#[test]
fn a_task_whose_last_waker_goes_is_polled_once_more_and_then_lost() {
    let queue = Queue::new();
    let (future, waker, polls) = sleeper();
    let task = spawn(&queue, future);
    assert!(matches!(queue.take().run(&Instant::now(), 0), Ran::Asleep));
    drop(waker.lock().unwrap().take());
    assert!(matches!(queue.take().run(&Instant::now(), 0), Ran::Lost));
    assert_eq!((polls.load(SeqCst), queue.queued()), (2, 0));
    drop(task);
    queue.end();
}

#[test]
fn a_lost_task_that_nobody_holds_is_dropped() {
    let queue = Queue::new();
    let drops = Arc::new(AtomicUsize::new(0));
    let guards = [0, 1].map(|_| {
        let drops = drops.clone();
        OnDrop(move || {
            drops.fetch_add(1, SeqCst);
        })
    });
    let [first, second] = guards.map(|guard| {
        spawn(&queue, async move {
            let _guard = guard;
            pending::<()>().await
        })
    });
    first.detach();
    queue.run();
    assert_eq!(drops.load(SeqCst), 1, "detached, then lost");
    second.detach();
    queue.run();
    assert_eq!((drops.load(SeqCst), queue.cells()), (2, 0), "lost, then detached");
}

// SCH-13
#[test]
fn a_destructor_may_lock_wake_and_spawn() {
    let queue = Queue::new();
    let (future, waker, polls) = sleeper();
    let other = spawn(&queue, future);
    queue.run();
    let guard = OnDrop({
        let (queue, waker) = (queue.clone(), waker.clone());
        move || {
            waker.lock().unwrap().as_ref().unwrap().wake_by_ref();
            spawn(&queue, ready(())).detach();
        }
    });
    let task = spawn(&queue, async move {
        let _guard = guard;
        pending::<()>().await
    });
    queue.run();
    drop(task);
    assert_eq!(queue.run(), 3, "the cancelled one, the woken one, the new one");
    assert_eq!(polls.load(SeqCst), 2);
    drop((other, waker.lock().unwrap().take()));
    queue.end();
}

// SCH-13
#[test]
fn a_destructor_may_wake_its_own_task() {
    let queue = Queue::new();
    let task = spawn(&queue, async {
        let waker = poll_fn(|cx| Poll::Ready(cx.waker().clone())).await;
        let _guard = OnDrop(move || waker.wake_by_ref());
        pending::<()>().await
    });
    queue.run();
    drop(task);
    queue.run();
    assert_eq!((queue.queued(), queue.cells()), (0, 0));
}

#[test]
fn a_joiner_is_woken_once_and_its_waker_is_given_back() {
    let queue = Queue::new();
    let (first, second) = (Count::new(), Count::new());
    let mut task = spawn(&queue, ready(1));
    for count in [&first, &first, &second] {
        let waker = Waker::from(count.clone());
        assert!(task.poll_finished(&mut Context::from_waker(&waker)).is_pending());
    }
    assert_eq!((first.wakers(), second.wakers()), (0, 1), "the newest replaces the former");
    queue.run();
    assert_eq!((first.wakes(), second.wakes(), second.wakers()), (0, 1, 0));
    assert!(task.is_finished());
    assert_eq!(result(task).unwrap(), 1);
}

#[test]
fn a_joiner_that_goes_away_takes_its_waker_along() {
    let queue = Queue::new();
    let count = Count::new();
    let mut task = spawn(&queue, ready(1));
    let waker = Waker::from(count.clone());
    assert!(task.poll_finished(&mut Context::from_waker(&waker)).is_pending());
    drop(waker);
    task.detach();
    assert_eq!(count.wakers(), 0);
    queue.run();
    assert_eq!((count.wakes(), queue.cells()), (0, 0));
}

#[test]
#[should_panic = "a task gives its output once"]
fn a_task_that_is_polled_after_its_output_panics() {
    let queue = Queue::new();
    let mut task = spawn(&queue, ready(1));
    queue.run();
    assert!(poll(&mut task).is_ready());
    let _ = poll(&mut task);
}

#[test]
fn a_task_is_listed_until_it_is_done_and_only_once() {
    let queue = Queue::new();
    let (runnable, task) = new_task(ready(1), queue.clone(), queue.spec(true));
    queue.list(&runnable);
    let twice = catch_unwind(AssertUnwindSafe(|| queue.list(&runnable)));
    assert!(twice.is_err());
    assert_eq!(queue.listed(), 1);
    queue.push(runnable);
    queue.run();
    assert_eq!(queue.listed(), 0);
    drop(task);
    assert_eq!(queue.cells(), 0);
}

#[test]
fn what_a_finished_poll_has_noted_is_not_taken_for_the_next_tasks() {
    let queue = Queue::new();
    let noted = spawn(&queue, async { waiting::note(Reason::Event, Location::caller()) });
    let (runnable, quiet) = new_task(pending::<()>(), queue.clone(), queue.spec(true));
    queue.list(&runnable);
    queue.push(runnable);
    queue.run();
    let facts = queue.describe().pop().unwrap();
    assert_eq!((facts.waiting, facts.phase, facts.polls), (None, Phase::Lost, 1));
    drop((noted, quiet));
    queue.end();
}

#[test]
fn a_task_says_what_it_waits_for_while_it_sleeps_and_not_while_it_is_queued() {
    let queue = Queue::new();
    let hand = Arc::new(Mutex::new(None));
    let (kept, mut polls) = (Arc::clone(&hand), 0);
    let future = poll_fn(move |cx| {
        waiting::note(Reason::Event, Location::caller());
        polls += 1;
        if polls == 2 {
            cx.waker().wake_by_ref();
        }
        *kept.lock().unwrap() = Some(cx.waker().clone());
        Poll::<()>::Pending
    });
    let (runnable, task) = new_task(future, queue.clone(), queue.spec(true));
    queue.list(&runnable);
    let says = |phase| {
        let facts = queue.describe().pop().unwrap();
        assert_eq!(facts.phase, phase);
        facts.waiting.map(|waiting| waiting.reason)
    };
    assert_eq!(says(Phase::Active), None);
    assert!(matches!(runnable.run(&Instant::now(), 0), Ran::Asleep));
    assert_eq!(says(Phase::Idle), Some(Reason::Event));
    hand.lock().unwrap().take().unwrap().wake();
    assert_eq!(says(Phase::Active), None, "it was woken");
    let Ran::Again(runnable) = queue.take().run(&Instant::now(), 0) else { panic!("it slept") };
    assert_eq!(says(Phase::Active), None, "it has woken itself");
    assert!(matches!(runnable.run(&Instant::now(), 0), Ran::Asleep));
    assert_eq!(says(Phase::Idle), Some(Reason::Event));
    drop((task, hand));
    queue.end();
}

#[test]
fn the_text_forms_of_a_task_tell_its_phase_its_bits_and_its_references() {
    let queue = Queue::new();
    let (future, kept, _) = sleeper();
    let (runnable, task) = new_task(future, queue.clone(), queue.spec(true));
    queue.list(&runnable);
    queue.push(runnable);
    let id = task.id();
    let says = |phase| assert_eq!(format!("{task:?}"), format!("Task({id}, {phase})"));
    says("Active");
    queue.run();
    says("Idle");
    let handles = [(); 3].map(|()| task.abort_handle());
    let waker = kept.lock().unwrap().take().unwrap();
    let wakers = [waker.clone(), waker];
    wakers[0].wake_by_ref();
    let woken = queue.take();
    let state = "State(Active, 0b1010001, 3 handles, 2 wakers)";
    assert_eq!(format!("{woken:?}"), format!("Runnable(task {id}, {state})"));
    queue.push(woken);
    drop(wakers);
    queue.run();
    says("Lost");
    task.abort();
    says("Cancelling");
    queue.run();
    says("Done");
    drop((task, handles));
    queue.end();
}

#[test]
fn a_local_task_runs_on_its_own_thread() {
    let queue = Queue::new();
    let shared = Rc::new(Cell::new(0));
    let (runnable, task) = new_local_task(
        {
            let shared = shared.clone();
            async move {
                shared.set(1);
                shared
            }
        },
        queue.clone(),
        queue.spec(false),
    );
    queue.push(runnable);
    queue.run();
    assert_eq!((shared.get(), result(task).unwrap().get()), (1, 1));
    assert_eq!(Rc::strong_count(&shared), 1);
}

#[test]
fn a_local_future_is_neither_polled_nor_dropped_on_a_foreign_thread() {
    let queue = Queue::new();
    let shared = Rc::new(());
    let [dropped, polled] = [0, 1].map(|_| {
        let held = shared.clone();
        let future = async move {
            let _held = held;
            pending::<()>().await
        };
        new_local_task(future, queue.clone(), queue.spec(false))
    });
    let runnables = (dropped.0, polled.0);
    std::thread::spawn(move || {
        drop(runnables.0);
        assert!(matches!(runnables.1.run(&Instant::now(), 0), Ran::Done));
    })
    .join()
    .unwrap();
    assert_eq!(Rc::strong_count(&shared), 3, "both are leaked");
    assert!(result(dropped.1).unwrap_err().is_cancelled());
    assert!(result(polled.1).unwrap_err().is_panic());
    assert_eq!(queue.cells(), 0);
}

// TSK-29
#[test]
fn an_output_that_panics_when_dropped_does_not_take_the_dropper_of_the_handle_along() {
    let queue = Queue::new();
    let task = spawn(&queue, async { OnDrop(|| panic!("in output's drop")) });
    queue.run();
    drop(task);
    assert_eq!(queue.cells(), 0);
}

// TSK-21
#[test]
fn a_task_that_has_failed_before_it_is_named_has_the_name_in_its_error() {
    let queue = Queue::new();
    let (runnable, task) = new_task(async { panic!("early") }, queue.clone(), queue.spec(false));
    let _ = runnable.run(&Instant::now(), 0);
    let task: Task<()> = task;
    let mut task = Hand::new(task.named("late"));
    assert_eq!(task.ready().unwrap_err().name(), Some("late"));
}
