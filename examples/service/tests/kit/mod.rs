//! The service as a process, and a client that says exactly what it is told to.
#![allow(dead_code, reason = "each test binary uses a part")]

use std::io::{BufRead, BufReader, ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

/// Longer than anything here takes on a busy machine.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// A running service. Dropping it stops it.
pub struct Service {
    child: Child,
    pub address: SocketAddr,
    out: Lines,
    err: Lines,
}

/// What comes out of it, and whether that was all.
#[derive(Clone, Default)]
struct Lines(Arc<Mutex<(Vec<String>, bool)>>);

impl Lines {
    /// Collects what comes from there.
    fn from(source: impl Read + Send + 'static) -> Lines {
        let lines = Lines::default();
        let sink = lines.clone();
        thread::spawn(move || {
            for line in BufReader::new(source).lines().map_while(Result::ok) {
                sink.0.lock().unwrap().0.push(line);
            }
            sink.0.lock().unwrap().1 = true;
        });
        lines
    }

    fn all(&self) -> Vec<String> {
        self.0.lock().unwrap().0.clone()
    }

    fn are_all_there(&self) -> bool {
        self.0.lock().unwrap().1
    }
}

/// The program with these flags, and nothing of our environment that changes what it does.
pub fn command(flags: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_service"));
    command.args(flags).env("RUST_BACKTRACE", "0").env_remove("WINDLASS_DEBUG");
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

impl Service {
    /// Starts one on a free port, with the routes that misbehave.
    pub fn start(flags: &[&str]) -> Service {
        Self::start_at("127.0.0.1:0", flags)
    }

    pub fn start_at(address: &str, flags: &[&str]) -> Service {
        let mut child = command(&["--listen", address, "--faults"]).args(flags).spawn().unwrap();
        let out = Lines::from(child.stdout.take().unwrap());
        let err = Lines::from(child.stderr.take().unwrap());
        let mut service = Service { child, address: "127.0.0.1:0".parse().unwrap(), out, err };
        let line = service.says("running on http://");
        let address = line.split("http://").nth(1).unwrap().split(' ').next().unwrap();
        service.address = address.parse().unwrap();
        service
    }

    /// Waits for a line on standard output that holds this.
    pub fn says(&self, part: &str) -> String {
        wait_for(|| self.out.all().into_iter().find(|line| line.contains(part)), part, self)
    }

    /// Waits for a line on standard error that holds this.
    pub fn logs(&self, part: &str) -> String {
        wait_for(|| self.err.all().into_iter().find(|line| line.contains(part)), part, self)
    }

    /// The lines on standard error so far that hold this.
    pub fn logged(&self, part: &str) -> Vec<String> {
        self.err.all().into_iter().filter(|line| line.contains(part)).collect()
    }

    /// The lines on standard output so far that hold this.
    pub fn said(&self, part: &str) -> Vec<String> {
        self.out.all().into_iter().filter(|line| line.contains(part)).collect()
    }

    pub fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).unwrap();
    }

    /// Waits for the end, and for the last line.
    pub fn ended(&mut self) -> ExitStatus {
        let begun = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().unwrap()
                && self.out.are_all_there()
                && self.err.are_all_there()
            {
                return status;
            }
            assert!(begun.elapsed() < PATIENCE, "it does not end: {self:?}");
            thread::sleep(Duration::from_millis(5));
        }
    }

    pub fn client(&self) -> Client {
        Client::connect(self.address)
    }

    /// One request on a connection of its own.
    pub fn ask(&self, method: &str, path: &str, body: &str) -> Reply {
        self.client().ask(method, path, body)
    }

    /// A figure of `/metrics`; its labels belong to the name.
    pub fn figure(&self, name: &str) -> u64 {
        let text = self.ask("GET", "/metrics", "").text();
        let value = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        value.unwrap_or_else(|| panic!("no {name} in {text}")).parse().unwrap()
    }
}

impl std::fmt::Debug for Service {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "out: {:#?}, err: {:#?}", self.out.all(), self.err.all())
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        if let Ok(None) = self.child.try_wait() {
            self.signal(Signal::TERM);
            let begun = Instant::now();
            while let Ok(None) = self.child.try_wait() {
                if begun.elapsed() > Duration::from_secs(15) {
                    let _ = self.child.kill();
                    let _ = self.child.wait();
                }
                thread::sleep(Duration::from_millis(5));
            }
        }
        if thread::panicking() {
            eprintln!("{self:?}");
        }
    }
}

fn wait_for<T>(mut look: impl FnMut() -> Option<T>, what: &str, service: &Service) -> T {
    let begun = Instant::now();
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(begun.elapsed() < PATIENCE, "no {what:?}: {service:?}");
        thread::sleep(Duration::from_millis(5));
    }
}

/// Waits until it is so.
pub fn until(what: &str, mut it_is_so: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !it_is_so() {
        assert!(begun.elapsed() < PATIENCE, "it never is so: {what}");
        thread::sleep(Duration::from_millis(5));
    }
}

/// A client of HTTP/1, byte by byte.
pub struct Client {
    pub stream: TcpStream,
    buffer: Vec<u8>,
}

/// A response.
#[derive(Clone, Debug)]
pub struct Reply {
    pub status: u16,
    pub head: String,
    pub body: Vec<u8>,
}

impl Client {
    pub fn connect(address: SocketAddr) -> Client {
        let stream = TcpStream::connect(address).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.set_write_timeout(Some(PATIENCE)).unwrap();
        Client { stream, buffer: Vec::new() }
    }

    pub fn send(&mut self, bytes: impl AsRef<[u8]>) {
        self.stream.write_all(bytes.as_ref()).unwrap();
    }

    pub fn ask(&mut self, method: &str, path: &str, body: &str) -> Reply {
        self.send(request(method, path, body));
        self.reply_to(method)
    }

    pub fn reply(&mut self) -> Reply {
        self.reply_to("")
    }

    /// The next response; one to HEAD has no body.
    pub fn reply_to(&mut self, method: &str) -> Reply {
        let head = loop {
            if let Some(at) = self.buffer.windows(4).position(|four| four == b"\r\n\r\n") {
                let rest = self.buffer.split_off(at + 4);
                break String::from_utf8(std::mem::replace(&mut self.buffer, rest)).unwrap();
            }
            let count = self.more();
            assert!(count > 0, "the connection has ended after {:?}", self.text());
        };
        let status = head[9..12].parse().unwrap();
        let mut reply = Reply { status, head, body: Vec::new() };
        let length = reply.header("content-length").map_or(0, |value| value.parse().unwrap());
        if method != "HEAD" {
            while self.buffer.len() < length {
                assert!(self.more() > 0, "the connection has ended after {:?}", self.text());
            }
            let rest = self.buffer.split_off(length);
            reply.body = std::mem::replace(&mut self.buffer, rest);
        }
        reply
    }

    /// Waits until the server has closed the connection, and asserts that nothing came before.
    pub fn closed(&mut self) {
        let count = self.more();
        assert_eq!(count, 0, "{:?}", self.text());
    }

    fn text(&self) -> String {
        String::from_utf8_lossy(&self.buffer).into_owned()
    }

    fn more(&mut self) -> usize {
        let mut chunk = [0; 64 * 1024];
        let count = loop {
            match self.stream.read(&mut chunk) {
                Ok(count) => break count,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if error.kind() == ErrorKind::ConnectionReset => break 0,
                Err(error) => panic!("{error} after {:?}", self.text()),
            }
        };
        self.buffer.extend_from_slice(&chunk[..count]);
        count
    }
}

/// A request of HTTP/1.1.
pub fn request(method: &str, path: &str, body: &str) -> String {
    let length =
        if body.is_empty() { String::new() } else { format!("content-length: {}\r\n", body.len()) };
    format!("{method} {path} HTTP/1.1\r\nhost: here\r\n{length}\r\n{body}")
}

impl Reply {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().find_map(|line| {
            let (key, value) = line.split_once(": ")?;
            key.eq_ignore_ascii_case(name).then_some(value)
        })
    }

    pub fn text(&self) -> String {
        String::from_utf8(self.body.clone()).unwrap()
    }

    pub fn json(&self) -> Value {
        assert_eq!(self.header("content-type"), Some("application/json; charset=utf-8"));
        serde_json::from_slice(&self.body).unwrap()
    }

    /// The code of the error that this is.
    pub fn code(&self) -> String {
        let error = &self.json()["error"];
        assert!(error["message"].is_string(), "{error}");
        error["code"].as_str().unwrap().to_owned()
    }
}

/// A new folder for one test.
pub fn tempfolder(name: &str) -> String {
    let path = format!("{}/{name}-{}", env!("CARGO_TARGET_TMPDIR"), std::process::id());
    let _ = std::fs::remove_dir_all(&path);
    std::fs::create_dir_all(&path).unwrap();
    path
}
