//! What can go wrong that the operating system does not know of.

use std::fmt;
use std::io;

use windlass_sync::error_words;

/// The reactor that an I/O object belongs to has closed. Inside an [`io::Error`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct RuntimeGone;

error_words!(RuntimeGone: _ => "the runtime of this i/o object has shut down");

/// True if an operation failed because the runtime that the object belongs to has shut down.
///
/// # Examples
/// ```
/// use windlass_reactor::{Reactor, is_runtime_gone, net::UdpSocket};
/// let reactor = Reactor::new().unwrap();
/// let _here = reactor.handle().enter();
/// let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
/// drop(reactor);
/// assert!(is_runtime_gone(&socket.try_recv(&mut [0]).unwrap_err()));
/// ```
pub fn is_runtime_gone(error: &io::Error) -> bool {
    error.get_ref().is_some_and(|inner| inner.is::<RuntimeGone>())
}

pub(crate) fn runtime_gone() -> io::Error {
    io::Error::other(RuntimeGone)
}

pub(crate) fn no_runtime() -> io::Error {
    io::Error::other(
        "no reactor on this thread: call it inside windlass::run, or enter a runtime::Handle first",
    )
}

/// An operation on an address failed; the error says which. Inside an [`io::Error`] of the same
/// kind, with the system's own error as its source.
struct OnAddress {
    doing: &'static str,
    address: String,
    error: io::Error,
}

impl fmt::Display for OnAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "cannot {} {}: {}", self.doing, self.address, self.error)
    }
}

/// As it is displayed: a `main` that returns the error prints this.
impl fmt::Debug for OnAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl std::error::Error for OnAddress {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&self.error)
    }
}

/// Names the address in an error of the system's; our own say enough.
pub(crate) fn on_address(
    doing: &'static str,
    address: impl fmt::Display,
) -> impl FnOnce(io::Error) -> io::Error {
    move |error| {
        if error.raw_os_error().is_none() {
            return error;
        }
        let address = address.to_string();
        io::Error::new(error.kind(), OnAddress { doing, address, error })
    }
}
