//! A descriptor and its registration, and the calls that move bytes.
//!
//! The calls are made by descriptor through rustix, because `std` can neither receive into
//! uninitialised memory nor say `MSG_NOSIGNAL` with several pieces.

use std::fmt;
use std::future::poll_fn;
use std::io::{self, ErrorKind, IoSlice};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};
use std::panic::Location;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use rustix::net::{RecvFlags, SendAncillaryBuffer, SendFlags};
use windlass_sync::wakes;

use crate::error::no_runtime;
use crate::handle::Handle;
use crate::readiness::{Direction, Edge};
use crate::registration::{Done, Io, Registration};
use crate::source::Place;

/// A peer that has gone is an error here, not a signal: the host program may not ignore SIGPIPE.
/// Apple's systems have no such flag; there mio sets the option `SO_NOSIGPIPE`.
#[cfg(not(target_vendor = "apple"))]
const SEND: SendFlags = SendFlags::NOSIGNAL;
#[cfg(target_vendor = "apple")]
const SEND: SendFlags = SendFlags::empty();

/// A socket that is registered with a reactor.
pub(crate) struct Socket<S> {
    /// First, so that it is dropped while the descriptor is open.
    registration: Registration,
    io: S,
}

impl<S: fmt::Debug> fmt::Debug for Socket<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.io.fmt(f)
    }
}

impl<S: AsRawFd> Socket<S> {
    /// Registers a non-blocking socket with the current reactor.
    pub(crate) fn new(io: S, hope: Edge) -> io::Result<Socket<S>> {
        let handle = Handle::try_current().ok_or_else(no_runtime)?;
        Socket::with(handle, io, hope)
    }

    pub(crate) fn with(handle: Handle, io: S, hope: Edge) -> io::Result<Socket<S>> {
        Ok(Socket { registration: Registration::new(handle, io.as_raw_fd(), hope)?, io })
    }

    /// The socket itself, registered no more.
    pub(crate) fn into_inner(self) -> S {
        drop(self.registration);
        self.io
    }

    pub(crate) fn io(&self) -> &S {
        &self.io
    }

    pub(crate) fn handle(&self) -> &Handle {
        self.registration.handle()
    }

    /// As if the kernel had said so.
    pub(crate) fn announce(&self, edge: Edge) {
        wakes::collect(|wakes| self.registration.source.event(edge, wakes));
    }

    /// One `poll_*` call.
    pub(crate) fn poll<T>(
        &self,
        direction: Direction,
        cx: &mut Context<'_>,
        at: &'static Location<'static>,
        attempt: impl FnMut() -> io::Result<Done<T>>,
    ) -> Poll<io::Result<T>> {
        self.registration.poll_io(direction, &mut Place::shared(direction), cx, at, attempt)
    }

    /// One future.
    pub(crate) fn future<T, F>(
        &self,
        direction: Direction,
        at: &'static Location<'static>,
        attempt: F,
    ) -> Io<'_, F>
    where
        F: FnMut() -> io::Result<Done<T>>,
    {
        self.registration.io(direction, at, attempt)
    }

    /// One future of several attempts, until one of them says that it was the last. They share a
    /// place among the waiters that nobody else takes, which the `poll_*` methods cannot have.
    pub(crate) fn several(
        &self,
        direction: Direction,
        at: &'static Location<'static>,
        mut is_whole: bool,
        attempt: impl FnMut() -> io::Result<Done<bool>>,
    ) -> impl Future<Output = io::Result<()>> + Unpin {
        let mut one = self.future(direction, at, attempt);
        poll_fn(move |cx| {
            while !is_whole {
                is_whole = ready!(Pin::new(&mut one).poll(cx))?;
            }
            Poll::Ready(Ok(()))
        })
    }

    /// One call that does not wait.
    pub(crate) fn attempt<T>(
        &self,
        direction: Direction,
        attempt: impl FnMut() -> io::Result<Done<T>>,
    ) -> io::Result<T> {
        self.registration.try_io(direction, attempt)
    }
}

impl<S: AsFd> AsFd for Socket<S> {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.io.as_fd()
    }
}

/// Waits for a connection that has been begun.
///
/// The descriptor turns writable when it is made or refused; an error says which. A socket that has
/// neither error nor peer was woken for nothing.
pub(crate) fn is_connected(socket: impl AsFd) -> io::Result<Done<()>> {
    rustix::net::sockopt::socket_error(socket.as_fd())??;
    match rustix::net::getpeername(socket) {
        Ok(_) => Ok(Done::with(())),
        Err(rustix::io::Errno::NOTCONN) => Err(ErrorKind::WouldBlock.into()),
        Err(error) => Err(error.into()),
    }
}

pub(crate) fn recv(socket: impl AsFd, buffer: &mut [u8]) -> io::Result<usize> {
    Ok(rustix::net::recv(socket, buffer, RecvFlags::empty())?.0)
}

pub(crate) fn peek(socket: impl AsFd, buffer: &mut [u8]) -> io::Result<usize> {
    Ok(rustix::net::recv(socket, buffer, RecvFlags::PEEK)?.0)
}

/// Receives into memory that nobody has written yet; returns how much of its front is now written.
pub(crate) fn recv_uninit(socket: impl AsFd, buffer: &mut [MaybeUninit<u8>]) -> io::Result<usize> {
    let ((received, _rest), _) = rustix::net::recv(socket, buffer, RecvFlags::empty())?;
    Ok(received.len())
}

/// Receives into the spare capacity of a vector.
pub(crate) fn recv_append(socket: impl AsFd, buffer: &mut Vec<u8>) -> io::Result<usize> {
    let spare = rustix::buffer::spare_capacity(buffer);
    Ok(rustix::net::recv(socket, spare, RecvFlags::empty())?.0)
}

pub(crate) fn send(socket: impl AsFd, data: &[u8]) -> io::Result<usize> {
    Ok(rustix::net::send(socket, data, SEND)?)
}

pub(crate) fn send_vectored(socket: impl AsFd, pieces: &[IoSlice<'_>]) -> io::Result<usize> {
    // More pieces than the system takes at once are an error, and a writer may take fewer.
    const MOST_PIECES: usize = 1024; // IOV_MAX
    let pieces = &pieces[..pieces.len().min(MOST_PIECES)];
    Ok(rustix::net::sendmsg(socket, pieces, &mut SendAncillaryBuffer::default(), SEND)?)
}

/// What all sockets have in common. `$hope` is what is taken for granted of a new one. Each lends
/// its descriptor, and is shown as what the system calls it.
macro_rules! socket_methods {
    ($Socket:ident, $std:ty, $hope:expr) => {
        impl $Socket {
            fn new(io: mio::net::$Socket) -> io::Result<$Socket> {
                Ok($Socket { socket: Socket::new(io, $hope)? })
            }

            /// Adopts one of the standard library's and makes it non-blocking. A stream must be
            /// connected.
            ///
            /// # Errors
            /// Outside a runtime, or if the system refuses.
            pub fn from_std(socket: $std) -> io::Result<$Socket> {
                socket.set_nonblocking(true)?;
                Self::new(mio::net::$Socket::from_std(socket))
            }

            /// The same as one of the standard library's, registered with no reactor. It stays
            /// non-blocking.
            pub fn into_std(self) -> $std {
                OwnedFd::from(self.socket.into_inner()).into()
            }

            /// The error the kernel keeps for this socket, which is then forgotten.
            ///
            /// # Errors
            /// The system's.
            pub fn take_error(&self) -> io::Result<Option<io::Error>> {
                self.socket.io().take_error()
            }
        }

        impl AsFd for $Socket {
            fn as_fd(&self) -> BorrowedFd<'_> {
                self.socket.as_fd()
            }
        }

        impl AsRawFd for $Socket {
            fn as_raw_fd(&self) -> RawFd {
                self.as_fd().as_raw_fd()
            }
        }

        impl fmt::Debug for $Socket {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.socket.fmt(f)
            }
        }
    };
}

/// What streams and sockets for messages have in common: waiting without doing anything.
macro_rules! readiness_methods {
    ($Socket:ident) => {
        impl $Socket {
            /// Waits until it is worth trying to read or to receive. It may be wrong: a `try_*` method
            /// may still say `WouldBlock`, and then the next wait is longer.
            ///
            /// Use it to wait without a buffer.
            ///
            /// # Errors
            /// Only that the runtime has shut down; the socket's own come with the next call.
            ///
            /// # Cancel safety
            /// Safe.
            #[track_caller]
            pub fn readable(&self) -> impl IoFuture<()> {
                self.socket.future(Read, Location::caller(), || Ok(Done::with(())))
            }

            /// Waits until it is worth trying to write or to send; it may be wrong as
            /// [`readable`](Self::readable).
            ///
            /// # Errors
            /// Only that the runtime has shut down; the socket's own come with the next call.
            ///
            /// # Cancel safety
            /// Safe.
            #[track_caller]
            pub fn writable(&self) -> impl IoFuture<()> {
                self.socket.future(Write, Location::caller(), || Ok(Done::with(())))
            }

            /// As [`readable`](Self::readable), for adapters.
            #[track_caller]
            pub fn poll_readable(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
                self.socket.poll(Read, cx, Location::caller(), || Ok(Done::with(())))
            }

            /// As [`writable`](Self::writable), for adapters.
            #[track_caller]
            pub fn poll_writable(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
                self.socket.poll(Write, cx, Location::caller(), || Ok(Done::with(())))
            }
        }
    };
}

pub(super) use readiness_methods;
pub(super) use socket_methods;
