//! The soak: many clients at the example service, some of whom hang up in the middle, and a look at
//! what the service has kept of them.
//!
//! One thread. An abort takes place a little later than the client has come to it, so that the server
//! mostly works on the request or waits for the rest of it when the connection ends.

use std::collections::{BTreeMap, VecDeque};
use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::time::{Duration, Instant, SystemTime};

use mio::{Events, Poll, Token};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::client::{Client, Plan, Random, Step};
use crate::machine;
use crate::options::Options;
use crate::service::{Log, Service, grown};

/// How long a client that is about to hang up waits, so that the server notices it.
const PAUSE: Duration = Duration::from_millis(3);
/// How long the last answers may take.
const DRAIN: Duration = Duration::from_secs(30);
const EVENTS: usize = 1024;
/// So many errors are told; the others are counted.
const ERRORS_TOLD: usize = 5;

/// Runs it and prints what has happened.
///
/// # Errors
/// A text, if anything has grown or gone wrong.
pub fn run(mut options: Options<'_>) -> Result<(), String> {
    let connections = options.value("--connections")?.unwrap_or(512);
    let seconds = options.value("--seconds")?.unwrap_or(60.0);
    let users = options.value("--users")?.unwrap_or(100_u64).max(2);
    let address = options.value::<SocketAddr>("--address")?;
    let by_clock = SystemTime::UNIX_EPOCH.elapsed().map_or(1, |it| it.as_micros() as u64);
    let seed = options.value("--seed")?.unwrap_or(by_clock);
    options.end()?;
    raise_descriptor_limit();
    let service = address.map_or_else(|| Service::start(users), |it| Ok(Service::at(it)))?;

    for line in machine::describe() {
        println!("- {line}");
    }
    println!("- {connections} connections, {seconds} s, seed {seed}");
    let money = service.money(users)?;
    let before = service.settled()?;
    let mut soak = Soak::new(service.address, connections, users, seed).map_err(told)?;
    soak.run_for(Duration::from_secs_f64(seconds)).map_err(told)?;
    soak.print(seconds);
    let mut wrong = soak.wrong();
    drop(soak); // and with it the connections that are idle now
    let after = service.quiet_again(&before)?;
    println!("- {} (after)\n\n| figure | before | after |\n|---|--:|--:|", machine::load());
    for (name, value) in &after {
        println!("| `{name}` | {} | {value} |", before[name]);
    }
    let money_after = service.money(users)?;
    println!("| money of all users | {money} | {money_after} |");

    wrong.extend(grown(&before, &after).iter().map(|name| format!("{name} has grown")));
    if money != money_after {
        wrong.push("the money of all users has changed".to_owned());
    }
    match service.stop() {
        Ok(Log { broken, others }) => {
            println!("\nThe service ended in order. It had told of {broken} broken connections.");
            wrong.extend((others > 0).then(|| format!("{others} other lines in its log")));
        }
        Err(text) => wrong.push(text),
    }
    if wrong.is_empty() { Ok(()) } else { Err(format!("FAILED: {}", wrong.join("; "))) }
}

fn told(error: io::Error) -> String {
    error.to_string()
}

struct Soak {
    address: SocketAddr,
    users: u64,
    random: Random,
    poll: Poll,
    clients: Vec<Client>,
    /// Those that hang up, and when; in this order, for all wait equally long.
    parting: VecDeque<(Instant, usize)>,
    /// Clients that are at a request.
    busy: usize,
    /// No request is begun any more.
    is_ending: bool,
    counts: Counts,
}

#[derive(Default)]
struct Counts {
    answers: BTreeMap<(&'static str, u16), u64>,
    aborts: BTreeMap<Plan, u64>,
    connected: u64,
    errors: u64,
    unanswered: usize,
}

impl Soak {
    fn new(address: SocketAddr, connections: usize, users: u64, seed: u64) -> io::Result<Soak> {
        Ok(Soak {
            address,
            users,
            random: Random::new(seed),
            poll: Poll::new()?,
            clients: (0..connections).map(|index| Client::new(Token(index))).collect(),
            parting: VecDeque::new(),
            busy: 0,
            is_ending: false,
            counts: Counts::default(),
        })
    }

    /// Begins requests for so long, and waits for the last answers.
    fn run_for(&mut self, span: Duration) -> io::Result<()> {
        let mut events = Events::with_capacity(EVENTS);
        let begun = Instant::now();
        for index in 0..self.clients.len() {
            self.begin(index)?;
        }
        while self.busy > 0 && begun.elapsed() < span + DRAIN {
            self.is_ending = begun.elapsed() >= span;
            match self.poll.poll(&mut events, Some(PAUSE)) {
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                outcome => outcome?,
            }
            for event in &events {
                let index = event.token().0;
                // One that is about to hang up has nothing more to do with its socket.
                if !self.parting.iter().any(|(_, parting)| *parting == index) {
                    self.advance(index)?;
                }
            }
            while self.parting.front().is_some_and(|(at, _)| *at <= Instant::now()) {
                let (_, index) = self.parting.pop_front().expect("there was one in front");
                let by_reset = self.random.below(2) == 0;
                self.clients[index].hang_up(by_reset);
                self.begin_next(index)?;
            }
        }
        self.counts.unanswered = self.busy;
        Ok(())
    }

    fn begin(&mut self, index: usize) -> io::Result<()> {
        let client = &mut self.clients[index];
        let (number, registry) = (self.counts.connected as u32, self.poll.registry());
        let connects =
            client.begin(&mut self.random, self.users, self.address, number, registry)?;
        self.counts.connected += u64::from(connects);
        self.busy += 1;
        if connects { Ok(()) } else { self.advance(index) } // a new socket tells when it is ready
    }

    fn begin_next(&mut self, index: usize) -> io::Result<()> {
        self.busy -= 1;
        if self.is_ending { Ok(()) } else { self.begin(index) }
    }

    fn advance(&mut self, index: usize) -> io::Result<()> {
        match self.clients[index].advance() {
            Ok(Step::Waiting) => Ok(()),
            Ok(Step::Aborting(plan)) => {
                *self.counts.aborts.entry(plan).or_default() += 1;
                self.parting.push_back((Instant::now() + PAUSE, index));
                Ok(())
            }
            Ok(Step::Answered(route, status)) => {
                *self.counts.answers.entry((route, status)).or_default() += 1;
                self.begin_next(index)
            }
            Err(error) => {
                let client = &mut self.clients[index];
                if (self.counts.errors as usize) < ERRORS_TOLD {
                    eprintln!("{}: {error}", client.place());
                }
                self.counts.errors += 1;
                client.hang_up(false);
                self.begin_next(index)
            }
        }
    }

    fn print(&self, seconds: f64) {
        let Counts { answers, aborts, connected, errors, unanswered } = &self.counts;
        let sum: u64 = answers.values().sum();
        println!("- {sum} answers, {:.0} a second; {connected} connections", sum as f64 / seconds);
        println!("- {errors} errors, {unanswered} requests without an answer");
        let abort = |(plan, count): (&Plan, &u64)| match plan {
            Plan::HalfRequest => format!("{count} in the request"),
            Plan::NoReading => format!("{count} before the answer"),
            Plan::HalfAnswer => format!("{count} in the answer"),
            Plan::Whole => unreachable!("a whole request is no abort"),
        };
        println!("- aborts: {}", aborts.iter().map(abort).collect::<Vec<_>>().join(", "));
        let answer =
            |((route, status), count): (&(_, _), &u64)| format!("{route} {status}: {count}");
        println!("- {}", answers.iter().map(answer).collect::<Vec<_>>().join(", "));
    }

    fn wrong(&self) -> Vec<String> {
        let Counts { errors, unanswered, .. } = self.counts;
        let errors = (errors > 0).then(|| format!("{errors} errors"));
        let unanswered = (unanswered > 0).then(|| format!("{unanswered} without an answer"));
        errors.into_iter().chain(unanswered).collect()
    }
}

/// Both sides of each connection need a descriptor, in two processes; the service inherits the limit.
fn raise_descriptor_limit() {
    let Rlimit { maximum, .. } = getrlimit(Resource::Nofile);
    let _ = setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum });
}
