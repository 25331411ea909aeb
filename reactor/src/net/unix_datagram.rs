//! Unix sockets that send and receive single messages.

use std::os::unix::net::SocketAddr;
use std::path::Path;

use super::prelude::*;

/// A socket for messages between processes of one machine. Messages are neither lost nor reordered,
/// but one that is longer than the buffer it is received into is cut short.
///
/// Like [`UnixListener`](super::UnixListener) it leaves its path behind when dropped.
///
/// # Examples
/// ```
#[doc = include_str!("../../doc/run.in")]
/// # use windlass_reactor::net::UnixDatagram;
/// run(async {
///     let (one, other) = UnixDatagram::pair()?;
///     one.send(b"first").await?;
///     one.send(b"second").await?;
///     assert_eq!(other.recv(&mut [0; 16]).await?, 5, "messages stay apart");
///     assert_eq!(other.recv(&mut [0; 16]).await?, 6);
///     io::Result::Ok(())
/// })?;
/// # io::Result::Ok(())
/// ```
pub struct UnixDatagram {
    socket: Socket<mio::net::UnixDatagram>,
}

super::datagram::datagram_methods!(UnixDatagram, std::os::unix::net::UnixDatagram);

impl UnixDatagram {
    /// A socket at a path, which must not exist.
    ///
    /// # Errors
    /// The error names the path. Outside a runtime it says so.
    pub fn bind(path: impl AsRef<Path>) -> io::Result<UnixDatagram> {
        let path = path.as_ref();
        let bound = mio::net::UnixDatagram::bind(path).and_then(Self::new);
        bound.map_err(on_address("bind", path.display()))
    }

    /// A socket without a path: it can send, and receive only once it is connected.
    ///
    /// # Errors
    /// Outside a runtime, or if the system refuses.
    pub fn unbound() -> io::Result<UnixDatagram> {
        Self::new(mio::net::UnixDatagram::unbound()?)
    }

    /// Two sockets that are connected to each other.
    ///
    /// # Errors
    /// Outside a runtime, or if the system refuses.
    pub fn pair() -> io::Result<(UnixDatagram, UnixDatagram)> {
        let (one, other) = mio::net::UnixDatagram::pair()?;
        Ok((Self::new(one)?, Self::new(other)?))
    }

    /// Speaks to one peer only, from now on.
    ///
    /// # Errors
    /// The error names the path.
    pub fn connect(&self, path: impl AsRef<Path>) -> io::Result<()> {
        let path = path.as_ref();
        self.socket.io().connect(path).map_err(on_address("connect to", path.display()))
    }

    /// Sends a message to the socket at a path. If that one's queue is full it waits for an event
    /// of *this* socket, which the kernel does not promise; prefer [`connect`](Self::connect).
    ///
    /// # Errors
    /// As [`send`](Self::send).
    ///
    /// # Cancel safety
    /// A dropped send has sent nothing.
    #[track_caller]
    pub fn send_to(&self, message: &[u8], path: &Path) -> impl IoFuture<usize> {
        let attempt = move || self.socket.io().send_to(message, path).map(Done::with);
        self.socket.future(Write, Location::caller(), attempt)
    }

    /// Sends to the socket at a path if there is room.
    ///
    /// # Errors
    /// `WouldBlock` if there is none.
    pub fn try_send_to(&self, message: &[u8], path: &Path) -> io::Result<usize> {
        self.socket.attempt(Write, || self.socket.io().send_to(message, path).map(Done::with))
    }

    /// Ends one direction, or both.
    ///
    /// # Errors
    /// The system's.
    pub fn shutdown(&self, how: Shutdown) -> io::Result<()> {
        self.socket.io().shutdown(how)
    }
}
