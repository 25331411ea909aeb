//! UDP.

use std::fmt;
use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};
use std::panic::Location;
use std::task::{Context, Poll};

use super::ToAddress;
use super::socket::{Socket, peek, recv, send};
use crate::error::on_address;
use crate::readiness::Direction::{Read, Write};
use crate::readiness::Edge;
use crate::registration::Done;

/// A socket that sends and receives single messages.
///
/// A message that is longer than the buffer it is received into is cut short. After
/// [`connect`](Self::connect) only one peer is spoken to, and `send` and `recv` need no address.
///
/// # Examples
/// ```
#[doc = include_str!("../../doc/run.in")]
/// # use windlass_reactor::net::UdpSocket;
/// run(async {
///     let server = UdpSocket::bind("127.0.0.1:0")?;
///     let client = UdpSocket::bind("127.0.0.1:0")?;
///     client.connect(server.local_addr()?)?;
///     client.send(b"what time is it?").await?;
///     let mut buffer = [0; 1500];
///     let (length, sender) = server.recv_from(&mut buffer).await?;
///     assert_eq!(&buffer[..length], b"what time is it?");
///     server.send_to(b"noon", sender).await?;
///     assert_eq!(client.recv(&mut buffer).await?, 4);
///     io::Result::Ok(())
/// })?;
/// # io::Result::Ok(())
/// ```
pub struct UdpSocket {
    socket: Socket<mio::net::UdpSocket>,
}

super::socket::descriptor!(UdpSocket);

impl UdpSocket {
    /// A socket at an address; port 0 takes a free one.
    ///
    /// # Errors
    /// The error names the address. Outside a runtime it says so.
    pub fn bind(address: impl ToAddress) -> io::Result<UdpSocket> {
        let address = address.to_address()?;
        let bound =
            mio::net::UdpSocket::bind(address).and_then(|socket| Socket::new(socket, Edge::BOTH));
        Ok(UdpSocket { socket: bound.map_err(on_address("bind", address))? })
    }

    /// Adopts a socket of the standard library's and makes it non-blocking.
    ///
    /// # Errors
    /// Outside a runtime, or if the system refuses.
    pub fn from_std(socket: std::net::UdpSocket) -> io::Result<UdpSocket> {
        socket.set_nonblocking(true)?;
        let socket = mio::net::UdpSocket::from_std(socket);
        Ok(UdpSocket { socket: Socket::new(socket, Edge::BOTH)? })
    }

    /// The socket as one of the standard library's, registered with no reactor. It stays
    /// non-blocking.
    pub fn into_std(self) -> std::net::UdpSocket {
        OwnedFd::from(self.socket.into_inner()).into()
    }

    /// Speaks to one peer only, from now on.
    ///
    /// # Errors
    /// The error names the address.
    pub fn connect(&self, address: impl ToAddress) -> io::Result<()> {
        let address = address.to_address()?;
        self.socket.io().connect(address).map_err(on_address("connect to", address))
    }

    /// Sends a message to the connected peer; returns its length.
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

    /// Sends a message to an address; returns its length.
    ///
    /// # Errors
    /// As [`send`](Self::send); and if the address is none.
    ///
    /// # Cancel safety
    /// A dropped send has sent nothing.
    #[track_caller]
    pub fn send_to<'a>(
        &'a self,
        message: &'a [u8],
        address: impl ToAddress,
    ) -> impl Future<Output = io::Result<usize>> + Send + Sync + Unpin {
        let mut address = Some(address.to_address());
        self.socket.future(Write, Location::caller(), move || match &mut address {
            Some(Ok(address)) => self.socket.io().send_to(message, *address).map(Done::with),
            wrong => {
                wrong.take().expect("a failed send is not polled again").map(|_| Done::with(0))
            }
        })
    }

    /// Receives a message from the connected peer; returns its length.
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

    /// Receives a message without taking it.
    ///
    /// # Errors
    /// As [`recv`](Self::recv).
    ///
    /// # Cancel safety
    /// Safe.
    #[track_caller]
    pub fn peek_from<'a>(
        &'a self,
        buffer: &'a mut [u8],
    ) -> impl Future<Output = io::Result<(usize, SocketAddr)>> + Send + Sync + Unpin {
        let attempt = move || self.socket.io().peek_from(buffer).map(Done::with);
        self.socket.future(Read, Location::caller(), attempt)
    }

    /// As [`send`](Self::send), for adapters.
    #[track_caller]
    pub fn poll_send(&self, cx: &mut Context<'_>, message: &[u8]) -> Poll<io::Result<usize>> {
        let attempt = || send(&self.socket, message).map(Done::with);
        self.socket.poll(Write, cx, Location::caller(), attempt)
    }

    /// As [`send_to`](Self::send_to), for adapters.
    #[track_caller]
    pub fn poll_send_to(
        &self,
        cx: &mut Context<'_>,
        message: &[u8],
        address: SocketAddr,
    ) -> Poll<io::Result<usize>> {
        let attempt = || self.socket.io().send_to(message, address).map(Done::with);
        self.socket.poll(Write, cx, Location::caller(), attempt)
    }

    /// As [`recv`](Self::recv), for adapters.
    #[track_caller]
    pub fn poll_recv(&self, cx: &mut Context<'_>, buffer: &mut [u8]) -> Poll<io::Result<usize>> {
        let attempt = || recv(&self.socket, buffer).map(Done::with);
        self.socket.poll(Read, cx, Location::caller(), attempt)
    }

    /// As [`recv_from`](Self::recv_from), for adapters.
    #[track_caller]
    pub fn poll_recv_from(
        &self,
        cx: &mut Context<'_>,
        buffer: &mut [u8],
    ) -> Poll<io::Result<(usize, SocketAddr)>> {
        let attempt = || self.socket.io().recv_from(buffer).map(Done::with);
        self.socket.poll(Read, cx, Location::caller(), attempt)
    }

    /// As [`peek_from`](Self::peek_from), for adapters.
    #[track_caller]
    pub fn poll_peek_from(
        &self,
        cx: &mut Context<'_>,
        buffer: &mut [u8],
    ) -> Poll<io::Result<(usize, SocketAddr)>> {
        let attempt = || self.socket.io().peek_from(buffer).map(Done::with);
        self.socket.poll(Read, cx, Location::caller(), attempt)
    }

    /// Waits until a receive is worth trying; it may be wrong.
    #[track_caller]
    pub fn poll_readable(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.socket.poll(Read, cx, Location::caller(), || Ok(Done::with(())))
    }

    /// Waits until a send is worth trying; it may be wrong.
    #[track_caller]
    pub fn poll_writable(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.socket.poll(Write, cx, Location::caller(), || Ok(Done::with(())))
    }

    /// Sends what there is room for.
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

    /// Looks at what is there without taking it.
    ///
    /// # Errors
    /// `WouldBlock` if nothing is.
    pub fn try_peek(&self, buffer: &mut [u8]) -> io::Result<usize> {
        self.socket.attempt(Read, || peek(&self.socket, buffer).map(Done::with))
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

    /// Allows messages to broadcast addresses.
    ///
    /// # Errors
    /// The system's.
    pub fn set_broadcast(&self, on: bool) -> io::Result<()> {
        self.socket.io().set_broadcast(on)
    }

    /// Whether messages to broadcast addresses are allowed.
    ///
    /// # Errors
    /// The system's.
    pub fn broadcast(&self) -> io::Result<bool> {
        self.socket.io().broadcast()
    }

    /// Sets how many hops a packet may take.
    ///
    /// # Errors
    /// The system's.
    pub fn set_ttl(&self, hops: u32) -> io::Result<()> {
        self.socket.io().set_ttl(hops)
    }

    /// The error the kernel keeps for this socket, which is then forgotten.
    ///
    /// # Errors
    /// The system's.
    pub fn take_error(&self) -> io::Result<Option<io::Error>> {
        self.socket.io().take_error()
    }
}
