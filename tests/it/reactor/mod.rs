//! Tests of the reactor floor.
