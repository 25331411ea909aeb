//! One client of the soak: what it asks for, and how it hangs up.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4};
use std::time::Duration;

use mio::net::TcpStream;
use mio::{Interest, Registry, Token};
use rustix::io::Errno;
use rustix::net::sockopt::set_socket_linger;
use rustix::net::{AddressFamily, SocketFlags, SocketType, bind, connect, socket_with};

use crate::wire;

/// One of so many requests is not seen to its end.
const ABORT_ONE_OF: u64 = 8;
/// After one of so many answers the connection is closed in order.
const RECONNECT_ONE_OF: u64 = 50;
/// Of an answer that is not read to its end, at most so many bytes are read.
const MOST_OF_A_PART: u64 = 100;

/// The addresses of loopback that clients have, one after the other.
const FIRST_ADDRESS: Ipv4Addr = Ipv4Addr::new(127, 1, 0, 0);
const ADDRESSES: u32 = 1 << 23;

/// The pseudo-random numbers of a run (xorshift64*): the same seed, the same choices.
#[derive(Debug)]
pub struct Random(u64);

impl Random {
    pub fn new(seed: u64) -> Random {
        Random(seed.max(1)) // it would stay at 0
    }

    /// From 0 up to, but not including, `end`.
    pub fn below(&mut self, end: u64) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 33) % end
    }

    fn one_of(&mut self, count: u64) -> bool {
        self.below(count) == 0
    }
}

/// What becomes of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Plan {
    /// It is sent and its answer read.
    Whole,
    /// The client hangs up with a part of the request sent, or none of it.
    HalfRequest,
    /// It sends the request and hangs up without reading.
    NoReading,
    /// It hangs up with a part of the answer read.
    HalfAnswer,
}

/// How far a client has come.
#[derive(Debug)]
pub enum Step {
    /// It waits for its socket.
    Waiting,
    /// It hangs up, after a while.
    Aborting(Plan),
    /// It has an answer, with this status, that it expected.
    Answered(&'static str, u16),
}

/// A client, connected or about to be.
#[derive(Debug)]
pub struct Client {
    token: Token,
    stream: Option<TcpStream>,
    request: Vec<u8>,
    /// The request as the report counts it, and which statuses are right for it.
    route: &'static str,
    expected: &'static [u16],
    plan: Plan,
    /// How much of the request is sent by this plan, and how much has been.
    sending: usize,
    sent: usize,
    reply: Vec<u8>,
    /// How much of the answer is read by this plan.
    reading: usize,
}

impl Client {
    pub fn new(token: Token) -> Client {
        Client {
            token,
            stream: None,
            request: Vec::new(),
            route: "",
            expected: &[],
            plan: Plan::Whole,
            sending: 0,
            sent: 0,
            reply: Vec::new(),
            reading: 0,
        }
    }

    /// Thinks of the next request, and connects if need be, as the connection of this number. True
    /// if it has connected.
    pub fn begin(
        &mut self,
        random: &mut Random,
        users: u64,
        address: SocketAddr,
        number: u32,
        registry: &Registry,
    ) -> io::Result<bool> {
        self.choose(random, users);
        if random.one_of(RECONNECT_ONE_OF) {
            self.stream = None;
        }
        let connects = self.stream.is_none();
        if connects {
            let mut stream = connect_from(number, address)?;
            stream.set_nodelay(true)?;
            registry.register(&mut stream, self.token, Interest::READABLE | Interest::WRITABLE)?;
            self.stream = Some(stream);
        }
        Ok(connects)
    }

    fn choose(&mut self, random: &mut Random, users: u64) {
        let id = 1 + random.below(users + users / 10 + 1);
        let other = 1 + (id + random.below(users - 1)) % users;
        let amount = 1 + random.below(50);
        let (route, request, expected): (_, _, &[u16]) = match random.below(4) {
            0 => ("GET /health", wire::request("GET", "/health", ""), &[200]),
            1 => {
                let body = format!(r#"{{"id":{id},"text":"{}"}}"#, "x".repeat(amount as usize * 8));
                ("POST /{name}", wire::request("POST", &format!("/client{id}"), &body), &[200])
            }
            2 => {
                let expected: &[u16] = if id <= users { &[200] } else { &[404] };
                ("GET /users/{id}", wire::request("GET", &format!("/users/{id}"), ""), expected)
            }
            _ => {
                let from = 1 + (id - 1) % users;
                let body = format!(r#"{{"from":{from},"to":{other},"amount":{amount}}}"#);
                ("POST /transfer", wire::request("POST", "/transfer", &body), &[200, 409])
            }
        };
        self.plan = match random.below(3) {
            _ if !random.one_of(ABORT_ONE_OF) => Plan::Whole,
            0 => Plan::HalfRequest,
            1 => Plan::NoReading,
            _ => Plan::HalfAnswer,
        };
        (self.sent, self.sending, self.reading) = (0, request.len(), usize::MAX);
        if self.plan == Plan::HalfRequest {
            self.sending = random.below(request.len() as u64) as usize;
        }
        if self.plan == Plan::HalfAnswer {
            self.reading = 1 + random.below(MOST_OF_A_PART) as usize;
        }
        self.reply.clear();
        (self.route, self.request, self.expected) = (route, request, expected);
    }

    /// Goes on until it has to wait, has an answer, or has come to where it hangs up.
    ///
    /// # Errors
    /// If the connection breaks, or the answer is not one that is expected.
    pub fn advance(&mut self) -> io::Result<Step> {
        let Some(stream) = &mut self.stream else { return Ok(Step::Waiting) };
        while self.sent < self.sending {
            match stream.write(&self.request[self.sent..self.sending]) {
                Ok(count) => self.sent += count,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(Step::Waiting),
                Err(error) => return Err(error),
            }
        }
        if matches!(self.plan, Plan::HalfRequest | Plan::NoReading) {
            return Ok(Step::Aborting(self.plan));
        }
        loop {
            let mut buffer = [0; 4096];
            let room = buffer.len().min(self.reading - self.reply.len());
            match stream.read(&mut buffer[..room]) {
                Ok(0) => return Err(ErrorKind::UnexpectedEof.into()),
                Ok(count) => self.reply.extend_from_slice(&buffer[..count]),
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(Step::Waiting),
                Err(error) => return Err(error),
            }
            if self.reply.len() == self.reading {
                return Ok(Step::Aborting(self.plan));
            }
            let Some(reply) = wire::reply(&self.reply)? else { continue };
            if reply.bytes == self.reply.len() && self.expected.contains(&reply.status) {
                return Ok(Step::Answered(self.route, reply.status));
            }
            let text = String::from_utf8_lossy(&self.reply);
            return Err(io::Error::other(format!("answered {text:?}")));
        }
    }

    /// Hangs up: in order, or by a reset, which the server meets as an error.
    pub fn hang_up(&mut self, by_reset: bool) {
        if let Some(stream) = self.stream.take()
            && by_reset
        {
            let _ = set_socket_linger(&stream, Some(Duration::ZERO));
        }
    }

    /// What it was at, for the report of an error: where from, what, how far.
    pub fn place(&self) -> String {
        let address = self.stream.as_ref().map(TcpStream::local_addr);
        let Client { route, plan, sent, sending, reply, .. } = self;
        let read = reply.len();
        format!("{address:?}: {route}, {plan:?}, {sent} of {sending} bytes sent, {read} read")
    }
}

/// Begins to connect. A connection over loopback has an address of its own: a port of one address
/// would be used again and again, also while the server has not yet seen the end of the connection
/// that had it before, and then what was meant for one reaches the other.
fn connect_from(number: u32, address: SocketAddr) -> io::Result<TcpStream> {
    if !address.ip().is_loopback() || address.is_ipv6() {
        return TcpStream::connect(address);
    }
    let flags = SocketFlags::NONBLOCK | SocketFlags::CLOEXEC;
    let socket = socket_with(AddressFamily::INET, SocketType::STREAM, flags, None)?;
    let from = Ipv4Addr::from_bits(FIRST_ADDRESS.to_bits() + number % ADDRESSES);
    bind(&socket, &SocketAddrV4::new(from, 0))?;
    match connect(&socket, &address) {
        Ok(()) | Err(Errno::INPROGRESS) => Ok(TcpStream::from_std(socket.into())),
        Err(error) => Err(error.into()),
    }
}
