//! UDP.

use std::future::poll_fn;
use std::io::ErrorKind;

use windlass_reactor::net::UdpSocket;

use super::kit::{drive, reactor, turn_until};
use crate::kit::Hand;

#[test]
fn messages_arrive_with_their_sender() {
    let (mut reactor, _here) = reactor();
    let one = UdpSocket::bind("127.0.0.1:0").unwrap();
    let other = UdpSocket::bind("127.0.0.1:0").unwrap();
    let address = other.local_addr().unwrap();
    assert_eq!(drive(&mut reactor, one.send_to(b"hello", address)).unwrap(), 5);
    let mut buffer = [0; 16];
    let expected = (5, one.local_addr().unwrap());
    assert_eq!(drive(&mut reactor, other.peek_from(&mut buffer)).unwrap(), expected);
    assert_eq!(drive(&mut reactor, other.recv_from(&mut buffer)).unwrap(), expected);
    assert_eq!(&buffer[..5], b"hello");
}

#[test]
fn a_socket_is_waited_for_without_a_buffer_and_then_tried() {
    let (mut reactor, _here) = reactor();
    let one = UdpSocket::bind("127.0.0.1:0").unwrap();
    let other = UdpSocket::bind("127.0.0.1:0").unwrap();
    let mut buffer = [0; 16];
    let nothing = other.try_recv_from(&mut buffer).unwrap_err();
    assert_eq!(nothing.kind(), ErrorKind::WouldBlock);
    let mut readable = Hand::new(other.readable());
    readable.pending();
    drive(&mut reactor, one.writable()).unwrap();
    assert_eq!(one.try_send_to(b"hello", other.local_addr().unwrap()).unwrap(), 5);
    turn_until(&mut reactor, || readable.wakes() > 0);
    readable.ready().unwrap();
    let expected = (5, one.local_addr().unwrap());
    assert_eq!(other.try_recv_from(&mut buffer).unwrap(), expected);
    assert_eq!(&buffer[..5], b"hello");
}

#[test]
fn each_poll_does_what_its_future_does() {
    let (mut reactor, _here) = reactor();
    let one = UdpSocket::bind("127.0.0.1:0").unwrap();
    let other = UdpSocket::bind("127.0.0.1:0").unwrap();
    let (here, there) = (one.local_addr().unwrap(), other.local_addr().unwrap());
    let mut buffer = [0; 16];
    assert_eq!(other.try_peek(&mut buffer).unwrap_err().kind(), ErrorKind::WouldBlock);
    Hand::new(poll_fn(|cx| other.poll_readable(cx))).pending();
    drive(&mut reactor, poll_fn(|cx| one.poll_writable(cx))).unwrap();
    let sent = drive(&mut reactor, poll_fn(|cx| one.poll_send_to(cx, b"hello", there)));
    assert_eq!(sent.unwrap(), 5);
    drive(&mut reactor, poll_fn(|cx| other.poll_readable(cx))).unwrap();
    let peeked = drive(&mut reactor, poll_fn(|cx| other.poll_peek_from(cx, &mut buffer)));
    assert_eq!(peeked.unwrap(), (5, here));
    assert_eq!(other.try_peek(&mut buffer).unwrap(), 5);
    let received = drive(&mut reactor, poll_fn(|cx| other.poll_recv_from(cx, &mut buffer)));
    assert_eq!((received.unwrap(), &buffer[..5]), ((5, here), &b"hello"[..]));
    other.connect(here).unwrap();
    let sent = drive(&mut reactor, poll_fn(|cx| other.poll_send(cx, b"you")));
    assert_eq!(sent.unwrap(), 3);
    let received = drive(&mut reactor, poll_fn(|cx| one.poll_recv(cx, &mut buffer)));
    assert_eq!((received.unwrap(), &buffer[..3]), (3, &b"you"[..]));
    Hand::new(poll_fn(|cx| one.poll_recv(cx, &mut buffer))).pending();
}

#[test]
fn a_message_shorter_than_the_buffer_does_not_hide_the_next() {
    let (mut reactor, _here) = reactor();
    let one = UdpSocket::bind("127.0.0.1:0").unwrap();
    let other = UdpSocket::bind("127.0.0.1:0").unwrap();
    one.connect(other.local_addr().unwrap()).unwrap();
    for message in [b"a", b"b", b"c"] {
        drive(&mut reactor, one.send(message)).unwrap();
    }
    let mut buffer = [0; 16];
    for _ in 0..3 {
        assert_eq!(drive(&mut reactor, other.recv(&mut buffer)).unwrap(), 1);
    }
    assert_eq!(other.try_recv(&mut buffer).unwrap_err().kind(), ErrorKind::WouldBlock);
}

#[test]
fn who_waits_for_a_message_is_told_that_the_peer_is_not_there() {
    let (mut reactor, _here) = reactor();
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    socket.connect(([127, 0, 0, 1], 1)).unwrap(); // a port nobody listens at
    let mut buffer = [0; 4];
    drive(&mut reactor, socket.send(b"anybody?")).unwrap();
    let error = drive(&mut reactor, socket.recv(&mut buffer)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ConnectionRefused);
    // The error is told once, and the socket goes on.
    let mut receiving = Hand::new(socket.recv(&mut buffer));
    receiving.pending();
    turn_until(&mut reactor, || true);
}

#[test]
fn a_wrong_address_is_an_error_of_the_send() {
    let (mut reactor, _here) = reactor();
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    let error = drive(&mut reactor, socket.send_to(b"x", "nowhere")).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidInput);
    socket.set_broadcast(true).unwrap();
    assert!(socket.broadcast().unwrap());
}
