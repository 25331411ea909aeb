//! Chance that depends on a seed, and what is done by chance.

use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::task::Poll;
use std::time::Duration;

use windlass::time::sleep;
use windlass::yield_now;

/// A generator (splitmix64): small, and good in its low bits as well.
#[derive(Debug)]
pub struct Random(u64);

impl Random {
    pub fn new(seed: u64) -> Random {
        Random(seed)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut bits = self.0;
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        bits ^ (bits >> 31)
    }

    /// A generator of its own, for a task.
    pub fn split(&mut self) -> Random {
        Random(self.next())
    }

    pub fn below(&mut self, end: usize) -> usize {
        (self.next() % end as u64) as usize
    }

    /// From the first to the last, both included.
    pub fn between(&mut self, first: usize, last: usize) -> usize {
        first + self.below(last - first + 1)
    }

    pub fn hits_one_in(&mut self, count: usize) -> bool {
        self.below(count) == 0
    }

    pub fn pick<'a, T>(&mut self, of: &'a [T]) -> &'a T {
        &of[self.below(of.len())]
    }

    /// Up to so long.
    pub fn micros(&mut self, most: usize) -> Duration {
        Duration::from_micros(self.below(most + 1) as u64)
    }

    /// Goes on at once, later, or much later.
    pub async fn pause(&mut self) {
        match self.below(12) {
            0 => sleep(self.micros(2_000)).await,
            1..=4 => yield_now().await,
            _ => {}
        }
    }
}

/// Polls a future a few times; whoever calls it may then drop the future where it is.
pub async fn a_few_polls<F>(future: &mut F, random: &mut Random) -> Option<F::Output>
where
    F: Future + Unpin,
{
    for _ in 0..=random.below(3) {
        let polled = poll_fn(|cx| match Pin::new(&mut *future).poll(cx) {
            Poll::Ready(output) => Poll::Ready(Some(output)),
            Poll::Pending => Poll::Ready(None),
        });
        if let Some(output) = polled.await {
            return Some(output);
        }
        random.pause().await;
    }
    None
}
