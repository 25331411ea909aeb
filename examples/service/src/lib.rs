//! The article's service on windlass: HTTP with JSON, a pool of connections, transactions.
#![forbid(unsafe_code)]

pub mod fate;
pub mod postgres;
pub mod sqlite;
pub mod store;
