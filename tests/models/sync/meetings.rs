//! Models of barrier and limiter.

use crate::Model;

/// The models of this file.
pub const MODELS: &[Model] = &[];
