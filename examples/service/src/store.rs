//! What the service keeps, whichever database keeps it.
//!
//! The handlers know this file and nothing of what is below it. A database is one more line in each
//! `match`, and a file with the same six functions.

use std::error::Error;
use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use windlass::pool::{AcquireError, Stats};

use crate::fate::Fate;
use crate::postgres::Postgres;
use crate::sqlite::Sqlite;

/// What each user has at the beginning.
pub const FIRST_BALANCE: i64 = 1_000;

/// Which database, as `--database` says it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Database {
    /// `sqlite:PATH`: a file, made if it is not there.
    Sqlite(PathBuf),
    /// `postgres://user:password@host:port/name`: a server.
    Postgres(String),
}

/// How many connections there are, and how long they may take.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Connections opened at the start and kept.
    pub min_size: usize,
    /// The most connections at a time.
    pub max_size: usize,
    /// How long a request waits for a connection.
    pub acquire_timeout: Duration,
    /// How long one command may take.
    pub command_timeout: Duration,
}

/// A user as the database knows them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct User {
    /// Their number, from 1 on.
    pub id: i64,
    /// Their name.
    pub name: String,
    /// What they have; never below 0.
    pub balance: i64,
}

/// Money that shall go from one user to another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Transfer {
    /// Who pays.
    pub from: i64,
    /// Who is paid; not the same.
    pub to: i64,
    /// How much; more than 0.
    pub amount: i64,
}

/// What both have after a transfer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Balances {
    /// What the payer has left.
    pub from: i64,
    /// What the paid one has now.
    pub to: i64,
}

/// The database that was chosen.
#[derive(Debug)]
pub enum Store {
    /// See [`Sqlite`].
    Sqlite(Sqlite),
    /// See [`Postgres`].
    Postgres(Postgres),
}

impl Store {
    /// Opens the first connections, makes the table if it is not there, and adds those of the first
    /// `users` users who are missing, each with [`FIRST_BALANCE`].
    ///
    /// # Errors
    /// If the database cannot be reached or refuses.
    pub async fn open(
        database: &Database,
        limits: Limits,
        users: i64,
    ) -> Result<Store, StoreError> {
        Ok(match database {
            Database::Sqlite(path) => Store::Sqlite(Sqlite::open(path, limits, users).await?),
            Database::Postgres(url) => Store::Postgres(Postgres::open(url, limits, users).await?),
        })
    }

    /// One user.
    ///
    /// # Errors
    /// [`StoreError::NotFound`], or what is wrong with the database.
    pub async fn user(&self, id: i64) -> Result<User, StoreError> {
        match self {
            Store::Sqlite(store) => store.user(id).await,
            Store::Postgres(store) => store.user(id).await,
        }
    }

    /// Moves money, wholly or not at all.
    ///
    /// # Errors
    /// After any of them but [`StoreError::Unknown`] nothing has changed.
    ///
    /// # Cancel safety
    /// It may be dropped at any time; `fate` then says what has become of it.
    pub async fn transfer(&self, order: Transfer, fate: &Fate) -> Result<Balances, StoreError> {
        match self {
            Store::Sqlite(store) => store.transfer(order, fate).await,
            Store::Postgres(store) => store.transfer(order, fate).await,
        }
    }

    /// Asks the database for a sign of life.
    ///
    /// # Errors
    /// What is wrong with it.
    pub async fn health(&self) -> Result<(), StoreError> {
        match self {
            Store::Sqlite(store) => store.health().await,
            Store::Postgres(store) => store.health().await,
        }
    }

    /// The figures of its pool.
    pub fn stats(&self) -> Stats {
        match self {
            Store::Sqlite(store) => store.stats(),
            Store::Postgres(store) => store.stats(),
        }
    }

    /// Closes the connections, and waits no longer than `limit` for those that are lent.
    pub async fn close(&self, limit: Duration) {
        match self {
            Store::Sqlite(store) => store.close(limit).await,
            Store::Postgres(store) => store.close(limit).await,
        }
    }
}

/// Why the database has not done what it was asked to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StoreError {
    /// There is no such user.
    NotFound(i64),
    /// The payer has less than that.
    Insufficient(i64),
    /// Others have changed the same rows, again and again; it may be tried later.
    Conflict,
    /// A command took too long, and was stopped.
    Timeout,
    /// Nobody waited for it any more, so it was rolled back.
    Cancelled,
    /// The connection was lost while it was being committed: it is done, or not at all.
    Unknown,
    /// There was no connection to be had.
    Unavailable(String),
    /// The database says no, in its own words.
    Database(String),
}

impl fmt::Display for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            StoreError::NotFound(id) => write!(f, "there is no user {id}"),
            StoreError::Insufficient(id) => write!(f, "user {id} has less than that"),
            StoreError::Conflict => f.write_str("others change the same rows, try again later"),
            StoreError::Timeout => f.write_str("the database took too long, nothing was changed"),
            StoreError::Cancelled => f.write_str("cancelled, nothing was changed"),
            StoreError::Unknown => f.write_str("the database was lost while it was committing"),
            StoreError::Unavailable(why) => write!(f, "no connection to the database: {why}"),
            StoreError::Database(why) => write!(f, "the database says: {why}"),
        }
    }
}

impl Error for StoreError {}

impl<E: fmt::Display> From<AcquireError<E>> for StoreError {
    fn from(error: AcquireError<E>) -> Self {
        StoreError::Unavailable(error.to_string())
    }
}

impl fmt::Display for Database {
    /// Without the password.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Database::Sqlite(path) => write!(f, "sqlite:{}", path.display()),
            Database::Postgres(url) => match url.split_once("://").zip(url.rsplit_once('@')) {
                Some(((scheme, _), (_, host))) => write!(f, "{scheme}://{host}"),
                None => f.write_str(url),
            },
        }
    }
}

impl FromStr for Database {
    type Err = String;

    fn from_str(text: &str) -> Result<Database, String> {
        match text.split_once(':') {
            Some(("sqlite", path)) if !path.is_empty() => Ok(Database::Sqlite(path.into())),
            Some(("postgres" | "postgresql", _)) => Ok(Database::Postgres(text.into())),
            _ => Err("a database is sqlite:PATH or postgres://USER:PASSWORD@HOST:PORT/NAME".into()),
        }
    }
}
