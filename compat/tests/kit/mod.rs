//! A client that says exactly what it is told to, and services to talk to.
#![allow(dead_code, reason = "each test binary uses a part")]

use std::convert::Infallible;
use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::time::Duration;

use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper::client::conn::http2;
use hyper::service::{Service, service_fn};
use hyper::{Request, Response};
use windlass::net::{TcpListener, TcpStream};
use windlass::sync::Event;
use windlass::time::timeout;
use windlass_compat::rt::Executor;
use windlass_compat::{Io, Options, Server, serve};

pub const GET: &str = "GET / HTTP/1.1\r\nhost: here\r\n\r\n";

pub type Reply = Response<Full<Bytes>>;

/// What the server of a test answers with.
pub fn reply(text: impl Into<Bytes>) -> Reply {
    Response::new(Full::new(text.into()))
}

/// A server for this handler, and its address.
pub fn server<H, F>(options: Options, handler: H) -> (Server, SocketAddr)
where
    H: Fn(Request<Incoming>) -> F + Clone + Send + Sync + 'static,
    F: Future<Output = Reply> + Send + 'static,
{
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    (serve(listener, service(handler), options), address)
}

pub fn service<H, F>(
    handler: H,
) -> impl Service<Request<Incoming>, Response = Reply, Error = Infallible, Future: Send + 'static>
+ Send
+ Sync
+ 'static
where
    H: Fn(Request<Incoming>) -> F + Clone + Send + Sync + 'static,
    F: Future<Output = Reply> + Send + 'static,
{
    service_fn(move |request| {
        let reply = handler(request);
        async move { Ok(reply.await) }
    })
}

/// Sends the body back.
pub async fn echo(request: Request<Incoming>) -> Reply {
    reply(request.into_body().collect().await.unwrap().to_bytes())
}

/// Says hello.
pub async fn hello(_: Request<Incoming>) -> Reply {
    reply("hello")
}

/// A handler that stays in its request until it is let go.
#[derive(Clone, Default)]
pub struct Slow {
    pub begun: Arc<Event>,
    pub go: Arc<Event>,
    dropped: Arc<AtomicUsize>,
}

impl Slow {
    pub fn handler(
        &self,
    ) -> impl Fn(Request<Incoming>) -> std::pin::Pin<Box<dyn Future<Output = Reply> + Send>>
    + Clone
    + Send
    + Sync
    + 'static {
        let this = self.clone();
        move |_| {
            let this = this.clone();
            Box::pin(async move {
                let _witness = Witness(this.dropped.clone());
                this.begun.set();
                this.go.wait().await;
                reply("slow")
            })
        }
    }

    /// How many of its requests are over, one way or the other.
    pub fn over(&self) -> usize {
        self.dropped.load(SeqCst)
    }
}

struct Witness(Arc<AtomicUsize>);

impl Drop for Witness {
    fn drop(&mut self) {
        self.0.fetch_add(1, SeqCst);
    }
}

/// A client of HTTP/1, byte by byte.
pub struct Client {
    pub stream: TcpStream,
    buffer: Vec<u8>,
}

impl Client {
    pub async fn connect(address: SocketAddr) -> Client {
        Client { stream: TcpStream::connect(address).await.unwrap(), buffer: Vec::new() }
    }

    pub async fn send(&self, text: &str) {
        self.stream.write_all(text.as_bytes()).await.unwrap();
    }

    /// The head and the body of the next reply, which must have a content-length.
    pub async fn reply(&mut self) -> (String, Vec<u8>) {
        let head = loop {
            if let Some(at) = self.buffer.windows(4).position(|four| four == b"\r\n\r\n") {
                let rest = self.buffer.split_off(at + 4);
                break String::from_utf8(std::mem::replace(&mut self.buffer, rest)).unwrap();
            }
            assert!(self.more().await > 0, "the connection ended, with {:?}", self.buffer);
        };
        let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
        let length: usize = length.expect("a reply with a length").parse().unwrap();
        while self.buffer.len() < length {
            assert!(self.more().await > 0, "the connection ended within a body");
        }
        let rest = self.buffer.split_off(length);
        (head, std::mem::replace(&mut self.buffer, rest))
    }

    /// Asks, and gives the status and the text of the answer.
    pub async fn ask(&mut self, request: &str) -> (u16, String) {
        self.send(request).await;
        let (head, body) = self.reply().await;
        (head[9..12].parse().unwrap(), String::from_utf8(body).unwrap())
    }

    /// Waits until the server has closed the connection, without a word or with a reset.
    pub async fn closed(&mut self) {
        assert_eq!(self.more().await, 0, "{:?}", String::from_utf8_lossy(&self.buffer));
    }

    /// True if so much time passes before a word comes. For a paused clock, which moves only when
    /// nothing else can happen.
    pub async fn hears_nothing_for(&self, time: Duration) -> bool {
        timeout(time, self.stream.peek(&mut [0; 1])).await.is_err()
    }

    async fn more(&mut self) -> usize {
        let mut chunk = [0; 64 * 1024];
        let count = self.stream.read(&mut chunk).await.unwrap_or(0);
        self.buffer.extend_from_slice(&chunk[..count]);
        count
    }
}

/// A client of HTTP/2 with prior knowledge; its connection is a detached task.
pub async fn http2(address: SocketAddr) -> http2::SendRequest<Full<Bytes>> {
    let stream = Io::new(TcpStream::connect(address).await.unwrap());
    let (sender, connection) = http2::handshake(Executor, stream).await.unwrap();
    windlass::spawn(async move { drop(connection.await) }).detach();
    sender
}

/// A request for HTTP/2.
pub fn request(body: impl Into<Bytes>) -> Request<Full<Bytes>> {
    Request::post("http://here/").body(Full::new(body.into())).unwrap()
}

pub async fn text(response: Response<Incoming>) -> String {
    let body = response.into_body().collect().await.unwrap().to_bytes();
    String::from_utf8(body.into()).unwrap()
}

/// Waits for something that nobody announces.
pub async fn until(mut it_is_so: impl FnMut() -> bool) {
    while !it_is_so() {
        windlass::yield_now().await;
    }
}
