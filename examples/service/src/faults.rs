//! Routes that misbehave, to see what the service makes of it: `--faults`.

use std::sync::Arc;
use std::thread;
use std::time::Duration;

use axum::Router;
use axum::extract::{Extension, Path};
use axum::routing::get;
use windlass::time::sleep;
use windlass::{spawn, yield_now};

use crate::app::App;
use crate::attend::Ticket;

/// The routes below `/fault`.
pub fn router() -> Router<Arc<App>> {
    Router::new()
        .route("/panic", get(panics))
        .route("/sleep/{ms}", get(async |Path(ms): Path<u64>| nap(ms).await))
        .route("/block/{ms}", get(async |Path(ms): Path<u64>| block(ms).await))
        .route("/leak", get(leak))
        .route("/until-gone", get(until_gone))
}

async fn panics() -> &'static str {
    panic!("a fault that was asked for")
}

async fn nap(ms: u64) -> &'static str {
    sleep(Duration::from_millis(ms)).await;
    "slept"
}

/// Keeps its worker from everything else, as no handler should.
async fn block(ms: u64) -> &'static str {
    thread::sleep(Duration::from_millis(ms));
    yield_now().await; // a task that has ended meanwhile could not be named any more
    "blocked"
}

/// Spawns a task that never ends, and forgets it.
async fn leak() -> &'static str {
    let forgotten = async {
        loop {
            sleep(Duration::from_secs(3_600)).await;
        }
    };
    spawn(forgotten).named("forgotten").detach();
    "spawned"
}

async fn until_gone(Extension(ticket): Extension<Ticket>) -> &'static str {
    ticket.client_gone.wait().await;
    "nobody hears this"
}
