//! The helpers for streams.

use std::io::{ErrorKind, IoSlice};
use std::net::Shutdown;
use std::task::{Context, Poll};

use windlass_reactor::io::{
    AsyncRead, LineReader, LineTooLong, UnexpectedEof, copy, copy_bidirectional, read_exact,
    read_to_end, write_all_vectored,
};
use windlass_reactor::net::UnixStream;

use super::kit::{connection, drive, drive_both, reactor, turn_until};
use crate::kit::Hand;

/// A reader of what is given, in pieces of a size, that waits before each piece.
struct Pieces {
    data: Vec<u8>,
    size: usize,
    waited: bool,
}

impl Pieces {
    fn new(data: &[u8], size: usize) -> Pieces {
        Pieces { data: data.to_vec(), size, waited: false }
    }
}

impl AsyncRead for Pieces {
    fn poll_read(
        &mut self,
        cx: &mut Context<'_>,
        buffer: &mut [u8],
    ) -> Poll<std::io::Result<usize>> {
        self.waited = !self.waited;
        if self.waited {
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        let count = self.size.min(self.data.len()).min(buffer.len());
        buffer[..count].copy_from_slice(&self.data[..count]);
        self.data.drain(..count);
        Poll::Ready(Ok(count))
    }
}

/// Polls until ready, without a reactor.
fn run<F: Future>(future: F) -> F::Output {
    let mut hand = Hand::new(future);
    loop {
        if let Poll::Ready(output) = hand.poll() {
            return output;
        }
    }
}

// SRV-14
#[test]
fn the_end_inside_an_exact_read_says_how_much_arrived() {
    let mut buffer = [0; 10];
    let error = run(read_exact(Pieces::new(b"1234567", 3), &mut buffer)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::UnexpectedEof);
    assert_eq!(UnexpectedEof::of(&error), Some(UnexpectedEof { arrived: 7, wanted: 10 }));
    assert_eq!(&buffer[..7], b"1234567");
}

// SRV-16
#[test]
fn a_body_cut_short_is_an_error_of_its_reader_only() {
    let (mut reactor, _here) = reactor();
    let (client, server) = connection(&mut reactor);
    let (next_client, next_server) = connection(&mut reactor);
    drive(&mut reactor, client.write_all(b"half")).unwrap();
    drop(client);
    let error = drive(&mut reactor, server.read_exact(&mut [0; 8])).unwrap_err();
    assert_eq!(UnexpectedEof::of(&error).unwrap().arrived, 4);
    drive(&mut reactor, next_client.write_all(b"whole")).unwrap();
    drive(&mut reactor, next_server.read_exact(&mut [0; 5])).unwrap();
}

#[test]
fn reading_to_the_end_appends_everything() {
    let text: Vec<u8> = (0..20_000_u32).map(|n| n as u8).collect();
    let mut buffer = b"before".to_vec();
    let count = run(read_to_end(Pieces::new(&text, 777), &mut buffer, usize::MAX)).unwrap();
    assert_eq!(count, text.len());
    assert_eq!(&buffer[6..], text);
}

#[test]
fn reading_to_the_end_stops_at_its_limit() {
    let mut buffer = Vec::new();
    assert_eq!(run(read_to_end(Pieces::new(&[1; 100], 9), &mut buffer, 100)).unwrap(), 100);
    let mut buffer = Vec::new();
    let error = run(read_to_end(Pieces::new(&[1; 101], 9), &mut buffer, 100)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidData);
    assert_eq!(buffer.len(), 100);
}

// SRV-14
#[test]
fn lines_come_one_by_one_and_a_last_partial_one_is_delivered() {
    let text = b"one\r\ntwo\n\nthree\rfour\nlast";
    for size in [1, 2, 5, 100] {
        let mut lines = LineReader::new(Pieces::new(text, size), 20);
        for expected in ["one", "two", "", "three\rfour", "last"] {
            assert_eq!(run(lines.next_line()).unwrap().as_deref(), Some(expected));
        }
        assert_eq!(run(lines.next_line()).unwrap(), None);
        assert_eq!(run(lines.next_line()).unwrap(), None);
    }
}

// SRV-14
#[test]
fn a_line_over_the_limit_is_an_error_and_stays_one() {
    for end in ["\n", "\r\n", ""] {
        let just = format!("12345{end}");
        let mut lines = LineReader::new(Pieces::new(just.as_bytes(), 2), 5);
        assert_eq!(run(lines.next_line()).unwrap().as_deref(), Some("12345"));
        let over = format!("123456{end}next\n");
        let mut lines = LineReader::new(Pieces::new(over.as_bytes(), 2), 5);
        for _ in 0..2 {
            let error = run(lines.next_line()).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::InvalidData);
            assert!(error.get_ref().unwrap().is::<LineTooLong>());
        }
    }
}

// SRV-14
#[test]
fn a_line_without_an_end_does_not_fill_the_memory() {
    let mut lines = LineReader::new(Pieces::new(&[b'x'; 1_000_000], 4096), 10_000);
    run(lines.next_line()).unwrap_err();
    let (_, read_ahead) = lines.into_parts();
    assert!(read_ahead.len() < 20_000);
}

#[test]
fn what_follows_the_lines_is_read_as_it_is() {
    let mut reader = LineReader::new(Pieces::new(b"head\n\nbody and more", 7), 100);
    while !run(reader.next_line()).unwrap().unwrap().is_empty() {}
    let mut body = [0; 4];
    run(read_exact(&mut reader, &mut body)).unwrap();
    assert_eq!(&body, b"body");
    let mut rest = Vec::new();
    run(read_to_end(&mut reader, &mut rest, 100)).unwrap();
    assert_eq!(rest, b" and more");
}

#[test]
fn a_dropped_next_line_has_lost_nothing() {
    let mut lines = LineReader::new(Pieces::new(b"a long line\n", 3), 100);
    loop {
        let mut hand = Hand::new(lines.next_line());
        if let Poll::Ready(line) = hand.poll() {
            assert_eq!(line.unwrap().as_deref(), Some("a long line"));
            return;
        }
    }
}

#[test]
fn pieces_are_written_to_the_last_byte() {
    let (mut reactor, _here) = reactor();
    let (one, other) = UnixStream::pair().unwrap();
    let big = vec![7; 1 << 20];
    let mut pieces = [IoSlice::new(b""), IoSlice::new(b"head"), IoSlice::new(&big)];
    let mut received = vec![0; big.len() + 4];
    let writing = write_all_vectored(&one, &mut pieces);
    drive_both(&mut reactor, writing, other.read_exact(&mut received)).0.unwrap();
    assert!(received.starts_with(b"head\x07") && received.ends_with(&[7; 9]));
}

#[test]
fn copying_moves_everything_and_counts_it() {
    let (mut reactor, _here) = reactor();
    let (one, other) = UnixStream::pair().unwrap();
    let copied = drive(&mut reactor, copy(Pieces::new(&[5; 30_000], 1000), &one)).unwrap();
    assert_eq!(copied, 30_000);
    let mut received = vec![0; 30_000];
    drive(&mut reactor, other.read_exact(&mut received)).unwrap();
    assert!(received == [5; 30_000]);
}

#[test]
fn a_proxy_passes_bytes_and_ends_both_ways() {
    let (mut reactor, _here) = reactor();
    let (client, near) = UnixStream::pair().unwrap();
    let (far, server) = UnixStream::pair().unwrap();
    let mut proxy = Hand::new(copy_bidirectional(&near, &far));
    proxy.pending();
    client.try_write(b"question").unwrap();
    client.shutdown(Shutdown::Write).unwrap();
    turn_until(&mut reactor, || proxy.wakes() > 0);
    proxy.pending();
    let mut question = Vec::new();
    drive(&mut reactor, read_to_end(&server, &mut question, 100)).unwrap();
    assert_eq!(question, b"question");
    server.try_write(b"answer").unwrap();
    server.shutdown(Shutdown::Write).unwrap();
    let counts = drive(&mut reactor, proxy.future).unwrap();
    assert_eq!(counts, (8, 6));
}
