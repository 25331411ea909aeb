//! What TCP and Unix listeners have in common, written once; a macro for the reasons that
//! [`stream`](super::stream) gives.

macro_rules! listener_methods {
    ($Listener:ident, $Stream:ident) => {
        impl $Listener {
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

        super::socket::descriptor!($Listener);
    };
}

pub(super) use listener_methods;
