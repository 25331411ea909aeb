//! Several futures in one task: joined, raced, selected.

use std::cell::{Cell, RefCell};
use std::future::{Future, pending, poll_fn, ready};
use std::pin::pin;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::task::{Poll, Waker};
use std::time::Duration;

use windlass::future::{Either, join, join_all, race, race_all, select, try_join, try_join_all};
use windlass::runtime::{Builder, Handle, Runtime};
use windlass::sync::{Event, Mutex, Notify, Semaphore, oneshot};
use windlass::task::Task;
use windlass::time::{Clock, sleep};
use windlass::{spawn, yield_now};
use windlass_sync::{budget, queue::Queue, waiting};

use super::rig::*;
use crate::kit::Hand;

const SECOND: Duration = Duration::from_secs(1);

fn jumping(workers: usize) -> Runtime {
    let clock = Clock::paused();
    clock.set_auto_advance(true);
    Builder::new().workers(workers).clock(clock).debug(false).build().unwrap()
}

/// Ready as soon as the event is set, with this value; `witness` lives as long as the future.
async fn after<T>(event: &Event, value: T, _witness: Witness) -> T {
    event.wait().await;
    value
}

/// Ends after so many polls, each of which it wakes itself for, and counts all its polls.
async fn after_polls(polls: u32, count: &Cell<u32>) {
    for _ in 0..polls {
        let mut is_first = true;
        poll_fn(|cx| {
            count.set(count.get() + 1);
            cx.waker().wake_by_ref();
            if std::mem::take(&mut is_first) { Poll::Pending } else { Poll::Ready(()) }
        })
        .await;
    }
}

/// Has something to do in every poll, until it is told to stop: it uses up every budget.
async fn greedy(stop: &Cell<bool>) {
    let free = Semaphore::new(1);
    while !stop.get() {
        drop(free.acquire().await);
    }
}

/// Does some of the same, and then tells the greedy one to stop.
async fn modest(stop: &Cell<bool>) {
    let free = Semaphore::new(1);
    for _ in 0..budget::OPERATIONS * 3 {
        drop(free.acquire().await);
    }
    stop.set(true);
}

// GTH-01
#[test]
fn outputs_come_in_the_order_of_the_futures_whoever_ends_first() {
    let (first, second, drops) = (Event::new(), Event::new(), Drops::default());
    let events = [&first, &second];
    let futures = || [0, 1].map(|place| after(events[place], place, drops.witness()));
    let [a, b] = futures();
    let mut pair = Hand::new(join(a, b));
    let [a, b] = futures();
    let mut in_place = Hand::new(async { join!(a, b) });
    let mut all = Hand::new(join_all(futures()));
    pair.pending();
    in_place.pending();
    all.pending();
    second.set();
    pair.pending();
    in_place.pending();
    all.pending();
    assert_eq!(drops.count(), 3, "whoever has ended is dropped at once");
    first.set();
    assert_eq!((pair.wakes(), in_place.wakes(), all.wakes()), (2, 2, 2));
    assert_eq!(pair.ready(), (0, 1));
    assert_eq!(in_place.ready(), (0, 1));
    assert_eq!(all.ready(), [0, 1]);
    assert_eq!(drops.count(), 6);
}

// GTH-02
#[test]
fn joining_nothing_gives_an_empty_list_at_once() {
    assert_eq!(Hand::new(join_all(Vec::<std::future::Ready<u8>>::new())).ready(), []);
    let nothing = Vec::<std::future::Ready<Result<u8, ()>>>::new();
    assert_eq!(Hand::new(try_join_all(nothing)).ready(), Ok(vec![]));
}

#[test]
fn a_race_without_runners_is_refused() {
    let message = refusal(|| race_all(Vec::<std::future::Ready<u8>>::new()));
    assert!(message.contains("needs a future"), "{message}");
}

#[test]
fn the_first_error_drops_the_others_before_it_is_returned() {
    let (never, drops) = (Event::new(), Drops::default());
    let endless = || {
        let never = after(&never, 0, drops.witness());
        async { Ok::<u8, &str>(never.await) }
    };
    let broken = async { Err::<u8, _>("broken") };
    let mut pair = Hand::new(try_join(endless(), broken));
    assert_eq!((pair.ready(), drops.count()), (Err("broken"), 1));
    let mut in_place = Hand::new(async {
        let result =
            try_join!(endless(), async { Ok(1) }, async { Err::<u8, _>("broken") }, endless());
        (result, drops.count())
    });
    assert_eq!(in_place.ready(), (Err("broken"), 3));
    let mut all = Hand::new(try_join_all([3, 4, 5].map(|number| {
        let endless = endless();
        async move { if number == 4 { Err("broken") } else { endless.await } }
    })));
    assert_eq!((all.ready(), drops.count()), (Err("broken"), 6), "though `all` is still there");
    assert_eq!(never.stats().waiting, 0);
}

#[test]
fn without_an_error_there_are_all_the_values() {
    let one = async { Ok::<_, String>(1) };
    assert_eq!(Hand::new(try_join(one, async { Ok("two") })).ready(), Ok((1, "two")));
    let numbers = try_join_all([1, 2, 3].map(|number| async move { Ok::<_, ()>(number) }));
    assert_eq!(Hand::new(numbers).ready(), Ok(vec![1, 2, 3]));
}

// GTH-04, GTH-05: a failed task is an output like any other, and the others run on.
#[test]
fn joined_tasks_give_their_errors_in_their_places() {
    on_1_2_and_4(|workers| {
        jumping(workers).block_on(async {
            let cancelled = spawn(pending());
            cancelled.abort_handle().abort();
            let panics = spawn(async { panic!("on purpose") });
            let sleeps = spawn(async {
                sleep(SECOND).await;
                7
            });
            let results = join_all([cancelled, panics, sleeps]).await;
            assert!(results[0].as_ref().unwrap_err().is_cancelled());
            assert!(results[1].as_ref().unwrap_err().is_panic());
            assert_eq!(*results[2].as_ref().unwrap(), 7);
        });
    });
}

// GTH-06
#[test]
fn dropping_a_join_drops_what_has_not_ended_and_so_cancels_tasks() {
    on_1_2_and_4(|workers| {
        jumping(workers).block_on(async {
            let drops = Drops::default();
            let tasks = [0; 3].map(|_| {
                let witness = drops.witness();
                spawn(async move {
                    let _witness = witness;
                    asleep().await;
                })
            });
            let mut joined = join_all(tasks);
            assert!(poll_once(&mut joined).await.is_none());
            drop(joined);
            sleep(SECOND).await;
            assert_eq!(drops.count(), 3);
        });
    });
}

#[test]
fn the_losers_of_a_race_are_dropped() {
    let (never, now, drops) = (Event::new(), Event::new(), Drops::default());
    now.set();
    let runners = || [&never, &now].map(|event| after(event, 1, drops.witness()));
    let [a, b] = runners();
    assert_eq!((Hand::new(race(a, b)).ready(), drops.count()), (1, 2));
    let mut all = Hand::new(race_all(runners()));
    assert_eq!((all.ready(), drops.count()), (1, 4));
    assert_eq!(never.stats().waiting, 0);
}

#[test]
fn what_is_lent_to_a_select_goes_on_where_it_was() {
    let (first, second, drops) = (Event::new(), Event::new(), Drops::default());
    let mut a = pin!(after(&first, "a", drops.witness()));
    let mut b = pin!(after(&second, "b", drops.witness()));
    second.set();
    assert_eq!(Hand::new(select(a.as_mut(), b.as_mut())).ready(), Either::Right("b"));
    assert_eq!((first.stats().waiting, drops.count()), (1, 1), "a keeps its place in line");
    first.set();
    assert_eq!(Hand::new(a.as_mut()).ready(), "a");
}

/// How often each of three is the first of `rounds`, given who was.
fn shares(rounds: usize, mut first: impl FnMut() -> usize) -> [usize; 3] {
    let mut shares = [0; 3];
    (0..rounds).for_each(|_| shares[first()] += 1);
    shares
}

#[test]
fn whoever_is_ready_wins_about_equally_often() {
    let select_two = || {
        Hand::new(async {
            select! { () = ready(()) => 0, () = ready(()) => 1 }
        })
        .ready()
    };
    let select_three = || {
        Hand::new(async {
            select! { _ = ready(0) => 0, _ = ready(1) => 1, _ = ready(2) => 2 }
        })
        .ready()
    };
    let race_three = || Hand::new(race_all([ready(0), ready(1), ready(2)])).ready();
    let fair = |shares: [usize; 3], of: usize| {
        let is_fair = |share: &usize| (3000 / of - 100..=3000 / of + 100).contains(share);
        assert!(shares[..of].iter().all(is_fair), "{shares:?}");
    };
    fair(shares(3000, select_two), 2);
    fair(shares(3000, select_three), 3);
    fair(shares(3000, race_three), 3);
    // Two in the same loop: each gets every second beginning.
    fair(shares(3000, || [select_two(), select_two()][0]), 2);
    fair(shares(3000, || [select_three(), select_two()][0]), 3);
}

#[test]
fn with_biased_the_uppermost_that_is_ready_wins() {
    for _ in 0..10 {
        let first = async {
            select! {
                biased;
                () = pending() => 0,
                () = ready(()) => 1,
                () = ready(()) => 2,
            }
        };
        assert_eq!(Hand::new(first).ready(), 1);
    }
}

#[test]
fn a_body_may_use_what_the_futures_have_borrowed() {
    let mutex = Mutex::new(0);
    let held = mutex.try_lock().unwrap();
    let mut words = vec!["some"];
    let mut hand = Hand::new(async {
        let length = async {
            words.push("more");
            words.len()
        };
        select! {
            _ = mutex.lock() => unreachable!("it is held"),
            length = length => {
                assert_eq!(mutex.stats().waiting, 0, "the loser has left the line");
                words.push("words");
                (length, words.len())
            }
        }
    });
    assert_eq!(hand.ready(), (2, 3));
    drop(hand);
    drop(held);
}

#[test]
fn a_body_may_await_leave_its_loop_and_return_errors() {
    async fn first_even(numbers: &[Result<u32, String>]) -> Result<Option<u32>, String> {
        let mut left = numbers.iter();
        loop {
            select! {
                next = ready(left.next()) => {
                    let Some(number) = next else { break };
                    yield_now().await;
                    let number = number.clone()?;
                    if number % 2 == 1 { continue }
                    return Ok(Some(number));
                }
                () = pending() => (),
            }
        }
        Ok(None)
    }
    within(LONG, || {
        runtime(1).block_on(async {
            assert_eq!(first_even(&[Ok(1), Ok(2)]).await, Ok(Some(2)));
            assert_eq!(first_even(&[Ok(1)]).await, Ok(None));
            assert_eq!(first_even(&[Err("bad".into())]).await, Err("bad".into()));
        });
    });
}

/// What a select has to take: all kinds of patterns, futures and bodies.
#[test]
fn the_arms_of_a_select_are_written_like_those_of_a_match() {
    struct Point {
        x: i32,
    }
    let number = async {
        let mut stored = ready(Point { x: 3 });
        select! {
            Point { x } = &mut stored => { x }
            (a, _b) = async { poll_fn(|_| Poll::<(i32, i32)>::Pending).await } => a,
            _ = pending::<()>() => {
                0
            }
            mut n = pending::<i32>() => { n += 1; n },
            Ok(n) | Err(n) = pending::<Result<i32, i32>>() => n
        }
    };
    assert_eq!(Hand::new(number).ready(), 3);
    let one = async {
        select! { word = ready("only") => word }
    };
    assert_eq!(Hand::new(one).ready(), "only");
    assert_eq!(Hand::new(async { join!(ready(1)) }).ready(), (1,));
    // The names of the variables inside the macro are not ours.
    let (branch, output, round) = (1, 2, 3);
    let sum = async {
        select! { n = async { branch + output + round } => n + output }
    };
    assert_eq!(Hand::new(sum).ready(), 8);
}

#[test]
fn neither_side_needs_to_be_send_or_to_live_for_ever() {
    let shared = Rc::new(RefCell::new(Vec::new()));
    let local = String::from("borrowed");
    let write = async |word: &str| shared.borrow_mut().push(word.to_owned());
    let mut hand = Hand::new(async {
        join!(write(&local), write("a"));
        join_all(["b", "c"].map(write)).await;
    });
    hand.ready();
    assert_eq!(*shared.borrow(), ["borrowed", "a", "b", "c"]);
}

#[test]
fn a_wake_polls_only_whom_it_was_meant_for() {
    let polls = [const { Cell::new(0) }; 100];
    let wakers = [const { RefCell::new(None::<Waker>) }; 100];
    let stop = [const { Cell::new(false) }; 100];
    let future = |place: usize| {
        let (polls, wakers, stop) = (&polls, &wakers, &stop);
        poll_fn(move |cx| {
            polls[place].set(polls[place].get() + 1);
            *wakers[place].borrow_mut() = Some(cx.waker().clone());
            if stop[place].get() { Poll::Ready(place) } else { Poll::Pending }
        })
    };
    let mut all = Hand::new(join_all((0..100).map(future)));
    all.pending();
    let waker = wakers[42].borrow().clone().unwrap();
    for _ in 0..3 {
        waker.wake_by_ref();
    }
    assert_eq!(all.wakes(), 1, "one wake of the task is enough for all");
    all.pending();
    assert_eq!(polls.iter().map(Cell::get).sum::<u32>(), 101);
    assert_eq!(polls[42].get(), 2);
    all.pending();
    assert_eq!(polls.iter().map(Cell::get).sum::<u32>(), 101, "nobody was woken");
    stop.iter().for_each(|stop| stop.set(true));
    wakers.iter().for_each(|waker| waker.take().unwrap().wake());
    assert!(all.ready().into_iter().eq(0..100));
    waker.wake(); // it has ended: nobody minds
}

#[test]
fn a_join_that_moves_to_another_task_wakes_that_one() {
    let event = Event::new();
    let drops = Drops::default();
    let mut all = join_all([after(&event, 1, drops.witness())]);
    Hand::new(&mut all).pending();
    let mut there = Hand::new(&mut all);
    there.pending();
    event.set();
    assert_eq!((there.wakes(), there.ready()), (1, vec![1]));
}

#[test]
fn a_future_that_wakes_itself_is_polled_again_in_the_next_poll_of_the_task() {
    let count = Cell::new(0);
    let mut all = Hand::new(join_all([after_polls(3, &count)]));
    for polls in [1, 3, 5] {
        all.pending(); // the first poll of the next piece follows at once
        assert_eq!((count.get(), all.wakes() > 0), (polls, true));
    }
    all.ready();
}

#[test]
fn nobody_starves_beside_a_future_that_uses_up_every_budget() {
    within(LONG, || {
        runtime(1).block_on(async {
            let stop = Cell::new(false);
            join!(greedy(&stop), modest(&stop));
            stop.set(false);
            join!(modest(&stop), greedy(&stop));
            stop.set(false);
            join_all([&stop; 4].into_iter().enumerate().map(async |(place, stop)| match place {
                3 => modest(stop).await,
                _ => greedy(stop).await,
            }))
            .await;
            let never = Cell::new(false);
            stop.set(false);
            select! { () = greedy(&never) => unreachable!(), () = modest(&stop) => () }
            select! { biased; () = greedy(&never) => unreachable!(), () = modest(&stop) => () }
            let nested = async { _ = join(greedy(&never), pending::<()>()).await };
            race(nested, modest(&stop)).await;
        });
    });
}

#[test]
fn a_task_whose_futures_are_always_ready_lets_others_run() {
    within(LONG, || {
        runtime(1).block_on(async {
            let stop = Arc::new(AtomicBool::new(false));
            let other = spawn({
                let stop = stop.clone();
                async move { stop.store(true, SeqCst) }
            });
            let busy = async || {
                let free = Semaphore::new(1);
                while !stop.load(SeqCst) {
                    drop(free.acquire().await);
                }
            };
            join!(busy(), busy());
            other.await.unwrap();
        });
    });
}

#[test]
fn a_panic_of_one_future_drops_all_of_them_once() {
    let drops = Drops::default();
    let never = Event::new();
    let broken = async |_witness: Witness| -> i32 { panic!("on purpose") };
    let waits = || after(&never, 1, drops.witness());
    let panics = |poll: &mut dyn FnMut()| assert_eq!(refusal(poll), "on purpose");

    let mut hand = Hand::new(async { join!(waits(), broken(drops.witness()), waits()) });
    panics(&mut || _ = hand.poll());
    assert_eq!(drops.count(), 3);
    let mut hand = Hand::new(async {
        select! { biased; n = waits() => n, n = broken(drops.witness()) => n }
    });
    panics(&mut || _ = hand.poll());
    assert_eq!(drops.count(), 5);
    let mut all = Hand::new(join_all([0, 1, 2].map(|place| {
        let witness = drops.witness();
        let (waits, broken) = (&waits, &broken);
        async move { if place == 1 { broken(witness).await } else { waits().await } }
    })));
    panics(&mut || _ = all.poll());
    let before = drops.count();
    drop(all);
    // The first and what it waits with, the third, and not again the one that has panicked.
    assert_eq!(drops.count() - before, 3);
    assert_eq!(never.stats().waiting, 0);
}

#[test]
fn outputs_that_nobody_gets_are_dropped_once() {
    let drops = Drops::default();
    let never = Event::new();
    {
        let done = || ready(drops.witness());
        let waits = || async { (never.wait().await, drops.witness()).1 };
        Hand::new(async { join!(done(), waits()) }).pending();
        Hand::new(join_all([0, 1].map(|place| {
            let (done, waits) = (done(), waits());
            async move {
                if place == 0 {
                    done.await
                } else {
                    drop(done);
                    waits.await
                }
            }
        })))
        .pending();
    }
    assert_eq!(drops.count(), 3);
}

#[test]
fn joins_races_and_selects_can_be_spawned() {
    on_1_2_and_4(|workers| {
        let runtime = runtime(workers);
        let task = runtime.spawn(async {
            let gate = Semaphore::new(1);
            let (a, b) = join!(gate.acquire(), yield_now());
            drop((a, b));
            let squares = join_all((0..10).map(|n| spawn(async move { n * n }))).await;
            let sum: i32 = squares.into_iter().map(Result::unwrap).sum();
            select! {
                () = yield_now() => sum,
                sum = race(ready(sum), ready(sum)) => sum,
            }
        });
        assert_eq!(runtime.block_on(task).unwrap(), 285);
    });
}

#[test]
fn many_futures_are_woken_from_many_threads_and_none_is_lost() {
    on_1_2_and_4(|workers| {
        runtime(workers).block_on(async {
            for _ in 0..20 {
                let (senders, receivers): (Vec<_>, Vec<_>) =
                    (0..200).map(|_| oneshot::channel()).unzip();
                let mut senders = senders.into_iter().enumerate();
                let tasks: Vec<Task<()>> = (0..4)
                    .map(|_| {
                        let part: Vec<_> = senders.by_ref().take(50).collect();
                        spawn(async move {
                            for (number, sender) in part {
                                sender.send(number).unwrap();
                                yield_now().await;
                            }
                        })
                    })
                    .collect();
                let (received, _) = join(join_all(receivers), join_all(tasks)).await;
                assert!(received.into_iter().map(Result::unwrap).eq(0..200));
            }
        });
    });
}

#[test]
fn a_dump_says_where_futures_that_say_nothing_are_joined() {
    within(LONG, || {
        runtime(1).block_on(async {
            let silent = || {
                let mut kept = Vec::new();
                poll_fn(move |cx| {
                    kept.push(cx.waker().clone());
                    Poll::<()>::Pending
                })
            };
            let task = spawn(async move { join_all([silent(), silent()]).await });
            yield_now().await;
            let dump = Handle::current().dump().to_string();
            assert!(dump.contains("of its own at tests/it/executor/futures.rs"), "{dump}");
            drop(task);
        });
    });
}

/// Somebody holds what two futures of this task want: a stored one, which is first in line, and
/// the body of a select, which therefore does not poll the stored one.
async fn select_beside(
    stored: impl Future<Output = ()>,
    hold: impl Future<Output = ()> + Send + 'static,
    is_held: impl Fn() -> bool,
    want: impl AsyncFn(),
) {
    let holder = spawn(hold);
    while !is_held() {
        yield_now().await;
    }
    let mut stored = pin!(stored);
    loop {
        select! {
            biased;
            () = stored.as_mut() => break,
            () = sleep(SECOND) => want().await,
        }
    }
    holder.await.unwrap();
}

#[test]
fn a_stored_lock_does_not_keep_the_body_of_its_select_from_locking() {
    on_1_2_and_4(|workers| {
        jumping(workers).block_on(async {
            let mutex = Arc::new(Mutex::new(0));
            let hold = {
                let mutex = mutex.clone();
                async move {
                    let _guard = mutex.lock().await;
                    sleep(SECOND + SECOND / 2).await;
                }
            };
            let stored = async { *mutex.lock().await += 10 };
            let is_held = || mutex.try_lock().is_none();
            select_beside(stored, hold, is_held, async || *mutex.lock().await += 1).await;
            assert_eq!(*mutex.lock().await, 11);
        });
    });
}

#[test]
fn a_stored_acquire_does_not_keep_the_body_of_its_select_from_acquiring() {
    on_1_2_and_4(|workers| {
        jumping(workers).block_on(async {
            let semaphore = Arc::new(Semaphore::new(1));
            let hold = {
                let semaphore = semaphore.clone();
                async move {
                    let _permit = semaphore.acquire().await;
                    sleep(SECOND + SECOND / 2).await;
                }
            };
            let stored = async { drop(semaphore.acquire().await) };
            let is_held = || semaphore.available_permits() == 0;
            let want = async || drop(semaphore.acquire().await);
            select_beside(stored, hold, is_held, want).await;
            assert_eq!(semaphore.available_permits(), 1);
        });
    });
}

#[test]
fn a_stored_get_does_not_keep_the_body_of_its_select_from_getting() {
    on_1_2_and_4(|workers| {
        jumping(workers).block_on(async {
            let (queue, got) = (Queue::bounded(1), RefCell::new(Vec::new()));
            let put = {
                let queue = queue.clone();
                async move {
                    sleep(SECOND + SECOND / 2).await;
                    queue.put(1).await.unwrap();
                    sleep(SECOND / 2).await; // before the next sleep of the select is over
                    queue.put(2).await.unwrap();
                }
            };
            let get = async || {
                let item = queue.get().await.unwrap();
                got.borrow_mut().push(item);
            };
            select_beside(get(), put, || true, &get).await; // there is nothing to get yet
            assert_eq!(*got.borrow(), [1, 2]);
        });
    });
}

/// A future that is polled outside of every task.
#[test]
fn no_runtime_is_needed() {
    assert_eq!(waiting::owner(), 0);
    let notify = Notify::new();
    notify.notify_one();
    let mut hand = Hand::new(async {
        select! { () = notify.notified() => "notified", () = pending() => "never" }
    });
    assert_eq!(hand.ready(), "notified");
}
