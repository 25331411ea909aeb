//! What the service can be told on its command line and through the environment.

use std::net::SocketAddr;
use std::time::Duration;

use clap::Parser;

use crate::store::{Database, Limits};

/// How long a request waits for a connection to the database.
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(10);

/// The most there may be of anything: more than any machine has, and so little that nothing overflows.
const MOST: usize = 1_000_000;

/// The longest time. What lasts longer may as well be for ever, and the clock cannot count that.
const LONGEST: Duration = Duration::from_secs(365 * 24 * 60 * 60);

/// Users, their money, and a friendly echo, over HTTP.
#[derive(Clone, Debug, Parser)]
#[command(version)]
pub struct Options {
    /// Where to listen
    #[arg(long, value_name = "ADDRESS", env = "SERVICE_LISTEN", default_value = "127.0.0.1:8080")]
    pub listen: SocketAddr,

    /// sqlite:PATH or postgres://USER:PASSWORD@HOST:PORT/NAME [default: a file in a temporary
    /// folder, gone when the service ends]
    #[arg(long, value_name = "WHERE", env = "SERVICE_DATABASE")]
    pub database: Option<Database>,

    /// How many users a new database begins with
    #[arg(long, value_name = "COUNT", env = "SERVICE_USERS", default_value_t = 100)]
    pub users: i64,

    /// Threads that run tasks [default: one for each processor]
    #[arg(long, value_name = "COUNT", env = "SERVICE_WORKERS", value_parser = at_least_1)]
    pub workers: Option<usize>,

    /// Report what blocks a worker, and tasks that are left at the end
    #[arg(long)]
    pub debug: bool,

    /// No line for each request
    #[arg(long)]
    pub quiet: bool,

    /// How long requests may go on after Ctrl-C or SIGTERM
    #[arg(long, value_name = "TIME", env = "SERVICE_GRACE", default_value = "10s", value_parser = time)]
    pub grace: Duration,

    /// How long a request may take
    #[arg(long, value_name = "TIME", env = "SERVICE_TIMEOUT", default_value = "30s", value_parser = time)]
    pub timeout: Duration,

    /// How many requests are worked on at a time; more wait
    #[arg(long, value_name = "COUNT", default_value_t = 256, value_parser = at_least_1)]
    pub max_handlers: usize,

    /// How many clients may be connected at a time; more wait
    #[arg(long, value_name = "COUNT", default_value_t = 10_000, value_parser = at_least_1)]
    pub max_connections: usize,

    /// Connections to the database that are kept open
    #[arg(long, value_name = "COUNT", default_value_t = 5)]
    pub pool_min: usize,

    /// The most connections to the database at a time
    #[arg(long, value_name = "COUNT", default_value_t = 20, value_parser = at_least_1)]
    pub pool_max: usize,

    /// How long a command to the database may take
    #[arg(long, value_name = "TIME", default_value = "60s", value_parser = time)]
    pub command_timeout: Duration,

    /// How often the background task runs
    #[arg(long, value_name = "TIME", default_value = "10s", value_parser = time)]
    pub tick: Duration,

    /// Add routes under /fault/ that misbehave, for tests
    #[arg(long, hide = true)]
    pub faults: bool,
}

impl Options {
    /// Those of the pool.
    pub fn limits(&self) -> Limits {
        Limits {
            min_size: self.pool_min.min(self.pool_max),
            max_size: self.pool_max,
            acquire_timeout: ACQUIRE_TIMEOUT,
            command_timeout: self.command_timeout,
        }
    }
}

fn at_least_1(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(count) if (1..=MOST).contains(&count) => Ok(count),
        _ => Err(format!("it must be a number from 1 on, to {MOST}")),
    }
}

/// Reads `1.5s`, `200ms` or `2m`.
fn time(text: &str) -> Result<Duration, String> {
    let at = text.find(|c: char| c.is_ascii_alphabetic()).unwrap_or(text.len());
    let (number, unit) = text.split_at(at);
    let seconds = match unit {
        "ms" => 0.001,
        "s" => 1.0,
        "m" => 60.0,
        _ => return Err("a time has a unit, as in 200ms, 1.5s or 2m".into()),
    };
    let time = number.parse::<f64>().ok().map(|number| number * seconds);
    let time = time.and_then(|time| Duration::try_from_secs_f64(time).ok());
    let time = time.ok_or_else(|| format!("{number:?} is no number of {unit}"))?;
    if time > LONGEST { Err("no time is longer than a year".into()) } else { Ok(time) }
}
