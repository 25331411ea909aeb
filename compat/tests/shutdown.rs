//! How a server ends.

mod kit;

use std::sync::mpsc::channel;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use kit::*;
use windlass::net::{TcpListener, TcpStream};
use windlass::runtime::{Builder, Handle, now};
use windlass::spawn;
use windlass_compat::serve::Report;
use windlass_compat::{Options, serve};

const GRACE: Duration = Duration::from_secs(5);
/// Longer than connections may take that have nothing to do.
const MOMENT: Duration = Duration::from_millis(20);

// SRV-18
#[windlass::test(paused)]
async fn a_request_in_flight_finishes_while_the_listener_and_idle_connections_are_closed() {
    let slow = Slow::default();
    let handler = slow.handler();
    let (server, address) = server(Options::new(), move |request| {
        let slow = (request.uri().path() == "/slow").then(|| handler(request));
        async move {
            match slow {
                Some(slow) => slow.await,
                None => reply("quick"),
            }
        }
    });
    let (mut busy, mut idle) = (Client::connect(address).await, Client::connect(address).await);
    let mut silent = Client::connect(address).await;
    assert_eq!(idle.ask(GET).await.1, "quick");
    busy.send(&GET.replace("/ ", "/slow ")).await;
    slow.begun.wait().await;

    let begun = now();
    let stopping = spawn(server.shutdown(GRACE));
    idle.closed().await;
    silent.closed().await;
    assert!(now() - begun < MOMENT, "they did not wait for anything");
    let refused = TcpStream::connect(address).await.unwrap_err();
    assert_eq!(refused.kind(), std::io::ErrorKind::ConnectionRefused);
    assert!(!stopping.is_finished(), "a request is in flight");

    slow.go.set();
    let (head, body) = busy.reply().await;
    assert!(head.starts_with("HTTP/1.1 200") && head.contains("connection: close"), "{head}");
    assert_eq!(body, b"slow");
    busy.closed().await;
    assert_eq!(stopping.await.unwrap(), Report { finished: 3, cancelled: 0 });
    assert!(now() - begun < MOMENT);
}

#[windlass::test(paused)]
async fn a_request_that_outlasts_the_grace_is_cancelled_and_gone() {
    let slow = Slow::default();
    let (server, address) = server(Options::new(), slow.handler());
    let mut client = Client::connect(address).await;
    client.send(GET).await;
    slow.begun.wait().await;
    let begun = now();
    let report = server.shutdown(GRACE).await;
    assert_eq!(report, Report { finished: 0, cancelled: 1 });
    assert_eq!(now() - begun, GRACE);
    assert_eq!(slow.over(), 1, "its handler was dropped before the report");
    client.closed().await;
}

#[windlass::test(paused)]
async fn the_requests_of_http2_finish_too() {
    let slow = Slow::default();
    let (server, address) = server(Options::new(), slow.handler());
    let mut sender = http2(address).await;
    let reply = spawn(sender.send_request(request("")));
    slow.begun.wait().await;
    let stopping = spawn(server.shutdown(GRACE));
    windlass::time::sleep(GRACE / 2).await;
    assert!(!stopping.is_finished());
    slow.go.set();
    assert_eq!(text(reply.await.unwrap().unwrap()).await, "slow");
    assert_eq!(stopping.await.unwrap(), Report { finished: 1, cancelled: 0 });
}

#[windlass::test(paused)]
async fn the_requests_of_http2_are_gone_when_the_grace_is_over() {
    let slow = Slow::default();
    let (server, address) = server(Options::new(), slow.handler());
    let mut sender = http2(address).await;
    let replies: Vec<_> = (0..3).map(|_| spawn(sender.send_request(request("")))).collect();
    slow.begun.wait().await;
    assert_eq!(server.shutdown(GRACE).await, Report { finished: 0, cancelled: 1 });
    assert_eq!(slow.over(), 3, "the tasks of its requests have ended with the connection");
    for reply in replies {
        assert!(reply.await.unwrap().is_err());
    }
}

#[test]
fn a_request_of_http2_that_cannot_be_cancelled_is_waited_for() {
    let runtime = Builder::new().workers(2).caller_works(false).build().unwrap();
    let (begin, begun) = channel();
    let (go, gate) = channel();
    let (begin, gate) = (Arc::new(Mutex::new(begin)), Arc::new(Mutex::new(gate)));
    let (tell, told) = channel();
    runtime
        .spawn(async move {
            let (server, address) = server(Options::new(), move |_| {
                let (begin, gate) = (begin.clone(), gate.clone());
                async move {
                    begin.lock().unwrap().send(()).unwrap();
                    gate.lock().unwrap().recv().unwrap(); // blocks its worker, in the poll
                    reply("late")
                }
            });
            let mut sender = http2(address).await;
            tell.send(server).unwrap();
            assert!(sender.send_request(request("")).await.is_err());
            for _ in 0..100 {
                windlass::yield_now().await; // whoever else could run has run
            }
        })
        .detach();
    let server = told.recv().unwrap();
    begun.recv().unwrap();
    let stopping = runtime.spawn(server.shutdown(Duration::ZERO));
    assert!(told.recv().is_err(), "the client's task has ended");
    assert!(!stopping.is_finished(), "the handler still runs");
    go.send(()).unwrap();
    assert_eq!(runtime.block_on(stopping).unwrap(), Report { finished: 0, cancelled: 1 });
}

#[windlass::test(paused)]
async fn an_idle_http2_connection_does_not_delay() {
    let (server, address) = server(Options::new(), hello);
    let mut sender = http2(address).await;
    assert_eq!(text(sender.send_request(request("")).await.unwrap()).await, "hello");
    let begun = now();
    assert_eq!(server.shutdown(GRACE).await, Report { finished: 1, cancelled: 0 });
    assert!(now() - begun < MOMENT);
}

#[windlass::test(paused)]
async fn half_a_head_delays_no_longer_than_the_limit_for_heads() {
    let (server, address) = server(Options::new().header_read_timeout(GRACE / 5), hello);
    let client = Client::connect(address).await;
    client.send("GET / HTTP/1.1\r\nho").await;
    assert!(client.hears_nothing_for(MOMENT).await, "it is read by then");
    let begun = now();
    assert_eq!(server.shutdown(GRACE).await, Report { finished: 1, cancelled: 0 });
    assert!(now() - begun < GRACE / 4);
}

#[windlass::test(paused)]
async fn a_request_that_was_sent_before_the_stop_is_answered() {
    let (server, address) = server(Options::new(), hello);
    let (mut new, mut idle) = (Client::connect(address).await, Client::connect(address).await);
    assert_eq!(idle.ask(GET).await.1, "hello");
    until(|| server.connections() == 2).await;
    new.send(GET).await; // nobody has read them
    idle.send(GET).await;
    let report = server.shutdown(GRACE).await;
    assert_eq!((new.reply().await.1, idle.reply().await.1), (b"hello".into(), b"hello".into()));
    assert_eq!(report, Report { finished: 2, cancelled: 0 });
}

#[windlass::test(paused)]
async fn no_grace_cancels_at_once() {
    let slow = Slow::default();
    let (server, address) = server(Options::new(), slow.handler());
    let client = Client::connect(address).await;
    client.send(GET).await;
    slow.begun.wait().await;
    let begun = now();
    assert_eq!(server.shutdown(Duration::ZERO).await, Report { finished: 0, cancelled: 1 });
    assert!(now() - begun < MOMENT);
}

// SRV-05
#[windlass::test]
async fn another_server_binds_the_address_at_once_and_old_clients_see_the_end() {
    let (first, address) = server(Options::new(), hello);
    let mut old = Client::connect(address).await;
    assert_eq!(old.ask(GET).await.1, "hello");
    first.shutdown(GRACE).await;
    let listener = TcpListener::bind(address).unwrap();
    let _second = serve(listener, service(async |_| reply("again")), Options::new());
    old.closed().await;
    assert_eq!(Client::connect(address).await.ask(GET).await.1, "again");
}

#[windlass::test]
async fn a_dropped_server_cuts_everything() {
    let slow = Slow::default();
    let (server, address) = server(Options::new(), slow.handler());
    let mut client = Client::connect(address).await;
    client.send(GET).await;
    slow.begun.wait().await;
    drop(server);
    client.closed().await;
    until(|| slow.over() == 1 && Handle::current().metrics().tasks == 0).await;
}

#[windlass::test]
async fn a_dropped_shutdown_cuts_everything() {
    let slow = Slow::default();
    let (server, address) = server(Options::new(), slow.handler());
    let mut client = Client::connect(address).await;
    client.send(GET).await;
    slow.begun.wait().await;
    let stopping = spawn(server.shutdown(GRACE));
    until(|| std::net::TcpStream::connect(address).is_err()).await;
    drop(stopping);
    client.closed().await;
    until(|| slow.over() == 1).await;
}

#[windlass::test(paused)]
async fn a_full_server_stops_as_well() {
    let slow = Slow::default();
    let (server, address) = server(Options::new().max_connections(1), slow.handler());
    let mut first = Client::connect(address).await;
    first.send(GET).await;
    slow.begun.wait().await;
    let mut second = Client::connect(address).await; // never accepted
    second.send(GET).await;
    assert!(second.hears_nothing_for(Duration::from_secs(1)).await);
    let stopping = spawn(server.shutdown(GRACE));
    second.closed().await;
    slow.go.set();
    assert_eq!(first.reply().await.1, b"slow");
    assert_eq!(stopping.await.unwrap(), Report { finished: 1, cancelled: 0 });
}
