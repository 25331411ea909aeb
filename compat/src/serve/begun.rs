//! The first bytes of a connection, which tell its protocol.

use std::future::poll_fn;
use std::io::{IoSlice, Result};
use std::ops::Range;
use std::pin::Pin;
use std::task::{Context, Poll};

use hyper::rt::{Read, ReadBufCursor, Write};
use windlass::io::AsyncRead;

use crate::io::{Io, Reads, Writes};

/// What a client of HTTP/2 sends first. No request of HTTP/1 begins so: the method is reserved.
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// A stream whose first bytes were looked at, and are read from it all the same.
///
/// # Implementation
/// They are taken and given out again. To peek at them is no way: a peek that finds `P` cannot wait
/// for what follows, because the stream stays readable, and it never comes to see the end.
pub(super) struct Begun<T> {
    stream: Io<T>,
    /// What was taken.
    front: [u8; PREFACE.len()],
    /// Where in `front` that is which hyper has not read yet.
    left: Range<usize>,
}

impl<T: Reads> Begun<T> {
    pub(super) fn new(stream: T) -> Begun<T> {
        Begun { stream: Io::new(stream), front: [0; PREFACE.len()], left: 0..0 }
    }

    /// Whether the client begins as one of HTTP/2 does; called once, before anything is read. One
    /// that ends its stream before that is clear does not, and hyper finds the same end.
    pub(super) async fn speaks_http2(&mut self) -> Result<bool> {
        loop {
            let room = &mut self.front[self.left.end..];
            let count = poll_fn(|cx| AsyncRead::poll_read(&mut self.stream, cx, room)).await?;
            self.left.end += count;
            let is_like_it = count > 0 && PREFACE.starts_with(&self.front[self.left.clone()]);
            if !is_like_it || self.left.end == PREFACE.len() {
                return Ok(is_like_it);
            }
        }
    }
}

impl<T: Reads> Read for Begun<T> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        mut buffer: ReadBufCursor<'_>,
    ) -> Poll<Result<()>> {
        if self.left.is_empty() {
            return Pin::new(&mut self.stream).poll_read(cx, buffer);
        }
        let count = self.left.len().min(buffer.remaining());
        buffer.put_slice(&self.front[self.left.clone()][..count]);
        self.left.start += count;
        Poll::Ready(Ok(()))
    }
}

impl<T: Writes> Write for Begun<T> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        data: &[u8],
    ) -> Poll<Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, data)
    }
    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        pieces: &[IoSlice<'_>],
    ) -> Poll<Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(cx, pieces)
    }
    fn is_write_vectored(&self) -> bool {
        Write::is_write_vectored(&self.stream)
    }
    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }
    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
