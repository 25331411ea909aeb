//! A process that runs out of descriptors. It is a process of its own: the limit is the process's.

use std::cell::Cell;
use std::fs::File;
use std::process::Command;

use rustix::process::{Resource, Rlimit, setrlimit};
use windlass_reactor::net::{TcpListener, TcpStream};

use super::kit::{drive, reactor};

/// Set in the child process.
const CHILD: &str = "WINDLASS_TEST_DESCRIPTORS_CHILD";

fn in_child(name: &str, body: fn()) {
    if std::env::var_os(CHILD).is_some() {
        body();
        std::process::exit(42);
    }
    let child = Command::new(std::env::current_exe().unwrap())
        .args([&format!("reactor::descriptors::{name}"), "--exact"])
        .env(CHILD, "1")
        .output()
        .unwrap();
    assert_eq!(child.status.code(), Some(42), "{child:?}");
}

/// Takes every descriptor that is left.
fn take_all() -> Vec<File> {
    let few = Rlimit { current: Some(64), maximum: Some(64) };
    setrlimit(Resource::Nofile, few).unwrap();
    let mut files = Vec::new();
    while let Ok(file) = File::open("/dev/null") {
        files.push(file);
    }
    files
}

#[test]
fn accept_reports_that_there_is_no_descriptor_left_and_loses_no_connection() {
    in_child("accept_reports_that_there_is_no_descriptor_left_and_loses_no_connection", || {
        let (mut reactor, _here) = reactor();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let client = TcpStream::connect(listener.local_addr().unwrap());
        let client = drive(&mut reactor, client).unwrap();
        let files = take_all();
        let error = drive(&mut reactor, listener.accept()).unwrap_err();
        assert_eq!(rustix::io::Errno::from_io_error(&error), Some(rustix::io::Errno::MFILE));
        drop(files);
        let (server, _) = drive(&mut reactor, listener.accept()).unwrap();
        drive(&mut reactor, client.write_all(b"x")).unwrap();
        drive(&mut reactor, server.read_exact(&mut [0; 1])).unwrap();
    });
}

#[test]
fn a_resilient_accept_backs_off_and_keeps_serving() {
    in_child("a_resilient_accept_backs_off_and_keeps_serving", || {
        let (mut reactor, _here) = reactor();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let client = TcpStream::connect(listener.local_addr().unwrap());
        let _client = drive(&mut reactor, client).unwrap();
        let files = Cell::new(take_all());
        let backed_off = Cell::new(0);
        let accept = listener.accept_resilient(|_| {
            backed_off.set(backed_off.get() + 1);
            if backed_off.get() == 3 {
                drop(files.take());
            }
            std::future::ready(())
        });
        drive(&mut reactor, accept).unwrap();
        assert_eq!(backed_off.get(), 3);
    });
}
