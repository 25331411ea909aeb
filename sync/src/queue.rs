//! Queues: items in, items out, and a count of what is not done yet.
