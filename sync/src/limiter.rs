//! A limit that can be moved while tasks run under it.
