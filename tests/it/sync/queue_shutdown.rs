//! Queues that are shut down, and handles that end.
