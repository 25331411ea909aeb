//! What is compared: one router, and the three ways in which it is served.

use std::future::{Future, pending};
use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use axum::extract::Path;
use axum::routing::{get, post};
use axum::serve::ListenerExt;
use axum::{Json, Router};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use hyper_util::service::TowerToHyperService;
use serde_json::{Value, json};

/// Any free port; the child tells which one it is.
const ANY_PORT: &str = "127.0.0.1:0";
/// What `windlass_compat::Options` has by default.
const HEADER_READ_TIMEOUT: Duration = Duration::from_secs(30);

/// The servers. The first one is compared with the others.
pub const SERVERS: [&str; 3] = ["windlass", "axum", "hyper-util"];

/// The child: prints its address and serves until it is killed.
///
/// # Errors
/// A text, if the words are wrong or it cannot listen.
pub fn run(server: &str, workers: &str) -> Result<(), String> {
    let workers = workers.parse().map_err(|_| format!("not a number of workers: {workers}"))?;
    let ended = match server {
        "windlass" => on_windlass(workers),
        "axum" => on_tokio(workers, with_axum()),
        "hyper-util" => on_tokio(workers, with_hyper_util()),
        _ => return Err(format!("no such server: {server}")),
    };
    ended.map_err(|error| format!("{server}: {error}"))
}

fn router() -> Router {
    Router::new().route("/health", get(health)).route("/{name}", post(greet))
}

async fn health() -> Json<Value> {
    Json(json!({ "status": "ok" }))
}

async fn greet(Path(name): Path<String>, Json(data): Json<Value>) -> Json<Value> {
    Json(json!({ "message": format!("Hello {name}"), "your_data": data }))
}

fn on_windlass(workers: usize) -> io::Result<()> {
    let runtime = windlass::runtime::Builder::new().workers(workers).build();
    runtime.map_err(io::Error::other)?.block_on(async {
        let listener = windlass::net::TcpListener::bind(ANY_PORT)?;
        announce(listener.local_addr()?);
        let routes = windlass_compat::tower(router());
        let _server = windlass_compat::serve(listener, routes, windlass_compat::Options::new());
        pending().await
    })
}

fn on_tokio(workers: usize, server: impl Future<Output = io::Result<()>>) -> io::Result<()> {
    let mut builder = tokio::runtime::Builder::new_multi_thread();
    builder.worker_threads(workers).enable_all().build()?.block_on(server)
}

/// As axum's users write it. It has no limit to how long a client may take for a request's head.
async fn with_axum() -> io::Result<()> {
    let listener = tokio::net::TcpListener::bind(ANY_PORT).await?;
    announce(listener.local_addr()?);
    let listener = listener.tap_io(|stream| stream.set_nodelay(true).unwrap_or_default());
    axum::serve(listener, router()).await
}

/// The loop that axum's users write when they want that limit.
async fn with_hyper_util() -> io::Result<()> {
    let listener = tokio::net::TcpListener::bind(ANY_PORT).await?;
    announce(listener.local_addr()?);
    let router = router();
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        let service = TowerToHyperService::new(router.clone());
        tokio::spawn(async move {
            let mut builder = auto::Builder::new(TokioExecutor::new());
            let mut http1 = builder.http1();
            http1.timer(TokioTimer::new()).header_read_timeout(HEADER_READ_TIMEOUT);
            let _ended =
                builder.serve_connection_with_upgrades(TokioIo::new(stream), service).await;
        });
    }
}

fn announce(address: SocketAddr) {
    println!("{address}");
}
