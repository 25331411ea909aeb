//! What a server answers, on connections that live as they should.

mod kit;

use std::io::IoSlice;
use std::os::fd::AsFd;
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};
use std::time::Duration;

use axum::routing::get;
use axum::{Json, Router};
use kit::*;
use windlass::net::{TcpListener, UnixListener, UnixStream};
use windlass::runtime::{Builder, Handle, Report, now};
use windlass::sync::Event;
use windlass::time::{sleep, timeout};
use windlass_compat::{FromTokio, Io, Options, serve, tower};

const LIMIT: Duration = Duration::from_secs(5);
/// What a client of HTTP/2 sends first: the preface, and a frame of settings.
const BEGINNING: &str = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0";
/// The length of the preface.
const PREFACE: usize = 24;

/// Options with a list of what went wrong.
fn listening() -> (Options, Arc<Mutex<Vec<String>>>) {
    let told = Arc::new(Mutex::new(Vec::new()));
    let hook = told.clone();
    let options = Options::new().header_read_timeout(LIMIT);
    (options.on_error(move |error| hook.lock().unwrap().push(error.to_string())), told)
}

#[windlass::test]
async fn a_connection_is_kept_for_the_next_request() {
    let (server, address) = server(Options::new(), hello);
    let mut client = Client::connect(address).await;
    for _ in 0..3 {
        assert_eq!(client.ask(GET).await, (200, "hello".into()));
    }
    assert_eq!(server.connections(), 1);
}

#[windlass::test]
async fn a_connection_is_not_kept_if_the_options_say_so() {
    let (_server, address) = server(Options::new().keep_alive(false), hello);
    let mut client = Client::connect(address).await;
    assert_eq!(client.ask(GET).await, (200, "hello".into()));
    client.closed().await;
}

#[windlass::test]
async fn pipelined_requests_are_answered_in_their_order() {
    let (_server, address) = server(Options::new(), |request| async move {
        // The first is the slowest.
        let pause = if request.uri().path() == "/1" { 3 } else { 0 };
        for _ in 0..pause {
            windlass::yield_now().await;
        }
        reply(request.uri().path().to_owned())
    });
    let mut client = Client::connect(address).await;
    client.send(&GET.replace("/ ", "/1 ")).await;
    client.send(&(GET.replace("/ ", "/2 ") + &GET.replace("/ ", "/3 "))).await;
    for expected in ["/1", "/2", "/3"] {
        assert_eq!(client.reply().await.1, expected.as_bytes());
    }
}

#[windlass::test]
async fn the_streams_of_one_http2_connection_run_side_by_side() {
    let together = Arc::new(AtomicUsize::new(0));
    let seen = together.clone();
    let (server, address) = server(Options::new(), move |request| {
        let together = together.clone();
        async move {
            together.fetch_add(1, SeqCst);
            while together.load(SeqCst) < 50 {
                windlass::yield_now().await; // until all are here
            }
            echo(request).await
        }
    });
    let mut sender = http2(address).await;
    let mut replies = Vec::new();
    for n in 0..50 {
        sender.ready().await.unwrap();
        replies.push((n, sender.send_request(request(n.to_string()))));
    }
    for (n, reply) in replies {
        assert_eq!(text(reply.await.unwrap()).await, n.to_string());
    }
    assert_eq!((seen.load(SeqCst), server.connections()), (50, 1));
}

#[windlass::test]
async fn large_bodies_arrive_whole_both_ways() {
    let body: String = ('a'..='z').cycle().take(3_000_000).collect();
    let (_server, address) = server(Options::new(), echo);
    let mut client = Client::connect(address).await;
    let head = format!("POST / HTTP/1.1\r\nhost: here\r\ncontent-length: {}\r\n\r\n", body.len());
    assert!(client.ask(&(head + &body)).await == (200, body.clone()));

    let mut sender = http2(address).await;
    sender.ready().await.unwrap();
    let reply = sender.send_request(request(body.clone())).await.unwrap();
    assert!(text(reply).await == body);
}

/// Sends these bytes in so many pieces. The clock is paused, so each piece is read before the next.
async fn send_bytewise(client: &Client, text: &str) {
    for at in 0..text.len() {
        client.send(&text[at..=at]).await;
        sleep(Duration::from_millis(10)).await;
    }
}

#[windlass::test(paused)]
async fn a_request_of_http1_that_comes_byte_by_byte_is_served() {
    let (_server, address) = server(Options::new(), echo);
    for method in ["POST", "PROPFIND", "PRI", "GET"] {
        let mut client = Client::connect(address).await;
        let head = format!("{method} / HTTP/1.1\r\nhost: here\r\ncontent-length: 5\r\n\r\n");
        send_bytewise(&client, &(head + "hello")).await;
        assert_eq!(client.reply().await.1, b"hello", "{method}");
    }
}

#[windlass::test(paused)]
async fn a_client_of_http2_that_begins_byte_by_byte_is_served() {
    let (_server, address) = server(Options::new(), hello);
    let client = Client::connect(address).await;
    send_bytewise(&client, BEGINNING).await;
    let mut frame = [0; 9];
    client.stream.read_exact(&mut frame).await.unwrap();
    assert_eq!(frame[3], 4, "the answer is a frame of settings");
}

#[windlass::test(paused)]
async fn a_client_that_goes_after_its_first_bytes_leaves_its_seat_at_once() {
    let options = Options::new().header_read_timeout(Duration::MAX).max_connections(1);
    let (_server, address) = server(options, hello);
    let begun = now();
    for length in 1..PREFACE {
        let gone = Client::connect(address).await;
        gone.send(&BEGINNING[..length]).await;
        drop(gone);
        let mut next = Client::connect(address).await;
        let answer = timeout(LIMIT, next.ask(GET)).await;
        assert_eq!(answer, Ok((200, "hello".into())), "{length} bytes");
    }
    assert_eq!(now(), begun, "nobody waited for the clock");
}

#[windlass::test(paused)]
async fn a_client_that_pauses_in_its_first_bytes_wakes_nobody() {
    let options = Options::new().header_read_timeout(Duration::MAX);
    let (server, address) = server(options, hello);
    let client = Client::connect(address).await;
    client.send("PRI").await;
    let polls = || Handle::current().metrics().total(|worker| worker.polls);
    sleep(LIMIT).await; // it is read by then
    let before = polls();
    sleep(LIMIT).await;
    assert!(polls() - before <= 1, "{} polls, one is this task's", polls() - before);
    assert_eq!(server.connections(), 1);
}

#[windlass::test(paused)]
async fn a_head_that_does_not_come_to_its_end_closes_the_connection_in_time() {
    let (options, told) = listening();
    let (_server, address) = server(options, hello);
    let mut client = Client::connect(address).await;
    let begun = now();
    client.send("GET / HTTP/1.1\r\nhost: he").await;
    client.closed().await;
    let took = now() - begun;
    assert!(took >= LIMIT && took < LIMIT * 2, "{took:?}");
    assert!(told.lock().unwrap()[0].contains("127.0.0.1"), "the hook is told who it was");
}

#[windlass::test(paused)]
async fn a_client_that_never_says_a_word_is_closed_in_time() {
    let (options, told) = listening();
    let (server, address) = server(options, hello);
    let begun = now();
    let mut client = Client::connect(address).await;
    client.closed().await;
    let took = now() - begun;
    assert!(took >= LIMIT && took < LIMIT * 2, "{took:?}");
    assert_eq!(told.lock().unwrap().len(), 1);
    until(|| server.connections() == 0).await;
}

#[windlass::test]
async fn a_limit_that_no_clock_can_count_is_none() {
    for limit in [Duration::MAX, Duration::from_secs(u64::MAX)] {
        let (_server, address) = server(Options::new().header_read_timeout(limit), hello);
        assert_eq!(Client::connect(address).await.ask(GET).await.0, 200);
        let mut sender = http2(address).await;
        assert_eq!(sender.send_request(request("")).await.unwrap().status(), 200);
    }
}

#[windlass::test(paused)]
async fn an_idle_connection_is_closed_in_time() {
    let (options, _) = listening();
    let (_server, address) = server(options, hello);
    let mut client = Client::connect(address).await;
    assert_eq!(client.ask(GET).await.0, 200);
    let begun = now();
    client.closed().await;
    assert!(now() - begun >= LIMIT);
}

#[windlass::test(paused)]
async fn a_silent_client_of_http2_is_asked_for_a_sign_of_life_and_cut() {
    let (options, told) = listening();
    let (server, address) = server(options, hello);
    let mut alive = http2(address).await;
    let dead = Client::connect(address).await;
    dead.send(BEGINNING).await;
    let begun = now();
    windlass::io::read_to_end(&dead.stream, &mut Vec::new(), 1000).await.unwrap();
    assert!(now() - begun >= LIMIT);
    assert_eq!(told.lock().unwrap().len(), 1);
    until(|| server.connections() == 1).await;
    assert_eq!(text(alive.send_request(request("")).await.unwrap()).await, "hello");
}

#[windlass::test(paused)]
async fn a_slow_handler_is_not_hurried_by_the_limit_for_heads() {
    let (_server, address) =
        server(Options::new().header_read_timeout(LIMIT), |request| async move {
            sleep(LIMIT * 3).await;
            hello(request).await
        });
    assert_eq!(Client::connect(address).await.ask(GET).await, (200, "hello".into()));
}

#[windlass::test(paused)]
async fn clients_beyond_the_limit_wait_and_are_not_refused() {
    let (server, address) = server(Options::new().max_connections(2), hello);
    let mut first = Client::connect(address).await;
    let mut second = Client::connect(address).await;
    assert_eq!((first.ask(GET).await.0, second.ask(GET).await.0), (200, 200));

    let mut third = Client::connect(address).await; // the kernel takes it
    third.send(GET).await;
    assert_eq!(server.connections(), 2);
    assert!(third.hears_nothing_for(Duration::from_secs(10)).await);
    drop((first, second));
    assert_eq!(third.reply().await.1, b"hello");
    assert_eq!(server.connections(), 1);
}

#[test]
fn a_panicking_handler_costs_its_request_only() {
    let panics = Arc::new(Mutex::new(Vec::new()));
    let hook = panics.clone();
    let runtime = Builder::new().workers(2).on_report(move |report| {
        if let Report::UnobservedPanic(error) = report {
            hook.lock().unwrap().push(error.to_string());
        }
    });
    let runtime = runtime.build().unwrap();
    runtime.block_on(async {
        let (_server, address) = server(Options::new(), |request| {
            let path = request.uri().path().to_owned();
            assert!(path != "/panic/early", "no luck before the future");
            async move {
                assert!(path != "/panic", "no luck");
                hello(request).await
            }
        });
        let (mut one, mut other) = (Client::connect(address).await, Client::connect(address).await);
        assert_eq!(other.ask(GET).await.0, 200);
        assert_eq!(one.ask(&GET.replace("/ ", "/panic ")).await, (500, String::new()));
        assert_eq!(one.ask(&GET.replace("/ ", "/panic/early ")).await, (500, String::new()));
        assert_eq!(one.ask(GET).await, (200, "hello".into()), "the connection goes on");
        assert_eq!(other.ask(GET).await.0, 200);

        let mut sender = http2(address).await;
        let panicking = hyper::Request::get("http://here/panic").body(Default::default()).unwrap();
        assert_eq!(sender.send_request(panicking).await.unwrap().status(), 500);
        assert_eq!(sender.send_request(request("")).await.unwrap().status(), 200);
    });
    drop(runtime);
    let panics = panics.lock().unwrap();
    assert_eq!(panics.len(), 3, "each is reported once: {panics:?}");
    assert!(panics.iter().all(|panic| panic.contains("http handler") && panic.contains("no luck")));
}

#[test]
fn a_panic_of_the_hook_is_reported_and_accepting_goes_on() {
    let panics = Arc::new(Mutex::new(Vec::new()));
    let list = panics.clone();
    let runtime = Builder::new().workers(2).on_report(move |report| {
        if let Report::UnobservedPanic(error) = report {
            list.lock().unwrap().push(error.to_string());
        }
    });
    let runtime = runtime.build().unwrap();
    runtime.block_on(async {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        // From now on each accept fails.
        let same = std::net::TcpStream::from(listener.as_fd().try_clone_to_owned().unwrap());
        same.shutdown(std::net::Shutdown::Both).unwrap();
        let (told, again) = (AtomicUsize::new(0), Arc::new(Event::new()));
        let hook = again.clone();
        let options = Options::new().on_error(move |_| {
            assert!(told.fetch_add(1, SeqCst) > 0, "no luck in the hook");
            hook.set();
        });
        let server = serve(listener, service(hello), options);
        timeout(LIMIT, again.wait()).await.expect("it tries to accept again");
        server.shutdown(Duration::ZERO).await;
    });
    drop(runtime);
    let panics = panics.lock().unwrap();
    assert_eq!(panics.len(), 1, "{panics:?}");
    assert!(panics[0].contains("http on_error") && panics[0].contains("no luck"), "{panics:?}");
}

#[windlass::test]
async fn nonsense_is_answered_and_told() {
    let (options, told) = listening();
    let (_server, address) = server(options, hello);
    let mut client = Client::connect(address).await;
    assert_eq!(client.ask("nonsense\r\n\r\n").await.0, 400);
    client.closed().await;
    assert_eq!(told.lock().unwrap().len(), 1);
}

#[windlass::test]
async fn hyper_talks_over_a_stream_of_tokio_at_both_ends() {
    let (near, far) = tokio::io::duplex(1000); // in place of TLS
    let http1 = hyper::server::conn::http1::Builder::new();
    let server = http1.serve_connection(Io::new(FromTokio(near)), service(echo));
    let server = windlass::spawn(server);
    let stream = Io::new(FromTokio(far));
    let (mut sender, client) = hyper::client::conn::http1::handshake(stream).await.unwrap();
    let client = windlass::spawn(client);
    let body = "x".repeat(100_000);
    assert!(text(sender.send_request(request(body.clone())).await.unwrap()).await == body);
    drop(sender);
    client.await.unwrap().unwrap();
    server.await.unwrap().unwrap();
}

#[windlass::test]
async fn a_unix_socket_is_served_as_well() {
    let path = std::env::temp_dir().join(format!("windlass-compat-{}", std::process::id()));
    let listener = UnixListener::bind(&path).unwrap();
    let _server = serve(listener, service(hello), Options::new());
    let client = UnixStream::connect(&path).unwrap();
    std::fs::remove_file(&path).unwrap();
    client.write_all(b"GET / HTTP/1.0\r\n\r\n").await.unwrap();
    let mut reply = Vec::new();
    windlass::io::read_to_end(&client, &mut reply, 4096).await.unwrap();
    assert!(reply.ends_with(b"hello"));
}

#[windlass::test]
async fn an_axum_router_is_served() {
    let router = Router::new()
        .route("/", get(async || "axum").post(async |json: Json<serde_json::Value>| json));
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let _server = serve(listener, tower(router), Options::new());
    let mut client = Client::connect(address).await;
    assert_eq!(client.ask(GET).await, (200, "axum".into()));
    let post = "POST / HTTP/1.1\r\nhost: here\r\ncontent-type: application/json\r\n\
                content-length: 8\r\n\r\n{\"a\": 1}";
    assert_eq!(client.ask(post).await, (200, "{\"a\":1}".into()));
    assert_eq!(client.ask(&GET.replace("GET", "PUT")).await.0, 405);
    assert_eq!(client.ask(&GET.replace("/ ", "/nowhere ")).await.0, 404);
}

/// A stream that counts the pieces of its writes.
struct Counting {
    stream: Io<UnixStream>,
    most: Arc<AtomicUsize>,
}

impl hyper::rt::Read for Counting {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: hyper::rt::ReadBufCursor<'_>,
    ) -> Poll<std::io::Result<()>> {
        hyper::rt::Read::poll_read(Pin::new(&mut self.stream), cx, buffer)
    }
}

impl hyper::rt::Write for Counting {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        data: &[u8],
    ) -> Poll<std::io::Result<usize>> {
        hyper::rt::Write::poll_write(Pin::new(&mut self.stream), cx, data)
    }
    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        pieces: &[IoSlice<'_>],
    ) -> Poll<std::io::Result<usize>> {
        self.most.fetch_max(pieces.len(), SeqCst);
        hyper::rt::Write::poll_write_vectored(Pin::new(&mut self.stream), cx, pieces)
    }
    fn is_write_vectored(&self) -> bool {
        hyper::rt::Write::is_write_vectored(&self.stream)
    }
    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        hyper::rt::Write::poll_flush(Pin::new(&mut self.stream), cx)
    }
    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        hyper::rt::Write::poll_shutdown(Pin::new(&mut self.stream), cx)
    }
}

#[windlass::test]
async fn hyper_sends_a_head_and_its_body_in_one_write_without_copying() {
    let (one, client) = UnixStream::pair().unwrap();
    let most = Arc::new(AtomicUsize::new(0));
    let stream = Counting { stream: Io::new(one), most: most.clone() };
    let http1 = hyper::server::conn::http1::Builder::new();
    let serving = windlass::spawn(
        http1.serve_connection(stream, service(async |_| reply(vec![b'x'; 16 * 1024]))),
    );
    client.write_all(b"GET / HTTP/1.0\r\n\r\n").await.unwrap();
    let mut reply = Vec::new();
    windlass::io::read_to_end(&client, &mut reply, 100_000).await.unwrap();
    serving.await.unwrap().unwrap();
    assert!(reply.len() > 16 * 1024);
    assert!(most.load(SeqCst) >= 2, "the head and the body are pieces of one write");
}
