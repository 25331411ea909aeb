//! The vocabulary in smol's words: its global executor, on `SMOL_THREADS` threads, async-io's
//! reactor thread beside them, and `smol::block_on` for the caller.

use std::future::Future;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use smol::Timer;
use smol::io::{AsyncReadExt, AsyncWriteExt};
use smol::lock::{MutexGuard, SemaphoreGuard};

use crate::measure::Plan;

pub use smol::channel::{Receiver, Sender, bounded as queue};
pub use smol::future::yield_now;
pub use smol::lock::{Mutex, Semaphore};
pub use smol::net::{TcpListener, TcpStream};
pub use smol::{Task, spawn, unblock as spawn_blocking};

#[path = "rows.rs"]
pub mod rows;

/// The global executor takes its number of threads from the environment only; `compare` sets it.
///
/// # Errors
/// If it does not say what the plan says.
pub fn check_threads(plan: Plan) -> Result<(), String> {
    let threads = std::env::var("SMOL_THREADS").unwrap_or_default();
    if threads.parse() == Ok(plan.workers) {
        return Ok(());
    }
    Err(format!("set SMOL_THREADS={} for this row", plan.workers))
}

pub fn run<T>(_workers: usize, future: impl Future<Output = T>) -> T {
    smol::block_on(future)
}

pub async fn join<T>(task: Task<T>) -> T {
    task.await
}

pub fn detach<T>(task: Task<T>) {
    task.detach();
}

pub async fn sleep(duration: Duration) {
    Timer::after(duration).await;
}

/// Whether `future` came in time. smol has no timeout; its documentation shows this one.
pub async fn timeout<T>(limit: Duration, future: impl Future<Output = T>) -> bool {
    let work = async {
        future.await;
        true
    };
    let expiry = async {
        Timer::after(limit).await;
        false
    };
    smol::future::or(work, expiry).await
}

pub async fn acquire(semaphore: &Semaphore) -> SemaphoreGuard<'_> {
    semaphore.acquire().await
}

pub async fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().await
}

pub async fn send<T>(sender: &Sender<T>, item: T) {
    sender.send(item).await.map_err(drop).expect("somebody receives");
}

pub async fn receive<T>(receiver: &mut Receiver<T>) -> T {
    receiver.recv().await.expect("somebody sends")
}

/// A queue that many receive from.
#[derive(Clone)]
pub struct Shared {
    sender: Sender<usize>,
    receiver: Receiver<usize>,
}

impl Shared {
    pub fn new(capacity: usize) -> Shared {
        let (sender, receiver) = queue(capacity);
        Shared { sender, receiver }
    }

    pub async fn send(&self, item: usize) {
        self.sender.send(item).await.expect("we hold a receiver ourselves");
    }

    pub async fn take(&self) -> usize {
        self.receiver.recv().await.expect("we hold a sender ourselves")
    }
}

/// smol has no `Notify`: a channel with room for one raise.
#[derive(Clone)]
pub struct Signal {
    sender: Sender<()>,
    receiver: Receiver<()>,
}

impl Signal {
    pub fn new() -> Signal {
        let (sender, receiver) = queue(1);
        Signal { sender, receiver }
    }

    pub fn raise(&self) {
        // Full means raised already.
        let _ = self.sender.try_send(());
    }

    pub async fn wait(&self) {
        self.receiver.recv().await.expect("we hold a sender ourselves");
    }
}

pub async fn bind() -> io::Result<(TcpListener, SocketAddr)> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
    let address = listener.local_addr()?;
    Ok((listener, address))
}

pub async fn accept(listener: &mut TcpListener) -> io::Result<TcpStream> {
    let (stream, _) = listener.accept().await?;
    stream.set_nodelay(true)?;
    Ok(stream)
}

pub async fn read(stream: &mut TcpStream, buffer: &mut [u8]) -> io::Result<usize> {
    stream.read(buffer).await
}

pub async fn write_all(stream: &mut TcpStream, bytes: &[u8]) -> io::Result<()> {
    stream.write_all(bytes).await
}
