//! Whether a session is in a transaction, overheard on the way.
//!
//! The server says so after each answer, and the driver does not pass it on. A message of the server
//! is a letter, a length that counts itself, and as many bytes as are left of it. `Z` is "ready for a
//! query"; its one byte is `I` for idle, `T` in a transaction, `E` in a transaction that has failed.

use std::io::{IoSlice, Result};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// The letter and the length.
const HEAD: usize = 5;

/// What was heard last; clones are the same one.
#[derive(Clone, Debug, Default)]
pub(super) struct Status(Arc<AtomicBool>);

impl Status {
    pub(super) fn is_in_transaction(&self) -> bool {
        self.0.load(SeqCst)
    }
}

/// A way to a server on which its answers are listened to.
pub(super) struct Overheard<S> {
    way: S,
    status: Status,
    listener: Listener,
}

/// Knows where messages begin.
#[derive(Default)]
struct Listener {
    head: [u8; HEAD],
    /// How much of the head is there.
    filled: usize,
    /// What is still to come after the head.
    left: usize,
}

impl<S> Overheard<S> {
    pub(super) fn new(way: S) -> Self {
        Self { way, status: Status::default(), listener: Listener::default() }
    }

    pub(super) fn status(&self) -> Status {
        self.status.clone()
    }
}

impl Listener {
    /// Whether the session is in a transaction, if these bytes say so.
    fn hear(&mut self, mut bytes: &[u8]) -> Option<bool> {
        let mut heard = None;
        while !bytes.is_empty() {
            let (part, rest);
            if self.filled < HEAD {
                (part, rest) = bytes.split_at(bytes.len().min(HEAD - self.filled));
                self.head[self.filled..][..part.len()].copy_from_slice(part);
                self.filled += part.len();
                let [_, length @ ..] = self.head;
                self.left = (u32::from_be_bytes(length) as usize).saturating_sub(length.len());
            } else {
                (part, rest) = bytes.split_at(bytes.len().min(self.left));
                self.left -= part.len();
                if self.head[0] == b'Z' {
                    heard = part.last().map(|status| *status != b'I');
                }
            }
            if self.filled == HEAD && self.left == 0 {
                self.filled = 0;
            }
            bytes = rest;
        }
        heard
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Overheard<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<Result<()>> {
        let before = buffer.filled().len();
        ready!(Pin::new(&mut self.way).poll_read(cx, buffer))?;
        if let Some(is_in_transaction) = self.listener.hear(&buffer.filled()[before..]) {
            self.status.0.store(is_in_transaction, SeqCst);
        }
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Overheard<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        data: &[u8],
    ) -> Poll<Result<usize>> {
        Pin::new(&mut self.way).poll_write(cx, data)
    }
    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        pieces: &[IoSlice<'_>],
    ) -> Poll<Result<usize>> {
        Pin::new(&mut self.way).poll_write_vectored(cx, pieces)
    }
    fn is_write_vectored(&self) -> bool {
        self.way.is_write_vectored()
    }
    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<()>> {
        Pin::new(&mut self.way).poll_flush(cx)
    }
    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<()>> {
        Pin::new(&mut self.way).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use super::Listener;

    /// A row of 3 bytes with a `Z` in it, an empty message, and the two that count.
    const ANSWERS: &[u8] = b"D\0\0\0\x07Z\0ZI\0\0\0\x04Z\0\0\0\x05TC\0\0\0\x07abcZ\0\0\0\x05I";

    #[test]
    fn the_status_is_heard_however_the_bytes_are_cut() {
        for size in 1..=ANSWERS.len() {
            let mut listener = Listener::default();
            let heard: Vec<bool> =
                ANSWERS.chunks(size).filter_map(|part| listener.hear(part)).collect();
            assert_eq!(heard.last(), Some(&false), "in pieces of {size}");
            if size < 10 {
                assert_eq!(heard, [true, false], "in pieces of {size}");
            }
        }
    }
}
