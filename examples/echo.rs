//! A TCP server that sends back what it gets, and, on request, its own load.
//!
//! ```text
//! cargo run --release --example echo                                         # serves until Ctrl-C
//! cargo run --release --example echo -- --connections 64 --requests 2000     # measures itself
//! ```
//!
//! | option            | meaning                                                                 |
//! |-------------------|-------------------------------------------------------------------------|
//! | `--listen ADDR`   | where to listen; 127.0.0.1:7000, or any free port with `--connections`  |
//! | `--workers N`     | workers of the runtime; one for each processor                          |
//! | `--connections N` | clients in this process that send requests and wait for each answer     |
//! | `--requests K`    | requests of each client; 1,000                                          |
//!
//! The figure that `--connections` prints counts clients and server together, since both run on the
//! same workers: it compares runtimes and machines, and says less than an outside client about what
//! the server alone can do.
//!
//! What can go wrong:
//! - The address is in use: the program ends with status 1 and names the address.
//! - The process runs out of descriptors: the server says so, keeps the connections that it has, and
//!   accepts the others when it can again.
//! - A connection breaks: that connection's task says so and ends, and no other notices.
//! - Ctrl-C: the listener closes, then the connections, and the program ends with status 0.

use std::io;
use std::net::SocketAddr;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use windlass::net::{TcpListener, TcpStream};
use windlass::runtime::Builder;
use windlass::signal::ctrl_c;
use windlass::task::{Until, wait};
use windlass::{spawn, time};

/// How long the server waits for a descriptor to become free.
const BACKOFF: Duration = Duration::from_millis(50);
/// What a connection reads at once.
const BUFFER: usize = 4096;
/// What a client sends and wants back.
const MESSAGE: &[u8; 64] = &[b'w'; 64];

/// What the command line says.
#[derive(Default)]
struct Options {
    listen: Option<SocketAddr>,
    workers: Option<usize>,
    connections: Option<usize>,
    requests: Option<usize>,
}

fn main() -> ExitCode {
    match options().and_then(start) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("echo: {error}");
            ExitCode::FAILURE
        }
    }
}

fn start(options: Options) -> io::Result<()> {
    let mut builder = Builder::new();
    if let Some(workers) = options.workers {
        builder = builder.workers(workers);
    }
    builder.build()?.block_on(run(options))
}

/// Serves until Ctrl-C, or until the load is done, or until the server fails.
async fn run(options: Options) -> io::Result<()> {
    // Before the first line is printed: who sees that may send the signal.
    let interrupt = ctrl_c();
    let port = if options.connections.is_some() { 0 } else { 7000 };
    let listen = options.listen.unwrap_or(SocketAddr::from(([127, 0, 0, 1], port)));
    let listener = TcpListener::bind(listen)?;
    let address = listener.local_addr()?;
    println!("listening on {address}");

    let mut tasks = vec![spawn(serve(listener)).named("server")];
    tasks.push(spawn(interrupt).named("Ctrl-C"));
    if let Some(connections) = options.connections {
        let requests = options.requests.unwrap_or(1000);
        tasks.push(spawn(load(address, connections, requests)).named("load"));
    } else {
        println!("press Ctrl-C to stop");
    }

    // Dropping the tasks that are still pending cancels them, and the end of the runtime cancels
    // the connections. Both close their sockets.
    for ended in wait(&mut tasks, Until::FirstCompleted).await.done {
        ended.await??;
    }
    println!("stopped");
    Ok(())
}

/// Accepts connections for ever. It ends only by an error that waiting does not cure.
async fn serve(listener: TcpListener) -> io::Result<()> {
    loop {
        let backoff = |error: &io::Error| {
            eprintln!("cannot accept for now: {error}");
            time::sleep(BACKOFF)
        };
        let (stream, peer) = listener.accept_resilient(backoff).await?;
        spawn(async move {
            if let Err(error) = echo(stream).await {
                eprintln!("{peer}: {error}");
            }
        })
        .detach(); // nobody waits for it: the runtime does, when it ends
    }
}

/// Sends everything back until the client hangs up.
async fn echo(stream: TcpStream) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let mut buffer = [0; BUFFER];
    loop {
        let count = stream.read(&mut buffer).await?;
        if count == 0 {
            return Ok(());
        }
        stream.write_all(&buffer[..count]).await?;
    }
}

/// Runs all clients at the same time, and prints how they did.
async fn load(server: SocketAddr, connections: usize, requests: usize) -> io::Result<()> {
    // The clock starts when every client is connected.
    let mut streams = Vec::new();
    for _ in 0..connections {
        streams.push(TcpStream::connect(server).await?);
    }
    let begun = Instant::now();
    let clients: Vec<_> =
        streams.into_iter().map(|stream| spawn(client(stream, requests))).collect();
    for client in clients {
        client.await??;
    }
    let seconds = begun.elapsed().as_secs_f64();
    let total = connections * requests;
    let rate = total as f64 / seconds;
    println!("{total} requests in {seconds:.3} s: {rate:.0} requests per second");
    Ok(())
}

async fn client(stream: TcpStream, requests: usize) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let mut answer = [0; MESSAGE.len()];
    for _ in 0..requests {
        stream.write_all(MESSAGE).await?;
        stream.read_exact(&mut answer).await?;
        if answer != *MESSAGE {
            return Err(io::Error::other("the answer is not the message"));
        }
    }
    Ok(())
}

fn options() -> io::Result<Options> {
    let mut options = Options::default();
    let mut arguments = std::env::args().skip(1);
    while let Some(name) = arguments.next() {
        let value = arguments.next().unwrap_or_default();
        match &*name {
            "--listen" => options.listen = Some(parse(&name, &value)?),
            "--workers" => options.workers = Some(parse(&name, &value)?),
            "--connections" => options.connections = Some(parse(&name, &value)?),
            "--requests" => options.requests = Some(parse(&name, &value)?),
            _ => return Err(io::Error::other(format!("there is no option {name}"))),
        }
    }
    Ok(options)
}

fn parse<T: std::str::FromStr>(name: &str, value: &str) -> io::Result<T> {
    value.parse().map_err(|_| io::Error::other(format!("{name} does not take {value:?}")))
}
