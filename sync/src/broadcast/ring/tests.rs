//! The ring against the simplest thing that could be right: every receiver with a list of its own.

use super::*;

/// A receiver, and all that it has still to hear of: the values, and how many were lost before.
struct Twin {
    position: u64,
    lost: u64,
    values: VecDeque<u64>,
}

impl Twin {
    fn send(&mut self, value: u64, capacity: usize) {
        self.values.push_back(value);
        if self.values.len() > capacity {
            self.values.pop_front();
            self.lost += 1;
        }
    }

    fn take(&mut self) -> Option<Result<u64, RecvError>> {
        match std::mem::take(&mut self.lost) {
            0 => self.values.pop_front().map(Ok),
            lost => Some(Err(RecvError::Lagged(lost))),
        }
    }
}

/// Runs one operation for each digit of `word`: a send, a take by the first or the last receiver, one
/// that comes, one that goes.
fn run(capacity: usize, word: u32) {
    let mut ring = Ring::new(capacity);
    let mut sent = 0;
    let mut twins = vec![Twin { position: 0, lost: 0, values: VecDeque::new() }];
    for step in 0..STEPS {
        match (word / CHOICES.pow(step)) % CHOICES {
            0 if !twins.is_empty() => {
                let value = Arc::new(sent);
                let overtaken = ring.push(value);
                assert!(overtaken.is_none_or(|value| Arc::strong_count(&value) == 1));
                twins.iter_mut().for_each(|twin| twin.send(sent, capacity));
                sent += 1;
            }
            digit @ (1 | 2) if !twins.is_empty() => {
                let at = if digit == 1 { 0 } else { twins.len() - 1 };
                let twin = &mut twins[at];
                let taken = ring.take(&mut twin.position).map(|taken| taken.map(|value| *value));
                assert_eq!(taken, twin.take());
            }
            3 => {
                let position = ring.enter();
                twins.push(Twin { position, lost: 0, values: VecDeque::new() });
            }
            4 if !twins.is_empty() => {
                let twin = twins.remove(step as usize % twins.len());
                drop(ring.leave(twin.position));
            }
            _ => {}
        }
        let longest = twins.iter().map(|twin| twin.values.len()).max().unwrap_or(0);
        assert_eq!(ring.len(), longest, "what somebody has still to take is kept, and no more");
        for twin in &twins {
            assert_eq!(ring.ahead_of(twin.position), twin.values.len());
        }
        let readers: usize = ring.kept.iter().map(|slot| slot.readers).sum();
        assert_eq!(readers + ring.idle, twins.len());
    }
}

const CHOICES: u32 = 5;
const STEPS: u32 = 7;

#[test]
fn every_receiver_takes_what_a_list_of_its_own_would_give_it() {
    for capacity in [1, 2, 3] {
        (0..CHOICES.pow(STEPS)).for_each(|word| run(capacity, word));
    }
}

#[test]
fn the_last_one_to_take_a_value_owns_it() {
    let mut ring = Ring::new(2);
    let (mut first, mut second) = (0, ring.enter());
    assert!(ring.push(Arc::new('a')).is_none());
    let shared = ring.take(&mut first).expect("there is one").expect("nothing is lost");
    let last = ring.take(&mut second).expect("there is one").expect("nothing is lost");
    assert_eq!(Arc::strong_count(&last), 2);
    drop(shared);
    assert_eq!(Arc::into_inner(last), Some('a'));
}
