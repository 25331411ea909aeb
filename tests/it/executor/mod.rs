//! Tests of the executor floor.

mod blocking;
