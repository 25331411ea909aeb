//! A task that goes on when whoever waits for it is cancelled.
