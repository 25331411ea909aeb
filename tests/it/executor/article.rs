//! The article's queue and semaphore programs inside a runtime: with a clock that jumps, and with
//! what can go wrong. The programs themselves are run in `tests/it/programs.rs`.

use std::cell::Cell;
use std::future::pending;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::time::Duration;

use windlass::future::{join_all, try_join_all};
use windlass::runtime::{Builder, Handle, Runtime, now};
use windlass::sync::Semaphore;
use windlass::task::{Task, gather};
use windlass::time::{Clock, sleep, timeout};
use windlass::{spawn, yield_now};
use windlass_sync::queue::Queue;

use super::rig::*;

const SECOND: Duration = Duration::from_secs(1);
/// What a consumer does with an item, and what a fetch takes.
const WORK: Duration = Duration::from_millis(100);

fn jumping(workers: usize) -> Runtime {
    let clock = Clock::paused();
    clock.set_auto_advance(true);
    Builder::new().workers(workers).clock(clock).debug(false).build().unwrap()
}

/// Puts the items 0 to 4 into the queue, each from a task of its own.
fn producers(queue: &Queue<usize>, log: &Log) -> Vec<Task<bool>> {
    let producer = |item| {
        let (queue, log) = (queue.clone(), log.clone());
        spawn(async move {
            let is_put = queue.put(item).await.is_ok();
            if is_put {
                log.add(format!("Produced: {item}"));
            }
            is_put
        })
    };
    (0..5).map(producer).collect()
}

/// Takes items until the queue ends; `work` is done with each before it is marked.
fn consumer<W>(
    queue: &Queue<usize>,
    log: &Log,
    work: impl Fn(usize) -> W + Send + 'static,
) -> Task<()>
where
    W: Future<Output = ()> + Send,
{
    let (queue, log) = (queue.clone(), log.clone());
    spawn(async move {
        while let Ok(job) = queue.get_job().await {
            work(*job).await;
            log.add(format!("Consumed: {}", *job));
        }
    })
}

// QUE-07, QUE-26: a get that finds an item does not yield; a place belongs to who was woken.
#[test]
fn one_worker_prints_the_ten_lines_in_their_order() {
    within(LONG, || {
        let log = Log::default();
        runtime(1).block_on(async {
            let queue = Queue::bounded(3);
            let producers = producers(&queue, &log);
            let consumers = [0; 2].map(|_| consumer(&queue, &log, async |_| ()));
            gather(producers).await;
            queue.join().await;
            assert_eq!(queue.stats().unfinished, 0);
            yield_now().await;
            assert_eq!(queue.stats().waiting_getters, 2, "both consumers wait for more");
            drop(consumers);
        });
        let expected = [
            ["Produced: 0", "Produced: 1", "Produced: 2", "Consumed: 0", "Consumed: 1"],
            ["Consumed: 2", "Produced: 3", "Produced: 4", "Consumed: 3", "Consumed: 4"],
        ];
        assert_eq!(log.lines(), expected.concat());
    });
}

#[test]
fn several_workers_print_each_line_once_and_produce_no_more_than_there_is_room_for() {
    /// In the queue, and one in the hands of each consumer.
    const ROOM: usize = 3 + 2;
    on_2_and_4(|workers| {
        for _ in 0..100 {
            let log = Log::default();
            runtime(workers).block_on(async {
                let queue = Queue::bounded(3);
                let producers = producers(&queue, &log);
                let _consumers = [0; 2].map(|_| consumer(&queue, &log, async |_| ()));
                gather(producers).await;
                queue.join().await;
            });
            let mut lines = log.lines();
            let mut ahead = 0;
            for line in &lines {
                ahead += if line.starts_with("Produced") { 1 } else { -1_isize };
                assert!(ahead <= ROOM as isize, "{lines:?}");
            }
            lines.sort_unstable();
            lines.dedup();
            assert_eq!(lines.len(), 10);
        }
    });
}

#[test]
fn two_consumers_work_at_the_same_time() {
    on_1_2_and_4(|workers| {
        jumping(workers).block_on(async {
            let (queue, log, begun) = (Queue::bounded(3), Log::default(), now());
            let producers = producers(&queue, &log);
            let _consumers = [0; 2].map(|_| consumer(&queue, &log, |_| sleep(WORK)));
            gather(producers).await;
            queue.join().await;
            assert_eq!(now() - begun, 3 * WORK, "two, two, and one");
        });
    });
}

// QUE-37
#[test]
fn a_consumer_that_fails_after_a_get_does_not_hold_the_join_up() {
    on_1_2_and_4(|workers| {
        runtime(workers).block_on(async {
            let (queue, log) = (Queue::bounded(3), Log::default());
            let producers = producers(&queue, &log);
            let fails = async |item| assert!(item != 1, "on purpose");
            let consumers = [0; 2].map(|_| consumer(&queue, &log, fails));
            gather(producers).await;
            queue.join().await;
            assert_eq!(log.lines().len(), 5 + 4, "its item is lost, and only that");
            queue.shutdown();
            let failed = gather(consumers).await.into_iter().filter_map(Result::err);
            assert_eq!(failed.filter(|error| error.is_panic()).count(), 1);
        });
    });
}

// QUE-37
#[test]
fn a_consumer_that_is_cancelled_between_get_and_done_does_not_hold_the_join_up() {
    on_1_2_and_4(|workers| {
        jumping(workers).block_on(async {
            let (queue, log) = (Queue::bounded(3), Log::default());
            let producers = producers(&queue, &log);
            let stuck = consumer(&queue, &log, |_| pending());
            let _works = consumer(&queue, &log, |_| sleep(WORK));
            gather(producers).await;
            assert!(timeout(SECOND, queue.join()).await.is_err());
            stuck.cancel().await.unwrap_err();
            queue.join().await;
            assert_eq!(log.lines().len(), 9);
        });
    });
}

#[test]
fn with_a_shutdown_the_consumers_end_by_themselves() {
    on_1_2_and_4(|workers| {
        runtime(workers).block_on(async {
            let (queue, log) = (Queue::bounded(3), Log::default());
            let producers = producers(&queue, &log);
            let consumers = [0; 2].map(|_| consumer(&queue, &log, async |_| ()));
            gather(producers).await;
            queue.shutdown(); // before they have taken everything
            assert!(gather(consumers).await.iter().all(Result::is_ok));
            assert_eq!(log.lines().len(), 10);
        });
    });
}

// QUE-44
#[test]
fn when_the_last_consumer_is_gone_producers_are_told_instead_of_waiting() {
    on_1_2_and_4(|workers| {
        runtime(workers).block_on(async {
            let (producer, consumer) = Queue::bounded(3).split();
            let put = |item| {
                let producer = producer.clone();
                spawn(async move { producer.put(item).await })
            };
            let puts: Vec<_> = (0..5).map(put).collect();
            let consumer = spawn(async move {
                drop(consumer.get_job().await.unwrap());
            });
            consumer.await.unwrap();
            let results = gather(puts).await;
            assert!(results.iter().any(|put| put.as_ref().unwrap().is_err()));
            producer.join().await;
        });
    });
}

// QUE-38
#[test]
fn without_a_consumer_the_dump_says_who_waits_for_what() {
    within(LONG, || {
        let runtime = runtime(1);
        let queue = Queue::bounded(3);
        let joined = queue.clone();
        let log = Log::default();
        let main = runtime.spawn(async move {
            gather(producers(&joined, &log)).await;
            joined.join().await;
        });
        while runtime.drive(SECOND).more {}
        let dump = runtime.handle().dump().to_string();
        let putters = dump.matches("queue put (3/3 full) at tests/it/executor/article.rs").count();
        assert_eq!(putters, 2, "{dump}");
        assert!(dump.contains("wait for 2 tasks at tests/it/executor/article.rs"), "{dump}");
        // With room for all, the end of the program waits for somebody to do the work.
        assert_eq!((queue.try_get().unwrap(), queue.try_get().unwrap()), (0, 1));
        while runtime.drive(SECOND).more {}
        let dump = runtime.handle().dump().to_string();
        assert!(
            dump.contains("queue join (5 unfinished) at tests/it/executor/article.rs"),
            "{dump}"
        );
        drop(main);
    });
}

/// Counts who is inside, and how many were at most.
#[derive(Default)]
struct Inside(AtomicUsize, AtomicUsize);

impl Inside {
    async fn stay(&self, duration: Duration) {
        let inside = self.0.fetch_add(1, SeqCst) + 1;
        self.1.fetch_max(inside, SeqCst);
        sleep(duration).await;
        self.0.fetch_sub(1, SeqCst);
    }

    fn peak(&self) -> usize {
        self.1.load(SeqCst)
    }
}

// SEM-18
#[test]
fn a_thousand_tasks_under_a_limit_never_exceed_it() {
    on_1_2_and_4(|workers| {
        jumping(workers).block_on(async {
            let (semaphore, inside) = (Arc::new(Semaphore::new(10)), Arc::new(Inside::default()));
            let job = |number: usize| {
                let (semaphore, inside) = (semaphore.clone(), inside.clone());
                spawn(async move {
                    let _permit = semaphore.acquire().await.unwrap();
                    inside.stay(WORK).await;
                    number
                })
            };
            let begun = now();
            let results = gather((0..1000).map(job)).await;
            assert!(results.into_iter().map(Result::unwrap).eq(0..1000), "in argument order");
            assert_eq!((inside.peak(), now() - begun), (10, 100 * WORK));
            assert_eq!(semaphore.available_permits(), 10);
        });
    });
}

// SEM-18
#[test]
fn a_fetch_that_is_given_up_returns_its_permit_and_one_that_hangs_holds_only_its_own() {
    on_1_2_and_4(|workers| {
        let semaphore = Arc::new(Semaphore::new(2)); // made before there is a runtime
        jumping(workers).block_on(async {
            let hangs = {
                let semaphore = semaphore.clone();
                spawn(async move {
                    let _permit = semaphore.acquire().await.unwrap();
                    pending::<()>().await;
                })
            };
            let job = |patience: Duration| {
                let semaphore = semaphore.clone();
                spawn(async move {
                    let _permit = semaphore.acquire().await.unwrap();
                    timeout(patience, sleep(WORK)).await.is_ok()
                })
            };
            yield_now().await;
            let begun = now();
            let in_time = gather([WORK / 2, WORK * 2, WORK / 2].map(job)).await;
            let in_time: Vec<_> = in_time.into_iter().map(Result::unwrap).collect();
            assert_eq!(in_time, [false, true, false]);
            assert_eq!(now() - begun, WORK * 2, "one after the other, under the other permit");
            assert_eq!(semaphore.available_permits(), 1);
            let waits = spawn({
                let semaphore = semaphore.clone();
                async move { drop(semaphore.acquire_many(2).await) }
            });
            yield_now().await;
            waits.cancel().await.unwrap_err();
            hangs.cancel().await.unwrap_err();
            let stats = semaphore.stats();
            assert_eq!((stats.waiting, semaphore.available_permits()), (0, 2));
            assert!(Handle::current().dump().tasks.is_empty());
        });
    });
}

// SEM-18
#[test]
fn thirty_five_joined_jobs_under_ten_permits_take_four_times_as_long_as_one() {
    on_1_2_and_4(|workers| {
        jumping(workers).block_on(async {
            let (semaphore, running, peak) = (Semaphore::new(10), Cell::new(0), Cell::new(0));
            let job = async |number: usize| {
                let _permit = semaphore.acquire().await.unwrap();
                running.set(running.get() + 1);
                peak.set(peak.get().max(running.get()));
                sleep(WORK).await;
                running.set(running.get() - 1);
                number
            };
            let begun = now();
            let results = join_all((0..35).map(job)).await;
            assert_eq!(now() - begun, 4 * WORK);
            assert_eq!((peak.get(), semaphore.available_permits()), (10, 10));
            assert!(results.into_iter().eq(0..35));
        });
    });
}

/// One of 15 jobs fails after 0.03 s.
async fn failing(semaphore: &Semaphore, number: usize) -> Result<usize, &'static str> {
    let _permit = semaphore.acquire().await.unwrap();
    if number == 4 {
        sleep(3 * SECOND / 100).await;
        return Err("failed");
    }
    sleep(WORK).await;
    Ok(number)
}

// SEM-19
#[test]
fn when_one_of_several_joined_jobs_fails_all_permits_are_back_with_its_error() {
    on_1_2_and_4(|workers| {
        jumping(workers).block_on(async {
            let (semaphore, begun) = (Semaphore::new(10), now());
            let results = try_join_all((0..15).map(|number| failing(&semaphore, number))).await;
            assert_eq!((results, now() - begun), (Err("failed"), 3 * SECOND / 100));
            assert_eq!(semaphore.available_permits(), 10);
        });
    });
}

// SEM-19, GTH-03: with `gather` the others run on; their permits are back when all have ended.
#[test]
fn when_one_of_several_gathered_jobs_fails_the_others_keep_their_permits_to_their_ends() {
    on_1_2_and_4(|workers| {
        jumping(workers).block_on(async {
            let semaphore = Arc::new(Semaphore::new(10));
            let job = |number| {
                let semaphore = semaphore.clone();
                spawn(async move { failing(&semaphore, number).await })
            };
            let jobs = spawn(gather((0..15).map(job)));
            sleep(4 * SECOND / 100).await;
            assert_eq!(semaphore.available_permits(), 0, "the failed one's has gone to the next");
            let results = jobs.await.unwrap();
            let good = results.iter().filter(|result| matches!(result, Ok(Ok(_))));
            assert_eq!((good.count(), semaphore.available_permits()), (14, 10));
        });
    });
}
