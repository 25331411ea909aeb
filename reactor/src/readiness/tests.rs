//! The arithmetic of the word; what threads do to each other is in `tests/models/reactor`.

use super::Direction::{Read, Write};
use super::*;

#[test]
fn an_edge_serves_only_the_direction_it_is_about() {
    let (word, _) = after_wait(0, Read);
    let (word, _) = after_wait(word, Write);
    let (word, woken) = after_event(word, WRITABLE);
    assert!(woken.includes(Write));
    assert!(!woken.includes(Read));
    assert_eq!(word, TICK | WRITABLE | READ_WAITING);
}

#[test]
fn clearing_with_an_old_tick_changes_nothing() {
    let (word, _) = after_event(0, READABLE);
    let seen = word;
    let (word, _) = after_event(word, READABLE);
    assert_eq!(after_clear(word, seen, Read), word);
    assert_eq!(after_clear(word, word, Read), 2 * TICK);
}

#[test]
fn the_tick_wraps_without_touching_the_bits() {
    let last = ((u64::MAX / TICK) * TICK) | WRITABLE;
    let (word, _) = after_event(last, READABLE);
    assert_eq!(word, READABLE | WRITABLE);
}

#[test]
fn clearing_one_direction_leaves_the_other_and_the_ends() {
    let word = READABLE | WRITABLE | READ_ENDED | ERROR | GONE;
    assert_eq!(after_clear(word, word, Read), word & !READABLE);
    assert_eq!(after_clear(word, word, Write), word & !WRITABLE);
}

#[test]
fn a_closed_source_is_ready_for_everything_and_wakes_everybody() {
    let (word, _) = after_wait(0, Read);
    let (word, _) = after_wait(word, Write);
    let (word, woken) = after_event(word, GONE);
    assert!(woken.includes(Read) && woken.includes(Write));
    assert!(Snapshot(word).is_ready(Read) && Snapshot(word).is_ready(Write));
    assert!(Snapshot(word).is_gone());
}

#[test]
fn short_counts_are_not_trusted_once_the_stream_has_ended_or_failed() {
    assert!(Snapshot(READABLE).trusts_short_counts(Read));
    assert!(!Snapshot(READABLE | READ_ENDED).trusts_short_counts(Read));
    assert!(Snapshot(READABLE | READ_ENDED).trusts_short_counts(Write));
    assert!(!Snapshot(READABLE | ERROR).trusts_short_counts(Write));
}
