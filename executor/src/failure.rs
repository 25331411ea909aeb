//! The failure of one of several tasks.

use std::fmt;

use crate::task::describe::quoted;
use crate::task::error::About;
use crate::task::{JoinError, Task, TaskId};

/// How one of several tasks, or the body of a group, has failed: it returned an error, or it
/// panicked.
///
/// Its text says all that is known, so there is no [`source`](std::error::Error::source); for that
/// the error need not be a [`std::error::Error`] itself.
///
/// # Examples
/// ```
/// # use windlass_executor::{gather::try_gather, run, spawn};
/// run(async {
///     let fetch = spawn(async { Err::<u32, _>("no route") }).named("fetch");
///     let failure = try_gather([fetch, spawn(async { Ok(1) })]).await.unwrap_err();
///     assert_eq!((failure.name(), failure.error()), (Some("fetch"), Some(&"no route")));
///     println!("{failure}"); // task 1 "fetch" (spawned at src/main.rs:3:17) failed: no route
/// });
/// ```
pub struct Failure<E> {
    /// The task that has returned the error; `None` for a body, and for who is named by its cause.
    task: Option<About>,
    cause: Result<JoinError, E>,
}

impl<E> Failure<E> {
    pub(crate) fn of_body(error: E) -> Self {
        Self { task: None, cause: Err(error) }
    }

    pub(crate) fn of_task<T>(task: &Task<T>, error: E) -> Self {
        let (id, name, spawned_at) = (task.id(), task.name(), task.spawned_at());
        Self { task: Some(About { id, name, spawned_at }), cause: Err(error) }
    }

    pub(crate) fn of_join(error: JoinError) -> Self {
        Self { task: None, cause: Ok(error) }
    }

    /// The error that was returned, if one was.
    pub fn error(&self) -> Option<&E> {
        self.cause.as_ref().err()
    }

    /// How the task has ended, if not by returning: by a panic, mostly.
    pub fn join_error(&self) -> Option<&JoinError> {
        self.cause.as_ref().ok()
    }

    /// The error that was returned.
    ///
    /// # Errors
    /// The [`join_error`](Self::join_error), if none was.
    pub fn into_error(self) -> Result<E, JoinError> {
        match self.cause {
            Err(error) => Ok(error),
            Ok(error) => Err(error),
        }
    }

    /// The task's number; `None` for the body of a group.
    pub fn id(&self) -> Option<TaskId> {
        self.task.as_ref().map(|task| task.id).or(self.join_error().map(JoinError::id))
    }

    /// The task's name, if it was given one.
    pub fn name(&self) -> Option<&str> {
        match &self.task {
            Some(task) => task.name.as_deref(),
            None => self.join_error()?.name(),
        }
    }
}

impl<E: fmt::Display> fmt::Display for Failure<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.task, &self.cause) {
            (_, Ok(error)) => error.fmt(f),
            (None, Err(error)) => write!(f, "the body failed: {error}"),
            (Some(task), Err(error)) => {
                let (id, name, at) = (task.id, quoted(&task.name), task.spawned_at);
                write!(f, "task {id}{name} (spawned at {at}) failed: {error}")
            }
        }
    }
}

impl<E: fmt::Debug> fmt::Debug for Failure<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.cause {
            Ok(error) => write!(f, "Failure({error})"),
            Err(error) => write!(f, "Failure(task {:?}, {error:?})", self.id()),
        }
    }
}

impl<E: fmt::Debug + fmt::Display> std::error::Error for Failure<E> {}
