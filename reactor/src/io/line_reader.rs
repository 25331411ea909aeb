//! Lines out of a stream, none longer than a limit.

use std::io::{self, ErrorKind};
use std::panic::Location;
use std::task::{Context, Poll, ready};

use windlass_sync::error_words;

use super::{AsyncRead, at};

/// Room for one read.
const CHUNK: usize = 4096;

/// A line was longer than allowed. Inside an [`io::Error`] of kind `InvalidData`.
///
/// # Examples
/// ```
#[doc = include_str!("../../doc/run.in")]
/// # use windlass_reactor::{io::{LineReader, LineTooLong}, net::UnixStream};
/// run(async {
///     let (client, server) = UnixStream::pair()?;
///     client.write_all(b"far too long for this\n").await?;
///     let error = LineReader::new(&server, 8).next_line().await.unwrap_err();
///     let inner = error.get_ref().and_then(|inner| inner.downcast_ref());
///     assert_eq!(inner, Some(&LineTooLong { limit: 8 }));
///     io::Result::Ok(())
/// })?;
/// # io::Result::Ok(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LineTooLong {
    /// The limit, in bytes without the line's end.
    pub limit: usize,
}

error_words!(LineTooLong: LineTooLong { limit } => "a line is longer than {limit} bytes");

/// Reads a stream line by line, and what follows the lines as it is.
///
/// Use it for text protocols: take the head with [`next_line`](Self::next_line), then read the body
/// from the `LineReader` itself, which first gives out what it has read ahead.
///
/// # Examples
/// ```
#[doc = include_str!("../../doc/run.in")]
/// # use windlass_reactor::{io::LineReader, net::UnixStream};
/// run(async {
///     let (client, server) = UnixStream::pair()?;
///     client.write_all(b"POST / HTTP/1.1\r\nContent-Length: 4\r\n\r\nbody").await?;
///     let mut request = LineReader::new(&server, 8_192);
///     assert_eq!(request.next_line().await?.as_deref(), Some("POST / HTTP/1.1"));
///     while request.next_line().await?.is_some_and(|line| !line.is_empty()) {}
///     let mut body = [0; 4];
///     windlass_reactor::io::read_exact(&mut request, &mut body).await?;
///     assert_eq!(&body, b"body");
///     io::Result::Ok(())
/// })?;
/// # io::Result::Ok(())
/// ```
#[derive(Debug)]
pub struct LineReader<R> {
    reader: R,
    /// Longest line, without its end.
    limit: usize,
    /// What has been read ahead, from `begin` on.
    buffer: Vec<u8>,
    begin: usize,
    /// Up to here there is no line feed.
    searched: usize,
    /// The stream has ended.
    ended: bool,
}

impl<R: AsyncRead> LineReader<R> {
    /// Reads lines of at most `limit` bytes.
    pub fn new(reader: R, limit: usize) -> LineReader<R> {
        LineReader { reader, limit, buffer: Vec::new(), begin: 0, searched: 0, ended: false }
    }

    /// The next line, without its line feed, nor the carriage return before that; `None` at the end
    /// of the stream. A last line that has no line feed is delivered as well.
    ///
    /// # Errors
    /// [`LineTooLong`], and from then on each call fails so: who reads on would take the rest of
    /// that line for a line. `InvalidData` if it is not UTF-8. Whatever the reads fail with.
    ///
    /// # Cancel safety
    /// A dropped `next_line` has lost nothing.
    #[track_caller]
    pub fn next_line(&mut self) -> impl Future<Output = io::Result<Option<String>>> + Unpin {
        at(Location::caller(), move |cx| self.poll_next_line(cx))
    }

    /// As [`next_line`](Self::next_line), for implementors of other poll functions.
    pub fn poll_next_line(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<Option<String>>> {
        loop {
            let feed = self.buffer[self.searched..].iter().position(|&byte| byte == b'\n');
            if let Some(offset) = feed {
                let end = self.searched + offset;
                return Poll::Ready(self.take_line(end, end + 1));
            }
            self.searched = self.buffer.len();
            // One more than the limit may be the carriage return of a line just long enough.
            if self.searched - self.begin > self.limit.saturating_add(1) {
                return Poll::Ready(Err(self.too_long()));
            }
            if self.ended {
                return Poll::Ready(if self.begin == self.searched {
                    Ok(None)
                } else {
                    self.take_line(self.searched, self.searched)
                });
            }
            ready!(self.poll_fill(cx))?;
        }
    }

    /// The stream, and what has been read of it ahead.
    pub fn into_parts(mut self) -> (R, Vec<u8>) {
        self.buffer.drain(..self.begin);
        (self.reader, self.buffer)
    }

    /// The stream.
    pub fn get_ref(&self) -> &R {
        &self.reader
    }

    /// The stream, to write to it for example. What is read from it directly overtakes what has
    /// been read ahead.
    pub fn get_mut(&mut self) -> &mut R {
        &mut self.reader
    }

    fn take_line(&mut self, end: usize, next: usize) -> io::Result<Option<String>> {
        let line = &self.buffer[self.begin..end];
        // Only a line feed makes a carriage return part of the line's end.
        let line = if next > end { line.strip_suffix(b"\r").unwrap_or(line) } else { line };
        if line.len() > self.limit {
            return Err(self.too_long());
        }
        let text = std::str::from_utf8(line).map(str::to_owned);
        self.begin = next;
        self.searched = next;
        text.map(Some).map_err(|error| io::Error::new(ErrorKind::InvalidData, error))
    }

    fn too_long(&self) -> io::Error {
        io::Error::new(ErrorKind::InvalidData, LineTooLong { limit: self.limit })
    }

    fn poll_fill(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.buffer.drain(..self.begin);
        self.searched -= self.begin;
        self.begin = 0;
        self.buffer.reserve(CHUNK);
        if ready!(self.reader.poll_read_append(cx, &mut self.buffer))? == 0 {
            self.ended = true;
        }
        Poll::Ready(Ok(()))
    }
}

impl<R: AsyncRead> AsyncRead for LineReader<R> {
    fn poll_read(&mut self, cx: &mut Context<'_>, buffer: &mut [u8]) -> Poll<io::Result<usize>> {
        let ahead = &self.buffer[self.begin..];
        if ahead.is_empty() {
            return self.reader.poll_read(cx, buffer);
        }
        let count = ahead.len().min(buffer.len());
        buffer[..count].copy_from_slice(&ahead[..count]);
        self.begin += count;
        self.searched = self.searched.max(self.begin);
        Poll::Ready(Ok(count))
    }

    fn poll_read_append(
        &mut self,
        cx: &mut Context<'_>,
        buffer: &mut Vec<u8>,
    ) -> Poll<io::Result<usize>> {
        let ahead = &self.buffer[self.begin..];
        if ahead.is_empty() {
            return self.reader.poll_read_append(cx, buffer);
        }
        let count = ahead.len().min(buffer.capacity() - buffer.len());
        buffer.extend_from_slice(&ahead[..count]);
        self.begin += count;
        self.searched = self.searched.max(self.begin);
        Poll::Ready(Ok(count))
    }
}
