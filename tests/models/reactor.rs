//! Models of the reactor floor.
//!
//! The poller is simulated: an edge is a call of `Source::event`, and what the kernel knows is an
//! atomic that is read and written relaxed, so that only the readiness word orders it.

mod readiness;
mod sleep;
mod sources;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::task::{Wake, Waker};

use crate::Model;

/// The models of this floor.
pub const MODELS: &[Model] = &[
    Model {
        name: "reactor_no_edge_is_lost",
        threads: 2,
        weak: None,
        interleaving: None,
        killed_by: "`after_clear` ignores the tick; `observe` is Relaxed",
        body: readiness::no_edge_is_lost,
    },
    Model {
        name: "reactor_two_directions_wait_apart",
        threads: 3,
        weak: Some(2),
        interleaving: Some(3),
        killed_by: "`after_event` clears both waiting bits and answers with the one it served",
        body: readiness::two_directions_wait_apart,
    },
    Model {
        name: "reactor_two_readers_are_both_woken",
        threads: 3,
        weak: Some(2),
        interleaving: Some(3),
        killed_by: "`take_all` takes only the first waiter of a direction",
        body: readiness::two_readers_are_both_woken,
    },
    Model {
        name: "reactor_who_leaves_has_no_waker_left",
        threads: 2,
        weak: None,
        interleaving: None,
        killed_by: "`after_event` clears the waiting bit of a direction that it does not serve; `leave` removes nothing",
        body: sources::who_leaves_has_no_waker_left,
    },
    Model {
        name: "reactor_an_edge_never_reaches_the_next_owner_of_a_slot",
        threads: 2,
        weak: None,
        interleaving: None,
        killed_by: "`Sources::get` does not compare the whole token",
        body: sources::an_edge_never_reaches_the_next_owner_of_a_slot,
    },
    Model {
        name: "reactor_closing_tells_everybody",
        threads: 2,
        weak: None,
        interleaving: None,
        killed_by: "`insert` ignores `closed`; `Direction::ready` without GONE",
        body: sources::closing_tells_everybody,
    },
    Model {
        name: "reactor_no_unpark_is_lost",
        threads: 3,
        weak: Some(3),
        interleaving: Some(3),
        killed_by: "`begin` swaps and always sleeps; the swap of `unpark` is Relaxed",
        body: sleep::no_unpark_is_lost,
    },
];

/// A waker that counts; plain std, since its ordering is not what is tested.
#[derive(Default)]
struct Count(AtomicUsize);

impl Wake for Count {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, SeqCst);
    }
}

impl Count {
    fn new() -> (Arc<Count>, Waker) {
        let count = Arc::new(Count::default());
        (count.clone(), Waker::from(count))
    }

    fn wakes(&self) -> usize {
        self.0.load(SeqCst)
    }
}
