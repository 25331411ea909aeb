//! Sockets.
//!
//! Every socket comes in three layers that you can mix: methods that return futures (`read`,
//! `accept`), methods for adapters (`poll_read`), and methods that never wait (`try_read`). All
//! take `&self`, so a socket may be read by one task and written by another.
//!
//! | file | what |
//! |---|---|
//! | `address.rs` | [`ToAddress`]: what can be bound and connected to; names are not resolved here |
//! | `socket.rs` | a descriptor together with its registration, and the raw calls |
//! | `stream.rs` | what TCP and Unix streams have in common |
//! | `halves.rs` | a stream as two halves, borrowed or owned |
//! | `listener.rs`, `datagram.rs` | what TCP's, UDP's and Unix sockets have in common |
//! | `tcp.rs`, `tcp_listener.rs`, `udp.rs`, `unix.rs`, `unix_datagram.rs` | the sockets |
//!
//! # Making sockets
//!
//! A socket belongs to the reactor whose handle is current when it is made; outside one the
//! constructors return an error that says what to do. Accepted streams belong to the reactor of
//! their listener.
//!
//! # Several waiters
//!
//! Any number of futures may wait for the same direction of the same socket; all are woken and
//! try. The `poll_*` methods share one place for a waker per direction: the last caller wins.

use std::io;

mod address;
mod datagram;
mod halves;
mod listener;
mod prelude;
mod socket;
mod stream;
mod tcp;
mod tcp_listener;
mod udp;
mod unix;
mod unix_datagram;

pub use address::ToAddress;
pub use halves::{OwnedReadHalf, OwnedWriteHalf, ReadHalf, ReuniteError, WriteHalf};
pub use tcp::TcpStream;
pub use tcp_listener::TcpListener;
pub use udp::UdpSocket;
pub use unix::{UnixListener, UnixStream};
pub use unix_datagram::UnixDatagram;

/// The future of a socket's operation. It may be sent and shared, and needs no pinning.
///
/// # Examples
/// ```
#[doc = include_str!("../doc/run.in")]
/// # use windlass_reactor::net::{IoFuture, UnixStream};
/// run(async {
///     let (one, other) = UnixStream::pair()?;
///     let mut buffer = [0; 16];
///     let read: Box<dyn IoFuture<usize> + '_> = Box::new(other.read(&mut buffer));
///     one.write_all(b"hello").await?;
///     assert_eq!(read.await?, 5);
///     io::Result::Ok(())
/// })?;
/// # io::Result::Ok(())
/// ```
pub trait IoFuture<T>: Future<Output = io::Result<T>> + Send + Sync + Unpin {}

impl<T, F: Future<Output = io::Result<T>> + Send + Sync + Unpin> IoFuture<T> for F {}
