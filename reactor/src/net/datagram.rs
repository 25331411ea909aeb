//! What UDP and Unix sockets for messages have in common, written once; a macro for the reasons
//! that [`stream`](super::stream) gives.

macro_rules! datagram_methods {
    ($Socket:ident, $std:ty) => {
        impl $Socket {
            /// Sends a message to the connected peer, as soon as there is room for it: in the
            /// queue of this socket, or in the peer's if they are Unix sockets. Returns its length.
            ///
            /// # Errors
            /// The system's: not connected, nobody there, too long a message; or that the runtime
            /// has shut down.
            ///
            /// # Cancel safety
            /// A dropped send has sent nothing.
            #[track_caller]
            pub fn send(&self, message: &[u8]) -> impl IoFuture<usize> {
                let attempt = move || send(&self.socket, message).map(Done::with);
                self.socket.future(Write, Location::caller(), attempt)
            }

            /// Receives a message, from the connected peer if there is one; returns its length.
            ///
            /// # Errors
            /// The system's, or that the runtime has shut down.
            ///
            /// # Cancel safety
            /// A dropped receive has taken nothing.
            #[track_caller]
            pub fn recv(&self, buffer: &mut [u8]) -> impl IoFuture<usize> {
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
            pub fn recv_from(&self, buffer: &mut [u8]) -> impl IoFuture<(usize, SocketAddr)> {
                let attempt = move || self.socket.io().recv_from(buffer).map(Done::with);
                self.socket.future(Read, Location::caller(), attempt)
            }

            /// As [`send`](Self::send), for adapters.
            #[track_caller]
            pub fn poll_send(
                &self,
                cx: &mut Context<'_>,
                message: &[u8],
            ) -> Poll<io::Result<usize>> {
                let attempt = || send(&self.socket, message).map(Done::with);
                self.socket.poll(Write, cx, Location::caller(), attempt)
            }

            /// As [`recv`](Self::recv), for adapters.
            #[track_caller]
            pub fn poll_recv(
                &self,
                cx: &mut Context<'_>,
                buffer: &mut [u8],
            ) -> Poll<io::Result<usize>> {
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

            /// Sends if there is room.
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

            /// Receives what is there, and says who sent it.
            ///
            /// # Errors
            /// `WouldBlock` if nothing is.
            pub fn try_recv_from(&self, buffer: &mut [u8]) -> io::Result<(usize, SocketAddr)> {
                self.socket.attempt(Read, || self.socket.io().recv_from(buffer).map(Done::with))
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
        }

        readiness_methods!($Socket);
        socket_methods!($Socket, $std, Edge::BOTH);
    };
}

pub(super) use datagram_methods;
