//! The readiness word and its waiters, against the thread that turns the reactor.

use std::task::Waker;

use windlass_reactor::readiness::{Direction, Edge, OnWait};
use windlass_reactor::source::{Place, Source};
use windlass_sync::shim::atomic::{AtomicUsize, Ordering::Relaxed};
use windlass_sync::shim::{Arc, thread};
use windlass_sync::wakes::Wakes;

use super::Count;
use crate::note::Note;

/// A source and what the kernel knows about each of its directions: how many bytes have come so far.
struct Socket {
    source: Source,
    bytes: [AtomicUsize; 2],
}

impl Socket {
    fn new() -> Arc<Socket> {
        let bytes = [AtomicUsize::new(0), AtomicUsize::new(0)];
        Arc::new(Socket { source: Source::new(0, Edge::BOTH), bytes })
    }

    /// The kernel has something, and the turn hears of it.
    fn arrive(&self, direction: Direction, bytes: usize) {
        self.bytes[direction as usize].store(bytes, Relaxed);
        let edge = match direction {
            Direction::Read => Edge::READABLE,
            Direction::Write => Edge::WRITABLE,
        };
        let mut wakes = Wakes::new();
        self.source.event(edge, &mut wakes);
        wakes.fire();
    }
}

/// A future that ends when `wanted` bytes have come.
struct Reader {
    socket: Arc<Socket>,
    direction: Direction,
    wanted: usize,
    had: usize,
    place: Place,
}

impl Reader {
    fn new(socket: &Arc<Socket>, direction: Direction, wanted: usize) -> Reader {
        Reader { socket: socket.clone(), direction, wanted, had: 0, place: Place::new() }
    }

    /// The loop of `registration.rs`. True when it is ready.
    fn poll(&mut self, waker: &Waker) -> bool {
        let source = &self.socket.source;
        loop {
            let mut seen = source.observe();
            if !seen.is_ready(self.direction) {
                match source.wait(self.direction, &mut self.place, waker) {
                    OnWait::Wait => return false,
                    OnWait::Ready(fresh) => seen = fresh,
                }
            }
            let have = self.socket.bytes[self.direction as usize].load(Relaxed);
            if have == self.wanted {
                return true;
            }
            if have == self.had {
                source.clear(seen, self.direction); // it would block
            }
            self.had = have;
        }
    }
}

/// A reader, the count of its wakes, and whether its first poll was ready.
struct Polled {
    reader: Reader,
    count: std::sync::Arc<Count>,
    waker: Waker,
    ready: bool,
}

/// Polls for the first time.
fn poll_first(mut reader: Reader) -> Polled {
    let (count, waker) = Count::new();
    let ready = reader.poll(&waker);
    Polled { reader, count, waker, ready }
}

impl Polled {
    /// All edges have come. Between its polls a future sees nothing, so that whenever it was woken,
    /// it may as well be polled now.
    fn judge(mut self) {
        if !self.ready {
            assert!(self.count.wakes() > 0, "an edge has come, and nobody was told");
            assert!(self.reader.poll(&self.waker), "what was announced is not there");
        }
    }
}

/// Polls a second reader on another thread while `main` runs, and judges it afterwards.
fn beside(reader: Reader, main: impl FnOnce()) {
    let polled = Arc::<Note<_>>::default();
    let other = spawn({
        let polled = polled.clone();
        move || *polled.lock() = Some(poll_first(reader))
    });
    main();
    other.join().unwrap();
    let polled = polled.lock().take().expect("the thread has polled it");
    polled.judge();
}

fn spawn(body: impl FnOnce() + Send + 'static) -> thread::JoinHandle<()> {
    thread::spawn("model".into(), body).expect("a thread can be started")
}

/// Property: a reader that waits while edges come is woken after the last, and then finds what it
/// announced. Threads: reader, turn. Bound: none; two edges, so that a clear may meet a later tick.
pub fn no_edge_is_lost() {
    let socket = Socket::new();
    let turn = spawn({
        let socket = socket.clone();
        move || {
            socket.arrive(Direction::Read, 1);
            socket.arrive(Direction::Read, 2);
        }
    });
    let polled = poll_first(Reader::new(&socket, Direction::Read, 2));
    turn.join().unwrap();
    polled.judge();
}

/// Property: an edge in one direction neither takes nor hides the waiting of the other.
/// Threads: reader, writer, turn (this one). Bound: 2 and 3 preemptions.
pub fn two_directions_wait_apart() {
    let socket = Socket::new();
    beside(Reader::new(&socket, Direction::Read, 1), || {
        beside(Reader::new(&socket, Direction::Write, 1), || {
            socket.arrive(Direction::Read, 1);
            socket.arrive(Direction::Write, 1);
        });
    });
}

/// Property: two futures that wait in one direction are both woken by one edge.
/// Threads: two readers, turn (this one). Bound: 2 and 3 preemptions.
pub fn two_readers_are_both_woken() {
    let socket = Socket::new();
    beside(Reader::new(&socket, Direction::Read, 1), || {
        beside(Reader::new(&socket, Direction::Read, 1), || {
            socket.arrive(Direction::Read, 1);
        });
    });
}
