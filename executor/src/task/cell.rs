//! The memory of a task: one allocation, freed by whoever lets go of it last.
//!
//! ```text
//!   Header (same for all tasks)                          typed part
//!   +--------+--------+------+---------------------+     +-------+----------------------------+
//!   | state  | vtable | meta | join waker, name    |     | owner | stage: future, then output |
//!   +--------+--------+------+---------------------+     +-------+----------------------------+
//! ```
//!
//! Everybody outside this folder sees a task through a pointer to its header. The vtable leads back
//! to the typed part. Tasks are not aligned to more than the allocator gives anyway: an aligned
//! allocation costs several times a plain one with glibc.

use std::any::Any;
use std::mem::ManuallyDrop;
use std::panic::Location;
use std::pin::Pin;
use std::ptr::NonNull;
use std::sync::Arc;
use std::task::{Context, Poll};

use windlass_sync::shim::{self, UnsafeCell};

use super::describe::TaskId;
use super::error::{About, JoinError};
use super::join::Task;
use super::local::Pinned;
use super::loose::Loose;
use super::meta::Meta;
use super::runnable::{Listed, Runnable};
use super::state::State;
use crate::report;

/// Who runs a task: a scheduler, or a pool of blocking threads.
///
/// It is kept in the task's cell by value, so it is a pointer or a counted reference.
pub trait Owner: Clone + Send + Sync + 'static {
    /// The task has been woken or cancelled: see that its `Runnable` is run.
    fn push(&self, task: Runnable);

    /// A listed task is about to be done: takes its entry off the list, at the place that
    /// [`Runnable::list`] was told.
    fn unlist(&self, place: u64) -> Listed;

    /// The task was cancelled while somebody held its `Runnable`; a queue may give it up early.
    fn retract(&self, id: TaskId);
}

/// What a new task is told about itself.
#[derive(Debug)]
pub struct Spec {
    /// Its number.
    pub id: TaskId,
    /// The line that spawned it.
    pub spawned_at: &'static Location<'static>,
    /// The clock's reading, coarse.
    pub born_ns: u64,
    /// True if its owner lists it; see [`Runnable::list`].
    pub listed: bool,
}

/// The part of a cell that is the same for every task.
pub(super) struct Header {
    pub(super) state: State,
    pub(super) vtable: &'static VTable,
    pub(super) meta: Meta,
    /// What may change at any time; rule 7.
    loose: UnsafeCell<Loose>,
}

impl Header {
    /// Shows what may change at any time, under its lock: `act` runs no foreign code.
    pub(super) fn with_loose<R>(&self, act: impl FnOnce(&mut Loose) -> R) -> R {
        let _held = self.meta.loose.lock();
        // SAFETY: rule 7: we hold its lock until `act` has returned.
        self.loose.with_mut(|loose| act(unsafe { &mut *loose }))
    }

    pub(super) fn name(&self) -> Option<Arc<str>> {
        self.with_loose(|loose| loose.said()?.name.clone())
    }

    pub(super) fn rename(&self, name: &str) {
        let name = Some(Arc::from(name));
        self.with_loose(|loose| loose.words().name = name);
    }

    /// Keeps why the task is about to be cancelled, unless it was told before.
    pub(super) fn give_reason(&self, reason: &str) {
        let reason = Arc::from(reason);
        self.with_loose(|loose| _ = loose.words().reason.get_or_insert(reason));
    }

    /// True if nobody has asked before: a task is reported once for waiting for itself.
    pub(super) fn waits_for_itself(&self) -> bool {
        self.with_loose(|loose| !std::mem::replace(&mut loose.words().waits_for_itself, true))
    }

    fn reason(&self) -> Option<Arc<str>> {
        self.with_loose(|loose| loose.said()?.reason.clone())
    }

    pub(super) fn about(&self) -> About {
        About { id: self.meta.id, name: self.name(), spawned_at: self.meta.spawned_at }
    }
}

/// The way from a header to the typed part of its cell.
pub(super) struct VTable {
    /// Polls the future; true if the task has an output now. Rule 2.
    pub(super) poll: unsafe fn(NonNull<Header>, &mut Context<'_>) -> bool,
    /// Drops the future and leaves an error as output: cancelled, or refused for a reason. Rule 2.
    pub(super) cancel: unsafe fn(NonNull<Header>, Option<std::io::Error>),
    /// Moves the output into the `Option<Result<T, JoinError>>` behind the pointer. Rule 3.
    pub(super) take_output: unsafe fn(NonNull<Header>, *mut ()),
    /// True if the output is there and is an error. Rule 3.
    pub(super) has_failed: unsafe fn(NonNull<Header>) -> bool,
    /// Drops the output, if it is there. Rule 3.
    pub(super) drop_output: unsafe fn(NonNull<Header>),
    /// Gives the memory back. Rule 1.
    pub(super) free: unsafe fn(NonNull<Header>),
    /// Pushes the `Runnable` that a transition has just made. Rules 2 and 5.
    pub(super) push: unsafe fn(NonNull<Header>),
    /// Takes the task off its owner's list. Rules 2 and 5.
    pub(super) unlist: unsafe fn(NonNull<Header>) -> Listed,
    /// Tells the owner of a cancel. Rule 1, and the owner must be one that is counted.
    pub(super) retract: unsafe fn(NonNull<Header>),
}

#[repr(C)]
struct Cell<F: Future, O> {
    /// First, so that a pointer to the cell is a pointer to the header.
    header: Header,
    owner: O,
    stage: UnsafeCell<Stage<F>>,
}

enum Stage<F: Future> {
    Future(F),
    Output(Result<F::Output, JoinError>),
    Empty,
}

/// Makes a task; its `Runnable` must be pushed, or dropped to cancel it.
pub fn new_task<F, O>(future: F, owner: O, spec: Spec) -> (Runnable, Task<F::Output>)
where
    F: Future + Send + 'static,
    F::Output: Send + 'static,
    O: Owner,
{
    allocate(future, owner, spec, false)
}

/// Makes a task whose future stays on this thread, see `Pinned` in [`local`](super::local).
pub fn new_local_task<F, O>(future: F, owner: O, spec: Spec) -> (Runnable, Task<F::Output>)
where
    F: Future + 'static,
    F::Output: 'static,
    O: Owner,
{
    allocate(Pinned::new(future), owner, spec, true)
}

/// The common part. `F` is `Send` itself or a [`Pinned`]; an output that is not `Send` is made on
/// the home thread by rule 6, and its `Task` is not `Send`, so it is dropped there too.
fn allocate<F, O>(future: F, owner: O, spec: Spec, local: bool) -> (Runnable, Task<F::Output>)
where
    F: Future + Send + 'static,
    O: Owner,
{
    let cell = Box::new(Cell {
        header: Header {
            state: State::new(spec.listed),
            vtable: const {
                &VTable {
                    poll: poll::<F, O>,
                    cancel: cancel::<F, O>,
                    take_output: take_output::<F, O>,
                    has_failed: has_failed::<F, O>,
                    drop_output: drop_output::<F, O>,
                    free: free::<F, O>,
                    push: push::<F, O>,
                    unlist: unlist::<F, O>,
                    retract: retract::<F, O>,
                }
            },
            meta: Meta::new(spec.id, spec.spawned_at, spec.born_ns, local),
            loose: UnsafeCell::new(Loose::NONE),
        },
        owner,
        stage: UnsafeCell::new(Stage::Future(future)),
    });
    let header = NonNull::from(Box::leak(cell)).cast::<Header>();
    // `State::new` has set ACTIVE for the one and JOINABLE for the other.
    (Runnable::new(header), Task::new(header))
}

/// # Safety
/// `header` is that of a live `Cell<F, O>` (rule 1), and the caller holds its `Runnable` (rule 2).
unsafe fn poll<F: Future, O>(header: NonNull<Header>, cx: &mut Context<'_>) -> bool {
    // SAFETY: the caller's promise; the header is the first field of a `repr(C)` cell.
    let cell = unsafe { header.cast::<Cell<F, O>>().as_ref() };
    let polled = cell.stage.with_mut(|stage| {
        shim::catch_unwind(|| {
            // Drops the future while the panic unwinds, so that its destructors can tell.
            let guard = DropOnPanic(stage);
            // SAFETY: rule 2 lets us touch the stage.
            let Stage::Future(future) = (unsafe { &mut *stage }) else {
                unreachable!("an active task has its future")
            };
            // SAFETY: rule 4, the future stays where it is until it is dropped.
            let polled = unsafe { Pin::new_unchecked(future) }.poll(cx);
            std::mem::forget(guard);
            polled
        })
    });
    let output = match polled {
        Ok(Poll::Pending) => return false,
        Ok(Poll::Ready(output)) => Ok(output),
        Err(payload) => Err(JoinError::panic(cell.header.about(), payload)),
    };
    // SAFETY: rule 2, as above.
    let dropped = unsafe { replace_stage(cell, Stage::Output(output)) };
    if let Err(payload) = dropped {
        // The output stands; the panic of the future's destructor has no other way out.
        tell(JoinError::panic(cell.header.about(), payload));
    }
    true
}

/// Drops the stage's content during an unwinding, and contains a second panic.
struct DropOnPanic<F: Future>(*mut Stage<F>);

impl<F: Future> Drop for DropOnPanic<F> {
    fn drop(&mut self) {
        // SAFETY: rule 2: the guard lives inside `poll`, whose caller holds the `Runnable`. The
        // content is dropped in place (rule 4) and replaced by `Empty` even if that panics.
        if let Err(payload) = unsafe { drop_in_place_then(self.0, Stage::Empty) } {
            std::mem::forget(payload);
        }
    }
}

/// # Safety
/// As [`poll`].
unsafe fn cancel<F: Future, O>(header: NonNull<Header>, refused: Option<std::io::Error>) {
    // SAFETY: the caller's promise, as in `poll`.
    let cell = unsafe { header.cast::<Cell<F, O>>().as_ref() };
    // SAFETY: rule 2.
    let dropped = unsafe { replace_stage(cell, Stage::Empty) };
    let about = cell.header.about();
    let error = match dropped {
        Ok(()) => match refused {
            Some(reason) => JoinError::refused(about, reason),
            None => JoinError::cancelled(about, cell.header.reason()),
        },
        Err(payload) => JoinError::panic(about, payload),
    };
    // SAFETY: rule 2. The stage is `Empty`, so nothing is dropped here.
    let _ = unsafe { replace_stage(cell, Stage::Output(Err(error))) };
}

/// # Safety
/// As [`poll`], but by rule 3; `to` points to an `Option<Result<F::Output, JoinError>>`.
unsafe fn take_output<F: Future, O>(header: NonNull<Header>, to: *mut ()) {
    // SAFETY: the caller's promise.
    let cell = unsafe { header.cast::<Cell<F, O>>().as_ref() };
    // SAFETY: rule 3 lets us touch the stage, which holds an output or nothing.
    let stage = cell.stage.with_mut(|stage| unsafe { std::ptr::replace(stage, Stage::Empty) });
    if let Stage::Output(output) = stage {
        // SAFETY: the caller's promise about `to`.
        unsafe { *to.cast::<Option<Result<F::Output, JoinError>>>() = Some(output) };
    }
}

/// # Safety
/// As [`poll`], but by rule 3.
unsafe fn has_failed<F: Future, O>(header: NonNull<Header>) -> bool {
    // SAFETY: the caller's promise.
    let cell = unsafe { header.cast::<Cell<F, O>>().as_ref() };
    // SAFETY: rule 3 lets us read the stage.
    cell.stage.with(|stage| matches!(unsafe { &*stage }, Stage::Output(Err(_))))
}

/// # Safety
/// As [`poll`], but by rule 3.
unsafe fn drop_output<F: Future, O>(header: NonNull<Header>) {
    // SAFETY: the caller's promise.
    let cell = unsafe { header.cast::<Cell<F, O>>().as_ref() };
    // SAFETY: rule 3.
    let stage = cell.stage.with_mut(|stage| unsafe { std::ptr::replace(stage, Stage::Empty) });
    match stage {
        Stage::Output(Err(error)) if error.is_panic() => tell(error.with_name(cell.header.name())),
        stage => {
            if let Err(payload) = shim::catch_unwind(|| drop(stage)) {
                tell(JoinError::panic(cell.header.about(), payload));
            }
        }
    }
}

/// Reports a panic that no handle will see. The error's payload is foreign data: its destructor may
/// panic too, and that must not unwind into a transition that is half carried out.
fn tell(error: JoinError) {
    if let Err(payload) = shim::catch_unwind(|| report::unobserved(error)) {
        std::mem::forget(payload);
    }
}

/// # Safety
/// The transition that the caller made returned `Free` (rule 1).
unsafe fn free<F: Future, O>(header: NonNull<Header>) {
    // SAFETY: rule 1, the caller's promise: the last reference, and `allocate` leaked a box.
    let cell = unsafe { Box::from_raw(header.cast::<Cell<F, O>>().as_ptr()) };
    // The future is gone and the output has been taken or dropped by now; what is left (the
    // owner's reference, the name) is ours. Besides, loom sees here that every use came before.
    cell.stage.with_mut(|stage| {
        // SAFETY: rule 1: nobody else has a reference.
        assert!(matches!(unsafe { &*stage }, Stage::Empty), "a runner drops the future");
    });
    drop(cell);
}

/// # Safety
/// The transition that the caller made returned `Push` (rule 2).
unsafe fn push<F: Future, O: Owner>(header: NonNull<Header>) {
    // The cell may be run and freed by others as soon as it is pushed, so the owner is called
    // through a copy of its own.
    // SAFETY: rule 1: until the push, `ACTIVE` is our reference.
    let owner = unsafe { header.cast::<Cell<F, O>>().as_ref() }.owner.clone();
    owner.push(Runnable::new(header));
}

/// # Safety
/// The caller holds the `Runnable` (rule 2) of a task that is not done (rule 5).
unsafe fn unlist<F: Future, O: Owner>(header: NonNull<Header>) -> Listed {
    // SAFETY: the caller's promise.
    let cell = unsafe { header.cast::<Cell<F, O>>().as_ref() };
    cell.owner.unlist(cell.header.meta.place())
}

/// # Safety
/// The caller has a reference (rule 1).
unsafe fn retract<F: Future, O: Owner>(header: NonNull<Header>) {
    // SAFETY: the caller's promise.
    let cell = unsafe { header.cast::<Cell<F, O>>().as_ref() };
    cell.owner.retract(cell.header.meta.id);
}

/// Drops what the stage holds, in place, and stores `next`; the error is the panic of that drop.
///
/// # Safety
/// The caller holds the `Runnable` (rule 2).
unsafe fn replace_stage<F: Future, O>(
    cell: &Cell<F, O>,
    next: Stage<F>,
) -> Result<(), Box<dyn Any + Send>> {
    // SAFETY: the caller's promise.
    cell.stage.with_mut(|stage| unsafe { drop_in_place_then(stage, next) })
}

/// # Safety
/// `stage` is valid and nobody else touches it (rule 2).
unsafe fn drop_in_place_then<F: Future>(
    stage: *mut Stage<F>,
    next: Stage<F>,
) -> Result<(), Box<dyn Any + Send>> {
    let next = ManuallyDrop::new(next);
    // SAFETY: the caller's promise, and rule 4: the future is dropped where it stands.
    let dropped = shim::catch_unwind(|| unsafe { std::ptr::drop_in_place(stage) });
    // SAFETY: rule 2. The old content is dropped, even if its destructor panicked halfway.
    unsafe { stage.write(ManuallyDrop::into_inner(next)) };
    dropped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_takes_twelve_words() {
        assert_eq!(size_of::<Header>(), 12 * size_of::<u64>());
    }
}
