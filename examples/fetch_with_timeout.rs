//! A limit of three seconds around a fetch, over real sockets of this machine.
//!
//! ```text
//! cargo run --release --example fetch_with_timeout              # all four, at the same time
//! cargo run --release --example fetch_with_timeout -- slow      # one of them
//! ```
//!
//! | fetch     | the server                | standard output     | status |
//! |-----------|---------------------------|---------------------|--------|
//! | `quick`   | answers at once           |                     | 0      |
//! | `failing` | hangs up without answer   |                     | 1      |
//! | `slow`    | answers after ten seconds | `Request timed out` | 0      |
//! | `spawned` | answers after ten seconds | `Request timed out` | 0      |
//!
//! A fetch that fails in time fails with its own error, not with that of the timeout. How each
//! fetch went, and what is left of it, goes to standard error. With all four the status is 0.
//!
//! `spawned` has a task of its own do the fetch, and shows how to wait for such a task so that it
//! ends with the one who waits, and how not to.

use std::error::Error;
use std::io;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use windlass::net::{TcpListener, TcpStream};
use windlass::runtime::Handle;
use windlass::{spawn, time, yield_now};

/// What a request may take.
const LIMIT: Duration = Duration::from_secs(3);
/// What the server takes for the slow ones.
const SLOW: Duration = Duration::from_secs(10);
/// Long enough for a closed connection to be seen at its other end.
const MOMENT: Duration = Duration::from_secs(1);

#[windlass::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let server = listener.local_addr()?;
    let serving = spawn(serve(listener)).named("server");

    match std::env::args().nth(1) {
        Some(kind) => report(kind, server).await?,
        None => {
            let kinds = ["quick", "failing", "slow", "spawned"];
            let tasks = kinds.map(|kind| spawn(report(kind.to_owned(), server)).named(kind));
            for task in tasks {
                // The outer error would be a panic of the task; the inner one has been reported.
                task.await?.ok();
            }
        }
    }

    serving.cancel().await.ok();
    // What timed out was dropped, and with it its socket, its timer and its task. The server's tasks
    // are given a moment to see that their clients have gone.
    let nobody_left = async {
        while Handle::current().metrics().tasks > 0 {
            yield_now().await;
        }
    };
    time::timeout(MOMENT, nobody_left).await.ok();
    let left = Handle::current().metrics();
    eprintln!("left: {} tasks, {} timers, {} sockets", left.tasks, left.timers, left.sources);
    Ok(())
}

/// Fetches within the limit, and tells how it went.
async fn report(kind: String, server: SocketAddr) -> io::Result<()> {
    let begun = Instant::now();
    let result = fetch_with_timeout(&kind, server).await;
    let took = begun.elapsed().as_secs_f64();
    match &result {
        Ok(()) => eprintln!("{kind}: over after {took:.3} s"),
        Err(error) => eprintln!("{kind}: failed after {took:.3} s: {error}"),
    }
    result
}

async fn fetch_with_timeout(kind: &str, server: SocketAddr) -> io::Result<()> {
    let fetch = async {
        match kind {
            "spawned" => fetch_in_a_task(server).await,
            kind => fetch_data(kind, server).await,
        }
    };
    match time::timeout(LIMIT, fetch).await {
        Ok(fetched) => fetched.map(drop),
        Err(_elapsed) => {
            println!("Request timed out");
            Ok(())
        }
    }
}

/// Sends one line and takes what comes until the server hangs up.
async fn fetch_data(kind: &str, server: SocketAddr) -> io::Result<Vec<u8>> {
    let stream = TcpStream::connect(server).await?;
    stream.write_all(format!("{kind}\n").as_bytes()).await?;
    let mut answer = Vec::new();
    windlass::io::read_to_end(&stream, &mut answer, 1 << 20).await?;
    if answer.is_empty() {
        return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "the server gave no answer"));
    }
    Ok(answer)
}

/// The same in a task of its own, which ends with the one who waits for it.
///
/// This future owns the task, so when the timeout drops the future, the task is dropped, and a
/// dropped task is cancelled. It would go on for ten seconds if somebody else owned it, so not like
/// this, with `task` outside of the timeout:
///
/// ```text
/// let result = time::timeout(LIMIT, &mut task).await;
/// ```
///
/// That is the form for a task that is to outlive the wait. To wait until it is really gone,
/// follow it with `task.cancel().await`.
async fn fetch_in_a_task(server: SocketAddr) -> io::Result<Vec<u8>> {
    let task = spawn(async move { fetch_data("slow", server).await });
    task.await?
}

/// A server with three kinds of answers.
async fn serve(listener: TcpListener) -> io::Result<()> {
    loop {
        let (stream, _) = listener.accept().await?;
        spawn(async move {
            if let Err(error) = answer(&stream).await {
                eprintln!("server: {error}");
            }
        })
        .detach();
    }
}

async fn answer(stream: &TcpStream) -> io::Result<()> {
    let mut lines = windlass::io::LineReader::new(stream, 100);
    match lines.next_line().await?.as_deref() {
        Some("quick") => stream.write_all(b"data").await,
        Some("slow") => {
            // Nothing more is to come from the client: if a read ends, the client has gone.
            let gone = stream.readable();
            if time::timeout(SLOW, gone).await.is_ok() {
                return Ok(());
            }
            stream.write_all(b"data, at last").await
        }
        _ => Ok(()), // failing: hang up
    }
}
