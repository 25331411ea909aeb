//! Accepting TCP connections, also when the process runs out of descriptors.

use std::fmt;
use std::future::Future;
use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, RawFd};
use std::panic::Location;
use std::task::{Context, Poll};

use rustix::io::Errno;

use super::socket::Socket;
use super::{TcpStream, ToAddress};
use crate::error::on_address;
use crate::readiness::{Direction::Read, Edge};
use crate::registration::Done;

/// How many connections the kernel keeps until they are accepted, if its own limit allows so many
/// (`net.core.somaxconn`). mio asks for 128, and a burst of clients overflows that: those it does
/// not hold try again after a second.
const BACKLOG: i32 = 1024;

/// A socket that takes connections.
///
/// # Examples
/// ```
#[doc = include_str!("../../doc/run.in")]
/// # use windlass_reactor::net::{TcpListener, TcpStream};
/// run(async {
///     let listener = TcpListener::bind("127.0.0.1:0")?; // port 0: any that is free
///     let client = TcpStream::connect(listener.local_addr()?).await?;
///     let (stream, peer) = listener.accept().await?; // a server does this in a loop
///     assert_eq!(peer, client.local_addr()?);
///     assert_eq!(peer, stream.peer_addr()?);
///     io::Result::Ok(())
/// })?;
/// # io::Result::Ok(())
/// ```
pub struct TcpListener {
    socket: Socket<mio::net::TcpListener>,
}

impl TcpListener {
    /// Listens at an address; port 0 takes a free one. A server that was just stopped can be started
    /// again at once: connections of its former life do not keep the address (`SO_REUSEADDR`).
    ///
    /// Up to 1,024 connections wait in the kernel to be accepted, if the system allows so many; for
    /// another number make the listener yourself and adopt it with [`from_std`](Self::from_std).
    ///
    /// # Errors
    /// The error names the address, for example when it is in use. Outside a runtime it says so.
    pub fn bind(address: impl ToAddress) -> io::Result<TcpListener> {
        let address = address.to_address()?;
        let bound = mio::net::TcpListener::bind(address)
            .and_then(deepen)
            .and_then(|listener| Socket::new(listener, Edge::READABLE));
        Ok(TcpListener { socket: bound.map_err(on_address("listen at", address))? })
    }

    /// Adopts a listener of the standard library's and makes it non-blocking.
    ///
    /// # Errors
    /// Outside a runtime, or if the system refuses.
    pub fn from_std(listener: std::net::TcpListener) -> io::Result<TcpListener> {
        listener.set_nonblocking(true)?;
        let listener = mio::net::TcpListener::from_std(listener);
        Ok(TcpListener { socket: Socket::new(listener, Edge::READABLE)? })
    }

    /// The listener as one of the standard library's, registered with no reactor. It stays
    /// non-blocking.
    pub fn into_std(self) -> std::net::TcpListener {
        self.socket.into_inner().into()
    }

    /// Waits for the next connection. Connections that have ended while they waited are skipped.
    ///
    /// # Errors
    /// Most of all that the process or the system has no descriptor left; a loop that tries again at
    /// once would spin. [`accept_resilient`](Self::accept_resilient) does not.
    ///
    /// # Cancel safety
    /// A dropped accept has taken no connection.
    #[track_caller]
    pub fn accept(
        &self,
    ) -> impl Future<Output = io::Result<(TcpStream, SocketAddr)>> + Send + Sync + Unpin {
        self.socket.future(Read, Location::caller(), || self.accept_once())
    }

    /// Waits for the next connection, and when there is no descriptor left for it, waits for
    /// `backoff` and tries again. The connection stays in the kernel's queue meanwhile.
    ///
    /// `backoff` is told the error, so it may also report it. A sleep of some 50 ms is usual.
    ///
    /// # Examples
    /// ```
    #[doc = include_str!("../../doc/run.in")]
    /// # use std::future::ready;
    /// # use windlass_reactor::net::{TcpListener, TcpStream};
    /// run(async {
    ///     let listener = TcpListener::bind("127.0.0.1:0")?;
    ///     let client = TcpStream::connect(listener.local_addr()?).await?;
    ///     let backoff = |error: &io::Error| {
    ///         println!("no room for a connection: {error}");
    ///         ready(()) // with a runtime: sleep(Duration::from_millis(50))
    ///     };
    ///     let (_stream, peer) = listener.accept_resilient(backoff).await?;
    ///     assert_eq!(peer, client.local_addr()?);
    ///     io::Result::Ok(())
    /// })?;
    /// # io::Result::Ok(())
    /// ```
    ///
    /// # Errors
    /// Only those that trying again will not cure.
    ///
    /// # Cancel safety
    /// A dropped one has taken no connection.
    ///
    /// # Implementation
    /// Two other cures were rejected. A spare descriptor that is given up in order to accept and
    /// close the connection turns a wait of milliseconds into a refusal, and another thread may
    /// take it first. Waiting until a socket of this reactor is closed never ends if the
    /// descriptors are held by something else. Time helps in every case.
    #[track_caller]
    pub fn accept_resilient<'a, B, F>(
        &'a self,
        mut backoff: B,
    ) -> impl Future<Output = io::Result<(TcpStream, SocketAddr)>> + use<'a, B, F>
    where
        B: FnMut(&io::Error) -> F,
        F: Future<Output = ()>,
    {
        let at = Location::caller();
        async move {
            loop {
                match self.socket.future(Read, at, || self.accept_once()).await {
                    Err(error) if is_exhaustion(&error) => backoff(&error).await,
                    other => return other,
                }
            }
        }
    }

    /// As [`accept`](Self::accept), for adapters.
    #[track_caller]
    pub fn poll_accept(&self, cx: &mut Context<'_>) -> Poll<io::Result<(TcpStream, SocketAddr)>> {
        self.socket.poll(Read, cx, Location::caller(), || self.accept_once())
    }

    /// Takes a connection that is there.
    ///
    /// # Errors
    /// `WouldBlock` if there is none.
    pub fn try_accept(&self) -> io::Result<(TcpStream, SocketAddr)> {
        self.socket.attempt(Read, || self.accept_once())
    }

    /// The address it listens at, with the port that was found for port 0.
    ///
    /// # Errors
    /// The system's.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.socket.io().local_addr()
    }

    /// The error the kernel keeps for this socket, which is then forgotten.
    ///
    /// # Errors
    /// The system's.
    pub fn take_error(&self) -> io::Result<Option<io::Error>> {
        self.socket.io().take_error()
    }

    fn accept_once(&self) -> io::Result<Done<(TcpStream, SocketAddr)>> {
        loop {
            match self.socket.io().accept() {
                Ok((stream, peer)) => {
                    let handle = self.socket.handle().clone();
                    return Ok(Done::with((TcpStream::accepted(handle, stream)?, peer)));
                }
                // The next one; each round takes one from a queue of bounded length.
                Err(error) if is_about_the_connection(&error) => {}
                Err(error) => return Err(error),
            }
        }
    }
}

impl AsFd for TcpListener {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

impl AsRawFd for TcpListener {
    fn as_raw_fd(&self) -> RawFd {
        self.as_fd().as_raw_fd()
    }
}

impl fmt::Debug for TcpListener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.socket.fmt(f)
    }
}

/// Gives a listener room for a burst.
fn deepen(listener: mio::net::TcpListener) -> io::Result<mio::net::TcpListener> {
    rustix::net::listen(&listener, BACKLOG)?;
    Ok(listener)
}

/// True if the error is the connection's and not the listener's. Linux passes on what has happened
/// to a connection in the queue, and its manual says to treat that like `EAGAIN`.
pub(super) fn is_about_the_connection(error: &io::Error) -> bool {
    match error.raw_os_error().map(Errno::from_raw_os_error) {
        None => error.kind() == ErrorKind::ConnectionAborted,
        Some(code) => matches!(
            code,
            Errno::CONNABORTED
                | Errno::CONNRESET
                | Errno::PROTO
                | Errno::NETDOWN
                | Errno::NETUNREACH
                | Errno::HOSTDOWN
                | Errno::HOSTUNREACH
                | Errno::NOPROTOOPT
        ),
    }
}

/// True if something has run out that may be there again later.
pub(super) fn is_exhaustion(error: &io::Error) -> bool {
    error.raw_os_error().map(Errno::from_raw_os_error).is_some_and(|code| {
        matches!(code, Errno::MFILE | Errno::NFILE | Errno::NOBUFS | Errno::NOMEM)
    })
}
