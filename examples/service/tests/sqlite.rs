//! The store in a file: what a transfer leaves behind, however it ends.

mod kit;

use std::future::Future;
use std::path::PathBuf;
use std::pin::pin;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex, mpsc};
use std::task::Poll;
use std::thread;
use std::time::Duration;

use kit::tempfolder;
use service::fate::{Fate, Outcome};
use service::sqlite::Sqlite;
use service::store::{Balances, Limits, StoreError, Transfer};
use windlass::spawn;
use windlass::sync::Event;

const LIMITS: Limits = Limits {
    min_size: 2,
    max_size: 20,
    acquire_timeout: Duration::from_secs(30),
    command_timeout: Duration::from_secs(30),
};
const THIRTY: Transfer = Transfer { from: 1, to: 2, amount: 30 };

/// A store in a folder of its own, and the folder.
struct Fixture {
    store: Arc<Sqlite>,
    folder: String,
}

impl Fixture {
    async fn new(name: &str, limits: Limits, users: i64) -> Fixture {
        let folder = tempfolder(name);
        let store = Sqlite::open(&file(&folder), limits, users).await.unwrap();
        Fixture { store: Arc::new(store), folder }
    }

    async fn balances(&self) -> (i64, i64) {
        let balance = async |id| self.store.user(id).await.unwrap().balance;
        (balance(1).await, balance(2).await)
    }

    /// Waits until those that were writing before are over.
    async fn quiet(&self) {
        self.store.write(&Fate::default(), |_| Ok(())).await.unwrap();
    }

    async fn end(self) {
        self.store.close(Duration::from_secs(30)).await;
        assert_eq!(self.store.stats().size, 0);
        std::fs::remove_dir_all(self.folder).unwrap();
    }
}

fn file(folder: &str) -> PathBuf {
    PathBuf::from(folder).join("users.db")
}

#[windlass::test]
async fn a_transfer_changes_both_and_says_so() {
    let fixture = Fixture::new("success", LIMITS, 2).await;
    let fate = Fate::default();
    let balances = fixture.store.transfer(THIRTY, &fate).await;
    assert_eq!(balances, Ok(Balances { from: 970, to: 1030 }));
    assert_eq!(fate.outcome(), Outcome::Committed);
    assert_eq!(fixture.balances().await, (970, 1030));
    fixture.end().await;
}

#[windlass::test]
async fn who_has_too_little_keeps_it() {
    let fixture = Fixture::new("overdraft", LIMITS, 2).await;
    let order = Transfer { amount: 1001, ..THIRTY };
    let fate = Fate::default();
    let refused = fixture.store.transfer(order, &fate).await;
    assert_eq!(refused, Err(StoreError::Insufficient(1)));
    assert_eq!(fate.outcome(), Outcome::NotCommitted);
    assert_eq!(fixture.balances().await, (1000, 1000));
    assert!(fixture.store.transfer(THIRTY, &Fate::default()).await.is_ok());
    fixture.end().await;
}

#[windlass::test]
async fn money_for_nobody_does_not_vanish() {
    let fixture = Fixture::new("nobody", LIMITS, 2).await;
    for order in [Transfer { to: 3, ..THIRTY }, Transfer { from: 3, ..THIRTY }] {
        let refused = fixture.store.transfer(order, &Fate::default()).await;
        assert_eq!(refused, Err(StoreError::NotFound(3)));
    }
    assert_eq!(fixture.balances().await, (1000, 1000));
    fixture.end().await;
}

#[windlass::test]
async fn a_balance_never_becomes_a_fraction() {
    let fixture = Fixture::new("overflow", LIMITS, 2).await;
    let fate = Fate::default();
    let rich = fixture.store.write(&fate, |transaction| {
        let change = format!("update users set balance = {} where id = 2", i64::MAX);
        Ok(transaction.execute_batch(&change)?)
    });
    rich.await.unwrap();
    let refused = fixture.store.transfer(THIRTY, &Fate::default()).await;
    assert!(matches!(refused, Err(StoreError::Database(_))), "{refused:?}");
    assert_eq!(fixture.balances().await, (1000, i64::MAX));
    fixture.end().await;
}

#[windlass::test]
async fn an_error_in_the_middle_rolls_back() {
    let fixture = Fixture::new("error", LIMITS, 2).await;
    let fate = Fate::default();
    let failed = fixture.store.write::<(), _>(&fate, |transaction| {
        transaction.execute_batch("update users set balance = 0 where id = 1")?;
        Err(StoreError::NotFound(7))
    });
    assert_eq!(failed.await, Err(StoreError::NotFound(7)));
    assert_eq!(fate.outcome(), Outcome::NotCommitted);
    assert_eq!(fixture.balances().await, (1000, 1000));
    fixture.end().await;
}

#[windlass::test]
async fn a_savepoint_rolls_back_its_part_alone() {
    let fixture = Fixture::new("savepoint", LIMITS, 2).await;
    let fate = Fate::default();
    let nested = fixture.store.write(&fate, |transaction| {
        transaction.execute_batch("update users set balance = balance + 1 where id = 1")?;
        let part = transaction.savepoint()?;
        part.execute_batch("update users set balance = balance + 10 where id = 1")?;
        drop(part);
        Ok(())
    });
    assert_eq!(nested.await, Ok(()));
    assert_eq!(fixture.balances().await, (1001, 1000));
    fixture.end().await;
}

#[windlass::test]
async fn a_panic_in_the_middle_rolls_back_and_goes_on_in_who_waits() {
    let fixture = Fixture::new("panic", LIMITS, 2).await;
    let store = fixture.store.clone();
    let task = spawn(async move {
        let fate = Fate::default();
        let panics = store.write::<(), _>(&fate, |transaction| {
            transaction.execute_batch("update users set balance = 0 where id = 1")?;
            panic!("in the middle")
        });
        drop(panics.await);
    });
    let error = task.await.unwrap_err();
    assert_eq!(error.panic_message(), Some("in the middle"));
    assert_eq!(fixture.balances().await, (1000, 1000));
    assert!(fixture.store.transfer(THIRTY, &Fate::default()).await.is_ok());
    fixture.end().await;
}

#[windlass::test]
async fn one_who_goes_before_the_commit_finds_nothing_changed() {
    let fixture = Fixture::new("gone", LIMITS, 2).await;
    let inside = Arc::new(Event::new());
    let (go, wait) = mpsc::channel::<()>();
    let wait = Mutex::new(wait);
    let fate = Fate::default();
    let at = inside.clone();
    {
        let change = fixture.store.write(&fate, move |transaction| {
            transaction.execute_batch("update users set balance = 0 where id = 1")?;
            at.set();
            let _ = wait.lock().unwrap().recv();
            Ok(())
        });
        let mut change = pin!(change);
        let mut inside = pin!(inside.wait());
        std::future::poll_fn(|cx| {
            assert!(change.as_mut().poll(cx).is_pending());
            inside.as_mut().poll(cx)
        })
        .await;
    }
    assert_eq!(fate.outcome(), Outcome::NotCommitted, "it is certain, although the work goes on");
    assert_eq!(fixture.store.stats().in_use, 1, "with its connection");
    drop(go);
    fixture.quiet().await;
    assert_eq!(fate.outcome(), Outcome::NotCommitted);
    assert_eq!(fixture.balances().await, (1000, 1000));
    fixture.end().await;
}

/// Polls a future so many times and drops it, wherever it is then; true if it came to its end.
async fn drop_after(polls: usize, future: impl Future) -> bool {
    let mut future = pin!(future);
    let mut count = 0;
    std::future::poll_fn(|cx| {
        if count == polls {
            return Poll::Ready(false);
        }
        count += 1;
        match future.as_mut().poll(cx) {
            Poll::Ready(_) => Poll::Ready(true),
            Poll::Pending if count == polls => Poll::Ready(false),
            Poll::Pending => Poll::Pending,
        }
    })
    .await
}

#[windlass::test]
async fn a_transfer_that_is_dropped_anywhere_is_told_of_truthfully() {
    let fixture = Fixture::new("sweep", LIMITS, 2).await;
    let (mut paid, mut ended, mut not) = (0, 0, 0);
    for round in 0..200_u64 {
        let fate = Fate::default();
        let order = Transfer { amount: 1, ..THIRTY };
        let transfer = fixture.store.transfer(order, &fate);
        let polls = (round % 5) as usize;
        let has_ended = if polls == 4 {
            // Not between two polls, but while the thread is at it.
            windlass::time::timeout(Duration::from_micros(round * 20), transfer).await.is_ok()
        } else {
            drop_after(polls, transfer).await
        };
        let told = fate.outcome();
        fixture.quiet().await;
        let became = fate.outcome();
        assert_ne!(became, Outcome::Unknown, "the thread was able to finish");
        assert!(told == became || told == Outcome::Unknown, "told {told:?}, became {became:?}");
        assert!(!has_ended || told == Outcome::Committed);
        paid += i64::from(became == Outcome::Committed);
        ended += i64::from(has_ended);
        not += i64::from(became == Outcome::NotCommitted);
        assert_eq!(fixture.balances().await, (1000 - paid, 1000 + paid), "in round {round}");
    }
    println!("committed: {paid}, of them waited for: {ended}; not committed: {not}");
    assert!(paid > 0 && not > 0, "both were seen");
    let stats = fixture.store.stats();
    assert_eq!((stats.in_use, stats.discarded.total()), (0, 0), "no connection was lost by it");
    fixture.end().await;
}

#[windlass::test]
async fn a_command_that_takes_too_long_is_rolled_back() {
    let limits = Limits { command_timeout: Duration::from_millis(50), ..LIMITS };
    let fixture = Fixture::new("slow", limits, 2).await;
    let fate = Fate::default();
    let slow = fixture.store.write(&fate, |transaction| {
        transaction.execute_batch("update users set balance = 0 where id = 1")?;
        thread::sleep(Duration::from_millis(300));
        Ok(())
    });
    assert_eq!(slow.await, Err(StoreError::Timeout));
    assert_eq!(fate.outcome(), Outcome::NotCommitted);
    let limits = fixture.store.stats();
    assert_eq!(limits.in_use, 1, "the thread is still at it");
    while fixture.store.stats().in_use > 0 {
        windlass::time::sleep(Duration::from_millis(5)).await;
    }
    assert_eq!(fixture.balances().await, (1000, 1000));
    fixture.end().await;
}

#[windlass::test]
async fn many_transfers_in_mixed_directions_all_succeed() {
    let fixture = Fixture::new("mixed", LIMITS, 5).await;
    let mut tasks = Vec::new();
    for n in 0..200_i64 {
        let store = fixture.store.clone();
        let order =
            Transfer { from: n % 5 + 1, to: (n + 1 + n / 5 % 4) % 5 + 1, amount: n % 7 + 1 };
        tasks.push(spawn(async move { store.transfer(order, &Fate::default()).await }));
    }
    for task in tasks {
        task.await.unwrap().unwrap();
        assert!(fixture.store.stats().in_use <= 1, "those who wait to write hold no connection");
    }
    let mut sum = 0;
    for id in 1..=5 {
        sum += fixture.store.user(id).await.unwrap().balance;
    }
    assert_eq!(sum, 5000);
    fixture.end().await;
}

#[windlass::test]
async fn readers_do_not_wait_for_a_writer() {
    let fixture = Fixture::new("readers", LIMITS, 2).await;
    let (tell, told) = mpsc::channel::<()>();
    let told = Mutex::new(told);
    let store = fixture.store.clone();
    let writer = spawn(async move {
        let fate = Fate::default();
        let write = store.write(&fate, move |transaction| {
            transaction.execute_batch("update users set balance = 0 where id = 1")?;
            let _ = told.lock().unwrap().recv();
            Ok(())
        });
        write.await.unwrap();
    });
    while fixture.store.stats().in_use == 0 {
        windlass::yield_now().await;
    }
    for _ in 0..10 {
        assert_eq!(fixture.balances().await, (1000, 1000));
    }
    drop(tell);
    writer.await.unwrap();
    assert_eq!(fixture.balances().await, (0, 1000));
    fixture.end().await;
}

#[windlass::test]
async fn a_writer_does_not_wait_for_readers() {
    let fixture = Fixture::new("writer", LIMITS, 2).await;
    let (tell, told) = mpsc::channel::<()>();
    let store = fixture.store.clone();
    let begun = Arc::new(Event::new());
    let reads = begun.clone();
    let reader = spawn(async move {
        let read = store.read(move |sqlite| {
            let balance = "select balance from users where id = 1";
            let look = || sqlite.query_row(balance, [], |row| row.get::<_, i64>(0));
            sqlite.execute_batch("begin")?;
            let before = look()?;
            reads.set();
            let _ = told.recv();
            let after = look()?;
            sqlite.execute_batch("commit")?;
            Ok((before, after))
        });
        read.await
    });
    begun.wait().await;
    assert!(fixture.store.transfer(THIRTY, &Fate::default()).await.is_ok());
    drop(tell);
    assert_eq!(reader.await.unwrap(), Ok((1000, 1000)), "it sees one moment all the time");
    assert_eq!(fixture.balances().await, (970, 1030));
    fixture.end().await;
}

#[windlass::test]
async fn a_writer_in_another_process_is_waited_for() {
    let fixture = Fixture::new("busy", LIMITS, 2).await;
    // A connection of its own, which is to SQLite what another process would be.
    let other = rusqlite::Connection::open(file(&fixture.folder)).unwrap();
    other.execute_batch("begin immediate").unwrap();
    let store = fixture.store.clone();
    let transfer = spawn(async move { store.transfer(THIRTY, &Fate::default()).await });
    // Longer than SQLite waits by itself, so the transfer has to begin again.
    windlass::time::sleep(Duration::from_millis(1500)).await;
    other.execute_batch("commit").unwrap();
    assert!(transfer.await.unwrap().is_ok());
    fixture.end().await;
}

#[windlass::test]
async fn a_change_that_failed_for_others_is_made_again_from_its_beginning() {
    let fixture = Fixture::new("again", LIMITS, 2).await;
    let runs = Arc::new(AtomicUsize::new(0));
    let count = runs.clone();
    let fate = Fate::default();
    let change = fixture.store.write(&fate, move |transaction| {
        transaction.execute_batch("update users set balance = balance - 1 where id = 1")?;
        if count.fetch_add(1, SeqCst) < 2 { Err(StoreError::Conflict) } else { Ok(()) }
    });
    assert_eq!(change.await, Ok(()));
    assert_eq!(runs.load(SeqCst), 3);
    assert_eq!(fixture.balances().await.0, 999, "and not 997");
    let hopeless = fixture.store.write::<(), _>(&fate, |_| Err(StoreError::Conflict)).await;
    assert_eq!(hopeless, Err(StoreError::Conflict));
    fixture.end().await;
}

#[windlass::test]
async fn the_first_connections_are_there_at_the_start_and_no_more_than_the_limit_ever() {
    let limits = Limits { min_size: 3, max_size: 4, ..LIMITS };
    let fixture = Fixture::new("pool", limits, 2).await;
    assert_eq!(fixture.store.stats().idle, 3);
    let tasks: Vec<_> = (0..30)
        .map(|_| {
            let store = fixture.store.clone();
            spawn(async move {
                let read = store.read(|_| {
                    thread::sleep(Duration::from_millis(2));
                    Ok(())
                });
                read.await.unwrap();
            })
        })
        .collect();
    for task in tasks {
        assert!(fixture.store.stats().size <= 4);
        task.await.unwrap();
    }
    assert!(fixture.store.stats().opened <= 4);
    fixture.end().await;
}

#[windlass::test]
async fn a_closed_store_says_so() {
    let fixture = Fixture::new("closed", LIMITS, 2).await;
    fixture.store.close(Duration::from_secs(30)).await;
    let refused = fixture.store.user(1).await;
    assert_eq!(refused, Err(StoreError::Unavailable("the pool is closed".into())));
    let refused = fixture.store.transfer(THIRTY, &Fate::default()).await;
    assert!(matches!(refused, Err(StoreError::Unavailable(_))));
    fixture.end().await;
}

#[windlass::test]
async fn a_database_in_memory_is_an_error_because_each_connection_would_have_its_own() {
    for path in [":memory:", "file:x?mode=memory"] {
        let error = Sqlite::open(&PathBuf::from(path), LIMITS, 1).await.unwrap_err();
        assert!(error.to_string().contains("in memory"), "{path}: {error}");
    }
}

#[windlass::test]
async fn a_file_that_cannot_be_opened_is_an_error() {
    let refused = Sqlite::open(&PathBuf::from("/no/such/folder/users.db"), LIMITS, 2).await;
    assert!(matches!(refused, Err(StoreError::Database(_))), "{refused:?}");
}
