//! The loom switch: everything that threads share comes from here.
//!
//! The rest of windlass never takes an atomic, a lock or a new thread from `std` or `parking_lot`. It
//! uses the items of this module, and one private cfg decides what they are: the real ones, or loom's.
//! With loom, each model under `tests/models` is run through every interleaving of its threads
//! within its bound; without, the same bodies run on real threads.
//!
//! The cfg is `windlass_loom`, not `loom`: a user who checks a program of their own with
//! `--cfg loom` must not find our primitives switched under their feet.
//!
//! # Rules that loom's limits impose
//!
//! - Store-load ordering is asked for with [`atomic::fence`]`(SeqCst)` between relaxed accesses.
//!   loom treats `SeqCst` loads and stores as acquire and release, and cannot tell a `SeqCst`
//!   read-modify-write from a relaxed one, so only the fence can be checked both ways.
//! - A word that is changed by read-modify-write is changed by nothing else: loom does not model
//!   that a plain store cannot fall between the two halves. Two exceptions say why they may: the
//!   next-task slot, which only its owner fills, and the deque's twin, which keeps to its original.
//! - A try-lock is a `compare_exchange`, never a `swap`.
//! - No `thread::park`: use [`Mutex`] and [`Condvar`].
//! - `Arc` is the standard one in both worlds: its counting is not ours to check, and loom's has
//!   neither `Weak` nor unsizing.

#[cfg(not(windlass_loom))]
#[path = "shim/native.rs"]
mod backend;
#[cfg(windlass_loom)]
#[path = "shim/modeled.rs"]
mod backend;

pub use backend::{
    Condvar, Explored, MODELED, Mode, Mutex, MutexGuard, UnsafeCell, atomic, catch_unwind, explore,
    explore_for, hint, thread,
};
pub use std::sync::Arc;

use atomic::{AtomicU64, Ordering::*};

/// Declares thread-locals that exist once per thread, and once per *model* thread under loom.
///
/// The initialiser must be a constant expression.
pub use crate::windlass_thread_local as thread_local;
#[doc(hidden)]
#[cfg(windlass_loom)]
pub use backend::__loom_thread_local;

/// Makes of a word what `f` makes of it, and returns the other thing that `f` says. `f` may run more than
/// once, so it only computes. The exchange acquires and releases; what that is for, the callers say.
#[inline]
pub fn step<T>(word: &AtomicU64, f: impl Fn(u64) -> (u64, T)) -> T {
    // ORDERING: Relaxed. Only a first guess; the exchange below is what counts.
    let mut now = word.load(Relaxed);
    loop {
        let (next, answer) = f(now);
        // ORDERING: AcqRel, see the callers. Acquire on failure, so that `f` judges fresh bits.
        match word.compare_exchange_weak(now, next, AcqRel, Acquire) {
            Ok(_) => return answer,
            Err(seen) => now = seen,
        }
    }
}
