//! Read-write lock, condition, once cell.

use super::Subject;

pub fn all() -> Vec<Subject> {
    Vec::new()
}
