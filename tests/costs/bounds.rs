//! How long the others come first, counted in polls: under every storm, what is ready runs within a
//! bound.

use std::future::{Future, poll_fn};
use std::io::Write;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::sync::mpsc::channel;
use std::thread;
use std::time::{Duration, Instant};

use windlass::net::UnixStream;
use windlass::sync::Notify;
use windlass::time::sleep_until;
use windlass::{Task, spawn, yield_now};

use crate::rig::{LONG, runtime, within};

/// A worker looks at timers, the reactor and the injector every 61st turn.
const LOOK: usize = 61;
/// Tasks of a storm that are alive at a time, at most.
const STORM: usize = 24;
/// Tasks that may come through the next-task slot before one from the queue.
const STREAK: usize = 3;
/// Polls of the storm before something else that is ready: until the next look, and then those
/// that were queued before it, each behind such a streak.
const BOUND: usize = LOOK + (1 + STREAK) * STORM;
const ROUNDS: usize = 20;

/// Runs `body` where one worker does everything: alone in its runtime, and in a runtime of two
/// whose other worker is stuck in a poll. The second has a next-task slot and thieves.
#[track_caller]
fn on_the_only_worker_that_runs(body: impl Fn() -> Task<()> + Clone + Send + 'static) {
    let alone = body.clone();
    within(LONG, move || runtime(1).block_on(async { alone().await.unwrap() }));
    within(LONG, move || {
        runtime(2).block_on(async {
            let (sender, receiver) = channel();
            // The root is on one worker and stays there; so what follows runs on the other.
            let conductor = spawn(async move {
                let outcome = body().await;
                sender.send(()).unwrap();
                outcome.unwrap();
            });
            _ = receiver.recv();
            conductor.await.unwrap();
        });
    });
}

/// Counts the polls of a storm, and ends it.
#[derive(Clone, Default)]
struct Storm {
    polls: Arc<AtomicUsize>,
    over: Arc<AtomicBool>,
}

impl Storm {
    /// Counts a poll; false when the storm is over.
    fn rages(&self) -> bool {
        self.polls.fetch_add(1, SeqCst);
        !self.over.load(SeqCst)
    }

    fn polls(&self) -> usize {
        self.polls.load(SeqCst)
    }

    fn yields(self) -> Vec<Task<()>> {
        let yielding = |_| {
            let storm = self.clone();
            spawn(async move {
                while storm.rages() {
                    yield_now().await;
                }
            })
        };
        (0..STORM).map(yielding).collect()
    }

    fn spawns(self) -> Vec<Task<()>> {
        vec![spawn(async move {
            while self.rages() {
                let counting = |_| {
                    let storm = self.clone();
                    spawn(async move { _ = storm.rages() })
                };
                for task in (1..STORM).map(counting).collect::<Vec<_>>() {
                    task.await.unwrap();
                }
            }
        })]
    }

    /// Pairs that wake each other, each time through the next-task slot.
    fn pairs(self) -> Vec<Task<()>> {
        let half = |mine: Arc<Notify>, theirs: Arc<Notify>, storm: Storm| {
            spawn(async move {
                while storm.rages() {
                    theirs.notify_one();
                    mine.notified().await;
                }
                theirs.notify_one();
            })
        };
        let pair = |_| {
            let (one, other) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
            [half(one.clone(), other.clone(), self.clone()), half(other, one, self.clone())]
        };
        (0..STORM / 2).flat_map(pair).collect()
    }
}

/// Something to wait for, and what makes it ready at once.
type Event = (Pin<Box<dyn Future<Output = ()> + Send>>, Box<dyn FnOnce() + Send>);

/// Makes something ready in the middle of a storm, again and again, and checks how many polls of the
/// storm come before the task that waits for it.
#[track_caller]
fn comes_within_the_bound(event: fn() -> Event) {
    for rage in [Storm::yields, Storm::spawns, Storm::pairs] {
        on_the_only_worker_that_runs(move || {
            spawn(async move {
                let storm = Storm::default();
                let tasks = rage(storm.clone());
                let mut rounds = 0;
                while rounds < ROUNDS {
                    let Some(polls) = polls_before(event(), &storm).await else { continue };
                    assert!(polls <= BOUND, "{polls} polls came first, at most {BOUND} may");
                    rounds += 1;
                }
                storm.over.store(true, SeqCst);
                for task in tasks {
                    task.await.unwrap();
                }
            })
        });
    }
}

/// The polls of the storm between the event and the poll that sees it; none if it came by itself.
async fn polls_before((mut wait, make_ready): Event, storm: &Storm) -> Option<usize> {
    let waits = Arc::new(AtomicBool::new(false));
    let waiting = spawn({
        let (waits, storm) = (waits.clone(), storm.clone());
        async move {
            poll_fn(|cx| {
                let outcome = wait.as_mut().poll(cx);
                waits.store(outcome.is_pending(), SeqCst);
                outcome
            })
            .await;
            storm.polls()
        }
    });
    while !waits.load(SeqCst) {
        if waiting.is_finished() {
            return None; // a timer, if this thread was not run for a while
        }
        yield_now().await;
    }
    // Nobody else runs before this task awaits again.
    make_ready();
    let before = storm.polls();
    let after = waiting.await.unwrap();
    after.checked_sub(before)
}

#[test]
fn a_task_woken_from_outside_comes_within_a_bound_of_polls_in_every_storm() {
    comes_within_the_bound(|| {
        let signal = Arc::new(Notify::new());
        let theirs = signal.clone();
        let wait = Box::pin(async move { signal.notified().await });
        (wait, Box::new(move || thread::spawn(move || theirs.notify_one()).join().unwrap()))
    });
}

#[test]
fn a_socket_that_is_ready_is_served_within_a_bound_of_polls_in_every_storm() {
    comes_within_the_bound(|| {
        let (mut here, there) = std::os::unix::net::UnixStream::pair().unwrap();
        there.set_nonblocking(true).unwrap();
        let there = UnixStream::from_std(there).unwrap();
        let wait = Box::pin(async move { assert_eq!(there.read(&mut [0]).await.unwrap(), 1) });
        (wait, Box::new(move || here.write_all(b"x").unwrap()))
    });
}

#[test]
fn a_timer_that_is_due_fires_within_a_bound_of_polls_in_every_storm() {
    comes_within_the_bound(|| {
        let due = Instant::now() + Duration::from_millis(1);
        let pass = move || {
            while Instant::now() <= due {
                std::hint::spin_loop();
            }
        };
        (Box::pin(sleep_until(due)), Box::new(pass))
    });
}

#[test]
fn a_task_that_can_run_waits_for_no_more_polls_than_there_are_tasks() {
    const TURNS: usize = 200;
    on_the_only_worker_that_runs(|| {
        spawn(async {
            let polls = Arc::new(AtomicUsize::new(0));
            let yielding = |_| {
                let polls = polls.clone();
                spawn(async move {
                    let (mut last, mut longest) = (None, 0);
                    for _ in 0..TURNS {
                        let now = polls.fetch_add(1, SeqCst);
                        longest = longest.max(now - last.replace(now).unwrap_or(now));
                        yield_now().await;
                    }
                    longest
                })
            };
            for task in (0..STORM).map(yielding).collect::<Vec<_>>() {
                assert_eq!(task.await.unwrap(), STORM, "all the others once, then this one again");
            }
        })
    });
}
