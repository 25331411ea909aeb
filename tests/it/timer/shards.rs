use std::cell::RefCell;

use windlass_timer::{sleep, timeout};

use super::*;

#[test]
fn a_worker_arms_in_its_own_shard_and_unparks_nobody() {
    for worker in [0, 1] {
        let bench = Bench::on(worker);
        let before = bench.unparks.wakes();
        bench.timers.watch(None);
        let mut nap = Hand::new(sleep(ms(10)));
        nap.pending();
        assert_eq!(bench.timers.armed(worker), 1);
        let next = bench.timers.next(worker).expect("the sleep is armed");
        assert_eq!(bench.clock.instant_at(next), bench.at_ms(10));
        assert_eq!(bench.timers.next(1 - worker), None);
        assert_eq!(bench.unparks.wakes(), before);
    }
}

#[test]
fn a_sleep_that_travelled_is_armed_where_it_arrived() {
    let bench = Bench::on(0);
    let mut nap = Hand::new(sleep(ms(10)));
    let _elsewhere = Handle::new(bench.timers.clone(), 1).enter();
    nap.pending();
    assert_eq!((bench.timers.armed(0), bench.timers.armed(1)), (0, 1));
}

#[test]
fn a_sleep_on_a_thread_without_timers_is_armed_in_the_foreign_shard() {
    let bench = Bench::on(0);
    let mut nap = Hand::new(sleep(ms(10)));
    std::thread::scope(|scope| {
        scope.spawn(|| nap.pending());
    });
    assert_eq!(bench.timers.armed(bench.timers.foreign()), 1);
    assert_eq!(bench.advance_ms(10), 1);
    nap.ready();
}

#[test]
fn a_sleep_moved_to_an_earlier_time_on_another_worker_moves_there() {
    let bench = Bench::on(0);
    let mut nap = Hand::new(sleep(ms(100)));
    nap.pending();
    let _elsewhere = Handle::new(bench.timers.clone(), 1).enter();
    nap.future.reset(bench.at_ms(200));
    assert_eq!((bench.timers.armed(0), bench.timers.armed(1)), (1, 0), "later stays");
    nap.future.reset(bench.at_ms(50));
    assert_eq!((bench.timers.armed(0), bench.timers.armed(1)), (0, 1), "earlier moves");
    bench.clock.advance(ms(50));
    assert_eq!((bench.timers.fire(1), nap.wakes()), (1, 1), "the waker came along");
    nap.ready();
}

#[test]
fn the_holder_of_the_driver_is_unparked_only_for_an_earlier_foreign_deadline() {
    let bench = Bench::on(2);
    let count = || bench.unparks.wakes();
    let before = count();
    let mut early = Hand::new(sleep(ms(10)));
    early.pending();
    assert_eq!(count(), before, "it is awake");

    let until = bench.timers.watch(Some(bench.clock.ns_at(bench.at_ms(500))));
    assert_eq!(until, Some(bench.clock.ns_at(bench.at_ms(10))), "sleeps no longer than this");
    let mut late = Hand::new(sleep(ms(20)));
    late.pending();
    assert_eq!(count(), before, "it wakes in time for this");
    let mut earlier = Hand::new(sleep(ms(5)));
    earlier.pending();
    assert_eq!(count(), before + 1);

    bench.timers.unwatch();
    let mut now = Hand::new(sleep(ms(1)));
    now.pending();
    assert_eq!(count(), before + 1, "it is awake");
    late.future.reset(bench.at_ms(500));
    bench.timers.watch(None);
    late.future.reset(bench.begun);
    assert_eq!(count(), before + 2, "an earlier deadline by reset");
}

#[test]
fn a_handle_for_other_threads_leads_to_the_foreign_shard() {
    let bench = Bench::on(1);
    let handle = Handle::current();
    let (timers, at) = (bench.timers.clone(), bench.at_ms(10));
    std::thread::spawn(move || {
        let _entered = handle.enter();
        let mut nap = Hand::new(windlass_timer::sleep_until(at));
        nap.pending();
        assert_eq!(timers.armed(timers.foreign()), 1);
    })
    .join()
    .unwrap();
    assert_eq!(bench.armed(), 0);
}

#[test]
fn handles_nest_and_give_the_former_one_back() {
    let outer = Bench::on(0);
    {
        let inner = Bench::on(0);
        assert!(Arc::ptr_eq(Handle::current().timers(), &inner.timers));
    }
    assert!(Arc::ptr_eq(Handle::current().timers(), &outer.timers));
}

#[test]
fn a_sleep_polled_under_other_timers_keeps_to_its_own() {
    let own = Bench::on(0);
    let mut nap = Hand::new(sleep(ms(10)));
    let other = Bench::on(0);
    nap.pending();
    assert_eq!((own.armed(), other.armed()), (1, 0));
    assert_eq!(
        own.timers.armed(own.timers.foreign()),
        1,
        "this thread does not look after shard 0"
    );
}

#[test]
fn firing_wakes_with_no_lock_held() {
    /// Cancels another sleep of the same shard when woken.
    struct Cancel(std::sync::Mutex<Option<Hand<windlass_timer::Sleep>>>);
    impl std::task::Wake for Cancel {
        fn wake(self: Arc<Self>) {
            self.0.lock().unwrap().take();
        }
    }
    let bench = Bench::new();
    let mut other = Hand::new(sleep(ms(50)));
    other.pending();
    let waker = Waker::from(Arc::new(Cancel(Some(other).into())));
    let mut nap = sleep(ms(10));
    let polled = std::pin::Pin::new(&mut nap).poll(&mut Context::from_waker(&waker));
    assert!(polled.is_pending());
    assert_eq!(bench.advance_ms(10), 1);
    assert_eq!(bench.armed(), 0);
}

#[test]
fn a_batch_is_shown_as_a_whole_before_its_first_waker_runs() {
    let bench = Bench::on(0);
    let mut naps: Vec<_> = (1..=3).map(|after| Hand::new(sleep(ms(after)))).collect();
    naps.iter_mut().for_each(Hand::pending);
    bench.clock.advance(ms(2));
    let woken = || naps.iter().map(Hand::wakes).sum::<usize>();
    let woken_before = RefCell::new(Vec::new());
    let now_ns = bench.clock.now_ns();
    let fired = bench.timers.fire_at(0, now_ns, |_| woken_before.borrow_mut().push(woken()));
    assert_eq!((fired, woken()), (2, 2));
    assert_eq!(woken_before.into_inner(), [0, 0]);
}

#[test]
fn a_waker_that_panics_does_not_keep_the_others_from_being_woken() {
    struct Panic;
    impl std::task::Wake for Panic {
        fn wake(self: Arc<Self>) {
            std::panic::panic_any("a waker that panics");
        }
    }
    let bench = Bench::new();
    let mut bad = sleep(ms(10));
    let waker = Waker::from(Arc::new(Panic));
    assert!(std::pin::Pin::new(&mut bad).poll(&mut Context::from_waker(&waker)).is_pending());
    let mut good = Hand::new(sleep(ms(10)));
    good.pending();
    assert_eq!(bench.advance_ms(10), 2);
    assert_eq!(good.wakes(), 1);
}

#[test]
fn many_sleeps_due_at_once_all_fire() {
    let bench = Bench::new();
    let mut naps: Vec<_> = (0..5000).map(|n| Hand::new(sleep(ms(n % 7)))).collect();
    naps.iter_mut().for_each(Hand::pending);
    assert_eq!(bench.advance_ms(10), 5000);
    assert!(naps.iter_mut().all(|nap| nap.wakes() == 1 && nap.poll().is_ready()));
}

#[test]
fn closing_wakes_every_sleep_and_polling_one_before_its_time_panics() {
    let bench = Bench::new();
    let mut waiting = Hand::new(sleep(ms(10)));
    let mut fresh = Hand::new(sleep(ms(10)));
    let mut due = Hand::new(sleep(ms(0)));
    waiting.pending();
    due.pending();
    bench.timers.close();
    assert_eq!((waiting.wakes(), bench.armed()), (1, 0));
    due.ready();
    for nap in [&mut waiting, &mut fresh] {
        let nap = std::panic::AssertUnwindSafe(nap);
        let text = panic_of(move || {
            let nap = nap;
            nap.0.pending();
        });
        let place = format!("the sleep made at {}:", file!());
        assert!(text.starts_with(&place), "{text}");
        assert!(text.ends_with("cannot go on: its runtime has been shut down"), "{text}");
    }
}

#[test]
fn dropping_the_timers_closes_them() {
    let (mut nap, mut limited) = {
        let bench = Bench::new();
        let mut nap = Hand::new(sleep(ms(10)));
        nap.pending();
        let mut limited = Hand::new(timeout(ms(10), std::future::pending::<()>()));
        limited.pending();
        bench.clock.advance(ms(10));
        (nap, limited)
    };
    assert_eq!((nap.wakes(), limited.wakes()), (1, 1));
    nap.ready();
    assert!(limited.ready().is_err());
}

#[test]
fn a_deadline_that_was_cancelled_is_corrected_by_the_next_pass() {
    let bench = Bench::new();
    let mut early = Hand::new(sleep(ms(10)));
    let mut late = Hand::new(sleep(ms(100)));
    early.pending();
    late.pending();
    drop(early);
    let next = bench.timers.next(0).expect("one sleep is armed");
    assert!(next <= bench.clock.ns_at(bench.at_ms(100)));
    assert_eq!(bench.advance_ms(10), 0);
    assert_eq!(bench.timers.next(0), Some(bench.clock.ns_at(bench.at_ms(100))));
}
