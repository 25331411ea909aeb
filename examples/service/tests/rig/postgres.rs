//! A PostgreSQL server of our own: on a free port of this machine, with its data in a folder that is
//! removed in the end.
//!
//! A shell script starts and stops it as it is told on its input, under a user that is not root,
//! because PostgreSQL refuses that one. When its input ends, it stops the server and removes the
//! folder: so the server never outlives the tests, however they end.
#![allow(dead_code)] // each test program uses a part of it

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{ChildStdin, ChildStdout, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
use std::sync::{Mutex, OnceLock};
use std::time::{Duration, Instant};

use service::postgres::Postgres;
use service::store::{Limits, StoreError};
use tokio_postgres::types::FromSqlOwned;
use tokio_postgres::{Client, Config, NoTls};
use windlass::net::TcpStream;
use windlass::spawn;
use windlass::task::Task;
use windlass::time::sleep;
use windlass_compat::Io;

/// What stands between the tests and the server. It answers each order with a line.
const SCRIPT: &str = r#"
bin=$1
folder=$(mktemp -d /tmp/windlass-postgres-XXXXXX) && cd "$folder" || exit 1
echo secret >password
"$bin/initdb" --no-sync --pgdata=data --username=postgres --auth=scram-sha-256 --pwfile=password \
    --encoding=UTF8 --no-locale >init.log 2>&1 || { tail -n 3 init.log | tr '\n' ' '; exit 1; }
echo "$folder"
while read -r order port; do
    case $order in
    start)
        "$bin/pg_ctl" --silent --wait --pgdata=data --log=log --options="-p $port -k '$folder' \
            -c listen_addresses=127.0.0.1 -c max_connections=100 -c shared_buffers=16MB \
            -c fsync=off -c full_page_writes=off -c autovacuum=off -c deadlock_timeout=200ms" \
            start >/dev/null 2>&1 && echo up || echo down
        ;;
    stop)
        "$bin/pg_ctl" --silent --wait --pgdata=data --mode=immediate stop >/dev/null 2>&1
        echo down
        ;;
    esac
done
"$bin/pg_ctl" --silent --wait --pgdata=data --mode=immediate stop >/dev/null 2>&1
cd / && rm -rf "$folder"
"#;

/// What is said where there is no server.
const NOT_TESTED: &str = "
  NOT TESTED: there is no PostgreSQL server on this machine, so nothing was tried on one.
  Install it and test again: sudo apt-get install postgresql

";

/// How long anything may take that is waited for.
const LIMIT: Duration = Duration::from_secs(20);

/// The server of this test program.
pub struct Server {
    port: u16,
    /// Its data; its other socket is here.
    folder: PathBuf,
    script: Mutex<(ChildStdin, BufReader<ChildStdout>)>,
}

/// The server, started by whoever asks first. If this machine has none, the tests that need one say
/// so and are over.
pub fn server() -> Option<&'static Server> {
    static SERVER: OnceLock<Option<Server>> = OnceLock::new();
    SERVER.get_or_init(start).as_ref()
}

#[expect(clippy::zombie_processes)] // the script ends after us
fn start() -> Option<Server> {
    let Some(programs) = programs() else {
        // Not by `eprintln!`: of a test that passes nobody would see that.
        let _ = std::io::stderr().write_all(NOT_TESTED.as_bytes());
        return None;
    };
    let mut script = unprivileged();
    script.args(["sh", "-c", SCRIPT, "postgres"]).arg(programs);
    // In a group of its own, so that Ctrl-C in the terminal leaves it alone until we are gone.
    script.process_group(0).current_dir("/");
    script.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
    let mut script = script.spawn().expect("a shell can be started");
    let mut answers = BufReader::new(script.stdout.take().unwrap());
    let mut folder = String::new();
    answers.read_line(&mut folder).unwrap();
    assert!(folder.starts_with('/'), "PostgreSQL could not make a cluster: {folder}");
    let script = Mutex::new((script.stdin.take().unwrap(), answers));
    let mut server = Server { port: 0, folder: folder.trim().into(), script };
    // A port that is free now may be taken before the server has it.
    for _ in 0..5 {
        server.port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        if server.tell("start") == "up" {
            return Some(server);
        }
    }
    panic!("PostgreSQL does not start");
}

/// The newest server's programs.
fn programs() -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut folders: Vec<PathBuf> = std::env::split_paths(&path).collect();
    // Debian does not put them on the path.
    let versions = fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let mut versions: Vec<PathBuf> = versions.map(|version| version.path().join("bin")).collect();
    versions.sort();
    folders.extend(versions.into_iter().rev());
    folders.into_iter().find(|folder| has_all(folder))
}

fn has_all(folder: &Path) -> bool {
    ["initdb", "pg_ctl", "postgres"].iter().all(|program| folder.join(program).exists())
}

/// A command that runs another, and not as root.
fn unprivileged() -> Command {
    if !rustix::process::geteuid().is_root() {
        return Command::new("env");
    }
    let users = fs::read_to_string("/etc/passwd").unwrap_or_default();
    let has = |name: &str| users.lines().any(|line| line.starts_with(&format!("{name}:")));
    let user = if has("postgres") { "postgres" } else { "nobody" };
    let mut command = Command::new("runuser");
    command.args(["-u", user, "--"]);
    command
}

impl Server {
    /// Ends it at once, as a crash would.
    pub fn stop(&self) {
        assert_eq!(self.tell("stop"), "down");
    }

    /// Starts it again, where it was.
    pub fn start(&self) {
        assert_eq!(self.tell("start"), "up");
    }

    /// Gives an order and waits until it is carried out.
    fn tell(&self, order: &str) -> String {
        let (orders, answers) = &mut *self.script.lock().unwrap();
        writeln!(orders, "{order} {}", self.port).unwrap();
        let mut answer = String::new();
        answers.read_line(&mut answer).unwrap();
        answer.trim().into()
    }
}

/// A database of one test, and somebody who looks into it from outside.
pub struct Database {
    pub server: &'static Server,
    pub name: String,
    pub admin: Client,
    _carrier: Task<()>,
}

impl Database {
    /// A new one, if there is a server.
    pub async fn new() -> Option<Database> {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let server = server()?;
        let name = format!("test{}", NEXT.fetch_add(1, Relaxed));
        let (client, carrier) = log_in(server, "postgres").await;
        client.batch_execute(&format!("create database {name}")).await.unwrap();
        drop((client, carrier));
        let (admin, carrier) = log_in(server, &name).await;
        Some(Database { server, name, admin, _carrier: carrier })
    }

    pub fn url(&self) -> String {
        self.url_of("postgres")
    }

    pub fn url_of(&self, user: &str) -> String {
        format!("postgres://{user}:secret@127.0.0.1:{}/{}", self.server.port, self.name)
    }

    pub fn port(&self) -> u16 {
        self.server.port
    }

    /// The other way to it.
    pub fn socket_url(&self) -> String {
        let Server { port, folder, .. } = self.server;
        let folder = folder.display();
        format!("postgres:///{}?user=postgres&password=secret&host={folder}&port={port}", self.name)
    }

    /// The service's store, with two users who have 1000 each.
    pub async fn store(&self, min_size: usize, max_size: usize) -> Postgres {
        self.store_with(limits(min_size, max_size)).await.unwrap()
    }

    pub async fn store_with(&self, limits: Limits) -> Result<Postgres, StoreError> {
        Postgres::open(&self.url(), limits, 2).await
    }

    /// The one value of the one row.
    pub async fn ask<T: FromSqlOwned>(&self, question: &str) -> T {
        self.admin.query_one(question, &[]).await.unwrap().get(0)
    }

    /// How many sessions there are besides ours, and how many of them do something.
    pub async fn sessions(&self) -> (i64, i64) {
        let question = "select count(*), count(*) filter (where state <> 'idle')
            from pg_stat_activity
            where datname = current_database() and pid <> pg_backend_pid()";
        // In a transaction the figures would stay those of the first look.
        self.admin.batch_execute("select pg_stat_clear_snapshot()").await.unwrap();
        let row = self.admin.query_one(question, &[]).await.unwrap();
        (row.get(0), row.get(1))
    }

    /// What all users have.
    pub async fn balances(&self) -> Vec<i64> {
        let rows = self.admin.query("select balance from users order by id", &[]).await.unwrap();
        rows.iter().map(|row| row.get(0)).collect()
    }

    /// Waits until nobody but us does anything.
    pub async fn until_quiet(&self) {
        until("the server is idle", async || self.sessions().await.1 == 0).await;
    }

    /// Waits until somebody but us does something.
    pub async fn until_busy(&self) {
        until("the server is busy", async || self.sessions().await.1 > 0).await;
    }
}

pub fn limits(min_size: usize, max_size: usize) -> Limits {
    Limits { min_size, max_size, acquire_timeout: LIMIT, command_timeout: LIMIT }
}

/// Asks again and again.
pub async fn until(what: &str, mut is_so: impl AsyncFnMut() -> bool) {
    let begun = Instant::now();
    while !is_so().await {
        assert!(begun.elapsed() < LIMIT, "it never comes that {what}");
        sleep(Duration::from_millis(5)).await;
    }
}

pub async fn log_in(server: &Server, database: &str) -> (Client, Task<()>) {
    let mut config = Config::new();
    config.user("postgres").password("secret").dbname(database);
    let stream = TcpStream::connect(([127, 0, 0, 1], server.port)).await.unwrap();
    let (client, connection) = config.connect_raw(Io::new(stream), NoTls).await.unwrap();
    (client, spawn(async move { drop(connection.await) }))
}
