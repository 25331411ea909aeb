//! What a client is told when something is wrong.

use axum::extract::rejection::PathRejection;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::{Map, Value, json};

use crate::fate::Outcome;
use crate::json::{Json, MAX_BODY};
use crate::store::StoreError;

/// An error as a response: `{"error": {"code": "...", "message": "...", ...}}`.
///
/// Programs go by the status and the code, people by the message. Some have more fields.
#[derive(Debug)]
pub struct Problem {
    status: StatusCode,
    error: Map<String, Value>,
}

impl Problem {
    /// A status, a word for programs, and a sentence for people.
    pub fn new(status: StatusCode, code: &str, message: impl Into<String>) -> Problem {
        let mut error = Map::new();
        error.insert("code".into(), code.into());
        error.insert("message".into(), message.into().into());
        Problem { status, error }
    }

    /// The same with one more field.
    pub fn with(mut self, name: &str, value: impl Into<Value>) -> Problem {
        self.error.insert(name.into(), value.into());
        self
    }

    /// The body is no JSON, or not that which was asked for.
    pub fn bad_json(error: &serde_json::Error) -> Problem {
        Problem::new(StatusCode::BAD_REQUEST, "bad_json", error.to_string())
            .with("line", error.line())
            .with("column", error.column())
    }

    /// The body is larger than [`MAX_BODY`].
    pub fn too_large() -> Problem {
        let message = format!("a body has at most {MAX_BODY} bytes");
        Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "too_large", message).with("limit", MAX_BODY)
    }

    /// The body did not come to its end.
    pub fn cut_off(error: &axum::Error) -> Problem {
        Problem::new(StatusCode::BAD_REQUEST, "cut_off", error.to_string())
    }

    /// There is nothing under that path.
    pub fn not_found() -> Problem {
        Problem::new(StatusCode::NOT_FOUND, "not_found", "there is nothing under this path")
    }

    /// There is something, but it does not know the method; the header `Allow` says which it knows.
    pub fn bad_method() -> Problem {
        let message = "this path does not know the method, see the header Allow";
        Problem::new(StatusCode::METHOD_NOT_ALLOWED, "bad_method", message)
    }

    /// The handler has panicked. What about is no business of the client's.
    pub fn panicked() -> Problem {
        Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "panic", "the service has a fault here")
    }

    /// Too many others are waiting.
    pub fn overloaded() -> Problem {
        let message = "too many requests at a time, try again later";
        Problem::new(StatusCode::SERVICE_UNAVAILABLE, "overloaded", message)
    }

    /// The service ends.
    pub fn stopping() -> Problem {
        Problem::new(StatusCode::SERVICE_UNAVAILABLE, "stopping", "the service is about to end")
    }

    /// The request took too long, and this has become of what it wanted to change.
    pub fn timeout(outcome: Outcome) -> Problem {
        let (changed, message) = match outcome {
            Outcome::NotCommitted => ("no", "the request took too long, nothing was changed"),
            Outcome::Committed => ("yes", "the request took too long, but it was done"),
            Outcome::Unknown => ("unknown", "the request took too long, and may have been done"),
        };
        Problem::new(StatusCode::GATEWAY_TIMEOUT, "timeout", message).with("changed", changed)
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let body = Json(json!({ "error": self.error }));
        let mut response = (self.status, body).into_response();
        if self.status == StatusCode::SERVICE_UNAVAILABLE {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
        }
        response
    }
}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Problem {
        let message = error.to_string();
        let new = |status, code| Problem::new(status, code, message);
        match error {
            StoreError::NotFound(id) => new(StatusCode::NOT_FOUND, "no_such_user").with("id", id),
            StoreError::Insufficient(id) => {
                new(StatusCode::CONFLICT, "insufficient").with("id", id)
            }
            StoreError::Conflict => new(StatusCode::SERVICE_UNAVAILABLE, "conflict"),
            StoreError::Timeout => {
                new(StatusCode::GATEWAY_TIMEOUT, "timeout").with("changed", "no")
            }
            StoreError::Cancelled => {
                new(StatusCode::SERVICE_UNAVAILABLE, "cancelled").with("changed", "no")
            }
            StoreError::Unknown => {
                new(StatusCode::GATEWAY_TIMEOUT, "unknown").with("changed", "unknown")
            }
            StoreError::Unavailable(_) => new(StatusCode::SERVICE_UNAVAILABLE, "no_database"),
            StoreError::Database(_) => new(StatusCode::INTERNAL_SERVER_ERROR, "database"),
        }
    }
}

impl From<PathRejection> for Problem {
    fn from(rejection: PathRejection) -> Problem {
        Problem::new(rejection.status(), "bad_path", rejection.body_text())
    }
}
