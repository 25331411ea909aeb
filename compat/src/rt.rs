//! What hyper spawns and sleeps with.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use windlass::runtime::now;
use windlass::spawn;
use windlass::time::{sleep, sleep_until};

/// Spawns hyper's tasks on the current runtime, detached; the runtime's shutdown ends them.
///
/// # Examples
/// ```
/// use windlass_compat::rt::{Executor, Timer};
///
/// let mut http2 = hyper::server::conn::http2::Builder::new(Executor);
/// http2.timer(Timer);
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct Executor;

impl<F> hyper::rt::Executor<F> for Executor
where
    F: Future<Output: Send + 'static> + Send + 'static,
{
    #[track_caller]
    fn execute(&self, future: F) {
        spawn(future).detach();
    }
}

/// Lets hyper sleep by the runtime's clock: if that is paused or advanced, hyper's timeouts are, too.
///
/// # Examples
/// ```
/// use std::time::Duration;
/// use windlass_compat::rt::Timer;
///
/// let mut http1 = hyper::server::conn::http1::Builder::new();
/// http1.timer(Timer).header_read_timeout(Duration::from_secs(5));
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct Timer;

/// Ours, because hyper's trait and windlass's type are both foreign here.
struct Sleep(windlass::time::Sleep);

impl Future for Sleep {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        Pin::new(&mut self.0).poll(cx)
    }
}

impl hyper::rt::Sleep for Sleep {}

impl hyper::rt::Timer for Timer {
    fn sleep(&self, duration: Duration) -> Pin<Box<dyn hyper::rt::Sleep>> {
        Box::pin(Sleep(sleep(duration)))
    }

    fn sleep_until(&self, deadline: Instant) -> Pin<Box<dyn hyper::rt::Sleep>> {
        Box::pin(Sleep(sleep_until(deadline)))
    }

    fn now(&self) -> Instant {
        now()
    }

    /// Moves the timer within the wheel, and keeps its allocation.
    fn reset(&self, sleep: &mut Pin<Box<dyn hyper::rt::Sleep>>, deadline: Instant) {
        match sleep.as_mut().downcast_mut_pin::<Sleep>() {
            Some(mut ours) => ours.0.reset(deadline),
            None => *sleep = self.sleep_until(deadline),
        }
    }
}
