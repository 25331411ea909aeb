//! `futures_io`, in both directions.

use std::io::{IoSlice, Result};
use std::mem::MaybeUninit;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures_io::{AsyncRead, AsyncWrite};

use super::{Io, Reads, Writes};

/// How much is read at most into memory that nobody has written: as much as a TLS record holds.
const CHUNK: usize = 16 * 1024;

/// A stream that has the traits of `futures_io`; [`Io`] gives it the others.
///
/// # Examples
/// ```
/// use windlass_compat::{FromFutures, Io};
///
/// fn wants_tokio_io(_: impl tokio::io::AsyncRead + tokio::io::AsyncWrite) {}
/// let stream = futures_util::io::Cursor::new(vec![0; 16]);
/// wants_tokio_io(Io::new(FromFutures(stream)));
/// ```
///
/// # Implementation
/// This family reads into initialised memory only. Filling a large buffer with zeros for a read that
/// may bring a few bytes would be dear, so at most 16 KiB are read at once where the memory is not
/// initialised, through a chunk on the stack.
#[derive(Debug)]
pub struct FromFutures<T>(pub T);

impl<T: AsyncRead + Unpin> Reads for FromFutures<T> {
    fn poll_read(&mut self, cx: &mut Context<'_>, buffer: &mut [u8]) -> Poll<Result<usize>> {
        Pin::new(&mut self.0).poll_read(cx, buffer)
    }
    fn poll_read_uninit(
        &mut self,
        cx: &mut Context<'_>,
        room: &mut [MaybeUninit<u8>],
    ) -> Poll<Result<usize>> {
        let mut chunk = [0; CHUNK];
        let most = room.len().min(CHUNK);
        let count = ready!(self.poll_read(cx, &mut chunk[..most]))?;
        // Rule 1: both slices panic if the stream has lied about its count.
        for (to, from) in room[..count].iter_mut().zip(&chunk[..count]) {
            to.write(*from);
        }
        Poll::Ready(Ok(count))
    }
}

impl<T: AsyncWrite + Unpin> Writes for FromFutures<T> {
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
    /// This family cannot tell. If it takes only the first piece, a head and a body would go out in
    /// two packets; putting them together costs one copy.
    fn is_write_vectored(&self) -> bool {
        false
    }
    fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<Result<()>> {
        Pin::new(&mut self.0).poll_flush(cx)
    }
    fn poll_shutdown(&mut self, cx: &mut Context<'_>) -> Poll<Result<()>> {
        Pin::new(&mut self.0).poll_close(cx)
    }
}

impl<S: Reads> AsyncRead for Io<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut [u8],
    ) -> Poll<Result<usize>> {
        self.0.poll_read(cx, buffer)
    }
}

impl<S: Writes> AsyncWrite for Io<S> {
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
    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<()>> {
        self.0.poll_flush(cx)
    }
    fn poll_close(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<()>> {
        self.0.poll_shutdown(cx)
    }
}
