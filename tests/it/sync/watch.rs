//! Watch channels.
