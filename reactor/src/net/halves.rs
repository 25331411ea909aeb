//! One stream as two halves, so that one task reads while another writes.
//!
//! Streams work through `&self`, so halves are a matter of ownership only: no lock is involved, and
//! nothing is duplicated in the kernel.

use std::fmt;
use std::net::Shutdown;

use windlass_sync::error_words;
use windlass_sync::shim::Arc;

/// A stream that can be halved: [`TcpStream`](super::TcpStream), [`UnixStream`](super::UnixStream).
pub trait Stream: sealed::Sealed + fmt::Debug {}

pub(crate) mod sealed {
    use super::Shutdown;

    /// Keeps the trait ours.
    pub trait Sealed {
        /// Ends the stream to the peer, as far as it is still there.
        fn end(&self, how: Shutdown);
    }
}

/// The half that reads, borrowed.
///
/// # Examples
/// ```
#[doc = include_str!("../../doc/run.in")]
/// # use windlass_reactor::net::UnixStream;
/// run(async {
///     let (stream, peer) = UnixStream::pair()?;
///     let (mut read, _write) = stream.split();
///     peer.write_all(b"hello").await?;
///     assert_eq!(read.read(&mut [0; 16]).await?, 5);
///     io::Result::Ok(())
/// })?;
/// # io::Result::Ok(())
/// ```
#[derive(Clone, Copy, Debug)]
pub struct ReadHalf<'a, S> {
    pub(super) stream: &'a S,
}

/// The half that writes, borrowed.
///
/// # Examples
/// ```
#[doc = include_str!("../../doc/run.in")]
/// # use windlass_reactor::net::UnixStream;
/// run(async {
///     let (stream, peer) = UnixStream::pair()?;
///     let (_read, mut write) = stream.split();
///     write.write_all(b"hello").await?;
///     assert_eq!(peer.read(&mut [0; 16]).await?, 5);
///     io::Result::Ok(())
/// })?;
/// # io::Result::Ok(())
/// ```
#[derive(Clone, Copy, Debug)]
pub struct WriteHalf<'a, S> {
    pub(super) stream: &'a S,
}

/// The half that reads, owned. [`reunite`](Self::reunite) makes a stream of both again.
///
/// # Examples
/// ```
#[doc = include_str!("../../doc/run.in")]
/// # use windlass_reactor::net::UnixStream;
/// run(async {
///     let (stream, peer) = UnixStream::pair()?;
///     let (mut read, write) = stream.into_split(); // one for each of two tasks
///     peer.write_all(b"hello").await?;
///     assert_eq!(read.read(&mut [0; 16]).await?, 5);
///     let stream = read.reunite(write).expect("they are of one stream");
///     stream.write_all(b"still open").await?;
///     io::Result::Ok(())
/// })?;
/// # io::Result::Ok(())
/// ```
#[derive(Debug)]
pub struct OwnedReadHalf<S> {
    pub(super) stream: Arc<S>,
}

/// The half that writes, owned. Dropping it ends the stream to the peer.
///
/// # Examples
/// ```
#[doc = include_str!("../../doc/run.in")]
/// # use windlass_reactor::net::UnixStream;
/// run(async {
///     let (stream, peer) = UnixStream::pair()?;
///     let (_read, mut write) = stream.into_split();
///     write.write_all(b"bye").await?;
///     drop(write);
///     let mut buffer = [0; 16];
///     assert_eq!(peer.read(&mut buffer).await?, 3);
///     assert_eq!(peer.read(&mut buffer).await?, 0, "the stream has ended");
///     io::Result::Ok(())
/// })?;
/// # io::Result::Ok(())
/// ```
#[derive(Debug)]
pub struct OwnedWriteHalf<S: Stream> {
    pub(super) stream: Arc<S>,
    /// False once it has been reunited or forgotten.
    ends_on_drop: bool,
}

pub(super) fn split<S>(stream: &S) -> (ReadHalf<'_, S>, WriteHalf<'_, S>) {
    (ReadHalf { stream }, WriteHalf { stream })
}

pub(super) fn into_split<S: Stream>(stream: S) -> (OwnedReadHalf<S>, OwnedWriteHalf<S>) {
    let stream = Arc::new(stream);
    let write = OwnedWriteHalf { stream: stream.clone(), ends_on_drop: true };
    (OwnedReadHalf { stream }, write)
}

impl<S: Stream> OwnedReadHalf<S> {
    /// The whole stream again.
    ///
    /// # Errors
    /// Both halves, if they are not of the same stream.
    pub fn reunite(self, mut write: OwnedWriteHalf<S>) -> Result<S, ReuniteError<S>> {
        if !Arc::ptr_eq(&self.stream, &write.stream) {
            return Err(ReuniteError(self, write));
        }
        write.ends_on_drop = false;
        drop(write);
        Ok(Arc::into_inner(self.stream).expect("a stream has exactly two owned halves"))
    }
}

impl<S: Stream> OwnedWriteHalf<S> {
    /// Drops it without ending the stream; that happens when the other half is dropped.
    pub fn forget(mut self) {
        self.ends_on_drop = false;
    }
}

impl<S: Stream> Drop for OwnedWriteHalf<S> {
    fn drop(&mut self) {
        if self.ends_on_drop {
            self.stream.end(Shutdown::Write);
        }
    }
}

/// Two halves that are not of the same stream; both are given back.
///
/// # Examples
/// ```
#[doc = include_str!("../../doc/run.in")]
/// # use windlass_reactor::net::{ReuniteError, UnixStream};
/// run(async {
///     let (one, other) = UnixStream::pair()?;
///     let (read, write) = one.into_split();
///     let (other_read, other_write) = other.into_split();
///     let ReuniteError(read, other_write) = read.reunite(other_write).unwrap_err();
///     assert!(read.reunite(write).is_ok() && other_read.reunite(other_write).is_ok());
///     io::Result::Ok(())
/// })?;
/// # io::Result::Ok(())
/// ```
#[derive(Debug)]
pub struct ReuniteError<S: Stream>(pub OwnedReadHalf<S>, pub OwnedWriteHalf<S>);

error_words!(ReuniteError<S>, [S: Stream]: _ => "the two halves are not of the same stream");

/// Implements `AsyncRead` for something that leads to a stream.
macro_rules! reads_by {
    ($Type:ty, $Stream:ident, $this:ident => $stream:expr) => {
        impl AsyncRead for $Type {
            fn poll_read(
                &mut self,
                cx: &mut Context<'_>,
                buffer: &mut [u8],
            ) -> Poll<io::Result<usize>> {
                let $this = self;
                $Stream::poll_read($stream, cx, buffer)
            }
            fn poll_read_append(
                &mut self,
                cx: &mut Context<'_>,
                buffer: &mut Vec<u8>,
            ) -> Poll<io::Result<usize>> {
                let $this = self;
                $Stream::poll_read_append($stream, cx, buffer)
            }
        }
    };
}
pub(super) use reads_by;

/// Implements `AsyncWrite` for something that leads to a stream.
macro_rules! writes_by {
    ($Type:ty, $Stream:ident, $this:ident => $stream:expr) => {
        impl AsyncWrite for $Type {
            fn poll_write(&mut self, cx: &mut Context<'_>, data: &[u8]) -> Poll<io::Result<usize>> {
                let $this = self;
                $Stream::poll_write($stream, cx, data)
            }
            fn poll_write_vectored(
                &mut self,
                cx: &mut Context<'_>,
                pieces: &[IoSlice<'_>],
            ) -> Poll<io::Result<usize>> {
                let $this = self;
                $Stream::poll_write_vectored($stream, cx, pieces)
            }
            fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
                let $this = self;
                $Stream::poll_flush($stream, cx)
            }
            fn poll_shutdown(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
                let $this = self;
                $Stream::poll_shutdown($stream, cx)
            }
        }
    };
}
pub(super) use writes_by;

/// The methods of the four halves of a stream.
macro_rules! half_methods {
    ($Stream:ident) => {
        impl halves::Stream for $Stream {}
        impl halves::sealed::Sealed for $Stream {
            fn end(&self, how: Shutdown) {
                let _ = self.shutdown(how); // it fails only if the peer has gone
            }
        }
        halves::half_methods!(read $Stream, ReadHalf<'_, $Stream>);
        halves::half_methods!(read $Stream, OwnedReadHalf<$Stream>);
        halves::half_methods!(write $Stream, WriteHalf<'_, $Stream>);
        halves::half_methods!(write $Stream, OwnedWriteHalf<$Stream>);
    };
    (read $Stream:ident, $Half:ty) => {
        halves::reads_by!($Half, $Stream, this => &this.stream);

        impl $Half {
            /// As the stream's `read`.
            ///
            /// # Errors
            /// The stream's.
            ///
            /// # Cancel safety
            /// A dropped read has taken nothing.
            #[track_caller]
            pub fn read(&mut self, buffer: &mut [u8]) -> impl IoFuture<usize> {
                self.stream.read(buffer)
            }

            /// As the stream's `read_exact`.
            ///
            /// # Errors
            /// The stream's.
            ///
            /// # Cancel safety
            /// Not safe: a part may have been read.
            #[track_caller]
            pub fn read_exact(&mut self, buffer: &mut [u8]) -> impl IoFuture<()> {
                self.stream.read_exact(buffer)
            }

            /// The stream, for everything but reading.
            pub fn stream(&self) -> &$Stream {
                &self.stream
            }
        }
    };
    (write $Stream:ident, $Half:ty) => {
        halves::writes_by!($Half, $Stream, this => &this.stream);

        impl $Half {
            /// As the stream's `write`.
            ///
            /// # Errors
            /// The stream's.
            ///
            /// # Cancel safety
            /// A dropped write has written nothing.
            #[track_caller]
            pub fn write(&mut self, data: &[u8]) -> impl IoFuture<usize> {
                self.stream.write(data)
            }

            /// As the stream's `write_all`.
            ///
            /// # Errors
            /// The stream's.
            ///
            /// # Cancel safety
            /// Not safe: a part may have been written.
            #[track_caller]
            pub fn write_all(&mut self, data: &[u8]) -> impl IoFuture<()> {
                self.stream.write_all(data)
            }

            /// The stream, for everything but writing.
            pub fn stream(&self) -> &$Stream {
                &self.stream
            }
        }
    };
}
pub(super) use half_methods;
