//! Wakers: a pointer to the header and one table for all tasks.
//!
//! One table, so that `will_wake` recognises two wakers of the same task. A clone is counted in the
//! state word; the waker that a poll is given is not, because `ACTIVE` keeps the cell for as long.
//!
//! # A task that wakes itself
//! A yield, a used-up budget, a combinator that wants another turn: many polls wake the very task
//! they are polls of, on the same thread. Nobody else need hear of that, so it is noted on the thread
//! ([`waiting::fires_itself`]) and not in the word. The task stays active from this poll to the next,
//! and neither needs an exchange; what others do to the word meanwhile is found by the next poll.

use std::mem::ManuallyDrop;
use std::ops::Deref;
use std::ptr::NonNull;
use std::task::{RawWaker, RawWakerVTable, Waker};

use windlass_sync::waiting;

use super::cell::Header;
use super::runnable::carry_out;

static VTABLE: RawWakerVTable = RawWakerVTable::new(clone, wake, wake_by_ref, drop_waker);

/// A waker that counts as no reference; it is borrowed from the `Runnable`.
pub(super) struct Borrowed(ManuallyDrop<Waker>);

impl Deref for Borrowed {
    type Target = Waker;
    fn deref(&self) -> &Waker {
        &self.0
    }
}

/// The waker for a poll by the holder of the `Runnable`.
pub(super) fn borrowed(header: NonNull<Header>) -> Borrowed {
    // SAFETY: rule 1: while the poll runs, `ACTIVE` keeps the cell. It is never dropped, so its
    // reference is never given up; its clones count for themselves.
    Borrowed(ManuallyDrop::new(unsafe { Waker::from_raw(raw(header)) }))
}

/// Fetches the lines of the cell that a wake of this waker and the poll after it begin with, if it is
/// a task's: before a batch is woken, so that their fetching overlaps (`sleep_cpu` 0.95 of the time).
pub(crate) fn foresee(waker: &Waker) {
    if std::ptr::eq(waker.vtable(), &VTABLE) {
        // SAFETY: rule 1: the waker keeps the cell.
        let header = unsafe { pointer(waker.data()).as_ref() };
        std::hint::black_box((header.meta.id, header.state.phase()));
    }
}

fn raw(header: NonNull<Header>) -> RawWaker {
    RawWaker::new(header.as_ptr().cast_const().cast(), &VTABLE)
}

/// # Safety
/// `data` comes from [`raw`], and the waker at hand is one reference (rule 1).
unsafe fn pointer(data: *const ()) -> NonNull<Header> {
    // SAFETY: rule 1 keeps the cell that `raw` was given, as the caller promises, so it is not null.
    unsafe { NonNull::new_unchecked(data.cast_mut().cast()) }
}

/// # Safety
/// As [`pointer`].
unsafe fn clone(data: *const ()) -> RawWaker {
    // SAFETY: the caller's promise, and rule 1: the waker we are cloned from keeps the cell.
    let header = unsafe { pointer(data) };
    // SAFETY: as above.
    unsafe { header.as_ref() }.state.clone_waker();
    raw(header)
}

/// # Safety
/// As [`pointer`]; the reference is given up.
unsafe fn wake(data: *const ()) {
    if waiting::fires_itself(data) {
        // SAFETY: the caller's promise; the wake is noted, and the reference goes.
        return unsafe { drop_waker(data) };
    }
    // SAFETY: the caller's promise.
    let header = unsafe { pointer(data) };
    // SAFETY: rule 1, until the transition is made.
    let order = unsafe { header.as_ref() }.state.wake_and_drop();
    carry_out(header, order);
}

/// # Safety
/// As [`pointer`].
unsafe fn wake_by_ref(data: *const ()) {
    if waiting::fires_itself(data) {
        return;
    }
    // SAFETY: the caller's promise.
    let header = unsafe { pointer(data) };
    // SAFETY: rule 1: the waker keeps the cell.
    let order = unsafe { header.as_ref() }.state.wake();
    carry_out(header, order);
}

/// # Safety
/// As [`pointer`]; the reference is given up.
unsafe fn drop_waker(data: *const ()) {
    // SAFETY: the caller's promise.
    let header = unsafe { pointer(data) };
    // SAFETY: rule 1, until the transition is made.
    let order = unsafe { header.as_ref() }.state.drop_waker();
    carry_out(header, order);
}
