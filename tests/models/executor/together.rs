//! Models of what joins several tasks: groups and sets.

use crate::Model;

/// The models of this file.
pub const MODELS: &[Model] = &[];
