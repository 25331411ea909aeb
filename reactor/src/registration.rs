//! A socket's membership in a reactor, and the loop that every operation goes through.
//!
//! ```text
//!        +--> look at the readiness word --- gone -------------------------> Err(runtime gone)
//!        |         | ready      \ not ready
//!        |         v             +--> wait (an edge between the two: look again) --> Pending
//!        |    system call
//!        |         |-- done ------------------------------------------------> Ready
//!        |         |-- done, and the count was short --- clear by tick -----> Ready
//!        |         '-- WouldBlock --- clear by tick --.
//!        +--------------------------------------------+
//! ```
//!
//! The system call is tried first, and the kernel is waited for only when it says so.

use std::io::{self, ErrorKind};
use std::os::fd::RawFd;
use std::panic::Location;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use windlass_sync::budget;
use windlass_sync::shim::Arc;
use windlass_sync::waiting::{self, Reason};

use crate::error::runtime_gone;
use crate::handle::Handle;
use crate::readiness::{Direction, Edge, OnWait, Snapshot};
use crate::source::{Place, Source};

/// A socket's membership in a reactor; dropping it ends it.
#[derive(Debug)]
pub(crate) struct Registration {
    handle: Handle,
    pub(crate) source: Arc<Source>,
    /// The socket's. It outlives the registration: the owner drops the registration first.
    fd: RawFd,
}

/// What a system call brought.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Done<T> {
    value: T,
    /// The call itself proves that the next one would block.
    drained: bool,
}

impl<T> Done<T> {
    /// A result that says nothing about the next call.
    pub(crate) fn with(value: T) -> Done<T> {
        Done { value, drained: false }
    }

    /// Goes on with the result; what the call proves stays proved.
    pub(crate) fn then<U>(self, next: impl FnOnce(T) -> io::Result<U>) -> io::Result<Done<U>> {
        Ok(Done { value: next(self.value)?, drained: self.drained })
    }
}

impl Done<usize> {
    /// Bytes moved through a stream. Fewer than wanted mean that the kernel had no more, or no room
    /// for more; none at all is the end of the stream, which stays.
    pub(crate) fn short_if_under(count: usize, wanted: usize) -> Done<usize> {
        Done { value: count, drained: EDGE_TRIGGERED && 0 < count && count < wanted }
    }
}

/// On these systems mio's events come with every change. Elsewhere it emulates them, and re-arms a
/// source only when a call returns `WouldBlock`, so that call has to be made.
const EDGE_TRIGGERED: bool = cfg!(any(
    target_os = "linux",
    target_os = "android",
    target_os = "macos",
    target_os = "ios",
    target_os = "freebsd",
    target_os = "netbsd",
    target_os = "openbsd",
    target_os = "dragonfly",
));

impl Registration {
    /// Joins a reactor.
    pub(crate) fn new(handle: Handle, fd: RawFd, hope: Edge) -> io::Result<Registration> {
        let source = handle.shared().register(fd, hope)?;
        Ok(Registration { handle, source, fd })
    }

    pub(crate) fn handle(&self) -> &Handle {
        &self.handle
    }

    /// Tries, and waits for readiness, until the attempt says something other than `WouldBlock`.
    pub(crate) fn poll_io<T>(
        &self,
        direction: Direction,
        place: &mut Place,
        cx: &mut Context<'_>,
        at: &'static Location<'static>,
        mut attempt: impl FnMut() -> io::Result<Done<T>>,
    ) -> Poll<io::Result<T>> {
        ready!(budget::poll_proceed_at(cx, at));
        loop {
            let seen = ready!(self.poll_ready(direction, place, cx, at))?;
            if let Some(answer) = self.attempt(direction, seen, &mut attempt) {
                budget::spend();
                return Poll::Ready(answer);
            }
        }
    }

    /// Tries without waiting; `WouldBlock` if it would have to.
    pub(crate) fn try_io<T>(
        &self,
        direction: Direction,
        mut attempt: impl FnMut() -> io::Result<Done<T>>,
    ) -> io::Result<T> {
        loop {
            let seen = self.source.observe();
            if seen.is_gone() {
                return Err(runtime_gone());
            }
            if !seen.is_ready(direction) {
                return Err(ErrorKind::WouldBlock.into());
            }
            if let Some(answer) = self.attempt(direction, seen, &mut attempt) {
                return answer;
            }
        }
    }

    /// A future of [`poll_io`](Self::poll_io), with a place of its own among the waiters.
    pub(crate) fn io<T, F: FnMut() -> io::Result<Done<T>>>(
        &self,
        direction: Direction,
        at: &'static Location<'static>,
        attempt: F,
    ) -> Io<'_, F> {
        Io { registration: self, direction, place: Place::new(), at, attempt }
    }

    /// One system call. `None` if it would have blocked, or was interrupted.
    fn attempt<T>(
        &self,
        direction: Direction,
        seen: Snapshot,
        attempt: &mut impl FnMut() -> io::Result<Done<T>>,
    ) -> Option<io::Result<T>> {
        match attempt() {
            Ok(done) => {
                if done.drained && seen.trusts_short_counts(direction) {
                    self.source.clear(seen, direction);
                }
                Some(Ok(done.value))
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => {
                self.source.clear(seen, direction);
                None
            }
            Err(error) if error.kind() == ErrorKind::Interrupted => None,
            Err(error) => Some(Err(error)),
        }
    }

    fn poll_ready(
        &self,
        direction: Direction,
        place: &mut Place,
        cx: &mut Context<'_>,
        at: &'static Location<'static>,
    ) -> Poll<io::Result<Snapshot>> {
        let mut seen = self.source.observe();
        if !seen.is_ready(direction) {
            match self.source.wait(direction, place, cx.waker()) {
                OnWait::Ready(fresh) => seen = fresh,
                OnWait::Wait => {
                    waiting::note(self.reason(direction), at);
                    return Poll::Pending;
                }
            }
        }
        Poll::Ready(if seen.is_gone() { Err(runtime_gone()) } else { Ok(seen) })
    }

    fn reason(&self, direction: Direction) -> Reason {
        let source = self.source.slot();
        match direction {
            Direction::Read => Reason::Readable { source },
            Direction::Write => Reason::Writable { source },
        }
    }
}

impl Drop for Registration {
    fn drop(&mut self) {
        self.handle.shared().deregister(self.fd, &self.source);
    }
}

/// One operation, from its first attempt to its end.
///
/// Dropping it takes its waker back. It has done nothing that it has not told.
#[derive(Debug)]
#[must_use = "a future does nothing unless awaited"]
pub(crate) struct Io<'a, F> {
    registration: &'a Registration,
    direction: Direction,
    place: Place,
    at: &'static Location<'static>,
    attempt: F,
}

// Nothing in it is pinned: the attempt is called, not polled.
impl<F> Unpin for Io<'_, F> {}

impl<T, F: FnMut() -> io::Result<Done<T>>> Future for Io<'_, F> {
    type Output = io::Result<T>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<T>> {
        let this = &mut *self;
        this.registration.poll_io(this.direction, &mut this.place, cx, this.at, &mut this.attempt)
    }
}

impl<F> Drop for Io<'_, F> {
    fn drop(&mut self) {
        self.registration.source.leave(self.direction, &mut self.place);
    }
}
