//! Models of a task's life: its state word, its cell, its handles and the slot.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use windlass_executor::task::slot::Slot;
use windlass_executor::task::{Task, new_task};

use super::hands::{Count, Output, Queue, Subject, raise_and_wake, spawn, spec};

/// Polls the handle once, as a joiner that this count stands for.
fn poll_join(
    task: &mut Task<Output>,
    count: &Arc<Count>,
) -> Poll<Result<Output, windlass_executor::task::JoinError>> {
    Pin::new(task).poll(&mut Context::from_waker(&Waker::from(count.clone())))
}

/// Property: each wake is followed by a poll that sees what its waker did before, and there are no
/// more polls than wakes. One wake comes before the two, so that the last may find nothing to
/// change.
/// Threads: a worker, two wakers. Bound: see the list.
/// Killed by: `Relaxed` exchange in `State::step`; no exchange if the bits stay the same; `woken`
/// not setting `WOKEN`; `end_poll` not looking at `WOKEN`.
pub fn after_the_last_of_several_wakes_there_is_a_poll_that_sees_what_came_before() {
    let queue = Queue::new();
    let (future, watch, flags) = Subject::new(2);
    let (runnable, task) = new_task(future, queue.clone(), spec(false));
    queue.run_one(runnable);
    // It is kept to the end: the last waker's drop would cause a poll, too.
    let waker = watch.waker();
    waker.wake_by_ref();
    let wakers = [0, 1].map(|which| {
        let (flags, waker) = (flags.clone(), waker.clone());
        spawn(move || raise_and_wake(&flags[which], &waker))
    });
    queue.run();
    for thread in wakers {
        thread.join().expect("it does not panic");
    }
    queue.run();
    assert!(task.is_finished(), "a wake was lost");
    assert!(watch.polls() <= 4, "there were more polls than wakes");
}

/// Property: a task is with one worker at a time, and its fields go from one to the next.
/// Threads: two workers, a waker that wakes twice. Bound: see the list.
/// Killed by: `end_poll` unsetting `ACTIVE` when it says `Push`; `woken` pushing an active task.
pub fn two_workers_never_poll_a_task_at_once() {
    let queue = Queue::new();
    let (future, watch, flags) = Subject::new(2);
    let (runnable, task) = new_task(future, queue.clone(), spec(false));
    queue.run_one(runnable);
    let waker = watch.waker();
    let rouser = spawn({
        let (flags, waker) = (flags.clone(), waker.clone());
        move || {
            raise_and_wake(&flags[0], &waker);
            raise_and_wake(&flags[1], &waker);
        }
    });
    let worker = spawn({
        let queue = queue.clone();
        move || queue.run()
    });
    queue.run();
    rouser.join().expect("it does not panic");
    worker.join().expect("it does not panic");
    queue.run();
    assert!(task.is_finished(), "a wake was lost");
    assert_eq!(watch.futures_dropped(), 1);
}

/// Wakes its own task in its first two polls.
struct Restless(Subject, u32);

impl Future for Restless {
    type Output = Output;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Output> {
        self.1 += 1;
        if self.1 <= 2 {
            cx.waker().wake_by_ref();
        }
        Pin::new(&mut self.0).poll(cx)
    }
}

/// Property: a task that wakes itself, which the word does not show, hears of the wakes of others,
/// and is with one worker at a time.
/// Threads: two workers, a waker. Bound: see the list.
/// Killed by: `fires_itself` saying yes to every waker; `Runnable::run` ending a poll in the word
/// though it has woken its own task.
pub fn a_task_that_wakes_itself_hears_of_other_wakes_and_is_with_one_worker() {
    let queue = Queue::new();
    let (future, watch, flags) = Subject::new(1);
    let (runnable, task) = new_task(Restless(future, 0), queue.clone(), spec(false));
    queue.run_one(runnable);
    let waker = watch.waker();
    let rouser = spawn({
        let waker = waker.clone();
        move || raise_and_wake(&flags[0], &waker)
    });
    let worker = spawn({
        let queue = queue.clone();
        move || queue.run()
    });
    queue.run();
    rouser.join().expect("it does not panic");
    worker.join().expect("it does not panic");
    queue.run();
    assert!(task.is_finished(), "a wake was lost");
    assert!(watch.polls() <= 4, "there were more polls than wakes");
    assert_eq!(watch.futures_dropped(), 1);
}

/// Property: the joiner gets the output or the news of the cancel, the future is dropped once, and
/// the output is dropped once if there was one.
/// Threads: a worker, a canceller. Bound: none.
/// Killed by: `cancel` pushing an active task; `cancel` not looking at `DONE`.
pub fn a_cancel_against_completion_leaves_one_of_the_two_results() {
    let queue = Queue::new();
    let (future, watch, _) = Subject::new(0);
    let (runnable, mut task) = new_task(future, queue.clone(), spec(false));
    let abort = task.abort_handle();
    let canceller = spawn(move || {
        abort.abort();
    });
    queue.run_one(runnable);
    canceller.join().expect("it does not panic");
    queue.run();
    let Poll::Ready(result) = poll_join(&mut task, &Arc::default()) else {
        panic!("the task is not finished");
    };
    let outputs = usize::from(result.is_ok());
    assert_eq!(watch.polls(), outputs);
    drop((result, task));
    drop_waker_of(&watch);
    assert_eq!((watch.futures_dropped(), watch.outputs_dropped()), (1, outputs));
    assert_eq!(queue.cells(), 0);
}

/// Gives up the waker that the first poll has left, if there was one.
fn drop_waker_of(watch: &super::hands::Watch) {
    if watch.polls() > 0 {
        drop(watch.waker());
    }
}

/// Property: a task that is run, woken and cancelled at once ends, and its future is dropped once.
/// Threads: a worker, a waker, a canceller. Bound: see the list.
/// Killed by: `end_poll` not looking at `CANCELLED`; `cancel` of a sleeping task not pushing.
pub fn a_cancel_against_a_poll_against_a_wake_drops_the_future_once() {
    let queue = Queue::new();
    let (future, watch, flags) = Subject::new(2);
    let (runnable, task) = new_task(future, queue.clone(), spec(false));
    queue.run_one(runnable);
    // It is kept to the end: the last waker's drop would set the task going, too.
    let waker = watch.waker();
    let rouser = spawn({
        let waker = waker.clone();
        move || raise_and_wake(&flags[0], &waker)
    });
    let canceller = spawn(move || drop(task));
    queue.run();
    rouser.join().expect("it does not panic");
    canceller.join().expect("it does not panic");
    queue.run();
    assert_eq!(watch.futures_dropped(), 1);
    drop(waker);
    assert_eq!(queue.cells(), 0);
}

/// Property: whoever comes last of the runner and the handle drops the output, once, and does not
/// leave it to a waker that happens to be alive.
/// Threads: a worker, the handle's owner. Bound: none.
/// Killed by: `let_go` answering `Then` for a done task; `complete` leaving the output to a handle
/// that is gone.
pub fn a_handle_dropped_against_completion_drops_the_output_once_and_promptly() {
    let queue = Queue::new();
    let (future, watch, _) = Subject::new(0);
    let (runnable, task) = new_task(future, queue.clone(), spec(false));
    let worker = spawn({
        let queue = queue.clone();
        move || queue.run_one(runnable)
    });
    task.detach();
    worker.join().expect("it does not panic");
    assert_eq!((watch.futures_dropped(), watch.outputs_dropped()), (1, 1));
    assert_eq!(queue.cells(), 1, "the stray waker keeps the cell");
    drop(watch.waker());
    assert_eq!(queue.cells(), 0);
}

/// Property: a joiner that polls while the task completes finds the output or is woken.
/// Threads: a worker, a joiner. Bound: none.
/// Killed by: `watch` not looking at `DONE`; `complete` ignoring `WATCHED`; `Relaxed` exchange in
/// `State::step`.
pub fn a_joiner_is_woken_or_finds_the_output() {
    let queue = Queue::new();
    let (future, watch, _) = Subject::new(0);
    let (runnable, mut task) = new_task(future, queue.clone(), spec(false));
    let worker = spawn({
        let queue = queue.clone();
        move || queue.run_one(runnable)
    });
    let count = Arc::new(Count::default());
    let first = poll_join(&mut task, &count);
    let waits = first.is_pending();
    drop(first);
    worker.join().expect("it does not panic");
    if waits {
        assert_eq!(count.wakes(), 1, "the joiner waits for ever");
        assert!(poll_join(&mut task, &count).is_ready());
    }
    drop(task);
    drop(watch.waker());
    assert_eq!(Arc::strong_count(&count), 1, "the joiner's waker was leaked");
    assert_eq!((watch.outputs_dropped(), queue.cells()), (1, 0));
}

/// Property: when a joiner has been polled with two wakers, the second one is woken.
/// Threads: a worker, a joiner. Bound: none.
/// Killed by: `keep_waker` keeping the first waker; `with_loose` giving its lock back before.
pub fn the_joiner_that_came_last_is_woken() {
    let queue = Queue::new();
    let (future, watch, _) = Subject::new(0);
    let (runnable, mut task) = new_task(future, queue.clone(), spec(false));
    let worker = spawn({
        let queue = queue.clone();
        move || queue.run_one(runnable)
    });
    let counts = [0, 1].map(|_| Arc::new(Count::default()));
    let waits = poll_join(&mut task, &counts[0]).is_pending()
        && poll_join(&mut task, &counts[1]).is_pending();
    worker.join().expect("it does not panic");
    if waits {
        assert_eq!(counts[1].wakes(), 1, "the joiner waits for ever");
    }
    drop(task);
    drop(watch.waker());
    assert!(counts.iter().all(|count| Arc::strong_count(count) == 1));
    assert_eq!((watch.outputs_dropped(), queue.cells()), (1, 0));
}

/// Property: a joiner may leave while the runner is about to wake it; the cell stays until the
/// runner is through.
/// Threads: a worker, a joiner. Bound: none.
/// Killed by: `complete` unsetting `ACTIVE` when it says `WakeJoiner`.
pub fn a_joiner_that_leaves_while_it_is_woken_does_not_take_the_cell_along() {
    let queue = Queue::new();
    let (future, watch, flags) = Subject::new(1);
    let (runnable, mut task) = new_task(future, queue.clone(), spec(false));
    queue.run_one(runnable);
    let waker = watch.waker();
    raise_and_wake(&flags[0], &waker);
    drop(waker);
    let worker = spawn({
        let queue = queue.clone();
        move || queue.run()
    });
    let count = Arc::new(Count::default());
    drop(poll_join(&mut task, &count));
    drop(task);
    worker.join().expect("it does not panic");
    queue.run();
    assert_eq!(Arc::strong_count(&count), 1, "the joiner's waker was leaked");
    assert_eq!((watch.futures_dropped(), queue.cells()), (1, 0));
}

/// Property: the runner, the handle and a waker let go at once; the cell is freed once, and not
/// before each of them has done with it.
/// Threads: a worker, a joiner, a waker's owner. Bound: see the list.
/// Killed by: `Relaxed` exchange in `State::step`; `drop_waker` never saying `Free`.
pub fn the_last_of_three_references_frees_the_cell_once_and_after_all_use() {
    let queue = Queue::new();
    let (future, watch, flags) = Subject::new(1);
    let (runnable, mut task) = new_task(future, queue.clone(), spec(false));
    queue.run_one(runnable);
    let waker = watch.waker();
    raise_and_wake(&flags[0], &waker);
    let stray = spawn(move || drop(waker));
    let joiner = spawn(move || drop(poll_join(&mut task, &Arc::default())));
    queue.run();
    stray.join().expect("it does not panic");
    joiner.join().expect("it does not panic");
    queue.run();
    assert_eq!(watch.futures_dropped(), 1);
    assert_eq!(queue.cells(), 0);
}

/// Property: a wake that comes as late as it likes disturbs nobody.
/// Threads: a worker, two late wakers. Bound: see the list.
/// Killed by: `woken` pushing a done task; `wake_and_drop` never answering `Free`.
pub fn a_waker_that_outlives_its_task_wakes_nobody_and_frees_the_cell() {
    let queue = Queue::new();
    let (future, watch, flags) = Subject::new(1);
    let (runnable, task) = new_task(future, queue.clone(), spec(false));
    queue.run_one(runnable);
    let waker = watch.waker();
    raise_and_wake(&flags[0], &waker);
    let late = [waker.clone(), waker].map(|waker| spawn(move || waker.wake()));
    task.detach();
    queue.run();
    for thread in late {
        thread.join().expect("it does not panic");
    }
    queue.run();
    assert_eq!((watch.polls(), watch.outputs_dropped()), (2, 1));
    assert_eq!(queue.cells(), 0);
}

/// Property: when the handle and the last waker go while the task falls asleep, its future is
/// dropped all the same, and by a runner.
/// Threads: a worker, the handle's owner, the waker's. Bound: see the list.
/// Killed by: `end_poll` saying `Lost` for an unreferenced task; `let_go` saying `Free` before
/// `DONE`.
pub fn a_task_that_nobody_can_reach_any_more_is_dropped_by_a_runner() {
    let queue = Queue::new();
    let (future, watch, _flags) = Subject::new(1);
    let (runnable, task) = new_task(future, queue.clone(), spec(false));
    queue.run_one(runnable);
    let waker = watch.waker();
    waker.wake_by_ref();
    let stray = spawn(move || drop(waker));
    let holder = spawn(move || task.detach());
    queue.run();
    stray.join().expect("it does not panic");
    holder.join().expect("it does not panic");
    queue.run();
    assert_eq!(watch.futures_dropped(), 1);
    assert_eq!(queue.cells(), 0);
}

/// Property: a shutdown that goes through the list while a task completes cancels it or does not
/// find it; the entry never outlives the cell.
/// Threads: a worker, a waker, one that shuts down. Bound: see the list.
/// Killed by: `complete` not clearing `LISTED`; `Runnable::complete` not taking the entry.
pub fn a_listed_task_is_cancelled_by_its_list_or_takes_itself_off() {
    let queue = Queue::new();
    let (future, watch, flags) = Subject::new(1);
    let (runnable, task) = new_task(future, queue.clone(), spec(true));
    queue.list(&runnable);
    task.detach();
    queue.run_one(runnable);
    let waker = watch.waker();
    let rouser = spawn(move || {
        raise_and_wake(&flags[0], &waker);
        drop(waker);
    });
    let shutdown = spawn({
        let queue = queue.clone();
        move || {
            queue.cancel_listed();
        }
    });
    queue.run();
    rouser.join().expect("it does not panic");
    shutdown.join().expect("it does not panic");
    queue.run();
    assert!(!queue.cancel_listed(), "the entry outlives the task");
    assert_eq!(watch.futures_dropped(), 1);
    assert_eq!(queue.cells(), 0);
}

/// Property: what a slot's owner puts there, replaces and takes goes to the owner or to one thief.
/// Threads: the owner, two thieves. Bound: see the list.
/// Killed by: `Relaxed` in `Slot::put` or `Slot::take_if`; `Slot::take_if` storing null without comparing;
/// `Slot::put` filling a slot that is full.
pub fn a_slot_gives_each_task_to_its_owner_or_to_one_thief() {
    let queue = Queue::new();
    let slot = Arc::new(Slot::new());
    let thieves = [0, 1].map(|_| {
        let (slot, queue) = (slot.clone(), queue.clone());
        spawn(move || {
            if let Some(task) = slot.glance().and_then(|seen| slot.take_if(seen)) {
                queue.run_one(task);
            }
        })
    });
    let watches = [0, 1].map(|_| {
        let (future, watch, _) = Subject::new(0);
        let (runnable, task) = new_task(future, queue.clone(), spec(false));
        task.detach();
        if let Some(former) = slot.put(runnable) {
            queue.run_one(former);
        }
        watch
    });
    if let Some(task) = slot.take() {
        queue.run_one(task);
    }
    for thread in thieves {
        thread.join().expect("it does not panic");
    }
    for watch in watches {
        assert_eq!((watch.polls(), watch.outputs_dropped()), (1, 1));
        drop(watch.waker());
    }
    assert_eq!(queue.cells(), 0);
}
