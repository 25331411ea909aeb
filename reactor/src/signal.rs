//! Signals of the operating system, as something to wait for.
//!
//! A signal interrupts some thread in the middle of anything, so its handler may do next to
//! nothing. Ours writes one byte into a socket pair; the other end is a source of the reactor like
//! any other. So a signal ends a sleeping turn, and a listener is a stream that is read.
//!
//! Installing a handler takes an unsafe call: `sigaction` cannot know that what it is given is safe
//! to run there. Neither `std`, mio nor rustix offers a safe one, and a signalfd would need the
//! signal blocked in every thread of the process. The crate signal-hook has the handler, the chain
//! of several listeners for one signal, and a safe face; it is used here, and nowhere else.
//!
//! # What the process notices
//!
//! Handlers belong to the process, not to a runtime: this is the one thing in windlass that does.
//! The first listener for a signal takes the place of its default action (usually: end the
//! process), and calls a handler that was there before as well. When the last listener is dropped
//! the default action does **not** come back, since another part of the program may rely on its
//! absence; the signal is then ignored. A program that wants to end at the second Ctrl-C listens
//! twice.

use std::fmt;
use std::io::{self, ErrorKind};
use std::panic::Location;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use signal_hook::SigId;
use signal_hook::consts::FORBIDDEN;
use signal_hook::low_level::{pipe, unregister};
use windlass_sync::waiting::{self, Reason};

use crate::net::UnixStream;

pub use signal_hook::consts::{
    SIGALRM, SIGCHLD, SIGHUP, SIGINT, SIGPIPE, SIGQUIT, SIGTERM, SIGUSR1, SIGUSR2, SIGWINCH,
};

/// Listens to a signal, from this call on.
///
/// Several listeners for one signal all hear it, also in different runtimes.
///
/// # Examples
/// ```
#[doc = include_str!("../doc/run.in")]
/// # use signal_hook::low_level::raise;
/// # use windlass_reactor::signal::{SIGHUP, signal};
/// run(async {
///     let mut hangup = signal(SIGHUP)?;
///     raise(SIGHUP)?; // as `kill -HUP` from outside does
///     hangup.recv().await?;
///     println!("reading the configuration again");
///     assert_eq!(hangup.number(), SIGHUP);
///     io::Result::Ok(())
/// })?;
/// # io::Result::Ok(())
/// ```
///
/// # Errors
/// `InvalidInput` for a number that is no signal, or one that cannot be caught (`SIGKILL`,
/// `SIGSTOP`) or must not be (`SIGSEGV`, `SIGILL`, `SIGFPE`). Outside a runtime it says so.
pub fn signal(number: i32) -> io::Result<Signal> {
    if FORBIDDEN.contains(&number) {
        return Err(refused(number, "cannot be listened to"));
    }
    let (ours, handlers) = std::os::unix::net::UnixStream::pair()?;
    let bytes = UnixStream::from_std(ours)?;
    let id = pipe::register(number, handlers).map_err(|_| refused(number, "does not exist"))?;
    Ok(Signal { bytes, id, number })
}

fn refused(number: i32, why: &str) -> io::Error {
    io::Error::new(ErrorKind::InvalidInput, format!("signal {number} {why}"))
}

/// Waits for Ctrl-C, counted from this call on (not from the first poll).
///
/// # Examples
/// ```
#[doc = include_str!("../doc/run.in")]
/// # use signal_hook::low_level::raise;
/// # use windlass_reactor::signal::{SIGINT, ctrl_c};
/// let stopped = run(async {
///     let stop = ctrl_c(); // from here on
///     raise(SIGINT)?; // as Ctrl-C in the terminal does
///     stop.await
/// });
/// assert!(stopped.is_ok());
/// ```
///
/// # Errors
/// As [`signal`].
///
/// # Cancel safety
/// Safe, but a dropped `ctrl_c` no longer listens, and the process still ignores the signal.
#[track_caller]
pub fn ctrl_c() -> CtrlC {
    CtrlC { listener: Some(signal(SIGINT)), at: Location::caller() }
}

/// A listener made by [`signal`]. Dropping it leaves the others listening.
///
/// # Examples
/// ```
#[doc = include_str!("../doc/run.in")]
/// # use signal_hook::low_level::raise;
/// # use windlass_reactor::signal::{SIGUSR1, signal};
/// run(async {
///     let (mut one, mut other) = (signal(SIGUSR1)?, signal(SIGUSR1)?);
///     raise(SIGUSR1)?;
///     one.recv().await?; // every listener hears it
///     other.recv().await?;
///     assert_eq!(one.number(), SIGUSR1);
///     io::Result::Ok(())
/// })?;
/// # io::Result::Ok(())
/// ```
pub struct Signal {
    /// What the handler has written and nobody has taken note of.
    bytes: UnixStream,
    id: SigId,
    number: i32,
}

impl Signal {
    /// Waits for the signal. Several that come before it is asked count as one.
    ///
    /// # Errors
    /// Only that the runtime has shut down.
    ///
    /// # Cancel safety
    /// Safe: the signal stays noted.
    #[track_caller]
    pub fn recv(&mut self) -> impl Future<Output = io::Result<()>> + Send + Unpin {
        let at = Location::caller();
        std::future::poll_fn(move |cx| self.poll_at(cx, at))
    }

    /// As [`recv`](Self::recv), for adapters.
    #[track_caller]
    pub fn poll_recv(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.poll_at(cx, Location::caller())
    }

    /// The signal's number.
    pub fn number(&self) -> i32 {
        self.number
    }

    fn poll_at(
        &mut self,
        cx: &mut Context<'_>,
        at: &'static Location<'static>,
    ) -> Poll<io::Result<()>> {
        let mut bytes = [0; 64];
        let Poll::Ready(first) = self.bytes.poll_read(cx, &mut bytes) else {
            waiting::note(Reason::Signal { number: self.number }, at);
            return Poll::Pending;
        };
        first?;
        // The rest of a burst belongs to the same wake-up. What comes from here on is a new one.
        while self.bytes.try_read(&mut bytes).is_ok_and(|count| count == bytes.len()) {}
        Poll::Ready(Ok(()))
    }
}

impl Drop for Signal {
    fn drop(&mut self) {
        // Before the stream is closed, so that the handler never writes to nobody.
        unregister(self.id);
    }
}

impl fmt::Debug for Signal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Signal").field("number", &self.number).finish_non_exhaustive()
    }
}

/// The future of [`ctrl_c`].
#[derive(Debug)]
#[must_use = "a future does nothing unless awaited"]
pub struct CtrlC {
    /// `None` once it is over.
    listener: Option<io::Result<Signal>>,
    at: &'static Location<'static>,
}

impl Future for CtrlC {
    type Output = io::Result<()>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let at = self.at;
        let answer = match &mut self.listener {
            Some(Ok(listener)) => ready!(listener.poll_at(cx, at)),
            Some(Err(error)) => Err(std::mem::replace(error, ErrorKind::Other.into())),
            None => panic!("a finished ctrl_c was polled again"),
        };
        self.listener = None;
        Poll::Ready(answer)
    }
}
