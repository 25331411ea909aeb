//! Models of watch and broadcast channels and of cancel tokens.

use crate::Model;

/// The models of this file.
pub const MODELS: &[Model] = &[];
