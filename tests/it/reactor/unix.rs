//! Unix streams, listeners and datagrams.

use std::io::{ErrorKind, IoSlice};
use std::path::PathBuf;

use windlass_reactor::net::{UnixDatagram, UnixListener, UnixStream};

use super::kit::{drive, reactor};
use crate::kit::Hand;

/// A path that exists for one test.
struct Path(PathBuf);

impl Path {
    fn new(name: &str) -> Path {
        let name = format!("windlass-{}-{name}", std::process::id());
        Path(std::env::temp_dir().join(name))
    }
}

impl Drop for Path {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

#[test]
fn streams_connect_at_a_path() {
    let (mut reactor, _here) = reactor();
    let path = Path::new("stream");
    let listener = UnixListener::bind(&path.0).unwrap();
    let mut accepting = Hand::new(listener.accept());
    accepting.pending();
    let client = UnixStream::connect(&path.0).unwrap();
    drop(accepting);
    let (server, _) = drive(&mut reactor, listener.accept()).unwrap();
    drive(&mut reactor, client.write_all(b"hello")).unwrap();
    let mut buffer = [0; 5];
    drive(&mut reactor, server.read_exact(&mut buffer)).unwrap();
    drop(listener);
    assert!(path.0.exists(), "the path is left to whoever manages it");
    let error = UnixListener::bind(&path.0).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::AddrInUse);
    assert!(error.to_string().contains("windlass-"), "{error}");
}

#[test]
fn a_path_nobody_listens_at_is_named() {
    let (_reactor, _here) = reactor();
    let error = UnixStream::connect("/nowhere/at/all").unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound);
    assert!(error.to_string().contains("/nowhere/at/all"), "{error}");
}

#[test]
fn bytes_behind_a_passed_descriptor_are_not_waited_for() {
    use rustix::net::{SendAncillaryBuffer, SendAncillaryMessage, SendFlags, sendmsg};
    use std::os::fd::AsFd;
    let (mut reactor, _here) = reactor();
    let (one, other) = UnixStream::pair().unwrap();
    let descriptors = [other.as_fd()];
    let mut space = [std::mem::MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut ancillary = SendAncillaryBuffer::new(&mut space);
    assert!(ancillary.push(SendAncillaryMessage::ScmRights(&descriptors)));
    sendmsg(&one, &[IoSlice::new(b"with")], &mut ancillary, SendFlags::empty()).unwrap();
    one.try_write(b"without").unwrap();
    let mut buffer = [0; 64];
    // The first read ends at the descriptor, although there is more.
    assert_eq!(drive(&mut reactor, other.read(&mut buffer)).unwrap(), 4);
    assert_eq!(Hand::new(other.read(&mut buffer)).ready().unwrap(), 7);
}

#[test]
fn datagrams_keep_their_borders_and_wait_for_room() {
    let (mut reactor, _here) = reactor();
    let (one, other) = UnixDatagram::pair().unwrap();
    let mut sent = 0;
    while one.try_send(b"message").is_ok() {
        sent += 1;
    }
    let mut sending = Hand::new(one.send(b"message"));
    sending.pending();
    let mut buffer = [0; 64];
    for _ in 0..sent {
        assert_eq!(drive(&mut reactor, other.recv(&mut buffer)).unwrap(), 7);
    }
    super::kit::turn_until(&mut reactor, || sending.wakes() > 0);
    assert_eq!(sending.ready().unwrap(), 7);
}

#[test]
fn datagrams_are_sent_to_a_path() {
    let (mut reactor, _here) = reactor();
    let (mine, yours) = (Path::new("mine"), Path::new("yours"));
    let one = UnixDatagram::bind(&mine.0).unwrap();
    let other = UnixDatagram::bind(&yours.0).unwrap();
    drive(&mut reactor, one.send_to(b"hi", &yours.0)).unwrap();
    let mut buffer = [0; 8];
    let (length, sender) = drive(&mut reactor, other.recv_from(&mut buffer)).unwrap();
    assert_eq!((length, sender.as_pathname()), (2, Some(mine.0.as_path())));
    assert_eq!(one.try_send_to(b"hello", &yours.0).unwrap(), 5);
    assert_eq!(drive(&mut reactor, other.recv(&mut buffer)).unwrap(), 5);
    other.connect(&mine.0).unwrap();
    drive(&mut reactor, other.send(b"you")).unwrap();
    assert_eq!(drive(&mut reactor, one.recv(&mut buffer)).unwrap(), 3);
}
