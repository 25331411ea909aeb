//! windlass inside a loop that belongs to somebody else.
//!
//! ```text
//! cargo run --release --example embed
//! ```
//!
//! A program that has a loop of its own, such as a game, an editor or a plug-in's host, cannot
//! give its thread away to `windlass::run`. It calls `Runtime::drive` instead, which runs what is ready
//! and comes back. Here the loop waits in `poll(2)`, as such loops do, for three things:
//!
//! - its own descriptor, on which commands arrive;
//! - windlass's descriptor, which becomes readable when a socket is ready or another thread has
//!   woken a task;
//! - the first deadline of windlass's timers.
//!
//! There is one worker, the loop's thread, so no thread is started and nothing runs behind the
//! loop's back. Each command becomes a task, which asks a server in the same process and sleeps a
//! while. It prints:
//!
//! ```text
//! the host reads "two"
//! the host reads "one"
//! the task for "one" has ended: one, one
//! the task for "two" has ended: two, two
//! the host has passed through its loop N times
//! ```
//!
//! N is small: the loop sleeps whenever there is nothing to do.

use std::io::{self, BufRead, BufReader};
use std::net::SocketAddr;
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::sync::mpsc;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use windlass::net::{TcpListener, TcpStream};
use windlass::runtime::{Builder, Driven, Runtime};
use windlass::{spawn, time};

/// How long tasks may keep the loop from its other duties.
const SLICE: Duration = Duration::from_millis(5);
/// How much longer the task for "two" sleeps than the one for "one".
const NAP: Duration = Duration::from_millis(50);

fn main() -> io::Result<()> {
    let runtime = Builder::new().workers(1).build()?;
    // Sockets are made inside a runtime; nothing runs before the loop drives it.
    let entered = runtime.enter();
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let server = listener.local_addr()?;
    spawn(repeat(listener)).named("server").detach();
    drop(entered);

    let (commands, mut user) = UnixStream::pair()?;
    io::Write::write_all(&mut user, b"two\none\n")?;
    let passes = host(&runtime, commands, server)?;
    println!("the host has passed through its loop {passes} times");

    let report = runtime.shutdown(Duration::from_secs(1));
    assert!(report.is_clean(), "{report}");
    Ok(())
}

/// The foreign loop; returns how often it went round.
fn host(runtime: &Runtime, commands: UnixStream, server: SocketAddr) -> io::Result<u32> {
    let mut commands = BufReader::new(commands);
    let (done, finished) = mpsc::channel();
    for pass in 1.. {
        // 1. Let windlass run.
        let driven = runtime.drive(SLICE);

        // 2. The host's own duties: here, what its tasks have come to.
        for (command, answer) in finished.try_iter() {
            let answer: String = answer?;
            println!("the task for {command:?} has ended: {answer}");
            if command == "two" {
                return Ok(pass);
            }
        }

        // 3. Wait. Between `drive` and this, nothing may run windlass: what it leaves to do would
        //    not end the wait.
        if has_command(&commands, runtime, driven)? {
            let mut command = String::new();
            commands.read_line(&mut command)?;
            let command = command.trim_end().to_owned();
            println!("the host reads {command:?}");
            let done = done.clone();
            let task = async move {
                let answer = ask(server, &command).await;
                done.send((command, answer)).expect("the host listens until the last has ended");
            };
            runtime.spawn(task).detach();
        }
    }
    unreachable!("the loop ends when the last command is done")
}

/// Waits for whatever comes first; true if it is a command.
fn has_command(
    commands: &BufReader<UnixStream>,
    runtime: &Runtime,
    driven: Driven,
) -> io::Result<bool> {
    if !commands.buffer().is_empty() {
        return Ok(true);
    }
    let time_out = if driven.more {
        Some(Duration::ZERO)
    } else {
        driven.next_deadline.map(|at| at.saturating_duration_since(Instant::now()))
    };
    // A wait too long for the system is a wait without end.
    let time_out = time_out.and_then(|wait| Timespec::try_from(wait).ok());
    let poller = runtime.handle().poller_fd();
    let mut ready = [
        PollFd::from_borrowed_fd(commands.get_ref().as_fd(), PollFlags::IN),
        PollFd::from_borrowed_fd(poller, PollFlags::IN),
    ];
    poll(&mut ready, time_out.as_ref())?;
    Ok(ready[0].revents().contains(PollFlags::IN))
}

/// Sends the text, sleeps if it is "two", and brings back both answers.
async fn ask(server: SocketAddr, text: &str) -> io::Result<String> {
    let stream = TcpStream::connect(server).await?;
    let mut answers = Vec::new();
    for _ in 0..2 {
        let mut answer = vec![0; text.len()];
        stream.write_all(text.as_bytes()).await?;
        stream.read_exact(&mut answer).await?;
        answers.push(String::from_utf8_lossy(&answer).into_owned());
        if text == "two" {
            time::sleep(NAP).await;
        }
    }
    Ok(answers.join(", "))
}

/// A server that sends everything back.
async fn repeat(listener: TcpListener) -> io::Result<()> {
    loop {
        let (stream, _) = listener.accept().await?;
        spawn(async move { windlass::io::copy(&stream, &stream).await }).detach();
    }
}
