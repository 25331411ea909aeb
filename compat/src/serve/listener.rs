//! The listeners that can be served on.

use std::io::Result;
use std::task::{Context, Poll};

use windlass::net::{TcpListener, TcpStream, UnixListener, UnixStream};

use crate::io::{Reads, Writes};

/// [`TcpListener`] or [`UnixListener`].
pub trait Listener: Send + Sync + 'static {
    /// What it accepts.
    type Stream: Reads + Writes + Send + 'static;

    /// A stream, and the name of its peer.
    fn poll_accept(&self, cx: &mut Context<'_>) -> Poll<Result<(Self::Stream, String)>>;
}

impl Listener for TcpListener {
    type Stream = TcpStream;

    fn poll_accept(&self, cx: &mut Context<'_>) -> Poll<Result<(TcpStream, String)>> {
        self.poll_accept(cx).map_ok(|(stream, peer)| {
            // A reply is written when it is complete. It fails only if the peer has gone.
            let _ = stream.set_nodelay(true);
            (stream, peer.to_string())
        })
    }
}

impl Listener for UnixListener {
    type Stream = UnixStream;

    fn poll_accept(&self, cx: &mut Context<'_>) -> Poll<Result<(UnixStream, String)>> {
        self.poll_accept(cx).map_ok(|(stream, peer)| (stream, format!("{peer:?}")))
    }
}
