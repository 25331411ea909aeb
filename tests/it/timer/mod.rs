//! Tests of the timer floor: futures polled by hand, a clock that stands still, timers that fire
//! when told. No executor.

mod clock;
mod interval;
mod shards;
mod sleep;
mod timeout;

use std::future::Future;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use windlass_timer::{Clock, EnterGuard, Handle, Timers};

use super::kit::{Count, Hand};

/// A paused clock and the timers of two workers, entered on this thread as worker 0.
struct Bench {
    clock: Clock,
    timers: Arc<Timers>,
    unparks: Arc<Count>,
    begun: Instant,
    _entered: EnterGuard,
}

impl Bench {
    fn new() -> Bench {
        Bench::on(0)
    }

    /// Entered as this worker.
    fn on(shard: usize) -> Bench {
        let clock = Clock::paused();
        clock.advance(Duration::from_secs(100)); // so that there is a past
        let unparks = Count::new();
        let timers = Timers::new(2, clock.clone(), Waker::from(unparks.clone()));
        let _entered = Handle::new(timers.clone(), shard).enter();
        Bench { begun: clock.now(), clock, timers, unparks, _entered }
    }

    /// Fires what is due anywhere.
    fn fire(&self) -> usize {
        (0..=self.timers.foreign()).map(|shard| self.timers.fire(shard)).sum()
    }

    fn advance(&self, duration: Duration) -> usize {
        self.clock.advance(duration);
        self.fire()
    }

    fn advance_ms(&self, ms: u64) -> usize {
        self.advance(Duration::from_millis(ms))
    }

    /// Moves the clock to the next deadline, as an idle runtime with auto-advance does.
    fn jump(&self) -> usize {
        self.clock.advance_to(self.timers.next_of_all().expect("something is armed"));
        self.fire()
    }

    fn armed(&self) -> usize {
        (0..=self.timers.foreign()).map(|shard| self.timers.armed(shard)).sum()
    }

    /// Milliseconds since the test began.
    fn elapsed_ms(&self) -> u128 {
        (self.clock.now() - self.begun).as_millis()
    }

    fn at_ms(&self, ms: u64) -> Instant {
        self.begun + Duration::from_millis(ms)
    }
}

const fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

/// The words of the panic that `body` ends with.
fn panic_of(body: impl FnOnce() + std::panic::UnwindSafe) -> String {
    let payload = std::panic::catch_unwind(body).expect_err("it panics");
    match payload.downcast::<String>() {
        Ok(text) => *text,
        Err(payload) => payload.downcast::<&str>().expect("a panic with words").to_string(),
    }
}

/// Polls with a waker that does nothing.
fn poll_once<F: Future + Unpin>(future: &mut F) -> Poll<F::Output> {
    std::pin::Pin::new(future).poll(&mut Context::from_waker(Waker::noop()))
}
