//! The clients of the comparison: one thread, in a process of its own, the same for every server.
//!
//! A closed loop: each connection has one request under way, and sends the next one when the answer
//! has come. It shares the machine with the server, so its own cost is part of every figure and makes
//! the servers look more alike than they are.

use std::io::{self, ErrorKind, Read, Write};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use mio::net::TcpStream;
use mio::{Events, Interest, Poll, Token};

use crate::wire;

/// Events of one turn of the loop; more connections than this are served in the next turn.
const EVENTS: usize = 1024;
/// Larger than any answer here.
const REPLY_BYTES: usize = 4096;

/// The routes that are measured, and what is sent to them.
pub const ROUTES: [(&str, &str, &str, &str); 2] = [
    ("GET /health", "GET", "/health", ""),
    ("POST /{name}", "POST", "/Ada", r#"{"id":17,"tags":["red","green"],"ratio":0.25,"on":true}"#),
];

/// What a pass over a route gave.
#[derive(Debug, Clone, Copy)]
pub struct Pass {
    pub requests_per_second: f64,
    pub p50_us: f64,
    pub p99_us: f64,
    /// All requests, the warm-up's too.
    pub requests: u64,
}

impl Pass {
    /// From the line that [`run`] prints.
    pub fn read(line: &str) -> Option<Pass> {
        let mut words = line.split_whitespace();
        let mut next = || words.next()?.parse::<f64>().ok();
        let (requests_per_second, p50_us, p99_us) = (next()?, next()?, next()?);
        Some(Pass { requests_per_second, p50_us, p99_us, requests: next()? as u64 })
    }
}

/// The child: `load ADDRESS ROUTE CONNECTIONS WARM_MS MEASURED_MS`; the route by its number.
///
/// # Errors
/// A text, if the words are wrong, the server goes away or answers otherwise than with status 200.
pub fn run(words: &[&str]) -> Result<(), String> {
    let [address, numbers @ ..] = words else { return Err("load what?".to_owned()) };
    let address: SocketAddr = address.parse().map_err(|_| format!("no address: {address}"))?;
    let numbers = numbers.iter().map(|word| word.parse().map_err(|_| format!("no number: {word}")));
    let numbers: Vec<u64> = numbers.collect::<Result<_, _>>()?;
    let [route, connections, warm, measured] = numbers[..] else {
        return Err("load ADDRESS ROUTE CONNECTIONS WARM_MS MEASURED_MS".to_owned());
    };
    let pass = pass(address, route as usize, connections as usize, [warm, measured]);
    let Pass { requests_per_second, p50_us, p99_us, requests } =
        pass.map_err(|error| format!("load: {error}"))?;
    println!("{requests_per_second:.1} {p50_us:.1} {p99_us:.1} {requests}");
    Ok(())
}

fn pass(address: SocketAddr, route: usize, connections: usize, ms: [u64; 2]) -> io::Result<Pass> {
    let (_, method, path, body) = ROUTES[route];
    let mut load = Load::connect(address, wire::request(method, path, body), connections)?;
    let [warm, measured] = ms.map(Duration::from_millis);
    load.requests_for(warm)?;
    let warm_requests = load.nanoseconds.len();
    load.nanoseconds.clear();
    let spent = load.requests_for(measured)?.as_secs_f64();
    let mut sorted = load.nanoseconds;
    sorted.sort_unstable();
    let rank = |percent: usize| (sorted.len() * percent).div_ceil(100).max(1) - 1;
    let us = |percent| sorted.get(rank(percent)).map_or(f64::NAN, |ns| f64::from(*ns) / 1e3);
    Ok(Pass {
        requests_per_second: sorted.len() as f64 / spent,
        p50_us: us(50),
        p99_us: us(99),
        requests: (warm_requests + sorted.len()) as u64,
    })
}

struct Load {
    poll: Poll,
    events: Events,
    request: Vec<u8>,
    clients: Vec<Client>,
    /// How long each request took that was answered.
    nanoseconds: Vec<u32>,
}

struct Client {
    stream: TcpStream,
    sent: Instant,
    /// What has arrived of the answer.
    reply: [u8; REPLY_BYTES],
    arrived: usize,
}

impl Load {
    /// Connects everybody and sends everybody's first request.
    fn connect(address: SocketAddr, request: Vec<u8>, connections: usize) -> io::Result<Load> {
        let poll = Poll::new()?;
        let mut clients = Vec::with_capacity(connections);
        for index in 0..connections {
            let stream = std::net::TcpStream::connect(address)?;
            stream.set_nodelay(true)?;
            stream.set_nonblocking(true)?;
            let mut stream = TcpStream::from_std(stream);
            poll.registry().register(&mut stream, Token(index), Interest::READABLE)?;
            let sent = Instant::now();
            clients.push(Client { stream, sent, reply: [0; REPLY_BYTES], arrived: 0 });
        }
        for client in &mut clients {
            client.send(&request)?;
        }
        let events = Events::with_capacity(EVENTS);
        Ok(Load { poll, events, request, clients, nanoseconds: Vec::new() })
    }

    /// Goes on for a while, and says how long that was.
    fn requests_for(&mut self, span: Duration) -> io::Result<Duration> {
        let start = Instant::now();
        loop {
            let spent = start.elapsed();
            if spent >= span {
                return Ok(spent);
            }
            match self.poll.poll(&mut self.events, Some(span - spent)) {
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                outcome => outcome?,
            }
            for event in &self.events {
                let client = &mut self.clients[event.token().0];
                if client.receive()? {
                    let took = client.sent.elapsed().as_nanos();
                    self.nanoseconds.push(took.try_into().unwrap_or(u32::MAX));
                    client.send(&self.request)?;
                }
            }
        }
    }
}

impl Client {
    fn send(&mut self, request: &[u8]) -> io::Result<()> {
        self.sent = Instant::now();
        // There is never more than one request under way, so the socket buffer has room.
        self.stream.write_all(request)
    }

    /// Takes what has come. True if that completed an answer.
    fn receive(&mut self) -> io::Result<bool> {
        loop {
            match self.stream.read(&mut self.reply[self.arrived..]) {
                Ok(0) => return Err(ErrorKind::UnexpectedEof.into()),
                Ok(count) => self.arrived += count,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(false),
                Err(error) => return Err(error),
            }
            let Some(reply) = wire::reply(&self.reply[..self.arrived])? else { continue };
            if reply.status != 200 || reply.bytes != self.arrived {
                let text = String::from_utf8_lossy(&self.reply[..self.arrived]);
                return Err(io::Error::other(format!("the server answered {text:?}")));
            }
            // The server sends nothing unasked, so there is nothing left to read, and the next
            // answer is a new edge.
            self.arrived = 0;
            return Ok(true);
        }
    }
}
