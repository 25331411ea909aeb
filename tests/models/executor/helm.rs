//! Models of a foreign loop that hosts seat 0 and waits in front of the poller itself.

use std::sync::Arc;

use windlass_executor::deque::{Injector, Steal};
use windlass_executor::helm::Helm;
use windlass_executor::idle::{Bed, Idle};
use windlass_executor::parker::Parker;
use windlass_sync::shim::hint;

use super::hands::spawn;
use super::sim::Poller;

/// Property: once a foreign loop is ready to wait for events, no worker gets the driver, whenever that
/// asked whether a loop hosts; and the loop gets it, whoever had it.
/// Threads: the loop, a worker. Bound: none.
/// Killed by: `take` asking for a host before it has the driver; `take` not asking.
pub fn a_foreign_loop_that_waits_has_the_reactor_for_itself() {
    // What the driver's lock guards: a foreign loop waits.
    let helm = Arc::new(Helm::new(false));
    let worker = spawn({
        let helm = helm.clone();
        move || {
            for _ in 0..2 {
                if let Some(waits) = helm.take(1) {
                    assert!(!*waits, "the worker takes the loop's events away");
                }
            }
        }
    });
    helm.set_hosting(true);
    loop {
        match helm.take(0) {
            Some(mut waits) => {
                *waits = true;
                break;
            }
            None => hint::spin_loop(),
        }
    }
    worker.join().expect("it does not panic");
    assert!(!helm.is_free_for(1));
}

/// Seat 0 on behalf of a foreign loop, which waits on the poller.
struct Hosted {
    idle: Idle,
    injector: Injector<u32>,
    parker: Parker,
    poller: Poller,
}

impl Hosted {
    /// As `Seated::host`: true if the loop may wait.
    fn host(&self) -> bool {
        let _ = self.idle.park(0, false, Bed::Host);
        if self.injector.is_empty() && self.parker.enter_host() {
            return true;
        }
        self.come_back();
        false
    }

    /// The loop's thread is a worker again; nobody searches while a loop hosts.
    fn come_back(&self) {
        assert!(!self.idle.leave(0).searching);
        self.parker.leave_host();
        self.idle.set_caller(true);
    }
}

/// Property: a push from outside ends the wait of a foreign loop, which nobody counts among the
/// sleepers, or is found before it waits.
/// Threads: the loop, a pusher. Bound: none.
/// Killed by: `call_in` not calling the host; `enter_host` going on although an unpark has come.
pub fn a_push_reaches_a_foreign_loop_that_hosts_the_seat() {
    let (idle, injector) = (Idle::new(1, false), Injector::new());
    let hosted = Hosted { idle, injector, parker: Parker::default(), poller: Poller::new() };
    let hosted = Arc::new(hosted);
    let pusher = spawn({
        let hosted = hosted.clone();
        move || {
            hosted.injector.push(7);
            if hosted.idle.notify().is_some() {
                hosted.parker.unpark(|| hosted.poller.wake());
            }
        }
    });
    loop {
        match hosted.injector.steal() {
            Steal::Success(job) => break assert_eq!(job, 7),
            Steal::Retry => hint::spin_loop(),
            Steal::Empty if hosted.host() => {
                hosted.poller.turn();
                // As `Seated::claim` does.
                hosted.come_back();
            }
            Steal::Empty => {}
        }
    }
    pusher.join().expect("it does not panic");
}
