//! The ends of several tasks, told to one waiter.
//!
//! Each task is left a waker of its own, which knows the task's place. When the task ends, the waker
//! puts that place into the inbox that all of them share, and wakes the waiter if it sleeps. So the
//! waiter looks at the tasks that have ended and at no others, in the order of their ends, and is
//! woken once for however many end before it looks.
//!
//! A place may be told twice: by [`Ends::watch`], which finds the task done, and by the waker, if
//! somebody had left another one with the task before and its runner was already about to call it.
//! So whoever reads a place looks at the task that is there.

use std::collections::VecDeque;
use std::task::{Context, Poll, Wake, Waker};

use windlass_sync::shim::{Arc, Mutex};
use windlass_sync::wakes;

use crate::task::Task;

/// Who of several tasks has ended, and whom to tell.
#[derive(Clone, Default)]
pub(crate) struct Ends(Arc<Mutex<Inbox>>);

#[derive(Default)]
struct Inbox {
    /// The places of those that have ended, until they are read.
    places: VecDeque<usize>,
    /// Wakes the waiter; gone once it was woken.
    waker: Option<Waker>,
}

/// What one task is left: says that the task at this place has ended.
struct Ending {
    place: usize,
    ends: Ends,
}

impl Wake for Ending {
    fn wake(self: Arc<Self>) {
        self.ends.tell(self.place);
    }
}

impl Ends {
    /// Has the end of a task told, which may be now.
    pub(crate) fn watch<T>(&self, place: usize, task: &mut Task<T>) {
        if task.poll_finished(&mut Context::from_waker(&self.waker(place))).is_ready() {
            self.tell(place);
        }
    }

    /// The waker that says the task at this place has ended.
    pub(crate) fn waker(&self, place: usize) -> Waker {
        Waker::from(Arc::new(Ending { place, ends: self.clone() }))
    }

    /// Says that the task at this place has ended. Wakes, so hold no lock.
    pub(crate) fn tell(&self, place: usize) {
        let mut inbox = self.0.lock();
        inbox.places.push_back(place);
        let waker = inbox.waker.take();
        drop(inbox);
        wakes::wake(waker);
    }

    /// Wakes the waiter without an end.
    pub(crate) fn wake(&self) {
        let waker = self.0.lock().waker.take();
        wakes::wake(waker);
    }

    /// The place of the next end that is not read yet, in the order of the ends.
    pub(crate) fn next(&self) -> Option<usize> {
        self.0.lock().places.pop_front()
    }

    /// As [`next`](Self::next); while there is none, `cx` is woken by the next end.
    pub(crate) fn poll_next(&self, cx: &mut Context<'_>) -> Poll<usize> {
        wakes::poll_slot(&self.0, cx, |inbox| inbox.places.pop_front(), |inbox| &mut inbox.waker)
    }

    /// Takes the waiter's waker back.
    pub(crate) fn forget_waker(&self) {
        let former = self.0.lock().waker.take();
        drop(former);
    }
}
