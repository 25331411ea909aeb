//! Tests of the executor floor.
