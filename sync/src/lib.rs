//! The bottom floor: what threads share, and what tasks wait on.
//!
//! Nothing here knows what a task, a timer or a socket is. The primitives need only a
//! [`Waker`](core::task::Waker), so they work under any executor. The version promise of windlass
//! covers its facade; the items here are public so that they can be read, modelled and reused.
//!
//! Reading order: [`shim`] (the loom switch), [`wakes`], [`budget`], [`waiting`].
#![forbid(unsafe_code)]

pub mod budget;
pub mod shim;
pub mod waiting;
pub mod wakes;
