//! Fetches 35 pages, ten at a time, from a server in this program.
//!
//! ```text
//! cargo run --release --example semaphore
//! cargo run --release --example semaphore -- --jobs 15 --fail 4     # page 4 cannot be had
//! ```
//!
//! | option        | meaning                                        |
//! |---------------|------------------------------------------------|
//! | `--jobs N`    | how many pages; 35                             |
//! | `--permits N` | how many at a time; 10                         |
//! | `--delay S`   | seconds the server takes for each page; 0.1    |
//! | `--fail N`    | the server hangs up instead of giving page N   |
//!
//! It prints the pages in the order in which they were asked for, whatever order they came in, and
//! then what the server has seen. The server takes down when each request begins and ends; a *wave*
//! are the requests that begin before the first of them ends.
//!
//! ```text
//! pages: 0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24 25 26 27 28 29 30 31 32 33 34
//! wave 1: 10 requests, the first after 0.000 s
//! wave 2: 10 requests, the first after 0.102 s
//! wave 3: 10 requests, the first after 0.204 s
//! wave 4: 5 requests, the first after 0.306 s
//! peak 10
//! free permits 10
//! ```
//!
//! A permit comes back when its guard is dropped: when the fetch has ended, has failed, was
//! cancelled, or has panicked.
//!
//! With `--fail` the program ends with status 1. `try_gather` cancels the other fetches and waits
//! until they are gone before it gives the error, so all permits are free by then. Where the others
//! are to run on, and keep their permits meanwhile, it would be `gather`.

use std::error::Error;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use windlass::net::{TcpListener, TcpStream};
use windlass::sync::Semaphore;
use windlass::task::try_gather;
use windlass::{spawn, time};

/// What the command line says.
struct Options {
    jobs: usize,
    permits: usize,
    delay: Duration,
    fail: Option<usize>,
}

#[windlass::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let options = options()?;
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let address = listener.local_addr()?;
    let seen = Arc::new(Seen::default());
    let _server = spawn(serve(listener, seen.clone(), options.delay, options.fail)).named("server");

    let semaphore = Arc::new(Semaphore::new(options.permits));
    let job = |page| spawn(limited_task(semaphore.clone(), address, page));
    let pages = try_gather((0..options.jobs).map(job)).await;

    if let Ok(pages) = &pages {
        println!("pages: {}", pages.join(" "));
        seen.print();
    }
    println!("free permits {}", semaphore.available_permits());
    pages?;
    Ok(())
}

/// Fetches a page as soon as there is a permit for it.
async fn limited_task(
    semaphore: Arc<Semaphore>,
    server: SocketAddr,
    page: usize,
) -> io::Result<String> {
    let _permit = semaphore.acquire().await.expect("nobody closes the semaphore");
    fetch(server, page).await
}

/// The body of a page.
async fn fetch(server: SocketAddr, page: usize) -> io::Result<String> {
    let stream = TcpStream::connect(server).await?;
    let request = format!("GET /{page} HTTP/1.1\r\nHost: {server}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await?;
    let mut answer = Vec::new();
    windlass::io::read_to_end(&stream, &mut answer, 1 << 20).await?;
    let answer = String::from_utf8_lossy(&answer);
    match answer.split_once("\r\n\r\n") {
        Some((head, body)) if head.starts_with("HTTP/1.1 200 ") => Ok(body.to_owned()),
        _ => Err(io::Error::other(format!("no page {page}: {answer:?}"))),
    }
}

/// When a request has begun, and ended.
type Span = (Instant, Option<Instant>);

/// What the server has seen: its requests, in the order in which they began.
#[derive(Default)]
struct Seen(Mutex<Vec<Span>>);

impl Seen {
    fn spans(&self) -> MutexGuard<'_, Vec<Span>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn begin(&self) -> usize {
        let mut spans = self.spans();
        spans.push((Instant::now(), None));
        spans.len() - 1
    }

    fn end(&self, request: usize) {
        self.spans()[request].1 = Some(Instant::now());
    }

    fn print(&self) {
        let spans = self.spans();
        let under_way = |at: Instant| {
            let is_over = |end: Option<Instant>| end.is_some_and(|end| end <= at);
            spans.iter().filter(|(begin, end)| *begin <= at && !is_over(*end)).count()
        };
        let mut rest = &spans[..];
        for wave in 1.. {
            let Some((first, _)) = rest.first() else { break };
            let first_end = rest.iter().filter_map(|(_, end)| *end).min();
            let is_in = |(begin, _): &Span| first_end.is_none_or(|end| *begin <= end);
            let count = rest.iter().take_while(|span| is_in(span)).count();
            let after = (*first - spans[0].0).as_secs_f64();
            println!("wave {wave}: {count} requests, the first after {after:.3} s");
            rest = &rest[count..];
        }
        // It is highest when somebody has just begun.
        let peak = spans.iter().map(|(begin, _)| under_way(*begin)).max();
        println!("peak {}", peak.unwrap_or(0));
    }
}

/// Accepts connections until it is cancelled.
async fn serve(
    listener: TcpListener,
    seen: Arc<Seen>,
    delay: Duration,
    fail: Option<usize>,
) -> io::Result<()> {
    loop {
        let (stream, _) = listener.accept().await?;
        let seen = seen.clone();
        spawn(async move {
            if let Err(error) = answer(&stream, &seen, delay, fail).await {
                eprintln!("server: {error}");
            }
        })
        .detach();
    }
}

async fn answer(
    stream: &TcpStream,
    seen: &Seen,
    delay: Duration,
    fail: Option<usize>,
) -> io::Result<()> {
    let mut head = windlass::io::LineReader::new(stream, 8_192);
    let request = head.next_line().await?.unwrap_or_default();
    while head.next_line().await?.is_some_and(|line| !line.is_empty()) {}
    let number = seen.begin();
    let page = request.split(' ').nth(1).and_then(|path| path.strip_prefix('/')).unwrap_or("?");
    if fail.is_some_and(|fail| page == fail.to_string()) {
        return Ok(()); // and so hang up
    }
    time::sleep(delay).await;
    seen.end(number);
    let length = page.len();
    let answer = format!("HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\n{page}");
    stream.write_all(answer.as_bytes()).await
}

fn options() -> io::Result<Options> {
    let delay = Duration::from_millis(100);
    let mut options = Options { jobs: 35, permits: 10, delay, fail: None };
    let mut arguments = std::env::args().skip(1);
    while let Some(name) = arguments.next() {
        let value = arguments.next().unwrap_or_default();
        match &*name {
            "--jobs" => options.jobs = parse(&name, &value)?,
            "--permits" => options.permits = parse(&name, &value)?,
            "--delay" => options.delay = Duration::from_secs_f64(parse(&name, &value)?),
            "--fail" => options.fail = Some(parse(&name, &value)?),
            _ => return Err(io::Error::other(format!("there is no option {name}"))),
        }
    }
    Ok(options)
}

fn parse<T: std::str::FromStr>(name: &str, value: &str) -> io::Result<T> {
    value.parse().map_err(|_| io::Error::other(format!("{name} does not take {value:?}")))
}
