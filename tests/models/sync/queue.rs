//! Models of the queues.

use crate::Model;

/// The models of this file.
pub const MODELS: &[Model] = &[];
