//! Writing everything.

use std::io::{self, ErrorKind, IoSlice};
use std::panic::Location;
use std::task::{Poll, ready};

use super::{AsyncWrite, at};

/// Writes all of `data`.
///
/// # Examples
/// ```
#[doc = include_str!("../../doc/run.in")]
/// # use windlass_reactor::{io::write_all, net::UnixStream};
/// run(async {
///     let (stream, peer) = UnixStream::pair()?;
///     write_all(&stream, b"hello").await?; // a `write` may take a part only
///     let mut text = [0; 5];
///     peer.read_exact(&mut text).await?;
///     assert_eq!(&text, b"hello");
///     io::Result::Ok(())
/// })?;
/// # io::Result::Ok(())
/// ```
///
/// # Errors
/// `WriteZero` if the writer takes no more, and whatever the writes fail with.
///
/// # Cancel safety
/// Not safe: a dropped `write_all` may have written a part.
#[track_caller]
pub fn write_all<W: AsyncWrite>(
    mut writer: W,
    data: &[u8],
) -> impl Future<Output = io::Result<()>> + Unpin {
    let mut rest = data;
    at(Location::caller(), move |cx| {
        while !rest.is_empty() {
            match ready!(writer.poll_write(cx, rest))? {
                0 => return Poll::Ready(Err(ErrorKind::WriteZero.into())),
                count => rest = &rest[count..],
            }
        }
        Poll::Ready(Ok(()))
    })
}

/// Writes all of several pieces, in few system calls: a header and its body go out as one packet.
///
/// The pieces are used up: afterwards they are empty.
///
/// # Examples
/// ```
#[doc = include_str!("../../doc/run.in")]
/// # use std::io::IoSlice;
/// # use windlass_reactor::{io::write_all_vectored, net::UnixStream};
/// run(async {
///     let (stream, peer) = UnixStream::pair()?;
///     let mut pieces = [IoSlice::new(b"head, "), IoSlice::new(b"body")];
///     write_all_vectored(&stream, &mut pieces).await?;
///     let mut text = [0; 10];
///     peer.read_exact(&mut text).await?;
///     assert_eq!(&text, b"head, body");
///     io::Result::Ok(())
/// })?;
/// # io::Result::Ok(())
/// ```
///
/// # Errors
/// As [`write_all`].
///
/// # Cancel safety
/// A dropped one may have written a part; the pieces are what is left.
#[track_caller]
pub fn write_all_vectored<'a, W: AsyncWrite>(
    mut writer: W,
    pieces: &'a mut [IoSlice<'a>],
) -> impl Future<Output = io::Result<()>> + Unpin {
    let mut rest = pieces;
    at(Location::caller(), move |cx| {
        IoSlice::advance_slices(&mut rest, 0); // drops empty pieces from the front
        while !rest.is_empty() {
            match ready!(writer.poll_write_vectored(cx, rest))? {
                0 => return Poll::Ready(Err(ErrorKind::WriteZero.into())),
                count => IoSlice::advance_slices(&mut rest, count),
            }
        }
        Poll::Ready(Ok(()))
    })
}
