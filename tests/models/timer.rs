//! Models of the timer floor.

use crate::Model;

/// The models of this floor.
pub const MODELS: &[Model] = &[];
