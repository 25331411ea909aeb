//! Why a task has no output.

use std::any::Any;
use std::fmt;
use std::panic::Location;
use std::sync::{Arc, Weak};

use windlass_sync::shim::Mutex;

use super::describe::{TaskId, quoted};
use crate::context;
use crate::scheduler::Shared;

/// Why a task ended without an output: it was cancelled, it panicked, or it could not be started.
///
/// The error knows the task's name and the line that spawned it.
///
/// # Examples
/// ```
/// # use windlass_executor::runtime::Runtime;
/// # let runtime = Runtime::new().unwrap();
/// # runtime.block_on(async {
/// let task = windlass_executor::spawn(async { panic!("no luck") });
/// let error = task.await.unwrap_err();
/// assert!(error.is_panic());
/// assert!(error.to_string().contains("no luck"));
/// # });
/// ```
pub struct JoinError(Box<Inner>);

struct Inner {
    about: About,
    cause: Cause,
}

enum Cause {
    Cancelled(Option<Arc<str>>),
    Panic(Panicked),
    Refused(std::io::Error),
}

struct Panicked {
    /// Behind a lock only because a payload need not be `Sync`, while errors should be.
    payload: Mutex<Box<dyn Any + Send>>,
    text: String,
    /// Where it happened: told if nobody ever looks at this error, on whatever thread it is dropped.
    runtime: Weak<Shared>,
}

impl JoinError {
    fn new(about: About, cause: Cause) -> Self {
        Self(Box::new(Inner { about, cause }))
    }

    pub(crate) fn cancelled(about: About, reason: Option<Arc<str>>) -> Self {
        Self::new(about, Cause::Cancelled(reason))
    }

    pub(crate) fn panic(about: About, payload: Box<dyn Any + Send>) -> Self {
        let text = match (payload.downcast_ref::<&str>(), payload.downcast_ref::<String>()) {
            (Some(text), _) => (*text).to_owned(),
            (_, Some(text)) => text.clone(),
            _ => "a payload that is no text".to_owned(),
        };
        let runtime =
            context::current().map_or_else(Weak::new, |current| Arc::downgrade(&current.shared));
        let payload = Mutex::new(payload);
        Self::new(about, Cause::Panic(Panicked { payload, text, runtime }))
    }

    pub(crate) fn refused(about: About, reason: std::io::Error) -> Self {
        Self::new(about, Cause::Refused(reason))
    }

    /// True if the task was cancelled, or its runtime shut down before it finished.
    pub fn is_cancelled(&self) -> bool {
        matches!(self.0.cause, Cause::Cancelled(_))
    }

    /// Why the task was cancelled, if [`abort_with`](super::Task::abort_with) has said so.
    pub fn cancel_reason(&self) -> Option<&str> {
        match &self.0.cause {
            Cause::Cancelled(reason) => reason.as_deref(),
            _ => None,
        }
    }

    /// True if the task panicked.
    pub fn is_panic(&self) -> bool {
        matches!(self.0.cause, Cause::Panic(_))
    }

    /// True if the task was never started: no thread could be had for it, its pool is closed, or the
    /// pool's queue is full.
    pub fn is_refused(&self) -> bool {
        matches!(self.0.cause, Cause::Refused(_))
    }

    /// What the task panicked with, for [`resume_unwind`](std::panic::resume_unwind).
    ///
    /// # Errors
    /// The error itself if the task did not panic.
    pub fn into_panic(self) -> Result<Box<dyn Any + Send>, Self> {
        match self.0.cause {
            Cause::Panic(panicked) => Ok(panicked.payload.into_inner()),
            _ => Err(self),
        }
    }

    /// The text the task panicked with, if it panicked.
    pub fn panic_message(&self) -> Option<&str> {
        match &self.0.cause {
            Cause::Panic(panicked) => Some(&panicked.text),
            _ => None,
        }
    }

    /// The same error, with this name if it has none.
    pub(crate) fn with_name(mut self, name: Option<Arc<str>>) -> Self {
        self.0.about.name = self.0.about.name.or(name);
        self
    }

    /// The runtime in which the task panicked, if it still exists.
    pub(crate) fn runtime(&self) -> Option<Arc<Shared>> {
        match &self.0.cause {
            Cause::Panic(panicked) => panicked.runtime.upgrade(),
            _ => None,
        }
    }

    /// The task's number.
    pub fn id(&self) -> TaskId {
        self.0.about.id
    }

    /// The task's name, if it was given one.
    pub fn name(&self) -> Option<&str> {
        self.0.about.name.as_deref()
    }

    /// The line that spawned the task.
    pub fn spawned_at(&self) -> &'static Location<'static> {
        self.0.about.spawned_at
    }
}

impl fmt::Display for JoinError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let About { id, name, spawned_at } = &self.0.about;
        write!(f, "task {id}{} (spawned at {spawned_at}) ", quoted(name))?;
        match &self.0.cause {
            Cause::Cancelled(None) => f.write_str("was cancelled"),
            Cause::Cancelled(Some(reason)) => write!(f, "was cancelled: {reason}"),
            Cause::Panic(panicked) => write!(f, "panicked: {}", panicked.text),
            Cause::Refused(reason) => write!(f, "was not started: {reason}"),
        }
    }
}

impl fmt::Debug for JoinError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "JoinError({self})")
    }
}

impl std::error::Error for JoinError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match &self.0.cause {
            Cause::Refused(reason) => Some(reason),
            _ => None,
        }
    }
}

impl From<JoinError> for std::io::Error {
    fn from(error: JoinError) -> Self {
        use std::io::ErrorKind::{Interrupted, Other};
        std::io::Error::new(if error.is_cancelled() { Interrupted } else { Other }, error)
    }
}

/// The facts about a task that its error carries.
pub(crate) struct About {
    pub(crate) id: TaskId,
    pub(crate) name: Option<Arc<str>>,
    pub(crate) spawned_at: &'static Location<'static>,
}
