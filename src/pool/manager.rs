//! What a pool must know about its connections.

use std::future::ready;

/// How a [`Pool`](super::Pool) opens, checks and cleans the connections of one kind.
///
/// Only [`connect`](Self::connect) and [`reset`](Self::reset) must be written. The methods that
/// return a future can be written as `async fn`; their futures must be `Send`, since tasks of the
/// pool run them. A connection is closed by dropping it.
///
/// # Examples
/// ```
/// use windlass::{io, net::TcpStream, pool::Manager};
///
/// struct Cache(std::net::SocketAddr);
///
/// impl Manager for Cache {
///     type Connection = TcpStream;
///     type Error = std::io::Error;
///     async fn connect(&self) -> std::io::Result<TcpStream> {
///         TcpStream::connect(self.0).await
///     }
///     async fn reset(&self, stream: &mut TcpStream) -> std::io::Result<()> {
///         io::write_all(&*stream, b"RESET\n").await
///     }
/// }
/// ```
pub trait Manager: Send + Sync + 'static {
    /// What is pooled.
    type Connection: Send + 'static;
    /// Why a connection cannot be opened or reset.
    type Error: Send + 'static;

    /// Opens a connection.
    ///
    /// It runs in a task of the pool, and is dropped there when it takes longer than
    /// [`connect_timeout`](super::Builder::connect_timeout) or when the pool closes.
    ///
    /// # Errors
    /// Whatever keeps it from being opened. Who acquires is told at once: the pool repeats only
    /// what nobody waits for.
    ///
    /// # Cancel safety
    /// What a dropped future has opened, it must close.
    fn connect(&self) -> impl Future<Output = Result<Self::Connection, Self::Error>> + Send;

    /// Makes a dirty connection as good as new, without knowing what was done to it: rolls back,
    /// forgets settings and temporary things.
    ///
    /// It runs in a task of the pool, after [`cancel`](Self::cancel) if a command was cut off.
    ///
    /// # Errors
    /// Whatever keeps it from being reset. The connection is then closed, as it is if this takes
    /// longer than [`recovery_timeout`](super::Builder::recovery_timeout).
    ///
    /// # Cancel safety
    /// A connection whose reset is dropped is closed.
    fn reset(
        &self,
        connection: &mut Self::Connection,
    ) -> impl Future<Output = Result<(), Self::Error>> + Send;

    /// Asks the other end whether it is still there.
    ///
    /// Called before a connection is lent that was idle for
    /// [`check_after`](super::Builder::check_after). It is closed if the answer is no or does not
    /// come within the recovery timeout. Without this method the answer is always yes.
    ///
    /// # Cancel safety
    /// A connection whose check is dropped, because nobody waits for it any more, is reset.
    fn is_healthy(&self, connection: &mut Self::Connection) -> impl Future<Output = bool> + Send {
        let _ = connection;
        ready(true)
    }

    /// True if it is known already that the connection is of no use any more.
    ///
    /// Called before one is lent and when it comes back, also while a panic unwinds: it must be
    /// quick, and must not panic.
    fn is_broken(&self, connection: &Self::Connection) -> bool {
        let _ = connection;
        false
    }

    /// True if it can be seen that something was left undone on the connection, an open transaction
    /// for example. It is then reset, whether or not the guard is [marked](super::Guard::mark_dirty).
    ///
    /// Called when a connection comes back, also while a panic unwinds: it must be quick, and must
    /// not panic. Without this method only the mark counts.
    fn is_dirty(&self, connection: &Self::Connection) -> bool {
        let _ = connection;
        false
    }

    /// Stops the command that was cut off on this connection, at the other end.
    ///
    /// Called when [`Guard::run`](super::Guard::run) has timed out, or that or a health check was
    /// dropped half-way. The future must not borrow the connection: it takes along what it needs (a cancel key, an
    /// address), and runs in a task of the pool for at most the recovery timeout. Neither the next
    /// command nor the reset begins before it has ended. Without this method nothing is done.
    ///
    /// # Cancel safety
    /// It is dropped if the pool closes.
    fn cancel(
        &self,
        connection: &mut Self::Connection,
    ) -> impl Future<Output = ()> + Send + 'static {
        let _ = connection;
        ready(())
    }

    /// Told why a connection could not be replaced or reset, which nobody waited for.
    ///
    /// The place for a log line. Without this method the error is dropped; the pool's figures count
    /// it all the same.
    fn background_error(&self, error: Self::Error) {
        drop(error);
    }
}
