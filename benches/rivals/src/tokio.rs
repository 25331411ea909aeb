//! The vocabulary in tokio's words: the multi-thread scheduler, as `#[tokio::main]` builds it.

use std::future::Future;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::sync::{MutexGuard, Notify, SemaphorePermit};

pub use tokio::net::{TcpListener, TcpStream};
pub use tokio::spawn;
pub use tokio::sync::mpsc::{Receiver, Sender, channel as queue};
pub use tokio::sync::{Mutex, Semaphore};
pub use tokio::task::{JoinHandle as Task, spawn_blocking, yield_now};
pub use tokio::time::sleep;

#[path = "rows.rs"]
pub mod rows;

pub fn run<T>(workers: usize, future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(workers)
        .enable_io()
        .enable_time()
        .build()
        .expect("threads can be started")
        .block_on(future)
}

pub async fn join<T>(task: Task<T>) -> T {
    task.await.expect("no task of the suite panics")
}

pub fn detach<T>(task: Task<T>) {
    drop(task);
}

/// Whether `future` came in time.
pub async fn timeout<T>(limit: Duration, future: impl Future<Output = T>) -> bool {
    tokio::time::timeout(limit, future).await.is_ok()
}

pub async fn acquire(semaphore: &Semaphore) -> SemaphorePermit<'_> {
    semaphore.acquire().await.expect("nobody closes it")
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

/// A queue that many receive from: tokio's has one receiver, which its users put into a mutex.
#[derive(Clone)]
pub struct Shared {
    sender: Sender<usize>,
    receiver: Arc<Mutex<Receiver<usize>>>,
}

impl Shared {
    pub fn new(capacity: usize) -> Shared {
        let (sender, receiver) = queue(capacity);
        Shared { sender, receiver: Arc::new(Mutex::new(receiver)) }
    }

    pub async fn send(&self, item: usize) {
        self.sender.send(item).await.expect("we hold a receiver ourselves");
    }

    pub async fn take(&self) -> usize {
        self.receiver.lock().await.recv().await.expect("we hold a sender ourselves")
    }
}

#[derive(Clone)]
pub struct Signal(Arc<Notify>);

impl Signal {
    pub fn new() -> Signal {
        Signal(Arc::new(Notify::new()))
    }

    pub fn raise(&self) {
        self.0.notify_one();
    }

    pub async fn wait(&self) {
        self.0.notified().await;
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
