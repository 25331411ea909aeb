//! The thread that waits for the kernel, and its one loop body: [`Reactor::turn`].
//!
//! A reactor has one owner, who turns it, and any number of [`Handle`](crate::Handle)s. Owner and
//! handles share the table of sources and the way to wake the owner up; the poller's event buffer is
//! the owner's alone, so that a thread that adds a socket never waits for a sleeping poll.
//!
//! Lock order: the table of sources, then the waiters of one source. No waker runs under either.

use std::fmt;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, RawFd};
use std::task::{Wake, Waker};
use std::time::{Duration, Instant};

use mio::unix::SourceFd;
use mio::{Events, Interest, Registry, Token};
use windlass_sync::shim::{Arc, Mutex};
use windlass_sync::wakes::{self, Wakes};

use crate::alarm::{ALARM, Alarm};
use crate::error::runtime_gone;
use crate::handle::Handle;
use crate::readiness::Edge;
use crate::sleep::{OnUnpark, Sleep};
use crate::source::{Source, Sources};

/// How the poller names the wake-up channel.
const UNPARK: Token = Token(usize::MAX);

/// Events that one turn takes from the kernel; the rest come with the next turn.
const EVENTS_PER_TURN: usize = 1024;

/// Waits for events of sockets, and wakes who waits for them.
///
/// Whoever owns it calls [`turn`](Self::turn) in a loop. windlass's workers do; a program of your
/// own can, too. Dropping it closes it: see [`Handle::close`].
///
/// # Examples
/// ```
/// use std::time::Duration;
/// use windlass_reactor::Reactor;
/// let mut reactor = Reactor::new().unwrap();
/// let handle = reactor.handle();
/// let other = std::thread::spawn(move || handle.unpark());
/// reactor.turn(None).unwrap(); // sleeps until the other thread unparks it
/// other.join().unwrap();
/// ```
#[derive(Debug)]
pub struct Reactor {
    poll: mio::Poll,
    /// What the last poll brought. Kept, because it is large.
    events: Events,
    alarm: Alarm,
    /// Wakers between their locks and their calls. Kept for its room.
    wakes: Wakes,
    /// True between `prepare_foreign_wait` and the next turn.
    foreign_wait: bool,
    shared: Arc<Shared>,
}

impl Reactor {
    /// A reactor with no sources.
    ///
    /// # Errors
    /// The system may refuse the descriptors it takes (four on Linux).
    pub fn new() -> io::Result<Reactor> {
        let poll = mio::Poll::new()?;
        let registry = poll.registry().try_clone()?;
        let shared = Shared {
            channel: mio::Waker::new(&registry, UNPARK)?,
            registry,
            sleep: Sleep::default(),
            sources: Mutex::new(Sources::new()),
        };
        Ok(Reactor {
            alarm: Alarm::new(poll.registry())?,
            poll,
            events: Events::with_capacity(EVENTS_PER_TURN),
            wakes: Wakes::new(),
            foreign_wait: false,
            shared: Arc::new(shared),
        })
    }

    /// What sockets are made with, and what wakes the owner.
    pub fn handle(&self) -> Handle {
        Handle::new(self.shared.clone())
    }

    /// Waits for events, at most so long, and wakes who waits for them; returns how many that were.
    ///
    /// `None` waits for ever, `Some(ZERO)` only looks. It returns early when it has been unparked,
    /// and may return early for no reason at all.
    ///
    /// # Errors
    /// The poller's, except interruption by a signal, which ends the turn like an unpark.
    pub fn turn(&mut self, max_wait: Option<Duration>) -> io::Result<usize> {
        match max_wait {
            Some(Duration::ZERO) => self.look(),
            // A wait too long to be represented is for ever.
            Some(wait) => self.turn_until(Instant::now().checked_add(wait)),
            None => self.turn_until(None),
        }
    }

    /// As [`turn`](Self::turn), but waits until a point in time.
    ///
    /// Prefer it where the deadline is known as such: a deadline that has not changed since the last
    /// turn costs neither a look at the clock nor a system call.
    ///
    /// # Errors
    /// As [`turn`](Self::turn).
    pub fn turn_until(&mut self, deadline: Option<Instant>) -> io::Result<usize> {
        self.end_foreign_wait();
        let time_out = deadline.and_then(|deadline| self.alarm.time_out(deadline));
        if time_out == Some(Duration::ZERO) {
            return self.look();
        }
        let may_sleep = self.shared.sleep.begin();
        let polled = self.poll(if may_sleep { time_out } else { Some(Duration::ZERO) });
        self.shared.sleep.end();
        polled.map(|()| self.dispatch())
    }

    /// Prepares for somebody else to wait for this reactor: a foreign event loop that watches
    /// [`Handle::poller_fd`]. False if there is something to do at once.
    ///
    /// Without this call an unpark would find nobody asleep, and would not make the descriptor
    /// readable. Call it before each such wait; any turn ends its effect.
    #[must_use = "a wait that must not begin would miss an unpark"]
    pub fn prepare_foreign_wait(&mut self) -> bool {
        self.end_foreign_wait();
        self.foreign_wait = self.shared.sleep.begin();
        if !self.foreign_wait {
            self.shared.sleep.end(); // the unpark has been heard
        }
        self.foreign_wait
    }

    fn end_foreign_wait(&mut self) {
        if std::mem::take(&mut self.foreign_wait) {
            self.shared.sleep.end();
        }
    }

    /// A turn that does not wait. It leaves an unpark to the next turn that does: its caller may
    /// look for events while somebody else relies on the unpark.
    fn look(&mut self) -> io::Result<usize> {
        self.end_foreign_wait();
        self.poll(Some(Duration::ZERO))?;
        Ok(self.dispatch())
    }

    fn poll(&mut self, time_out: Option<Duration>) -> io::Result<()> {
        match self.poll.poll(&mut self.events, time_out) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {
                self.events.clear();
                Ok(())
            }
            other => other,
        }
    }

    /// Writes down what the poll has brought, under one lock, and then wakes.
    fn dispatch(&mut self) -> usize {
        if self.events.is_empty() {
            return 0;
        }
        let sources = self.shared.sources.lock();
        for event in &self.events {
            match event.token() {
                UNPARK => {} // `Sleep::end` has heard it
                ALARM => self.alarm.has_rung(),
                // A source that has gone since is not in the table any more.
                Token(token) => {
                    if let Some(source) = sources.get(token) {
                        source.event(edge(event), &mut self.wakes);
                    }
                }
            }
        }
        drop(sources);
        let woken = self.wakes.len();
        self.wakes.fire();
        woken
    }
}

impl Drop for Reactor {
    fn drop(&mut self) {
        self.shared.close();
    }
}

/// What an event of the poller's means to a source.
fn edge(event: &mio::event::Event) -> Edge {
    let mut edge = Edge::NONE;
    for (is_so, meaning) in [
        (event.is_readable(), Edge::READABLE),
        (event.is_writable(), Edge::WRITABLE),
        (event.is_read_closed(), Edge::READ_ENDED),
        // A read stops short at urgent data, whatever is behind. As after the end, a short count
        // proves nothing from now on, or a peer could make us wait for what has long arrived.
        (event.is_priority(), Edge::READ_ENDED),
        (event.is_write_closed(), Edge::WRITE_ENDED),
        (event.is_error(), Edge::ERROR),
    ] {
        if is_so {
            edge = edge.and(meaning);
        }
    }
    edge
}

/// What the owner and the handles of a reactor share.
pub(crate) struct Shared {
    registry: Registry,
    /// Ends a poll from another thread; one system call each time.
    channel: mio::Waker,
    /// Says when that call is needed.
    sleep: Sleep,
    sources: Mutex<Sources>,
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sources = self.sources.lock().len();
        f.debug_struct("Shared").field("sources", &sources).field("sleep", &self.sleep).finish()
    }
}

impl Shared {
    /// Adds a socket, to be told of both directions for as long as it stays.
    pub(crate) fn register(&self, fd: RawFd, hope: Edge) -> io::Result<Arc<Source>> {
        let source = self.sources.lock().insert(hope).ok_or_else(runtime_gone)?;
        let both = Interest::READABLE | Interest::WRITABLE;
        #[cfg(any(target_os = "linux", target_os = "android"))]
        let both = both | Interest::PRIORITY; // urgent data, see `edge`
        // In the table first: an edge may come before this call returns.
        match self.registry.register(&mut SourceFd(&fd), Token(source.token()), both) {
            Ok(()) => Ok(source),
            Err(error) => {
                let removed = self.sources.lock().remove(source.token());
                drop(removed);
                Err(error)
            }
        }
    }

    /// Takes a socket out; its descriptor must still be open.
    pub(crate) fn deregister(&self, fd: RawFd, source: &Source) {
        // The poller forgets a descriptor by itself when the last copy of it is closed, so a
        // failure here leaves at worst events that no slot answers to.
        let _ = self.registry.deregister(&mut SourceFd(&fd));
        let removed = self.sources.lock().remove(source.token());
        drop(removed); // after the lock: it may hold the last wakers
    }

    pub(crate) fn unpark(&self) {
        if self.sleep.unpark() == OnUnpark::Write {
            // It fails only if the descriptor is gone, and then nobody sleeps on it.
            let _ = self.channel.wake();
        }
    }

    pub(crate) fn close(&self) {
        let everybody = self.sources.lock().close();
        wakes::collect(|wakes| everybody.iter().for_each(|source| source.close(wakes)));
        self.unpark();
    }

    pub(crate) fn source_count(&self) -> usize {
        self.sources.lock().len()
    }

    pub(crate) fn poller_fd(&self) -> BorrowedFd<'_> {
        self.registry.as_fd()
    }
}

impl Wake for Shared {
    fn wake(self: Arc<Self>) {
        self.unpark();
    }
    fn wake_by_ref(self: &Arc<Self>) {
        self.unpark();
    }
}

/// A waker that unparks the owner.
pub(crate) fn unparker(shared: Arc<Shared>) -> Waker {
    Waker::from(shared)
}
