//! Asking work to stop: a tree of tokens.
//!
//! A token is a node, shared by its clones. A child knows its parent and keeps it alive, so that a
//! cancel finds its way down even if nobody has the parent's token any more; a parent only lists its
//! children, and a child that is dropped takes itself off the list.
//!
//! # One lock at a time
//! Each node has a lock of its own, and nobody holds two. A cancel goes down the tree with a list of
//! nodes still to be visited; at each, under its lock, it marks the node, collects its waiters, and
//! adds its children to the list. A child is created under the parent's lock as well, so one comes
//! first. If the cancel does, the child is born cancelled; if the child does, it is in the list that
//! the cancel finds.
//!
//! A node that was cancelled already is no reason to turn round: whoever cancelled it may still be on
//! the way to what is below. So `cancel` visits all there is, and then everything below the token is
//! cancelled when it returns. Only then it empties the list of the token it began with, so that
//! cancelling again costs nothing.
//!
//! Neither a deep tree nor a wide one takes any stack, not even when it is dropped.
//!
//! # Orderings
//!
//! | label    | release side | acquire side   | what crosses                     |
//! |----------|--------------|----------------|----------------------------------|
//! | `cancel` | `mark`       | `is_cancelled` | what was done before the cancel  |

use std::fmt;
use std::pin::Pin;
use std::sync::Weak;
use std::task::{Context, Poll, Waker};

use slab::Slab;

use crate::budget;
use crate::error::Cancelled;
use crate::place::{Lined, Place};
use crate::shim::atomic::{
    AtomicBool,
    Ordering::{Acquire, Release},
};
use crate::shim::{Arc, Mutex};
use crate::shown::{shown, shown_by_place};
use crate::wait_list::WaitList;
use crate::waiter::{Look, Visit};
use crate::waiting::Reason;
use crate::wakes::{self, Wakes};

/// Asks work to stop, and all work below it; clones are the same token.
///
/// Use it for work that should end in its own way: it looks, or waits for the token along with what
/// it does, cleans up as long as it needs, and may still return something. (To end a task at its next
/// await, without asking, drop or cancel the task.) A token stays cancelled: every later look and
/// every later wait finds it so, however often the work has looked away.
///
/// # Examples
/// ```
/// # use windlass_sync::cancel::CancelToken;
/// let server = CancelToken::new();
/// let request = server.child();
/// let other = server.child();
/// request.cancel_with("the client has gone");
/// assert!(request.is_cancelled() && !server.is_cancelled() && !other.is_cancelled());
/// server.cancel_with("shutting down");
/// assert_eq!(other.reason().as_deref(), Some("shutting down"));
/// assert_eq!(request.reason().as_deref(), Some("the client has gone")); // the first one counts
/// ```
#[derive(Clone)]
pub struct CancelToken {
    node: Arc<Node>,
}

/// A snapshot of a token, for reports.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stats {
    /// Whether it is cancelled.
    pub is_cancelled: bool,
    /// How many wait for it. Who waits for a child does not count.
    pub waiting: usize,
    /// How many children it has to cancel.
    pub children: usize,
}

/// The future of [`CancelToken::cancelled`].
#[must_use = "a future does nothing unless awaited"]
pub struct UntilCancelled {
    place: Place<Arc<Node>>,
}

/// The future of [`CancelToken::run_until_cancelled`].
#[must_use = "a future does nothing unless awaited"]
pub struct RunUntilCancelled<F> {
    cancelled: UntilCancelled,
    /// Boxed, so that no unsafe pin projection is needed.
    body: Pin<Box<F>>,
}

/// Cancels its token when dropped: the work below is asked to stop on every way out, panics included.
///
/// [`disarm`](Self::disarm) takes the token out instead.
///
/// # Examples
/// ```
/// # use windlass_sync::cancel::CancelToken;
/// let token = CancelToken::new();
/// let helper = token.child();
/// let guard = token.drop_guard();
/// assert!(!helper.is_cancelled());
/// drop(guard);
/// assert!(helper.is_cancelled());
/// ```
#[derive(Debug)]
#[must_use = "a guard that is dropped at once cancels at once"]
pub struct DropGuard {
    /// `None` once it is disarmed.
    token: Option<CancelToken>,
}

impl CancelToken {
    /// A token that is not cancelled and has no parent.
    pub fn new() -> Self {
        Self { node: Arc::new(Node::new(None)) }
    }

    /// A token that is cancelled with this one, and can be cancelled alone.
    ///
    /// A child of a cancelled token is born cancelled. A child that is dropped leaves nothing behind,
    /// so a token may have any number of them in the course of time.
    pub fn child(&self) -> CancelToken {
        let mut state = self.node.state.lock();
        if self.is_cancelled() {
            return self.clone(); // one that is cancelled for ever is as good as another
        }
        let place = state.children.vacant_entry();
        let node = Arc::new(Node::new(Some((self.node.clone(), place.key()))));
        place.insert(Arc::downgrade(&node));
        Self { node }
    }

    /// Cancels the token and everything below it, and wakes everybody who waits for them.
    ///
    /// When it returns, all of them are cancelled.
    pub fn cancel(&self) {
        self.node.cancel(None);
    }

    /// As [`cancel`](Self::cancel), with a reason, to be read by those who are asked to stop.
    ///
    /// The reason of the first cancel counts, also if that gave none.
    pub fn cancel_with(&self, reason: &str) {
        self.node.cancel(Some(reason.into()));
    }

    /// True if the token is cancelled. What was done before [`cancel`](Self::cancel) is then visible.
    #[inline]
    pub fn is_cancelled(&self) -> bool {
        self.node.is_cancelled()
    }

    /// Why it is cancelled; `None` if it is not, or if nobody gave a reason.
    pub fn reason(&self) -> Option<Arc<str>> {
        self.node.state.lock().reason.clone()
    }

    /// Waits until the token is cancelled; ready at once if it is.
    ///
    /// The future keeps the token, so it may outlive this handle.
    ///
    /// # Examples
    /// ```
    /// # use std::{future::Future, pin::pin, task::{Context, Waker}};
    /// # use windlass_sync::cancel::CancelToken;
    /// # let mut cx = Context::from_waker(Waker::noop());
    /// let token = CancelToken::new();
    /// let mut told = pin!(token.cancelled());
    /// assert!(told.as_mut().poll(&mut cx).is_pending());
    /// token.cancel();
    /// assert!(told.as_mut().poll(&mut cx).is_ready());
    /// assert!(pin!(token.cancelled()).poll(&mut cx).is_ready()); // and so is every later one
    /// ```
    ///
    /// # Cancel safety
    /// A future that is dropped has changed nothing.
    #[track_caller]
    pub fn cancelled(&self) -> UntilCancelled {
        UntilCancelled { place: Place::new(self.node.clone()) }
    }

    /// Runs a future until it is ready or the token is cancelled, whichever comes first.
    ///
    /// At each poll the token is looked at first, so under a token that is cancelled the future does
    /// not even begin.
    ///
    /// # Examples
    /// ```
    /// # use std::{future::{Future, pending}, pin::pin, task::{Context, Poll, Waker}};
    /// # use windlass_sync::cancel::CancelToken;
    /// # let mut cx = Context::from_waker(Waker::noop());
    /// let token = CancelToken::new();
    /// let quick = pin!(token.run_until_cancelled(async { 7 }));
    /// assert_eq!(quick.poll(&mut cx), Poll::Ready(Ok(7)));
    /// let mut endless = pin!(token.run_until_cancelled(pending::<()>()));
    /// assert!(endless.as_mut().poll(&mut cx).is_pending());
    /// token.cancel_with("it is late");
    /// let Poll::Ready(Err(cancelled)) = endless.poll(&mut cx) else { panic!() };
    /// assert_eq!(cancelled.to_string(), "cancelled: it is late");
    /// ```
    ///
    /// # Cancel safety
    /// Dropping it drops the future inside.
    ///
    /// # Errors
    /// [`Cancelled`] with the reason, if the token is cancelled first. The future inside is dropped
    /// with this one.
    #[track_caller]
    pub fn run_until_cancelled<F: Future>(&self, future: F) -> RunUntilCancelled<F> {
        RunUntilCancelled { cancelled: self.cancelled(), body: Box::pin(future) }
    }

    /// Cancels the token when the guard is dropped.
    pub fn drop_guard(self) -> DropGuard {
        DropGuard { token: Some(self) }
    }

    /// The figures of this moment.
    pub fn stats(&self) -> Stats {
        let state = self.node.state.lock();
        Stats {
            is_cancelled: self.is_cancelled(),
            waiting: state.line.waiting(),
            children: state.children.len(),
        }
    }
}

impl Default for CancelToken {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for CancelToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Stats { is_cancelled, waiting, children } = self.stats();
        f.debug_struct("CancelToken")
            .field("is_cancelled", &is_cancelled)
            .field("reason", &self.reason())
            .field("waiting", &waiting)
            .field("children", &children)
            .finish()
    }
}

impl DropGuard {
    /// Takes the token out; the guard cancels nothing any more.
    pub fn disarm(mut self) -> CancelToken {
        self.token.take().expect("a guard has its token until it is disarmed or dropped")
    }
}

impl Drop for DropGuard {
    fn drop(&mut self) {
        if let Some(token) = &self.token {
            token.cancel();
        }
    }
}

impl Future for UntilCancelled {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        self.place.poll(cx, Node::look)
    }
}

impl Lined for Node {
    fn leave(&self, key: usize) -> Option<Waker> {
        self.state.lock().line.remove(key).waker
    }
}

shown_by_place!([] UntilCancelled[]);

impl<F: Future> Future for RunUntilCancelled<F> {
    type Output = Result<F::Output, Cancelled>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let Self { cancelled, body } = &mut *self;
        if Pin::new(&mut *cancelled).poll(cx).is_ready() {
            let reason = cancelled.place.owner.state.lock().reason.clone();
            return Poll::Ready(Err(Cancelled { reason }));
        }
        if budget::is_exhausted() {
            return Poll::Pending; // the token has not been looked at; it is when our turn comes
        }
        body.as_mut().poll(cx).map(Ok) // it notes its own wait, which says more
    }
}

shown!([F] RunUntilCancelled[F] |this| { cancelled: this.cancelled });

/// What the clones of a token share.
struct Node {
    /// Set once and never unset. Written under the lock.
    cancelled: AtomicBool,
    /// The parent, and the key in its list; `None` for one that has no parent to be cancelled with.
    parent: Option<(Arc<Node>, usize)>,
    state: Mutex<State>,
}

/// What the lock of a node guards.
struct State {
    /// Why it is cancelled.
    reason: Option<Arc<str>>,
    /// Who waits. Nobody stands in line once it is cancelled.
    line: WaitList<()>,
    /// Who is to be cancelled with it; none are added once it is cancelled.
    children: Slab<Weak<Node>>,
}

impl Node {
    fn new(parent: Option<(Arc<Node>, usize)>) -> Self {
        let state = State { reason: None, line: WaitList::new(), children: Slab::new() };
        Self { cancelled: AtomicBool::new(false), parent, state: Mutex::new(state) }
    }

    #[inline]
    fn is_cancelled(&self) -> bool {
        // ORDERING: Acquire, acquire side of `cancel`.
        self.cancelled.load(Acquire)
    }

    /// Cancels this node and all below it.
    fn cancel(self: &Arc<Self>, reason: Option<Arc<str>>) {
        let done = wakes::collect(|wakes| {
            let mut ahead = vec![(self.clone(), reason)];
            while let Some((node, reason)) = ahead.pop() {
                node.mark(reason, wakes, &mut ahead);
            }
            std::mem::take(&mut self.state.lock().children)
        });
        drop(done); // by name: a list of weak references is freed after the lock is released
    }

    /// Marks this node as cancelled, unless it is, and adds its children to those still `ahead`.
    fn mark(
        &self,
        reason: Option<Arc<str>>,
        wakes: &mut Wakes,
        ahead: &mut Vec<(Arc<Node>, Option<Arc<str>>)>,
    ) {
        let mut state = self.state.lock();
        if !self.is_cancelled() {
            state.reason = reason;
            // ORDERING: Release, release side of `cancel`.
            self.cancelled.swap(true, Release);
            state.line.grant_all(wakes);
        }
        let children = state.children.iter().filter_map(|(_, child)| child.upgrade());
        ahead.extend(children.map(|child| (child, state.reason.clone())));
    }

    fn look(&self, visit: &mut Visit<'_>) -> Look<()> {
        if visit.key().is_none() && self.is_cancelled() {
            return Look::Go(());
        }
        let mut state = self.state.lock();
        if !self.is_cancelled() {
            return visit.stay(&mut state.line, (), Reason::Cancel);
        }
        visit.leave(&mut state.line);
        Look::Go(())
    }
}

impl Drop for Node {
    /// Takes the node off its parent's list, and then each parent that only its child has kept
    /// alive: one after the other here, because one inside the other would take stack.
    fn drop(&mut self) {
        let mut parent = self.parent.take();
        while let Some((node, key)) = parent {
            let left = node.state.lock().children.try_remove(key); // none, if it was cancelled
            drop(left);
            parent = Arc::into_inner(node).and_then(|mut node| node.parent.take());
        }
    }
}
