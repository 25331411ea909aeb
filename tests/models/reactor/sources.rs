//! Sources that come and go while the reactor turns.

use windlass_reactor::readiness::{Direction, Edge, OnWait};
use windlass_reactor::source::{Place, Source, Sources};
use windlass_sync::shim::{Arc, Mutex, thread};
use windlass_sync::wakes::Wakes;

use super::Count;

fn spawn(body: impl FnOnce() + Send + 'static) -> thread::JoinHandle<()> {
    thread::spawn("model".into(), body).expect("a thread can be started")
}

/// Property: a waiter that leaves has no waker in the source afterwards, whether an edge of its
/// direction comes meanwhile or one of the other, and leaving takes no lock if the edge has taken
/// the waker. There is one edge: a second one would take along what the first or the leaving forgot.
/// Threads: waiter in both directions, turn. Bound: none.
pub fn who_leaves_has_no_waker_left() {
    let source = Arc::new(Source::new(0, Edge::NONE));
    let turn = spawn({
        let source = source.clone();
        move || {
            let mut wakes = Wakes::new();
            source.event(Edge::WRITABLE, &mut wakes);
            wakes.fire();
        }
    });
    let (count, waker) = Count::new();
    let mut places = [Place::new(), Place::new()];
    for (direction, place) in [Direction::Read, Direction::Write].into_iter().zip(&mut places) {
        let _ = source.wait(direction, place, &waker);
    }
    for (direction, place) in [Direction::Read, Direction::Write].into_iter().zip(&mut places) {
        source.leave(direction, place);
    }
    turn.join().unwrap();
    drop(waker);
    assert_eq!(std::sync::Arc::strong_count(&count), 1, "a waker was left behind");
}

/// Property: an edge that is under way for a source that is taken out reaches neither the next
/// source in its slot nor anybody who waits for that one.
/// Threads: owner of the sockets, turn. Bound: none.
pub fn an_edge_never_reaches_the_next_owner_of_a_slot() {
    let sources = Arc::new(Mutex::new(Sources::new()));
    let old = sources.lock().insert(Edge::NONE).expect("the table is open");
    let token = old.token();
    let (old_count, old_waker) = Count::new();
    assert_eq!(old.wait(Direction::Read, &mut Place::new(), &old_waker), OnWait::Wait);
    let turn = spawn({
        let sources = sources.clone();
        move || {
            let mut wakes = Wakes::new();
            let table = sources.lock();
            if let Some(source) = table.get(token) {
                source.event(Edge::READABLE, &mut wakes);
            }
            drop(table);
            wakes.fire();
        }
    });
    let removed = sources.lock().remove(token);
    drop((removed, old));
    let new = sources.lock().insert(Edge::NONE).expect("the table is open");
    assert_eq!(new.slot(), token, "the slot is used again");
    let (count, waker) = Count::new();
    let answer = new.wait(Direction::Read, &mut Place::new(), &waker);
    turn.join().unwrap();
    assert_eq!(answer, OnWait::Wait, "the edge of another source");
    assert_eq!(count.wakes(), 0, "the edge of another source");
    drop(old_waker);
    assert_eq!(std::sync::Arc::strong_count(&old_count), 1, "a waker was left behind");
}

/// Property: a socket that is made and waited for while the reactor closes is refused, or fails at
/// once, or is woken. Threads: owner of the socket, closer. Bound: none.
pub fn closing_tells_everybody() {
    let sources = Arc::new(Mutex::new(Sources::new()));
    let closer = spawn({
        let sources = sources.clone();
        move || {
            let everybody = sources.lock().close();
            let mut wakes = Wakes::new();
            for source in &everybody {
                source.close(&mut wakes);
            }
            wakes.fire();
        }
    });
    let (count, waker) = Count::new();
    let source = sources.lock().insert(Edge::NONE);
    let waits = source.as_ref().is_some_and(|source| {
        matches!(source.wait(Direction::Read, &mut Place::new(), &waker), OnWait::Wait)
    });
    closer.join().unwrap();
    if let Some(source) = source {
        assert!(source.observe().is_gone(), "it would be waited for in vain");
        assert_eq!(count.wakes(), usize::from(waits));
    }
}
