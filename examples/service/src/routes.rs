//! The routes, and what answers on them.

use std::sync::Arc;

use axum::Router;
use axum::extract::rejection::PathRejection;
use axum::extract::{Extension, Path, State};
use axum::http::{StatusCode, header};
use axum::middleware;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use serde_json::{Value, json};

use crate::app::App;
use crate::attend::{Ticket, attend};
use crate::json::Json;
use crate::problem::Problem;
use crate::store::Transfer;
use crate::{faults, metrics};

/// All routes. Of the names that `POST /{name}` greets, those of the other routes are taken.
pub fn router(app: Arc<App>, with_faults: bool) -> Router {
    let mut router = Router::new()
        .route("/", get(greet_anonymous))
        .route("/{name}", post(greet))
        .route("/users/{id}", get(user))
        .route("/transfer", post(transfer))
        .route("/health", get(health))
        .route("/metrics", get(show_metrics));
    if with_faults {
        router = router.nest("/fault", faults::router());
    }
    router
        .fallback(async || Problem::not_found())
        .method_not_allowed_fallback(async || Problem::bad_method())
        .layer(middleware::from_fn_with_state(app.clone(), attend))
        .with_state(app)
}

/// An argument from the path; what is wrong with it is told in our own way.
type FromPath<T> = Result<Path<T>, PathRejection>;

async fn greet_anonymous(Json(data): Json<Value>) -> Json<Value> {
    hello("Anonymous", data)
}

async fn greet(name: FromPath<String>, Json(data): Json<Value>) -> Result<Json<Value>, Problem> {
    let Path(name) = name?;
    Ok(hello(&name, data))
}

fn hello(name: &str, data: Value) -> Json<Value> {
    Json(json!({ "message": format!("Hello {name}"), "your_data": data }))
}

async fn user(State(app): State<Arc<App>>, id: FromPath<i64>) -> Result<Response, Problem> {
    let Path(id) = id?;
    Ok(Json(app.store.user(id).await?).into_response())
}

async fn transfer(
    State(app): State<Arc<App>>,
    Extension(ticket): Extension<Ticket>,
    Json(order): Json<Transfer>,
) -> Result<Json<Value>, Problem> {
    let Transfer { from, to, amount } = order;
    let refuse = |why| Err(Problem::new(StatusCode::BAD_REQUEST, "bad_transfer", why));
    if amount <= 0 {
        return refuse("the amount must be more than 0");
    }
    if from == to {
        return refuse("from and to are the same");
    }
    let balances = app.store.transfer(order, &ticket.fate).await?;
    Ok(Json(json!({
        "amount": amount,
        "from": { "id": from, "balance": balances.from },
        "to": { "id": to, "balance": balances.to },
    })))
}

async fn health(State(app): State<Arc<App>>) -> Result<Json<Value>, Problem> {
    app.store.health().await?;
    Ok(Json(json!({ "status": "ok" })))
}

async fn show_metrics(State(app): State<Arc<App>>) -> impl IntoResponse {
    ([(header::CONTENT_TYPE, metrics::CONTENT_TYPE)], metrics::text(&app))
}
