//! How the rest of a program reaches a reactor: a [`Handle`], and the current one of each thread.

use std::os::fd::{AsFd, AsRawFd, BorrowedFd, RawFd};
use std::task::Waker;

use windlass_sync::current::{self, Current, Entered};
use windlass_sync::shim::{self, Arc};

use crate::error::no_runtime;
use crate::reactor::{Shared, unparker};

shim::thread_local! {
    /// The reactor that sockets made on this thread belong to.
    static CURRENT: Current<Handle> = Current::new();
}

/// A way to reach a reactor from anywhere.
///
/// Sockets are made on the *current* handle of their thread; inside a windlass runtime it is there.
///
/// # Examples
/// ```
/// use windlass_reactor::{Handle, Reactor, net::UdpSocket};
/// assert!(UdpSocket::bind("127.0.0.1:0").is_err(), "no reactor on this thread");
/// let reactor = Reactor::new().unwrap();
/// let here = reactor.handle().enter();
/// let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
/// assert_eq!(Handle::current().source_count(), 1);
/// drop((socket, here));
/// assert!(Handle::try_current().is_none());
/// ```
#[derive(Clone, Debug)]
pub struct Handle(Arc<Shared>);

impl Handle {
    pub(crate) fn new(shared: Arc<Shared>) -> Handle {
        Handle(shared)
    }

    pub(crate) fn shared(&self) -> &Arc<Shared> {
        &self.0
    }

    /// The current handle of this thread.
    ///
    /// # Panics
    /// If there is none.
    #[track_caller]
    pub fn current() -> Handle {
        match Self::try_current() {
            Some(handle) => handle,
            None => panic!("{}", no_runtime()),
        }
    }

    /// The current handle of this thread, if there is one.
    pub fn try_current() -> Option<Handle> {
        current::get(&CURRENT)
    }

    /// Makes it the current handle of this thread until the guard is dropped. Guards nest.
    pub fn enter(&self) -> EnterGuard {
        EnterGuard(current::enter(&CURRENT, self.clone()))
    }

    /// Makes the turn in progress return, or the next one that would wait.
    ///
    /// Everything done before is seen by whoever the turn returns to. It costs a system call only
    /// if the reactor sleeps, and only the first time during that sleep.
    pub fn unpark(&self) {
        self.0.unpark();
    }

    /// A waker that [unparks](Self::unpark).
    pub fn unparker(&self) -> Waker {
        unparker(self.0.clone())
    }

    /// Closes the reactor: everybody who waits is woken, and every operation on its sockets fails
    /// from now on, with an error that [`is_runtime_gone`](crate::is_runtime_gone) knows.
    pub fn close(&self) {
        self.0.close();
    }

    /// How many sockets are registered.
    pub fn source_count(&self) -> usize {
        self.0.source_count()
    }

    /// The poller's descriptor: readable when a turn would find something.
    ///
    /// A foreign event loop watches it and turns the reactor when it is readable. It must call
    /// [`Reactor::prepare_foreign_wait`](crate::Reactor::prepare_foreign_wait) before it waits, and
    /// keep the deadlines of its own timers itself.
    pub fn poller_fd(&self) -> BorrowedFd<'_> {
        self.0.poller_fd()
    }
}

impl AsFd for Handle {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.poller_fd()
    }
}

impl AsRawFd for Handle {
    fn as_raw_fd(&self) -> RawFd {
        self.poller_fd().as_raw_fd()
    }
}

/// Restores the former current handle when dropped.
#[derive(Debug)]
#[must_use = "the handle is current only while this guard lives"]
pub struct EnterGuard(#[expect(dead_code, reason = "held for its drop")] Entered<Handle>);
