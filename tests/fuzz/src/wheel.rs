//! The wheel against a sorted map, from outside: what it fires, when, and in which order.
//!
//! Its unit tests do the same with steps of proptest and look at its invariants besides; here the
//! coverage steers.

use std::collections::BTreeMap;

use windlass_timer::clock::REACH_NS;
use windlass_timer::wheel::{Key, Wheel};

use crate::bytes::Bytes;

/// A tick of the wheel, and its turn, so that short inputs get to their edges.
const TICK: u64 = 1 << 20;
const TURN: u64 = TICK << 10;

/// The wheel, and what it should be.
#[derive(Default)]
struct Pair {
    wheel: Wheel<u64>,
    now: u64,
    /// By deadline and age.
    sorted: BTreeMap<(u64, u64), Key>,
    /// Every key there ever was; its place is its age, which is also the payload.
    keys: Vec<Key>,
    /// The deadline of each that is live.
    live: BTreeMap<u64, u64>,
}

/// Takes the steps that the bytes stand for.
pub fn run(data: &[u8]) {
    let mut bytes = Bytes(data);
    let mut pair = Pair::default();
    while !bytes.is_over() {
        pair.step(&mut bytes);
        pair.check();
    }
    let mut payloads = Vec::new();
    pair.wheel.drain(|payload| payloads.push(payload));
    payloads.sort_unstable();
    assert!(payloads.into_iter().eq(pair.live.into_keys()), "what is drained is what was live");
    assert!(pair.wheel.is_empty() && pair.wheel.next().is_none());
}

/// A distance in time, often one where something changes.
fn distance(bytes: &mut Bytes<'_>) -> u64 {
    let some = u64::from(bytes.byte());
    match bytes.below(9) {
        0 => some,
        1 => some * TICK / 16,
        2 => some * TICK * 4,
        3 => some / 16 * TURN + some % 16 * TICK,
        4 => (some * TURN).saturating_sub(1),
        5 => (TICK << 32) + some * TICK - 8 * TICK, // where ticks need more than 32 bits
        6 => REACH_NS - 128 + some,
        7 => u64::MAX - some,
        _ => bytes.number(),
    }
}

impl Pair {
    fn step(&mut self, bytes: &mut Bytes<'_>) {
        match bytes.below(12) {
            0..=3 => {
                let deadline = self.now.saturating_add(distance(bytes));
                self.insert(deadline);
            }
            4 => self.insert(bytes.number() % self.now.max(1)),
            5 | 6 => self.cancel(bytes),
            7 | 8 => self.reset(bytes),
            9 => {
                let (by, limit) = (distance(bytes), 1 + bytes.below(20));
                self.advance(self.now.saturating_add(by), limit);
            }
            10 => {
                let next = self.wheel.next().unwrap_or(self.now).max(self.now);
                self.advance(next, 1);
            }
            _ => {
                let before = self.wheel.next().unwrap_or(self.now).saturating_sub(1);
                self.advance(before.max(self.now), 1);
            }
        }
    }

    fn insert(&mut self, deadline: u64) {
        let age = self.keys.len() as u64;
        let key = self.wheel.insert(deadline, age);
        self.keys.push(key);
        self.sorted.insert((deadline, age), key);
        self.live.insert(age, deadline);
    }

    /// Any key there ever was.
    fn pick(&self, bytes: &mut Bytes<'_>) -> Option<(Key, u64)> {
        let which = usize::from(bytes.byte()) % self.keys.len().max(1);
        // The latest ones are the ones that may still be live.
        let which = self.keys.len().checked_sub(which + 1)?;
        Some((self.keys[which], which as u64))
    }

    fn cancel(&mut self, bytes: &mut Bytes<'_>) {
        let Some((key, age)) = self.pick(bytes) else { return };
        let live = self.live.remove(&age);
        assert_eq!(self.wheel.deadline(key), live.map(|deadline| deadline.min(REACH_NS)));
        assert_eq!(self.wheel.cancel(key), live.map(|_| age));
        assert_eq!(self.wheel.cancel(key), None, "gone is gone");
        live.map(|deadline| self.sorted.remove(&(deadline, age)));
    }

    fn reset(&mut self, bytes: &mut Bytes<'_>) {
        let Some((key, age)) = self.pick(bytes) else { return };
        let deadline = self.now.saturating_add(distance(bytes));
        let live = self.live.contains_key(&age);
        assert_eq!(self.wheel.reset(key, deadline), live);
        if !live {
            return;
        }
        assert_eq!(self.wheel.payload(key).copied(), Some(age));
        let former = self.live.insert(age, deadline).expect("it is live");
        self.sorted.remove(&(former, age));
        self.sorted.insert((deadline, age), key);
    }

    fn advance(&mut self, to: u64, limit: usize) {
        self.now = to;
        let mut due = Vec::new();
        while self.wheel.advance(self.now, limit, &mut due) {
            assert!(due.len() >= limit, "each batch is full but the last");
            self.check_fired(due.drain(..).map(|due| (due.deadline, due.payload)));
        }
        self.check_fired(due.drain(..).map(|due| (due.deadline, due.payload)));
        let first = self.sorted.first_key_value().map(|(&(deadline, _), _)| deadline);
        assert!(first.is_none_or(|first| first > self.now.min(REACH_NS - 1)), "it is overdue");
        let next = first.filter(|deadline| *deadline < REACH_NS);
        assert_eq!(self.wheel.next(), next, "it is exact after an advance");
    }

    fn check_fired(&mut self, fired: impl Iterator<Item = (u64, u64)>) {
        for (deadline, age) in fired {
            let (first, _) = self.sorted.pop_first().expect("there is one");
            assert_eq!(first, (deadline, age), "by deadline, then by age");
            assert!(deadline <= self.now, "never early");
            self.live.remove(&age);
        }
    }

    fn check(&self) {
        assert_eq!(self.wheel.len(), self.sorted.len());
        let first = self.sorted.first_key_value().map_or(u64::MAX, |(&(deadline, _), _)| deadline);
        assert!(self.wheel.next().unwrap_or(u64::MAX) <= first || first >= REACH_NS, "too late");
    }
}
