//! JSON in and out.

use axum::body::{Body, Bytes, HttpBody};
use axum::extract::{FromRequest, Request};
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use http_body_util::BodyExt;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::problem::Problem;

/// The largest body that is taken.
pub const MAX_BODY: usize = 1024 * 1024;
/// Of a larger one so much is read and thrown away. A client that has not sent all of it does not
/// look for the answer yet, and would be cut off by a connection that is closed.
const MAX_WASTE: usize = 16 * MAX_BODY;

/// As an argument, the body of the request; as an answer, that of the response.
///
/// The `Content-Type` of a request is not asked for: `curl --data` says that it sends a form.
#[derive(Debug)]
pub struct Json<T>(pub T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequest<S> for Json<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, _: &S) -> Result<Json<T>, Problem> {
        let body = read(request.into_body()).await?;
        serde_json::from_slice(&body).map(Json).map_err(|error| Problem::bad_json(&error))
    }
}

impl<T: Serialize> IntoResponse for Json<T> {
    fn into_response(self) -> Response {
        let text = serde_json::to_vec(&self.0).expect("what is answered has only keys of text");
        let mut response = Response::new(Body::from(text));
        let json = HeaderValue::from_static("application/json; charset=utf-8");
        response.headers_mut().insert(header::CONTENT_TYPE, json);
        response
    }
}

/// Reads a body. A client that waits for `100 Continue` gets it with the first read.
async fn read(mut body: Body) -> Result<Vec<u8>, Problem> {
    let announced = body.size_hint().lower();
    if announced > MAX_WASTE as u64 {
        return Err(Problem::too_large());
    }
    let mut kept = Vec::with_capacity((announced as usize).min(MAX_BODY));
    let mut count = 0;
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|error| Problem::cut_off(&error))?;
        let piece: Bytes = frame.into_data().unwrap_or_default();
        count += piece.len();
        if count > MAX_WASTE {
            break;
        }
        if count <= MAX_BODY {
            kept.extend_from_slice(&piece);
        } else {
            kept = Vec::new();
        }
    }
    if count > MAX_BODY { Err(Problem::too_large()) } else { Ok(kept) }
}
