//! WebSockets: two libraries, of two families, over the connection that hyper gives away.

mod kit;

use std::convert::Infallible;

use async_tungstenite::WebSocketStream;
use async_tungstenite::tungstenite::protocol::Role;
use async_tungstenite::tungstenite::{Message, handshake::derive_accept_key};
use futures_util::{SinkExt, StreamExt};
use http_body_util::Empty;
use hyper::body::{Bytes, Incoming};
use hyper::header::{CONNECTION, SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_KEY, UPGRADE};
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode, Uri};
use kit::*;
use windlass::net::{TcpListener, TcpStream};
use windlass_compat::{FromHyper, Io, Options, Server, serve};

/// A server that upgrades every request and hands the connection to this function.
fn upgrading<F: Future<Output = ()> + Send + 'static>(
    talk: fn(Io<FromHyper<hyper::upgrade::Upgraded>>) -> F,
) -> (Server, std::net::SocketAddr) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let upgrade = move |mut request: Request<Incoming>| async move {
        let key = request.headers()[SEC_WEBSOCKET_KEY].clone();
        let upgraded = hyper::upgrade::on(&mut request);
        windlass::spawn(async move { talk(Io::new(FromHyper(upgraded.await.unwrap()))).await })
            .detach();
        let response = Response::builder()
            .status(StatusCode::SWITCHING_PROTOCOLS)
            .header(CONNECTION, "upgrade")
            .header(UPGRADE, "websocket")
            .header(SEC_WEBSOCKET_ACCEPT, derive_accept_key(key.as_bytes()));
        Ok::<_, Infallible>(response.body(Empty::<Bytes>::new()).unwrap())
    };
    (serve(listener, service_fn(upgrade), Options::new()), address)
}

/// The server's side with async-tungstenite, over `futures_io`.
async fn echo_with_tungstenite(stream: Io<FromHyper<hyper::upgrade::Upgraded>>) {
    let mut socket = WebSocketStream::from_raw_socket(stream, Role::Server, None).await;
    while let Some(Ok(message)) = socket.next().await {
        if message.is_text() {
            socket.send(message).await.unwrap();
        }
    }
}

/// The server's side with tokio-websockets, over `tokio::io`.
async fn echo_with_tokio_websockets(stream: Io<FromHyper<hyper::upgrade::Upgraded>>) {
    let mut socket = tokio_websockets::ServerBuilder::new().serve(stream);
    while let Some(Ok(message)) = socket.next().await {
        if message.is_text() {
            socket.send(message).await.unwrap();
        }
    }
}

/// Sends messages and hears them again, small and large.
async fn is_echoed(address: std::net::SocketAddr) {
    let stream = Io::new(TcpStream::connect(address).await.unwrap());
    let uri: Uri = "ws://here/".parse().unwrap();
    let (mut socket, _) = async_tungstenite::client_async(uri, stream).await.unwrap();
    for text in ["hello".to_owned(), "x".repeat(200_000)] {
        socket.send(Message::text(text.clone())).await.unwrap();
        assert!(socket.next().await.unwrap().unwrap() == Message::text(text));
    }
    socket.close(None).await.unwrap();
    while let Some(Ok(_)) = socket.next().await {}
}

#[windlass::test]
async fn a_websocket_is_echoed_over_futures_io() {
    let (server, address) = upgrading(echo_with_tungstenite);
    is_echoed(address).await;
    until(|| server.connections() == 0).await;
}

#[windlass::test]
async fn a_websocket_is_echoed_over_tokio_io() {
    let (_server, address) = upgrading(echo_with_tokio_websockets);
    is_echoed(address).await;
}

#[windlass::test(paused)]
async fn an_upgraded_connection_belongs_to_who_took_it_and_survives_the_server() {
    let (server, address) = upgrading(echo_with_tungstenite);
    let stream = Io::new(TcpStream::connect(address).await.unwrap());
    let uri: Uri = "ws://here/".parse().unwrap();
    let (mut socket, _) = async_tungstenite::client_async(uri, stream).await.unwrap();
    until(|| server.connections() == 0).await;
    server.shutdown(std::time::Duration::from_secs(5)).await;
    socket.send(Message::text("still there")).await.unwrap();
    assert_eq!(socket.next().await.unwrap().unwrap(), Message::text("still there"));
    socket.close(None).await.unwrap();
    while let Some(Ok(_)) = socket.next().await {}
}
