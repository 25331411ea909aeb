//! The queues that workers share: crossbeam's, or their model twins under loom.
//!
//! This is the one place of this crate that asks which world it is in; everybody else names
//! `deque::{Worker, Stealer, Injector, Steal}`. crossbeam's queues use `std` atomics directly, so
//! loom cannot see into them. The [`twin`] has their algorithm and their fences in loom's atomics.

pub mod twin;

use windlass_sync::shim::hint;

#[cfg(not(windlass_loom))]
pub use crossbeam_deque::{Injector, Stealer, Worker};
#[cfg(windlass_loom)]
pub use twin::{Injector, Stealer, Worker};

pub use crossbeam_deque::Steal;

/// Steals until there is an answer: a thief that was overtaken tries again.
pub fn insist<T>(mut steal: impl FnMut() -> Steal<T>) -> Option<T> {
    loop {
        match steal() {
            Steal::Success(taken) => return Some(taken),
            Steal::Empty => return None,
            Steal::Retry => hint::spin_loop(),
        }
    }
}
