//! The clients of the echo rows: one thread, in a process of its own, the same for every server.
//!
//! A closed loop: each connection sends 64 bytes, waits for all of them to come back, sends again.
//! It shares the machine with the server, so its own cost is part of every figure and makes the
//! servers look more alike than they are.

use std::io::{ErrorKind, Read, Write};
use std::net::SocketAddr;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use mio::net::TcpStream;
use mio::{Events, Interest, Poll, Token};

use crate::measure::Plan;

const REQUEST_BYTES: usize = 64;
/// Events of one turn of the loop; more connections than this are served in the next turn.
const EVENTS: usize = 1024;

/// Starts the load generator against `address` and waits for it: requests per second.
///
/// A load generator that fails ends this process, or the server would wait for ever.
pub fn ask(plan: Plan, address: SocketAddr, connections: usize) -> f64 {
    let (warm_ms, measured_ms) = if plan.quick { (50, 200) } else { (300, 1000) };
    let words = [connections, warm_ms, measured_ms].map(|number| number.to_string());
    let output = std::env::current_exe().and_then(|program| {
        let mut command = Command::new(program);
        command.arg("load").arg(address.to_string()).args(words).stderr(Stdio::inherit());
        command.output()
    });
    let text = output.map(|output| String::from_utf8_lossy(&output.stdout).into_owned());
    match text.map(|text| text.trim().parse()) {
        Ok(Ok(rate)) => rate,
        trouble => {
            eprintln!("the load generator gave no figure: {trouble:?}");
            std::process::exit(1)
        }
    }
}

/// The load generator itself: `load ADDRESS CONNECTIONS WARM_MS MEASURED_MS`.
///
/// # Errors
/// A text, if the words are wrong or the server goes away.
pub fn run(words: &[&str]) -> Result<(), String> {
    let [address, connections, warm_ms, measured_ms] = words else {
        return Err("load ADDRESS CONNECTIONS WARM_MS MEASURED_MS".to_owned());
    };
    let address: SocketAddr = address.parse().map_err(|_| format!("no address: {address}"))?;
    let number = |word: &str| word.parse().map_err(|_| format!("not a number: {word}"));
    let connections = number(connections)?;
    let warm = Duration::from_millis(number(warm_ms)?);
    let measured = Duration::from_millis(number(measured_ms)?);
    let rate = Load::connect(address, connections as usize)
        .and_then(|mut load| {
            load.requests_for(warm)?;
            load.requests_for(measured)
        })
        .map_err(|error| format!("load: {error}"))?;
    println!("{rate:.1}");
    Ok(())
}

struct Load {
    poll: Poll,
    events: Events,
    clients: Vec<Client>,
}

struct Client {
    stream: TcpStream,
    /// Bytes of the current answer that have arrived.
    arrived: usize,
}

impl Load {
    /// Connects everybody and sends everybody's first request.
    fn connect(address: SocketAddr, connections: usize) -> std::io::Result<Load> {
        let poll = Poll::new()?;
        let mut clients = Vec::with_capacity(connections);
        for index in 0..connections {
            let stream = std::net::TcpStream::connect(address)?;
            stream.set_nodelay(true)?;
            stream.set_nonblocking(true)?;
            let mut stream = TcpStream::from_std(stream);
            poll.registry().register(&mut stream, Token(index), Interest::READABLE)?;
            clients.push(Client { stream, arrived: 0 });
        }
        for client in &mut clients {
            client.send()?;
        }
        Ok(Load { poll, events: Events::with_capacity(EVENTS), clients })
    }

    /// Answers per second over the next `span`.
    fn requests_for(&mut self, span: Duration) -> std::io::Result<f64> {
        let start = Instant::now();
        let mut answers = 0_u64;
        loop {
            let spent = start.elapsed();
            if spent >= span {
                return Ok(answers as f64 / spent.as_secs_f64());
            }
            match self.poll.poll(&mut self.events, Some(span - spent)) {
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                outcome => outcome?,
            }
            for event in &self.events {
                answers += u64::from(self.clients[event.token().0].receive()?);
            }
        }
    }
}

impl Client {
    fn send(&mut self) -> std::io::Result<()> {
        // There is never more than one request under way, so the socket buffer has room.
        self.stream.write_all(&[b'w'; REQUEST_BYTES])
    }

    /// Takes what has come. True if that completed an answer; the next request is then sent.
    fn receive(&mut self) -> std::io::Result<bool> {
        let mut buffer = [0; REQUEST_BYTES];
        while self.arrived < REQUEST_BYTES {
            match self.stream.read(&mut buffer[self.arrived..]) {
                Ok(0) => return Err(ErrorKind::UnexpectedEof.into()),
                Ok(count) => self.arrived += count,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(false),
                Err(error) => return Err(error),
            }
        }
        // The server sends nothing unasked, so there is nothing left to read, and the next answer
        // is a new edge.
        self.arrived = 0;
        self.send()?;
        Ok(true)
    }
}
