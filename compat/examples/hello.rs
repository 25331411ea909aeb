//! An axum server on windlass: `cargo run -p windlass-compat --example hello`, then
//! `curl http://127.0.0.1:8080/you`. Ctrl-C stops it when the requests it is at have finished.

use std::time::Duration;

use axum::Router;
use axum::extract::Path;
use axum::routing::get;
use windlass::net::TcpListener;
use windlass_compat::{Options, serve, tower};

async fn hello(Path(name): Path<String>) -> String {
    format!("Hello {name}\n")
}

#[windlass::main]
async fn main() -> std::io::Result<()> {
    let router = Router::new().route("/{name}", get(hello));
    let listener = TcpListener::bind("127.0.0.1:8080")?;
    println!("listening on http://{}, Ctrl-C stops", listener.local_addr()?);
    let server = serve(listener, tower(router), Options::new());
    windlass::signal::ctrl_c().await?;
    let report = server.shutdown(Duration::from_secs(30)).await;
    println!("{} connections finished, {} cancelled", report.finished, report.cancelled);
    Ok(())
}
