//! A lock for many readers or one writer, in the order they asked.
