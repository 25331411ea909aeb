//! Accepting connections, also when the process runs out of descriptors: what TCP and Unix
//! listeners have in common, written once; a macro for the reasons that [`stream`](super::stream)
//! gives.

use std::io::{self, ErrorKind};

use rustix::io::Errno;

macro_rules! listener_methods {
    ($Listener:ident, $Stream:ident, $std:ty) => {
        impl $Listener {
            /// Waits for the next connection. Connections that have ended while they waited are
            /// skipped.
            ///
            /// # Errors
            /// Most of all that the process or the system has no descriptor left; a loop that tries
            /// again at once would spin. [`accept_resilient`](Self::accept_resilient) does not.
            ///
            /// # Cancel safety
            /// A dropped accept has taken no connection.
            #[track_caller]
            pub fn accept(&self) -> impl IoFuture<($Stream, SocketAddr)> {
                self.socket.future(Read, Location::caller(), || self.accept_once())
            }

            /// Waits for the next connection, and when there is no descriptor left for it, waits
            /// for `backoff` and tries again. The connection stays in the kernel's queue meanwhile.
            ///
            /// `backoff` is told the error, so it may also report it. A sleep of some 50 ms is
            /// usual.
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
            /// Two other cures were rejected. A spare descriptor that is given up in order to
            /// accept and close the connection turns a wait of milliseconds into a refusal, and
            /// another thread may take it first. Waiting until a socket of this reactor is closed
            /// never ends if the descriptors are held by something else. Time helps in every case.
            #[track_caller]
            pub fn accept_resilient<B, F>(
                &self,
                mut backoff: B,
            ) -> impl Future<Output = io::Result<($Stream, SocketAddr)>>
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
            pub fn poll_accept(
                &self,
                cx: &mut Context<'_>,
            ) -> Poll<io::Result<($Stream, SocketAddr)>> {
                self.socket.poll(Read, cx, Location::caller(), || self.accept_once())
            }

            /// Takes a connection that is there.
            ///
            /// # Errors
            /// `WouldBlock` if there is none.
            pub fn try_accept(&self) -> io::Result<($Stream, SocketAddr)> {
                self.socket.attempt(Read, || self.accept_once())
            }

            fn accept_once(&self) -> io::Result<Done<($Stream, SocketAddr)>> {
                loop {
                    match self.socket.io().accept() {
                        Ok((stream, peer)) => {
                            let handle = self.socket.handle().clone();
                            return Ok(Done::with(($Stream::accepted(handle, stream)?, peer)));
                        }
                        // The next one; each round takes one from a queue of bounded length.
                        Err(error) if is_about_the_connection(&error) => {}
                        Err(error) => return Err(error),
                    }
                }
            }
        }

        socket_methods!($Listener, $std, Edge::READABLE);
    };
}

pub(super) use listener_methods;

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
