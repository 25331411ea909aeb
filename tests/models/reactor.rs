//! Models of the reactor floor.

use crate::Model;

/// The models of this floor.
pub const MODELS: &[Model] = &[];
