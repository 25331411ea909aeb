//! Models of seat 0 and its bells: roots that wait for the seat, and move there while they are woken.

use std::sync::{Arc, LazyLock};
use std::task::Poll;
use std::thread::ThreadId;

use windlass_executor::bell::Bell;
use windlass_executor::ending::{Ending, STOPPING};
use windlass_executor::parker::Parker;
use windlass_executor::vacancy::Vacancy;
use windlass_sync::shim::atomic::{AtomicBool, Ordering::Relaxed};

use super::hands::spawn;

/// Two threads, for a seat that asks who comes: model threads have no numbers of their own.
static THREADS: LazyLock<[ThreadId; 2]> = LazyLock::new(|| {
    [(); 2].map(|()| std::thread::spawn(|| std::thread::current().id()).join().expect("it ends"))
});

/// Seat 0; nobody sits there, or somebody of whom the model knows nothing.
struct Seat {
    vacancy: Vacancy<(), ()>,
    /// Where the worker of the seat sleeps.
    parker: Parker,
    /// What the root waits for.
    news: AtomicBool,
}

impl Seat {
    fn taken() -> Arc<Self> {
        let (vacancy, parker) = (Vacancy::new(None), Parker::default());
        Arc::new(Self { vacancy, parker, news: AtomicBool::new(false) })
    }

    /// Leaves the seat, and tells who waits for it.
    fn leave(&self) {
        self.vacancy.leave((), || ());
        self.vacancy.call_in();
    }

    fn take(&self) -> bool {
        self.vacancy.take(THREADS[0]).is_some()
    }

    /// Runs a root until it has heard the news, as `block_on` does.
    fn run_root(&self, bell: &Arc<Bell<()>>) {
        loop {
            if self.take() {
                bell.sit(true);
                while self.turn(bell.take()).is_pending() {
                    if !bell.is_rung() {
                        self.parker.park(None);
                        self.parker.clear();
                    }
                }
                return;
            }
            if self.wait_outside(bell) {
                return;
            }
        }
    }

    /// True if the root has heard the news, false if the seat may be free.
    fn wait_outside(&self, bell: &Arc<Bell<()>>) -> bool {
        self.vacancy.wait(bell, |is_rung| self.turn(is_rung)).is_ready()
    }

    /// Ready if the root is polled and has heard the news.
    fn turn(&self, is_rung: bool) -> Poll<()> {
        if is_rung && self.news.load(Relaxed) { Poll::Ready(()) } else { Poll::Pending }
    }

    /// Brings the news.
    fn ring(&self, bell: &Bell<()>) {
        self.news.store(true, Relaxed);
        if bell.ring() {
            self.parker.unpark(|| {});
        }
    }
}

/// Property: a root hears its bell while it moves from outside to the seat, and what came before.
/// Threads: the root, who leaves the seat, who rings. Bound: see the list.
/// Killed by: `Bell::ring` asking where the root sits before it raises the flag; `Bell::ring` with a
/// `Relaxed` exchange.
pub fn a_root_hears_its_bell_wherever_it_moves_meanwhile() {
    let (seat, bell) = (Seat::taken(), Arc::new(Bell::new(())));
    let leaver = spawn({
        let seat = seat.clone();
        move || seat.leave()
    });
    let ringer = spawn({
        let (seat, bell) = (seat.clone(), bell.clone());
        move || seat.ring(&bell)
    });
    seat.run_root(&bell);
    leaver.join().expect("it does not panic");
    ringer.join().expect("it does not panic");
}

/// Property: a root that waits outside for a seat that is never left hears its bell there.
/// Threads: the root, who rings. Bound: none.
/// Killed by: `Bell::ring` unparking nobody outside.
pub fn a_root_that_waits_outside_hears_its_bell() {
    let (seat, bell) = (Seat::taken(), Arc::new(Bell::new(())));
    let ringer = spawn({
        let (seat, bell) = (seat.clone(), bell.clone());
        move || seat.ring(&bell)
    });
    assert!(seat.wait_outside(&bell), "nobody left the seat");
    ringer.join().expect("it does not panic");
}

/// Property: whoever waits for the seat gets it when it is left, though its own bell does not ring.
/// Threads: the root, who leaves the seat. Bound: none.
/// Killed by: `Bell::call_in` unparking nobody; `Vacancy::wait` getting on the list in a second step.
pub fn a_seat_that_is_left_goes_to_the_root_that_waits_for_it() {
    let (seat, bell) = (Seat::taken(), Arc::new(Bell::new(())));
    let leaver = spawn({
        let seat = seat.clone();
        move || seat.leave()
    });
    while !seat.take() {
        assert!(!seat.wait_outside(&bell), "there is no news");
    }
    leaver.join().expect("it does not panic");
}

/// Property: a root that waits outside hears that its runtime is stopped, though its bell does not ring
/// and nobody leaves the seat.
/// Threads: the root, who stops. Bound: none.
/// Killed by: `Vacancy::wait` getting on the list after its first turn; `call_in` calling nobody.
pub fn a_root_that_waits_outside_hears_of_a_stop() {
    let (seat, bell) = (Seat::taken(), Arc::new(Bell::new(())));
    let ending = Arc::new(Ending::default());
    let stopper = spawn({
        let (seat, ending) = (seat.clone(), ending.clone());
        // As `Shared::set_phase` does.
        move || {
            ending.say(STOPPING);
            seat.vacancy.call_in();
        }
    });
    let heard = |_| if ending.must_stop() { Poll::Ready(()) } else { Poll::Pending };
    while seat.vacancy.wait(&bell, heard).is_pending() {
        assert!(!seat.take(), "nobody left the seat");
    }
    stopper.join().expect("it does not panic");
}

/// Property: while a task lives that is bound to its thread, that thread gets the seat back and nobody
/// else gets it; then somebody else may.
/// Threads: the one with the task, another one. Bound: none.
/// Killed by: `take` not asking for bound tasks; `take` not noting whose they are.
pub fn a_seat_with_bound_tasks_is_for_their_thread_alone() {
    let seat = Seat::taken();
    seat.leave();
    let [home, other] = *THREADS;
    assert!(seat.vacancy.take(home).is_some());
    let ended = Arc::new(AtomicBool::new(false));
    let rival = spawn({
        let (seat, ended) = (seat.clone(), ended.clone());
        move || {
            if seat.vacancy.take(other).is_some() {
                assert!(ended.load(Relaxed), "a bound task is left to another thread");
                seat.leave();
            }
        }
    });
    seat.vacancy.bind();
    seat.leave();
    assert!(seat.vacancy.take(home).is_some(), "its own thread is refused");
    ended.store(true, Relaxed);
    seat.vacancy.unbind();
    seat.leave();
    rival.join().expect("it does not panic");
}
