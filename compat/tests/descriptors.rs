//! A server in a process without a free descriptor. Alone in its process, because it takes them all.

mod kit;

use std::fs::File;
use std::sync::Arc;

use kit::*;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use windlass::sync::Event;
use windlass_compat::Options;
use windlass_compat::serve::ServeError;

#[windlass::test]
async fn a_server_without_a_free_descriptor_serves_again_when_there_is_one() {
    let missing = Arc::new(Event::new());
    let hook = missing.clone();
    let options = Options::new().on_error(move |error| match error {
        ServeError::Accept(_) => hook.set(),
        other => panic!("{other}"),
    });
    let (_server, address) = server(options, hello);
    let mut before = Client::connect(address).await;
    assert_eq!(before.ask(GET).await.0, 200);

    let former = getrlimit(Resource::Nofile);
    setrlimit(Resource::Nofile, Rlimit { current: Some(64), ..former }).unwrap();
    let mut taken = Vec::new();
    while let Ok(file) = File::open("/dev/null") {
        taken.push(file);
    }
    taken.pop();
    let mut waiting = Client::connect(address).await; // takes the last one
    waiting.send(GET).await;
    missing.wait().await;
    assert_eq!(before.ask(GET).await.0, 200, "who is connected is served");
    drop(taken);
    assert_eq!(waiting.reply().await.1, b"hello");
    setrlimit(Resource::Nofile, former).unwrap();
}
