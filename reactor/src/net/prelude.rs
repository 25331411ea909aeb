//! The names that the files of the sockets need, and the macros that are expanded in them.

pub(super) use std::fmt;
pub(super) use std::io::ErrorKind::WriteZero;
pub(super) use std::io::{self, IoSlice};
pub(super) use std::mem::MaybeUninit;
pub(super) use std::net::Shutdown;
pub(super) use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};
pub(super) use std::panic::Location;
pub(super) use std::task::{Context, Poll};

pub(super) use super::IoFuture;
pub(super) use super::halves::{self, OwnedReadHalf, OwnedWriteHalf, ReadHalf, WriteHalf};
pub(super) use super::listener::{is_about_the_connection, is_exhaustion};
pub(super) use super::socket::*;
pub(super) use crate::error::on_address;
pub(super) use crate::handle::Handle;
pub(super) use crate::io::{AsyncRead, AsyncWrite, UnexpectedEof};
pub(super) use crate::readiness::Direction::{Read, Write};
pub(super) use crate::readiness::Edge;
pub(super) use crate::registration::Done;
