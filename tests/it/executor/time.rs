//! Timeouts, timers and order, where tasks are needed to see them.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::time::Duration;

use windlass::future::join;
use windlass::net::UnixStream;
use windlass::runtime::{Builder, Handle, Runtime, now};
use windlass::sync::{Event, oneshot};
use windlass::task::{CancelToken, JoinError, Task, TaskGroup, Until, shield, wait};
use windlass::time::{Clock, Elapsed, sleep, sleep_until, timeout};
use windlass::{spawn, yield_now};

use super::rig::*;

const SECOND: Duration = Duration::from_secs(1);
/// Turns between two looks of a worker at timers and sockets, and a few for the tasks around.
const SOON: usize = 61 + 5;

/// A runtime whose clock stands still until somebody moves it.
fn standing(workers: usize) -> (Runtime, Clock) {
    let clock = Clock::paused();
    clock.advance(100 * SECOND); // so that there is a past
    let builder = Builder::new().workers(workers).clock(clock.clone()).debug(false);
    (builder.build().unwrap(), clock)
}

/// A runtime whose clock jumps to the next deadline when nothing else can go on.
fn jumping(workers: usize) -> Runtime {
    let (runtime, clock) = standing(workers);
    clock.set_auto_advance(true);
    runtime
}

/// Waits until the sleeps of so many tasks are armed.
async fn armed(timers: usize) {
    while Handle::current().metrics().timers != timers {
        yield_now().await;
    }
}

// TMO-22
#[test]
fn a_task_cancelled_inside_a_timeout_says_cancelled() {
    on_1_2_and_4(|workers| {
        let (runtime, _) = standing(workers);
        runtime.block_on(async {
            let task = spawn(timeout(SECOND, sleep(2 * SECOND)));
            armed(2).await;
            assert!(task.cancel().await.unwrap_err().is_cancelled());
            assert_eq!(Handle::current().metrics().timers, 0);
        });
    });
}

// TMO-22
#[test]
fn a_task_cancelled_by_others_before_its_time_limit_says_cancelled() {
    on_1_2_and_4(|workers| {
        jumping(workers).block_on(async {
            let task = spawn(asleep());
            let abort = task.abort_handle();
            let canceller = spawn(async move {
                sleep(SECOND).await;
                abort.abort_with("enough")
            });
            let joined = task.timeout(2 * SECOND).await.expect("the limit was not reached");
            assert_eq!(joined.unwrap_err().cancel_reason(), Some("enough"));
            assert!(canceller.await.unwrap());
        });
    });
}

/// Cleans up when dropped, in a task of its own.
struct CleansUp(Log);

impl Drop for CleansUp {
    fn drop(&mut self) {
        let log = self.0.clone();
        let clean = async move {
            let begun = now();
            let answer = timeout(SECOND, asleep()).await;
            log.add(format!("{} after {:?}", answer.is_err(), now() - begun));
        };
        spawn(clean).detach();
    }
}

// TMO-25
#[test]
fn timeouts_work_in_the_cleanup_after_a_cancel() {
    on_1_2_and_4(|workers| {
        jumping(workers).block_on(async {
            let log = Log::default();
            let cleans_up = CleansUp(log.clone());
            let task = spawn(async move {
                let _cleans_up = cleans_up;
                asleep().await;
            });
            yield_now().await;
            task.cancel().await.unwrap_err();
            sleep(2 * SECOND).await;
            assert_eq!(log.lines(), ["true after 1s"]);
        });
    });
}

// TMO-25
#[test]
fn a_cleanup_in_a_shielded_task_keeps_its_own_timeout_when_the_one_around_it_is_over() {
    on_1_2_and_4(|workers| {
        jumping(workers).block_on(async {
            let (log, begun) = (Log::default(), now());
            let cleanup = |limit: Duration| {
                let log = log.clone();
                spawn(async move {
                    let in_time = timeout(limit, sleep(3 * SECOND)).await.is_ok();
                    log.add(format!("{in_time} after {:?}", now() - begun));
                })
            };
            let both = async {
                _ = join(shield(cleanup(2 * SECOND)), shield(cleanup(4 * SECOND))).await;
            };
            timeout(SECOND, both).await.unwrap_err();
            sleep(4 * SECOND).await;
            assert_eq!(log.lines(), ["false after 2s", "true after 3s"]);
        });
    });
}

// TMO-11, TMO-12, TSK-08: told by a token, a body may use what time it is given to clean up; and
// who asks again is told again.
#[test]
fn a_body_that_is_told_by_a_token_may_clean_up_after_its_limit_and_give_a_value() {
    on_1_2_and_4(|workers| {
        jumping(workers).block_on(async {
            let (token, begun) = (CancelToken::new(), now());
            let body = async {
                let work = token.run_until_cancelled(sleep(60 * SECOND)).await;
                let again = token.run_until_cancelled(sleep(60 * SECOND)).await;
                sleep(2 * SECOND).await; // it does not ask: undisturbed
                (work.is_err(), again.is_err(), now() - begun)
            };
            let limit = async {
                sleep(SECOND).await;
                token.cancel_with("it is late");
            };
            let (answer, ()) = join(body, limit).await;
            assert_eq!(answer, (true, true, 3 * SECOND));
        });
    });
}

// TMO-26: a body owns its tasks, so a timeout cancels them with it.
#[test]
fn a_timeout_around_several_tasks_cancels_them_all() {
    on_1_2_and_4(|workers| {
        jumping(workers).block_on(async {
            let drops = Drops::default();
            let body = {
                let drops = drops.clone();
                async move {
                    let child = || {
                        let witness = drops.witness();
                        spawn(async move {
                            let _witness = witness;
                            asleep().await;
                        })
                    };
                    let mut children = vec![child(), child(), child()];
                    wait(&mut children, Until::AllCompleted).await;
                }
            };
            timeout(SECOND, body).await.unwrap_err();
            sleep(SECOND).await;
            assert_eq!(drops.count(), 3);
            assert!(Handle::current().dump().tasks.is_empty());
        });
    });
}

// TMO-26: the timeout drops the group, which cannot wait then; the group's own limit does wait, and
// is named in its error, see `executor::group`.
#[test]
fn a_timeout_around_a_group_cancels_its_children_and_their_cleanup_is_not_lost() {
    on_1_2_and_4(|workers| {
        jumping(workers).block_on(async {
            let log = Log::default();
            let group = TaskGroup::new().run(async |group| {
                for _ in 0..3 {
                    let cleans_up = CleansUp(log.clone());
                    group.spawn(async move {
                        let _cleans_up = cleans_up;
                        asleep().await;
                        Ok::<(), io::Error>(())
                    });
                }
                Ok(())
            });
            timeout(SECOND, group).await.unwrap_err();
            sleep(2 * SECOND).await;
            assert_eq!(log.lines(), ["true after 1s"; 3]);
            assert!(Handle::current().dump().tasks.is_empty());
        });
    });
}

// WFR-03
#[test]
fn a_body_that_does_not_return_from_its_poll_delays_its_timeout() {
    on_1_2_and_4(|workers| {
        let (runtime, clock) = standing(workers);
        runtime.block_on(async {
            let begun = now();
            let body = async {
                yield_now().await;
                clock.advance(5 * SECOND); // the poll takes so long
                asleep().await;
            };
            timeout(SECOND, body).await.unwrap_err();
            assert_eq!(now() - begun, 5 * SECOND);
        });
    });
}

/// A task that blocks its worker until its time limit has come, and then goes through `last`; what
/// the limit says, if `before` came first.
async fn overdue<T: Send + 'static>(
    before: fn(&Task<T>),
    last: impl Future<Output = T> + Send + 'static,
) -> Result<Result<T, JoinError>, Elapsed> {
    let (begun, (open, end)) = (Arc::new(Event::new()), gate());
    let task = spawn({
        let begun = begun.clone();
        async move {
            begun.set();
            end.recv().unwrap();
            last.await
        }
    });
    // Another task waits, in case this worker has taken the one that blocks.
    let waiter = spawn(async move {
        begun.wait().await;
        before(&task);
        let mut limited = task.timeout(Duration::ZERO);
        assert!(poll_once(&mut limited).await.is_none(), "it is being polled");
        open.send(()).unwrap();
        limited.await
    });
    waiter.await.unwrap()
}

// WFR-03
#[test]
fn a_task_that_ignores_its_time_limit_delays_the_answer_until_its_poll_ends() {
    on_2_and_4(|workers| {
        runtime(workers).block_on(async {
            let drops = Drops::default();
            let witness = drops.witness();
            let last = async move {
                let _witness = witness;
                asleep().await;
            };
            let answer = overdue(|_| {}, last);
            assert!(answer.await.is_err());
            assert_eq!(drops.count(), 1, "its future is gone");
        });
    });
}

// WFR-08
#[test]
fn a_task_that_finishes_in_the_poll_that_its_time_limit_waits_for_gives_its_output() {
    on_2_and_4(|workers| {
        runtime(workers).block_on(async {
            assert_eq!(overdue(|_| {}, async { 5 }).await.unwrap().unwrap(), 5);
        });
    });
}

// TMO-22
#[test]
fn a_cancel_that_came_before_a_time_limit_is_not_taken_for_its_own() {
    on_2_and_4(|workers| {
        runtime(workers).block_on(async {
            let cancel = |task: &Task<()>| assert!(task.abort_with("enough"));
            let error = overdue(cancel, asleep()).await.unwrap().unwrap_err();
            assert_eq!(error.cancel_reason(), Some("enough"));
        });
    });
}

// WFR-06
#[test]
fn a_time_limit_of_zero_cancels_a_task_waits_for_it_and_says_so() {
    on_1_2_and_4(|workers| {
        let (runtime, _) = standing(workers);
        runtime.block_on(async {
            let drops = Drops::default();
            let witness = drops.witness();
            let task = spawn(async move {
                let _witness = witness;
                asleep().await;
            });
            let elapsed = task.timeout(Duration::ZERO).await.unwrap_err();
            assert_eq!((drops.count(), elapsed.deadline()), (1, now()));
            assert_eq!(elapsed.location().file(), file!());
        });
    });
}

// WFR-06
#[test]
fn a_time_limit_of_zero_on_a_finished_task_gives_its_output() {
    on_1_2_and_4(|workers| {
        let (runtime, _) = standing(workers);
        runtime.block_on(async {
            let task = spawn(async { 5 });
            while !task.is_finished() {
                yield_now().await;
            }
            assert_eq!(task.timeout(Duration::ZERO).await.unwrap().unwrap(), 5);
        });
    });
}

#[test]
fn a_task_that_ends_within_its_time_limit_gives_its_output_and_leaves_no_timer() {
    on_1_2_and_4(|workers| {
        jumping(workers).block_on(async {
            let begun = now();
            let task = spawn(async {
                sleep(SECOND).await;
                5
            });
            assert_eq!(task.timeout(2 * SECOND).await.unwrap().unwrap(), 5);
            assert_eq!((now() - begun, Handle::current().metrics().timers), (SECOND, 0));
        });
    });
}

/// Panics when it is dropped.
struct Bomb;

impl Drop for Bomb {
    fn drop(&mut self) {
        panic!("no luck");
    }
}

// WFR-09
#[test]
fn a_panic_in_the_cleanup_after_a_time_limit_wins_over_it() {
    on_1_2_and_4(|workers| {
        jumping(workers).block_on(async {
            let task = spawn(async {
                let _bomb = Bomb;
                asleep().await;
            });
            let error = task.timeout(SECOND).await.unwrap().unwrap_err();
            assert_eq!(error.panic_message(), Some("no luck"));
        });
    });
}

// WFR-10
#[test]
fn a_cancelled_waiter_takes_the_task_it_waits_for_along() {
    on_1_2_and_4(|workers| {
        jumping(workers).block_on(async {
            for limited in [false, true] {
                let drops = Drops::default();
                let witness = drops.witness();
                let task = spawn(async move {
                    let _witness = witness;
                    asleep().await;
                });
                let waiter = spawn(async move {
                    match limited {
                        true => task.timeout(60 * SECOND).await.is_ok(),
                        false => timeout(60 * SECOND, task).await.is_ok(),
                    }
                });
                sleep(SECOND).await;
                assert_eq!(drops.count(), 0);
                assert!(waiter.cancel().await.unwrap_err().is_cancelled());
                sleep(SECOND).await;
                assert_eq!(drops.count(), 1);
            }
        });
    });
}

// WFR-12
#[test]
fn a_task_that_is_lent_to_a_timeout_goes_on_and_can_be_awaited_later() {
    on_1_2_and_4(|workers| {
        jumping(workers).block_on(async {
            let begun = now();
            let mut task = spawn(async {
                sleep(3 * SECOND).await;
                5
            });
            for _ in 0..2 {
                timeout(SECOND, &mut task).await.unwrap_err();
            }
            assert_eq!((task.await.unwrap(), now() - begun), (5, 3 * SECOND));
        });
    });
}

// WFR-12
#[test]
fn a_task_behind_a_shield_goes_on_when_nobody_waits_any_more() {
    on_1_2_and_4(|workers| {
        jumping(workers).block_on(async {
            let begun = now();
            let (tell, told) = oneshot::channel();
            let task = spawn(async move {
                sleep(3 * SECOND).await;
                tell.send(5).unwrap();
            });
            timeout(SECOND, shield(task)).await.unwrap_err();
            assert_eq!((told.await.unwrap(), now() - begun), (5, 3 * SECOND));
        });
    });
}

// TIM-01
#[test]
fn one_worker_polls_what_is_ready_first_in_first_out() {
    let log = Log::default();
    runtime(1).block_on(async {
        let task = |number: u32| {
            let log = log.clone();
            spawn(async move { log.add(format!("{number}")) })
        };
        let tasks: Vec<_> = (0..200).map(task).collect();
        for task in tasks {
            task.await.unwrap();
        }
    });
    let expected: Vec<_> = (0..200).map(|number| format!("{number}")).collect();
    assert_eq!(log.lines(), expected);
}

// TIM-01
#[test]
fn one_worker_polls_what_an_event_wakes_first_in_first_out() {
    let log = Log::default();
    runtime(1).block_on(async {
        let go = Arc::new(Event::new());
        let task = |number: u32| {
            let (log, go) = (log.clone(), go.clone());
            spawn(async move {
                go.wait().await;
                log.add(format!("{number}"));
            })
        };
        let tasks: Vec<_> = (0..200).map(task).collect();
        yield_now().await;
        go.set();
        for task in tasks {
            task.await.unwrap();
        }
    });
    let expected: Vec<_> = (0..200).map(|number| format!("{number}")).collect();
    assert_eq!(log.lines(), expected);
}

/// Tasks that yield for ever, and how often they have.
fn storm(tasks: usize) -> (Vec<Task<()>>, Arc<AtomicUsize>) {
    let turns = Arc::new(AtomicUsize::new(0));
    let task = |_| {
        let turns = turns.clone();
        spawn(async move {
            loop {
                turns.fetch_add(1, SeqCst);
                yield_now().await;
            }
        })
    };
    ((0..tasks).map(task).collect(), turns)
}

/// How many turns of a storm pass before `task` has ended, from `begin` on.
async fn turns_until_done(storm_of: usize, begin: impl FnOnce(), task: Task<()>) -> usize {
    let (storm, turns) = storm(storm_of);
    for _ in 0..100 {
        yield_now().await;
    }
    let before = turns.load(SeqCst);
    begin();
    task.await.unwrap();
    drop(storm);
    turns.load(SeqCst) - before
}

// TIM-02, TIM-14
#[test]
fn tasks_that_reschedule_themselves_do_not_hold_a_due_timer_back() {
    let (runtime, clock) = standing(1);
    runtime.block_on(async {
        for storm_of in [1, 10, 100] {
            let sleeper = spawn(sleep(SECOND));
            armed(1).await;
            let turns = turns_until_done(storm_of, || clock.advance(SECOND), sleeper).await;
            // Until the next look, then the sleeper behind the storm, then the root behind it.
            assert!(turns <= SOON + 2 * storm_of, "{turns} turns of {storm_of} tasks");
        }
    });
}

// TIM-14
#[test]
fn tasks_that_reschedule_themselves_do_not_hold_a_due_timer_back_on_several_workers() {
    on_2_and_4(|workers| {
        runtime(workers).block_on(async {
            let (storm, _) = storm(50);
            timeout(Duration::from_millis(5), asleep()).await.unwrap_err();
            drop(storm);
        });
    });
}

// TIM-02
#[test]
fn a_yield_goes_behind_a_look_at_the_sockets_soon() {
    runtime(1)
        .block_on(async {
            let (near, far) = UnixStream::pair().unwrap();
            let waits = Arc::new(AtomicBool::new(false));
            let reader = spawn({
                let waits = waits.clone();
                async move {
                    waits.store(true, SeqCst);
                    let mut byte = [0];
                    windlass::io::read_exact(&near, &mut byte).await.unwrap();
                }
            });
            while !waits.load(SeqCst) {
                yield_now().await;
            }
            let write = || assert_eq!(far.try_write(b"x").unwrap(), 1);
            let turns = turns_until_done(1, write, reader).await;
            assert!(turns <= SOON + 2, "{turns} turns");
            io::Result::Ok(())
        })
        .unwrap();
}

// TIM-03
#[test]
fn a_task_that_is_cancelled_before_its_first_poll_never_runs() {
    let log = Log::default();
    runtime(1).block_on(async {
        let task = |line: &'static str| {
            let log = log.clone();
            spawn(async move { log.add(line) })
        };
        let (first, second, third) = (task("first"), task("second"), task("third"));
        assert!(second.abort());
        drop(third);
        first.await.unwrap();
        assert!(second.await.unwrap_err().is_cancelled());
        yield_now().await;
    });
    assert_eq!(log.lines(), ["first"]);
}

// TIM-04
#[test]
fn past_deadlines_come_after_what_is_ready_and_in_their_own_order() {
    let log = Log::default();
    let (runtime, clock) = standing(1);
    runtime.block_on(async {
        let sleeper = |ago: u32| {
            let (log, deadline) = (log.clone(), clock.now() - ago * SECOND);
            spawn(async move {
                sleep_until(deadline).await;
                log.add(format!("{ago} seconds ago"));
            })
        };
        let ready = {
            let log = log.clone();
            |line: &'static str| spawn(async move { log.add(line) })
        };
        let tasks = [sleeper(1), sleeper(3), sleeper(2), ready("ready")];
        for task in tasks {
            task.await.unwrap();
        }
    });
    assert_eq!(log.lines(), ["ready", "3 seconds ago", "2 seconds ago", "1 seconds ago"]);
}

/// A program with many sleeps, timeouts and wakes; what it did, and when.
fn run_of_a_program() -> Vec<String> {
    let log = Log::default();
    jumping(1).block_on(async {
        let begun = now();
        let task = |number: u64| {
            let log = log.clone();
            spawn(async move {
                for round in 0..20_u64 {
                    let mixed = (number * 31 + round * 17) % 23;
                    let nap = Duration::from_micros(mixed * 700);
                    let late = timeout(Duration::from_millis(8), sleep(nap)).await.is_err();
                    log.add(format!("{number} {round} {late} {:?}", now() - begun));
                }
            })
        };
        let tasks: Vec<_> = (0..30).map(task).collect();
        for task in tasks {
            task.await.unwrap();
        }
    });
    log.lines()
}

// TIM-21
#[test]
fn two_runs_on_one_worker_with_a_paused_clock_are_the_same_to_the_last_line() {
    let run = run_of_a_program();
    assert_eq!(run.len(), 600);
    for _ in 0..5 {
        assert_eq!(run_of_a_program(), run);
    }
}

// TIM-24
#[test]
fn a_paused_clock_serves_several_workers_exactly() {
    on_2_and_4(|workers| {
        jumping(workers).block_on(async {
            let begun = now();
            let task = |number: u32| {
                spawn(async move {
                    for _ in 0..10 {
                        sleep(number * SECOND).await;
                    }
                    now()
                })
            };
            let tasks: Vec<_> = (0..50).map(task).collect();
            for (number, task) in (0..).zip(tasks) {
                assert_eq!(task.await.unwrap() - begun, 10 * number * SECOND);
            }
        });
    });
}

// TIM-24
#[test]
fn a_paused_clock_stands_still_on_several_workers() {
    on_2_and_4(|workers| {
        let (runtime, clock) = standing(workers);
        runtime.block_on(async {
            let tasks: Vec<_> = (1..=20).map(|number| spawn(sleep(number * SECOND))).collect();
            armed(20).await;
            for done in 1..=20 {
                clock.advance(SECOND);
                armed(20 - done).await;
            }
            for task in tasks {
                task.await.unwrap();
            }
        });
    });
}

#[test]
fn timers_that_come_densely_share_their_wake_ups() {
    const TICK: Duration = Duration::from_nanos(1 << 20);
    const TICKS: u32 = 300;
    const IN_A_TICK: u32 = 50;
    let runtime = runtime(1);
    let parks = || runtime.handle().metrics().total(|worker| worker.parks);
    runtime.block_on(async {
        let start = now() + 20 * TICK;
        let due = |number| start + TICK / IN_A_TICK * number;
        let sleeps = (0..TICKS * IN_A_TICK).map(|number| spawn(sleep_until(due(number))));
        let sleeps: Vec<_> = sleeps.collect();
        let before = parks();
        for asleep in sleeps {
            asleep.await.unwrap();
        }
        // Sparse ones have up to four wake-ups a tick.
        let (wakes, ticks) = (parks() - before, (now() - start).as_nanos() / TICK.as_nanos());
        assert!(u128::from(wakes) <= 2 * ticks + 20, "{wakes} wake-ups in {ticks} ticks");
    });
}
