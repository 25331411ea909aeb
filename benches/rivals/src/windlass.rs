//! The vocabulary in windlass's words: a runtime with the caller of `block_on` on seat 0.

use std::future::Future;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use windlass::runtime::Builder;
use windlass::sync::{MutexGuard, Notify, Queue};

pub use windlass::net::{TcpListener, TcpStream};
pub use windlass::sync::{Consumer as Receiver, Mutex, Producer as Sender, Semaphore};
pub use windlass::task::Task;
pub use windlass::time::sleep;
pub use windlass::{spawn, spawn_blocking, yield_now};

#[path = "rows.rs"]
pub mod rows;

pub fn run<T>(workers: usize, future: impl Future<Output = T>) -> T {
    Builder::new().workers(workers).build().expect("threads can be started").block_on(future)
}

pub async fn join<T>(task: Task<T>) -> T {
    task.await.expect("no task of the suite panics")
}

pub fn detach<T>(task: Task<T>) {
    task.detach();
}

/// Whether `future` came in time.
pub async fn timeout<T>(limit: Duration, future: impl Future<Output = T>) -> bool {
    windlass::time::timeout(limit, future).await.is_ok()
}

/// Whatever guard the semaphore gives, so that this file does not depend on its name.
pub async fn acquire(semaphore: &Semaphore) -> impl Sized + Send + '_ {
    semaphore.acquire().await
}

pub async fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().await
}

pub fn queue<T>(capacity: usize) -> (Sender<T>, Receiver<T>) {
    Queue::bounded(capacity).split()
}

pub async fn send<T>(sender: &Sender<T>, item: T) {
    sender.put(item).await.map_err(drop).expect("somebody receives");
}

pub async fn receive<T>(receiver: &mut Receiver<T>) -> T {
    receiver.get().await.expect("somebody sends")
}

/// A queue that many receive from.
#[derive(Clone)]
pub struct Shared(Queue<usize>);

impl Shared {
    pub fn new(capacity: usize) -> Shared {
        Shared(Queue::bounded(capacity))
    }

    pub async fn send(&self, item: usize) {
        self.0.put(item).await.expect("nobody closes it");
    }

    pub async fn take(&self) -> usize {
        self.0.get().await.expect("nobody closes it")
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
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
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

pub async fn write_all(stream: &mut TcpStream, mut bytes: &[u8]) -> io::Result<()> {
    while !bytes.is_empty() {
        match stream.write(bytes).await? {
            0 => return Err(io::ErrorKind::WriteZero.into()),
            count => bytes = &bytes[count..],
        }
    }
    Ok(())
}
