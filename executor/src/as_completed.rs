//! Tasks in the order in which they end.
