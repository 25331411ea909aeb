//! Services of tower's as services of hyper's.

use std::error::Error;
use std::future::poll_fn;

use hyper::body::{Body, Incoming};
use hyper::service::{Service, service_fn};
use hyper::{Request, Response};

/// Makes a service of hyper's of one of tower's, such as an axum `Router`.
///
/// Each request gets a clone, and waits until that is ready.
///
/// # Examples
/// ```
/// use axum::{Router, routing::get};
/// use windlass_compat::{Options, serve, tower};
///
/// windlass::run(async {
///     let listener = windlass::net::TcpListener::bind("127.0.0.1:0")?;
///     let router = Router::new().route("/", get(async || "hello"));
///     let server = serve(listener, tower(router), Options::new());
///     drop(server);
///     std::io::Result::Ok(())
/// })?;
/// # std::io::Result::Ok(())
/// ```
pub fn tower<T, B>(
    service: T,
) -> impl Service<Request<Incoming>, Response = Response<B>, Error = T::Error, Future: Send + 'static>
+ Send
+ Sync
+ 'static
where
    T: tower_service::Service<
            Request<Incoming>,
            Response = Response<B>,
            Error: Into<Box<dyn Error + Send + Sync>>,
            Future: Send,
        > + Clone
        + Send
        + Sync
        + 'static,
    B: Body + 'static,
{
    service_fn(move |request| {
        let mut service = service.clone();
        async move {
            poll_fn(|cx| service.poll_ready(cx)).await?;
            service.call(request).await
        }
    })
}
