//! A server, as a pool sees it: connecting, checking, stopping a command, cleaning up.

use std::fmt;
use std::io;
use std::ops::{Deref, DerefMut};
use std::sync::Arc;
use std::time::Duration;

use tokio::io::AsyncReadExt;
use tokio_postgres::config::TargetSessionAttrs;
use tokio_postgres::{Client, Config, NoTls, Statement};
use windlass::pool::Manager;
use windlass::spawn;
use windlass::task::Task;
use windlass::time::timeout;

use super::address::{Address, addresses};
use super::error::words;
use super::status::{Overheard, Status};
use crate::log;
use crate::store::{FIRST_BALANCE, StoreError};

/// How long one address may take to let us in, if the URL does not say; there may be others.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

const FIND: &str = "select name, balance from users where id = $1";
const LOCK: &str = "select id from users where id = any($1) order by id for update";
const ADD: &str = "update users set balance = balance + $2 where id = $1 returning balance";

/// What `discard all` does, and a rollback, but prepared statements stay: ours are used again.
const RESET: &str = "rollback; close all; set session authorization default; reset all; unlisten *; \
    select pg_advisory_unlock_all(); discard sequences; discard temp";

/// Opens connections to one server.
#[derive(Debug)]
pub struct Server {
    config: Arc<Config>,
}

/// The statements that every connection has prepared.
pub struct Statements {
    /// The name and balance of a user.
    pub find: Statement,
    /// Locks users in the order of their ids, and returns these.
    pub lock: Statement,
    /// Adds to the balance of a user, and returns the new one.
    pub add: Statement,
}

/// A session at the server. It can be used as the [`Client`] it has.
///
/// Commands go out as they are called, also several at a time, and are answered in this order.
pub struct Connection {
    session: Session,
    statements: Statements,
}

/// A connection on which nothing is prepared yet.
struct Session {
    client: Client,
    address: Address,
    status: Status,
    /// Writes what the client says to the socket and reads the answers. It ends when it is dropped,
    /// and the socket is closed.
    _carrier: Task<()>,
}

impl Server {
    /// A server by its URL.
    ///
    /// # Errors
    /// If it is not a URL, or wants what is not there.
    pub fn new(url: &str) -> Result<Server, StoreError> {
        let config: Config = url.parse().map_err(|error| unavailable(words(&error)))?;
        if config.get_target_session_attrs() != TargetSessionAttrs::Any {
            let why = "target_session_attrs is not supported, name the server that is meant";
            return Err(unavailable(why));
        }
        Ok(Server { config: Arc::new(config) })
    }

    /// Makes the table and the users that are missing.
    pub(super) async fn prepare(&self, users: i64) -> Result<(), StoreError> {
        let session = self.log_in().await?;
        // One service at a time: `if not exists` looks and makes in two steps.
        let script = format!(
            "begin;
             select pg_advisory_xact_lock(hashtext('users'));
             create table if not exists users (
                 id bigint primary key,
                 name text not null,
                 balance bigint not null check (balance >= 0)
             );
             insert into users select id, 'user ' || id, {FIRST_BALANCE}
                 from generate_series(1, {users}) id on conflict do nothing;
             commit"
        );
        Ok(session.client.batch_execute(&script).await?)
    }

    /// Connects to the first address that lets us in.
    async fn log_in(&self) -> Result<Session, StoreError> {
        let limit = self.config.get_connect_timeout().copied().unwrap_or(CONNECT_TIMEOUT);
        let all = addresses(&self.config).await.map_err(unavailable)?;
        let mut failed = None;
        for address in all {
            let silent = format!("{address:?} does not answer within {limit:?}");
            match timeout(limit, self.log_in_at(address)).await {
                Ok(Ok(session)) => return Ok(session),
                Ok(Err(error)) => failed = Some(error),
                Err(_) => failed = Some(unavailable(silent)),
            }
        }
        Err(failed.expect("there is an address, and it was tried"))
    }

    async fn log_in_at(&self, address: Address) -> Result<Session, StoreError> {
        let way = Overheard::new(address.dial(&self.config).await.map_err(unavailable)?);
        let status = way.status();
        let connected = self.config.connect_raw(way, NoTls).await;
        let (client, connection) = connected.map_err(|error| unavailable(words(&error)))?;
        let carrier = spawn(async move {
            if let Err(error) = connection.await {
                log!("a connection to PostgreSQL was lost: {}", words(&error));
            }
        });
        let carrier = carrier.named("postgres connection");
        Ok(Session { client, address, status, _carrier: carrier })
    }
}

impl Connection {
    /// What is prepared on it.
    pub fn statements(&self) -> &Statements {
        &self.statements
    }

    /// Both parts, for a transaction: it has the client for itself.
    pub fn parts(&mut self) -> (&mut Client, &Statements) {
        (&mut self.session.client, &self.statements)
    }
}

impl Manager for Server {
    type Connection = Connection;
    type Error = StoreError;

    async fn connect(&self) -> Result<Connection, StoreError> {
        let session = self.log_in().await?;
        let client = &session.client;
        let statements = Statements {
            find: client.prepare(FIND).await?,
            lock: client.prepare(LOCK).await?,
            add: client.prepare(ADD).await?,
        };
        Ok(Connection { session, statements })
    }

    async fn reset(&self, connection: &mut Connection) -> Result<(), StoreError> {
        Ok(connection.batch_execute(RESET).await?)
    }

    async fn is_healthy(&self, connection: &mut Connection) -> bool {
        connection.check_connection().await.is_ok()
    }

    fn is_broken(&self, connection: &Connection) -> bool {
        connection.is_closed()
    }

    /// The driver sees transactions through that are begun with its own method; others stay open.
    fn is_dirty(&self, connection: &Connection) -> bool {
        connection.session.status.is_in_transaction()
    }

    fn cancel(&self, connection: &mut Connection) -> impl Future<Output = ()> + Send + 'static {
        let token = connection.cancel_token();
        let (config, address) = (self.config.clone(), connection.session.address.clone());
        async move {
            let stopped = async {
                let mut way = address.dial(&config).await?;
                token.cancel_query_raw(&mut way, NoTls).await.map_err(io::Error::other)?;
                // The server hangs up when the signal is on its way. Whoever does not wait for that
                // may see it arrive at the next command.
                way.read(&mut [0]).await
            };
            if let Err(error) = stopped.await {
                log!("a statement was not stopped: {error}");
            }
        }
    }

    fn background_error(&self, error: StoreError) {
        log!("a connection was not replaced or reset: {error}");
    }
}

impl Deref for Connection {
    type Target = Client;

    fn deref(&self) -> &Client {
        &self.session.client
    }
}

impl DerefMut for Connection {
    fn deref_mut(&mut self) -> &mut Client {
        &mut self.session.client
    }
}

impl fmt::Debug for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connection").field("address", &self.session.address).finish_non_exhaustive()
    }
}

impl fmt::Debug for Statements {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Statements").finish_non_exhaustive()
    }
}

fn unavailable(error: impl fmt::Display) -> StoreError {
    StoreError::Unavailable(error.to_string())
}
