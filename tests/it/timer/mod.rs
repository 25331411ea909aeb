//! Tests of the timer floor.
