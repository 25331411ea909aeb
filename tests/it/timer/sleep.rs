use std::panic::Location;
use std::sync::mpsc;

use windlass_sync::waiting::{self, Reason};
use windlass_timer::{Sleep, interval, sleep, sleep_until, timeout, timeout_at};

use super::*;

// TIM-22
#[test]
fn a_sleep_ends_at_its_deadline_and_not_a_nanosecond_before() {
    let bench = Bench::new();
    let mut nap = Hand::new(sleep(ms(10)));
    nap.pending();
    assert_eq!(bench.advance(ms(10) - Duration::from_nanos(1)), 0);
    nap.pending();
    assert_eq!((bench.advance(Duration::from_nanos(1)), nap.wakes()), (1, 1));
    nap.ready();
}

// TIM-20
#[test]
fn each_deadline_of_a_second_fires_in_its_own_millisecond() {
    let bench = Bench::new();
    let mut naps: Vec<_> = (1..=1024).map(|n| Hand::new(sleep(ms(n)))).collect();
    naps.iter_mut().for_each(Hand::pending);
    for nap in &mut naps {
        assert_eq!(bench.advance_ms(1), 1);
        assert_eq!(nap.wakes(), 1);
        nap.ready();
    }
}

// TIM-04
#[test]
fn past_deadlines_run_at_the_next_pass_in_the_order_of_their_deadlines() {
    let bench = Bench::new();
    let (send, woken) = mpsc::channel();
    let mut naps: Vec<_> = [1, 2, 3, 0].map(|s| sleep_until(bench.begun - ms(s * 1000))).into();
    for (name, nap) in ["-1", "-2", "-3", "0"].into_iter().zip(&mut naps) {
        let waker = Waker::from(Arc::new(Tell(name, send.clone())));
        let polled = std::pin::Pin::new(nap).poll(&mut Context::from_waker(&waker));
        assert!(polled.is_pending(), "the others run first");
    }
    assert_eq!(bench.fire(), 4);
    assert_eq!(woken.try_iter().collect::<Vec<_>>(), ["-3", "-2", "-1", "0"]);
    assert!(naps.iter_mut().all(|nap| poll_once(nap).is_ready()));
}

/// Says its name when woken.
struct Tell(&'static str, mpsc::Sender<&'static str>);

impl std::task::Wake for Tell {
    fn wake(self: Arc<Self>) {
        self.1.send(self.0).unwrap();
    }
}

#[test]
fn equal_deadlines_fire_in_the_order_the_sleeps_were_armed() {
    let bench = Bench::new();
    let (send, woken) = mpsc::channel();
    let names = ["a", "b", "c", "d", "e"];
    let mut naps: Vec<_> = names.iter().map(|_| sleep(ms(5))).collect();
    for (name, nap) in names.into_iter().zip(&mut naps) {
        let waker = Waker::from(Arc::new(Tell(name, send.clone())));
        let _ = std::pin::Pin::new(nap).poll(&mut Context::from_waker(&waker));
    }
    drop(naps.remove(1));
    bench.advance_ms(5);
    assert_eq!(woken.try_iter().collect::<Vec<_>>(), ["a", "c", "d", "e"]);
}

// TIM-09, TMO-30: durations are unsigned and never not-a-number; past instants are due.
#[test]
fn an_instant_before_the_clock_began_is_past_and_reported_as_given() {
    let bench = Bench::new();
    let Some(long_ago) = bench.begun.checked_sub(Duration::from_secs(1_000)) else { return };
    let mut nap = Hand::new(sleep_until(long_ago));
    assert_eq!(nap.future.deadline(), long_ago);
    assert!(nap.future.is_elapsed());
    nap.pending();
    assert_eq!(bench.fire(), 1);
    nap.ready();
}

// TIM-10
#[test]
fn a_dropped_sleep_leaves_the_timers_at_once() {
    let bench = Bench::new();
    let mut nap = Hand::new(sleep(ms(10)));
    nap.pending();
    assert_eq!((bench.armed(), nap.count.wakers()), (1, 1));
    let count = nap.count.clone();
    drop(nap);
    assert_eq!((bench.armed(), count.wakers()), (0, 0));
    assert_eq!(bench.timers.next_of_all(), None);
    assert_eq!(bench.advance_ms(20), 0);
    assert_eq!(count.wakes(), 0);
}

#[test]
fn a_sleep_that_was_never_polled_takes_no_place() {
    let bench = Bench::new();
    let nap = sleep(ms(10));
    assert_eq!(bench.armed(), 0);
    drop(nap);
    assert_eq!(bench.advance_ms(20), 0);
}

#[test]
fn a_sleep_that_fired_does_not_cancel_the_one_in_its_place() {
    let bench = Bench::new();
    let mut first = Hand::new(sleep(ms(10)));
    first.pending();
    bench.advance_ms(10);
    let mut second = Hand::new(sleep(ms(10)));
    second.pending();
    drop(first); // fired, and not polled since
    assert_eq!(bench.advance_ms(10), 1);
    second.ready();
}

// TIM-12
#[test]
fn sleeps_of_ten_years_work() {
    const YEAR: Duration = Duration::from_secs(365 * 24 * 3600);
    let bench = Bench::new();
    let mut five = Hand::new(sleep(5 * YEAR));
    let mut ten = Hand::new(sleep(10 * YEAR));
    five.pending();
    ten.pending();
    assert_eq!(bench.advance(5 * YEAR - Duration::from_nanos(1)), 0);
    assert_eq!(bench.advance(Duration::from_nanos(1)), 1);
    five.ready();
    assert_eq!(bench.jump(), 1);
    ten.ready();
    assert_eq!(bench.clock.now() - bench.begun, 10 * YEAR);
}

// WFR-14
#[test]
fn the_longest_durations_mean_never() {
    let bench = Bench::new();
    for duration in [Duration::MAX, Duration::from_secs(u64::MAX), Duration::from_millis(u64::MAX)]
    {
        let mut nap = Hand::new(sleep(duration));
        nap.pending();
        assert_eq!(bench.timers.next_of_all(), None);
        let mut limited = Hand::new(timeout(duration, std::future::pending::<()>()));
        limited.pending();
        assert_eq!(limited.future.deadline(), None);
        assert_eq!(bench.advance(Duration::from_secs(1 << 32)), 0);
        nap.pending();
        limited.pending();
    }
}

// TIM-15
#[test]
fn an_armed_sleep_can_be_reset_later_earlier_and_into_the_past() {
    let bench = Bench::new();
    let mut nap = Hand::new(sleep(ms(10)));
    nap.pending();

    nap.future.reset(bench.at_ms(30));
    assert_eq!(bench.advance_ms(20), 0, "moved later");
    nap.future.reset(bench.at_ms(25));
    assert_eq!(bench.advance_ms(5), 1, "moved earlier");
    nap.ready();

    nap.future.reset(bench.at_ms(1000));
    nap.pending();
    nap.future.reset(bench.at_ms(1));
    assert_eq!(bench.fire(), 1, "moved into the past");
    nap.ready();
    assert_eq!(nap.wakes(), 2);
    assert_eq!(bench.armed(), 0);
}

// TIM-15
#[test]
fn a_sleep_that_fired_and_was_reset_before_it_was_polled_waits_again() {
    let bench = Bench::new();
    let mut nap = Hand::new(sleep(ms(10)));
    nap.pending();
    assert_eq!(bench.advance_ms(10), 1);
    nap.future.reset(bench.at_ms(20));
    assert!(!nap.future.is_elapsed());
    nap.pending();
    assert_eq!(bench.advance_ms(10), 1);
    nap.ready();
}

// TIM-15
#[test]
fn an_unarmed_sleep_can_be_reset() {
    let bench = Bench::new();
    let mut nap = Hand::new(sleep(ms(10)));
    nap.future.reset(bench.at_ms(50));
    nap.pending();
    assert_eq!(bench.advance_ms(49), 0);
    assert_eq!(bench.advance_ms(1), 1);
    nap.ready();
}

#[test]
fn a_sleep_reset_away_from_never_wakes_its_task() {
    let bench = Bench::new();
    let mut nap = Hand::new(sleep(Duration::MAX));
    nap.pending();
    nap.future.reset(bench.at_ms(5));
    assert_eq!((bench.advance_ms(5), nap.wakes()), (1, 1));
    nap.ready();
}

#[test]
fn a_spurious_poll_clones_no_waker() {
    let bench = Bench::new();
    let mut nap = sleep(ms(10));
    let count = Count::new();
    let waker = Waker::from(count.clone());
    let mut cx = Context::from_waker(&waker);
    for _ in 0..3 {
        assert!(std::pin::Pin::new(&mut nap).poll(&mut cx).is_pending());
        assert_eq!(count.wakers(), 2, "ours and the one in the wheel");
    }
    drop(bench);
}

#[test]
fn the_waker_of_the_last_poll_is_woken_and_the_former_one_dropped() {
    let bench = Bench::new();
    let mut nap = Hand::new(sleep(ms(10)));
    nap.pending();
    let former = std::mem::replace(&mut nap.count, Count::new());
    nap.pending();
    assert_eq!(former.wakers(), 0);
    bench.advance_ms(10);
    assert_eq!((former.wakes(), nap.wakes()), (0, 1));
}

// TMO-20, TIM-28
#[test]
fn timers_outside_a_runtime_panic_at_the_caller_and_tell_the_cure() {
    let now = Instant::now();
    let nothing = || std::future::ready(());
    let cure = "needs a runtime: call it inside windlass::run, or enter a runtime::Handle first";
    let say = |what: &str| format!("{what} {cure}");
    assert_eq!(panic_of(|| drop(sleep(ms(1)))), say("sleep()"));
    assert_eq!(panic_of(|| drop(sleep_until(now))), say("sleep_until()"));
    assert_eq!(panic_of(|| drop(interval(ms(1)))), say("interval()"));
    assert_eq!(panic_of(|| drop(timeout(ms(1), nothing()))), say("timeout()"));
    assert_eq!(panic_of(|| drop(timeout_at(now, nothing()))), say("timeout_at()"));
    assert_eq!(panic_of(|| drop(Handle::current())), say("timer::Handle::current()"));
    assert!(Handle::try_current().is_none());
}

#[test]
fn a_waiting_sleep_says_until_when_and_where() {
    let bench = Bench::new();
    waiting::take();
    let line = line!() + 1;
    let mut nap = Hand::new(sleep(ms(10)));
    nap.pending();
    let note = waiting::take().expect("a wait names its reason");
    assert_eq!(note.reason, Reason::Sleep { deadline: bench.at_ms(10) });
    assert_eq!((note.at.file(), note.at.line()), (Location::caller().file(), line));
}

#[test]
fn a_sleep_may_be_polled_and_dropped_on_another_thread() {
    let bench = Bench::new();
    let mut nap = Hand::new(sleep(ms(10)));
    nap.pending();
    std::thread::scope(|scope| {
        let nap = &mut nap;
        scope.spawn(move || nap.pending());
    });
    assert_eq!(bench.timers.armed(0), 1, "it has not moved");
    std::thread::spawn(move || drop(nap)).join().unwrap();
    assert_eq!(bench.armed(), 0);
}

#[test]
fn a_ready_sleep_spends_budget_and_an_exhausted_one_yields() {
    let bench = Bench::new();
    let mut naps: Vec<_> = (0..200).map(|_| Hand::new(sleep(ms(1)))).collect();
    naps.iter_mut().for_each(Hand::pending);
    bench.advance_ms(1);
    let _limit = windlass_sync::budget::enter();
    let ready = naps.iter_mut().map(Hand::poll).filter(Poll::is_ready).count();
    assert_eq!(ready, 128);
    assert_eq!(naps.last().unwrap().wakes(), 2, "once by the timers, once to try again");
}

#[test]
fn the_text_form_of_a_sleep_names_its_place() {
    let _bench = Bench::new();
    let text = format!("{:?}", sleep(ms(10)));
    assert!(text.contains("armed: false") && text.contains(file!()), "{text}");
}

fn _sleeps_are_send_and_movable(nap: Sleep) -> impl Send + Sync + Unpin {
    nap
}
