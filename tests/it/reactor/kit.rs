//! A reactor that is turned by hand until a future is ready.

use std::future::Future;
use std::task::Poll;
use std::time::Duration;

use windlass_reactor::net::{TcpListener, TcpStream};
use windlass_reactor::{EnterGuard, Reactor};

use crate::kit::Hand;

/// No wait of these tests is this long; one that is has lost a wake-up.
pub const HANG: Duration = Duration::from_secs(10);

/// A reactor that is current on this thread.
pub fn reactor() -> (Reactor, EnterGuard) {
    let reactor = Reactor::new().unwrap();
    let here = reactor.handle().enter();
    (reactor, here)
}

/// Turns the reactor until the future is ready. The future is polled only when it was woken.
#[track_caller]
pub fn drive<F: Future>(reactor: &mut Reactor, future: F) -> F::Output {
    let mut hand = Hand::new(future);
    loop {
        let wakes = hand.wakes();
        if let Poll::Ready(output) = hand.poll() {
            return output;
        }
        turn_until(reactor, || hand.wakes() > wakes);
    }
}

/// As [`drive`], for two futures that need each other; each is polled when it was woken.
#[track_caller]
pub fn drive_both<A: Future, B: Future>(
    reactor: &mut Reactor,
    a: A,
    b: B,
) -> (A::Output, B::Output) {
    let (mut a, mut b) = (Hand::new(a), Hand::new(b));
    let (mut a_done, mut b_done) = (None, None);
    loop {
        let wakes = a.wakes() + b.wakes();
        if a_done.is_none()
            && let Poll::Ready(output) = a.poll()
        {
            a_done = Some(output);
        }
        if b_done.is_none()
            && let Poll::Ready(output) = b.poll()
        {
            b_done = Some(output);
        }
        match (a_done.take(), b_done.take()) {
            (Some(a), Some(b)) => return (a, b),
            (a, b) => (a_done, b_done) = (a, b),
        }
        turn_until(reactor, || a.wakes() + b.wakes() > wakes);
    }
}

/// Turns the reactor until something is so.
#[track_caller]
pub fn turn_until(reactor: &mut Reactor, done: impl Fn() -> bool) {
    let begun = std::time::Instant::now();
    while !done() {
        reactor.turn(Some(HANG)).unwrap();
        assert!(begun.elapsed() < HANG, "nothing woke the future");
    }
}

/// A TCP connection, both ends on this reactor: who connected, who accepted.
pub fn connection(reactor: &mut Reactor) -> (TcpStream, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let client = drive(reactor, TcpStream::connect(address)).unwrap();
    let (server, peer) = drive(reactor, listener.accept()).unwrap();
    assert_eq!(peer, client.local_addr().unwrap());
    (client, server)
}
