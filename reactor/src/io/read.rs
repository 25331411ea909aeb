//! Reading a known amount, and reading everything.

use std::io::{self, ErrorKind};
use std::panic::Location;
use std::task::{Poll, ready};

use windlass_sync::error_words;

use super::{AsyncRead, at};

/// The smallest room [`read_to_end`] offers to a read.
const MIN_ROOM: usize = 4096;

/// The stream ended inside a [`read_exact`]. Inside an [`io::Error`] of kind `UnexpectedEof`.
///
/// # Examples
/// ```
#[doc = include_str!("../../doc/run.in")]
/// # use windlass_reactor::{io::{UnexpectedEof, read_exact}, net::UnixStream};
/// run(async {
///     let (sender, receiver) = UnixStream::pair()?;
///     sender.write_all(b"hello").await?;
///     drop(sender);
///     let error = read_exact(&receiver, &mut [0; 16]).await.unwrap_err();
///     assert_eq!(UnexpectedEof::of(&error), Some(UnexpectedEof { arrived: 5, wanted: 16 }));
///     io::Result::Ok(())
/// })?;
/// # io::Result::Ok(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UnexpectedEof {
    /// How many bytes had arrived. They are in the front of the buffer.
    pub arrived: usize,
    /// How many were wanted.
    pub wanted: usize,
}

impl UnexpectedEof {
    /// Looks for it in an error.
    pub fn of(error: &io::Error) -> Option<UnexpectedEof> {
        error.get_ref().and_then(|inner| inner.downcast_ref()).copied()
    }
}

error_words!(UnexpectedEof:
    UnexpectedEof { arrived, wanted } => "the stream ended after {arrived} of {wanted} bytes",
);

impl From<UnexpectedEof> for io::Error {
    fn from(error: UnexpectedEof) -> io::Error {
        io::Error::new(ErrorKind::UnexpectedEof, error)
    }
}

/// A stream was longer than [`read_to_end`] may read. Inside an [`io::Error`] of kind `InvalidData`.
///
/// # Examples
/// ```
#[doc = include_str!("../../doc/run.in")]
/// # use windlass_reactor::{io::{LimitExceeded, read_to_end}, net::UnixStream};
/// run(async {
///     let (sender, receiver) = UnixStream::pair()?;
///     sender.write_all(b"more than you want").await?;
///     let mut body = Vec::new();
///     let error = read_to_end(&receiver, &mut body, 4).await.unwrap_err();
///     assert!(error.get_ref().is_some_and(|inner| inner.is::<LimitExceeded>()));
///     assert_eq!(body, b"more");
///     io::Result::Ok(())
/// })?;
/// # io::Result::Ok(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LimitExceeded {
    /// The limit, in bytes. That many have been read.
    pub limit: usize,
}

error_words!(LimitExceeded: LimitExceeded { limit } => "the stream is longer than {limit} bytes");

impl From<LimitExceeded> for io::Error {
    fn from(error: LimitExceeded) -> io::Error {
        io::Error::new(ErrorKind::InvalidData, error)
    }
}

/// Fills `buffer`.
///
/// # Examples
/// ```
#[doc = include_str!("../../doc/run.in")]
/// # use windlass_reactor::{io::read_exact, net::UnixStream};
/// run(async {
///     let (sender, receiver) = UnixStream::pair()?;
///     sender.write_all(b"\x05hello").await?;
///     let mut length = [0];
///     read_exact(&receiver, &mut length).await?;
///     let mut text = vec![0; length[0].into()];
///     read_exact(&receiver, &mut text).await?;
///     assert_eq!(text, b"hello");
///     io::Result::Ok(())
/// })?;
/// # io::Result::Ok(())
/// ```
///
/// # Errors
/// [`UnexpectedEof`] if the stream ends before, and whatever the reads fail with.
///
/// # Cancel safety
/// Not safe: what a dropped `read_exact` has read is in the buffer, but how much is not known.
#[track_caller]
pub fn read_exact<R: AsyncRead>(
    mut reader: R,
    buffer: &mut [u8],
) -> impl Future<Output = io::Result<()>> + Unpin {
    let mut arrived = 0;
    at(Location::caller(), move |cx| {
        while arrived < buffer.len() {
            match ready!(reader.poll_read(cx, &mut buffer[arrived..]))? {
                0 => {
                    let error = UnexpectedEof { arrived, wanted: buffer.len() };
                    return Poll::Ready(Err(error.into()));
                }
                count => arrived += count,
            }
        }
        Poll::Ready(Ok(()))
    })
}

/// Appends everything up to the end of the stream to `buffer`, but at most `limit` bytes; returns
/// how many came. `usize::MAX` is no limit, which is for streams that you trust.
///
/// # Examples
/// ```
#[doc = include_str!("../../doc/run.in")]
/// # use windlass_reactor::{io::read_to_end, net::UnixStream};
/// run(async {
///     let (sender, receiver) = UnixStream::pair()?;
///     sender.write_all(b"all there is").await?;
///     drop(sender);
///     let mut body = Vec::new();
///     assert_eq!(read_to_end(&receiver, &mut body, 1 << 20).await?, 12);
///     assert_eq!(body, b"all there is");
///     io::Result::Ok(())
/// })?;
/// # io::Result::Ok(())
/// ```
///
/// # Errors
/// [`LimitExceeded`], and whatever the reads fail with. What came before is in the buffer.
///
/// # Cancel safety
/// What a dropped `read_to_end` has read is in the buffer; a new one goes on from there.
#[track_caller]
pub fn read_to_end<R: AsyncRead>(
    mut reader: R,
    buffer: &mut Vec<u8>,
    limit: usize,
) -> impl Future<Output = io::Result<usize>> + Unpin {
    let before = buffer.len();
    at(Location::caller(), move |cx| {
        loop {
            if buffer.len() - before > limit {
                buffer.truncate(before + limit);
                return Poll::Ready(Err(LimitExceeded { limit }.into()));
            }
            if buffer.capacity() == buffer.len() {
                buffer.reserve(MIN_ROOM); // doubles, once that is more
            }
            if ready!(reader.poll_read_append(cx, buffer))? == 0 {
                return Poll::Ready(Ok(buffer.len() - before));
            }
        }
    })
}
