//! What happens around each handler.
//!
//! ```text
//!    connection task    attend -- spawns -->  request task    a permit, the handler
//!                         |                        |          both within the timeout
//!                       waits  <-- response, or its panic
//! ```
//!
//! A handler has a task of its own, because that of its connection is dropped when the client hangs
//! up, and a handler shall not be cut off half-way then. It finishes; its [`Ticket`] tells it, if it
//! asks.

use std::pin::Pin;
use std::sync::Arc;
use std::time::Instant;

use axum::body::HttpBody;
use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use windlass::runtime::now;
use windlass::spawn;
use windlass::sync::Event;
use windlass::task::{JoinError, Task};
use windlass::time::timeout_at;

use crate::app::{App, Counts};
use crate::fate::Fate;
use crate::log;
use crate::problem::Problem;

/// Those who want to know why others wait must not wait themselves.
const WITHOUT_PERMIT: [&str; 2] = ["/health", "/metrics"];

/// What a handler can know of its request, and say about it: `Extension<Ticket>` as an argument.
#[derive(Clone, Debug, Default)]
pub struct Ticket {
    /// Set when nobody waits for the response any more.
    pub client_gone: Arc<Event>,
    /// Whether what the request has changed was committed.
    pub fate: Fate,
}

/// The middleware: runs the handler under all limits, and writes the line in the log.
pub async fn attend(State(app): State<Arc<App>>, mut request: Request, next: Next) -> Response {
    let ticket = Ticket::default();
    request.extensions_mut().insert(ticket.clone());
    let what = format!("{} {}", request.method(), request.uri().path());
    let handling = handle(app.clone(), ticket.clone(), request, next);
    let mut waiting = Waiting {
        task: Some(spawn(handling).named(&what)),
        ticket,
        entry: Some(Entry { app, what, begun: now() }),
    };
    let output = std::future::poll_fn(|cx| {
        let task = waiting.task.as_mut().expect("only its end takes it");
        Pin::new(task).poll(cx)
    });
    let output = output.await;
    waiting.task = None;
    let entry = waiting.entry.take().expect("only its end takes it");
    entry.write(output, "")
}

/// Runs the handler, when there is a permit and for as long as there is time.
async fn handle(app: Arc<App>, ticket: Ticket, request: Request, next: Next) -> Response {
    let deadline = now() + app.timeout;
    let mut permit = None;
    if !WITHOUT_PERMIT.contains(&request.uri().path()) {
        match timeout_at(deadline, app.handlers.acquire()).await {
            Ok(acquired) => permit = acquired.ok(),
            Err(_) => return Problem::overloaded().into_response(),
        }
    }
    let response = timeout_at(deadline, next.run(request)).await;
    drop(permit);
    // A handler that took too long has been dropped by now, and so the fate is decided.
    response.unwrap_or_else(|_| {
        Counts::count(&app.counts.timeouts);
        Problem::timeout(ticket.fate.outcome()).into_response()
    })
}

/// The connection's side of a request.
struct Waiting {
    /// None once it has ended.
    task: Option<Task<Response>>,
    ticket: Ticket,
    entry: Option<Entry>,
}

impl Drop for Waiting {
    /// The client has gone before the response was there, or the service ends.
    fn drop(&mut self) {
        let (Some(task), Some(entry)) = (self.task.take(), self.entry.take()) else { return };
        if entry.app.is_over() {
            return; // dropping the task cancels it
        }
        self.ticket.client_gone.set();
        Counts::count(&entry.app.counts.gone);
        let finishing = async move { drop(entry.write(task.await, " client gone")) };
        spawn(finishing).named("client gone").detach();
    }
}

/// A line of the log that is not written yet.
struct Entry {
    app: Arc<App>,
    what: String,
    begun: Instant,
}

impl Entry {
    /// Writes the line. A handler that has panicked is reported, and answered for.
    fn write(self, output: Result<Response, JoinError>, note: &str) -> Response {
        let Entry { app, what, begun } = self;
        let response = output.unwrap_or_else(|error| {
            if !error.is_panic() {
                return Problem::stopping().into_response();
            }
            Counts::count(&app.counts.panics);
            log!("{error}");
            Problem::panicked().into_response()
        });
        app.counts.response(response.status());
        if !app.quiet {
            let status = response.status().as_u16();
            let bytes = response.body().size_hint().lower();
            let ms = (now() - begun).as_secs_f64() * 1e3;
            log!("{what} {status} {bytes} {ms:.1}ms{note}");
        }
        response
    }
}
