//! The outputs of several tasks, in the order in which they were given.
