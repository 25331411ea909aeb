//! From one stream into another, and both ways at once.

use std::io::{self, ErrorKind};
use std::panic::Location;
use std::task::{Context, Poll, ready};

use super::{AsyncRead, AsyncWrite, at};

/// What is moved at a time. Large enough that two system calls are little against the bytes, small
/// enough for thousands of connections.
const CHUNK: usize = 16 * 1024;

/// Copies everything to the end of `reader` into `writer`, and flushes it; returns how many bytes.
///
/// It also flushes whenever the reader has nothing more for now, so that a writer that buffers does
/// not hold back what the other end waits for.
///
/// # Examples
/// ```
#[doc = include_str!("../../doc/run.in")]
/// # use windlass_reactor::{io::copy, net::UnixStream};
/// run(async {
///     let (sender, reader) = UnixStream::pair()?;
///     let (writer, receiver) = UnixStream::pair()?;
///     sender.write_all(b"hello").await?;
///     drop(sender); // so that there is an end
///     assert_eq!(copy(&reader, &writer).await?, 5);
///     assert_eq!(receiver.read(&mut [0; 16]).await?, 5);
///     io::Result::Ok(())
/// })?;
/// # io::Result::Ok(())
/// ```
///
/// # Errors
/// Whatever the reads, writes and flushes fail with.
///
/// # Cancel safety
/// Not safe: what a dropped `copy` has read and not yet written is lost. What it has written and not
/// yet flushed is where the writer keeps it.
#[track_caller]
pub fn copy<R: AsyncRead, W: AsyncWrite>(
    mut reader: R,
    mut writer: W,
) -> impl Future<Output = io::Result<u64>> + Unpin {
    let mut transfer = Transfer::new();
    at(Location::caller(), move |cx| transfer.poll(cx, &mut reader, &mut writer))
}

/// Copies both ways until both streams have ended; returns the bytes from `a` to `b`, and back.
///
/// When one stream ends, the writing side of the other is shut down, so that a half-closed
/// connection passes through a proxy as one. Streams that buffer are flushed before that, and
/// whenever the other one has nothing more for now, as [`copy`] does it.
///
/// # Examples
/// ```
#[doc = include_str!("../../doc/run.in")]
/// # use std::net::Shutdown;
/// # use windlass_reactor::{io::copy_bidirectional, net::UnixStream};
/// run(async {
///     let (client, inside) = UnixStream::pair()?;
///     let (outside, server) = UnixStream::pair()?;
///     client.write_all(b"question").await?;
///     server.write_all(b"answer").await?;
///     client.shutdown(Shutdown::Write)?;
///     server.shutdown(Shutdown::Write)?;
///     assert_eq!(copy_bidirectional(&inside, &outside).await?, (8, 6)); // a proxy
///     client.read_exact(&mut [0; 6]).await?;
///     io::Result::Ok(())
/// })?;
/// # io::Result::Ok(())
/// ```
///
/// # Errors
/// The first that either way fails with; the other way is given up.
///
/// # Cancel safety
/// Not safe: what has been read and not yet written is lost, as with [`copy`].
#[track_caller]
pub fn copy_bidirectional<A, B>(
    mut a: A,
    mut b: B,
) -> impl Future<Output = io::Result<(u64, u64)>> + Unpin
where
    A: AsyncRead + AsyncWrite,
    B: AsyncRead + AsyncWrite,
{
    let mut there = OneWay::Moving(Transfer::new());
    let mut back = OneWay::Moving(Transfer::new());
    at(Location::caller(), move |cx| {
        let there = there.poll(cx, &mut a, &mut b)?;
        let back = back.poll(cx, &mut b, &mut a)?;
        Poll::Ready(Ok((ready!(there), ready!(back))))
    })
}

/// The bytes between a read and the write of them.
#[derive(Debug)]
struct Transfer {
    buffer: Vec<u8>,
    written: usize,
    total: u64,
    /// Whether something was written since the last flush.
    unflushed: bool,
    /// Whether the reader has ended; it is not read again.
    ended: bool,
}

impl Transfer {
    fn new() -> Transfer {
        Transfer { buffer: Vec::new(), written: 0, total: 0, unflushed: false, ended: false }
    }

    /// Moves what there is. Ready at the end of the reader, when everything is written and flushed.
    fn poll(
        &mut self,
        cx: &mut Context<'_>,
        reader: &mut impl AsyncRead,
        writer: &mut impl AsyncWrite,
    ) -> Poll<io::Result<u64>> {
        while !self.ended {
            while self.written < self.buffer.len() {
                match ready!(writer.poll_write(cx, &self.buffer[self.written..]))? {
                    0 => return Poll::Ready(Err(ErrorKind::WriteZero.into())),
                    count => self.written += count,
                }
                self.unflushed = true;
            }
            self.total += self.written as u64;
            self.written = 0;
            self.buffer.clear();
            self.buffer.reserve(CHUNK);
            match reader.poll_read_append(cx, &mut self.buffer)? {
                Poll::Ready(count) => self.ended = count == 0,
                Poll::Pending => {
                    // A pending flush holds up nothing: the next poll reads and writes first.
                    if self.unflushed {
                        ready!(writer.poll_flush(cx))?;
                        self.unflushed = false;
                    }
                    return Poll::Pending;
                }
            }
        }
        // In any case: the writer may keep bytes from before.
        writer.poll_flush(cx).map_ok(|()| self.total)
    }
}

/// One way of two.
#[derive(Debug)]
enum OneWay {
    Moving(Transfer),
    /// All is written; the end is being passed on.
    Ending(u64),
    Done(u64),
}

impl OneWay {
    fn poll(
        &mut self,
        cx: &mut Context<'_>,
        reader: &mut impl AsyncRead,
        writer: &mut impl AsyncWrite,
    ) -> Poll<io::Result<u64>> {
        loop {
            *self = match self {
                OneWay::Moving(transfer) => {
                    OneWay::Ending(ready!(transfer.poll(cx, reader, writer))?)
                }
                OneWay::Ending(total) => {
                    ready!(writer.poll_shutdown(cx))?;
                    OneWay::Done(*total)
                }
                OneWay::Done(total) => return Poll::Ready(Ok(*total)),
            }
        }
    }
}
