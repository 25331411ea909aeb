//! Writing everything.

use std::future::Future;
use std::io::{self, ErrorKind, IoSlice};
use std::panic::Location;
use std::task::{Poll, ready};

use super::{AsyncWrite, at};

/// Writes all of `data`.
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
