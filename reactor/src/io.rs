//! Bytes in and out: two small traits, and what is done over and over with them.
//!
//! [`AsyncRead`] and [`AsyncWrite`] are what the helpers below need of a stream, and no more. They
//! are implemented by the sockets, by references to them (so that one task can read a stream and
//! another write it), by their halves, and by whatever you wrap around them. Several tasks that read
//! one socket, or write it, use its own methods: the traits can keep only one waker per direction.
//!
//! | you want | use |
//! |---|---|
//! | exactly so many bytes | [`read_exact`] |
//! | everything to the end | [`read_to_end`], with a limit |
//! | lines | [`LineReader`], with a limit |
//! | everything written | [`write_all`], [`write_all_vectored`] |
//! | bytes from here to there | [`copy`], [`copy_bidirectional`] |
//!
//! Over our sockets no helper fills a buffer with zeros before it reads into it.
//!
//! # Cancel safety
//!
//! A single `read` or `write` of a socket that is dropped has moved nothing. The helpers here are
//! made of several: a dropped one may have moved a part. [`LineReader`] keeps what it has read, so
//! its `next_line` may be dropped and asked again.

use std::io::{self, IoSlice};
use std::panic::Location;
use std::pin::Pin;
use std::task::{Context, Poll};

use windlass_sync::waiting;

mod copy;
mod line_reader;
mod read;
mod write;

pub use copy::{copy, copy_bidirectional};
pub use line_reader::{LineReader, LineTooLong};
pub use read::{LimitExceeded, UnexpectedEof, read_exact, read_to_end};
pub use write::{write_all, write_all_vectored};

/// Something bytes can be read from.
///
/// # Examples
/// ```
#[doc = include_str!("../doc/run.in")]
/// # use windlass_reactor::io::{AsyncRead, read_to_end};
/// struct Text(&'static [u8]); // anything that has bytes can be read so
/// impl AsyncRead for Text {
///     fn poll_read(&mut self, _: &mut Context<'_>, buffer: &mut [u8]) -> Poll<io::Result<usize>> {
///         Poll::Ready(io::Read::read(&mut self.0, buffer))
///     }
/// }
/// let mut all = Vec::new();
/// run(read_to_end(Text(b"hello"), &mut all, 100))?;
/// assert_eq!(all, b"hello");
/// # io::Result::Ok(())
/// ```
pub trait AsyncRead {
    /// Reads into the front of `buffer`; `Ok(0)` is the end of the stream, or an empty buffer.
    fn poll_read(&mut self, cx: &mut Context<'_>, buffer: &mut [u8]) -> Poll<io::Result<usize>>;

    /// Reads into the spare capacity of `buffer`, which grows by what was read. The capacity does
    /// not grow: with none left the answer is `Ok(0)`.
    ///
    /// Sockets let the kernel write into the spare capacity as it is. This default fills it with
    /// zeros first.
    fn poll_read_append(
        &mut self,
        cx: &mut Context<'_>,
        buffer: &mut Vec<u8>,
    ) -> Poll<io::Result<usize>> {
        let before = buffer.len();
        buffer.resize(buffer.capacity(), 0);
        let answer = self.poll_read(cx, &mut buffer[before..]);
        let count = match answer {
            Poll::Ready(Ok(count)) => count,
            _ => 0,
        };
        buffer.truncate(before + count);
        answer
    }
}

/// Something bytes can be written to.
///
/// # Examples
/// ```
#[doc = include_str!("../doc/run.in")]
/// # use windlass_reactor::io::{AsyncWrite, write_all};
/// struct Sink(Vec<u8>);
/// impl AsyncWrite for Sink {
///     fn poll_write(&mut self, _: &mut Context<'_>, data: &[u8]) -> Poll<io::Result<usize>> {
///         Poll::Ready(io::Write::write(&mut self.0, data))
///     }
///     fn poll_flush(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
///         Poll::Ready(Ok(()))
///     }
///     fn poll_shutdown(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
///         self.poll_flush(cx)
///     }
/// }
/// let mut sink = Sink(Vec::new());
/// run(write_all(&mut sink, b"hello"))?;
/// assert_eq!(sink.0, b"hello");
/// # io::Result::Ok(())
/// ```
pub trait AsyncWrite {
    /// Writes a front part of `data`, and says how much.
    fn poll_write(&mut self, cx: &mut Context<'_>, data: &[u8]) -> Poll<io::Result<usize>>;

    /// Writes a front part of several pieces at once. This default writes of the first that is not
    /// empty.
    fn poll_write_vectored(
        &mut self,
        cx: &mut Context<'_>,
        pieces: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let first = pieces.iter().find(|piece| !piece.is_empty());
        self.poll_write(cx, first.map_or(&[], |piece| &**piece))
    }

    /// Passes on what is buffered. Sockets buffer nothing.
    fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>>;

    /// Ends the stream: the reader at the other end finds its end after what was written.
    fn poll_shutdown(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>>;
}

impl<R: AsyncRead + ?Sized> AsyncRead for &mut R {
    fn poll_read(&mut self, cx: &mut Context<'_>, buffer: &mut [u8]) -> Poll<io::Result<usize>> {
        (**self).poll_read(cx, buffer)
    }
    fn poll_read_append(
        &mut self,
        cx: &mut Context<'_>,
        buffer: &mut Vec<u8>,
    ) -> Poll<io::Result<usize>> {
        (**self).poll_read_append(cx, buffer)
    }
}

impl<W: AsyncWrite + ?Sized> AsyncWrite for &mut W {
    fn poll_write(&mut self, cx: &mut Context<'_>, data: &[u8]) -> Poll<io::Result<usize>> {
        (**self).poll_write(cx, data)
    }
    fn poll_write_vectored(
        &mut self,
        cx: &mut Context<'_>,
        pieces: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        (**self).poll_write_vectored(cx, pieces)
    }
    fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        (**self).poll_flush(cx)
    }
    fn poll_shutdown(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        (**self).poll_shutdown(cx)
    }
}

/// A future made of a poll function, which waits *at* the line that made it.
///
/// The function calls `poll_*` methods, which know no caller: they note their own line as the place
/// of the wait. This puts the right one in.
#[derive(Debug)]
#[must_use = "a future does nothing unless awaited"]
pub(crate) struct At<F> {
    at: &'static Location<'static>,
    poll: F,
}

/// Makes a future that waits at `at`.
pub(crate) fn at<T, F>(at: &'static Location<'static>, poll: F) -> At<F>
where
    F: FnMut(&mut Context<'_>) -> Poll<T>,
{
    At { at, poll }
}

// The function is called, never pinned.
impl<F> Unpin for At<F> {}

impl<T, F> Future for At<F>
where
    F: FnMut(&mut Context<'_>) -> Poll<T>,
{
    type Output = T;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<T> {
        let answer = (self.poll)(cx);
        if answer.is_pending()
            && let Some(waiting) = waiting::take()
        {
            waiting::note(waiting.reason, self.at);
        }
        answer
    }
}
