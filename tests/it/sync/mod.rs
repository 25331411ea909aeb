//! Tests of the sync floor.

mod event;
mod every_state;
mod mutex;
mod notify;
mod oneshot;
mod polite;
mod semaphore;
mod semaphore_rules;
mod stress;
mod wakers;
