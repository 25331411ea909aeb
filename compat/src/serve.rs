//! A server for HTTP/1 and HTTP/2: a loop that accepts, a task for each connection, and an orderly
//! end.
//!
//! ```text
//!   accept task:      a permit  ->  accept  ->  spawn  ->  again
//!   connection task:  read the first bytes  ->  hyper, HTTP/1 or HTTP/2  ->  permit back
//!   shutdown:         accept task gone, listener closed  ->  stop  ->  all permits back?
//!                                            |  deadline: cut  ->  all permits back
//! ```
//!
//! The permits are everything the server knows about its connections: how many there are, whether
//! there may be another, and when the last one has ended. A connection over HTTP/2 shares its permit
//! with the tasks of its requests, so they count until they are gone, too.

use std::error::Error;
use std::fmt;
use std::future::poll_fn;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Duration;

use hyper::body::{Body, Incoming};
use hyper::service::Service;
use hyper::{Request, Response};
use windlass::sync::{Event, Semaphore};
use windlass::time::{sleep, timeout};
use windlass::{Task, spawn};

mod begun;
mod connection;
mod guard;
mod listener;

use connection::Connection;
use guard::{guarded, report};
use listener::Listener;

/// How long the loop waits after it could not accept. Mostly a descriptor was missing, and most
/// connections are short.
const ACCEPT_AGAIN: Duration = Duration::from_millis(50);

/// How long a shutdown lets connections go on, so that they read what was sent to them before it. A
/// client whose request was not read cannot know that, and must not send it again.
const LAST_LOOK: Duration = Duration::from_millis(10);

type BoxError = Box<dyn Error + Send + Sync>;

/// Serves HTTP/1 and HTTP/2 on a [`TcpListener`](windlass::net::TcpListener) or a
/// [`UnixListener`](windlass::net::UnixListener), until the [`Server`] is shut down or dropped.
///
/// Each connection gets a task in the current runtime. Which protocol it speaks is told by its first
/// bytes, so clients of HTTP/2 need prior knowledge. Upgrades (WebSocket) work: take them with
/// [`hyper::upgrade::on`]; an upgraded connection is yours and counts here no longer.
///
/// The service is one of hyper's; [`tower()`](crate::tower) makes one of an axum `Router`. A service
/// that panics is answered for with status 500, and the panic is reported by the runtime as that of
/// a detached task is, once. The connection goes on, and so do all others.
///
/// # Examples
/// ```
/// use std::{convert::Infallible, io, time::Duration};
/// use hyper::{Request, Response, body::Incoming, service::service_fn};
/// use windlass::net::{TcpListener, TcpStream};
/// use windlass_compat::{Options, serve};
///
/// windlass::run(async {
///     let listener = TcpListener::bind("127.0.0.1:0")?;
///     let client = TcpStream::connect(listener.local_addr()?).await?;
///     let hello = async |_: Request<Incoming>| Ok::<_, Infallible>(Response::new("hello".to_owned()));
///     let server = serve(listener, service_fn(hello), Options::new());
///     client.write_all(b"GET / HTTP/1.0\r\n\r\n").await?;
///     let mut reply = Vec::new();
///     windlass::io::read_to_end(&client, &mut reply, 1024).await?;
///     assert!(reply.ends_with(b"hello"));
///     assert_eq!(server.shutdown(Duration::from_secs(5)).await.cancelled, 0);
///     io::Result::Ok(())
/// })?;
/// # io::Result::Ok(())
/// ```
///
/// # Panics
/// Outside a runtime.
#[track_caller]
pub fn serve<L, S, B>(listener: L, service: S, options: Options) -> Server
where
    L: Listener,
    S: Service<
            Request<Incoming>,
            Response = Response<B>,
            Error: Into<BoxError>,
            Future: Send + 'static,
        > + Send
        + Sync
        + 'static,
    B: Body<Data: Send, Error: Into<BoxError>> + Send + 'static,
{
    let shared = Arc::new(Shared {
        seats: Arc::new(Semaphore::new(options.max_connections)),
        stop: Event::new(),
        cut: Event::new(),
        options,
    });
    let accepting = spawn(accept(listener, service, shared.clone())).named("http accept");
    Server { accepting: Some(accepting), shared }
}

/// A running server. Dropping it ends it at once: the listener is closed, and every connection cut.
#[must_use = "dropping the server ends it"]
pub struct Server {
    /// The task that accepts and owns the listener. None once it has been stopped.
    accepting: Option<Task<()>>,
    shared: Arc<Shared>,
}

/// What the server and its connections share.
struct Shared {
    /// One permit for each connection there may be.
    seats: Arc<Semaphore>,
    /// Set when connections shall end after the requests they are at.
    stop: Event,
    /// Set when they shall end now.
    cut: Event,
    options: Options,
}

/// What has become of the connections that were open when a shutdown began.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Report {
    /// Those that ended in time: idle ones, which were closed, and those whose requests finished.
    pub finished: usize,
    /// Those that were cut at the deadline, with the requests they were at.
    pub cancelled: usize,
}

impl Server {
    /// How many connections are open.
    pub fn connections(&self) -> usize {
        self.shared.open()
    }

    /// Ends the server in order. The listener is closed first, so new connections are refused and
    /// another server may listen there at once. Idle connections are closed 10 ms later, when what
    /// was sent before has been read. Requests that were begun, even if only a part of their head has
    /// come, have so long to finish; what remains is cancelled, and its handlers are dropped.
    ///
    /// When it returns, every task of the server has ended.
    ///
    /// # Cancel safety
    /// Dropping it cuts what is still there, as dropping the server does.
    pub async fn shutdown(mut self, grace: Duration) -> Report {
        let Shared { seats, stop, cut, options } = &*self.shared;
        let accepting = self.accepting.take().expect("only this takes it, and takes the server");
        let _cancelled = accepting.cancel().await;
        let (open, all) = (self.shared.open(), options.max_connections);
        let ended = timeout(grace, async {
            sleep(LAST_LOOK).await;
            stop.set();
            drop(seats.acquire_many(all).await);
        });
        let _elapsed = ended.await;
        let cancelled = self.shared.open();
        stop.set(); // if the grace was shorter than the look
        cut.set();
        drop(seats.acquire_many(all).await);
        Report { finished: open - cancelled, cancelled }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.shared.stop.set();
        self.shared.cut.set();
    }
}

impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Server").field("connections", &self.connections()).finish_non_exhaustive()
    }
}

/// How to serve.
///
/// # Examples
/// ```
/// use std::time::Duration;
/// use windlass_compat::Options;
///
/// let options = Options::new()
///     .max_connections(10_000)
///     .header_read_timeout(Duration::from_secs(10))
///     .on_error(|error| eprintln!("{error}"));
/// ```
pub struct Options {
    header_read_timeout: Duration,
    keep_alive: bool,
    max_connections: usize,
    on_error: Box<dyn Fn(&ServeError) + Send + Sync>,
}

impl Options {
    /// The defaults, as each setting names them.
    pub fn new() -> Options {
        Options {
            header_read_timeout: Duration::from_secs(30),
            keep_alive: true,
            max_connections: Semaphore::MAX_PERMITS,
            on_error: Box::new(|error| {
                if let ServeError::Accept(_) = error {
                    eprintln!("windlass: {error}");
                }
            }),
        }
    }

    /// How long a client may take to send the head of a request, counted from its first bytes or the
    /// end of the former request, and how long until those first bytes; so it also limits how long a
    /// connection may be idle. It goes by the runtime's clock. 30 s by default; a hundred years and
    /// more, such as [`Duration::MAX`], are no limit.
    ///
    /// Over HTTP/2 a client may be idle; one that is silent for so long is asked for a sign of life,
    /// and is cut if none comes within 20 s.
    pub fn header_read_timeout(mut self, timeout: Duration) -> Options {
        self.header_read_timeout = timeout;
        self
    }

    /// Whether connections over HTTP/1 take more than one request. They do by default.
    pub fn keep_alive(mut self, keep_alive: bool) -> Options {
        self.keep_alive = keep_alive;
        self
    }

    /// How many connections there may be. With so many, no other is accepted: clients wait in the
    /// kernel's queue. No limit by default.
    ///
    /// # Panics
    /// If it is 0 or more than [`Semaphore::MAX_PERMITS`].
    #[track_caller]
    pub fn max_connections(mut self, most: usize) -> Options {
        assert!((1..=Semaphore::MAX_PERMITS).contains(&most), "a server has 1 connection or more");
        self.max_connections = most;
        self
    }

    /// Called for what no handler is told. By default errors of accepting are printed, and those of
    /// connections ignored: most are clients that have gone.
    pub fn on_error(mut self, hook: impl Fn(&ServeError) + Send + Sync + 'static) -> Options {
        self.on_error = Box::new(hook);
        self
    }
}

impl Default for Options {
    fn default() -> Options {
        Options::new()
    }
}

impl fmt::Debug for Options {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Options")
            .field("header_read_timeout", &self.header_read_timeout)
            .field("keep_alive", &self.keep_alive)
            .field("max_connections", &self.max_connections)
            .finish_non_exhaustive()
    }
}

/// What can go wrong in a server and is told to no handler; see [`Options::on_error`].
#[derive(Debug)]
#[non_exhaustive]
pub enum ServeError {
    /// A connection could not be accepted, for example because the process has no descriptor left.
    /// The server waits 50 ms and tries again, and the connection waits in the kernel's queue.
    Accept(io::Error),
    /// A connection has ended by an error: its client broke off, sent nonsense or took too long, or
    /// the service has failed.
    Connection {
        /// The client's address; that of Unix sockets is mostly unnamed.
        peer: String,
        /// Mostly a [`hyper::Error`].
        error: BoxError,
    },
}

impl fmt::Display for ServeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ServeError::Accept(error) => write!(f, "cannot accept a connection: {error}"),
            ServeError::Connection { peer, error } => write!(f, "connection of {peer}: {error}"),
        }
    }
}

impl Error for ServeError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            ServeError::Accept(error) => Some(error),
            ServeError::Connection { error, .. } => Some(&**error),
        }
    }
}

impl Shared {
    fn open(&self) -> usize {
        self.options.max_connections - self.seats.available_permits()
    }

    /// A hook that panics is reported, and ends neither the loop that accepts nor a connection.
    fn tell(&self, error: ServeError) {
        if let Err(payload) = catch_unwind(AssertUnwindSafe(|| (self.options.on_error)(&error))) {
            report("http on_error", payload);
        }
    }
}

/// Accepts for ever.
async fn accept<L, S, B>(listener: L, service: S, shared: Arc<Shared>)
where
    L: Listener,
    S: Service<
            Request<Incoming>,
            Response = Response<B>,
            Error: Into<BoxError>,
            Future: Send + 'static,
        > + Send
        + Sync
        + 'static,
    B: Body<Data: Send, Error: Into<BoxError>> + Send + 'static,
{
    let service = Arc::new(guarded(service));
    loop {
        // It is given back at once, so that the permits count connections and nothing else. Nobody
        // takes it meanwhile: only this loop does.
        drop(shared.seats.acquire().await);
        let (stream, peer) = loop {
            match poll_fn(|cx| listener.poll_accept(cx)).await {
                Ok(accepted) => break accepted,
                Err(error) => shared.tell(ServeError::Accept(error)),
            }
            sleep(ACCEPT_AGAIN).await;
        };
        let permit = shared.seats.clone().try_acquire_owned();
        let permit = Arc::new(permit.expect("there was one, and only this loop takes them"));
        let connection = Connection { shared: shared.clone(), permit };
        let service = service.clone();
        let name = format!("http {peer}");
        let task = async move {
            if let Err(error) = connection.run(stream, service).await {
                connection.shared.tell(ServeError::Connection { peer, error });
            }
        };
        spawn(task).named(&name).detach();
    }
}
