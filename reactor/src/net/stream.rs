//! What TCP and Unix streams have in common, written once.
//!
//! A trait would hide the methods behind an import, and a shared inner type would still need each
//! of them forwarded; so this is a macro. Its body is ordinary code: `self.socket` is a
//! [`Socket`](super::socket::Socket).
//!
//! # Short counts
//!
//! A read that brings fewer bytes than the buffer has room for has emptied the socket's buffer, so
//! the readiness is struck out without asking the kernel once more. A steady echo then costs three
//! system calls. It is not done when the count is zero, nor after the stream has ended, nor for
//! datagrams, where a short count means a short message. Nor is it done when a *Unix* stream is
//! read: there a read also stops short at bytes that carry descriptors, whether or not the reader
//! wants those, and a peer could make us wait for what has long arrived. `READS_END_SHORT` says so.
//! Over TCP the same is true of urgent data, which is rare; there an event says so, see `reactor.rs`.

macro_rules! stream_methods {
    ($Stream:ident, $std:ty) => {
        impl $Stream {
            /// Reads into the front of `buffer`; 0 is the end of the stream.
            ///
            /// # Errors
            /// The system's, or that the runtime has shut down: see
            /// [`is_runtime_gone`](crate::is_runtime_gone).
            ///
            /// # Cancel safety
            /// A dropped read has taken nothing.
            #[track_caller]
            pub fn read(&self, buffer: &mut [u8]) -> impl IoFuture<usize> {
                let attempt = move || self.read_once(buffer.len(), || recv(&self.socket, buffer));
                self.socket.future(Read, Location::caller(), attempt)
            }

            /// Reads without taking: the next read brings the same bytes again.
            ///
            /// # Errors
            /// As [`read`](Self::read).
            ///
            /// # Cancel safety
            /// Safe.
            #[track_caller]
            pub fn peek(&self, buffer: &mut [u8]) -> impl IoFuture<usize> {
                let attempt = move || peek(&self.socket, buffer).map(Done::with);
                self.socket.future(Read, Location::caller(), attempt)
            }

            /// Writes a front part of `data`; returns how much.
            ///
            /// # Errors
            /// As [`read`](Self::read).
            ///
            /// # Cancel safety
            /// A dropped write has written nothing.
            #[track_caller]
            pub fn write(&self, data: &[u8]) -> impl IoFuture<usize> {
                self.socket.future(Write, Location::caller(), move || self.write_once(data))
            }

            /// Writes a front part of several pieces with one system call.
            ///
            /// # Errors
            /// As [`read`](Self::read).
            ///
            /// # Cancel safety
            /// A dropped write has written nothing.
            #[track_caller]
            pub fn write_vectored(&self, pieces: &[IoSlice<'_>]) -> impl IoFuture<usize> {
                let attempt = move || self.write_vectored_once(pieces);
                self.socket.future(Write, Location::caller(), attempt)
            }

            /// Fills `buffer`; see [`read_exact`](crate::io::read_exact).
            ///
            /// # Errors
            /// [`UnexpectedEof`](crate::io::UnexpectedEof) says how much arrived.
            ///
            /// # Cancel safety
            /// Not safe: a part may have been read.
            #[track_caller]
            pub fn read_exact(&self, buffer: &mut [u8]) -> impl IoFuture<()> {
                let (mut arrived, wanted) = (0, buffer.len());
                self.socket.several(Read, Location::caller(), wanted == 0, move || {
                    let rest = &mut buffer[arrived..];
                    let done = self.read_once(rest.len(), || recv(&self.socket, rest))?;
                    done.then(|count| {
                        arrived += count;
                        let ended = UnexpectedEof { arrived, wanted };
                        if count > 0 { Ok(arrived == wanted) } else { Err(ended.into()) }
                    })
                })
            }

            /// Writes all of `data`; see [`write_all`](crate::io::write_all).
            ///
            /// # Errors
            /// `WriteZero` if the stream takes no more, and what [`write`](Self::write) fails with.
            ///
            /// # Cancel safety
            /// Not safe: a part may have been written.
            #[track_caller]
            pub fn write_all(&self, data: &[u8]) -> impl IoFuture<()> {
                let mut rest = data;
                self.socket.several(Write, Location::caller(), data.is_empty(), move || {
                    self.write_once(rest)?.then(|count| {
                        rest = &rest[count..];
                        if count > 0 { Ok(rest.is_empty()) } else { Err(WriteZero.into()) }
                    })
                })
            }

            /// Reads what is there.
            ///
            /// # Errors
            /// `WouldBlock` if nothing is.
            pub fn try_read(&self, buffer: &mut [u8]) -> io::Result<usize> {
                let room = buffer.len();
                self.socket.attempt(Read, || self.read_once(room, || recv(&self.socket, buffer)))
            }

            /// Writes what there is room for.
            ///
            /// # Errors
            /// `WouldBlock` if there is none.
            pub fn try_write(&self, data: &[u8]) -> io::Result<usize> {
                self.socket.attempt(Write, || self.write_once(data))
            }

            /// Writes of several pieces what there is room for.
            ///
            /// # Errors
            /// `WouldBlock` if there is none.
            pub fn try_write_vectored(&self, pieces: &[IoSlice<'_>]) -> io::Result<usize> {
                self.socket.attempt(Write, || self.write_vectored_once(pieces))
            }

            /// As [`read`](Self::read), for adapters.
            #[track_caller]
            pub fn poll_read(
                &self,
                cx: &mut Context<'_>,
                buffer: &mut [u8],
            ) -> Poll<io::Result<usize>> {
                let room = buffer.len();
                let attempt = || self.read_once(room, || recv(&self.socket, buffer));
                self.socket.poll(Read, cx, Location::caller(), attempt)
            }

            /// Reads into memory that nobody has written yet. With `Ready(Ok(n))` the first `n`
            /// bytes of `buffer` are written, by the kernel.
            #[track_caller]
            pub fn poll_read_uninit(
                &self,
                cx: &mut Context<'_>,
                buffer: &mut [MaybeUninit<u8>],
            ) -> Poll<io::Result<usize>> {
                let room = buffer.len();
                let attempt = || self.read_once(room, || recv_uninit(&self.socket, buffer));
                self.socket.poll(Read, cx, Location::caller(), attempt)
            }

            /// Reads into the spare capacity of a vector, which grows by what was read. With no
            /// capacity left the answer is 0.
            #[track_caller]
            pub fn poll_read_append(
                &self,
                cx: &mut Context<'_>,
                buffer: &mut Vec<u8>,
            ) -> Poll<io::Result<usize>> {
                let room = buffer.capacity() - buffer.len();
                if room == 0 {
                    return Poll::Ready(Ok(0)); // the kernel would wait for bytes
                }
                let attempt = || self.read_once(room, || recv_append(&self.socket, buffer));
                self.socket.poll(Read, cx, Location::caller(), attempt)
            }

            /// As [`peek`](Self::peek), for adapters.
            #[track_caller]
            pub fn poll_peek(
                &self,
                cx: &mut Context<'_>,
                buffer: &mut [u8],
            ) -> Poll<io::Result<usize>> {
                let attempt = || peek(&self.socket, buffer).map(Done::with);
                self.socket.poll(Read, cx, Location::caller(), attempt)
            }

            /// As [`write`](Self::write), for adapters.
            #[track_caller]
            pub fn poll_write(
                &self,
                cx: &mut Context<'_>,
                data: &[u8],
            ) -> Poll<io::Result<usize>> {
                self.socket.poll(Write, cx, Location::caller(), || self.write_once(data))
            }

            /// As [`write_vectored`](Self::write_vectored), for adapters.
            #[track_caller]
            pub fn poll_write_vectored(
                &self,
                cx: &mut Context<'_>,
                pieces: &[IoSlice<'_>],
            ) -> Poll<io::Result<usize>> {
                self.socket.poll(Write, cx, Location::caller(), || self.write_vectored_once(pieces))
            }

            /// Ready at once: nothing is buffered outside the kernel.
            pub fn poll_flush(&self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
                Poll::Ready(Ok(()))
            }

            /// Ends the stream to the peer. Ready at once: the kernel sends what it still has.
            pub fn poll_shutdown(&self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
                Poll::Ready(self.shutdown(Shutdown::Write))
            }

            /// Ends one direction, or both. Who waits in it is woken.
            ///
            /// # Errors
            /// `NotConnected` if the peer has gone.
            pub fn shutdown(&self, how: Shutdown) -> io::Result<()> {
                self.socket.io().shutdown(how)?;
                if how != Shutdown::Read {
                    // Of a Unix stream that is full the kernel would tell only once there is room.
                    self.socket.announce(Edge::WRITABLE);
                }
                Ok(())
            }

            /// Both halves, to be used at once inside one task.
            pub fn split(&self) -> (ReadHalf<'_, $Stream>, WriteHalf<'_, $Stream>) {
                halves::split(self)
            }

            /// Both halves, to be used in two tasks. Dropping the half that writes ends the stream
            /// to the peer.
            pub fn into_split(self) -> (OwnedReadHalf<$Stream>, OwnedWriteHalf<$Stream>) {
                halves::into_split(self)
            }

            /// The descriptor alone, still non-blocking, registered with no reactor.
            pub fn into_fd(self) -> OwnedFd {
                self.socket.into_inner().into()
            }

            fn read_once(
                &self,
                room: usize,
                call: impl FnOnce() -> io::Result<usize>,
            ) -> io::Result<Done<usize>> {
                let count = call()?;
                if READS_END_SHORT {
                    Ok(Done::short_if_under(count, room))
                } else {
                    Ok(Done::with(count))
                }
            }

            fn write_once(&self, data: &[u8]) -> io::Result<Done<usize>> {
                Ok(Done::short_if_under(send(&self.socket, data)?, data.len()))
            }

            fn write_vectored_once(&self, pieces: &[IoSlice<'_>]) -> io::Result<Done<usize>> {
                // The kernel is given only so many pieces, so a short count may be ours.
                Ok(Done::with(send_vectored(&self.socket, pieces)?))
            }
        }

        halves::reads_by!(&$Stream, $Stream, this => this);
        halves::reads_by!($Stream, $Stream, this => this);
        halves::writes_by!(&$Stream, $Stream, this => this);
        halves::writes_by!($Stream, $Stream, this => this);
        halves::half_methods!($Stream);

        readiness_methods!($Stream);
        socket_methods!($Stream, $std, Edge::BOTH);
    };
}

pub(crate) use stream_methods;
