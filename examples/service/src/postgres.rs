//! The store in a PostgreSQL server.
//!
//! A change is a transaction. Until its commit it can be given up at any moment: the connection goes
//! back dirty, and the pool has the statement that runs stopped, the transaction rolled back and the
//! session cleaned before somebody else gets it. The commit itself is the point of no return, and
//! runs in a task of its own: who waits for it may go away, but its answer is never lost.
//!
//! ```text
//!   begin, statements          a task of its own
//!   ------------------ may I? ------------------> commit --> committed, not committed, unknown
//!     dropped, too late,     | no
//!     a panic: the pool      +--> the pool rolls back
//!     stops and rolls back
//! ```

mod address;
mod error;
mod server;
mod status;

use std::mem::forget;
use std::time::Duration;

use tokio_postgres::Transaction;
use windlass::pool::{Guard, Pool, Stats};
use windlass::spawn;
use windlass::sync::oneshot;
use windlass::time::timeout;

use error::{is_not_committed, of_user};
pub use server::{Connection, Server, Statements};

use crate::fate::Fate;
use crate::log;
use crate::store::{Balances, Limits, StoreError, Transfer, User};

/// How long the table may take to make, before there is a pool with limits of its own.
const PREPARE_TIMEOUT: Duration = Duration::from_secs(30);
/// How often a change is tried that conflicts with others.
const ATTEMPTS: usize = 5;
/// The `select` fails where a statement of the transaction has failed. A mere `commit` would roll
/// back there, and that would look like success.
const COMMIT: &str = "select 1; commit";

/// Users in a PostgreSQL server.
#[derive(Debug)]
pub struct Postgres {
    pool: Pool<Server>,
}

impl Postgres {
    /// Opens the first connections, and makes the table and the users that are missing.
    ///
    /// # Errors
    /// If the server cannot be reached or refuses.
    pub async fn open(url: &str, limits: Limits, users: i64) -> Result<Self, StoreError> {
        let server = Server::new(url)?;
        let prepared = timeout(PREPARE_TIMEOUT, server.prepare(users)).await;
        prepared.map_err(|_| StoreError::Timeout)??;
        let pool = Pool::builder(server)
            .name("postgres")
            .min_size(limits.min_size)
            .max_size(limits.max_size)
            .acquire_timeout(limits.acquire_timeout)
            .command_timeout(limits.command_timeout)
            .build();
        let pool = pool.await.map_err(|error| StoreError::Unavailable(error.to_string()))?;
        Ok(Self { pool })
    }

    /// See [`Store`](crate::store::Store).
    ///
    /// # Errors
    /// As there.
    pub async fn user(&self, id: i64) -> Result<User, StoreError> {
        self.read(async |connection| {
            let row = connection.query_opt(&connection.statements().find, &[&id]).await?;
            let row = row.ok_or(StoreError::NotFound(id))?;
            Ok(User { id, name: row.try_get("name")?, balance: row.try_get("balance")? })
        })
        .await
    }

    /// See [`Store`](crate::store::Store).
    ///
    /// # Errors
    /// As there.
    pub async fn transfer(&self, order: Transfer, fate: &Fate) -> Result<Balances, StoreError> {
        self.write(fate, async move |transaction, statements| {
            lock(transaction, statements, &[order.from, order.to]).await?;
            Ok(Balances {
                from: add(transaction, statements, order.from, -order.amount).await?,
                to: add(transaction, statements, order.to, order.amount).await?,
            })
        })
        .await
    }

    /// See [`Store`](crate::store::Store).
    ///
    /// # Errors
    /// As there.
    pub async fn health(&self) -> Result<(), StoreError> {
        self.read(async |connection| Ok(connection.check_connection().await?)).await
    }

    /// See [`Store`](crate::store::Store).
    pub fn stats(&self) -> Stats {
        self.pool.stats()
    }

    /// See [`Store`](crate::store::Store).
    pub async fn close(&self, limit: Duration) {
        if let Err(error) = self.pool.close_timeout(limit).await {
            log!("{error}");
        }
    }

    /// The connections, for what the other methods do not do.
    ///
    /// A command goes through [`Guard::run`], or else nobody stops it when its caller is gone. A
    /// transaction that is left open is found; what is left of a session beyond that (settings,
    /// temporary tables, locks) needs [`Guard::mark_dirty`].
    pub fn pool(&self) -> &Pool<Server> {
        &self.pool
    }

    /// Reads, on a connection of its own. Statements that the closure awaits together share the way
    /// to the server and back.
    ///
    /// # Errors
    /// Those of the closure, that there is no connection, and that it takes too long.
    ///
    /// # Cancel safety
    /// Dropping it stops the statement at the server, too.
    pub async fn read<T, F>(&self, work: F) -> Result<T, StoreError>
    where
        F: AsyncFnOnce(&Connection) -> Result<T, StoreError>,
    {
        let mut lent = self.pool.acquire().await?;
        let read = lent.run(async |connection| work(connection).await).await;
        read.unwrap_or(Err(StoreError::Timeout))
    }

    /// Runs the closure in a transaction and commits it. If it fails or panics, takes too long or is
    /// no longer waited for, the transaction is rolled back; if it conflicts with others, it runs
    /// again. A [savepoint](Transaction::savepoint) is a transaction within. For a future that is
    /// `Send`, the closure must be `async move`.
    ///
    /// # Errors
    /// Those of the closure, and what keeps it from being run or committed.
    ///
    /// # Cancel safety
    /// It may be dropped at any time; `fate` then says what has become of it.
    pub async fn write<T, F>(&self, fate: &Fate, work: F) -> Result<T, StoreError>
    where
        F: AsyncFn(&mut Transaction<'_>, &Statements) -> Result<T, StoreError>,
    {
        for _ in 1..ATTEMPTS {
            match self.attempt(fate, &work).await {
                Err(StoreError::Conflict) => {}
                done => return done,
            }
        }
        self.attempt(fate, &work).await
    }

    /// Does it once.
    async fn attempt<T, F>(&self, fate: &Fate, work: &F) -> Result<T, StoreError>
    where
        F: AsyncFn(&mut Transaction<'_>, &Statements) -> Result<T, StoreError>,
    {
        let mut lent = self.pool.acquire().await?;
        let worked = lent.run(async |connection| {
            let (client, statements) = connection.parts();
            let mut transaction = client.transaction().await?;
            let output = work(&mut transaction, statements).await;
            match output {
                // It stays open, and is committed elsewhere; or the pool finds it open.
                Ok(_) => forget(transaction),
                Err(_) => transaction.rollback().await?,
            }
            output
        });
        let output = worked.await.unwrap_or(Err(StoreError::Timeout))?;
        if !fate.may_commit() {
            return Err(StoreError::Cancelled);
        }
        // From here on the fate is out of the caller's hands, so nothing is dropped with the caller.
        let (answer, committed) = oneshot::channel();
        let fate = fate.clone();
        let commit = spawn(async move { drop(answer.send(commit(lent, &fate).await)) });
        commit.named("postgres commit").detach();
        // There is no answer if the runtime is shut down before the server's has come.
        committed.await.unwrap_or(Err(StoreError::Unknown)).map(|()| output)
    }
}

async fn commit(mut lent: Guard<Server>, fate: &Fate) -> Result<(), StoreError> {
    match lent.run(async |connection| connection.batch_execute(COMMIT).await).await {
        Ok(Ok(())) => {
            fate.settle(true);
            Ok(())
        }
        Ok(Err(error)) if is_not_committed(&error) => {
            fate.reopen();
            Err(error.into())
        }
        Ok(Err(_)) | Err(_) => Err(StoreError::Unknown),
    }
}

/// Locks rows in the order of their ids, so that two transfers never wait for each other.
async fn lock(
    transaction: &Transaction<'_>,
    statements: &Statements,
    ids: &[i64],
) -> Result<(), StoreError> {
    let rows = transaction.query(&statements.lock, &[&ids]).await?;
    let locked: Vec<i64> = rows.iter().map(|row| row.try_get(0)).collect::<Result<_, _>>()?;
    let missing = ids.iter().find(|id| !locked.contains(id));
    missing.map_or(Ok(()), |id| Err(StoreError::NotFound(*id)))
}

/// Changes a balance. That there was a row is as important as that there was no error.
async fn add(
    transaction: &Transaction<'_>,
    statements: &Statements,
    id: i64,
    amount: i64,
) -> Result<i64, StoreError> {
    let row = transaction.query_opt(&statements.add, &[&id, &amount]).await;
    let row = row.map_err(|error| of_user(error, id))?.ok_or(StoreError::NotFound(id))?;
    Ok(row.try_get(0)?)
}
