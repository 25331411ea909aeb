//! What the threads of a model have done in the execution that runs.
//!
//! loom runs all threads of a model on one thread of the system, as coroutines, and changes from one
//! to another only inside its own operations. Each of those goes through [`step`], which keeps the
//! number of its thread on its own stack and puts it back when loom returns to it. So the running
//! thread is known without asking loom, which would look it up in a map at every operation. Only what
//! the thread-locals of a thread do when they are dropped may be booked on another thread: loom
//! changes over once between the end of a thread and that drop, and does not say so.

use std::cell::{Cell, RefCell};
use std::panic::Location;
use std::sync::atomic::Ordering;

/// What kind of thing an operation is on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    Atomic,
    Mutex,
    Condvar,
    Cell,
    /// Fences, threads.
    Nothing,
}

/// Names one shared thing within an execution.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Object {
    pub kind: Kind,
    /// From the order in which things are made.
    pub number: u32,
}

impl Object {
    /// For what is no operation on a thing.
    pub const NOTHING: Object = Object { kind: Kind::Nothing, number: 0 };

    /// A name that no other thing of this execution has.
    pub fn new(kind: Kind) -> Self {
        let number = MADE.get() + 1;
        MADE.set(number);
        Self { kind, number }
    }
}

/// What an atomic held.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Value {
    Flag(bool),
    Number(u64),
    Address(usize),
}

/// One operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Step {
    pub thread: usize,
    pub at: &'static Location<'static>,
    pub object: Object,
    pub what: &'static str,
    pub order: Option<Ordering>,
    /// What an atomic held before.
    pub read: Option<Value>,
    /// What it holds after, if it was written.
    pub wrote: Option<Value>,
    /// The thread that was started or joined.
    pub other: Option<usize>,
}

/// Everything since the execution began.
#[derive(Default)]
pub struct Trace {
    pub execution: u64,
    pub steps: Vec<Step>,
    /// For each thread the operation that it has begun and not ended.
    pub begun: Vec<Option<Step>>,
}

thread_local! {
    static TRACE: RefCell<Trace> = const { RefCell::new(Trace { execution: 0, steps: Vec::new(), begun: Vec::new() }) };
    /// The thread of the model that runs.
    static RUNNING: Cell<usize> = const { Cell::new(0) };
    /// How many things have been made.
    static MADE: Cell<u32> = const { Cell::new(0) };
}

/// Forgets the execution before.
pub fn begin_execution(number: u64) {
    RUNNING.set(0);
    MADE.set(0);
    TRACE.with_borrow_mut(|trace| {
        trace.execution = number;
        trace.steps.clear();
        trace.begun.clear();
        trace.begun.push(None);
    });
}

/// The trace, if this thread of the system runs a model.
pub fn take() -> Option<Trace> {
    let trace = TRACE
        .try_with(|trace| trace.try_borrow_mut().ok().map(|mut trace| std::mem::take(&mut *trace)));
    trace.ok().flatten().filter(|trace| trace.execution > 0)
}

/// A number for a thread that is about to be started.
pub fn new_thread() -> usize {
    TRACE.with_borrow_mut(|trace| {
        trace.begun.push(None);
        trace.begun.len().saturating_sub(1)
    })
}

/// The running thread is this one from now on.
pub fn run_as(thread: usize) {
    RUNNING.set(thread);
}

impl Step {
    /// An operation of the running thread that has not ended.
    pub fn new(at: &'static Location<'static>, object: Object, what: &'static str) -> Self {
        let thread = RUNNING.get();
        Self { thread, at, object, what, order: None, read: None, wrote: None, other: None }
    }

    /// Notes the operation when it has been made.
    pub fn run<R>(mut self, act: impl FnOnce() -> R, note: impl FnOnce(&mut Step, &R)) -> R {
        self.begins();
        let result = act();
        RUNNING.set(self.thread);
        note(&mut self, &result);
        self.ends();
        result
    }

    fn begins(self) {
        TRACE.with_borrow_mut(|trace| {
            if let Some(begun) = trace.begun.get_mut(self.thread) {
                *begun = Some(self);
            }
        });
    }

    fn ends(self) {
        TRACE.with_borrow_mut(|trace| {
            if let Some(begun) = trace.begun.get_mut(self.thread) {
                *begun = None;
            }
            trace.steps.push(self);
        });
    }
}

/// Makes an operation that neither reads nor writes a value.
pub fn step<R>(
    at: &'static Location<'static>,
    object: Object,
    what: &'static str,
    act: impl FnOnce() -> R,
) -> R {
    Step::new(at, object, what).run(act, |_, _| ())
}
