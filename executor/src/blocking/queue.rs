//! The jobs that no thread has taken, by their numbers.
//!
//! Numbers are given out in the order of the calls, so a new job goes to the end, but for two threads that
//! submit at once. A job that is cancelled is found by its number. It leaves its place empty, since to
//! close the gap at once would move up to half of all the others; empty places go when they come to the
//! front, or are the greater part.
//!
//! A map keeps the order as well, but makes and frees a node for every few jobs, and all that is done under
//! the pool's lock keeps the other threads waiting: ten thousand empty jobs take 0.68 of the time without it.

use std::collections::VecDeque;

/// An empty queue gives back what it had room for beyond this.
const ROOM: usize = 1024;

/// Jobs by rising number.
#[derive(Debug)]
pub(super) struct Queue<T> {
    /// The first place is not empty.
    places: VecDeque<(u64, Option<T>)>,
    /// How many are not.
    jobs: usize,
}

impl<T> Queue<T> {
    pub(super) fn new() -> Self {
        Self { places: VecDeque::new(), jobs: 0 }
    }

    pub(super) fn len(&self) -> usize {
        self.jobs
    }

    /// Adds a job with a new number.
    pub(super) fn insert(&mut self, id: u64, job: T) {
        self.jobs += 1;
        if self.places.back().is_some_and(|(last, _)| *last > id) {
            let place = self.places.partition_point(|(other, _)| *other < id);
            return self.places.insert(place, (id, Some(job)));
        }
        self.places.push_back((id, Some(job)));
    }

    /// The job with the lowest number.
    pub(super) fn first(&self) -> Option<&T> {
        self.iter().next()
    }

    /// Takes the job with the lowest number.
    pub(super) fn pop_first(&mut self) -> Option<(u64, T)> {
        let (id, job) = self.places.pop_front()?;
        self.jobs -= 1;
        self.tidy();
        job.map(|job| (id, job))
    }

    /// Takes the job with this number, if it is here.
    pub(super) fn remove(&mut self, id: u64) -> Option<T> {
        let place = self.places.binary_search_by_key(&id, |(id, _)| *id).ok()?;
        let job = self.places[place].1.take()?;
        self.jobs -= 1;
        self.tidy();
        Some(job)
    }

    /// The jobs, by rising number.
    pub(super) fn iter(&self) -> impl Iterator<Item = &T> {
        self.places.iter().filter_map(|(_, job)| job.as_ref())
    }

    /// As `iter`, and all are taken.
    pub(super) fn into_jobs(self) -> impl Iterator<Item = T> {
        self.places.into_iter().filter_map(|(_, job)| job)
    }

    /// Keeps empty places from the front and from becoming many, and gives room back that nobody needs.
    fn tidy(&mut self) {
        while let Some((_, None)) = self.places.front() {
            self.places.pop_front();
        }
        if self.jobs < self.places.len() / 2 {
            self.places.retain(|(_, job)| job.is_some());
        }
        if self.places.is_empty() {
            self.places.shrink_to(ROOM);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    #[test]
    fn it_does_what_a_sorted_map_does() {
        let mut dice = 1_u64;
        let mut roll = |sides: u64| {
            dice = dice.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            (dice >> 33) % sides
        };
        let (mut queue, mut map) = (Queue::new(), BTreeMap::new());
        for step in 10..22_000_u64 {
            // By turns more is added and more is taken out; a number may come a little late.
            match (roll(5), step / 2_000 % 2) {
                (0 | 1, _) | (2, 0) => {
                    let id = 10 * step - 25 * roll(2);
                    queue.insert(id, step);
                    map.insert(id, step);
                }
                (2 | 3, _) => {
                    let known = map.keys().nth(roll(map.len() as u64 + 1) as usize);
                    let id = known.copied().unwrap_or(step);
                    assert_eq!(queue.remove(id), map.remove(&id), "{id}");
                }
                _ => assert_eq!(queue.pop_first(), map.pop_first()),
            }
            assert_eq!(queue.first(), map.values().next());
            assert_eq!((queue.len(), queue.iter().count()), (map.len(), map.len()));
            assert!(queue.places.len() <= 2 * queue.len() + 1, "the empty are the greater part");
        }
        assert!(queue.iter().eq(map.values()));
        assert!(map.len() > 10 && queue.into_jobs().eq(map.into_values()));
    }

    #[test]
    fn what_was_needed_once_is_given_back_when_it_is_empty() {
        for takes_first in [true, false] {
            let mut queue = Queue::new();
            (0..100_000).for_each(|id| queue.insert(id, id));
            for id in 0..100_000 {
                let taken = if takes_first {
                    queue.pop_first()
                } else {
                    queue.remove(id).map(|job| (id, job))
                };
                assert_eq!(taken, Some((id, id)));
            }
            assert!(queue.places.capacity() <= 2 * ROOM);
        }
    }
}
