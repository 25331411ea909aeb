//! The queues: puts, gets, slots, joins.

use super::Subject;

pub fn all() -> Vec<Subject> {
    Vec::new()
}
