//! A condition that tasks wait for under a mutex.
