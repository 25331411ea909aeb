use std::sync::atomic::{AtomicBool, Ordering::SeqCst};

use windlass_timer::sleep;

use super::*;

#[test]
fn a_real_clock_runs_and_a_paused_one_stands_still() {
    let clock = Clock::new();
    let before = Instant::now();
    assert!(clock.now() >= before);
    clock.pause();
    assert!(clock.is_paused());
    let stopped = clock.now();
    while before.elapsed() < ms(2) {}
    assert_eq!(clock.now(), stopped);
    clock.resume();
    assert!(!clock.is_paused());
    while clock.now() == stopped {}
    assert!(clock.now() > stopped);
}

// TIM-22
#[test]
fn advancing_moves_now_by_exactly_so_much() {
    let bench = Bench::new();
    for step in [Duration::from_nanos(1), Duration::from_micros(300), ms(7), ms(86_400_000)] {
        let before = bench.clock.now();
        bench.clock.advance(step);
        assert_eq!(bench.clock.now() - before, step);
    }
}

// TIM-22
#[test]
fn advancing_fires_what_is_due_and_nothing_else() {
    let bench = Bench::new();
    let mut naps: Vec<_> = [5, 10, 11, 20].map(|n| Hand::new(sleep(ms(n)))).into();
    naps.iter_mut().for_each(Hand::pending);
    assert_eq!(bench.advance_ms(10), 2);
    let woken: Vec<_> = naps.iter().map(Hand::wakes).collect();
    assert_eq!(woken, [1, 1, 0, 0]);
}

#[test]
fn a_resumed_clock_goes_on_from_where_it_stood() {
    let clock = Clock::paused();
    clock.advance(Duration::from_secs(3600));
    let stood = clock.now();
    clock.resume();
    let now = clock.now();
    assert!(now >= stood && now - stood < Duration::from_secs(1800));
}

#[test]
fn a_running_clock_can_be_advanced_and_paused_again() {
    let clock = Clock::new();
    let before = clock.now();
    clock.advance(Duration::from_secs(3600));
    assert!(clock.now() - before >= Duration::from_secs(3600));
    clock.pause();
    clock.pause(); // is the same
    assert!(clock.now() - before >= Duration::from_secs(3600));
    clock.resume();
    clock.resume();
    assert!(clock.now() - before >= Duration::from_secs(3600));
}

#[test]
fn advance_to_the_past_does_nothing() {
    let bench = Bench::new();
    let now = bench.clock.now_ns();
    bench.clock.advance_to(now - 1);
    assert_eq!(bench.clock.now_ns(), now);
    bench.clock.advance_to(now + 5);
    assert_eq!(bench.clock.now_ns(), now + 5);
}

#[test]
fn the_longest_step_does_not_turn_time_back() {
    let clock = Clock::paused();
    clock.advance(Duration::MAX);
    let end = clock.now_ns();
    clock.advance(Duration::MAX);
    assert_eq!(clock.now_ns(), end);
    clock.resume();
    assert!(clock.now_ns() >= end);
    clock.advance(Duration::ZERO);
    assert!(clock.now_ns() >= end);
}

#[test]
fn each_change_of_the_clock_unparks() {
    let bench = Bench::new();
    let changes: [&dyn Fn(); 4] = [
        &|| bench.clock.advance(ms(1)),
        &|| bench.clock.resume(),
        &|| bench.clock.pause(),
        &|| bench.clock.set_auto_advance(true),
    ];
    for change in changes {
        let before = bench.unparks.wakes();
        change();
        assert_eq!(bench.unparks.wakes(), before + 1);
    }
    assert!(bench.clock.auto_advance());
}

#[test]
fn a_dropped_subscription_forgets_its_waker() {
    let clock = Clock::paused();
    let count = Count::new();
    let subscription = clock.subscribe(Waker::from(count.clone()));
    clock.advance(ms(1));
    drop(subscription);
    clock.advance(ms(1));
    assert_eq!((count.wakes(), count.wakers()), (1, 0));
}

// TIM-21
#[test]
fn jumping_to_the_next_deadline_visits_each_in_order() {
    let bench = Bench::new();
    let mut naps: Vec<_> = [3000, 1, 86_400_000, 1500].map(|n| Hand::new(sleep(ms(n)))).into();
    naps.iter_mut().for_each(Hand::pending);
    let visited: Vec<_> = (0..4)
        .map(|_| {
            assert_eq!(bench.jump(), 1);
            bench.elapsed_ms()
        })
        .collect();
    assert_eq!(visited, [1, 1500, 3000, 86_400_000]);
}

// TIM-30
#[test]
fn time_never_runs_backwards_while_another_thread_pauses_and_resumes() {
    const ROUNDS: u32 = 200_000;
    let clock = Clock::new();
    let over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            for _ in 0..ROUNDS {
                clock.pause();
                std::hint::black_box(clock.now()); // stands for a moment, to be seen
                clock.resume();
            }
            over.store(true, SeqCst);
        });
        let (mut last_ns, mut last) = (0, clock.now());
        while !over.load(SeqCst) {
            let now_ns = clock.now_ns();
            assert!(now_ns >= last_ns, "{last_ns} then {now_ns}");
            let now = clock.now();
            assert!(now >= last && clock.ns_at(now) >= now_ns);
            (last_ns, last) = (clock.ns_at(now), now);
        }
    });
}

// TIM-30
#[test]
fn sleeps_and_the_clock_share_one_time() {
    let bench = Bench::new();
    let nap = sleep(ms(10));
    assert_eq!(nap.deadline(), bench.clock.now() + ms(10));
    assert_eq!(bench.clock.instant_at(bench.clock.ns_at(nap.deadline())), nap.deadline());
}
