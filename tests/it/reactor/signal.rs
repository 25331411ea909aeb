//! Signals. Each test uses a signal of its own, since they belong to the whole process.

use std::io::ErrorKind;
use std::process::Command;

use rustix::process::{Signal, getpid, kill_process};
use windlass_reactor::signal::{SIGALRM, SIGHUP, SIGUSR1, SIGUSR2, SIGWINCH, ctrl_c, signal};
use windlass_reactor::{Reactor, is_runtime_gone};
use windlass_sync::waiting::{self, Reason};

use super::kit::{drive, reactor, turn_until};
use crate::kit::Hand;

fn raise(signal: Signal) {
    kill_process(getpid(), signal).unwrap();
}

// SIG-08
#[test]
fn a_signal_ends_a_long_sleep_of_the_reactor() {
    let (mut reactor, _here) = reactor();
    let mut listener = signal(SIGUSR1).unwrap();
    let mut waiting = Hand::new(listener.recv());
    waiting.pending();
    let other = std::thread::spawn(|| raise(Signal::USR1));
    turn_until(&mut reactor, || waiting.wakes() > 0);
    other.join().unwrap();
    waiting.ready().unwrap();
}

// SIG-11
#[test]
fn several_listeners_in_several_runtimes_all_hear_a_signal() {
    let (mut one, here) = reactor();
    let mut first = signal(SIGUSR2).unwrap();
    let mut second = signal(SIGUSR2).unwrap();
    drop(here);
    let (mut other, _here) = reactor();
    let mut third = signal(SIGUSR2).unwrap();
    raise(Signal::USR2);
    drive(&mut one, first.recv()).unwrap();
    drive(&mut one, second.recv()).unwrap();
    drive(&mut other, third.recv()).unwrap();
    // Dropping one, and then a whole runtime, leaves the others.
    drop(first);
    raise(Signal::USR2);
    drive(&mut one, second.recv()).unwrap();
    drive(&mut other, third.recv()).unwrap();
    drop(one);
    raise(Signal::USR2);
    assert!(is_runtime_gone(&Hand::new(second.recv()).ready().unwrap_err()));
    drive(&mut other, third.recv()).unwrap();
}

// SIG-12
#[test]
fn a_listener_made_after_all_others_were_dropped_hears_later_signals() {
    let (mut reactor, _here) = reactor();
    for _ in 0..3 {
        let mut listener = signal(SIGHUP).unwrap();
        raise(Signal::HUP);
        drive(&mut reactor, listener.recv()).unwrap();
    }
    raise(Signal::HUP); // nobody listens: ignored
    assert_eq!(reactor.handle().source_count(), 0);
}

// SIG-09
#[test]
fn numbers_that_are_no_signals_or_cannot_be_caught_are_refused() {
    let (_reactor, _here) = reactor();
    for number in [-1, 0, 9 /* SIGKILL */, 19 /* SIGSTOP */, 11 /* SIGSEGV */, 4096] {
        let error = signal(number).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput, "{number}: {error}");
        assert!(error.to_string().contains(&number.to_string()), "{error}");
    }
    assert_eq!(Reactor::new().unwrap().handle().source_count(), 0);
}

#[test]
fn a_burst_of_signals_counts_as_one() {
    let (mut reactor, _here) = reactor();
    let mut listener = signal(SIGWINCH).unwrap();
    for _ in 0..200 {
        raise(Signal::WINCH);
    }
    drive(&mut reactor, listener.recv()).unwrap();
    Hand::new(listener.recv()).pending();
}

#[test]
fn a_listener_says_what_it_waits_for_and_where() {
    let (_reactor, _here) = reactor();
    let mut listener = signal(SIGALRM).unwrap();
    let line = line!() + 1;
    Hand::new(listener.recv()).pending();
    let waiting = waiting::take().unwrap();
    assert_eq!(waiting.reason, Reason::Signal { number: SIGALRM });
    assert_eq!((waiting.at.file(), waiting.at.line()), (file!(), line));
}

#[test]
fn listening_without_a_reactor_says_what_to_do() {
    let error = signal(SIGALRM).unwrap_err();
    assert!(error.to_string().contains("enter a runtime::Handle"), "{error}");
    assert!(Hand::new(ctrl_c()).ready().is_err());
}

/// Set in the child process of the next test.
const CHILD: &str = "WINDLASS_TEST_CTRL_C_CHILD";

// SIG-07, in a process of its own: a Ctrl-C here would end the whole test run.
#[test]
fn ctrl_c_is_counted_from_the_call_and_not_from_the_first_poll() {
    if std::env::var_os(CHILD).is_some() {
        let (mut reactor, _here) = reactor();
        let stop = ctrl_c();
        raise(Signal::INT); // would end a process that does not listen
        drive(&mut reactor, stop).unwrap();
        std::process::exit(42);
    }
    let name = "reactor::signal::ctrl_c_is_counted_from_the_call_and_not_from_the_first_poll";
    let child = Command::new(std::env::current_exe().unwrap())
        .args([name, "--exact"])
        .env(CHILD, "1")
        .output()
        .unwrap();
    assert_eq!(child.status.code(), Some(42), "{child:?}");
}
