//! Tests of the sync floor.

mod barrier;
mod broadcast;
mod cancel;
mod condvar;
mod event;
mod every_state;
mod limiter;
mod mutex;
mod notify;
mod once;
mod oneshot;
mod polite;
mod queue;
mod queue_kinds;
mod queue_shutdown;
mod rwlock;
mod semaphore;
mod semaphore_rules;
mod stress;
mod stress_queue;
mod subjects;
mod wakers;
mod watch;
