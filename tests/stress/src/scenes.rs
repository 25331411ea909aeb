//! The kinds of work there are.

mod blocking;
mod channels;
mod groups;
mod lines;
mod locks;
mod queue;
mod runtimes;
mod semaphore;
mod signals;
mod sockets;
mod timers;
mod tree;

use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use windlass::spawn;
use windlass::task::Task;

use crate::random::Random;

type Play = Pin<Box<dyn Future<Output = ()> + Send>>;

/// One kind of work, with its own invariants.
#[derive(Debug)]
pub struct Scene {
    pub name: &'static str,
    play: fn(Random) -> Play,
    /// How often it was played to its end.
    count: AtomicU64,
}

macro_rules! scenes {
    ($($path:path),* $(,)?) => {
        /// All of them.
        static ALL: [Scene; [$(stringify!($path)),*].len()] = [$(Scene {
            name: stringify!($path),
            play: |random| Box::pin($path(random)),
            count: AtomicU64::new(0),
        }),*];
    };
}

scenes![
    tree::grows_and_is_cut,
    queue::every_item_ends_once,
    queue::nothing_is_lost_in_a_hard_end,
    semaphore::permits_are_conserved,
    semaphore::closing_ends_every_wait,
    locks::a_mutex_excludes,
    locks::a_lock_for_reading_and_writing,
    locks::a_condition_is_not_missed,
    lines::a_semaphore_serves_in_order,
    lines::a_mutex_serves_in_order,
    timers::nobody_wakes_early,
    timers::a_timeout_decides_once,
    signals::no_notification_is_lost,
    signals::an_event_ends_every_wait,
    signals::a_barrier_lets_all_or_none_pass,
    signals::a_token_cancels_all_below_it,
    channels::a_oneshot_arrives_or_comes_back,
    channels::a_watch_shows_the_latest,
    channels::a_broadcast_has_no_silent_gaps,
    groups::a_group_outlives_its_children,
    groups::a_set_gives_back_every_task,
    blocking::every_job_runs_or_is_dropped,
    sockets::bytes_come_back_as_they_went,
    runtimes::a_runtime_inside_a_job,
];

impl Scene {
    /// Starts it as a task of the current runtime.
    pub fn begin(&'static self, random: Random) -> Task<()> {
        let play = (self.play)(random);
        let counted = async move {
            play.await;
            self.count.fetch_add(1, Relaxed);
        };
        spawn(counted).named(self.name)
    }

    pub fn count(&self) -> u64 {
        self.count.load(Relaxed)
    }
}

/// Those whose name contains this.
pub fn named(part: &str) -> Vec<&'static Scene> {
    ALL.iter().filter(|scene| scene.name.contains(part)).collect()
}

/// The names of all.
pub fn names() -> String {
    ALL.iter().map(|scene| scene.name).collect::<Vec<_>>().join(", ")
}
