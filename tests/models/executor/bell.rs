//! Models of the root's bell, while the root moves from its place outside to seat 0.

use std::sync::Arc;

use windlass_executor::bell::Bell;
use windlass_executor::parker::Parker;
use windlass_sync::shim::Mutex;
use windlass_sync::shim::atomic::{AtomicBool, Ordering::Relaxed};

use super::hands::spawn;

/// Seat 0 as `caller.rs` keeps it: who sits there has `left`, who waits for it is on the list.
struct Seat {
    book: Mutex<Book>,
    /// Where the worker of the seat sleeps.
    parker: Parker,
    /// What the root waits for.
    news: AtomicBool,
}

struct Book {
    left: bool,
    waiting: Vec<Arc<Bell>>,
}

impl Seat {
    fn new() -> Arc<Self> {
        let book = Mutex::new(Book { left: false, waiting: Vec::new() });
        Arc::new(Self { book, parker: Parker::new(), news: AtomicBool::new(false) })
    }

    /// Leaves the seat, and tells who waits for it.
    fn leave(&self) {
        self.book.lock().left = true;
        let waiting = std::mem::take(&mut self.book.lock().waiting);
        waiting.iter().for_each(|bell| bell.call_in());
    }

    /// Runs a root until it has heard the news.
    fn run_root(&self, bell: &Arc<Bell>) {
        loop {
            if std::mem::take(&mut self.book.lock().left) {
                bell.sit(true);
                while !self.poll(bell) {
                    self.parker.park(None);
                    self.parker.clear();
                }
                return;
            }
            if self.wait_outside(bell) {
                return;
            }
        }
    }

    /// True if the root has heard the news, false if the seat may be free.
    fn wait_outside(&self, bell: &Arc<Bell>) -> bool {
        {
            let mut book = self.book.lock();
            if book.left {
                return false;
            }
            book.waiting.push(bell.clone());
        }
        while !self.poll(bell) {
            bell.sleep_outside();
            if !self.book.lock().waiting.iter().any(|other| Arc::ptr_eq(other, bell)) {
                return false;
            }
        }
        true
    }

    /// Polls the root for as long as its bell has rung; true if it has heard the news.
    fn poll(&self, bell: &Bell) -> bool {
        while bell.take() {
            if self.news.load(Relaxed) {
                return true;
            }
        }
        false
    }

    /// Brings the news.
    fn ring(&self, bell: &Bell) {
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
    let (seat, bell) = (Seat::new(), Arc::new(Bell::new()));
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
    let (seat, bell) = (Seat::new(), Arc::new(Bell::new()));
    let ringer = spawn({
        let (seat, bell) = (seat.clone(), bell.clone());
        move || seat.ring(&bell)
    });
    assert!(seat.wait_outside(&bell), "nobody left the seat");
    ringer.join().expect("it does not panic");
}

/// Property: whoever waits for the seat gets it when it is left, though its own bell does not ring.
/// Threads: the root, who leaves the seat. Bound: none.
/// Killed by: `Bell::call_in` unparking nobody.
pub fn a_seat_that_is_left_goes_to_the_root_that_waits_for_it() {
    let (seat, bell) = (Seat::new(), Arc::new(Bell::new()));
    let leaver = spawn({
        let seat = seat.clone();
        move || seat.leave()
    });
    while !std::mem::take(&mut seat.book.lock().left) {
        assert!(!seat.wait_outside(&bell), "there is no news");
    }
    leaver.join().expect("it does not panic");
}
