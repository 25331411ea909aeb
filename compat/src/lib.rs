//! windlass under the libraries of others: hyper, axum, and whatever reads and writes through the
//! traits of tokio or futures.
//!
//! Those libraries do not care which runtime they run on, as long as they are given three things: a
//! stream that has *their* read and write traits, something that spawns, and something that sleeps.
//! This crate is these three things, and a server for HTTP made of them. No runtime but windlass
//! runs; of the `tokio` crate only the traits are compiled, and with hyper also its channels.
//!
//! ```text
//!   serve  (listener, service, options) -> Server        HTTP/1, HTTP/2, graceful shutdown
//!     |
//!   rt     Executor, Timer                               what hyper spawns and sleeps with
//!     |
//!   io     Io<S>                                         a stream with every family of traits
//!          |-- S: the streams of windlass::net, and their owned halves
//!          |-- S: FromTokio<T>, FromFutures<T>, FromHyper<T>
//! ```
//!
//! | a library wants | for example | give it |
//! |---|---|---|
//! | `tokio::io` | tokio-postgres, tokio-rustls, tokio-websockets | `Io::new(stream)` |
//! | `futures_io` | async-tungstenite | `Io::new(stream)` |
//! | `hyper::rt` | hyper, and with it axum and tonic | `Io::new(stream)`, `rt::Executor`, `rt::Timer` |
//! | one of them, over what another gives you | hyper over TLS, a WebSocket over `Upgraded` | `Io::new(FromTokio(tls))`, `Io::new(FromHyper(upgraded))` |
//!
//! What starts tokio tasks or timers by itself cannot run here: `axum::serve`, axum's feature `ws`,
//! tower-http's `timeout` and `fs`. In their place: [`serve()`](serve::serve), [`hyper::upgrade::on`]
//! with a WebSocket library, [`windlass::time::timeout`], [`windlass::spawn_blocking`].
//!
//! # Features
//!
//! `tokio-io`, `futures-io` and `hyper`, each for one family, all on by default. They are separate
//! because each brings its crates along; `hyper` also brings the server. windlass itself has no
//! features.
//!
//! # Rules
//!
//! The read traits of tokio and hyper hand over memory that nobody has written yet, and say so with
//! `unsafe`. These rules make it sound; every `unsafe` in this crate names the ones it rests on.
//!
//! 1. *A count is true.* Each `poll_read_uninit` in this crate that is ready with `n` has had the
//!    first `n` bytes of its room written, and `n` is no more than the room. For our streams the
//!    kernel counts; for tokio's and hyper's their `ReadBuf` counts, and that it is still the same
//!    buffer is asserted where it could be exchanged; for those of futures we copy, which is checked.
//! 2. *What is written stays written.* The room is only ever passed to such a `poll_read_uninit`, and
//!    none of them puts uninitialised bytes into it.
//!
//! Reading order: [`io`], its files for tokio, futures and hyper, [`rt`], [`mod@serve`] and its files.
#![cfg_attr(not(feature = "hyper"), allow(rustdoc::broken_intra_doc_links))] // what is left out

pub mod io;
#[cfg(feature = "hyper")]
pub mod rt;
#[cfg(feature = "hyper")]
pub mod serve;
#[cfg(feature = "hyper")]
mod tower;

#[cfg(feature = "futures-io")]
pub use io::FromFutures;
#[cfg(feature = "hyper")]
pub use io::FromHyper;
#[cfg(feature = "tokio-io")]
pub use io::FromTokio;
pub use io::Io;
#[cfg(feature = "hyper")]
pub use serve::{Options, Server, serve};
#[cfg(feature = "hyper")]
pub use tower::tower;
