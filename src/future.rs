//! Several futures in one task: joined, raced, selected.
