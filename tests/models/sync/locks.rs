//! Models of the read-write lock, the condition and the once cell.

use crate::Model;

/// The models of this file.
pub const MODELS: &[Model] = &[];
