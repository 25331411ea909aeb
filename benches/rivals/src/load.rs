//! The clients of the rows with sockets: one thread, in a process of its own, the same for every server.
//!
//! A closed loop: each connection sends 64 bytes, waits for all of them to come back, sends again.
//! It shares the machine with the server, so its own cost is part of every figure and makes the
//! servers look more alike than they are.
//!
//! With `churn`, each connection is closed after one answer and another takes its place. `calm` is
//! an open loop: a request each millisecond, whether the one before is answered or not.

use std::io::{ErrorKind, Read, Write};
use std::net::SocketAddr;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use mio::net::TcpStream;
use mio::{Events, Interest, Poll, Token};

use crate::measure::Plan;

const REQUEST_BYTES: usize = 64;
const REQUEST: [u8; REQUEST_BYTES] = [b'w'; REQUEST_BYTES];
/// Events of one turn of the loop; more connections than this are served in the next turn.
const EVENTS: usize = 1024;
/// From one request of `calm` to the next.
const CALM_PERIOD: Duration = Duration::from_millis(1);

/// Asks `address` over so many connections: requests per second.
pub fn ask(plan: Plan, address: SocketAddr, connections: usize) -> f64 {
    start(plan, "ask", address, connections)
}

/// Connects to `address`, so many at a time, for one request each: connections per second.
pub fn churn(plan: Plan, address: SocketAddr, connections: usize) -> f64 {
    start(plan, "churn", address, connections)
}

/// Asks `address` once a millisecond: how many requests that were.
pub fn calm(plan: Plan, address: SocketAddr, connections: usize) -> f64 {
    start(plan, "calm", address, connections)
}

/// Starts the load generator and waits for its figure.
///
/// A load generator that fails ends this process, or the server would wait for ever.
fn start(plan: Plan, mode: &str, address: SocketAddr, connections: usize) -> f64 {
    let (warm_ms, measured_ms) = if plan.quick { (50, 200) } else { (300, 1000) };
    let words = [connections, warm_ms, measured_ms].map(|number| number.to_string());
    let output = std::env::current_exe().and_then(|program| {
        let mut command = Command::new(program);
        command.args(["load", mode]).arg(address.to_string()).args(words);
        command.stderr(Stdio::inherit()).output()
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

/// The load generator itself: `load MODE ADDRESS CONNECTIONS WARM_MS MEASURED_MS`.
///
/// # Errors
/// A text, if the words are wrong or the server goes away.
pub fn run(words: &[&str]) -> Result<(), String> {
    let [mode, address, connections, warm_ms, measured_ms] = words else {
        return Err("load MODE ADDRESS CONNECTIONS WARM_MS MEASURED_MS".to_owned());
    };
    let address: SocketAddr = address.parse().map_err(|_| format!("no address: {address}"))?;
    let number = |word: &str| word.parse().map_err(|_| format!("not a number: {word}"));
    let connections = number(connections)? as usize;
    let warm = Duration::from_millis(number(warm_ms)?);
    let measured = Duration::from_millis(number(measured_ms)?);
    let figure = if *mode == "calm" {
        one_each_period(address, connections, measured)
    } else {
        Load::connect(address, connections, *mode == "churn").and_then(|mut load| {
            load.answers_for(warm)?;
            load.answers_for(measured)
        })
    };
    println!("{:.1}", figure.map_err(|error| format!("load: {error}"))?);
    Ok(())
}

/// The loop of `calm`. A connection has its turn again long after its answer should have come; if
/// it has not, requests gather meanwhile and follow at once.
fn one_each_period(
    address: SocketAddr,
    connections: usize,
    span: Duration,
) -> std::io::Result<f64> {
    let connect = |_| {
        let stream = std::net::TcpStream::connect(address)?;
        stream.set_nodelay(true).map(|()| stream)
    };
    let mut streams = (0..connections).map(connect).collect::<std::io::Result<Vec<_>>>()?;
    let mut answer = [0; REQUEST_BYTES];
    let requests = (span.as_nanos() / CALM_PERIOD.as_nanos()) as usize;
    let start = Instant::now();
    for request in 0..requests {
        let due = start + CALM_PERIOD * request as u32;
        std::thread::sleep(due.saturating_duration_since(Instant::now()));
        let stream = &mut streams[request % connections];
        if request >= connections {
            stream.read_exact(&mut answer)?;
        }
        stream.write_all(&REQUEST)?;
    }
    for stream in &mut streams[..connections.min(requests)] {
        stream.read_exact(&mut answer)?;
    }
    Ok(requests as f64)
}

struct Load {
    address: SocketAddr,
    /// Whether each connection ends with its first answer.
    churn: bool,
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
    fn connect(address: SocketAddr, connections: usize, churn: bool) -> std::io::Result<Load> {
        let poll = Poll::new()?;
        let connect = |index| Client::connect(address, &poll, Token(index));
        let clients = (0..connections).map(connect).collect::<std::io::Result<Vec<_>>>()?;
        let events = Events::with_capacity(EVENTS);
        let mut load = Load { address, churn, poll, events, clients };
        for client in &mut load.clients {
            client.send()?;
        }
        Ok(load)
    }

    /// Answers per second over the next `span`.
    fn answers_for(&mut self, span: Duration) -> std::io::Result<f64> {
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
                let client = &mut self.clients[event.token().0];
                if !client.receive()? {
                    continue;
                }
                answers += 1;
                if self.churn {
                    client.reset()?;
                    *client = Client::connect(self.address, &self.poll, event.token())?;
                }
                client.send()?;
            }
        }
    }
}

impl Client {
    /// On loopback the kernel connects before it returns, as long as the backlog has room.
    fn connect(address: SocketAddr, poll: &Poll, token: Token) -> std::io::Result<Client> {
        let stream = std::net::TcpStream::connect(address)?;
        stream.set_nodelay(true)?;
        stream.set_nonblocking(true)?;
        let mut stream = TcpStream::from_std(stream);
        poll.registry().register(&mut stream, token, Interest::READABLE)?;
        Ok(Client { stream, arrived: 0 })
    }

    /// Has the connection closed with a reset: an orderly end would keep its port for a minute,
    /// and there are not so many.
    fn reset(&self) -> std::io::Result<()> {
        let linger = Some(Duration::ZERO);
        rustix::net::sockopt::set_socket_linger(&self.stream, linger).map_err(Into::into)
    }

    fn send(&mut self) -> std::io::Result<()> {
        // There is never more than one request under way, so the socket buffer has room.
        self.stream.write_all(&REQUEST)
    }

    /// Takes what has come. True if that completed an answer; the next request is then due.
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
        Ok(true)
    }
}
