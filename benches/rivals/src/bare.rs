//! The echo server without futures: mio loops. The floor of the echo rows.
//!
//! Measured with one loop per worker (`bare`) and with one in all (`bare_1`); the one whose median is
//! better counts. Where clients and server share few cores, a second loop only gets
//! into the way of the first and of the clients.
//!
//! It knows how many connections come, accepts them all, and deals them out before the loops
//! start, so that it needs no hand-over between threads at all.

use std::io::{ErrorKind, Read, Write};
use std::net::{Ipv4Addr, TcpListener};

use mio::net::TcpStream;
use mio::{Events, Interest, Poll, Token};

use crate::load;
use crate::measure::Plan;

const EVENTS: usize = 1024;

/// What the two are called.
pub const NAMES: [&str; 2] = ["bare", "bare_1"];

/// Requests per second of the echo row `row`, under one of the two names.
///
/// # Errors
/// If it is no echo row.
pub fn measure(name: &str, row: &str, plan: Plan) -> Result<Vec<f64>, String> {
    let connections = row.strip_prefix("echo_").and_then(|number| number.parse().ok());
    let connections: usize = connections.ok_or("bare knows the echo rows only")?;
    let loops = if name == NAMES[1] { 1 } else { plan.workers };
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a loopback port is free");
    let address = listener.local_addr().expect("a bound listener has an address");
    std::thread::spawn(move || serve(&listener, connections, loops));
    Ok(vec![load::ask(plan, address, connections)])
}

fn serve(listener: &TcpListener, connections: usize, loops: usize) {
    let mut hands: Vec<Vec<TcpStream>> = (0..loops).map(|_| Vec::new()).collect();
    for index in 0..connections {
        let (stream, _) = listener.accept().expect("accept works on loopback");
        stream.set_nodelay(true).expect("TCP has this option");
        stream.set_nonblocking(true).expect("sockets can be non-blocking");
        hands[index % loops].push(TcpStream::from_std(stream));
    }
    for hand in hands {
        std::thread::spawn(move || echo(hand).expect("the loop works"));
    }
}

fn echo(mut streams: Vec<TcpStream>) -> std::io::Result<()> {
    let mut poll = Poll::new()?;
    let mut events = Events::with_capacity(EVENTS);
    for (index, stream) in streams.iter_mut().enumerate() {
        poll.registry().register(stream, Token(index), Interest::READABLE)?;
    }
    let mut buffer = [0; 1024];
    loop {
        match poll.poll(&mut events, None) {
            Err(error) if error.kind() == ErrorKind::Interrupted => continue,
            outcome => outcome?,
        }
        for event in &events {
            let stream = &mut streams[event.token().0];
            // A request is shorter than the buffer, so one read empties the socket.
            match stream.read(&mut buffer) {
                // The load generator has gone: it had what it came for.
                Ok(0) => poll.registry().deregister(stream)?,
                Ok(count) => drop(stream.write_all(&buffer[..count])),
                Err(_) => {}
            }
        }
    }
}
