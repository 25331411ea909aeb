//! What becomes of a service that panics.

use std::any::Any;
use std::future::{Future, poll_fn};
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::pin::pin;
use std::task::Poll;

use http_body_util::{Either, Empty};
use hyper::body::{Body, Incoming};
use hyper::service::{Service, service_fn};
use hyper::{Request, Response, StatusCode};
use windlass::spawn;

use super::BoxError;

/// The service's response, or an empty one in its place.
type Answer<B> = Response<Either<B, Empty<<B as Body>::Data>>>;

/// The same service, which answers with status 500 where it would panic.
pub(super) fn guarded<S, B>(
    service: S,
) -> impl Service<Request<Incoming>, Response = Answer<B>, Error = BoxError, Future: Send + 'static>
+ Send
+ Sync
+ 'static
where
    S: Service<
            Request<Incoming>,
            Response = Response<B>,
            Error: Into<BoxError>,
            Future: Send + 'static,
        > + Send
        + Sync
        + 'static,
    B: Body<Error: Into<BoxError>> + Send + 'static,
{
    service_fn(move |request| {
        // Called here and not in the future: many services are done with the request then, and hyper
        // reads on into the same buffer if nothing of the request is left in it.
        let called = catch_unwind(AssertUnwindSafe(|| service.call(request)));
        async move {
            let answer = match called {
                Ok(future) => catch(future).await,
                Err(payload) => Err(payload),
            };
            match answer {
                Ok(response) => Ok(response.map_err(Into::into)?.map(Either::Left)),
                Err(payload) => {
                    report("http handler", payload);
                    let mut response = Response::new(Either::Right(Empty::new()));
                    *response.status_mut() = StatusCode::INTERNAL_SERVER_ERROR;
                    Ok(response)
                }
            }
        }
    })
}

/// The output of the future, or what it has panicked with.
///
/// # Implementation
/// It is asserted that unwinding does no harm: the future is gone after a panic, and what handlers
/// share must survive one of them anyway, since each runs among the tasks of a runtime.
async fn catch<F: Future>(future: F) -> Result<F::Output, Box<dyn Any + Send>> {
    let mut future = pin!(future);
    poll_fn(|cx| match catch_unwind(AssertUnwindSafe(|| future.as_mut().poll(cx))) {
        Ok(answer) => answer.map(Ok),
        Err(payload) => Poll::Ready(Err(payload)),
    })
    .await
}

/// Leaves the panic to the runtime, which reports it and applies its policy, by letting a task of
/// nobody's end with it.
pub(super) fn report(whose: &str, payload: Box<dyn Any + Send>) {
    spawn(async move { resume_unwind(payload) }).named(whose).detach();
}
