//! What a server needs of the whole: connections as tasks, signals, blocking work with context.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::time::Duration;

use windlass::io::UnexpectedEof;
use windlass::net::{TcpListener, TcpStream};
use windlass::runtime::Handle;
use windlass::signal::{SIGUSR1, SIGUSR2, signal};
use windlass::sync::Event;
use windlass::task::{Until, task_local, wait};
use windlass::time::sleep;
use windlass::{Task, spawn, spawn_blocking, yield_now};

use super::rig::*;

fn raise(number: i32) {
    let signal = rustix::process::Signal::from_named_raw(number).unwrap();
    rustix::process::kill_process(rustix::process::getpid(), signal).unwrap();
}

/// A listener, and so many connections to it: the client's ends and the server's.
async fn connections(count: usize) -> (TcpListener, Vec<TcpStream>, Vec<TcpStream>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let (mut near, mut far) = (Vec::new(), Vec::new());
    for _ in 0..count {
        far.push(TcpStream::connect(address).await.unwrap());
        near.push(listener.accept().await.unwrap().0);
    }
    (listener, near, far)
}

/// Reads until the end of the stream.
async fn serve(stream: TcpStream) {
    while stream.read(&mut [0; 16]).await.unwrap() > 0 {}
}

// SRV-01
#[test]
fn waiting_for_a_servers_tasks_ends_with_its_last_connection() {
    on_1_2_and_4(|workers| {
        runtime(workers).block_on(async {
            let (listener, near, mut far) = connections(3).await;
            drop(listener);
            let mut tasks: Vec<_> = near.into_iter().map(|stream| spawn(serve(stream))).collect();
            let last = far.pop();
            drop(far);
            let waited = wait(&mut tasks, Until::FirstCompleted).await;
            let mut left = waited.pending;
            assert!(!left.is_empty(), "one client is still there");
            drop(last);
            assert_eq!(wait(&mut left, Until::AllCompleted).await.pending.len(), 0);
        });
    });
}

// SRV-02
#[test]
fn aborting_a_servers_tasks_closes_every_connection() {
    on_1_2_and_4(|workers| {
        runtime(workers).block_on(async {
            let (_listener, near, far) = connections(3).await;
            let tasks: Vec<_> = near.into_iter().map(|stream| spawn(serve(stream))).collect();
            for task in tasks {
                assert!(task.cancel().await.unwrap_err().is_cancelled());
            }
            for stream in far {
                assert_eq!(stream.read(&mut [0; 16]).await.unwrap(), 0);
            }
        });
    });
}

// SRV-08
#[test]
fn a_cancelled_read_leaves_no_source_and_no_task() {
    on_1_2_and_4(|workers| {
        runtime(workers).block_on(async {
            let before = Handle::current().metrics().sources;
            let (listener, near, far) = connections(1).await;
            let reads: Vec<Task<()>> =
                near.into_iter().map(|stream| spawn(serve(stream))).collect();
            yield_now().await;
            for read in reads {
                assert!(read.cancel().await.unwrap_err().is_cancelled());
            }
            drop((listener, far));
            let after = Handle::current().metrics();
            assert_eq!((after.sources, after.tasks), (before, 0));
        });
    });
}

// SRV-16
#[test]
fn a_body_that_is_cut_short_fails_its_handler_and_not_the_server() {
    on_1_2_and_4(|workers| {
        runtime(workers).block_on(async {
            let (_listener, near, mut far) = connections(2).await;
            let mut handlers: Vec<_> = near
                .into_iter()
                .map(|stream| {
                    spawn(async move {
                        let mut body = [0; 8];
                        stream.read_exact(&mut body).await.map(|_| body)
                    })
                })
                .collect();
            let (whole, short) = (far.pop().unwrap(), far.pop().unwrap());
            short.write_all(b"half").await.unwrap();
            drop(short);
            whole.write_all(b"complete").await.unwrap();
            let good = handlers.pop().unwrap().await.unwrap();
            assert_eq!(&good.unwrap(), b"complete");
            let error: io::Error = handlers.pop().unwrap().await.unwrap().unwrap_err();
            let cause = error.get_ref().unwrap().downcast_ref::<UnexpectedEof>().unwrap();
            assert_eq!((cause.arrived, cause.wanted), (4, 8));
        });
    });
}

// SRV-18
#[test]
fn idle_connections_do_not_hold_a_shutdown_up() {
    on_1_2_and_4(|workers| {
        let runtime = runtime(workers);
        let (_listener, _far) = runtime.block_on(async {
            let (listener, near, far) = connections(3).await;
            near.into_iter().for_each(|stream| spawn(serve(stream)).detach());
            yield_now().await;
            (listener, far)
        });
        // The limit is not reached, or the report would not be clean.
        let report = runtime.shutdown(Duration::from_secs(60));
        assert!(report.is_clean());
        assert_eq!(report.cancelled.len(), 3);
    });
}

// SIG-02
#[test]
fn a_second_signal_is_heard_while_the_first_is_cleaned_up_after() {
    on_1_2_and_4(|workers| {
        runtime(workers).block_on(async {
            let mut signals = signal(SIGUSR1).unwrap();
            raise(SIGUSR1);
            signals.recv().await.unwrap();
            let cleanup = spawn(std::future::pending::<()>());
            raise(SIGUSR1);
            signals.recv().await.unwrap();
            assert!(cleanup.cancel().await.unwrap_err().is_cancelled());
        });
    });
}

// SIG-06
#[test]
fn a_root_that_only_yields_is_interrupted_by_a_signal() {
    on_1_2_and_4(|workers| {
        runtime(workers).block_on(async {
            let mut signals = signal(SIGUSR2).unwrap();
            let stop = Arc::new(Event::new());
            let told = stop.clone();
            let listener = spawn(async move {
                signals.recv().await.unwrap();
                told.set();
            });
            raise(SIGUSR2);
            while !stop.is_set() {
                yield_now().await;
            }
            listener.await.unwrap();
        });
    });
}

// EXE-03
#[test]
fn the_default_pool_starts_no_thread_before_it_has_a_job() {
    on_1_2_and_4(|workers| {
        let runtime = runtime(workers);
        assert_eq!(runtime.handle().blocking().stats().threads, 0);
        assert_eq!(runtime.block_on(async { spawn_blocking(|| 7).await.unwrap() }), 7);
        assert_eq!(runtime.handle().blocking().stats().threads, 1);
    });
}

// EXE-04, EXE-06
#[test]
fn a_shutdown_waits_for_the_blocking_job_whose_task_was_dropped() {
    on_1_2_and_4(|workers| {
        let runtime = runtime(workers);
        let done = Arc::new(AtomicUsize::new(0));
        let (go, may_go) = gate();
        let (begun, begins) = gate();
        runtime.block_on(async {
            let done = done.clone();
            let job = spawn_blocking(move || {
                begun.send(()).unwrap();
                may_go.recv().unwrap();
                done.fetch_add(1, SeqCst);
            });
            spawn_blocking(move || begins.recv().unwrap()).await.unwrap();
            drop(job); // returns at once: the gate is still closed
        });
        assert_eq!(done.load(SeqCst), 0);
        go.send(()).unwrap();
        assert!(runtime.shutdown(Duration::from_secs(60)).is_clean());
        assert_eq!(done.load(SeqCst), 1);
    });
}

task_local! {
    static REQUEST: u32;
}

// EXE-12
#[test]
fn a_value_of_the_task_is_taken_along_to_a_blocking_job_on_request() {
    on_1_2_and_4(|workers| {
        runtime(workers).block_on(async {
            let seen = REQUEST.scope(7, async {
                let request = REQUEST.get();
                let without = spawn_blocking(|| REQUEST.try_with(|value| *value).is_ok());
                assert!(!without.await.unwrap());
                spawn_blocking(move || REQUEST.sync_scope(request, || REQUEST.get())).await.unwrap()
            });
            assert_eq!(seen.await, 7);
        });
    });
}

// EXE-14, EXE-15
#[test]
fn a_blocking_job_uses_tasks_timers_and_sockets_of_its_runtime() {
    on_1_2_and_4(|workers| {
        runtime(workers).block_on(async {
            let job = spawn_blocking(|| {
                Handle::current().block_on(async {
                    sleep(Duration::from_millis(1)).await;
                    let (_listener, near, far) = connections(1).await;
                    let server = spawn(async move { near[0].write_all(b"hello").await });
                    let mut buffer = [0; 5];
                    far[0].read_exact(&mut buffer).await.unwrap();
                    server.await.unwrap().unwrap();
                    buffer
                })
            });
            assert_eq!(&job.await.unwrap(), b"hello");
        });
    });
}

#[windlass::test]
async fn a_name_that_cannot_be_looked_up_is_named_in_the_error() {
    for name in ["localhost", "localhost:none", "a\0b:80"] {
        let error = windlass::net::connect(name).await.unwrap_err();
        assert_eq!(error.kind(), std::io::ErrorKind::InvalidInput);
        assert!(error.to_string().contains(&format!("{name:?}")), "{error}");
    }
}
