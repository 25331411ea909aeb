//! The reactor floor: waiting for sockets without a thread each.
//!
//! # The problem
//!
//! A read of a socket blocks its thread until there is something to read. With a thousand
//! connections that is a thousand threads, most of them asleep. The kernel offers another way: make
//! the sockets non-blocking, and ask it to report, for all of them at once, which have *become*
//! ready. One thread can then wait for a thousand sockets, and the others never wait for any.
//!
//! What has to be built on that: a table from the kernel's reports to the tasks that wait; a memory
//! of each socket's state, since a report comes once; and a way to get the waiting thread out of its
//! sleep when there is other work.
//!
//! ```text
//!    a task                        the owner of the reactor              the kernel
//!    ------                        ------------------------              ----------
//!    stream.read(&mut buffer)
//!      | look at the word: ready?
//!      | recv --------------------------------------------------------->  WouldBlock
//!      | clear the word, by tick
//!      | store waker, set the waiting bit
//!      '-> Pending                 turn:
//!                                    poll  -------------------------->  sleeps ...
//!                                    one lock for all events      <---  "socket 7 is readable"
//!                                      word: tick + 1, READABLE
//!                                      waiting bit? take the wakers
//!                                    unlock, then wake
//!    stream.read, polled again  <----'
//!      | look at the word: ready
//!      | recv --------------------------------------------------------->  12 bytes
//!      | fewer than asked for: clear the word, no further call
//!      '-> Ready(12)
//! ```
//!
//! # In reading order
//!
//! | file | what |
//! |---|---|
//! | [`readiness`] | one word per socket: what is known of it, and why no report is ever lost |
//! | [`source`] | the word joined with those who wait; the table of all sources |
//! | [`sleep`] | who must write to the wake-up channel, and who need not |
//! | `alarm.rs` | deadlines finer than a millisecond |
//! | `reactor.rs` | [`Reactor::turn`], which ties these together |
//! | `handle.rs` | [`Handle`]: the current reactor of a thread |
//! | `error.rs` | [`is_runtime_gone`], and errors that name their address |
//! | `registration.rs` | the loop that every socket operation goes through |
//! | [`net`] | the sockets |
//! | [`io`] | what is done with streams over and over |
//! | [`signal`] | signals, which arrive through a socket, too |
//!
//! # What it does not know
//!
//! Tasks, timers, threads: it wakes [`Waker`](core::task::Waker)s, is given a deadline, and is
//! turned by whoever owns it. The `run` of the examples is in `doc/run.in`: poll the future, turn the
//! reactor, poll again. It resolves no names. The version promise of windlass covers its
//! facade; the items here are public so that they can be read, modelled and reused.
//!
//! It needs a Unix system.
#![forbid(unsafe_code)]
#![cfg_attr(not(unix), allow(unused))]

#[cfg(not(unix))]
compile_error!("windlass needs a Unix system: Linux, macOS or a BSD");

pub mod io;
pub mod net;
pub mod readiness;
pub mod signal;
pub mod sleep;
pub mod source;

mod alarm;
mod error;
mod handle;
mod reactor;
mod registration;

pub use error::is_runtime_gone;
pub use handle::{EnterGuard, Handle};
pub use reactor::Reactor;
