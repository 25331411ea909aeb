//! Once cells.
