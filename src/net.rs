//! Sockets, and names for them.
//!
//! The sockets are the reactor's. What this module adds is the resolution of names, which blocks
//! and therefore runs on the blocking pool.
//!
//! # Examples
//! ```
//! use windlass::net::{TcpListener, TcpStream};
//!
//! windlass::run(async {
//!     let listener = TcpListener::bind("127.0.0.1:0")?;
//!     let address = listener.local_addr()?;
//!     let client = windlass::spawn(async move {
//!         let stream = TcpStream::connect(address).await?;
//!         stream.write(b"hello").await
//!     });
//!     let (stream, _peer) = listener.accept().await?;
//!     let mut buffer = [0; 16];
//!     assert_eq!(stream.read(&mut buffer).await?, 5);
//!     client.await?
//! })?;
//! # std::io::Result::Ok(())
//! ```

use std::io;
use std::net::{SocketAddr, ToSocketAddrs};

pub use windlass_reactor::net::*;

/// The addresses that a name like `"localhost:80"` stands for, in the order of the resolver.
///
/// # Errors
/// What the system's resolver says, with the name, which must have a port; also if the name has no
/// addresses, or if the runtime's blocking pool is closed.
///
/// # Cancel safety
/// A look-up that has begun goes on in the background; its answer is dropped.
///
/// # Panics
/// Outside a runtime.
///
/// # Examples
/// ```
/// windlass::run(async {
///     let addresses = windlass::net::lookup_host("localhost:80").await?;
///     assert!(addresses.iter().all(|address| address.port() == 80));
///     std::io::Result::Ok(())
/// })?;
/// # std::io::Result::Ok(())
/// ```
pub async fn lookup_host(name: impl Into<String>) -> io::Result<Vec<SocketAddr>> {
    let name = name.into();
    let looked_for = name.clone();
    let found = crate::spawn_blocking(move || name.to_socket_addrs().map(Vec::from_iter)).await?;
    let found = found.map_err(|error| {
        io::Error::new(error.kind(), format!("cannot look up {looked_for:?}: {error}"))
    })?;
    if found.is_empty() {
        let text = format!("{looked_for} has no addresses");
        return Err(io::Error::new(io::ErrorKind::NotFound, text));
    }
    Ok(found)
}

/// Connects to the first address of a name that accepts.
///
/// # Examples
/// ```
/// windlass::run(async {
///     let listener = windlass::net::TcpListener::bind("127.0.0.1:0")?;
///     let port = listener.local_addr()?.port();
///     let stream = windlass::net::connect(format!("localhost:{port}")).await?;
///     assert_eq!(stream.peer_addr()?.port(), port);
///     std::io::Result::Ok(())
/// })?;
/// # std::io::Result::Ok(())
/// ```
///
/// # Errors
/// As [`lookup_host`]; the error of the last address that was tried.
///
/// # Cancel safety
/// Dropping it closes the socket that was being connected.
///
/// # Panics
/// Outside a runtime.
pub async fn connect(name: impl Into<String>) -> io::Result<TcpStream> {
    let mut last = None;
    for address in lookup_host(name).await? {
        match TcpStream::connect(address).await {
            Ok(stream) => return Ok(stream),
            Err(error) => last = Some(error),
        }
    }
    Err(last.expect("a name that was found has an address"))
}
