//! Sets of tasks, and tasks as they end.
