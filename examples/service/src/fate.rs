//! What becomes of a change when nobody waits for it any more.
//!
//! A request may time out, or its client hang up, at any moment: also while the database commits.
//! Who waits then drops the future, and a dropped future returns nothing. So it leaves a word here
//! that both sides write, and whichever comes first decides:
//!
//! ```text
//!    open  -- the store: may I commit? -->  committing  -- it is done -->  committed
//!      |                                        +-------- it is not -->    not committed
//!      +----- the caller has gone ------>  not committed       (the store is told no, rolls back)
//! ```

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering::SeqCst};

/// Whether a change was made; clones are the same one.
///
/// # Examples
/// ```
/// use service::fate::{Fate, Outcome};
///
/// let fate = Fate::default();
/// fate.cancel(); // the caller
/// assert!(!fate.may_commit(), "so the store rolls back");
/// assert_eq!(fate.outcome(), Outcome::NotCommitted);
///
/// let fate = Fate::default();
/// assert!(fate.may_commit(), "the store is first");
/// fate.cancel(); // too late
/// assert_eq!(fate.outcome(), Outcome::Unknown);
/// fate.settle(true);
/// assert_eq!(fate.outcome(), Outcome::Committed);
/// ```
#[derive(Clone, Debug, Default)]
pub struct Fate(Arc<AtomicU8>);

/// What is known of a change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It was not made, and will not be.
    NotCommitted,
    /// The database was asked to commit and has not answered, or its answer was lost.
    Unknown,
    /// It was made.
    Committed,
}

const OPEN: u8 = 0;
const COMMITTING: u8 = 1;
const COMMITTED: u8 = 2;
const NOT_COMMITTED: u8 = 3;

impl Fate {
    /// For the store, right before it commits: false if the caller has gone, and then it must not.
    #[must_use]
    pub fn may_commit(&self) -> bool {
        self.step(OPEN, COMMITTING)
    }

    /// For the store: how the commit has ended. If that cannot be known, it does not call this.
    pub fn settle(&self, is_committed: bool) {
        self.step(COMMITTING, if is_committed { COMMITTED } else { NOT_COMMITTED });
    }

    /// For the store, before it tries again what has not been committed.
    pub fn reopen(&self) {
        self.step(COMMITTING, OPEN);
    }

    /// For whoever no longer waits: the change is not made, unless its commit has begun.
    pub fn cancel(&self) {
        self.step(OPEN, NOT_COMMITTED);
    }

    /// What is known at this moment. A change that is still open may be made yet, unless it was
    /// [cancelled](Self::cancel) or rolled back.
    pub fn outcome(&self) -> Outcome {
        match self.0.load(SeqCst) {
            COMMITTED => Outcome::Committed,
            COMMITTING => Outcome::Unknown,
            _ => Outcome::NotCommitted,
        }
    }

    fn step(&self, from: u8, to: u8) -> bool {
        self.0.compare_exchange(from, to, SeqCst, SeqCst).is_ok()
    }
}
