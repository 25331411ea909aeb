//! A stream with the read and write traits of every family.
//!
//! [`Io`] knows a stream by two small private traits, [`Reads`] and [`Writes`]. Whoever has them gets
//! every family; so each stream is described once and each family is written once.
//!
//! ```text
//!   TcpStream, UnixStream, their halves --+                  +--> windlass::io
//!   FromTokio<T: tokio::io>    -----------+--> Reads, Writes +--> tokio::io
//!   FromFutures<T: futures_io> -----------+        Io<S>     +--> futures_io
//!   FromHyper<T: hyper::rt>    -----------+                  +--> hyper::rt
//! ```
//!
//! Two things get lost in most adapters of this kind, and cost up to half the speed of large bodies.
//! Here memory that the reader has not initialised reaches the kernel as it is, and is not filled
//! with zeros first; and a write of several pieces stays one system call.

use std::io::{IoSlice, Result};
use std::mem::MaybeUninit;
use std::task::{Context, Poll};

use windlass::io::{AsyncRead, AsyncWrite};
use windlass::net::{OwnedReadHalf, OwnedWriteHalf, TcpStream, UnixStream};

#[cfg(feature = "futures-io")]
mod from_futures;
#[cfg(feature = "hyper")]
mod from_hyper;
#[cfg(feature = "tokio-io")]
mod from_tokio;

#[cfg(feature = "futures-io")]
pub use from_futures::FromFutures;
#[cfg(feature = "hyper")]
pub use from_hyper::FromHyper;
#[cfg(feature = "tokio-io")]
pub use from_tokio::FromTokio;

/// A stream with the read and write traits of `tokio::io`, `futures_io`, `hyper::rt` and
/// [`windlass::io`].
///
/// Wrap a windlass stream in it, or one of its owned halves, to hand it to a library that wants one
/// of those families. A stream that has one family and lacks another goes in as [`FromTokio`],
/// [`FromFutures`] or [`FromHyper`].
///
/// # Examples
/// ```
/// use tokio::io::{AsyncReadExt, AsyncWriteExt};
/// use windlass::net::UnixStream;
/// use windlass_compat::Io;
///
/// windlass::run(async {
///     let (one, other) = UnixStream::pair()?;
///     Io::new(one).write_all(b"hello").await?;
///     let mut text = String::new();
///     Io::new(other).read_to_string(&mut text).await?;
///     assert_eq!(text, "hello");
///     std::io::Result::Ok(())
/// })?;
/// # std::io::Result::Ok(())
/// ```
#[derive(Debug)]
pub struct Io<S>(S);

impl<S> Io<S> {
    /// Wraps a stream.
    pub fn new(stream: S) -> Io<S> {
        Io(stream)
    }

    /// The stream.
    pub fn get_ref(&self) -> &S {
        &self.0
    }

    /// The stream again. Nothing was buffered, so nothing is lost.
    pub fn into_inner(self) -> S {
        self.0
    }
}

/// What the families need of a stream that can be read.
pub trait Reads: Unpin {
    /// Reads into the front of `buffer`; 0 is the end of the stream.
    fn poll_read(&mut self, cx: &mut Context<'_>, buffer: &mut [u8]) -> Poll<Result<usize>>;

    /// Reads into memory that nobody has written yet. Rules 1 and 2 of the crate bind whoever
    /// implements it.
    fn poll_read_uninit(
        &mut self,
        cx: &mut Context<'_>,
        room: &mut [MaybeUninit<u8>],
    ) -> Poll<Result<usize>>;
}

/// What the families need of a stream that can be written.
pub trait Writes: Unpin {
    /// Writes a front part of `data`.
    fn poll_write(&mut self, cx: &mut Context<'_>, data: &[u8]) -> Poll<Result<usize>>;

    /// Writes a front part of several pieces.
    fn poll_write_vectored(
        &mut self,
        cx: &mut Context<'_>,
        pieces: &[IoSlice<'_>],
    ) -> Poll<Result<usize>>;

    /// Whether several pieces are better than one that was put together of them.
    fn is_write_vectored(&self) -> bool;

    /// Passes on what is buffered.
    fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<Result<()>>;

    /// Ends the stream to the peer.
    fn poll_shutdown(&mut self, cx: &mut Context<'_>) -> Poll<Result<()>>;
}

/// Implements [`Reads`] for what leads to one of our streams.
macro_rules! reads {
    ($($Type:ty, $this:ident => $stream:expr;)*) => {$(
        impl Reads for $Type {
            fn poll_read(&mut self, cx: &mut Context<'_>, buffer: &mut [u8]) -> Poll<Result<usize>> {
                let $this = &*self;
                $stream.poll_read(cx, buffer)
            }
            fn poll_read_uninit(
                &mut self,
                cx: &mut Context<'_>,
                room: &mut [MaybeUninit<u8>],
            ) -> Poll<Result<usize>> {
                let $this = &*self;
                $stream.poll_read_uninit(cx, room)
            }
        }
    )*};
}

/// Implements [`Writes`] for what leads to one of our streams.
macro_rules! writes {
    ($($Type:ty, $this:ident => $stream:expr;)*) => {$(
        impl Writes for $Type {
            fn poll_write(&mut self, cx: &mut Context<'_>, data: &[u8]) -> Poll<Result<usize>> {
                let $this = &*self;
                $stream.poll_write(cx, data)
            }
            fn poll_write_vectored(
                &mut self,
                cx: &mut Context<'_>,
                pieces: &[IoSlice<'_>],
            ) -> Poll<Result<usize>> {
                let $this = &*self;
                $stream.poll_write_vectored(cx, pieces)
            }
            fn is_write_vectored(&self) -> bool {
                true
            }
            fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<Result<()>> {
                let $this = &*self;
                $stream.poll_flush(cx)
            }
            fn poll_shutdown(&mut self, cx: &mut Context<'_>) -> Poll<Result<()>> {
                let $this = &*self;
                $stream.poll_shutdown(cx)
            }
        }
    )*};
}

reads! {
    TcpStream, this => this;
    UnixStream, this => this;
    OwnedReadHalf<TcpStream>, this => this.stream();
    OwnedReadHalf<UnixStream>, this => this.stream();
}
writes! {
    TcpStream, this => this;
    UnixStream, this => this;
    OwnedWriteHalf<TcpStream>, this => this.stream();
    OwnedWriteHalf<UnixStream>, this => this.stream();
}

/// Both directions of a write trait that is shaped like tokio's; hyper's is, too.
#[cfg(any(feature = "tokio-io", feature = "hyper"))]
macro_rules! write_trait {
    ($Write:path, $From:ident) => {
        impl<T: $Write + Unpin> Writes for $From<T> {
            fn poll_write(&mut self, cx: &mut Context<'_>, data: &[u8]) -> Poll<Result<usize>> {
                Pin::new(&mut self.0).poll_write(cx, data)
            }
            fn poll_write_vectored(
                &mut self,
                cx: &mut Context<'_>,
                pieces: &[IoSlice<'_>],
            ) -> Poll<Result<usize>> {
                Pin::new(&mut self.0).poll_write_vectored(cx, pieces)
            }
            fn is_write_vectored(&self) -> bool {
                self.0.is_write_vectored()
            }
            fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<Result<()>> {
                Pin::new(&mut self.0).poll_flush(cx)
            }
            fn poll_shutdown(&mut self, cx: &mut Context<'_>) -> Poll<Result<()>> {
                Pin::new(&mut self.0).poll_shutdown(cx)
            }
        }

        impl<S: Writes> $Write for Io<S> {
            fn poll_write(
                mut self: Pin<&mut Self>,
                cx: &mut Context<'_>,
                data: &[u8],
            ) -> Poll<Result<usize>> {
                self.0.poll_write(cx, data)
            }
            fn poll_write_vectored(
                mut self: Pin<&mut Self>,
                cx: &mut Context<'_>,
                pieces: &[IoSlice<'_>],
            ) -> Poll<Result<usize>> {
                self.0.poll_write_vectored(cx, pieces)
            }
            fn is_write_vectored(&self) -> bool {
                self.0.is_write_vectored()
            }
            fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<()>> {
                self.0.poll_flush(cx)
            }
            fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<()>> {
                self.0.poll_shutdown(cx)
            }
        }
    };
}
#[cfg(any(feature = "tokio-io", feature = "hyper"))]
use write_trait;

impl<S: Reads> AsyncRead for Io<S> {
    fn poll_read(&mut self, cx: &mut Context<'_>, buffer: &mut [u8]) -> Poll<Result<usize>> {
        self.0.poll_read(cx, buffer)
    }
}

impl<S: Writes> AsyncWrite for Io<S> {
    fn poll_write(&mut self, cx: &mut Context<'_>, data: &[u8]) -> Poll<Result<usize>> {
        self.0.poll_write(cx, data)
    }
    fn poll_write_vectored(
        &mut self,
        cx: &mut Context<'_>,
        pieces: &[IoSlice<'_>],
    ) -> Poll<Result<usize>> {
        self.0.poll_write_vectored(cx, pieces)
    }
    fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<Result<()>> {
        self.0.poll_flush(cx)
    }
    fn poll_shutdown(&mut self, cx: &mut Context<'_>) -> Poll<Result<()>> {
        self.0.poll_shutdown(cx)
    }
}
