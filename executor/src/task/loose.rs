//! What may be said about a task at any time: whom to wake when it is done, its name, why it was
//! cancelled.
//!
//! Most tasks have a joiner or nothing. So the joiner's waker lies in the cell, and the words in a box
//! of their own, which has the waker too once there is one.

use std::sync::Arc;
use std::task::Waker;

/// Two words of a cell.
pub(super) enum Loose {
    /// Whom to wake when the task is done; nothing else was said.
    Waker(Waker),
    /// The rest, if there is any.
    Words(Option<Box<Words>>),
}

/// What was said about a task.
#[derive(Default)]
pub(super) struct Words {
    pub(super) name: Option<Arc<str>>,
    /// Why it was cancelled; the first reason that was given.
    pub(super) reason: Option<Arc<str>>,
    /// It was reported that it waits for what it holds itself.
    pub(super) waits_for_itself: bool,
    /// Whom to wake when the task is done.
    waker: Option<Waker>,
}

impl Loose {
    /// Nothing.
    pub(super) const NONE: Loose = Loose::Words(None);

    /// Whom to wake when the task is done; present while it is watched.
    pub(super) fn waker(&self) -> Option<&Waker> {
        match self {
            Loose::Waker(waker) => Some(waker),
            Loose::Words(words) => words.as_ref()?.waker.as_ref(),
        }
    }

    /// Puts another waker in its place, or none, and returns the former one.
    pub(super) fn replace_waker(&mut self, waker: Option<Waker>) -> Option<Waker> {
        if let Loose::Words(Some(words)) = self {
            return std::mem::replace(&mut words.waker, waker);
        }
        match std::mem::replace(self, waker.map_or(Loose::NONE, Loose::Waker)) {
            Loose::Waker(former) => Some(former),
            Loose::Words(_) => None,
        }
    }

    /// What was said about the task, if anything.
    pub(super) fn said(&self) -> Option<&Words> {
        match self {
            Loose::Waker(_) => None,
            Loose::Words(words) => words.as_deref(),
        }
    }

    /// The same, to say more.
    pub(super) fn words(&mut self) -> &mut Words {
        if let Loose::Waker(_) | Loose::Words(None) = self {
            let waker = self.replace_waker(None);
            *self = Loose::Words(Some(Box::new(Words { waker, ..Words::default() })));
        }
        match self {
            Loose::Words(Some(words)) => words,
            _ => unreachable!("they were made just now"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_takes_two_words() {
        assert_eq!(size_of::<Loose>(), 2 * size_of::<usize>());
    }

    #[test]
    fn the_waker_is_the_same_whether_or_not_something_was_said() {
        for says_first in [false, true] {
            let mut loose = Loose::NONE;
            if says_first {
                loose.words().waits_for_itself = true;
            }
            assert!(loose.replace_waker(Some(Waker::noop().clone())).is_none());
            loose.words().name = Some(Arc::from("worker"));
            assert!(loose.waker().is_some());
            assert_eq!(loose.said().and_then(|words| words.name.as_deref()), Some("worker"));
            assert_eq!(loose.said().map(|words| words.waits_for_itself), Some(says_first));
            assert!(loose.replace_waker(None).is_some());
            assert!(loose.waker().is_none() && loose.said().is_some());
        }
        let mut loose = Loose::Waker(Waker::noop().clone());
        assert!(loose.said().is_none() && loose.replace_waker(None).is_some());
        assert!(loose.waker().is_none() && loose.said().is_none());
    }
}
