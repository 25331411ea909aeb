//! Tests of the pool of connections, against a server that does as it is told.

mod acquire;
mod closing;
mod dirty;
mod every_await;
mod keeping;
mod kit;
mod stress;
