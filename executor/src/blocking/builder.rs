//! The settings of a pool.

use std::fmt;
use std::io;
use std::ops::RangeInclusive;
use std::time::{Duration, Instant};

use windlass_sync::shim::Arc;

use super::crew::Limits;
use super::{BlockingPool, DescribedJob};
use crate::config::processors;
use crate::ids::Ids;

/// How long an idle thread stays: tokio's figure, long enough for a program's next burst.
const KEEP_ALIVE: Duration = Duration::from_secs(10);
/// Threads beyond the cores, and the most of them; asyncio's figures.
const MORE_THAN_CORES: usize = 4;
const MOST_THREADS: usize = 32;

/// What surrounds the work of each thread: it must call its argument once.
pub type Setup = Arc<dyn Fn(&mut dyn FnMut()) + Send + Sync>;
/// Starts a thread of this name with this body.
pub type Start = Arc<dyn Fn(String, Box<dyn FnOnce() + Send>) -> io::Result<()> + Send + Sync>;
/// Is told of a job that ran for long.
pub type OnSlow = Arc<dyn Fn(&DescribedJob) + Send + Sync>;

/// Makes a [`BlockingPool`]; from [`BlockingPool::builder`].
///
/// # Examples
/// ```
/// # use std::time::Duration;
/// # use windlass_executor::blocking::BlockingPool;
/// let images = BlockingPool::builder()
///     .name("images")
///     .threads(0..=2)
///     .queue(100)
///     .keep_alive(Duration::from_secs(1))
///     .build();
/// assert_eq!(images.name(), "images");
/// assert_eq!(images.stats().threads, 0); // they start when there is something to do
/// ```
#[derive(Clone)]
#[must_use = "a builder makes nothing until it is built"]
pub struct Builder {
    pub(super) name: String,
    pub(super) limits: Limits,
    pub(super) capacity: usize,
    pub(super) keep_alive: Duration,
    pub(super) setup: Option<Setup>,
    pub(super) start: Option<Start>,
    pub(super) slow: Option<(Duration, OnSlow)>,
    /// `None` until built, unless a runtime gives its own.
    ids: Option<Arc<Ids>>,
    /// The zero of the clock that ages are counted by.
    pub(super) epoch: Instant,
}

impl Builder {
    pub(super) fn new() -> Self {
        let cores = processors();
        let max = MOST_THREADS.min(cores + MORE_THAN_CORES);
        Self {
            name: "blocking".to_owned(),
            limits: Limits { min: 0, max, eager: cores },
            capacity: usize::MAX,
            keep_alive: KEEP_ALIVE,
            setup: None,
            start: None,
            slow: None,
            ids: None,
            epoch: Instant::now(),
        }
    }

    /// Names the pool; its threads are called `NAME-1`, `NAME-2` and so on. Default: `blocking`.
    ///
    /// # Panics
    /// If the name has a zero byte in it, which a thread's name cannot have.
    #[track_caller]
    pub fn name(mut self, name: &str) -> Self {
        assert!(!name.contains('\0'), "the name of a blocking pool cannot contain a zero byte");
        self.name = name.to_owned();
        self
    }

    /// How many threads the pool may have. Default: none to the number of cores plus 4, at most 32.
    ///
    /// Threads start when there are jobs for them, the first ones too. Those beyond the minimum end
    /// after the [keep-alive](Self::keep_alive).
    ///
    /// # Panics
    /// If the maximum is 0 or below the minimum.
    #[track_caller]
    pub fn threads(mut self, threads: RangeInclusive<usize>) -> Self {
        let (min, max) = threads.into_inner();
        assert!(max > 0, "a blocking pool needs a thread: make the maximum 1 or more");
        assert!(min <= max, "a blocking pool cannot keep {min} threads when it may have {max}");
        self.limits = Limits { min, max, ..self.limits };
        self
    }

    /// How many jobs may wait for a thread. Default: any number.
    ///
    /// # Panics
    /// If it is 0: a job passes through the queue even if a thread is idle.
    #[track_caller]
    pub fn queue(mut self, jobs: usize) -> Self {
        assert!(jobs > 0, "the queue of a blocking pool needs room for 1 job or more");
        self.capacity = jobs;
        self
    }

    /// How long a thread stays when it has nothing to do. Default: 10 seconds.
    pub fn keep_alive(mut self, time: Duration) -> Self {
        self.keep_alive = time;
        self
    }

    /// How many threads take jobs at once; the others first give these a moment to do it, see
    /// [`crew`](super::crew). Default: the number of cores.
    pub fn eager(mut self, threads: usize) -> Self {
        self.limits.eager = threads;
        self
    }

    /// Has every thread work inside of `setup`, which may enter contexts and call hooks.
    pub fn setup(mut self, setup: Setup) -> Self {
        self.setup = Some(setup);
        self
    }

    /// Has threads started by `start`, which must run the body on a thread of its own, or fail.
    pub fn start_with(mut self, start: Start) -> Self {
        self.start = Some(start);
        self
    }

    /// Has `report` called on the job's thread after each job that ran for `threshold` or longer.
    pub fn on_slow(mut self, threshold: Duration, report: OnSlow) -> Self {
        self.slow = Some((threshold, report));
        self
    }

    /// Takes the jobs' numbers and the zero of their ages from a runtime.
    pub fn numbered(mut self, ids: Arc<Ids>, epoch: Instant) -> Self {
        self.ids = Some(ids);
        self.epoch = epoch;
        self
    }

    /// Makes the pool. It has no threads until it has jobs.
    pub fn build(mut self) -> BlockingPool {
        let ids = self.ids.take().unwrap_or_else(|| Arc::new(Ids::new(0)));
        BlockingPool::new(self, ids)
    }
}

impl fmt::Debug for Builder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Builder")
            .field("name", &self.name)
            .field("limits", &self.limits)
            .field("capacity", &self.capacity)
            .field("keep_alive", &self.keep_alive)
            .finish_non_exhaustive()
    }
}
