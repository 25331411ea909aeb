//! The handles: [`Task`] waits for a task and owns its output, [`AbortHandle`] can only cancel.

use std::fmt;
use std::marker::PhantomData;
use std::panic::Location;
use std::pin::Pin;
use std::ptr::NonNull;
use std::sync::Arc;
use std::task::{Context, Poll, Waker, ready};

use windlass_sync::waiting::Reason;
use windlass_sync::{budget, waiting};

use super::cell::Header;
use super::describe::TaskId;
use super::error::JoinError;
use super::loose::Loose;
use super::runnable::carry_out;
use super::state::{LetGo, Order};

/// A spawned task: await it for its output, drop it to cancel it.
///
/// A `Task` that goes out of scope takes its work along, so nothing runs on that nobody knows of;
/// call [`detach`](Task::detach) to let it run. Awaiting gives `Err` if the task panicked or was
/// cancelled.
///
/// # Examples
/// ```
/// # use windlass_executor::{runtime::Runtime, spawn};
/// # let runtime = Runtime::new().unwrap();
/// let sum = runtime.block_on(async {
///     let left = spawn(async { 20 }).named("left");
///     let right = spawn(async { 22 });
///     left.await.unwrap() + right.await.unwrap()
/// });
/// assert_eq!(sum, 42);
/// ```
///
/// # Cancel safety
/// Dropping the task cancels it. To wait for it in several attempts, await `&mut task`.
#[must_use = "dropping a task cancels it; await it or call `.detach()`"]
pub struct Task<T> {
    header: NonNull<Header>,
    /// The output has been given away.
    taken: bool,
    /// A waker may be in the cell.
    watching: bool,
    _output: PhantomData<T>,
}

// SAFETY: rules 1 and 3: a `Task` reads the header, which is made to be shared, and moves or drops
// the output, which may go to another thread exactly if `T` is `Send`.
unsafe impl<T: Send> Send for Task<T> {}
// SAFETY: rule 1: a shared `Task` only reads the header.
unsafe impl<T: Send> Sync for Task<T> {}

impl<T> Unpin for Task<T> {}
impl<T> std::panic::UnwindSafe for Task<T> {}
impl<T> std::panic::RefUnwindSafe for Task<T> {}

impl<T> Task<T> {
    pub(super) fn new(header: NonNull<Header>) -> Self {
        Self { header, taken: false, watching: false, _output: PhantomData }
    }

    fn header(&self) -> &Header {
        // SAFETY: rule 1: `JOINABLE` is our reference.
        unsafe { self.header.as_ref() }
    }

    /// Gives the task a name, for errors, reports and dumps.
    pub fn named(self, name: &str) -> Self {
        self.header().rename(name);
        self
    }

    /// The task's number.
    pub fn id(&self) -> TaskId {
        self.header().meta.id
    }

    /// The task's name, if it was given one.
    pub fn name(&self) -> Option<Arc<str>> {
        self.header().name()
    }

    /// The line that spawned the task.
    pub fn spawned_at(&self) -> &'static Location<'static> {
        self.header().meta.spawned_at
    }

    /// True once the task has finished, panicked or been cancelled.
    pub fn is_finished(&self) -> bool {
        self.header().state.is_done()
    }

    /// True if the task has ended by a panic or a cancel and its output has not been taken.
    pub fn has_failed(&self) -> bool {
        // SAFETY: rule 3: the task is done, and we are its handle.
        !self.taken
            && self.header().state.is_done()
            && unsafe { (self.header().vtable.has_failed)(self.header) }
    }

    /// Asks for the task to be cancelled, and returns at once; false if it was finished or asked
    /// before.
    ///
    /// A task that is inside a poll is dropped when the poll returns.
    pub fn abort(&self) -> bool {
        abort(self.header, self.header())
    }

    /// [`abort`](Self::abort), and says why: [`JoinError::cancel_reason`] tells whoever awaits the
    /// task. Of several reasons the first counts.
    pub fn abort_with(&self, reason: &str) -> bool {
        self.header().give_reason(reason);
        self.abort()
    }

    /// Cancels the task and waits until its future is really gone.
    ///
    /// The answer is the output if the task had finished, else an error that
    /// [`is_cancelled`](JoinError::is_cancelled).
    ///
    /// # Examples
    /// ```
    /// # use std::{future::pending, sync::Arc};
    /// # use windlass_executor::{run, spawn};
    /// run(async {
    ///     let connection = Arc::new("open");
    ///     let inside = connection.clone();
    ///     let task = spawn(async move {
    ///         pending::<()>().await;
    ///         drop(inside);
    ///     });
    ///     assert!(task.cancel().await.unwrap_err().is_cancelled());
    ///     assert_eq!(Arc::strong_count(&connection), 1, "nothing of it is left");
    /// });
    /// ```
    ///
    /// # Cancel safety
    /// The task is cancelled by the call itself; dropping the returned `Task` only stops the wait.
    pub fn cancel(self) -> Self {
        self.abort();
        self
    }

    /// A handle that can cancel the task and may be cloned.
    pub fn abort_handle(&self) -> AbortHandle {
        AbortHandle::new(self.header, self.header())
    }

    /// Lets the task run on by itself. The runtime still owns it: shutdown cancels and names it.
    ///
    /// # Examples
    /// ```
    /// # use std::sync::mpsc;
    /// # use windlass_executor::{run, spawn, yield_now};
    /// run(async {
    ///     let (sender, receiver) = mpsc::channel();
    ///     spawn(async move { sender.send("done").unwrap() }).detach();
    ///     while receiver.try_recv() != Ok("done") {
    ///         yield_now().await;
    ///     }
    /// });
    /// ```
    pub fn detach(mut self) {
        self.let_go(false);
        std::mem::forget(self);
    }

    /// Ready when the task is finished; the output stays where it is. `cx` is woken otherwise.
    pub fn poll_finished(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if self.taken || self.header().state.is_done() {
            return Poll::Ready(());
        }
        self.keep_waker(cx.waker());
        self.watching = true;
        if self.header().state.watch() {
            return Poll::Pending;
        }
        self.forget_waker();
        Poll::Ready(())
    }

    /// Takes a waker back that [`poll_finished`](Self::poll_finished) has left.
    pub fn forget_waker(&mut self) {
        let former = self.header().with_loose(|loose| loose.replace_waker(None));
        drop(former);
        self.watching = false;
    }

    /// Stores a clone of `waker`, unless the one that is stored does the same.
    fn keep_waker(&self, waker: &Waker) {
        let is_same = |loose: &mut Loose| loose.waker().is_some_and(|kept| kept.will_wake(waker));
        if self.watching && self.header().with_loose(is_same) {
            return;
        }
        // Foreign code makes the clone and drops the former one, so no lock is held for either.
        let waker = Some(waker.clone());
        let former = self.header().with_loose(|loose| loose.replace_waker(waker));
        drop(former);
    }

    /// The output of a task that was seen finished.
    #[track_caller]
    pub(crate) fn take_finished(&mut self) -> Result<T, JoinError> {
        assert!(!self.taken, "a task gives its output once");
        assert!(self.is_finished(), "only a finished task has an output");
        self.take_output()
    }

    fn take_output(&mut self) -> Result<T, JoinError> {
        let mut output: Option<Result<T, JoinError>> = None;
        let to = (&raw mut output).cast::<()>();
        self.taken = true;
        // SAFETY: rule 3: the task was seen done while we are its handle, and `taken` lets us come
        // here once. `output` is of the type that this cell was made for.
        unsafe { (self.header().vtable.take_output)(self.header, to) };
        let output = output.expect("a done task holds its output until the handle takes it");
        // The task may have ended before `named` was called on it.
        output.map_err(|error| error.with_name(self.header().name()))
    }

    fn let_go(&mut self, cancel: bool) {
        if self.watching {
            self.forget_waker();
        }
        let vtable = self.header().vtable;
        if !self.taken {
            if cancel {
                self.abort();
            }
            match self.header().state.let_go() {
                LetGo::Then(order) => return carry_out(self.header, order),
                // SAFETY: rule 3: the task is done, and we are its handle.
                LetGo::DropOutput => unsafe { (vtable.drop_output)(self.header) },
            }
        }
        let order = self.header().state.drop_join();
        carry_out(self.header, order);
    }
}

impl<T> Future for Task<T> {
    type Output = Result<T, JoinError>;

    /// # Panics
    /// If it is polled after it has given its output.
    #[track_caller]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        assert!(!self.taken, "a task gives its output once");
        ready!(budget::poll_proceed(cx));
        if self.poll_finished(cx).is_pending() {
            waiting::note(Reason::Join { task: self.id().get() }, Location::caller());
            return Poll::Pending;
        }
        budget::spend();
        Poll::Ready(self.take_output())
    }
}

impl<T> Drop for Task<T> {
    fn drop(&mut self) {
        self.let_go(true);
    }
}

impl<T> fmt::Debug for Task<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Task({}, {:?})", self.id(), self.header().state.phase())
    }
}

/// Cancels a task without waiting for it or owning it.
///
/// Holding one neither keeps the task running nor keeps its future alive.
///
/// # Examples
/// ```
/// # use std::future::pending;
/// # use windlass_executor::{run, spawn};
/// run(async {
///     let task = spawn(pending::<()>());
///     let stop = task.abort_handle();
///     spawn(async move { stop.abort() }).detach(); // whoever has it may cancel
///     assert!(task.await.unwrap_err().is_cancelled());
/// });
/// ```
pub struct AbortHandle(NonNull<Header>);

// SAFETY: rule 1: the handle is counted, and reads only the header, which is made to be shared.
unsafe impl Send for AbortHandle {}
// SAFETY: as above.
unsafe impl Sync for AbortHandle {}

impl AbortHandle {
    /// `header` is the one behind `pointer`; whoever lends it has a reference.
    pub(super) fn new(pointer: NonNull<Header>, header: &Header) -> Self {
        header.state.clone_handle();
        Self(pointer)
    }

    fn header(&self) -> &Header {
        // SAFETY: rule 1: the handle is counted.
        unsafe { self.0.as_ref() }
    }

    /// Asks for the task to be cancelled; false if it was finished or asked before.
    pub fn abort(&self) -> bool {
        abort(self.0, self.header())
    }

    /// [`abort`](Self::abort), and says why, see [`Task::abort_with`].
    pub fn abort_with(&self, reason: &str) -> bool {
        self.header().give_reason(reason);
        self.abort()
    }

    /// True once the task has finished, panicked or been cancelled.
    pub fn is_finished(&self) -> bool {
        self.header().state.is_done()
    }

    /// The task's number.
    pub fn id(&self) -> TaskId {
        self.header().meta.id
    }

    pub(crate) fn rename(&self, name: &str) {
        self.header().rename(name);
    }
}

impl Clone for AbortHandle {
    fn clone(&self) -> Self {
        Self::new(self.0, self.header())
    }
}

impl Drop for AbortHandle {
    fn drop(&mut self) {
        let order = self.header().state.drop_handle();
        carry_out(self.0, order);
    }
}

impl fmt::Debug for AbortHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "AbortHandle({})", self.id())
    }
}

/// Cancels the task of a caller who has a reference to it.
fn abort(pointer: NonNull<Header>, header: &Header) -> bool {
    let (first, order) = header.state.cancel();
    match (first, order) {
        (true, Order::Push) => carry_out(pointer, order),
        // SAFETY: rule 1, the caller's reference.
        (true, _) => unsafe { (header.vtable.retract)(pointer) },
        (false, _) => {}
    }
    first
}
