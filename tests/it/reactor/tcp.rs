//! TCP: connecting, reading and writing, ends and resets, halves.

use std::future::poll_fn;
use std::io::{ErrorKind, IoSlice, Read, Write};
use std::mem::MaybeUninit;
use std::net::{Shutdown, SocketAddr};
use std::time::Duration;

use windlass_reactor::net::{TcpListener, TcpStream};

use super::kit::{connection, drive, drive_both, reactor, turn_until};
use crate::kit::Hand;

#[test]
fn bytes_written_at_one_end_are_read_at_the_other() {
    let (mut reactor, _here) = reactor();
    let (client, server) = connection(&mut reactor);
    let mut buffer = [0; 16];
    for round in 0..100_u8 {
        drive(&mut reactor, client.write_all(&[round; 5])).unwrap();
        let count = drive(&mut reactor, server.read(&mut buffer)).unwrap();
        assert_eq!(&buffer[..count], [round; 5]);
        drive(&mut reactor, server.write_all(&buffer[..count])).unwrap();
        drive(&mut reactor, client.read_exact(&mut buffer[..5])).unwrap();
    }
}

#[test]
fn more_than_the_sockets_hold_gets_through() {
    let (mut reactor, _here) = reactor();
    let (client, server) = connection(&mut reactor);
    let sent: Vec<u8> = (0..8 << 20).map(|n: u32| (n >> 7) as u8).collect();
    let mut received = vec![0; sent.len()];
    let both = drive_both(&mut reactor, client.write_all(&sent), server.read_exact(&mut received));
    both.0.unwrap();
    both.1.unwrap();
    assert!(sent == received);
}

#[test]
fn several_pieces_are_written_as_one() {
    let (mut reactor, _here) = reactor();
    let (client, server) = connection(&mut reactor);
    let pieces = [IoSlice::new(b"head "), IoSlice::new(b""), IoSlice::new(b"body")];
    assert_eq!(drive(&mut reactor, client.write_vectored(&pieces)).unwrap(), 9);
    let mut buffer = [0; 9];
    drive(&mut reactor, server.read_exact(&mut buffer)).unwrap();
    assert_eq!(&buffer, b"head body");
}

#[test]
fn a_peek_leaves_the_bytes_for_the_read() {
    let (mut reactor, _here) = reactor();
    let (client, server) = connection(&mut reactor);
    drive(&mut reactor, client.write_all(b"twice")).unwrap();
    let mut buffer = [0; 16];
    assert_eq!(drive(&mut reactor, server.peek(&mut buffer)).unwrap(), 5);
    assert_eq!(drive(&mut reactor, server.read(&mut buffer)).unwrap(), 5);
}

#[test]
fn each_poll_does_what_its_future_does() {
    let (mut reactor, _here) = reactor();
    let (client, server) = connection(&mut reactor);
    let mut buffer = [0; 9];
    Hand::new(poll_fn(|cx| server.poll_peek(cx, &mut buffer))).pending();
    drive(&mut reactor, poll_fn(|cx| client.poll_writable(cx))).unwrap();
    let pieces = [IoSlice::new(b"head "), IoSlice::new(b"body")];
    assert_eq!(client.try_write_vectored(&pieces).unwrap(), 9);
    drive(&mut reactor, poll_fn(|cx| server.poll_readable(cx))).unwrap();
    let peeked = drive(&mut reactor, poll_fn(|cx| server.poll_peek(cx, &mut buffer)));
    assert_eq!((peeked.unwrap(), &buffer), (9, b"head body"));
    assert_eq!(server.try_read(&mut buffer[..5]).unwrap(), 5);
    let rest = drive(&mut reactor, poll_fn(|cx| server.poll_read(cx, &mut buffer)));
    assert_eq!((rest.unwrap(), &buffer[..4]), (4, &b"body"[..]));
    // The descriptor is as it was, and nobody's here.
    let mut client = std::net::TcpStream::from(client.into_fd());
    client.write_all(b"again").unwrap();
    let again = drive(&mut reactor, poll_fn(|cx| server.poll_read(cx, &mut buffer)));
    assert_eq!((again.unwrap(), &buffer[..5]), (5, &b"again"[..]));
}

#[test]
fn uninitialised_memory_is_received_into() {
    let (mut reactor, _here) = reactor();
    let (client, server) = connection(&mut reactor);
    drive(&mut reactor, client.write_all(b"raw")).unwrap();
    let mut room = [MaybeUninit::uninit(); 8];
    let read = std::future::poll_fn(|cx| server.poll_read_uninit(cx, &mut room));
    assert_eq!(drive(&mut reactor, read).unwrap(), 3);
    let mut buffer = Vec::with_capacity(8);
    drive(&mut reactor, client.write_all(b"raw")).unwrap();
    let read = std::future::poll_fn(|cx| server.poll_read_append(cx, &mut buffer));
    assert_eq!(drive(&mut reactor, read).unwrap(), 3);
    assert_eq!(buffer, b"raw");
    assert_eq!(buffer.capacity(), 8);
}

#[test]
fn the_end_of_a_stream_is_heard_after_a_short_read() {
    let (mut reactor, _here) = reactor();
    let (client, server) = connection(&mut reactor);
    drive(&mut reactor, client.write_all(b"last words")).unwrap();
    client.shutdown(Shutdown::Write).unwrap();
    let mut buffer = [0; 64];
    assert_eq!(drive(&mut reactor, server.read(&mut buffer)).unwrap(), 10);
    assert_eq!(drive(&mut reactor, server.read(&mut buffer)).unwrap(), 0);
    assert_eq!(drive(&mut reactor, server.read(&mut buffer)).unwrap(), 0);
}

#[test]
fn the_end_that_comes_with_the_last_bytes_in_one_event_is_heard() {
    let (mut reactor, _here) = reactor();
    let (client, server) = connection(&mut reactor);
    let mut buffer = [0; 64];
    assert!(server.try_read(&mut buffer).is_err()); // nothing hoped for any more
    drive(&mut reactor, client.write_all(b"last words")).unwrap();
    client.shutdown(Shutdown::Write).unwrap();
    // One event for both, and it comes before the read.
    drive(&mut reactor, server.readable()).unwrap();
    assert_eq!(drive(&mut reactor, server.read(&mut buffer)).unwrap(), 10);
    assert_eq!(drive(&mut reactor, server.read(&mut buffer)).unwrap(), 0);
}

#[test]
fn bytes_behind_urgent_ones_are_not_waited_for() {
    use rustix::net::{SendFlags, send};
    let (mut reactor, _here) = reactor();
    let (client, server) = connection(&mut reactor);
    let mut buffer = [0; 64];
    assert!(server.try_read(&mut buffer).is_err());
    send(&client, b"before", SendFlags::empty()).unwrap();
    send(&client, b"!", SendFlags::OOB).unwrap();
    send(&client, b"behind", SendFlags::empty()).unwrap();
    drive(&mut reactor, server.readable()).unwrap(); // one event tells of all three
    // The first read ends at the urgent byte, although there is more.
    assert_eq!(drive(&mut reactor, server.read(&mut buffer)).unwrap(), 6);
    assert_eq!(Hand::new(server.read(&mut buffer)).ready().unwrap(), 6);
    assert_eq!(&buffer[..6], b"behind");
}

#[test]
fn a_half_closed_stream_still_answers() {
    let (mut reactor, _here) = reactor();
    let (client, server) = connection(&mut reactor);
    client.shutdown(Shutdown::Write).unwrap();
    let mut buffer = [0; 8];
    assert_eq!(drive(&mut reactor, server.read(&mut buffer)).unwrap(), 0);
    drive(&mut reactor, server.write_all(b"answer")).unwrap();
    assert_eq!(drive(&mut reactor, client.read(&mut buffer)).unwrap(), 6);
}

#[test]
fn a_short_read_strikes_readiness_out_without_another_call() {
    let (mut reactor, _here) = reactor();
    let (client, server) = connection(&mut reactor);
    let mut buffer = [0; 64];
    drive(&mut reactor, client.write_all(b"12345")).unwrap();
    drive(&mut reactor, server.readable()).unwrap();
    assert_eq!(drive(&mut reactor, server.read(&mut buffer)).unwrap(), 5);
    Hand::new(server.readable()).pending();
    // A read that fills its buffer proves nothing.
    drive(&mut reactor, client.write_all(b"12345")).unwrap();
    assert_eq!(drive(&mut reactor, server.read(&mut buffer[..5])).unwrap(), 5);
    Hand::new(server.readable()).ready().unwrap();
}

// SRV-02
#[test]
fn a_reset_connection_is_an_error_for_who_reads_and_who_writes() {
    let (mut reactor, _here) = reactor();
    let (client, server) = connection(&mut reactor);
    let mut buffer = [0; 8];
    let mut reading = Hand::new(server.read(&mut buffer));
    reading.pending();
    client.set_linger(Some(Duration::ZERO)).unwrap();
    drop(client); // resets
    turn_until(&mut reactor, || reading.wakes() > 0);
    assert_eq!(reading.ready().unwrap_err().kind(), ErrorKind::ConnectionReset);
    let error = drive(&mut reactor, server.write_all(b"x")).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::BrokenPipe);
}

#[test]
fn a_refused_connection_names_the_address() {
    let (mut reactor, _here) = reactor();
    let address = SocketAddr::from(([127, 0, 0, 1], 1)); // a port nobody listens at
    let error = drive(&mut reactor, TcpStream::connect(address)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ConnectionRefused);
    assert!(error.to_string().contains(&address.to_string()), "{error}");
}

#[test]
fn a_name_is_no_address() {
    let (mut reactor, _here) = reactor();
    let error = drive(&mut reactor, TcpStream::connect("localhost:80")).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidInput);
}

#[test]
fn a_dropped_connect_leaves_no_source() {
    let (reactor, _here) = reactor();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let mut connecting = Hand::new(TcpStream::connect(listener.local_addr().unwrap()));
    let _ = connecting.poll();
    let count = connecting.count.clone();
    drop(connecting);
    assert_eq!(reactor.handle().source_count(), 1);
    assert_eq!(count.wakers(), 0);
}

// SRV-06
#[test]
fn an_address_in_use_is_named_in_the_error() {
    let (_reactor, _here) = reactor();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let error = TcpListener::bind(address).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::AddrInUse);
    assert!(error.to_string().contains(&address.to_string()), "{error}");
}

// SRV-03
#[test]
fn one_readiness_serves_every_connection_in_the_queue() {
    let (mut reactor, _here) = reactor();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    assert_eq!(listener.try_accept().unwrap_err().kind(), ErrorKind::WouldBlock);
    let clients: Vec<_> = (0..20).map(|_| std::net::TcpStream::connect(address).unwrap()).collect();
    drive(&mut reactor, listener.accept()).unwrap();
    for _ in 1..clients.len() {
        Hand::new(listener.accept()).ready().unwrap(); // without another turn
    }
    Hand::new(listener.accept()).pending();
}

// SRV-03
#[test]
fn a_connection_that_was_reset_in_the_queue_does_not_stop_the_listener() {
    let (mut reactor, _here) = reactor();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let aborted = std::net::TcpStream::connect(address).unwrap();
    rustix::net::sockopt::set_socket_linger(&aborted, Some(Duration::ZERO)).unwrap();
    drop(aborted);
    let mut good = std::net::TcpStream::connect(address).unwrap();
    good.write_all(b"here").unwrap();
    let mut buffer = [0; 4];
    loop {
        let (stream, _) = drive(&mut reactor, listener.accept()).unwrap();
        if drive(&mut reactor, stream.read_exact(&mut buffer)).is_ok() {
            break; // Linux delivers the aborted one, and its first read fails
        }
    }
    assert_eq!(&buffer, b"here");
}

#[test]
fn who_waits_for_a_connection_does_not_keep_the_next_from_it() {
    let (mut reactor, _here) = reactor();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let mut one = Hand::new(listener.accept());
    let mut other = Hand::new(listener.accept());
    one.pending();
    other.pending();
    let _client = std::net::TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    turn_until(&mut reactor, || one.wakes() > 0);
    drop(one); // was woken, and goes without accepting
    assert_eq!(other.wakes(), 1);
    other.ready().unwrap();
}

#[test]
fn halves_work_in_two_places_and_reunite() {
    let (mut reactor, _here) = reactor();
    let (client, server) = connection(&mut reactor);
    let (mut read, mut write) = client.into_split();
    drive(&mut reactor, write.write_all(b"ping")).unwrap();
    let mut buffer = [0; 4];
    {
        let (mut server_read, mut server_write) = server.split();
        drive(&mut reactor, server_read.read_exact(&mut buffer)).unwrap();
        drive(&mut reactor, server_write.write_all(b"pong")).unwrap();
    }
    drive(&mut reactor, read.read_exact(&mut buffer)).unwrap();
    assert_eq!(&buffer, b"pong");
    let whole = read.reunite(write).unwrap();
    drive(&mut reactor, whole.write_all(b"more")).unwrap(); // reuniting has not ended it
    drive(&mut reactor, server.read_exact(&mut buffer)).unwrap();
}

#[test]
fn halves_of_different_streams_are_given_back() {
    let (mut reactor, _here) = reactor();
    let (one, other) = connection(&mut reactor);
    let (read, _write) = one.into_split();
    let (_read, write) = other.into_split();
    let error = read.reunite(write).unwrap_err();
    assert_eq!(error.to_string(), "the two halves are not of the same stream");
    let (_read, _write) = (error.0, error.1);
}

#[test]
fn a_burst_of_clients_is_connected_before_anybody_accepts() {
    let (_reactor, _here) = reactor();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    // Who does not fit into the kernel's queue gets no answer at all. The limit ends the wait then.
    let connect = |_| std::net::TcpStream::connect_timeout(&address, Duration::from_secs(5));
    let clients: Result<Vec<_>, _> = (0..300).map(connect).collect();
    assert_eq!(clients.expect("the queue holds a burst").len(), 300);
}

#[test]
fn dropping_the_half_that_writes_ends_the_stream() {
    let (mut reactor, _here) = reactor();
    let (client, server) = connection(&mut reactor);
    let (mut read, write) = client.into_split();
    drop(write);
    let mut buffer = [0; 4];
    assert_eq!(drive(&mut reactor, server.read(&mut buffer)).unwrap(), 0);
    drive(&mut reactor, server.write_all(b"back")).unwrap();
    drive(&mut reactor, read.read_exact(&mut buffer)).unwrap();
}

#[test]
fn a_forgotten_writing_half_does_not_end_the_stream() {
    let (mut reactor, _here) = reactor();
    let (client, server) = connection(&mut reactor);
    let (read, write) = client.into_split();
    write.forget();
    let mut buffer = [0; 4];
    let mut reading = Hand::new(server.read(&mut buffer));
    reading.pending();
    drop(read); // the last half closes the socket
    turn_until(&mut reactor, || reading.wakes() > 0);
    assert_eq!(reading.ready().unwrap(), 0);
}

#[test]
fn options_are_set_and_read_back() {
    let (mut reactor, _here) = reactor();
    let (client, server) = connection(&mut reactor);
    client.set_nodelay(true).unwrap();
    assert!(client.nodelay().unwrap());
    client.set_ttl(42).unwrap();
    assert_eq!(client.ttl().unwrap(), 42);
    client.set_linger(Some(Duration::ZERO)).unwrap();
    assert_eq!(client.linger().unwrap(), Some(Duration::ZERO));
    client.set_keepalive(true).unwrap();
    assert_eq!(client.peer_addr().unwrap(), server.local_addr().unwrap());
    assert!(client.take_error().unwrap().is_none());
}

#[test]
fn streams_go_to_the_standard_library_and_come_back() {
    let (mut reactor, _here) = reactor();
    let (client, server) = connection(&mut reactor);
    let mut plain = client.into_std();
    assert_eq!(reactor.handle().source_count(), 1, "only the server is still registered");
    plain.set_nonblocking(false).unwrap();
    plain.write_all(b"out").unwrap();
    let mut buffer = [0; 3];
    drive(&mut reactor, server.read_exact(&mut buffer)).unwrap();
    let back = TcpStream::from_std(plain).unwrap();
    drive(&mut reactor, server.write_all(b"in!")).unwrap();
    drive(&mut reactor, back.read_exact(&mut buffer)).unwrap();
    let mut plain = server.into_std();
    assert_eq!(plain.read(&mut buffer).unwrap_err().kind(), ErrorKind::WouldBlock);
}
