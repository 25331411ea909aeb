//! UDP.

use std::net::SocketAddr;

use super::ToAddress;
use super::prelude::*;

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

super::datagram::datagram_methods!(UdpSocket, std::net::UdpSocket);

impl UdpSocket {
    /// A socket at an address; port 0 takes a free one.
    ///
    /// # Errors
    /// The error names the address. Outside a runtime it says so.
    pub fn bind(address: impl ToAddress) -> io::Result<UdpSocket> {
        let address = address.to_address()?;
        let bound = mio::net::UdpSocket::bind(address).and_then(Self::new);
        bound.map_err(on_address("bind", address))
    }

    /// Speaks to one peer only, from now on.
    ///
    /// # Errors
    /// The error names the address.
    pub fn connect(&self, address: impl ToAddress) -> io::Result<()> {
        let address = address.to_address()?;
        self.socket.io().connect(address).map_err(on_address("connect to", address))
    }

    /// Sends a message to an address; returns its length.
    ///
    /// # Errors
    /// As [`send`](Self::send); and if the address is none.
    ///
    /// # Cancel safety
    /// A dropped send has sent nothing.
    #[track_caller]
    pub fn send_to(&self, message: &[u8], address: impl ToAddress) -> impl IoFuture<usize> {
        let mut address = Some(address.to_address());
        self.socket.future(Write, Location::caller(), move || match &mut address {
            Some(Ok(address)) => self.socket.io().send_to(message, *address).map(Done::with),
            wrong => {
                wrong.take().expect("a failed send is not polled again").map(|_| Done::with(0))
            }
        })
    }

    /// Receives a message without taking it.
    ///
    /// # Errors
    /// As [`recv`](Self::recv).
    ///
    /// # Cancel safety
    /// Safe.
    #[track_caller]
    pub fn peek_from(&self, buffer: &mut [u8]) -> impl IoFuture<(usize, SocketAddr)> {
        let attempt = move || self.socket.io().peek_from(buffer).map(Done::with);
        self.socket.future(Read, Location::caller(), attempt)
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

    /// Sends to an address if there is room.
    ///
    /// # Errors
    /// `WouldBlock` if there is none.
    pub fn try_send_to(&self, message: &[u8], address: SocketAddr) -> io::Result<usize> {
        let attempt = || self.socket.io().send_to(message, address).map(Done::with);
        self.socket.attempt(Write, attempt)
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
}
