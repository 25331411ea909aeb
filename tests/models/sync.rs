//! Models of the sync floor.

use crate::Model;

/// The models of this floor.
pub const MODELS: &[Model] = &[];
