use windlass_timer::{Interval, MissedTickBehavior, interval, interval_at};

use super::*;

/// Polls a tick once; the tick's time in milliseconds since the test began, if it is ready.
fn tick(bench: &Bench, beat: &mut Interval) -> Option<u128> {
    match poll_once(&mut beat.tick()) {
        Poll::Ready(at) => Some((at - bench.begun).as_millis()),
        Poll::Pending => None,
    }
}

/// Moves the clock to this millisecond of the test and polls a tick there.
fn tick_at(bench: &Bench, beat: &mut Interval, at_ms: u64) -> Option<u128> {
    bench.advance(bench.at_ms(at_ms) - bench.clock.now());
    tick(bench, beat)
}

// TIM-25
#[test]
fn the_first_tick_is_now_and_the_others_a_period_apart() {
    let bench = Bench::new();
    let mut beat = interval(ms(300));
    assert_eq!(tick(&bench, &mut beat), Some(0));
    for (at_ms, expected) in
        [(100, None), (299, None), (300, Some(300)), (301, None), (600, Some(600))]
    {
        assert_eq!(tick_at(&bench, &mut beat, at_ms), expected, "at {at_ms}");
    }
}

#[test]
fn a_waiting_tick_is_woken() {
    let bench = Bench::new();
    let mut beat = interval_at(bench.at_ms(10), ms(10));
    let mut waiting = Hand::new(beat.tick());
    waiting.pending();
    assert_eq!((bench.advance_ms(10), waiting.wakes()), (1, 1));
    assert_eq!(waiting.ready(), bench.at_ms(10));
    drop(waiting);
    assert_eq!(bench.armed(), 0);
}

#[test]
fn a_dropped_tick_is_not_lost() {
    let bench = Bench::new();
    let mut beat = interval_at(bench.at_ms(10), ms(10));
    let mut dropped = Hand::new(beat.tick());
    dropped.pending();
    drop(dropped);
    assert_eq!(tick_at(&bench, &mut beat, 10), Some(10));
}

// TIM-25
#[test]
fn missed_ticks_burst() {
    let bench = Bench::new();
    let mut beat = interval(ms(300));
    assert_eq!(tick(&bench, &mut beat), Some(0));
    assert_eq!(tick_at(&bench, &mut beat, 1000), Some(300));
    assert_eq!(tick(&bench, &mut beat), Some(600));
    assert_eq!(tick(&bench, &mut beat), Some(900));
    assert_eq!(tick(&bench, &mut beat), None);
    assert_eq!(tick_at(&bench, &mut beat, 1200), Some(1200));
}

// TIM-25
#[test]
fn missed_ticks_delay_the_rhythm() {
    let bench = Bench::new();
    let mut beat = interval(ms(300));
    beat.set_missed_tick_behavior(MissedTickBehavior::Delay);
    assert_eq!(beat.missed_tick_behavior(), MissedTickBehavior::Delay);
    assert_eq!(tick(&bench, &mut beat), Some(0));
    assert_eq!(tick_at(&bench, &mut beat, 650), Some(300));
    assert_eq!(tick_at(&bench, &mut beat, 949), None);
    assert_eq!(tick_at(&bench, &mut beat, 950), Some(950));
    assert_eq!(tick_at(&bench, &mut beat, 1249), None);
    assert_eq!(tick_at(&bench, &mut beat, 1252), Some(1250), "a little late is not missed");
    assert_eq!(tick_at(&bench, &mut beat, 1550), Some(1550), "and moves nothing");
}

// TIM-25
#[test]
fn missed_ticks_are_skipped() {
    let bench = Bench::new();
    let mut beat = interval(ms(300));
    beat.set_missed_tick_behavior(MissedTickBehavior::Skip);
    assert_eq!(tick(&bench, &mut beat), Some(0));
    assert_eq!(tick_at(&bench, &mut beat, 1000), Some(300));
    assert_eq!(tick(&bench, &mut beat), None);
    assert_eq!(tick_at(&bench, &mut beat, 1199), None);
    assert_eq!(tick_at(&bench, &mut beat, 1200), Some(1200));
    assert_eq!(tick_at(&bench, &mut beat, 2100), Some(1500), "exactly at a multiple");
    assert_eq!(tick(&bench, &mut beat), None, "the tick of this moment came with it");
    assert_eq!(tick_at(&bench, &mut beat, 2400), Some(2400));
}

// TIM-25
#[test]
fn short_periods_are_missed_after_one_period() {
    let bench = Bench::new();
    let mut beat = interval(ms(2));
    beat.set_missed_tick_behavior(MissedTickBehavior::Skip);
    assert_eq!(tick(&bench, &mut beat), Some(0));
    assert_eq!(tick_at(&bench, &mut beat, 5), Some(2));
    assert_eq!(tick(&bench, &mut beat), None);
    assert_eq!(tick_at(&bench, &mut beat, 6), Some(6));
}

// TIM-25
#[test]
fn a_zero_period_is_refused() {
    let text = panic_of(|| {
        let _bench = Bench::new();
        drop(interval(Duration::ZERO));
    });
    assert_eq!(text, "an interval needs a period longer than zero");
}

// TIM-26
#[test]
fn an_interval_is_reset_from_now() {
    let bench = Bench::new();
    let mut beat = interval(ms(300));
    tick(&bench, &mut beat);
    assert_eq!(tick_at(&bench, &mut beat, 200), None);
    beat.reset();
    assert_eq!(tick_at(&bench, &mut beat, 499), None);
    assert_eq!(tick_at(&bench, &mut beat, 500), Some(500));
    assert_eq!(tick_at(&bench, &mut beat, 800), Some(800));
}

// TIM-26
#[test]
fn an_interval_is_reset_to_tick_immediately() {
    let bench = Bench::new();
    let mut beat = interval(ms(300));
    tick(&bench, &mut beat);
    assert_eq!(tick_at(&bench, &mut beat, 200), None);
    beat.reset_immediately();
    assert_eq!(tick(&bench, &mut beat), Some(200));
    assert_eq!(tick_at(&bench, &mut beat, 499), None);
    assert_eq!(tick_at(&bench, &mut beat, 500), Some(500));
}

// TIM-26
#[test]
fn an_interval_is_reset_after_a_delay_also_beyond_the_period() {
    let bench = Bench::new();
    let mut beat = interval(ms(300));
    tick(&bench, &mut beat);
    assert_eq!(tick_at(&bench, &mut beat, 200), None);
    beat.reset_after(ms(1000));
    assert_eq!(tick_at(&bench, &mut beat, 1199), None);
    assert_eq!(tick_at(&bench, &mut beat, 1200), Some(1200));
    assert_eq!(tick_at(&bench, &mut beat, 1500), Some(1500));
}

// TIM-26
#[test]
fn an_interval_is_reset_to_an_instant() {
    let bench = Bench::new();
    let mut beat = interval(ms(300));
    tick(&bench, &mut beat);
    beat.reset_at(bench.at_ms(50));
    assert_eq!(tick_at(&bench, &mut beat, 49), None);
    assert_eq!(tick_at(&bench, &mut beat, 50), Some(50));
    beat.reset_at(bench.at_ms(5000));
    assert_eq!(tick_at(&bench, &mut beat, 4999), None);
    assert_eq!(tick_at(&bench, &mut beat, 5000), Some(5000));
    assert_eq!(tick_at(&bench, &mut beat, 5300), Some(5300));
}

// TIM-27
#[test]
fn an_interval_does_not_drift_by_the_time_of_its_loop_and_a_loop_of_sleeps_does() {
    let bench = Bench::new();
    let work = ms(1);
    let mut beat = interval(ms(10));
    for round in 0..5 {
        assert_eq!(tick_at(&bench, &mut beat, round * 10), Some(u128::from(round) * 10));
        bench.clock.advance(work);
    }
    let begun = bench.clock.now();
    for _ in 0..5 {
        let mut nap = Hand::new(windlass_timer::sleep(ms(10)));
        nap.pending();
        bench.jump();
        nap.ready();
        bench.clock.advance(work);
    }
    assert_eq!(bench.clock.now() - begun, ms(55));
}

#[test]
fn the_longest_period_does_not_panic() {
    let bench = Bench::new();
    let mut beat = interval(Duration::MAX);
    assert_eq!(beat.period(), Duration::MAX);
    assert_eq!(tick(&bench, &mut beat), Some(0));
    assert_eq!(tick(&bench, &mut beat), None);
    beat.reset();
    assert_eq!(bench.timers.next_of_all(), None);
}

#[test]
fn a_tick_in_a_row_of_ready_ones_spends_budget() {
    let bench = Bench::new();
    let mut beat = interval(ms(1));
    bench.clock.advance(ms(1000));
    let _limit = windlass_sync::budget::enter();
    let ticks = std::iter::from_fn(|| tick(&bench, &mut beat)).count();
    assert_eq!(ticks, 128);
}
