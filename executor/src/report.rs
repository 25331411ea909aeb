//! Where trouble is told: panics that nobody joins, and what debug mode finds.

use crate::task::JoinError;

/// A panic that no handle will ever see.
pub(crate) fn unobserved(error: JoinError) {
    eprintln!("windlass: unobserved panic: {error}");
}
