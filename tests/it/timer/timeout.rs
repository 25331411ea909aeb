use std::error::Error as _;
use std::future::{pending, poll_fn, ready};
use std::io;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};

use windlass_sync::waiting::{self, Reason};
use windlass_timer::{Elapsed, sleep, sleep_until, timeout, timeout_at};

use super::*;

/// A body that is pending until told otherwise.
fn body(steps: usize) -> impl Future<Output = &'static str> {
    let mut polls = 0;
    poll_fn(move |_| {
        polls += 1;
        if polls > steps { Poll::Ready("done") } else { Poll::Pending }
    })
}

// TMO-01
#[test]
fn a_timeout_interrupts_its_body_at_the_deadline() {
    let bench = Bench::new();
    let mut slow = Hand::new(timeout(ms(10), sleep(ms(100))));
    slow.pending();
    assert_eq!(bench.advance_ms(9), 0);
    slow.pending();
    assert_eq!((bench.advance_ms(1), slow.wakes()), (1, 1));
    let elapsed = slow.ready().unwrap_err();
    assert_eq!(elapsed.deadline(), bench.at_ms(10));
    assert!(slow.future.is_expired());
    drop(slow);
    assert_eq!(bench.armed(), 0, "the body is gone with its timer");
}

// TMO-02, WFR-01
#[test]
fn a_body_that_ends_early_gives_its_output_and_leaves_no_timer() {
    let bench = Bench::new();
    let mut quick = Hand::new(timeout(ms(10), sleep(ms(3))));
    quick.pending();
    bench.advance_ms(3);
    assert_eq!(quick.ready(), Ok(()));
    assert!(!quick.future.is_expired());
    assert!(quick.future.deadline().unwrap() > bench.clock.now());
    assert_eq!(bench.armed(), 0);
}

#[test]
fn a_body_that_is_ready_at_once_arms_no_timer() {
    let bench = Bench::new();
    let mut quick = Hand::new(timeout(ms(10), ready(5)));
    assert_eq!(quick.ready(), Ok(5));
    assert_eq!(bench.timers.next_of_all(), None);
}

// TMO-03, WFR-01
#[test]
fn no_deadline_never_fires() {
    let bench = Bench::new();
    let mut patient = Hand::new(timeout_at(None, sleep(ms(1_000_000))));
    assert_eq!(patient.future.deadline(), None);
    patient.pending();
    assert_eq!(bench.advance_ms(999_999), 0);
    patient.pending();
    bench.advance_ms(1);
    assert_eq!(patient.ready(), Ok(()));
}

// TMO-04
#[test]
fn the_absolute_form_reports_exactly_the_deadline_it_was_given() {
    let bench = Bench::new();
    let deadline = bench.begun + Duration::from_nanos(123_456_789);
    let mut slow = Hand::new(timeout_at(deadline, pending::<()>()));
    assert_eq!(slow.future.deadline(), Some(deadline));
    slow.pending();
    bench.jump();
    assert_eq!(slow.ready().unwrap_err().deadline(), deadline);
}

// TMO-05
#[test]
fn zero_runs_the_body_to_its_first_wait_and_interrupts_it_there() {
    let _bench = Bench::new();
    let steps = AtomicUsize::new(0);
    let mut both = Hand::new(timeout(Duration::ZERO, async {
        steps.fetch_add(1, SeqCst);
        sleep(Duration::ZERO).await;
        steps.fetch_add(1, SeqCst);
    }));
    assert!(both.ready().is_err());
    assert_eq!(steps.load(SeqCst), 1);
}

#[test]
fn zero_is_over_at_once_also_where_the_clock_ends() {
    let bench = Bench::new();
    bench.clock.advance(Duration::MAX);
    assert!(Hand::new(timeout(Duration::ZERO, pending::<()>())).ready().is_err());
}

// WFR-04
#[test]
fn zero_around_something_done_returns_its_result() {
    let _bench = Bench::new();
    assert_eq!(Hand::new(timeout(Duration::ZERO, ready(7))).ready(), Ok(7));
}

// As the end of a loop that takes what is there: it must not end at the last of the budget.
#[test]
fn zero_around_something_done_returns_its_result_although_the_budget_is_spent_before() {
    let _bench = Bench::new();
    let done = poll_fn(|cx| windlass_sync::budget::poll_proceed(cx).map(|()| 7));
    let mut limited = Hand::new(timeout(Duration::ZERO, done));
    let spent = windlass_sync::budget::enter();
    (0..windlass_sync::budget::OPERATIONS).for_each(|_| windlass_sync::budget::spend());
    limited.pending();
    assert_eq!(limited.wakes(), 1);
    drop(spent);
    assert_eq!(limited.ready(), Ok(7));
}

// TMO-06, TMO-30
#[test]
fn a_deadline_in_the_past_acts_like_zero_and_is_reported_as_given() {
    let bench = Bench::new();
    for age in [ms(1), ms(99_000), ms(500_000)] {
        let Some(past) = bench.begun.checked_sub(age) else { continue };
        let mut late = Hand::new(timeout_at(past, sleep(Duration::ZERO)));
        assert_eq!(late.future.deadline(), Some(past));
        assert_eq!(late.ready().unwrap_err().deadline(), past);
        assert_eq!(Hand::new(timeout_at(past, ready(1))).ready(), Ok(1));
    }
}

// TMO-09
#[test]
fn an_error_of_the_body_passes_through_unchanged() {
    let _bench = Bench::new();
    let body = async { Err::<(), _>("broken") };
    assert_eq!(Hand::new(timeout(ms(10), body)).ready(), Ok(Err("broken")));
}

#[test]
fn the_inner_of_two_timeouts_that_expire_together_reports() {
    let bench = Bench::new();
    let mut both = Hand::new(timeout(ms(10), timeout(ms(10), pending::<()>())));
    both.pending();
    assert_eq!(bench.advance_ms(10), 2);
    let inner = both.ready().expect("the outer one has not expired").unwrap_err();
    assert_eq!(inner.location().line(), line!() - 4);
    assert!(!both.future.is_expired());
}

#[test]
fn the_inner_timeout_reports_although_only_the_outer_one_was_fired() {
    let bench = Bench::new();
    let deadline = bench.at_ms(10);
    let nanosecond = Duration::from_nanos(1);
    let inner = timeout_at(deadline + nanosecond, pending::<()>());
    let mut both = Hand::new(timeout_at(deadline, inner));
    both.pending();
    assert_eq!(bench.advance_ms(10), 1, "the outer one alone");
    bench.clock.advance(nanosecond); // before its task runs, the inner one is due as well
    let elapsed = both.ready().expect("the outer one has not expired").unwrap_err();
    assert_eq!(elapsed.deadline(), deadline + nanosecond);
}

// TMO-15, TMO-21
#[test]
fn the_outer_timeout_interrupts_what_follows_a_handled_inner_one() {
    let bench = Bench::new();
    let mut outer = Hand::new(timeout(ms(20), async {
        let inner = timeout(ms(10), pending::<()>()).await;
        assert!(inner.is_err());
        sleep(ms(5)).await; // undisturbed by the timeout that was handled
        pending::<()>().await
    }));
    outer.pending();
    bench.advance_ms(10);
    outer.pending();
    assert_eq!(bench.advance_ms(5), 1);
    outer.pending();
    assert_eq!(bench.advance_ms(5), 1);
    assert_eq!(outer.ready().unwrap_err().deadline(), bench.at_ms(20));
}

// TMO-11, TMO-12
#[test]
fn a_body_is_not_told_of_the_timeout_so_it_can_only_go_on_if_taken_out() {
    let bench = Bench::new();
    let mut slow = timeout(ms(10), body(2));
    assert!(poll_once(&mut slow).is_pending());
    bench.advance_ms(10);
    assert!(matches!(poll_once(&mut slow), Poll::Ready(Err(_))));
    assert!(slow.is_expired());
    let mut rest = slow.into_inner();
    assert_eq!(poll_once(&mut rest), Poll::Ready("done"));
}

// TMO-16
#[test]
fn an_active_timeout_can_be_moved_later_earlier_and_off() {
    let bench = Bench::new();
    let mut slow = Hand::new(timeout(ms(10), pending::<()>()));
    slow.pending();
    slow.future.reset(bench.at_ms(30)).unwrap();
    assert_eq!(bench.advance_ms(20), 0, "later");
    slow.pending();
    slow.future.reset(None).unwrap();
    assert_eq!(slow.future.deadline(), None);
    assert_eq!(bench.advance_ms(20), 0, "off");
    slow.pending();
    slow.future.reset(bench.at_ms(45)).unwrap();
    assert_eq!(bench.advance_ms(5), 1, "earlier");
    assert_eq!(slow.wakes(), 1);
    assert_eq!(slow.ready().unwrap_err().deadline(), bench.at_ms(45));
}

// TMO-17
#[test]
fn a_timeout_moved_into_the_past_expires_at_the_next_wait() {
    let bench = Bench::new();
    let mut slow = Hand::new(timeout(ms(10), body(5)));
    slow.pending();
    slow.future.reset(bench.begun - ms(1)).unwrap();
    assert!(slow.ready().is_err());

    let mut fresh = Hand::new(timeout(ms(10), body(5)));
    fresh.future.reset(bench.begun - ms(1)).unwrap();
    assert!(fresh.ready().is_err());
}

// TMO-18
#[test]
fn a_timeout_that_is_over_cannot_be_moved() {
    let bench = Bench::new();
    let mut slow = Hand::new(timeout(Duration::ZERO, pending::<()>()));
    assert!(slow.ready().is_err());
    let error = slow.future.reset(bench.at_ms(10)).unwrap_err();
    assert!(error.is_expired());
    assert_eq!(error.to_string(), "the timeout has already expired");
    assert!(slow.ready().is_err(), "it stays expired");

    let mut quick = Hand::new(timeout(ms(1), ready(())));
    quick.ready().unwrap();
    let error = quick.future.reset(None).unwrap_err();
    assert!(!error.is_expired());
    assert_eq!(error.to_string(), "the future under the timeout has already ended");
}

// TMO-25
#[test]
fn a_timeout_works_inside_a_body_that_was_taken_out_of_an_expired_one() {
    let bench = Bench::new();
    let cleanup = async {
        pending_once().await;
        timeout(ms(5), pending::<()>()).await
    };
    let mut main = timeout(ms(10), cleanup);
    assert!(poll_once(&mut main).is_pending());
    bench.advance_ms(10);
    let mut rest = {
        let mut expired = timeout(Duration::ZERO, pending::<()>());
        assert!(matches!(poll_once(&mut expired), Poll::Ready(Err(_))));
        Hand::new(main.into_inner())
    };
    rest.pending();
    assert_eq!(bench.advance_ms(5), 1);
    assert!(rest.ready().is_err());
}

async fn pending_once() {
    let mut polled = false;
    poll_fn(|_| if std::mem::replace(&mut polled, true) { Poll::Ready(()) } else { Poll::Pending })
        .await;
}

// TMO-28
#[test]
fn the_text_form_names_the_phase_the_deadline_and_the_place() {
    let bench = Bench::new();
    let mut slow = timeout(ms(10), pending::<()>());
    let text = |slow: &_| format!("{slow:?}");
    assert!(text(&slow).contains("Created") && text(&slow).contains(file!()));
    let _ = poll_once(&mut slow);
    assert!(text(&slow).contains("Active"));
    assert!(text(&slow).contains(&format!("{:?}", bench.at_ms(10))));
    bench.advance_ms(10);
    let _ = poll_once(&mut slow);
    assert!(text(&slow).contains("Expired"));
    let mut quick = timeout(ms(10), ready(()));
    let _ = poll_once(&mut quick);
    assert!(format!("{quick:?}").contains("Finished"));
}

// TMO-29
#[test]
fn the_time_counts_from_the_call() {
    let bench = Bench::new();
    let mut slow = Hand::new(timeout(ms(10), pending::<()>()));
    bench.advance_ms(8);
    slow.pending();
    assert_eq!(bench.advance_ms(2), 1);
    assert!(slow.ready().is_err());
}

// WFR-12
#[test]
fn a_borrowed_future_goes_on_after_the_timeout() {
    let bench = Bench::new();
    let mut nap = sleep(ms(20));
    let mut limited = Hand::new(timeout(ms(10), &mut nap));
    limited.pending();
    bench.advance_ms(10);
    assert!(limited.ready().is_err());
    drop(limited);
    assert!(poll_once(&mut nap).is_pending());
    assert_eq!(bench.advance_ms(10), 1);
    assert!(poll_once(&mut nap).is_ready());
}

// WFR-08
#[test]
fn a_body_that_is_ready_in_the_poll_that_would_expire_wins() {
    let bench = Bench::new();
    let mut both = Hand::new(timeout(ms(10), sleep_until(bench.at_ms(10))));
    both.pending();
    assert_eq!(bench.advance_ms(10), 2);
    assert_eq!(both.ready(), Ok(()));
}

#[test]
fn an_elapsed_timeout_names_its_place_and_becomes_an_io_error() {
    let _bench = Bench::new();
    let elapsed = Hand::new(timeout(Duration::ZERO, pending::<()>())).ready().unwrap_err();
    let place = format!("{}:{}:", file!(), line!() - 1);
    let text = elapsed.to_string();
    assert!(text.starts_with(&format!("the timeout set at {place}")), "{text}");
    assert!(text.ends_with(" has elapsed"), "{text}");
    let error = io::Error::from(elapsed);
    assert_eq!(error.kind(), io::ErrorKind::TimedOut);
    let inner = error.get_ref().unwrap().downcast_ref::<Elapsed>();
    assert_eq!(inner, Some(&elapsed));
    assert!(elapsed.source().is_none());
}

#[test]
fn a_dump_shows_what_the_body_waits_for_and_else_the_deadline() {
    let bench = Bench::new();
    Hand::new(timeout(ms(10), pending::<()>())).pending();
    let note = waiting::take().expect("a wait names its reason");
    assert_eq!(note.reason, Reason::Sleep { deadline: bench.at_ms(10) });

    let noted = poll_fn(|_| {
        waiting::note(Reason::Event, std::panic::Location::caller());
        Poll::<()>::Pending
    });
    Hand::new(timeout(ms(10), noted)).pending();
    assert_eq!(waiting::take().expect("a wait names its reason").reason, Reason::Event);
}

// A body that used its budget up must not hold the timeout back.
#[test]
fn a_timeout_expires_although_its_body_has_no_budget_left() {
    let bench = Bench::new();
    let greedy = poll_fn(|cx| {
        while windlass_sync::budget::poll_proceed(cx).is_ready() {
            windlass_sync::budget::spend();
        }
        Poll::<()>::Pending
    });
    let mut limited = Hand::new(timeout(ms(10), greedy));
    let mut poll = || {
        let _limit = windlass_sync::budget::enter();
        limited.poll()
    };
    assert!(poll().is_pending());
    bench.advance_ms(10);
    assert!(matches!(poll(), Poll::Ready(Err(_))));
}
