//! Copying into writers that buffer.

use std::cell::RefCell;
use std::io::{self, ErrorKind};
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

use windlass_reactor::io::{AsyncRead, AsyncWrite, copy, copy_bidirectional};

use crate::kit::Hand;

/// A stream in memory, shared with the test, that keeps what is written to it until it is flushed.
#[derive(Clone, Default)]
struct Buffering(Rc<RefCell<Inside>>);

#[derive(Default)]
struct Inside {
    /// What can be read.
    input: Vec<u8>,
    /// Whether the end follows it.
    ended: bool,
    /// Whether the end was read.
    end_seen: bool,
    reader: Option<Waker>,
    /// What was written and not flushed.
    kept: Vec<u8>,
    /// What was flushed.
    passed_on: Vec<u8>,
    shut: bool,
    /// Calls of `poll_flush`.
    flushes: usize,
    /// Whether a flush has to wait.
    blocked: bool,
    /// Whether a flush fails.
    broken: bool,
    flusher: Option<Waker>,
}

impl Buffering {
    /// Makes so much readable.
    fn feed(&self, text: &[u8]) {
        let mut inside = self.0.borrow_mut();
        inside.input.extend_from_slice(text);
        if let Some(waker) = inside.reader.take() {
            waker.wake();
        }
    }

    /// Ends what can be read.
    fn end(&self) {
        self.0.borrow_mut().ended = true;
        self.feed(b"");
    }

    fn block(&self) {
        self.0.borrow_mut().blocked = true;
    }

    fn unblock(&self) {
        let mut inside = self.0.borrow_mut();
        inside.blocked = false;
        inside.flusher.take().expect("somebody waits to flush").wake();
    }

    fn break_flushes(&self) {
        self.0.borrow_mut().broken = true;
    }

    fn kept(&self) -> Vec<u8> {
        self.0.borrow().kept.clone()
    }

    fn passed_on(&self) -> Vec<u8> {
        self.0.borrow().passed_on.clone()
    }

    fn flushes(&self) -> usize {
        self.0.borrow().flushes
    }
}

impl AsyncRead for Buffering {
    fn poll_read(&mut self, cx: &mut Context<'_>, buffer: &mut [u8]) -> Poll<io::Result<usize>> {
        let inside = &mut *self.0.borrow_mut();
        assert!(!inside.end_seen, "it is read again after its end");
        let count = inside.input.len().min(buffer.len());
        if count == 0 && !inside.ended {
            inside.reader = Some(cx.waker().clone());
            return Poll::Pending;
        }
        inside.end_seen = count == 0;
        buffer[..count].copy_from_slice(&inside.input[..count]);
        inside.input.drain(..count);
        Poll::Ready(Ok(count))
    }
}

impl AsyncWrite for Buffering {
    fn poll_write(&mut self, _: &mut Context<'_>, data: &[u8]) -> Poll<io::Result<usize>> {
        self.0.borrow_mut().kept.extend_from_slice(data);
        Poll::Ready(Ok(data.len()))
    }

    fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let inside = &mut *self.0.borrow_mut();
        inside.flushes += 1;
        if inside.broken {
            return Poll::Ready(Err(ErrorKind::BrokenPipe.into()));
        }
        if inside.blocked {
            inside.flusher = Some(cx.waker().clone());
            return Poll::Pending;
        }
        inside.passed_on.append(&mut inside.kept);
        Poll::Ready(Ok(()))
    }

    /// Does not flush: what is still kept is lost.
    fn poll_shutdown(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.0.borrow_mut().shut = true;
        Poll::Ready(Ok(()))
    }
}

/// A stream to read and one to write, with a copy from one to the other that was polled once.
fn copying() -> (Buffering, Buffering, Hand<impl Future<Output = io::Result<u64>>>) {
    let (from, to) = (Buffering::default(), Buffering::default());
    let mut hand = Hand::new(copy(from.clone(), to.clone()));
    hand.pending();
    (from, to, hand)
}

#[test]
fn what_is_copied_is_flushed_while_the_reader_waits() {
    let (from, to, mut copying) = copying();
    from.feed(b"ping");
    copying.pending();
    assert_eq!(to.passed_on(), b"ping");
}

#[test]
fn a_proxy_flushes_a_question_and_its_answer_while_both_readers_wait() {
    let (client, server) = (Buffering::default(), Buffering::default());
    let mut proxy = Hand::new(copy_bidirectional(client.clone(), server.clone()));
    client.feed(b"ping");
    proxy.pending();
    assert_eq!(server.passed_on(), b"ping");
    server.feed(b"pong");
    proxy.pending();
    assert_eq!(client.passed_on(), b"pong");
}

#[test]
fn a_writer_is_flushed_once_for_new_bytes_and_not_without_them() {
    let (from, to, mut copying) = copying();
    copying.pending();
    assert_eq!(to.flushes(), 0, "nothing was written");
    for round in 1..=3 {
        from.feed(b"ping");
        from.feed(b"ping");
        copying.pending();
        copying.pending();
        copying.pending();
        assert_eq!(to.flushes(), round);
    }
    assert_eq!(to.passed_on(), b"ping".repeat(6));
}

#[test]
fn a_flush_that_has_to_wait_is_completed_when_it_can_be() {
    let (from, to, mut copying) = copying();
    to.block();
    from.feed(b"ping");
    copying.pending();
    assert_eq!((to.flushes(), to.passed_on()), (1, vec![]));
    let wakes = copying.wakes();
    to.unblock();
    assert_eq!(copying.wakes(), wakes + 1, "the flush wakes the copy");
    copying.pending();
    assert_eq!(to.passed_on(), b"ping");
    copying.pending();
    assert_eq!(to.flushes(), 2);
}

#[test]
fn a_flush_that_has_to_wait_does_not_stop_the_reading() {
    let (from, to, mut copying) = copying();
    to.block();
    from.feed(b"ping");
    copying.pending();
    let wakes = copying.wakes();
    from.feed(b"pong");
    assert_eq!(copying.wakes(), wakes + 1, "the reader wakes the copy");
    copying.pending();
    assert_eq!(to.kept(), b"pingpong");
    to.unblock();
    copying.pending();
    assert_eq!(to.passed_on(), b"pingpong");
}

#[test]
fn a_flush_that_fails_while_the_reader_waits_ends_the_copy() {
    let (from, to, mut copying) = copying();
    to.break_flushes();
    from.feed(b"ping");
    assert_eq!(copying.ready().unwrap_err().kind(), ErrorKind::BrokenPipe);

    let (client, server) = (Buffering::default(), Buffering::default());
    let mut proxy = Hand::new(copy_bidirectional(client.clone(), server.clone()));
    client.break_flushes();
    server.feed(b"pong");
    assert_eq!(proxy.ready().unwrap_err().kind(), ErrorKind::BrokenPipe);
}

#[test]
fn a_last_flush_that_has_to_wait_is_waited_for_and_nothing_is_read_after_the_end() {
    let (from, to, mut copying) = copying();
    to.block();
    from.feed(b"ping");
    from.end();
    copying.pending();
    copying.pending();
    to.unblock();
    assert_eq!(copying.ready().unwrap(), 4);
    assert_eq!(to.passed_on(), b"ping");
}

#[test]
fn a_writer_is_flushed_at_the_end_also_if_the_reader_had_nothing() {
    let (from, mut to, mut copying) = copying();
    let _ = to.poll_write(&mut Context::from_waker(Waker::noop()), b"head");
    from.end();
    assert_eq!(copying.ready().unwrap(), 0);
    assert_eq!(to.passed_on(), b"head");
}

#[test]
fn a_proxy_flushes_a_writer_before_it_ends_it() {
    let (client, server) = (Buffering::default(), Buffering::default());
    let mut proxy = Hand::new(copy_bidirectional(client.clone(), server.clone()));
    server.block();
    client.feed(b"ping");
    client.end();
    proxy.pending();
    assert!(!server.0.borrow().shut, "what was written comes first");
    server.unblock();
    proxy.pending();
    assert!(server.0.borrow().shut);
    assert_eq!(server.passed_on(), b"ping");
    server.end();
    assert_eq!(proxy.ready().unwrap(), (4, 0));
}
