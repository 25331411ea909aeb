//! A service on windlass: HTTP and JSON, a pool of connections to a database, transactions, and an
//! orderly end.
//!
//! ```text
//!   main      options, the runtime, the background task
//!    service    listens, runs, stops
//!      routes     what answers where          problem   what is answered instead
//!        attend     around each handler: a task, a permit, the timeout, the log
//!        store      what the handlers ask of a database
//!          sqlite     closures on threads, over a pool of connections to a file
//!          postgres   a server, over windlass' sockets
//!          fate       what becomes of a change that nobody waits for
//! ```
//!
//! Reading order: [`routes`], [`json`], [`problem`], [`attend`], [`service`], [`store`], [`fate`],
//! [`sqlite`], [`postgres`]; the rest explains itself.
#![forbid(unsafe_code)]

pub mod app;
pub mod attend;
pub mod fate;
pub mod faults;
pub mod json;
pub mod metrics;
pub mod options;
pub mod postgres;
pub mod print;
pub mod problem;
pub mod routes;
pub mod service;
pub mod sqlite;
pub mod store;
