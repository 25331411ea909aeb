//! `Io` and its adapters: every family over every other, nothing filled with zeros, pieces kept apart.

use std::io::IoSlice;
use std::mem::MaybeUninit;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::task::{Context, Poll};

use tokio::io::{AsyncReadExt, AsyncWriteExt, ReadBuf};
use windlass::net::{TcpListener, TcpStream, UnixStream};
use windlass_compat::{FromFutures, FromHyper, FromTokio, Io};

/// A stream of tokio's family that counts how it is used.
struct Counting<S> {
    stream: S,
    pieces: Arc<AtomicUsize>,
}

impl<S: tokio::io::AsyncRead + Unpin> tokio::io::AsyncRead for Counting<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buffer)
    }
}

impl<S: tokio::io::AsyncWrite + Unpin> tokio::io::AsyncWrite for Counting<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        data: &[u8],
    ) -> Poll<std::io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, data)
    }
    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        pieces: &[IoSlice<'_>],
    ) -> Poll<std::io::Result<usize>> {
        self.pieces.fetch_max(pieces.len(), Relaxed);
        Pin::new(&mut self.stream).poll_write_vectored(cx, pieces)
    }
    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }
    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

async fn pair() -> (TcpStream, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let one = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
    (one, listener.accept().await.unwrap().0)
}

/// One read of tokio's family.
async fn read(stream: &mut (impl tokio::io::AsyncRead + Unpin), buffer: &mut ReadBuf<'_>) {
    std::future::poll_fn(|cx| Pin::new(&mut *stream).poll_read(cx, buffer)).await.unwrap();
}

/// Sends more than any buffer holds, there and back, and the end of the stream with it.
async fn echoes<A, B>(one: A, mut other: B)
where
    A: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin + Send + 'static,
    B: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin + Send + 'static,
{
    let data: Vec<u8> = (0..1_000_000_u32).map(|n| (n % 251) as u8).collect();
    let echo = windlass::spawn(async move {
        let mut all = Vec::new();
        other.read_to_end(&mut all).await.unwrap();
        other.write_all(&all).await.unwrap();
        other.shutdown().await.unwrap();
    });
    let (mut read, mut write) = tokio::io::split(one);
    write.write_all(&data).await.unwrap();
    write.shutdown().await.unwrap();
    let mut back = Vec::new();
    read.read_to_end(&mut back).await.unwrap();
    echo.await.unwrap();
    assert!(back == data);
}

#[windlass::test]
async fn tokio_io_goes_over_our_streams() {
    let (one, other) = pair().await;
    echoes(Io::new(one), Io::new(other)).await;
    let (one, other) = UnixStream::pair().unwrap();
    echoes(Io::new(one), Io::new(other)).await;
}

#[windlass::test]
async fn tokio_io_goes_over_a_stream_of_futures() {
    let (one, other) = UnixStream::pair().unwrap();
    // `Io` has the traits of futures, and is taken here for a stream that has no others.
    echoes(Io::new(FromFutures(Io::new(one))), Io::new(other)).await;
}

#[windlass::test]
async fn tokio_io_goes_over_a_stream_of_hyper() {
    let (one, other) = UnixStream::pair().unwrap();
    echoes(Io::new(FromHyper(Io::new(one))), Io::new(other)).await;
}

#[windlass::test]
async fn hyper_goes_over_a_stream_of_tokio() {
    let (one, other) = UnixStream::pair().unwrap();
    echoes(Io::new(FromHyper(Io::new(FromTokio(Io::new(one))))), Io::new(other)).await;
}

#[windlass::test]
async fn futures_io_goes_over_a_stream_of_hyper() {
    use futures_util::io::{AsyncReadExt, AsyncWriteExt};
    let (one, other) = UnixStream::pair().unwrap();
    let mut one = Io::new(FromHyper(Io::new(one)));
    AsyncWriteExt::write_all(&mut one, b"hello").await.unwrap();
    AsyncWriteExt::close(&mut one).await.unwrap();
    let mut text = String::new();
    AsyncReadExt::read_to_string(&mut Io::new(other), &mut text).await.unwrap();
    assert_eq!(text, "hello");
}

#[windlass::test]
async fn windlass_helpers_go_over_a_stream_of_tokio() {
    let (one, other) = tokio::io::duplex(64);
    windlass::io::write_all(&mut Io::new(FromTokio(one)), b"one\ntwo\n").await.unwrap();
    let mut lines = windlass::io::LineReader::new(Io::new(FromTokio(other)), 100);
    assert_eq!(lines.next_line().await.unwrap().as_deref(), Some("one"));
    assert_eq!(lines.next_line().await.unwrap().as_deref(), Some("two"));
}

#[windlass::test]
async fn owned_halves_read_and_write_in_two_tasks() {
    let (one, other) = pair().await;
    let (read, write) = one.into_split();
    let writing = windlass::spawn(async move {
        let mut write = Io::new(write);
        write.write_all(b"there").await.unwrap();
        write.shutdown().await.unwrap();
    });
    let mut other = Io::new(other);
    let mut text = String::new();
    other.read_to_string(&mut text).await.unwrap();
    other.write_all(b" and back").await.unwrap();
    drop(other);
    Io::new(read).read_to_string(&mut text).await.unwrap();
    writing.await.unwrap();
    assert_eq!(text, "there and back");
}

#[windlass::test]
async fn a_read_fills_nothing_with_zeros() {
    let (one, other) = UnixStream::pair().unwrap();
    let mut direct = Io::new(one);
    for way in ["direct", "through three adapters"] {
        other.write_all(b"hello").await.unwrap();
        let mut poisoned = [0xAA; 64];
        let mut buffer = ReadBuf::new(&mut poisoned);
        if way == "direct" {
            read(&mut direct, &mut buffer).await;
        } else {
            read(&mut Io::new(FromHyper(Io::new(FromTokio(&mut direct)))), &mut buffer).await;
        }
        assert_eq!(buffer.filled(), b"hello", "{way}");
        assert_eq!(poisoned[5..], [0xAA; 59], "{way}");
    }
}

#[windlass::test]
async fn only_what_arrived_counts_as_initialised() {
    let (one, other) = UnixStream::pair().unwrap();
    other.write_all(b"hello").await.unwrap();
    let mut room = [MaybeUninit::uninit(); 64];
    let mut buffer = ReadBuf::uninit(&mut room);
    read(&mut Io::new(one), &mut buffer).await;
    assert_eq!((buffer.filled(), buffer.initialized().len()), (&b"hello"[..], 5));
}

#[windlass::test]
async fn a_stream_of_futures_fills_no_more_than_a_chunk() {
    let (one, other) = UnixStream::pair().unwrap();
    let writing = windlass::spawn(async move { other.write_all(&[7; 100_000]).await.unwrap() });
    let mut one = Io::new(FromFutures(Io::new(one)));
    let mut room = vec![MaybeUninit::uninit(); 1 << 20];
    let mut total = 0;
    while total < 100_000 {
        let mut buffer = ReadBuf::uninit(&mut room);
        read(&mut one, &mut buffer).await;
        assert!(buffer.filled().iter().all(|byte| *byte == 7));
        assert!((1..=16 * 1024).contains(&buffer.filled().len()));
        assert_eq!(buffer.initialized().len(), buffer.filled().len());
        total += buffer.filled().len();
    }
    writing.await.unwrap();
}

/// Answers a read with another buffer than it was given.
struct Exchanging;

impl tokio::io::AsyncRead for Exchanging {
    fn poll_read(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<std::io::Result<()>> {
        *buffer = ReadBuf::new(Box::leak(Box::new([1; 8])));
        buffer.advance(8);
        Poll::Ready(Ok(()))
    }
}

#[test]
#[should_panic(expected = "the stream has exchanged the buffer")]
fn a_stream_that_exchanges_the_buffer_is_found_out() {
    windlass::run(async {
        let mut room = [MaybeUninit::uninit(); 64];
        read(&mut Io::new(FromTokio(Exchanging)), &mut ReadBuf::uninit(&mut room)).await;
    });
}

#[windlass::test]
async fn several_pieces_stay_one_write_through_all_adapters() {
    let pieces = Arc::new(AtomicUsize::new(0));
    let (one, other) = UnixStream::pair().unwrap();
    let counting = Counting { stream: Io::new(one), pieces: pieces.clone() };
    let mut stream = Io::new(FromHyper(Io::new(FromTokio(counting))));
    assert!(tokio::io::AsyncWrite::is_write_vectored(&stream));
    let slices = [IoSlice::new(b"one "), IoSlice::new(b"two "), IoSlice::new(b"three")];
    assert_eq!(AsyncWriteExt::write_vectored(&mut stream, &slices).await.unwrap(), 13);
    drop(stream);
    let mut text = String::new();
    Io::new(other).read_to_string(&mut text).await.unwrap();
    assert_eq!((text.as_str(), pieces.load(Relaxed)), ("one two three", 3));
}

#[test]
fn a_stream_that_writes_one_piece_at_a_time_says_so() {
    let cursor = futures_util::io::Cursor::new(Vec::new());
    assert!(!tokio::io::AsyncWrite::is_write_vectored(&Io::new(FromFutures(cursor))));
}

#[windlass::test]
async fn the_stream_comes_back_out() {
    let (one, other) = UnixStream::pair().unwrap();
    let io = Io::new(one);
    assert!(io.get_ref().peer_addr().is_ok());
    assert!(format!("{io:?}").contains("UnixStream"));
    io.into_inner().write_all(b"x").await.unwrap();
    assert_eq!(other.read(&mut [0; 8]).await.unwrap(), 1);
}
