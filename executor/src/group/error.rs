//! What a group has failed with.

use std::fmt;

use windlass_sync::shim::Arc;
use windlass_timer::Elapsed;

use super::children::Why;
use crate::failure::Failure;
use crate::task::describe::quoted;

/// Why a group has no output: what failed in it, or what ended it early.
///
/// A group within another one fails as a child of that one fails: its `GroupError` is then the error
/// in one of the [`failures`](Self::failures). The text says all that is known, so there is no
/// [`source`](std::error::Error::source), and the error of the children may be of any type that can
/// be displayed.
///
/// # Examples
/// ```
/// # use windlass_executor::{group::TaskGroup, run};
/// run(async {
///     let group = TaskGroup::new().named("import").run(async |group| {
///         group.spawn(async { Err::<(), _>("no route") }).named("fetch");
///         std::future::pending::<Result<(), _>>().await // cut short by the failure
///     });
///     let error = group.await.unwrap_err();
///     assert_eq!(error.failures()[0].error(), Some(&"no route"));
///     println!("{error}"); // group "import": task 2 "fetch" (spawned at ..) failed: no route
/// });
/// ```
#[derive(Debug)]
pub struct GroupError<E> {
    pub(super) name: Option<Arc<str>>,
    pub(super) failures: Vec<Failure<E>>,
    pub(super) why: Option<Why>,
}

impl<E> GroupError<E> {
    /// What has failed, in the order in which it did. It is empty if the group was cancelled, or
    /// its deadline came, and nothing failed besides.
    pub fn failures(&self) -> &[Failure<E>] {
        &self.failures
    }

    /// What has failed, by value.
    pub fn into_failures(self) -> Vec<Failure<E>> {
        self.failures
    }

    /// True if the group was cancelled by [`Group::cancel`](super::Group::cancel). Without
    /// [`collect_all`](super::TaskGroup::collect_all) it had seen nothing fail before that.
    pub fn is_cancelled(&self) -> bool {
        matches!(self.why, Some(Why::Asked(_)))
    }

    /// Why it was cancelled, if that was said.
    pub fn cancel_reason(&self) -> Option<&str> {
        match &self.why {
            Some(Why::Asked(reason)) => reason.as_deref(),
            _ => None,
        }
    }

    /// The deadline, if that has ended the group.
    pub fn elapsed(&self) -> Option<Elapsed> {
        match self.why {
            Some(Why::Elapsed(elapsed)) => Some(elapsed),
            _ => None,
        }
    }
}

impl<E: fmt::Display> fmt::Display for GroupError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "group{}", quoted(&self.name))?;
        match &self.why {
            Some(Why::Elapsed(elapsed)) => write!(f, ": {elapsed}")?,
            Some(Why::Asked(None)) => f.write_str(" was cancelled")?,
            Some(Why::Asked(Some(reason))) => write!(f, " was cancelled: {reason}")?,
            _ => {}
        }
        if let [first, others @ ..] = &self.failures[..] {
            write!(f, ": {first}")?;
            if !others.is_empty() {
                write!(f, " (and {} more)", others.len())?;
            }
        }
        Ok(())
    }
}

impl<E: fmt::Debug + fmt::Display> std::error::Error for GroupError<E> {}
