//! Unix streams and their listener.

use std::fmt;
use std::future::Future;
use std::io::{self, IoSlice};
use std::mem::MaybeUninit;
use std::net::Shutdown;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};
use std::os::unix::net::SocketAddr;
use std::panic::Location;
use std::path::Path;
use std::task::{Context, Poll};

use super::halves::{self, OwnedReadHalf, OwnedWriteHalf, ReadHalf, WriteHalf};
use super::socket::{
    Socket, is_connected, peek, recv, recv_append, recv_uninit, send, send_vectored,
};
use super::tcp_listener::{is_about_the_connection, is_exhaustion};
use crate::error::on_address;
use crate::handle::Handle;
use crate::io::{AsyncRead, AsyncWrite};
use crate::readiness::Direction::{Read, Write};
use crate::readiness::Edge;
use crate::registration::Done;

/// A read also ends at bytes that carry descriptors; see `stream.rs`.
const READS_END_SHORT: bool = false;

/// A connection between two processes of one machine.
///
/// # Examples
/// ```
#[doc = include_str!("../../doc/run.in")]
/// # use windlass_reactor::net::UnixStream;
/// run(async {
///     let (one, other) = UnixStream::pair()?;
///     one.write_all(b"hello").await?;
///     let mut buffer = [0; 16];
///     assert_eq!(other.read(&mut buffer).await?, 5);
///     drop(one);
///     assert_eq!(other.read(&mut buffer).await?, 0, "the stream has ended");
///     io::Result::Ok(())
/// })?;
/// # io::Result::Ok(())
/// ```
pub struct UnixStream {
    socket: Socket<mio::net::UnixStream>,
}

super::stream::stream_methods!(UnixStream);

impl UnixStream {
    /// Connects to a listener at a path. The kernel answers at once: there is nothing to wait for.
    ///
    /// # Errors
    /// The error names the path. `WouldBlock` means that the listener's queue is full: try again
    /// later, the kernel does not tell when. Outside a runtime it says so.
    pub fn connect(path: impl AsRef<Path>) -> io::Result<UnixStream> {
        let path = path.as_ref();
        let connected = mio::net::UnixStream::connect(path)
            .and_then(|stream| is_connected(&stream).map(|_| stream))
            .and_then(|stream| Socket::new(stream, Edge::BOTH));
        Ok(UnixStream { socket: connected.map_err(on_address("connect to", path.display()))? })
    }

    /// Two streams that are connected to each other.
    ///
    /// # Errors
    /// Outside a runtime, or if the system refuses.
    pub fn pair() -> io::Result<(UnixStream, UnixStream)> {
        let (one, other) = mio::net::UnixStream::pair()?;
        let socket = Socket::new(one, Edge::BOTH)?;
        Ok((UnixStream { socket }, UnixStream { socket: Socket::new(other, Edge::BOTH)? }))
    }

    /// Adopts a stream of the standard library's and makes it non-blocking.
    ///
    /// # Errors
    /// Outside a runtime, or if the system refuses.
    pub fn from_std(stream: std::os::unix::net::UnixStream) -> io::Result<UnixStream> {
        stream.set_nonblocking(true)?;
        let stream = mio::net::UnixStream::from_std(stream);
        Ok(UnixStream { socket: Socket::new(stream, Edge::BOTH)? })
    }

    /// The stream as one of the standard library's, registered with no reactor. It stays
    /// non-blocking.
    pub fn into_std(self) -> std::os::unix::net::UnixStream {
        self.socket.into_inner().into()
    }

    fn accepted(handle: Handle, stream: mio::net::UnixStream) -> io::Result<UnixStream> {
        Ok(UnixStream { socket: Socket::with(handle, stream, Edge::BOTH)? })
    }

    /// The address of this end; mostly unnamed.
    ///
    /// # Errors
    /// The system's.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.socket.io().local_addr()
    }

    /// The address of the other end.
    ///
    /// # Errors
    /// The system's.
    pub fn peer_addr(&self) -> io::Result<SocketAddr> {
        self.socket.io().peer_addr()
    }
}

/// A socket that takes connections at a path.
///
/// It makes the path when it is bound and leaves it behind when dropped: whether another process
/// has taken it over meanwhile cannot be known. Remove it before you bind, and after you close.
///
/// # Examples
/// ```
#[doc = include_str!("../../doc/run.in")]
/// # use windlass_reactor::net::{UnixListener, UnixStream};
/// run(async {
///     let path = std::env::temp_dir().join(format!("windlass-{}.sock", std::process::id()));
///     let listener = UnixListener::bind(&path)?;
///     let client = UnixStream::connect(&path)?;
///     let (stream, _address) = listener.accept().await?;
///     std::fs::remove_file(&path)?; // who is connected stays so
///     client.write_all(b"hello").await?;
///     assert_eq!(stream.read(&mut [0; 16]).await?, 5);
///     io::Result::Ok(())
/// })?;
/// # io::Result::Ok(())
/// ```
pub struct UnixListener {
    socket: Socket<mio::net::UnixListener>,
}

super::listener::listener_methods!(UnixListener, UnixStream);

impl UnixListener {
    /// Listens at a path, which must not exist.
    ///
    /// # Errors
    /// The error names the path. Outside a runtime it says so.
    pub fn bind(path: impl AsRef<Path>) -> io::Result<UnixListener> {
        let path = path.as_ref();
        let bound = mio::net::UnixListener::bind(path)
            .and_then(|listener| Socket::new(listener, Edge::READABLE));
        Ok(UnixListener { socket: bound.map_err(on_address("listen at", path.display()))? })
    }

    /// Adopts a listener of the standard library's and makes it non-blocking.
    ///
    /// # Errors
    /// Outside a runtime, or if the system refuses.
    pub fn from_std(listener: std::os::unix::net::UnixListener) -> io::Result<UnixListener> {
        listener.set_nonblocking(true)?;
        let listener = mio::net::UnixListener::from_std(listener);
        Ok(UnixListener { socket: Socket::new(listener, Edge::READABLE)? })
    }

    /// The listener as one of the standard library's, registered with no reactor. It stays
    /// non-blocking.
    pub fn into_std(self) -> std::os::unix::net::UnixListener {
        self.socket.into_inner().into()
    }

    /// Waits for the next connection.
    ///
    /// # Errors
    /// As [`TcpListener::accept`](super::TcpListener::accept).
    ///
    /// # Cancel safety
    /// A dropped accept has taken no connection.
    #[track_caller]
    pub fn accept(
        &self,
    ) -> impl Future<Output = io::Result<(UnixStream, SocketAddr)>> + Send + Sync + Unpin {
        self.socket.future(Read, Location::caller(), || self.accept_once())
    }

    /// Waits for the next connection, also through times without a free descriptor; see
    /// [`TcpListener::accept_resilient`](super::TcpListener::accept_resilient).
    ///
    /// # Errors
    /// Only those that trying again will not cure.
    ///
    /// # Cancel safety
    /// A dropped one has taken no connection.
    #[track_caller]
    pub fn accept_resilient<'a, B, F>(
        &'a self,
        mut backoff: B,
    ) -> impl Future<Output = io::Result<(UnixStream, SocketAddr)>> + use<'a, B, F>
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

    /// The path it listens at.
    ///
    /// # Errors
    /// The system's.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.socket.io().local_addr()
    }
}
