//! The line reader, and what reads through it, against the whole text in memory.
//!
//! The text comes in pieces of any size, with waits between them; lines, raw reads and exact reads
//! are mixed, and a wait for a line is dropped now and then. Whatever comes out must be what stands
//! there.

use std::io::{self, ErrorKind};
use std::pin::{Pin, pin};
use std::task::{Context, Poll, Waker};

use windlass_reactor::io::{
    AsyncRead, LimitExceeded, LineReader, LineTooLong, UnexpectedEof, read_exact, read_to_end,
};

use crate::bytes::Bytes;

/// A stream that gives its text out in pieces.
struct Pieces<'a> {
    text: &'a [u8],
    /// How much each read gives at most; 0 is a wait. Used over and over.
    sizes: &'a [u8],
    reads: usize,
}

impl AsyncRead for Pieces<'_> {
    fn poll_read(&mut self, _: &mut Context<'_>, buffer: &mut [u8]) -> Poll<io::Result<usize>> {
        let size = self.sizes.get(self.reads % self.sizes.len().max(1)).map_or(255, |size| *size);
        self.reads += 1;
        // Two waits one after the other would be the same as one.
        if size == 0 && self.reads.is_multiple_of(2) {
            return Poll::Pending;
        }
        let count = usize::from(size).max(1).min(buffer.len()).min(self.text.len());
        buffer[..count].copy_from_slice(&self.text[..count]);
        self.text = &self.text[count..];
        Poll::Ready(Ok(count))
    }
}

/// Polls to the end; the pieces never wait twice in a row.
fn finish<F: Future>(future: F) -> F::Output {
    let mut future = pin!(future);
    for _ in 0..1_000_000 {
        if let Poll::Ready(output) = future.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
            return output;
        }
    }
    panic!("it never ends")
}

/// The first bytes are the steps and the sizes, the rest is the text.
pub fn run(data: &[u8]) {
    let mut bytes = Bytes(data);
    let limit = bytes.pick(&[0, 1, 2, 3, 7, 16, 100, 5_000, usize::MAX]);
    let (sizes, steps) = (bytes.below(24), bytes.below(48));
    let (sizes, rest) = bytes.0.split_at(sizes.min(bytes.0.len()));
    let (steps, text) = rest.split_at(steps.min(rest.len()));
    let mut reader = LineReader::new(Pieces { text, sizes, reads: 0 }, limit);
    let mut rest = text;
    let mut steps = Bytes(steps);
    while !steps.is_over() {
        match steps.below(8) {
            0..=3 => line(&mut reader, &mut rest, limit),
            4 => dropped_line(&mut reader, &mut rest, limit),
            5 => raw(&mut reader, &mut rest, steps.below(40)),
            6 => exact(&mut reader, &mut rest, steps.below(40)),
            _ => appended(&mut reader, &mut rest, steps.below(40)),
        }
    }
    if rest.len() % 2 == 0 {
        let (pieces, ahead) = reader.into_parts();
        assert!(rest == [&ahead, pieces.text].concat(), "nothing is lost between the parts");
    } else {
        to_end(&mut reader, rest, limit);
    }
}

/// The line that begins the text, and what follows it; an error as its kind.
fn reference(rest: &[u8], limit: usize) -> Result<Option<(&str, &[u8])>, (bool, &[u8])> {
    let (line, after) = match rest.iter().position(|byte| *byte == b'\n') {
        Some(feed) => {
            let line = &rest[..feed];
            (line.strip_suffix(b"\r").unwrap_or(line), &rest[feed + 1..])
        }
        None if rest.is_empty() => return Ok(None),
        None => (rest, &rest[rest.len()..]),
    };
    if line.len() > limit {
        return Err((true, rest));
    }
    std::str::from_utf8(line).map(|line| Some((line, after))).map_err(|_| (false, after))
}

fn check(got: io::Result<Option<String>>, rest: &mut &[u8], limit: usize) {
    match reference(rest, limit) {
        Ok(None) => assert!(matches!(got, Ok(None)), "{got:?} at the end"),
        Ok(Some((line, after))) => {
            assert_eq!(got.expect("it is a line").as_deref(), Some(line));
            *rest = after;
        }
        Err((is_too_long, after)) => {
            let error = got.expect_err("it is no line");
            assert_eq!(error.kind(), ErrorKind::InvalidData);
            let inner = error.get_ref().and_then(|inner| inner.downcast_ref());
            assert_eq!(inner, is_too_long.then_some(&LineTooLong { limit }));
            *rest = after;
        }
    }
}

fn line(reader: &mut LineReader<Pieces<'_>>, rest: &mut &[u8], limit: usize) {
    check(finish(reader.next_line()), rest, limit);
}

/// A line that is asked for once; if it is not there yet, it must be there for the next who asks.
fn dropped_line(reader: &mut LineReader<Pieces<'_>>, rest: &mut &[u8], limit: usize) {
    let mut line = reader.next_line();
    let polled = Pin::new(&mut line).poll(&mut Context::from_waker(Waker::noop()));
    if let Poll::Ready(got) = polled {
        check(got, rest, limit);
    }
}

/// A single read.
fn raw(reader: &mut LineReader<Pieces<'_>>, rest: &mut &[u8], room: usize) {
    let mut buffer = vec![0xaa; room];
    let read = finish(std::future::poll_fn(|cx| reader.poll_read(cx, &mut buffer)));
    let count = read.expect("the pieces never fail");
    assert!(count > 0 || room == 0 || rest.is_empty(), "a read of nothing is the end");
    take(rest, &buffer[..count]);
    assert!(buffer[count..].iter().all(|byte| *byte == 0xaa), "written beyond what was read");
}

/// A single read into spare capacity.
fn appended(reader: &mut LineReader<Pieces<'_>>, rest: &mut &[u8], room: usize) {
    let mut buffer = Vec::with_capacity(room + 1);
    buffer.push(0xaa);
    let capacity = buffer.capacity();
    let read = finish(std::future::poll_fn(|cx| reader.poll_read_append(cx, &mut buffer)));
    let count = read.expect("the pieces never fail");
    assert_eq!((buffer[0], buffer.len(), buffer.capacity()), (0xaa, count + 1, capacity));
    assert!(count > 0 || capacity == 1 || rest.is_empty(), "a read of nothing is the end");
    take(rest, &buffer[1..]);
}

fn exact(reader: &mut LineReader<Pieces<'_>>, rest: &mut &[u8], wanted: usize) {
    let mut buffer = vec![0; wanted];
    match finish(read_exact(reader, &mut buffer)) {
        Ok(()) => take(rest, &buffer),
        Err(error) => {
            let arrived = rest.len();
            assert!(arrived < wanted, "{error}");
            assert_eq!(UnexpectedEof::of(&error), Some(UnexpectedEof { arrived, wanted }));
            take(rest, &buffer[..arrived]);
        }
    }
}

/// All that is left, or as much of it as the limit lets through.
fn to_end(reader: &mut LineReader<Pieces<'_>>, rest: &[u8], limit: usize) {
    let mut buffer = vec![0xaa];
    match finish(read_to_end(reader, &mut buffer, limit)) {
        Ok(count) => assert_eq!((count, &buffer[1..]), (rest.len(), rest)),
        Err(error) => {
            assert!(rest.len() > limit, "{error}");
            assert_eq!(&buffer[1..], &rest[..limit]);
            let inner = error.get_ref().and_then(|inner| inner.downcast_ref());
            assert_eq!(inner, Some(&LimitExceeded { limit }));
        }
    }
    assert_eq!(buffer[0], 0xaa);
}

fn take(rest: &mut &[u8], got: &[u8]) {
    assert!(rest.starts_with(got), "{got:?} is not what comes next");
    *rest = &rest[got.len()..];
}
