//! `hyper::rt`, in both directions.

use std::io::{IoSlice, Result};
use std::mem::MaybeUninit;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use hyper::rt::{Read, ReadBuf, ReadBufCursor, Write};

use super::{Io, Reads, Writes, write_trait};

/// A stream that has the traits of `hyper::rt`; [`Io`] gives it the others.
///
/// Most of all that is [`hyper::upgrade::Upgraded`], over which a WebSocket library shall run.
///
/// # Examples
/// ```
/// use hyper::upgrade::Upgraded;
/// use windlass_compat::{FromHyper, Io};
///
/// // What goes in here may be given to tokio-websockets or async-tungstenite.
/// fn for_websocket(upgraded: Upgraded) -> impl tokio::io::AsyncRead + futures_io::AsyncWrite {
///     Io::new(FromHyper(upgraded))
/// }
/// ```
#[derive(Debug)]
pub struct FromHyper<T>(pub T);

impl<T: Read + Unpin> FromHyper<T> {
    fn fill(&mut self, cx: &mut Context<'_>, mut buffer: ReadBuf<'_>) -> Poll<Result<usize>> {
        ready!(Pin::new(&mut self.0).poll_read(cx, buffer.unfilled()))?;
        Poll::Ready(Ok(buffer.filled().len()))
    }
}

impl<T: Read + Unpin> Reads for FromHyper<T> {
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

impl<S: Reads> Read for Io<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        mut buffer: ReadBufCursor<'_>,
    ) -> Poll<Result<()>> {
        // SAFETY: rules 1 and 2: the room goes to `poll_read_uninit` only, whose count is true.
        unsafe {
            let count = ready!(self.0.poll_read_uninit(cx, buffer.as_mut()))?;
            buffer.advance(count);
        }
        Poll::Ready(Ok(()))
    }
}

write_trait!(Write, FromHyper);
