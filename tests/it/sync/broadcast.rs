//! Broadcast channels.
