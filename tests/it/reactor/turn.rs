//! The turn itself: deadlines, unpark, close, foreign loops, handles.

use std::os::fd::AsRawFd;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::task::{Wake, Waker};
use std::time::{Duration, Instant};

use windlass_reactor::net::UdpSocket;
use windlass_reactor::{Handle, Reactor, is_runtime_gone};

use super::kit::{HANG, connection, drive, reactor};
use crate::kit::Hand;

#[test]
fn a_wait_of_a_fraction_of_a_millisecond_is_kept_to() {
    let mut reactor = Reactor::new().unwrap();
    let wait = Duration::from_micros(300);
    let mut best = Duration::MAX;
    for _ in 0..200 {
        let begun = Instant::now();
        while begun.elapsed() < wait {
            reactor.turn_until(Some(begun + wait)).unwrap();
        }
        best = best.min(begun.elapsed());
    }
    // A poll with a time-out is never shorter than a millisecond.
    assert!(best < Duration::from_millis(1), "{best:?}");
}

#[test]
fn a_turn_does_not_return_before_its_deadline_without_a_reason() {
    let mut reactor = Reactor::new().unwrap();
    for micros in [50, 300, 1_000, 2_700] {
        let deadline = Instant::now() + Duration::from_micros(micros);
        reactor.turn_until(Some(deadline)).unwrap();
        assert!(Instant::now() >= deadline, "{micros}");
    }
}

#[test]
fn a_deadline_that_is_past_does_not_wait() {
    let mut reactor = Reactor::new().unwrap();
    assert_eq!(reactor.turn_until(Some(Instant::now())).unwrap(), 0);
}

#[test]
fn an_earlier_deadline_after_a_later_one_is_kept_to() {
    let mut reactor = Reactor::new().unwrap();
    reactor.handle().unpark(); // so that the first turn arms the alarm and does not wait
    reactor.turn(Some(Duration::from_secs(3600))).unwrap();
    let begun = Instant::now();
    reactor.turn(Some(Duration::from_millis(2))).unwrap();
    assert!(begun.elapsed() < HANG);
}

#[test]
fn an_unpark_before_the_turn_makes_it_return() {
    let mut reactor = Reactor::new().unwrap();
    reactor.handle().unpark();
    reactor.turn(None).unwrap();
}

#[test]
fn an_unpark_during_the_turn_makes_it_return() {
    let mut reactor = Reactor::new().unwrap();
    for _ in 0..1_000 {
        let handle = reactor.handle();
        let other = std::thread::spawn(move || handle.unpark());
        reactor.turn(None).unwrap(); // whichever of the two comes first
        other.join().unwrap();
    }
}

#[test]
fn the_unparker_is_a_waker_that_unparks() {
    let mut reactor = Reactor::new().unwrap();
    reactor.handle().unparker().wake();
    reactor.turn(None).unwrap();
}

#[test]
fn a_look_leaves_an_unpark_to_the_turn_that_waits() {
    let mut reactor = Reactor::new().unwrap();
    reactor.handle().unpark();
    reactor.turn(Some(Duration::ZERO)).unwrap();
    reactor.turn(None).unwrap();
}

#[test]
fn a_foreign_loop_finds_the_descriptor_readable_after_an_unpark() {
    let mut reactor = Reactor::new().unwrap();
    let handle = reactor.handle();
    let is_readable = || {
        use rustix::event::{PollFd, PollFlags, Timespec, poll};
        let mut watched = [PollFd::from_borrowed_fd(handle.poller_fd(), PollFlags::IN)];
        let at_once = Timespec { tv_sec: 0, tv_nsec: 0 };
        poll(&mut watched, Some(&at_once)).unwrap() == 1
    };
    assert!(reactor.prepare_foreign_wait());
    assert!(!is_readable());
    reactor.handle().unpark();
    assert!(is_readable());
    reactor.turn(Some(Duration::ZERO)).unwrap();
    assert!(!is_readable());
    reactor.handle().unpark();
    assert!(!reactor.prepare_foreign_wait(), "there is something to do at once");
    assert!(reactor.prepare_foreign_wait(), "and then no more");
}

// SRV-10, SRV-11
#[test]
fn closing_wakes_who_waits_and_fails_every_later_operation() {
    let (mut reactor, _here) = reactor();
    let (client, _server) = connection(&mut reactor);
    let mut buffer = [0; 4];
    let mut reading = Hand::new(client.read(&mut buffer));
    reading.pending();
    let handle = reactor.handle();
    handle.close();
    assert_eq!(reading.wakes(), 1);
    assert!(is_runtime_gone(&reading.ready().unwrap_err()));
    drop(reading);
    assert!(is_runtime_gone(&client.try_write(b"x").unwrap_err()));
    assert!(is_runtime_gone(&Hand::new(client.write(b"x")).ready().unwrap_err()));
    assert!(is_runtime_gone(&UdpSocket::bind("127.0.0.1:0").unwrap_err()));
    reactor.turn(None).unwrap(); // closing has unparked it
}

// SRV-11
#[test]
fn io_on_an_object_whose_reactor_was_dropped_fails_at_once() {
    let (mut reactor, here) = reactor();
    let (client, server) = connection(&mut reactor);
    let mut waiting = Hand::new(server.readable());
    let mut buffer = [0; 4];
    assert!(server.try_read(&mut buffer).is_err());
    waiting.pending();
    drop((reactor, here));
    assert_eq!(waiting.wakes(), 1);
    assert!(is_runtime_gone(&waiting.ready().unwrap_err()));
    assert!(is_runtime_gone(&Hand::new(client.read(&mut buffer)).ready().unwrap_err()));
}

#[test]
fn sockets_made_without_a_reactor_say_what_to_do() {
    let error = UdpSocket::bind("127.0.0.1:0").unwrap_err().to_string();
    assert!(error.contains("enter a runtime::Handle"), "{error}");
    assert!(std::panic::catch_unwind(Handle::current).is_err());
}

#[test]
fn handles_nest_and_are_restored() {
    let one = Reactor::new().unwrap();
    let other = Reactor::new().unwrap();
    let same = |handle: Handle| handle.as_raw_fd();
    let outer = one.handle().enter();
    let inner = other.handle().enter();
    assert_eq!(same(Handle::current()), same(other.handle()));
    drop(inner);
    assert_eq!(same(Handle::current()), same(one.handle()));
    drop(outer);
    assert!(Handle::try_current().is_none());
}

/// A waker that calls back into the reactor and its socket.
struct Meddler {
    handle: Handle,
    socket: UdpSocket,
    ran: AtomicBool,
}

impl Wake for Meddler {
    fn wake(self: Arc<Self>) {
        let _here = self.handle.enter();
        drop(UdpSocket::bind("127.0.0.1:0").unwrap()); // takes the lock of the table
        let mut cx = std::task::Context::from_waker(Waker::noop());
        assert!(self.socket.poll_recv(&mut cx, &mut [0; 4]).is_ready());
        self.ran.store(true, SeqCst);
    }
}

#[test]
fn a_waker_may_use_the_reactor_that_runs_it() {
    let (mut reactor, _here) = reactor();
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    let address = socket.local_addr().unwrap();
    let meddler =
        Arc::new(Meddler { handle: reactor.handle(), socket, ran: AtomicBool::new(false) });
    let waker = Waker::from(meddler.clone());
    let mut cx = std::task::Context::from_waker(&waker);
    assert!(meddler.socket.poll_recv(&mut cx, &mut [0; 4]).is_pending());
    let sender = UdpSocket::bind("127.0.0.1:0").unwrap();
    drive(&mut reactor, sender.send_to(b"x", address)).unwrap();
    while !meddler.ran.load(SeqCst) {
        reactor.turn(Some(HANG)).unwrap();
    }
}
