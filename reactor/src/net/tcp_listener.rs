//! Listening for TCP connections.

use std::net::SocketAddr;

use super::prelude::*;
use super::{TcpStream, ToAddress};

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

super::listener::listener_methods!(TcpListener, TcpStream, std::net::TcpListener);

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
        let bound = mio::net::TcpListener::bind(address).and_then(deepen).and_then(Self::new);
        bound.map_err(on_address("listen at", address))
    }

    /// The address it listens at, with the port that was found for port 0.
    ///
    /// # Errors
    /// The system's.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.socket.io().local_addr()
    }
}

/// Gives a listener room for a burst.
fn deepen(listener: mio::net::TcpListener) -> io::Result<mio::net::TcpListener> {
    rustix::net::listen(&listener, BACKLOG)?;
    Ok(listener)
}
