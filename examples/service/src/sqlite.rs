//! The store in an SQLite file.
//!
//! SQLite works on the thread that calls it, so each command is a closure that runs on a pool of
//! threads of its own, and takes its connection along. The closure always runs to its end: a
//! connection comes back when the work is over, also if nobody waits for it any more. That a change
//! is then rolled back is agreed on through its [`Fate`].
//!
//! A file has one writer at a time. Those of this process queue up before they take a connection,
//! in the order they came; writers in other processes are waited for by SQLite itself.

use std::panic::resume_unwind;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use rusqlite::{ErrorCode, OptionalExtension, Transaction, TransactionBehavior, ffi};
use windlass::blocking::{BlockingPool, CancelFlag};
use windlass::pool::{Manager, Pool, Stats};
use windlass::sync::Semaphore;
use windlass::task::{JoinError, Task};
use windlass::time::timeout;

use crate::fate::{Fate, Outcome};
use crate::log;
use crate::store::{Balances, FIRST_BALANCE, Limits, StoreError, Transfer, User};

/// How long SQLite waits for a writer in another process before it says that the file is busy.
const BUSY_TIMEOUT: Duration = Duration::from_secs(1);
/// How often a change is tried on a busy file.
const ATTEMPTS: usize = 5;

/// `strict`, so that a balance is a whole number, come what may.
const TABLE: &str = "create table if not exists users (
    id integer primary key,
    name text not null,
    balance integer not null check (balance >= 0)
) strict";
const SEED: &str = "insert or ignore into users values (?1, ?2, ?3)";
const FIND: &str = "select name, balance from users where id = ?1";
const ADD: &str = "update users set balance = balance + ?2 where id = ?1 returning balance";

/// Users in an SQLite file.
#[derive(Debug)]
pub struct Sqlite {
    pool: Pool<File>,
    threads: BlockingPool,
    /// The right to write.
    writer: Arc<Semaphore>,
    limits: Limits,
}

impl Sqlite {
    /// Opens the first connections, and makes the file, its table and the users that are missing.
    ///
    /// # Errors
    /// If the file cannot be opened or refuses.
    pub async fn open(path: &Path, limits: Limits, users: i64) -> Result<Self, StoreError> {
        let threads = BlockingPool::builder().name("sqlite").threads(0..=limits.max_size).build();
        let file = path.to_owned();
        done(threads.run(move || prepare(&file, users)).await)?;
        let pool = Pool::builder(File { path: path.to_owned(), threads: threads.clone() })
            .name("sqlite")
            .min_size(limits.min_size)
            .max_size(limits.max_size)
            .acquire_timeout(limits.acquire_timeout)
            .build();
        let pool = pool.await.map_err(|error| StoreError::Unavailable(error.to_string()))?;
        Ok(Self { pool, threads, writer: Arc::new(Semaphore::new(1)), limits })
    }

    /// See [`Store`](crate::store::Store).
    ///
    /// # Errors
    /// As there.
    pub async fn user(&self, id: i64) -> Result<User, StoreError> {
        self.read(move |sqlite| {
            let mut find = sqlite.prepare_cached(FIND)?;
            let user = find.query_row([id], |row| {
                Ok(User { id, name: row.get("name")?, balance: row.get("balance")? })
            });
            user.optional()?.ok_or(StoreError::NotFound(id))
        })
        .await
    }

    /// See [`Store`](crate::store::Store).
    ///
    /// # Errors
    /// As there.
    pub async fn transfer(&self, order: Transfer, fate: &Fate) -> Result<Balances, StoreError> {
        self.write(fate, move |transaction| {
            Ok(Balances {
                from: add(transaction, order.from, -order.amount)?,
                to: add(transaction, order.to, order.amount)?,
            })
        })
        .await
    }

    /// See [`Store`](crate::store::Store).
    ///
    /// # Errors
    /// As there.
    pub async fn health(&self) -> Result<(), StoreError> {
        self.read(|sqlite| Ok(sqlite.query_row("select 1", [], |_| Ok(()))?)).await
    }

    /// See [`Store`](crate::store::Store).
    pub fn stats(&self) -> Stats {
        self.pool.stats()
    }

    /// See [`Store`](crate::store::Store).
    pub async fn close(&self, limit: Duration) {
        let closed = timeout(limit, async {
            self.pool.close().await;
            self.threads.shutdown().await; // the connections are closed by its threads
        });
        let _given_up = closed.await;
    }

    /// Reads, on a connection of its own.
    ///
    /// # Errors
    /// Those of the closure, and that there is no connection.
    pub async fn read<T, F>(&self, work: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnOnce(&rusqlite::Connection) -> Result<T, StoreError> + Send + 'static,
    {
        let lent = self.pool.acquire().await?;
        let job = self.threads.run(move || work(lent.sqlite()));
        self.finish(job, &Fate::default()).await
    }

    /// Runs the closure in a transaction and commits it. If it fails or panics, or is no longer
    /// waited for, the transaction is rolled back; if the file is busy, it runs again. A part of it
    /// can be rolled back alone, with `transaction.savepoint()`.
    ///
    /// # Errors
    /// Those of the closure, and what keeps it from being run or committed.
    ///
    /// # Cancel safety
    /// It may be dropped at any time; `fate` then says what has become of it.
    pub async fn write<T, F>(&self, fate: &Fate, mut work: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnMut(&mut Transaction<'_>) -> Result<T, StoreError> + Send + 'static,
    {
        let _cancel = CancelOnDrop(fate);
        let turn = timeout(self.limits.acquire_timeout, self.writer.clone().acquire_owned());
        let turn = turn.await.map_err(|_| StoreError::Conflict)?;
        let lent = self.pool.acquire().await?;
        let shared = fate.clone();
        let job = self.threads.run_with(move |cancelled| {
            // Kept until the work is over; the connection goes back before the next one's turn.
            let (_turn, mut lent) = (turn, lent);
            attempts(lent.sqlite_mut(), &shared, cancelled, &mut work)
        });
        self.finish(job, fate).await
    }

    /// Waits for a job, but no longer than a command may take.
    async fn finish<T>(
        &self,
        mut job: Task<Result<T, StoreError>>,
        fate: &Fate,
    ) -> Result<T, StoreError> {
        match timeout(self.limits.command_timeout, &mut job).await {
            Ok(output) => done(output),
            Err(_) => {
                fate.cancel();
                match fate.outcome() {
                    Outcome::NotCommitted => Err(StoreError::Timeout),
                    // All that is left to it is to write to the file: better late than unknown.
                    Outcome::Unknown | Outcome::Committed => done(job.await),
                }
            }
        }
    }
}

/// Tells the fate when a future ends, whichever way; it counts if that was before the commit.
struct CancelOnDrop<'a>(&'a Fate);

impl Drop for CancelOnDrop<'_> {
    fn drop(&mut self) {
        self.0.cancel();
    }
}

/// Opens connections to one file.
#[derive(Debug)]
pub struct File {
    path: PathBuf,
    threads: BlockingPool,
}

/// An open connection. SQLite's own goes to a thread for whatever may block, its end included.
#[derive(Debug)]
pub struct Connection {
    /// None while it is away, and for good if nobody has waited for it to come back.
    sqlite: Option<rusqlite::Connection>,
    threads: BlockingPool,
}

const AWAY: &str = "a connection that is away is broken, and not lent";

impl Connection {
    fn sqlite(&self) -> &rusqlite::Connection {
        self.sqlite.as_ref().expect(AWAY)
    }

    fn sqlite_mut(&mut self) -> &mut rusqlite::Connection {
        self.sqlite.as_mut().expect(AWAY)
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        let sqlite = self.sqlite.take();
        self.threads.run(move || drop(sqlite)).detach();
    }
}

impl Manager for File {
    type Connection = Connection;
    type Error = StoreError;

    async fn connect(&self) -> Result<Connection, StoreError> {
        let path = self.path.clone();
        let sqlite = done(self.threads.run(move || connect(&path)).await)?;
        Ok(Connection { sqlite: Some(sqlite), threads: self.threads.clone() })
    }

    /// Called after a panic of the closure. Its transaction was rolled back when it was dropped.
    async fn reset(&self, connection: &mut Connection) -> Result<(), StoreError> {
        let sqlite = connection.sqlite.take().expect(AWAY);
        let job = self.threads.run(move || {
            if !sqlite.is_autocommit() {
                sqlite.execute_batch("rollback")?;
            }
            Ok(sqlite)
        });
        connection.sqlite = Some(done(job.await)?);
        Ok(())
    }

    fn is_broken(&self, connection: &Connection) -> bool {
        connection.sqlite.is_none()
    }

    fn background_error(&self, error: StoreError) {
        log!("a connection was not replaced or reset: {error}");
    }
}

/// Makes the file, the table and the users. By one connection, before there are others: changing to
/// a write-ahead log (readers do not wait for writers, nor these for them) needs the file alone.
fn prepare(path: &Path, users: i64) -> Result<(), StoreError> {
    let mut sqlite = connect(path)?;
    if sqlite.path().is_none_or(str::is_empty) {
        let why = "each would have a database of its own in memory, name a file";
        return Err(StoreError::Unavailable(why.into()));
    }
    sqlite.pragma_update(None, "journal_mode", "wal")?;
    let transaction = sqlite.transaction_with_behavior(TransactionBehavior::Immediate)?;
    transaction.execute_batch(TABLE)?;
    {
        let mut seed = transaction.prepare(SEED)?;
        for id in 1..=users {
            seed.execute((id, format!("user {id}"), FIRST_BALANCE))?;
        }
    }
    Ok(transaction.commit()?)
}

fn connect(path: &Path) -> Result<rusqlite::Connection, StoreError> {
    let sqlite = rusqlite::Connection::open(path)?;
    sqlite.busy_timeout(BUSY_TIMEOUT)?;
    sqlite.pragma_update(None, "foreign_keys", true)?;
    Ok(sqlite)
}

fn attempts<T>(
    sqlite: &mut rusqlite::Connection,
    fate: &Fate,
    cancelled: &CancelFlag,
    work: &mut impl FnMut(&mut Transaction<'_>) -> Result<T, StoreError>,
) -> Result<T, StoreError> {
    let mut left = ATTEMPTS;
    loop {
        left -= 1;
        match attempt(sqlite, fate, work) {
            Err(StoreError::Conflict) if cancelled.is_set() => return Err(StoreError::Cancelled),
            Err(StoreError::Conflict) if left > 0 => {}
            done => return done,
        }
    }
}

/// Does it once. Dropping a transaction rolls it back: after an error, and when a panic unwinds.
fn attempt<T>(
    sqlite: &mut rusqlite::Connection,
    fate: &Fate,
    work: &mut impl FnMut(&mut Transaction<'_>) -> Result<T, StoreError>,
) -> Result<T, StoreError> {
    // Immediate: the right to write is taken now. One that begins as a reader may find out later
    // that what it has read is old, and then no waiting helps.
    let mut transaction = sqlite.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let output = work(&mut transaction)?;
    if !fate.may_commit() {
        return Err(StoreError::Cancelled);
    }
    if let Err(error) = transaction.commit() {
        fate.reopen();
        return Err(error.into());
    }
    fate.settle(true);
    Ok(output)
}

/// Changes a balance. That there was a row is as important as that there was no error.
fn add(transaction: &Transaction<'_>, id: i64, amount: i64) -> Result<i64, StoreError> {
    let mut add = transaction.prepare_cached(ADD)?;
    let balance = add.query_row((id, amount), |row| row.get(0));
    balance.optional().map_err(|error| of_user(error, id))?.ok_or(StoreError::NotFound(id))
}

/// The error of a change to one user.
fn of_user(error: rusqlite::Error, id: i64) -> StoreError {
    match error.sqlite_error() {
        Some(code) if code.extended_code == ffi::SQLITE_CONSTRAINT_CHECK => {
            StoreError::Insufficient(id)
        }
        _ => error.into(),
    }
}

impl From<rusqlite::Error> for StoreError {
    fn from(error: rusqlite::Error) -> Self {
        match error.sqlite_error_code() {
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => StoreError::Conflict,
            _ => StoreError::Database(error.to_string()),
        }
    }
}

/// What a job has returned. A panic goes on in whoever has waited for it.
fn done<T>(output: Result<Result<T, StoreError>, JoinError>) -> Result<T, StoreError> {
    match output.map_err(JoinError::into_panic) {
        Ok(output) => output,
        Err(Ok(payload)) => resume_unwind(payload),
        Err(Err(refused)) => Err(StoreError::Unavailable(refused.to_string())),
    }
}
