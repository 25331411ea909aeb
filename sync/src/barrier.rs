//! A meeting point for a fixed number of tasks.
