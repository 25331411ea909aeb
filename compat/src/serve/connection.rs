//! One connection, from its first byte to its end.

use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use hyper::body::{Body, Incoming};
use hyper::server::conn::{http1, http2};
use hyper::service::Service;
use hyper::{Request, Response};
use windlass::spawn;
use windlass::sync::{Event, OwnedPermit};
use windlass::task::unconstrained;
use windlass::time::timeout;

use super::begun::Begun;
use super::{BoxError, Shared};
use crate::io::{Reads, Writes};
use crate::rt::Timer;

/// A limit like this is none: hyper adds it to the present, and a clock cannot count everything.
const FOR_EVER: Duration = Duration::from_secs(100 * 365 * 24 * 60 * 60);

/// What a connection knows besides its stream.
pub(super) struct Connection {
    pub(super) shared: Arc<Shared>,
    /// Its seat, which the tasks of its requests share.
    pub(super) permit: Arc<OwnedPermit>,
}

impl Connection {
    /// Serves what the client asks for, until the connection has ended.
    pub(super) async fn run<T, S, B>(&self, stream: T, service: S) -> Result<(), BoxError>
    where
        T: Reads + Writes + Send + 'static,
        S: Service<
                Request<Incoming>,
                Response = Response<B>,
                Error: Into<BoxError>,
                Future: Send + 'static,
            > + Send,
        B: Body<Data: Send, Error: Into<BoxError>> + Send + 'static,
    {
        let options = &self.shared.options;
        let limit = options.header_read_timeout;
        let bounded = (limit < FOR_EVER).then_some(limit);
        let mut stream = Begun::new(stream);
        let first = timeout(limit, stream.speaks_http2());
        let Some(first) = unless(&self.shared.stop, first).await else {
            return Ok(()); // it has asked for nothing yet
        };
        if first?? {
            let tasks = Tasks(self.permit.clone());
            let http2 = http2::Builder::new(tasks)
                .timer(Timer)
                .keep_alive_interval(bounded)
                .serve_connection(stream, service);
            self.drive(http2, http2::Connection::graceful_shutdown).await?;
        } else {
            let http1 = http1::Builder::new()
                .timer(Timer)
                .header_read_timeout(bounded)
                .keep_alive(options.keep_alive)
                .serve_connection(stream, service)
                .with_upgrades();
            self.drive(http1, http1::UpgradeableConnection::graceful_shutdown).await?;
        }
        Ok(())
    }

    /// Lets hyper work until the connection has ended or is cut.
    async fn drive<C>(&self, hyper: C, finish: fn(Pin<&mut C>)) -> hyper::Result<()>
    where
        C: Future<Output = hyper::Result<()>>,
    {
        let mut hyper = pin!(hyper);
        if let Some(ended) = unless(&self.shared.stop, hyper.as_mut()).await {
            return ended;
        }
        finish(hyper.as_mut());
        unless(&self.shared.cut, hyper).await.unwrap_or(Ok(()))
    }
}

/// Runs the requests of one connection over HTTP/2; they hold its seat.
#[derive(Clone)]
struct Tasks(Arc<OwnedPermit>);

impl<F: Future<Output = ()> + Send + 'static> hyper::rt::Executor<F> for Tasks {
    fn execute(&self, future: F) {
        let permit = self.0.clone();
        let request = async move {
            let _permit = permit;
            future.await
        };
        spawn(request).named("http request").detach();
    }
}

/// The output of the future, or none if the event is set before it has one.
///
/// The future comes first: what a client has sent before the stop is seen before it. The event is
/// joined once, not in each poll, because its line is shared by all connections; so this must run in
/// a task of its own, whose waker never changes. `unconstrained` because a wait that was refused for
/// lack of budget would not have joined the line.
async fn unless<F: Future>(event: &Event, future: F) -> Option<F::Output> {
    let mut future = pin!(future);
    let mut happens = pin!(unconstrained(event.wait()));
    let mut has_joined = false;
    poll_fn(|cx| {
        if !has_joined {
            has_joined = true;
            let _ = happens.as_mut().poll(cx);
        }
        match future.as_mut().poll(cx) {
            Poll::Ready(output) => Poll::Ready(Some(output)),
            Poll::Pending if event.is_set() => Poll::Ready(None),
            Poll::Pending => Poll::Pending,
        }
    })
    .await
}
