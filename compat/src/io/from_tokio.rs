//! `tokio::io`, in both directions.

use std::io::{IoSlice, Result};
use std::mem::MaybeUninit;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::{Io, Reads, Writes, write_trait};

/// A stream that has the traits of `tokio::io`; [`Io`] gives it the others.
///
/// # Examples
/// ```
/// use windlass_compat::{FromTokio, Io};
///
/// // hyper runs over this as it would over TLS.
/// fn wants_hyper_io(_: impl hyper::rt::Read + hyper::rt::Write) {}
/// let (client, _server) = tokio::io::duplex(1024);
/// wants_hyper_io(Io::new(FromTokio(client)));
/// ```
#[derive(Debug)]
pub struct FromTokio<T>(pub T);

impl<T: AsyncRead + Unpin> FromTokio<T> {
    fn fill(&mut self, cx: &mut Context<'_>, mut buffer: ReadBuf<'_>) -> Poll<Result<usize>> {
        let front = buffer.filled().as_ptr();
        ready!(Pin::new(&mut self.0).poll_read(cx, &mut buffer))?;
        // Rule 1. Safe code can put another buffer in the place of this one.
        assert_eq!(front, buffer.filled().as_ptr(), "the stream has exchanged the buffer");
        Poll::Ready(Ok(buffer.filled().len()))
    }
}

impl<T: AsyncRead + Unpin> Reads for FromTokio<T> {
    fn poll_read(&mut self, cx: &mut Context<'_>, buffer: &mut [u8]) -> Poll<Result<usize>> {
        self.fill(cx, ReadBuf::new(buffer))
    }
    fn poll_read_uninit(
        &mut self,
        cx: &mut Context<'_>,
        room: &mut [MaybeUninit<u8>],
    ) -> Poll<Result<usize>> {
        self.fill(cx, ReadBuf::uninit(room))
    }
}

impl<S: Reads> AsyncRead for Io<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<Result<()>> {
        // SAFETY: rules 1 and 2: the room goes to `poll_read_uninit` only, whose count is true.
        let count = unsafe {
            let count = ready!(self.0.poll_read_uninit(cx, buffer.unfilled_mut()))?;
            buffer.assume_init(count);
            count
        };
        buffer.advance(count);
        Poll::Ready(Ok(()))
    }
}

write_trait!(AsyncWrite, FromTokio);
