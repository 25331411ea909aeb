//! Queues under load.
