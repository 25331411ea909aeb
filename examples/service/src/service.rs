//! The service from its start to its end.

use std::error::Error;
use std::fmt;
use std::fs;
use std::future::{Future, poll_fn};
use std::io;
use std::net::SocketAddr;
use std::os::unix::fs::DirBuilderExt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::pin::pin;
use std::sync::{Mutex, PoisonError};
use std::task::Poll;
use std::time::Duration;

use windlass::future::race;
use windlass::net::TcpListener;
use windlass::runtime::now;
use windlass::signal::{Signal, signal};
use windlass::time::{Elapsed, timeout_at};
use windlass::{Task, spawn};
use windlass_compat::serve::ServeError;
use windlass_compat::{self as compat, Server, tower};

use crate::app::App;
use crate::options::Options;
use crate::routes::router;
use crate::store::{Database, Store, StoreError};
use crate::{log, say};

const SIGINT: i32 = 2;
const SIGTERM: i32 = 15;
/// How long the connections to the database may take to close.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(5);

/// A service that is about to start.
///
/// # Examples
/// A hook gets a place for tasks that run beside the requests, and returns nothing:
/// ```
/// # use service::{options::Options, service::Service};
/// # async fn tick() {}
/// # fn start(options: Options) {
/// let service = Service::new(options).on_startup(|background| background.spawn("ticker", tick()));
/// # drop(service);
/// # }
/// ```
/// So it cannot make the service wait for a task that never ends. In a framework that awaits what
/// a hook returns, a server whose hook returns its background task never listens; here that does
/// not compile:
/// ```compile_fail,E0308
/// # use service::{options::Options, service::Service};
/// # async fn tick() {}
/// # fn start(options: Options) {
/// let service = Service::new(options).on_startup(|_| windlass::spawn(tick()));
/// # drop(service);
/// # }
/// ```
#[must_use = "a service does nothing until it runs"]
pub struct Service {
    options: Options,
    hooks: Vec<Hook>,
}

type Hook = Box<dyn FnOnce(&Background)>;

/// The tasks that run beside the requests, until the service stops.
#[derive(Debug, Default)]
pub struct Background(Mutex<Vec<Task<()>>>);

impl Background {
    /// Spawns one. If it panics, that is told at once, and everything else goes on.
    #[track_caller]
    pub fn spawn(&self, name: &'static str, task: impl Future<Output = ()> + Send + 'static) {
        let task = spawn(async move {
            let mut task = pin!(task);
            poll_fn(|cx| {
                let polled = catch_unwind(AssertUnwindSafe(|| task.as_mut().poll(cx)));
                polled.unwrap_or_else(|_| {
                    log!("{name:?} has panicked, and will not run again");
                    Poll::Ready(())
                })
            })
            .await;
        });
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(task.named(name));
    }

    /// Cancels them, and waits until they are gone.
    async fn stop(self) {
        for task in self.0.into_inner().unwrap_or_else(PoisonError::into_inner) {
            let _cancelled = task.cancel().await;
        }
    }
}

impl Service {
    /// A service with these options.
    pub fn new(options: Options) -> Service {
        Service { options, hooks: Vec::new() }
    }

    /// Has something done when the service listens, before the first request.
    pub fn on_startup(mut self, hook: impl FnOnce(&Background) + 'static) -> Service {
        self.hooks.push(Box::new(hook));
        self
    }

    /// Runs until Ctrl-C or SIGTERM, and then until the requests in flight have finished, or it is
    /// told once more. While it still opens its database it ends at once.
    ///
    /// # Errors
    /// If it cannot start.
    pub async fn run(self) -> Result<(), StartError> {
        let Service { options, hooks } = self;
        let refused = |error| StartError::Listen(options.listen, error);
        let listener = TcpListener::bind(options.listen).map_err(refused)?;
        let address = listener.local_addr().map_err(refused)?;
        let mut stop = Stop::new().map_err(StartError::System)?;
        let (database, temporary) = match options.database.clone() {
            Some(database) => (database, None),
            None => {
                let folder = Temporary::new().map_err(StartError::System)?;
                (Database::Sqlite(folder.0.join("users.db")), Some(folder))
            }
        };
        let store = race(
            async { Some(Store::open(&database, options.limits(), options.users).await) },
            async {
                stop.wanted().await;
                None
            },
        );
        let Some(store) = store.await else {
            say!("stopping, before the database was open");
            return Ok(());
        };
        let app = App::new(store.map_err(StartError::Database)?, &options);
        let background = Background::default();
        hooks.into_iter().for_each(|hook| hook(&background));
        let settings = compat::Options::new()
            .max_connections(options.max_connections)
            .on_error(report_connection);
        let routes = tower(router(app.clone(), options.faults));
        let server = compat::serve(listener, routes, settings);
        say!("running on http://{address} with {database}, Ctrl-C stops");

        stop.wanted().await;
        say!("stopping, in {:?} at the latest", options.grace);
        app.end_at(now() + options.grace);
        let mut finishing = Box::pin(finish(server, &app, options.grace));
        let mut again = pin!(stop.wanted());
        let in_order = poll_fn(|cx| match finishing.as_mut().poll(cx) {
            Poll::Ready(()) => Poll::Ready(true),
            Poll::Pending => again.as_mut().poll(cx).map(|()| false),
        });
        if !in_order.await {
            say!("stopping at once");
            app.end_at(now());
        }
        drop(finishing); // and what is left of the server
        background.stop().await;
        app.store.close(CLOSE_TIMEOUT).await;
        drop(temporary);
        Ok(())
    }
}

impl fmt::Debug for Service {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Service").field("options", &self.options).finish_non_exhaustive()
    }
}

/// Lets the requests in flight finish, and those whose clients have gone, but no longer than that.
async fn finish(server: Server, app: &App, grace: Duration) {
    let end = now() + grace;
    let report = server.shutdown(grace).await;
    let all = app.handlers.acquire_many(app.max_handlers);
    let rest = timeout_at(end, all).await;
    if report.cancelled > 0 || rest.is_err() {
        log!("requests were cancelled: they were not over after {grace:?}");
    }
}

/// Tells of a connection that has ended by an error, in one line. One that was idle for too long is
/// none.
fn report_connection(error: &ServeError) {
    let is_idle = match error {
        ServeError::Connection { error, .. } => {
            error.is::<Elapsed>() || error.downcast_ref().is_some_and(hyper::Error::is_timeout)
        }
        _ => false,
    };
    if !is_idle {
        log!("{error}");
    }
}

/// Ctrl-C, or the signal that `kill` sends.
struct Stop([Signal; 2]);

impl Stop {
    fn new() -> io::Result<Stop> {
        Ok(Stop([signal(SIGINT)?, signal(SIGTERM)?]))
    }

    async fn wanted(&mut self) {
        poll_fn(|cx| {
            let is_ready = self.0.iter_mut().any(|signal| signal.poll_recv(cx).is_ready());
            if is_ready { Poll::Ready(()) } else { Poll::Pending }
        })
        .await;
    }
}

/// A folder of ours, removed when it is dropped.
struct Temporary(PathBuf);

impl Temporary {
    fn new() -> io::Result<Temporary> {
        let name = format!("windlass-service-{}", std::process::id());
        let path = std::env::temp_dir().join(name);
        // It fails if there is one already, so that nobody can put a file there for us to open.
        fs::DirBuilder::new().mode(0o700).create(&path)?;
        Ok(Temporary(path))
    }
}

impl Drop for Temporary {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// Why the service could not start.
#[derive(Debug)]
pub enum StartError {
    /// It cannot listen there.
    Listen(SocketAddr, io::Error),
    /// It cannot use its database.
    Database(StoreError),
    /// The system refuses something else.
    System(io::Error),
}

impl fmt::Display for StartError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            StartError::Listen(address, error) => write!(f, "cannot listen on {address}: {error}"),
            StartError::Database(error) => error.fmt(f),
            StartError::System(error) => error.fmt(f),
        }
    }
}

impl Error for StartError {}
