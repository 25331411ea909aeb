//! A set of tasks to spawn into and to drain.
