//! Unix sockets that send and receive single messages.

use std::fmt;
use std::future::Future;
use std::io;
use std::net::Shutdown;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, RawFd};
use std::os::unix::net::SocketAddr;
use std::panic::Location;
use std::path::Path;
use std::task::{Context, Poll};

use super::socket::{Socket, recv, send};
use crate::error::on_address;
use crate::readiness::Direction::{Read, Write};
use crate::readiness::Edge;
use crate::registration::Done;

/// A socket for messages between processes of one machine. Messages are neither lost nor reordered.
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

super::socket::descriptor!(UnixDatagram);

impl UnixDatagram {
    /// A socket at a path, which must not exist.
    ///
    /// # Errors
    /// The error names the path. Outside a runtime it says so.
    pub fn bind(path: impl AsRef<Path>) -> io::Result<UnixDatagram> {
        let path = path.as_ref();
        let bound =
            mio::net::UnixDatagram::bind(path).and_then(|socket| Socket::new(socket, Edge::BOTH));
        Ok(UnixDatagram { socket: bound.map_err(on_address("bind", path.display()))? })
    }

    /// A socket without a path: it can send, and receive only once it is connected.
    ///
    /// # Errors
    /// Outside a runtime, or if the system refuses.
    pub fn unbound() -> io::Result<UnixDatagram> {
        Ok(UnixDatagram { socket: Socket::new(mio::net::UnixDatagram::unbound()?, Edge::BOTH)? })
    }

    /// Two sockets that are connected to each other.
    ///
    /// # Errors
    /// Outside a runtime, or if the system refuses.
    pub fn pair() -> io::Result<(UnixDatagram, UnixDatagram)> {
        let (one, other) = mio::net::UnixDatagram::pair()?;
        let socket = Socket::new(one, Edge::BOTH)?;
        Ok((UnixDatagram { socket }, UnixDatagram { socket: Socket::new(other, Edge::BOTH)? }))
    }

    /// Adopts a socket of the standard library's and makes it non-blocking.
    ///
    /// # Errors
    /// Outside a runtime, or if the system refuses.
    pub fn from_std(socket: std::os::unix::net::UnixDatagram) -> io::Result<UnixDatagram> {
        socket.set_nonblocking(true)?;
        let socket = mio::net::UnixDatagram::from_std(socket);
        Ok(UnixDatagram { socket: Socket::new(socket, Edge::BOTH)? })
    }

    /// The socket as one of the standard library's, registered with no reactor. It stays
    /// non-blocking.
    pub fn into_std(self) -> std::os::unix::net::UnixDatagram {
        self.socket.into_inner().into()
    }

    /// Speaks to one peer only, from now on.
    ///
    /// # Errors
    /// The error names the path.
    pub fn connect(&self, path: impl AsRef<Path>) -> io::Result<()> {
        let path = path.as_ref();
        self.socket.io().connect(path).map_err(on_address("connect to", path.display()))
    }

    /// Sends a message to the connected peer; waits while the peer's queue is full.
    ///
    /// # Errors
    /// The system's: not connected, nobody there, too long a message; or that the runtime has shut
    /// down.
    ///
    /// # Cancel safety
    /// A dropped send has sent nothing.
    #[track_caller]
    pub fn send<'a>(
        &'a self,
        message: &'a [u8],
    ) -> impl Future<Output = io::Result<usize>> + Send + Sync + Unpin {
        let attempt = move || send(&self.socket, message).map(Done::with);
        self.socket.future(Write, Location::caller(), attempt)
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
    pub fn send_to<'a>(
        &'a self,
        message: &'a [u8],
        path: &'a Path,
    ) -> impl Future<Output = io::Result<usize>> + Send + Sync + Unpin {
        let attempt = move || self.socket.io().send_to(message, path).map(Done::with);
        self.socket.future(Write, Location::caller(), attempt)
    }

    /// Receives a message; returns its length.
    ///
    /// # Errors
    /// The system's, or that the runtime has shut down.
    ///
    /// # Cancel safety
    /// A dropped receive has taken nothing.
    #[track_caller]
    pub fn recv<'a>(
        &'a self,
        buffer: &'a mut [u8],
    ) -> impl Future<Output = io::Result<usize>> + Send + Sync + Unpin {
        let attempt = move || recv(&self.socket, buffer).map(Done::with);
        self.socket.future(Read, Location::caller(), attempt)
    }

    /// Receives a message; returns its length and who sent it.
    ///
    /// # Errors
    /// As [`recv`](Self::recv).
    ///
    /// # Cancel safety
    /// A dropped receive has taken nothing.
    #[track_caller]
    pub fn recv_from<'a>(
        &'a self,
        buffer: &'a mut [u8],
    ) -> impl Future<Output = io::Result<(usize, SocketAddr)>> + Send + Sync + Unpin {
        let attempt = move || self.socket.io().recv_from(buffer).map(Done::with);
        self.socket.future(Read, Location::caller(), attempt)
    }

    /// As [`send`](Self::send), for adapters.
    #[track_caller]
    pub fn poll_send(&self, cx: &mut Context<'_>, message: &[u8]) -> Poll<io::Result<usize>> {
        let attempt = || send(&self.socket, message).map(Done::with);
        self.socket.poll(Write, cx, Location::caller(), attempt)
    }

    /// As [`recv`](Self::recv), for adapters.
    #[track_caller]
    pub fn poll_recv(&self, cx: &mut Context<'_>, buffer: &mut [u8]) -> Poll<io::Result<usize>> {
        let attempt = || recv(&self.socket, buffer).map(Done::with);
        self.socket.poll(Read, cx, Location::caller(), attempt)
    }

    /// Sends if there is room.
    ///
    /// # Errors
    /// `WouldBlock` if there is none.
    pub fn try_send(&self, message: &[u8]) -> io::Result<usize> {
        self.socket.attempt(Write, || send(&self.socket, message).map(Done::with))
    }

    /// Receives what is there.
    ///
    /// # Errors
    /// `WouldBlock` if nothing is.
    pub fn try_recv(&self, buffer: &mut [u8]) -> io::Result<usize> {
        self.socket.attempt(Read, || recv(&self.socket, buffer).map(Done::with))
    }

    /// The address of this end.
    ///
    /// # Errors
    /// The system's.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.socket.io().local_addr()
    }

    /// The connected peer.
    ///
    /// # Errors
    /// `NotConnected` if there is none.
    pub fn peer_addr(&self) -> io::Result<SocketAddr> {
        self.socket.io().peer_addr()
    }

    /// Ends one direction, or both.
    ///
    /// # Errors
    /// The system's.
    pub fn shutdown(&self, how: Shutdown) -> io::Result<()> {
        self.socket.io().shutdown(how)
    }

    /// The error the kernel keeps for this socket, which is then forgotten.
    ///
    /// # Errors
    /// The system's.
    pub fn take_error(&self) -> io::Result<Option<io::Error>> {
        self.socket.io().take_error()
    }
}
