//! The wheel against a sorted map.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;
use crate::slot::HOLE;

const TICK: u64 = 1 << TICK_BITS;
const TURN: u64 = TICK << SLOT_BITS;
/// The first deadline whose tick does not fit into 32 bits.
const FAR: u64 = TICK << 32;

#[derive(Clone, Debug)]
enum Step {
    Insert(u64),
    /// At this instant, not after now.
    InsertPast(u64),
    Cancel(usize),
    Reset(usize, u64),
    Advance(u64, usize),
    /// To the next deadline.
    AdvanceToNext,
}

/// Distances in time, from less than a tick to beyond the reach of the wheel.
fn distance() -> impl Strategy<Value = u64> {
    prop_oneof![
        4 => 0..3 * TICK,
        4 => 0..3 * TURN,
        2 => (0..4u64, 0..40 * TICK).prop_map(|(turns, more)| turns * TURN + more),
        1 => FAR - TURN..FAR + TURN,
        1 => FAR..REACH_NS * 2,
        1 => REACH_NS - 3 * TURN..REACH_NS + TURN,
        1 => Just(u64::MAX),
        2 => Just(TICK),
    ]
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        8 => distance().prop_map(Step::Insert),
        1 => any::<u64>().prop_map(Step::InsertPast),
        3 => any::<usize>().prop_map(Step::Cancel),
        3 => (any::<usize>(), distance()).prop_map(|(which, to)| Step::Reset(which, to)),
        3 => (distance(), 1..200usize).prop_map(|(by, limit)| Step::Advance(by, limit)),
        3 => Just(Step::AdvanceToNext),
    ]
}

/// The wheel, and what it should be.
#[derive(Default)]
struct Pair {
    wheel: Wheel<u64>,
    now: u64,
    /// By deadline and age; the payload is the age.
    sorted: BTreeMap<(u64, u64), Key>,
    /// All keys ever, with their age.
    keys: Vec<(Key, u64)>,
}

impl Pair {
    fn insert(&mut self, deadline: u64) {
        let age = self.keys.len() as u64;
        let key = self.wheel.insert(deadline, age);
        self.keys.push((key, age));
        self.sorted.insert((deadline, age), key);
    }

    /// Any key ever made, and its deadline if it is live.
    fn pick(&self, which: usize) -> Option<(Key, u64, Option<u64>)> {
        let (key, age) = *self.keys.get(which % self.keys.len().max(1))?;
        let live = self.sorted.keys().find(|(_, other)| *other == age);
        Some((key, age, live.map(|(deadline, _)| *deadline)))
    }

    fn advance(&mut self, by: u64, limit: usize) {
        self.now = self.now.saturating_add(by);
        let mut fired = Vec::new();
        let mut batches = 0;
        loop {
            let mut due = Vec::new();
            let more = self.wheel.advance(self.now, limit, &mut due);
            fired.extend(due.into_iter().map(|due| (due.deadline, due.payload)));
            batches += 1;
            if !more {
                break;
            }
            assert!(fired.len() >= batches * limit, "each batch is full but the last");
        }
        let end = self.now.min(REACH_NS - 1);
        let mut expected = Vec::new();
        while let Some((&first, _)) = self.sorted.first_key_value()
            && first.0 <= end
        {
            self.sorted.pop_first();
            expected.push(first);
        }
        assert_eq!(fired, expected);
        assert_eq!(self.wheel.next(), self.earliest(), "next is exact after advance");
    }

    fn earliest(&self) -> Option<u64> {
        let earliest = self.sorted.first_key_value().map(|(&(deadline, _), _)| deadline);
        earliest.filter(|deadline| *deadline < REACH_NS)
    }

    fn step(&mut self, step: Step) {
        match step {
            Step::Insert(after) => self.insert(self.now.saturating_add(after)),
            Step::InsertPast(any) => self.insert(any % self.now.max(1)),
            Step::Cancel(which) => {
                let Some((key, age, live)) = self.pick(which) else { return };
                assert_eq!(self.wheel.cancel(key), live.map(|_| age));
                live.map(|deadline| self.sorted.remove(&(deadline, age)));
            }
            Step::Reset(which, after) => {
                let Some((key, age, live)) = self.pick(which) else { return };
                let deadline = self.now.saturating_add(after);
                assert_eq!(self.wheel.reset(key, deadline), live.is_some());
                let Some(former) = live else { return };
                self.sorted.remove(&(former, age));
                self.sorted.insert((deadline, age), key);
            }
            Step::Advance(by, limit) => self.advance(by, limit),
            Step::AdvanceToNext => {
                let next = self.wheel.next();
                assert!(next.unwrap_or(NEVER) <= self.earliest().unwrap_or(NEVER));
                if let Some(next) = next {
                    self.advance(next.saturating_sub(self.now), 1);
                }
            }
        }
        assert_eq!(self.wheel.len(), self.sorted.len());
        self.check_invariants();
    }

    fn check_invariants(&self) {
        let wheel = &self.wheel;
        for (slot, marks) in wheel.slots.iter().enumerate() {
            let bit = wheel.occupied[slot / WORD] >> (slot % WORD) & 1;
            assert_eq!(bit == 1, !marks.is_empty(), "invariant 1");
            if marks.is_empty() {
                assert_eq!(marks.iter().count(), 0, "an empty slot has no holes");
                continue;
            }
            let holes = marks.iter().filter(|mark| mark.turn == HOLE).count();
            assert_eq!(marks.holes().count(), holes, "all holes are known");
            assert!(marks.holes().all(|hole| marks.at(hole).unwrap().turn == HOLE));
            for (mark, position) in marks.iter().zip(0..) {
                if mark.turn == HOLE {
                    continue;
                }
                let tick = u64::from(mark.turn) << SLOT_BITS | slot as u64;
                assert!(tick >= wheel.cursor, "invariant 2");
                assert!(marks.least <= mark.turn, "invariant 3");
                let entry = wheel.entries.look(mark.index);
                assert_eq!((slot_of(entry.low), entry.position), (slot, position));
                assert!(wheel.next <= wheel.due_at(mark), "invariant 4");
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..Default::default() })]

    #[test]
    fn the_wheel_does_what_a_sorted_map_does(steps in prop::collection::vec(step(), 1..120)) {
        let mut pair = Pair::default();
        for step in steps {
            pair.step(step);
        }
    }
}

// TIM-20
#[test]
fn each_millisecond_of_the_first_second_fires_at_its_own_time() {
    const MS: u64 = 1_000_000;
    let mut wheel = Wheel::new();
    for ms in 1..=1024 {
        wheel.insert(ms * MS, ms);
    }
    for ms in 1..=1024 {
        let mut due = Vec::new();
        wheel.advance(ms * MS - 1, usize::MAX, &mut due);
        assert_eq!(due, [], "never early");
        wheel.advance(ms * MS, usize::MAX, &mut due);
        assert_eq!(due.iter().map(|due| due.payload).collect::<Vec<_>>(), [ms]);
    }
}

// TIM-20
#[test]
fn a_deadline_in_the_slot_of_now_but_in_a_later_turn_waits_for_its_turn() {
    let mut wheel = Wheel::new();
    wheel.insert(5 * TICK, "this turn");
    wheel.insert(5 * TICK + TURN, "next turn");
    wheel.insert(5 * TICK + 7 * TURN, "later");
    let mut due = Vec::new();
    assert!(!wheel.advance(6 * TICK, usize::MAX, &mut due));
    assert_eq!(due.len(), 1);
    assert_eq!(wheel.next(), Some(5 * TICK + TURN));
    wheel.advance(5 * TICK + 8 * TURN, usize::MAX, &mut due);
    let order: Vec<_> = due.iter().map(|due| due.payload).collect();
    assert_eq!(order, ["this turn", "next turn", "later"]);
}

#[test]
fn a_key_of_an_entry_that_is_gone_does_not_find_the_next_one_in_its_place() {
    let mut wheel = Wheel::new();
    let gone = wheel.insert(1, "gone");
    assert_eq!(wheel.cancel(gone), Some("gone"));
    let live = wheel.insert(1, "live");
    assert_eq!(gone.index, live.index, "the place is used again");
    assert_eq!(wheel.cancel(gone), None);
    assert!(!wheel.reset(gone, 5));
    assert_eq!(wheel.payload(live), Some(&mut "live"));
}

#[test]
fn equal_deadlines_fire_in_the_order_they_were_made() {
    let mut wheel = Wheel::new();
    let keys: Vec<_> = (0..100).map(|n| wheel.insert(TICK, n)).collect();
    for key in keys.iter().skip(1).step_by(3) {
        wheel.cancel(*key);
    }
    let mut due = Vec::new();
    wheel.advance(TICK, usize::MAX, &mut due);
    let order: Vec<_> = due.iter().map(|due| due.payload).collect();
    assert_eq!(order, (0..100).filter(|n| n % 3 != 1).collect::<Vec<_>>());
}

#[test]
fn a_wheel_takes_memory_for_its_first_deadline_and_gives_it_back() {
    const MANY: u64 = 20_000;
    let mut wheel = Wheel::new();
    assert_eq!(wheel.slots.capacity(), 0);
    for n in 0..MANY {
        wheel.insert(n * 1000, n);
    }
    let mut due = Vec::new();
    wheel.advance(MANY * 1000, usize::MAX, &mut due);
    assert_eq!(due.len(), MANY as usize);
    assert!(wheel.is_empty());
    assert_eq!(wheel.entries.room(), 4096);
    let slots: usize = wheel.slots.iter().map(Slot::room).sum();
    assert!(slots < 1024, "the slots keep room for {slots} marks");
    wheel.drain(drop);
    assert_eq!(wheel.slots.capacity(), 0);
    let again = wheel.insert(1, 0);
    assert_eq!(wheel.cancel(again), Some(0));
}

#[test]
fn a_slot_that_gives_room_back_moves_its_marks_and_their_entries_know() {
    const MANY: u64 = 1000;
    const FEW: u64 = 100;
    let mut pair = Pair::default();
    for _ in 0..MANY {
        pair.insert(5 * TICK);
    }
    for after in 0..FEW {
        pair.insert(5 * TICK + TURN + after);
    }
    // Holes among those that stay.
    for age in (MANY..MANY + FEW).step_by(3) {
        pair.step(Step::Cancel(age as usize));
    }
    let before = pair.wheel.slots[5].room();
    pair.advance(6 * TICK, usize::MAX);
    pair.check_invariants();
    assert!(before > 1000 && pair.wheel.slots[5].room() < 200);
    for age in (MANY + 1..MANY + FEW).step_by(3) {
        pair.step(Step::Reset(age as usize, TURN));
    }
    pair.step(Step::Insert(TURN - TICK));
    pair.advance(3 * TURN, 7);
    assert!(pair.wheel.is_empty());
}

#[test]
fn a_slot_that_is_used_keeps_its_room() {
    let mut wheel = Wheel::new();
    for n in 0..1000 {
        wheel.insert(5 * TICK + TURN * (n % 2), n);
    }
    let before = wheel.slots[5].room();
    wheel.advance(6 * TICK, usize::MAX, &mut Vec::new());
    assert_eq!((wheel.len(), wheel.slots[5].room()), (500, before));
}

#[test]
fn a_timer_costs_forty_bytes_in_the_wheel_and_forty_where_it_is_awaited() {
    assert_eq!(size_of::<Entry<std::task::Waker>>(), 32);
    assert_eq!(size_of::<Mark>(), 8);
    assert!(size_of::<crate::Sleep>() <= 40);
}

#[test]
fn the_deadline_of_an_entry_is_the_one_it_has_now() {
    let mut wheel = Wheel::new();
    let (key, other) = (wheel.insert(5 * TICK, 'a'), wheel.insert(7 * TICK, 'b'));
    assert_eq!((wheel.deadline(key), wheel.deadline(other)), (Some(5 * TICK), Some(7 * TICK)));
    assert!(wheel.reset(key, 9 * TURN));
    assert_eq!(wheel.deadline(key), Some(9 * TURN));
    assert_eq!(wheel.cancel(key), Some('a'));
    assert_eq!((wheel.deadline(key), wheel.deadline(other)), (None, Some(7 * TICK)));
}

#[test]
fn a_deadline_beyond_the_reach_is_kept_and_not_announced() {
    let mut wheel = Wheel::new();
    let never = wheel.insert(REACH_NS, "never");
    assert_eq!(wheel.next(), None);
    let last = wheel.insert(REACH_NS - 1, "last");
    assert_eq!(wheel.next(), Some(REACH_NS - 1));
    assert_eq!(wheel.cancel(last), Some("last"));
    let mut due = Vec::new();
    assert!(!wheel.advance(u64::MAX, usize::MAX, &mut due));
    assert_eq!((due.len(), wheel.next()), (0, None));
    assert_eq!(wheel.cancel(never), Some("never"));
}

#[test]
fn a_drain_gives_each_entry_once_and_leaves_a_wheel_that_works() {
    let mut wheel = Wheel::new();
    let deadlines = [TICK, TICK, 3 * TURN, FAR, u64::MAX];
    let keys: Vec<_> = deadlines.iter().zip(0..).map(|(at, n)| wheel.insert(*at, n)).collect();
    let hole = wheel.insert(TICK, 9);
    assert_eq!(wheel.cancel(hole), Some(9));
    let mut given = Vec::new();
    wheel.drain(|n| given.push(n));
    given.sort_unstable();
    assert_eq!(given, [0, 1, 2, 3, 4]);
    assert_eq!((wheel.len(), wheel.next()), (0, None));
    assert!(keys.iter().all(|key| wheel.deadline(*key).is_none()));
    wheel.insert(2 * TICK, 5);
    let mut due = Vec::new();
    wheel.advance(FAR, usize::MAX, &mut due);
    assert_eq!(due.iter().map(|due| due.payload).collect::<Vec<_>>(), [5]);
}

#[test]
fn of_two_deadlines_in_the_next_turn_the_one_in_the_lower_slot_comes_first() {
    // The cursor is in slot 10. Both slots are in the word of its bit, one on either side.
    let (before, behind) = (TURN + 5 * TICK, TURN + 60 * TICK);
    let mut wheel = Wheel::new();
    wheel.insert(10 * TICK, "now");
    let mut due = Vec::new();
    wheel.advance(10 * TICK, usize::MAX, &mut due);
    wheel.insert(behind, "behind");
    wheel.insert(before, "before");
    wheel.advance(before, usize::MAX, &mut due);
    assert_eq!(due.iter().map(|due| due.payload).collect::<Vec<_>>(), ["now", "before"]);
    assert_eq!(wheel.next(), Some(behind));
}
