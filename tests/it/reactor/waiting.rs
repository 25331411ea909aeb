//! Who waits, what is left behind, and what a wait says about itself.

use std::io::ErrorKind;
use std::net::Shutdown;
use std::task::{Context, Poll, Waker};

use windlass_reactor::net::{TcpListener, UnixStream};
use windlass_sync::budget;
use windlass_sync::waiting::{self, Reason};

use super::kit::{HANG, connection, drive, reactor, turn_until};
use crate::kit::{Count, Hand};

/// A Unix stream whose buffer is full, and its peer.
fn full_stream() -> (UnixStream, UnixStream) {
    let (one, other) = UnixStream::pair().unwrap();
    while one.try_write(&[7; 4096]).is_ok() {}
    (one, other)
}

fn drain(stream: &UnixStream) -> usize {
    let mut total = 0;
    while let Ok(count) = stream.try_read(&mut [0; 65536]) {
        total += count;
    }
    total
}

// SRV-12
#[test]
fn several_tasks_that_wait_to_write_are_all_woken() {
    let (mut reactor, _here) = reactor();
    let (one, other) = full_stream();
    let mut writers: Vec<_> = (0..3).map(|_| Hand::new(one.write(b"more"))).collect();
    writers.iter_mut().for_each(Hand::pending);
    drain(&other);
    turn_until(&mut reactor, || writers.iter().all(|writer| writer.wakes() == 1));
    for writer in &mut writers {
        assert_eq!(writer.ready().unwrap(), 4);
    }
    reactor.turn(Some(HANG)).unwrap(); // hears of the new bytes
    assert_eq!(drain(&other), 12);
}

// SRV-12
#[test]
fn several_tasks_that_wait_to_write_everything_are_all_woken() {
    let (mut reactor, _here) = reactor();
    let (one, other) = full_stream();
    let mut writers: Vec<_> = (0..3).map(|_| Hand::new(one.write_all(b"more"))).collect();
    writers.iter_mut().for_each(Hand::pending);
    drain(&other);
    turn_until(&mut reactor, || writers.iter().all(|writer| writer.wakes() == 1));
    writers.iter_mut().for_each(|writer| writer.ready().unwrap());
}

#[test]
fn several_tasks_that_wait_for_so_many_bytes_are_all_woken() {
    let (mut reactor, _here) = reactor();
    let (one, other) = UnixStream::pair().unwrap();
    let mut buffers = [[0; 4]; 3];
    let mut readers: Vec<_> =
        buffers.iter_mut().map(|buffer| Hand::new(one.read_exact(buffer))).collect();
    readers.iter_mut().for_each(Hand::pending);
    other.try_write(b"one two 3...").unwrap();
    turn_until(&mut reactor, || readers.iter().all(|reader| reader.wakes() == 1));
    readers.iter_mut().for_each(|reader| reader.ready().unwrap());
    drop(readers);
    assert_eq!(&buffers.concat(), b"one two 3...");
}

#[test]
fn a_poll_method_and_a_future_wait_side_by_side() {
    let (mut reactor, _here) = reactor();
    let (one, other) = UnixStream::pair().unwrap();
    let count = Count::new();
    let waker = Waker::from(count.clone());
    let mut buffer = [0; 4];
    let mut future = Hand::new(one.readable());
    assert!(one.try_read(&mut buffer).is_err());
    future.pending();
    assert!(one.poll_read(&mut Context::from_waker(&waker), &mut buffer).is_pending());
    other.try_write(b"x").unwrap();
    turn_until(&mut reactor, || future.wakes() == 1 && count.wakes() == 1);
}

#[test]
fn the_last_waker_of_a_poll_method_is_the_one_that_is_woken() {
    let (mut reactor, _here) = reactor();
    let (one, other) = UnixStream::pair().unwrap();
    let (first, last) = (Count::new(), Count::new());
    for count in [&first, &last] {
        let waker = Waker::from(count.clone());
        assert!(one.poll_read(&mut Context::from_waker(&waker), &mut [0; 4]).is_pending());
    }
    assert_eq!(first.wakers(), 0, "the replaced waker was dropped");
    other.try_write(b"x").unwrap();
    turn_until(&mut reactor, || last.wakes() == 1);
    assert_eq!(first.wakes(), 0);
}

#[test]
fn who_waits_to_write_is_woken_when_the_stream_is_ended_from_here() {
    let (_reactor, _here) = reactor();
    let (one, _other) = full_stream();
    let mut writer = Hand::new(one.write(b"x"));
    writer.pending();
    one.shutdown(Shutdown::Read).unwrap();
    assert_eq!(writer.wakes(), 0, "it can still be written");
    one.shutdown(Shutdown::Write).unwrap(); // the kernel tells of room only, and there is none
    assert_eq!(writer.wakes(), 1);
    assert_eq!(writer.ready().unwrap_err().kind(), ErrorKind::BrokenPipe);
}

#[test]
fn a_read_without_any_room_left_does_not_wait() {
    let (_reactor, _here) = reactor();
    let (one, _other) = UnixStream::pair().unwrap();
    let (mut context, mut full) = (Context::from_waker(Waker::noop()), Vec::new());
    assert!(one.try_read(&mut [0; 4]).is_err());
    assert!(matches!(one.poll_read_append(&mut context, &mut full), Poll::Ready(Ok(0))));
}

#[test]
fn readers_and_writers_wait_apart() {
    let (mut reactor, _here) = reactor();
    let (one, other) = full_stream();
    let mut buffer = [0; 4];
    let mut reader = Hand::new(one.read(&mut buffer));
    let mut writer = Hand::new(one.write(b"x"));
    reader.pending();
    writer.pending();
    drain(&other);
    turn_until(&mut reactor, || writer.wakes() == 1);
    writer.ready().unwrap();
    reader.pending();
}

// SRV-08
#[test]
fn a_dropped_read_leaves_no_waker_and_a_dropped_stream_no_source() {
    let (mut reactor, _here) = reactor();
    let (client, server) = connection(&mut reactor);
    let mut buffer = [0; 4];
    let mut reading = Hand::new(server.read(&mut buffer));
    reading.pending();
    let count = reading.count.clone();
    drop(reading);
    assert_eq!(count.wakers(), 0);
    assert_eq!(reactor.handle().source_count(), 2);
    // The bytes go to the next reader.
    drive(&mut reactor, client.write_all(b"late")).unwrap();
    assert_eq!(drive(&mut reactor, server.read(&mut buffer)).unwrap(), 4);
    drop((client, server));
    assert_eq!(reactor.handle().source_count(), 0);
}

#[test]
fn a_waker_is_kept_while_it_would_wake_the_same_task() {
    let (_reactor, _here) = reactor();
    let (one, _other) = UnixStream::pair().unwrap();
    let mut buffer = [0; 4];
    let mut reading = Hand::new(one.read(&mut buffer));
    for _ in 0..3 {
        reading.pending();
        assert_eq!(reading.count.wakers(), 1);
    }
}

#[test]
fn an_event_for_a_source_that_has_gone_wakes_nobody() {
    let (mut reactor, _here) = reactor();
    let (one, other) = UnixStream::pair().unwrap();
    let mut buffer = [0; 4];
    assert!(one.try_read(&mut buffer).is_err());
    other.try_write(b"x").unwrap(); // an event for `one` is now in the kernel
    drop(one);
    // Takes the slot that has become free.
    let (next, _far) = UnixStream::pair().unwrap();
    let mut reading = Hand::new(next.read(&mut buffer));
    reading.pending();
    reactor.turn(Some(std::time::Duration::ZERO)).unwrap();
    reading.pending();
}

#[test]
fn a_wait_says_for_what_and_where() {
    let (_reactor, _here) = reactor();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let line = line!() + 1;
    Hand::new(listener.accept()).pending();
    let waiting = waiting::take().unwrap();
    assert!(matches!(waiting.reason, Reason::Readable { .. }));
    assert_eq!((waiting.at.file(), waiting.at.line()), (file!(), line));
}

#[test]
fn a_helper_waits_at_the_line_that_called_it() {
    let (_reactor, _here) = reactor();
    let (one, _other) = UnixStream::pair().unwrap();
    let line = line!() + 1;
    Hand::new(windlass_reactor::io::read_exact(&one, &mut [0; 4])).pending();
    let waiting = waiting::take().unwrap();
    assert_eq!((waiting.at.file(), waiting.at.line()), (file!(), line));
}

#[test]
fn a_socket_that_is_always_ready_yields_when_the_budget_is_spent() {
    let (_reactor, _here) = reactor();
    let (one, other) = UnixStream::pair().unwrap();
    while other.try_write(&[7; 4096]).is_ok() {}
    let _budget = budget::enter();
    for _ in 0..budget::OPERATIONS {
        assert_eq!(Hand::new(one.read(&mut [0; 8])).ready().unwrap(), 8);
    }
    let mut buffer = [0; 8];
    let mut reading = Hand::new(one.read(&mut buffer));
    reading.pending();
    assert_eq!(reading.wakes(), 1, "it asks for another poll at once");
}
