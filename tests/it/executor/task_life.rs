//! The life of a task, walked as a product: what its handle does and when, how its future ends,
//! which destructors panic, and what becomes of its wakers.

use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};

use windlass_executor::task::{JoinError, Owner, Task, new_task};

use super::hands::Queue;
use crate::kit::Count;

/// When the handle acts.
#[derive(Clone, Copy, Debug, PartialEq)]
enum When {
    BeforeTheFirstPoll,
    DuringTheFirstPoll,
    AfterTheFirstPoll,
    AtTheEnd,
}

/// What the handle does.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Act {
    Drop,
    Detach,
    Cancel,
    Join,
}

/// How the future ends.
#[derive(Clone, Copy, Debug, PartialEq)]
enum End {
    Never,
    ReadyAtPoll(usize),
    PanicAtPoll(usize),
}

/// Which destructor panics.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Bad {
    None,
    Future,
    Output,
}

/// What becomes of the waker that the first poll clones.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Wakers {
    /// It is not cloned; the future wakes itself before it returns `Pending`, if it will end.
    None,
    Kept,
    DroppedAfterTheFirstPoll,
    DroppedAtTheEnd,
    WokenAtTheEnd,
}

#[derive(Clone, Copy, Debug)]
struct Life {
    when: When,
    act: Act,
    end: End,
    bad: Bad,
    wakers: Wakers,
    listed: bool,
}

/// What the handle of a life gets in the end.
#[derive(Debug, PartialEq)]
enum Got {
    Output,
    Cancelled,
    Panic(&'static str),
    Nothing,
}

impl Life {
    fn all() -> impl Iterator<Item = Life> {
        use {Act::*, When::*};
        let whens = [BeforeTheFirstPoll, DuringTheFirstPoll, AfterTheFirstPoll, AtTheEnd];
        let acts = [Drop, Detach, Cancel, Join];
        let ends = [
            End::Never,
            End::ReadyAtPoll(1),
            End::ReadyAtPoll(2),
            End::PanicAtPoll(1),
            End::PanicAtPoll(2),
        ];
        let bads = [Bad::None, Bad::Future, Bad::Output];
        let wakers = [
            Wakers::None,
            Wakers::Kept,
            Wakers::DroppedAfterTheFirstPoll,
            Wakers::DroppedAtTheEnd,
            Wakers::WokenAtTheEnd,
        ];
        let mut all = Vec::new();
        for when in whens {
            for act in acts {
                for end in ends {
                    for bad in bads {
                        for wakers in wakers {
                            for listed in [false, true] {
                                all.push(Life { when, act, end, bad, wakers, listed });
                            }
                        }
                    }
                }
            }
        }
        all.into_iter()
    }

    /// The poll at which the future ends by itself, if it comes to that.
    fn last_poll(self) -> Option<usize> {
        let polls_before_the_cancel = match (self.act, self.when) {
            (Act::Detach | Act::Join, _) | (_, When::AtTheEnd) => usize::MAX,
            (_, When::BeforeTheFirstPoll) => 0,
            (_, When::DuringTheFirstPoll | When::AfterTheFirstPoll) => 1,
        };
        match self.end {
            End::Never => None,
            End::ReadyAtPoll(poll) | End::PanicAtPoll(poll) => {
                (poll <= polls_before_the_cancel).then_some(poll)
            }
        }
    }

    /// What a handle that is kept must get.
    fn expected(self) -> Got {
        match (self.last_poll(), self.end, self.act) {
            (Some(_), End::ReadyAtPoll(_), _) => Got::Output,
            (Some(_), _, _) => Got::Panic("in poll"),
            (None, _, Act::Cancel) if self.bad == Bad::Future => Got::Panic("in future's drop"),
            (None, _, Act::Cancel) => Got::Cancelled,
            (None, _, _) => Got::Nothing,
        }
    }
}

/// What happened.
#[derive(Default)]
struct Facts {
    polls: AtomicUsize,
    futures_dropped: AtomicUsize,
    futures_dropped_unwinding: AtomicUsize,
    outputs_made: AtomicUsize,
    outputs_dropped: AtomicUsize,
    waker: Mutex<Option<Waker>>,
}

impl Facts {
    fn take_waker(&self) -> Option<Waker> {
        self.waker.lock().unwrap().take()
    }

    fn wake(&self) {
        let waker = self.waker.lock().unwrap().clone();
        if let Some(waker) = waker {
            waker.wake_by_ref();
        }
    }
}

struct Subject {
    life: Life,
    facts: Arc<Facts>,
    during: Option<Box<dyn FnOnce() + Send>>,
}

impl Future for Subject {
    type Output = Output;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Output> {
        let poll = self.facts.polls.fetch_add(1, SeqCst) + 1;
        if poll == 1 && self.life.wakers != Wakers::None {
            *self.facts.waker.lock().unwrap() = Some(cx.waker().clone());
        }
        if let Some(during) = self.during.take() {
            during();
        }
        match self.life.end {
            End::ReadyAtPoll(last) if poll == last => {
                self.facts.outputs_made.fetch_add(1, SeqCst);
                return Poll::Ready(Output(self.life, self.facts.clone()));
            }
            End::PanicAtPoll(last) if poll == last => panic!("in poll"),
            End::Never => {}
            _ if self.life.wakers == Wakers::None => cx.waker().wake_by_ref(),
            _ => {}
        }
        Poll::Pending
    }
}

impl Drop for Subject {
    fn drop(&mut self) {
        self.facts.futures_dropped.fetch_add(1, SeqCst);
        let unwinding = usize::from(std::thread::panicking());
        self.facts.futures_dropped_unwinding.fetch_add(unwinding, SeqCst);
        assert!(self.life.bad != Bad::Future, "in future's drop");
    }
}

struct Output(Life, Arc<Facts>);

impl Drop for Output {
    fn drop(&mut self) {
        self.1.outputs_dropped.fetch_add(1, SeqCst);
        assert!(self.0.bad != Bad::Output, "in output's drop");
    }
}

/// The handle, while it is there, and the joiner that it has told of itself.
#[derive(Default)]
struct Handle {
    task: Mutex<Option<Task<Output>>>,
    joiner: Arc<Count>,
    waits: AtomicUsize,
}

impl Handle {
    fn poll(&self, task: &mut Task<Output>) -> Poll<Result<Output, JoinError>> {
        let waker = Waker::from(self.joiner.clone());
        Pin::new(task).poll(&mut Context::from_waker(&waker))
    }

    fn act(&self, act: Act) -> Got {
        let Some(mut task) = self.task.lock().unwrap().take() else { return Got::Nothing };
        match act {
            Act::Drop => drop(task),
            Act::Detach => task.detach(),
            Act::Cancel => {
                task.abort();
                *self.task.lock().unwrap() = Some(task);
            }
            Act::Join => match self.poll(&mut task) {
                Poll::Ready(result) => return got(result),
                Poll::Pending => {
                    self.waits.store(1, SeqCst);
                    *self.task.lock().unwrap() = Some(task);
                }
            },
        }
        Got::Nothing
    }
}

fn got(result: Result<Output, JoinError>) -> Got {
    match result {
        Ok(output) => {
            // The one place where the panic of the output's destructor is the test's own.
            let _ = catch_unwind(AssertUnwindSafe(|| drop(output)));
            Got::Output
        }
        Err(error) if error.is_cancelled() => Got::Cancelled,
        Err(error) => match error.panic_message() {
            Some("in poll") => Got::Panic("in poll"),
            Some("in future's drop") => Got::Panic("in future's drop"),
            other => panic!("an unknown panic: {other:?}"),
        },
    }
}

/// Lives one life and checks what must hold in each.
fn live(life: Life) {
    let queue = Queue::new();
    let facts = Arc::new(Facts::default());
    let handle = Arc::new(Handle::default());
    let during = (life.when == When::DuringTheFirstPoll).then(|| {
        let handle = handle.clone();
        Box::new(move || {
            handle.act(life.act);
        }) as Box<dyn FnOnce() + Send>
    });
    let future = Subject { life, facts: facts.clone(), during };
    let (runnable, task) = new_task(future, queue.clone(), queue.spec(life.listed));
    *handle.task.lock().unwrap() = Some(task);
    if life.listed {
        queue.list(&runnable);
    }
    let act = |when| if life.when == when { handle.act(life.act) } else { Got::Nothing };

    act(When::BeforeTheFirstPoll);
    queue.push(runnable);
    queue.step();
    act(When::AfterTheFirstPoll);
    if life.wakers == Wakers::DroppedAfterTheFirstPoll {
        drop(facts.take_waker());
    }
    queue.run();
    facts.wake();
    queue.run();
    if matches!(life.act, Act::Drop | Act::Cancel) && life.when != When::AtTheEnd {
        assert_eq!(facts.futures_dropped.load(SeqCst), 1, "a cancelled future lives on");
    }

    let mut result = act(When::AtTheEnd);
    match life.wakers {
        Wakers::WokenAtTheEnd => facts.take_waker().into_iter().for_each(Waker::wake),
        Wakers::DroppedAtTheEnd => drop(facts.take_waker()),
        _ => {}
    }
    queue.run();
    let kept = handle.task.lock().unwrap().take();
    if let Some(mut task) = kept {
        let finished = task.is_finished();
        if finished && handle.waits.load(SeqCst) == 1 {
            assert_eq!(handle.joiner.wakes(), 1, "the joiner was not woken");
        }
        if let Poll::Ready(end) = handle.poll(&mut task) {
            assert!(finished);
            result = got(end);
        }
    }
    if matches!(life.act, Act::Cancel | Act::Join) && result != Got::Nothing {
        assert_eq!(result, life.expected());
    } else if matches!(life.act, Act::Cancel | Act::Join) {
        let found_at_once = life.when != When::AtTheEnd && life.act == Act::Join;
        assert!(found_at_once || life.expected() == Got::Nothing, "got nothing");
    }
    queue.run();
    queue.cancel_listed();
    queue.run();
    drop(facts.take_waker());
    queue.run();
    settle(life, &queue, &facts, &handle);
}

/// What must hold when all is over.
fn settle(life: Life, queue: &Queue, facts: &Facts, handle: &Handle) {
    let count = |number: &AtomicUsize| number.load(SeqCst);
    assert_eq!(count(&facts.futures_dropped), 1, "a future is dropped once");
    assert_eq!(count(&facts.outputs_dropped), count(&facts.outputs_made), "an output, too");
    let made = matches!(life.end, End::ReadyAtPoll(_)) && life.last_poll().is_some();
    assert_eq!(count(&facts.outputs_made), usize::from(made));
    let panicked = matches!(life.end, End::PanicAtPoll(_)) && life.last_poll().is_some();
    assert_eq!(count(&facts.futures_dropped_unwinding), usize::from(panicked));
    if life.when == When::BeforeTheFirstPoll && matches!(life.act, Act::Drop | Act::Cancel) {
        assert_eq!(count(&facts.polls), 0, "a cancelled task is not polled");
    }
    if let Some(last) = life.last_poll() {
        assert_eq!(count(&facts.polls), last, "there were more polls than wakes");
    }
    assert_eq!(handle.joiner.wakers(), 0, "the joiner's waker is leaked");
    assert_eq!((queue.cells(), queue.listed(), queue.queued()), (0, 0, 0), "a cell is leaked");
}

// SCH-09, SCH-12, TSK-03, TSK-04, TSK-19, TSK-26, TSK-29, TSK-35
#[test]
fn in_every_life_the_future_and_the_output_are_dropped_once_and_the_cell_is_freed() {
    let mut lives = 0;
    for life in Life::all() {
        lives += 1;
        if let Err(payload) = catch_unwind(|| live(life)) {
            eprintln!("this life failed: {life:?}");
            std::panic::resume_unwind(payload);
        }
    }
    assert_eq!(lives, 4 * 4 * 5 * 3 * 5 * 2);
}
