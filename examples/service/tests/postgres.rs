//! The service's store in a real PostgreSQL server.

#[path = "rig/postgres.rs"]
mod rig;
#[path = "postgres/sessions.rs"]
mod sessions;
#[path = "postgres/transfers.rs"]
mod transfers;
