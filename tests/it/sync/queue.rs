//! Queues: putting, getting, joining.
