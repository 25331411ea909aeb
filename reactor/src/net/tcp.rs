//! TCP connections.

use std::net::SocketAddr;
use std::pin::Pin;
use std::time::Duration;

use rustix::net::sockopt;

use super::ToAddress;
use super::prelude::*;

/// A short read proves that the socket's buffer is empty; see `stream.rs`.
const READS_END_SHORT: bool = true;

/// A connection over TCP.
///
/// Small messages that wait for answers want [`set_nodelay`](Self::set_nodelay).
///
/// # Examples
/// ```
#[doc = include_str!("../../doc/run.in")]
/// # use windlass_reactor::net::{TcpListener, TcpStream};
/// run(async {
///     let listener = TcpListener::bind("127.0.0.1:0")?;
///     let stream = TcpStream::connect(listener.local_addr()?).await?;
///     let (peer, _address) = listener.accept().await?;
///     stream.set_nodelay(true)?;
///     stream.write_all(b"ping").await?;
///     let mut message = [0; 4];
///     peer.read_exact(&mut message).await?;
///     assert_eq!(&message, b"ping");
///     io::Result::Ok(())
/// })?;
/// # io::Result::Ok(())
/// ```
pub struct TcpStream {
    socket: Socket<mio::net::TcpStream>,
}

super::stream::stream_methods!(TcpStream, std::net::TcpStream);

impl TcpStream {
    /// Connects to an address.
    ///
    /// # Examples
    /// ```
    #[doc = include_str!("../../doc/run.in")]
    /// # use windlass_reactor::net::TcpStream;
    /// run(async {
    ///     let refused = TcpStream::connect("127.0.0.1:1").await.unwrap_err();
    ///     assert_eq!(refused.kind(), io::ErrorKind::ConnectionRefused);
    ///     assert!(refused.to_string().contains("127.0.0.1:1"), "the error says where");
    /// });
    /// ```
    ///
    /// # Errors
    /// The error names the address: refused, unreachable, timed out, not an address. Outside a
    /// runtime it says so.
    ///
    /// # Cancel safety
    /// Dropping it gives the attempt up and closes the socket.
    #[track_caller]
    pub fn connect(address: impl ToAddress) -> Connect {
        Connect { state: State::Fresh(address.to_address()), at: Location::caller() }
    }

    pub(super) fn accepted(handle: Handle, stream: mio::net::TcpStream) -> io::Result<TcpStream> {
        Ok(TcpStream { socket: Socket::with(handle, stream, Edge::BOTH)? })
    }

    /// The address of this end.
    ///
    /// # Errors
    /// The system's.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.socket.io().local_addr()
    }

    /// The address of the other end.
    ///
    /// # Errors
    /// `NotConnected` if the peer has gone.
    pub fn peer_addr(&self) -> io::Result<SocketAddr> {
        self.socket.io().peer_addr()
    }

    /// Sends small writes at once, instead of gathering them until the last is acknowledged.
    ///
    /// # Errors
    /// The system's.
    pub fn set_nodelay(&self, on: bool) -> io::Result<()> {
        self.socket.io().set_nodelay(on)
    }

    /// Whether small writes are sent at once.
    ///
    /// # Errors
    /// The system's.
    pub fn nodelay(&self) -> io::Result<bool> {
        self.socket.io().nodelay()
    }

    /// Sets how many hops a packet may take.
    ///
    /// # Errors
    /// The system's.
    pub fn set_ttl(&self, hops: u32) -> io::Result<()> {
        self.socket.io().set_ttl(hops)
    }

    /// How many hops a packet may take.
    ///
    /// # Errors
    /// The system's.
    pub fn ttl(&self) -> io::Result<u32> {
        self.socket.io().ttl()
    }

    /// What happens to unsent data when the stream is closed: `None` sends it in the background,
    /// `Some(ZERO)` discards it and resets the connection.
    ///
    /// Any other time makes the close *block* its thread for up to so long; do not use it here.
    ///
    /// # Errors
    /// The system's.
    pub fn set_linger(&self, time: Option<Duration>) -> io::Result<()> {
        Ok(sockopt::set_socket_linger(self, time)?)
    }

    /// What happens to unsent data when the stream is closed.
    ///
    /// # Errors
    /// The system's.
    pub fn linger(&self) -> io::Result<Option<Duration>> {
        Ok(sockopt::socket_linger(self)?)
    }

    /// Asks the peer now and then whether it is still there.
    ///
    /// # Errors
    /// The system's.
    pub fn set_keepalive(&self, on: bool) -> io::Result<()> {
        Ok(sockopt::set_socket_keepalive(self, on)?)
    }
}

/// The future of [`TcpStream::connect`].
#[derive(Debug)]
#[must_use = "a future does nothing unless awaited"]
pub struct Connect {
    state: State,
    at: &'static Location<'static>,
}

#[derive(Debug)]
enum State {
    /// Not polled yet.
    Fresh(io::Result<SocketAddr>),
    /// The kernel is at work. The socket is ours alone, so its shared waiting place is, too.
    Connecting(SocketAddr, TcpStream),
    Over,
}

impl Future for Connect {
    type Output = io::Result<TcpStream>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<TcpStream>> {
        let (address, stream) = match std::mem::replace(&mut self.state, State::Over) {
            State::Fresh(address) => {
                let address = address?;
                (address, begin(address).map_err(on_address("connect to", address))?)
            }
            State::Connecting(address, stream) => (address, stream),
            State::Over => panic!("a finished connect was polled again"),
        };
        match stream.socket.poll(Write, cx, self.at, || is_connected(&stream)) {
            Poll::Pending => {
                self.state = State::Connecting(address, stream);
                Poll::Pending
            }
            Poll::Ready(Ok(())) => Poll::Ready(Ok(stream)),
            Poll::Ready(Err(error)) => Poll::Ready(Err(on_address("connect to", address)(error))),
        }
    }
}

fn begin(address: SocketAddr) -> io::Result<TcpStream> {
    let stream = mio::net::TcpStream::connect(address)?;
    // Neither readable nor writable until the kernel says so: before, a call would find no peer.
    Ok(TcpStream { socket: Socket::new(stream, Edge::NONE)? })
}
