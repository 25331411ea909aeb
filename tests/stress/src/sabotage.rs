//! Breaks each check once, on purpose.
//!
//! A check that cannot fail shows nothing. Each of these makes the work itself do something wrong, at
//! the place where a bug of the library would show, and `tests/sabotage.rs` demands that the run then
//! ends with the message of that check.

use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use clap::ValueEnum;

/// What is broken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Sabotage {
    /// Something that was begun never ends.
    Leak,
    /// A task waits for what nobody does.
    Hang,
    /// A task is spawned that shutdown has to cancel.
    Leftover,
    /// A job never gives its thread back.
    Stuck,
    /// A task sleeps without a waker.
    Lost,
    /// An item is taken and told to nobody.
    LoseItem,
    /// An item is delivered twice.
    DoubleItem,
    /// Two items change places.
    SwapItems,
    /// A permit is made out of nothing.
    ForgePermit,
    /// A permit is thrown away.
    LosePermit,
    /// The work under a lock is done without it.
    SkipLock,
    /// Somebody overtakes those who wait.
    Overtake,
    /// A sleep is believed to be longer than it is.
    WakeEarly,
    /// A value is left out by its sender.
    SkipValue,
    /// A child outlives its group.
    Orphan,
    /// A job is counted that was never given to the pool.
    ForgetJob,
    /// A byte is changed on its way.
    FlipByte,
    /// A party comes to the barrier twice.
    DoubleParty,
}

/// One more than the number of the one that is on; 0 if none is.
static ON: AtomicUsize = AtomicUsize::new(0);

/// Chooses what is broken from now on.
pub fn set(sabotage: Option<Sabotage>) {
    ON.store(sabotage.map_or(0, |it| it as usize + 1), Relaxed);
}

impl Sabotage {
    pub fn is_on(self) -> bool {
        ON.load(Relaxed) == self as usize + 1
    }
}
