//! Unix streams and their listener.

use std::os::unix::net::SocketAddr;
use std::path::Path;

use super::prelude::*;

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

super::stream::stream_methods!(UnixStream, std::os::unix::net::UnixStream);

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
            .and_then(Self::new);
        connected.map_err(on_address("connect to", path.display()))
    }

    /// Two streams that are connected to each other.
    ///
    /// # Errors
    /// Outside a runtime, or if the system refuses.
    pub fn pair() -> io::Result<(UnixStream, UnixStream)> {
        let (one, other) = mio::net::UnixStream::pair()?;
        Ok((Self::new(one)?, Self::new(other)?))
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

super::listener::listener_methods!(UnixListener, UnixStream, std::os::unix::net::UnixListener);

impl UnixListener {
    /// Listens at a path, which must not exist.
    ///
    /// # Errors
    /// The error names the path. Outside a runtime it says so.
    pub fn bind(path: impl AsRef<Path>) -> io::Result<UnixListener> {
        let path = path.as_ref();
        let bound = mio::net::UnixListener::bind(path).and_then(Self::new);
        bound.map_err(on_address("listen at", path.display()))
    }

    /// The path it listens at.
    ///
    /// # Errors
    /// The system's.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.socket.io().local_addr()
    }
}
