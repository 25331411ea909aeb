//! Tests of the reactor floor. Each turns its own reactor by hand, on its own thread.

mod copying;
mod descriptors;
mod io;
mod kit;
mod rebind;
mod signal;
mod tcp;
mod turn;
mod udp;
mod unix;
mod waiting;
