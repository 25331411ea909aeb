//! A server that does as it is told, and the manager of connections to it.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use windlass::pool::{Builder, Guard, Manager, Pool, Stats};
use windlass::time::sleep;
use windlass::yield_now;

pub const SECOND: Duration = Duration::from_secs(1);
pub const MS: Duration = Duration::from_millis(1);
pub const NO_TIME: Duration = Duration::ZERO;

/// What the server does when it is asked for something.
#[derive(Clone, Copy, Debug)]
pub enum Act {
    Yes,
    No,
    /// Nothing, for ever.
    Hang,
    /// Yes, after a while.
    After(Duration),
    /// Yes, after so many turns.
    Yield(usize),
    Panic,
}

/// The other end of all connections, and what it has seen.
#[derive(Clone, Default)]
pub struct Server(Arc<Mutex<Script>>);

#[derive(Default)]
struct Script {
    next: u32,
    /// What comes next, by what is asked for; `usual` once it is used up.
    acts: [VecDeque<Act>; 5],
    usual: [Option<Act>; 5],
    /// Sockets that are open or being opened.
    open: usize,
    peak: usize,
    log: Vec<String>,
    errors: Vec<&'static str>,
    killed: Vec<u32>,
}

/// What the server can be asked for.
#[derive(Clone, Copy, Debug)]
pub enum Ask {
    Connect,
    Check,
    Reset,
    Cancel,
    /// Not the server: to hear of an error.
    Hear,
}

pub use Act::*;
pub use Ask::*;

impl Server {
    pub fn pool(&self) -> Builder<Server> {
        Pool::builder(self.clone())
    }

    /// What to do the next times it is asked.
    pub fn next(&self, ask: Ask, acts: impl IntoIterator<Item = Act>) {
        self.0.lock().unwrap().acts[ask as usize].extend(acts);
    }

    /// What to do from now on.
    pub fn always(&self, ask: Ask, act: Act) {
        self.0.lock().unwrap().usual[ask as usize] = Some(act);
    }

    /// It does what is asked from now on.
    pub fn forget(&self) {
        let mut script = self.0.lock().unwrap();
        (script.acts, script.usual) = Default::default();
    }

    /// What it has seen so far.
    pub fn log(&self) -> Vec<String> {
        self.0.lock().unwrap().log.clone()
    }

    /// What it has seen since the last call.
    pub fn news(&self) -> Vec<String> {
        std::mem::take(&mut self.0.lock().unwrap().log)
    }

    /// Ends a connection from the other side.
    pub fn kill(&self, id: u32) {
        self.0.lock().unwrap().killed.push(id);
    }

    pub fn open(&self) -> usize {
        self.0.lock().unwrap().open
    }

    pub fn peak(&self) -> usize {
        self.0.lock().unwrap().peak
    }

    pub fn errors(&self) -> Vec<&'static str> {
        self.0.lock().unwrap().errors.clone()
    }

    fn saw(&self, what: impl Into<String>) {
        self.0.lock().unwrap().log.push(what.into());
    }

    async fn asked(&self, ask: Ask) -> bool {
        let act = {
            let mut script = self.0.lock().unwrap();
            let next = script.acts[ask as usize].pop_front();
            next.or(script.usual[ask as usize]).unwrap_or(Yes)
        };
        match act {
            Yes => true,
            No => false,
            Hang => std::future::pending().await,
            After(delay) => {
                sleep(delay).await;
                true
            }
            Yield(turns) => {
                for _ in 0..turns {
                    yield_now().await;
                }
                true
            }
            Panic => panic!("the server bites"),
        }
    }
}

/// A connection: a number, and what its user has done to it.
#[derive(Debug)]
pub struct Connection {
    pub id: u32,
    /// Something was left undone on it.
    pub undone: bool,
    /// That can be seen.
    pub shows: bool,
    pub broken: bool,
    _socket: Socket,
}

/// Counts as open from the attempt on.
struct Socket(Server, u32);

impl std::fmt::Debug for Socket {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Socket({})", self.1)
    }
}

impl Drop for Socket {
    fn drop(&mut self) {
        let mut script = self.0.0.lock().unwrap();
        script.open -= 1;
        script.log.push(format!("close {}", self.1));
    }
}

impl Connection {
    /// A command that takes a while; cut off, it leaves something undone.
    pub async fn work(&mut self, time: Duration) -> u32 {
        self.undone = true;
        sleep(time).await;
        self.undone = false;
        self.id
    }
}

impl Manager for Server {
    type Connection = Connection;
    type Error = &'static str;

    async fn connect(&self) -> Result<Connection, &'static str> {
        let id = {
            let mut script = self.0.lock().unwrap();
            script.next += 1;
            script.open += 1;
            script.peak = script.peak.max(script.open);
            script.next
        };
        let socket = Socket(self.clone(), id);
        self.saw(format!("connect {id}"));
        if !self.asked(Connect).await {
            return Err("refused");
        }
        Ok(Connection { id, undone: false, shows: false, broken: false, _socket: socket })
    }

    async fn reset(&self, connection: &mut Connection) -> Result<(), &'static str> {
        self.saw(format!("reset {}", connection.id));
        if !self.asked(Reset).await {
            return Err("not reset");
        }
        (connection.undone, connection.shows) = (false, false);
        Ok(())
    }

    async fn is_healthy(&self, connection: &mut Connection) -> bool {
        self.saw(format!("check {}", connection.id));
        self.asked(Check).await
    }

    fn is_broken(&self, connection: &Connection) -> bool {
        connection.broken || self.0.lock().unwrap().killed.contains(&connection.id)
    }

    fn is_dirty(&self, connection: &Connection) -> bool {
        connection.shows
    }

    fn cancel(&self, connection: &mut Connection) -> impl Future<Output = ()> + Send + 'static {
        let (server, id) = (self.clone(), connection.id);
        async move {
            server.saw(format!("cancel {id}"));
            server.asked(Cancel).await;
            server.saw(format!("cancelled {id}"));
        }
    }

    fn background_error(&self, error: &'static str) {
        self.0.lock().unwrap().errors.push(error);
        let next = self.0.lock().unwrap().acts[Hear as usize].pop_front();
        assert!(!matches!(next, Some(Panic)), "who hears of an error bites");
    }
}

pub type Taken = Guard<Server>;

/// Lets every task run until it waits for a timer, or for another task.
pub async fn settle() {
    for _ in 0..50 {
        yield_now().await;
    }
}

/// Size, idle, in use.
pub fn sizes(stats: Stats) -> (usize, usize, usize) {
    (stats.size, stats.idle, stats.in_use)
}

/// A pool that rests: everything is accounted for, and nothing is under way.
#[track_caller]
pub fn assert_clean(pool: &Pool<Server>, server: &Server) {
    let stats = pool.stats();
    assert_eq!((stats.in_use, stats.opening, stats.in_upkeep, stats.waiting), (0, 0, 0, 0));
    assert_eq!(stats.size, stats.idle);
    assert_eq!(stats.opened, stats.idle as u64 + stats.detached + stats.discarded.total());
    assert_eq!(server.open(), stats.idle, "{:?}", server.log());
}
