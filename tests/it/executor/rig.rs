//! What the tests of whole runtimes need: a run on several worker counts, a limit on every wait, and
//! a process of one's own.

use std::future::{Future, poll_fn};
use std::process::{Command, Output, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex};
use std::task::Poll;
use std::thread;
use std::time::{Duration, Instant};

use windlass::runtime::{Builder, Runtime};

/// Longer than anything here takes; a test that waits so long has failed.
pub const LONG: Duration = Duration::from_secs(60);

/// Marks a process that was started for one test, see [`alone`].
const ALONE: &str = "WINDLASS_TEST_ALONE";

/// A runtime with so many workers.
#[track_caller]
pub fn runtime(workers: usize) -> Runtime {
    Builder::new().workers(workers).debug(false).build().unwrap()
}

/// Runs `body` with 1, 2 and 4 workers, each time on a thread of its own and for at most [`LONG`].
#[track_caller]
pub fn on_1_2_and_4(body: fn(usize)) {
    for workers in [1, 2, 4] {
        within(LONG, move || body(workers));
    }
}

/// As [`on_1_2_and_4`], where one worker is not enough.
#[track_caller]
pub fn on_2_and_4(body: fn(usize)) {
    for workers in [2, 4] {
        within(LONG, move || body(workers));
    }
}

/// Runs `body` on another thread; panics if it has not ended in time.
#[track_caller]
pub fn within<T: Send + 'static>(limit: Duration, body: impl FnOnce() -> T + Send + 'static) -> T {
    let (sender, receiver) = channel();
    let thread = thread::spawn(move || sender.send(body()));
    match receiver.recv_timeout(limit) {
        Ok(output) => output,
        Err(RecvTimeoutError::Timeout) => panic!("it hangs"),
        Err(RecvTimeoutError::Disconnected) => match thread.join() {
            Ok(_) => unreachable!("the thread sends before it ends"),
            Err(payload) => std::panic::resume_unwind(payload),
        },
    }
}

/// Waits for something that nobody announces.
#[track_caller]
pub fn until(mut it_is_so: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !it_is_so() {
        assert!(begun.elapsed() < LONG, "it never was so");
        thread::yield_now();
    }
}

/// Runs the test that calls it in a process of its own, with these variables set. `None` in that
/// process, which goes on with the test; its output in the one that started it.
#[track_caller]
pub fn alone(test: &str, variables: &[(&str, &str)]) -> Option<Output> {
    if std::env::var_os(ALONE).is_some() {
        return None;
    }
    let child = Command::new(std::env::current_exe().unwrap())
        .args([test, "--exact", "--nocapture", "--test-threads=1"])
        .env_remove("WINDLASS_WORKERS")
        .env_remove("WINDLASS_DEBUG")
        .env(ALONE, "1")
        .envs(variables.iter().copied())
        .stdin(Stdio::null())
        .output()
        .unwrap();
    Some(child)
}

/// As [`alone`], and the process must succeed.
#[track_caller]
pub fn is_done_alone(test: &str, variables: &[(&str, &str)]) -> bool {
    let Some(output) = alone(test, variables) else { return false };
    assert!(output.status.success(), "{}{}", text(&output.stdout), text(&output.stderr));
    assert!(text(&output.stdout).contains("1 passed"), "{test} is no test");
    true
}

pub fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// A list that several threads write to.
#[derive(Clone, Default)]
pub struct Log(Arc<Mutex<Vec<String>>>);

impl Log {
    pub fn add(&self, line: impl Into<String>) {
        self.0.lock().unwrap().push(line.into());
    }

    pub fn lines(&self) -> Vec<String> {
        self.0.lock().unwrap().clone()
    }

    /// Adds the line when it is dropped.
    pub fn at_drop(&self, line: &str) -> AtDrop {
        AtDrop(self.clone(), line.to_owned())
    }
}

/// See [`Log::at_drop`].
pub struct AtDrop(Log, String);

impl Drop for AtDrop {
    fn drop(&mut self) {
        self.0.add(std::mem::take(&mut self.1));
    }
}

/// Counts its drops.
#[derive(Clone, Default)]
pub struct Drops(Arc<AtomicUsize>);

impl Drops {
    pub fn count(&self) -> usize {
        self.0.load(SeqCst)
    }

    pub fn witness(&self) -> Witness {
        Witness(self.0.clone())
    }
}

/// See [`Drops::witness`].
pub struct Witness(Arc<AtomicUsize>);

impl Drop for Witness {
    fn drop(&mut self) {
        self.0.fetch_add(1, SeqCst);
    }
}

/// Pending for ever, without keeping a waker: the task is lost.
pub async fn lost() {
    std::future::pending().await
}

/// Pending for ever, with a waker that stays alive as long as the future.
pub async fn asleep() {
    let mut kept = None;
    poll_fn(|cx| {
        kept = Some(cx.waker().clone());
        Poll::<()>::Pending
    })
    .await;
}

/// A gate that a plain thread, or a task that blocks its worker, waits at.
pub fn gate() -> (Sender<()>, Receiver<()>) {
    channel()
}

/// The message of a panic.
pub fn message(payload: Box<dyn std::any::Any + Send>) -> String {
    match payload.downcast::<String>() {
        Ok(text) => *text,
        Err(payload) => payload.downcast_ref::<&str>().map_or(String::new(), |text| (*text).into()),
    }
}

/// The message that `body` panics with.
#[track_caller]
pub fn refusal<T>(body: impl FnOnce() -> T) -> String {
    match std::panic::catch_unwind(std::panic::AssertUnwindSafe(body)) {
        Ok(_) => panic!("it was not refused"),
        Err(payload) => message(payload),
    }
}

/// The future polled once, and then left alone.
pub async fn poll_once<F: Future + Unpin>(future: &mut F) -> Option<F::Output> {
    poll_fn(|cx| match std::pin::Pin::new(&mut *future).poll(cx) {
        Poll::Ready(output) => Poll::Ready(Some(output)),
        Poll::Pending => Poll::Ready(None),
    })
    .await
}
