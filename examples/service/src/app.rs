//! What all requests share.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use axum::http::StatusCode;
use windlass::runtime::now;
use windlass::sync::Semaphore;

use crate::options::Options;
use crate::store::Store;

/// What all requests share.
#[derive(Debug)]
pub struct App {
    /// The users.
    pub store: Store,
    /// How long a request may take.
    pub timeout: Duration,
    /// A permit for each request that may be worked on at a time.
    pub handlers: Semaphore,
    /// How many permits there are.
    pub max_handlers: usize,
    /// No line for each request.
    pub quiet: bool,
    /// When nothing may go on any longer; known since the service was told to stop.
    ends_at: Mutex<Option<Instant>>,
    /// What it counts.
    pub counts: Counts,
}

/// How many of what there have been.
#[derive(Debug, Default)]
pub struct Counts {
    /// Responses by the first digit of their status, from 1 on.
    responses: [AtomicU64; 5],
    /// Requests whose handler has panicked.
    pub panics: AtomicU64,
    /// Requests that took too long.
    pub timeouts: AtomicU64,
    /// Requests whose client has not waited for the response.
    pub gone: AtomicU64,
}

impl App {
    /// The state of a service that begins.
    pub fn new(store: Store, options: &Options) -> Arc<App> {
        Arc::new(App {
            store,
            timeout: options.timeout,
            handlers: Semaphore::new(options.max_handlers),
            max_handlers: options.max_handlers,
            quiet: options.quiet,
            ends_at: Mutex::new(None),
            counts: Counts::default(),
        })
    }

    /// From that moment on, handlers whose connection ends are cancelled.
    pub fn end_at(&self, moment: Instant) {
        *self.ends_at.lock().unwrap_or_else(PoisonError::into_inner) = Some(moment);
    }

    /// True when that moment has come.
    pub fn is_over(&self) -> bool {
        let ends_at = *self.ends_at.lock().unwrap_or_else(PoisonError::into_inner);
        ends_at.is_some_and(|moment| moment <= now())
    }
}

impl Counts {
    /// Adds one.
    pub fn count(counter: &AtomicU64) {
        counter.fetch_add(1, Relaxed);
    }

    /// Adds a response.
    pub fn response(&self, status: StatusCode) {
        let class = usize::from(status.as_u16() / 100);
        if let Some(counter) = self.responses.get(class.wrapping_sub(1)) {
            Self::count(counter);
        }
    }

    /// The responses of each class: `1xx`, `2xx` and so on.
    pub fn responses(&self) -> impl Iterator<Item = (String, u64)> {
        let classes = self.responses.iter().zip(1..);
        classes.map(|(counter, class)| (format!("{class}xx"), counter.load(Relaxed)))
    }
}
