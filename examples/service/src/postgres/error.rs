//! What the server says, in the words of the store.

use std::error::Error as _;

use tokio_postgres::Error;
use tokio_postgres::error::{Severity, SqlState};

use crate::store::StoreError;

/// What an administrator has done to the server, or the server to itself: PostgreSQL's class 57,
/// without the cancelled query.
const GONE: [SqlState; 4] = [
    SqlState::ADMIN_SHUTDOWN,
    SqlState::CRASH_SHUTDOWN,
    SqlState::CANNOT_CONNECT_NOW,
    SqlState::TOO_MANY_CONNECTIONS,
];

impl From<Error> for StoreError {
    fn from(error: Error) -> Self {
        match error.code() {
            Some(&SqlState::T_R_SERIALIZATION_FAILURE | &SqlState::T_R_DEADLOCK_DETECTED) => {
                StoreError::Conflict
            }
            Some(&SqlState::QUERY_CANCELED) => StoreError::Timeout,
            Some(code) if !GONE.contains(code) => StoreError::Database(words(&error)),
            Some(_) => StoreError::Unavailable(words(&error)),
            None if is_of_the_connection(&error) => StoreError::Unavailable(words(&error)),
            None => StoreError::Database(words(&error)),
        }
    }
}

/// The error of a change to one user.
pub(super) fn of_user(error: Error, id: i64) -> StoreError {
    match error.code() {
        Some(&SqlState::CHECK_VIOLATION) => StoreError::Insufficient(id),
        _ => error.into(),
    }
}

/// True if a commit has failed for certain.
///
/// The server must say so, and stay: one that is shut down may say goodbye after it has committed
/// and before it tells.
pub(super) fn is_not_committed(error: &Error) -> bool {
    let severity = error.as_db_error().and_then(|answer| answer.parsed_severity());
    severity == Some(Severity::Error)
}

/// The error and its causes. The driver's own text is often only "db error".
pub(super) fn words(error: &Error) -> String {
    match (error.as_db_error(), error.source()) {
        (Some(answer), _) => {
            format!("{}: {} ({})", answer.severity(), answer.message(), answer.code().code())
        }
        (None, Some(source)) => format!("{error}: {source}"),
        (None, None) => error.to_string(),
    }
}

/// True if it was not about what was asked.
fn is_of_the_connection(error: &Error) -> bool {
    error.is_closed() || error.source().is_some_and(|source| source.is::<std::io::Error>())
}
