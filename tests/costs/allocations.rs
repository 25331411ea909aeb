//! How often operations allocate memory: a task once, everything else not at all once it is under way.
//!
//! The allocator counts for each thread apart, and a runtime with one worker runs on the thread that
//! calls it, so the tests do not disturb each other.

use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::{Duration, Instant};

use allocation_counter::measure;
use windlass::net::{TcpListener, TcpStream};
use windlass::runtime::{Builder, Runtime};
use windlass::sync::{Mutex, Notify, Queue, Semaphore};
use windlass::time::{sleep_until, timeout_at};
use windlass::{spawn, yield_now};

/// Long enough that no timer fires.
const HOUR: Duration = Duration::from_secs(3600);
/// Rounds of the shorter and of the longer run. What is allocated now and then, a block for so many
/// tasks or timers, would show in the longer one.
const ROUNDS: (usize, usize) = (1_000, 11_000);

/// Checks that `work` allocates as much for few rounds as it does for many: to begin and to end.
#[track_caller]
fn allocates_nothing_each_round<F: Future<Output = ()>>(work: impl Fn(usize) -> F) {
    allocates_each_round(0, work);
}

/// Checks that each round of `work` allocates so often.
#[track_caller]
fn allocates_each_round<F: Future<Output = ()>>(times: usize, work: impl Fn(usize) -> F) {
    let runtime: Runtime = Builder::new().workers(1).debug(false).build().unwrap();
    let count = |rounds| measure(|| runtime.block_on(work(rounds))).count_total;
    count(ROUNDS.1); // queues and tables have their size afterwards
    let (few, many) = (count(ROUNDS.0), count(ROUNDS.1));
    assert!(few > 0, "the allocator counts: a task is allocated");
    let rounds = ROUNDS.1 - ROUNDS.0;
    let more = many.saturating_sub(few) as usize;
    assert_eq!(more, times * rounds, "{more} allocations in {rounds} more rounds");
}

#[test]
fn a_task_is_one_allocation() {
    allocates_each_round(1, |rounds| async move {
        for _ in 0..rounds {
            spawn(async {}).await.unwrap();
        }
    });
}

#[test]
fn a_yield_allocates_nothing() {
    allocates_nothing_each_round(|rounds| async move {
        let yielding = |_| {
            spawn(async move {
                for _ in 0..rounds {
                    yield_now().await;
                }
            })
        };
        for task in (0..3).map(yielding).collect::<Vec<_>>() {
            task.await.unwrap();
        }
    });
}

#[test]
fn a_wake_allocates_nothing() {
    allocates_nothing_each_round(|rounds| async move {
        let (ping, pong) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
        let other = spawn({
            let (ping, pong) = (ping.clone(), pong.clone());
            async move {
                for _ in 0..rounds {
                    ping.notified().await;
                    pong.notify_one();
                }
            }
        });
        for _ in 0..rounds {
            ping.notify_one();
            pong.notified().await;
        }
        other.await.unwrap();
    });
}

#[test]
fn an_item_that_goes_through_a_queue_allocates_nothing() {
    allocates_nothing_each_round(|rounds| async move {
        let (producer, consumer) = Queue::bounded(3).split();
        let other = spawn(async move {
            for item in 0..rounds {
                producer.put(item).await.unwrap();
            }
        });
        for item in 0..rounds {
            assert_eq!(consumer.get().await, Ok(item));
        }
        other.await.unwrap();
    });
}

/// A deadline in a slot that has been used before: each of the wheel's slots allocates once.
#[test]
fn a_timer_that_is_armed_moved_and_cancelled_allocates_nothing() {
    let deadline = Instant::now() + HOUR;
    allocates_nothing_each_round(|rounds| async move {
        spawn(async move {
            for _ in 0..rounds {
                let mut alarm = sleep_until(deadline);
                assert!(
                    poll_fn(|cx| Poll::Ready(Pin::new(&mut alarm).poll(cx))).await.is_pending()
                );
                alarm.reset(deadline + HOUR);
                assert!(
                    poll_fn(|cx| Poll::Ready(Pin::new(&mut alarm).poll(cx))).await.is_pending()
                );
            }
        })
        .await
        .unwrap();
    });
}

#[test]
fn a_timeout_is_one_allocation_for_the_future_in_it() {
    let deadline = Instant::now() + HOUR;
    allocates_each_round(1, |rounds| async move {
        for _ in 0..rounds {
            timeout_at(deadline, yield_now()).await.unwrap();
        }
    });
}

#[test]
fn a_permit_and_a_lock_that_are_handed_on_allocate_nothing() {
    allocates_nothing_each_round(|rounds| async move {
        let (permits, count) = (Arc::new(Semaphore::new(2)), Arc::new(Mutex::new(0)));
        let contender = |_| {
            let (permits, count) = (permits.clone(), count.clone());
            spawn(async move {
                for _ in 0..rounds {
                    let permit = permits.acquire().await;
                    yield_now().await; // the others come and wait
                    drop(permit);
                    let mut count = count.lock().await;
                    *count += 1;
                    yield_now().await;
                }
            })
        };
        for task in (0..5).map(contender).collect::<Vec<_>>() {
            task.await.unwrap();
        }
        assert_eq!(*count.lock().await, 5 * rounds);
    });
}

#[test]
fn bytes_that_go_over_a_socket_and_back_allocate_nothing() {
    allocates_nothing_each_round(|rounds| async move {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let client = TcpStream::connect(address).await.unwrap();
        let (server, _) = listener.accept().await.unwrap();
        let echo = spawn(async move {
            let mut buffer = [0; 16];
            for _ in 0..rounds {
                let count = server.read(&mut buffer).await.unwrap();
                assert_eq!(server.write(&buffer[..count]).await.unwrap(), count);
            }
        });
        for _ in 0..rounds {
            assert_eq!(client.write(b"abc").await.unwrap(), 3);
            assert_eq!(client.read(&mut [0; 16]).await.unwrap(), 3);
        }
        echo.await.unwrap();
    });
}
