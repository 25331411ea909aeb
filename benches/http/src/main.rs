//! HTTP: one axum router on windlass and on tokio, and a soak of the example service.
//!
//! ```text
//!   compare      parent: for every round, route and server starts ...
//!     serve        child: the router on one runtime
//!     load         child: the clients, the same for every server
//!   soak         the clients that hang up, against the example service
//! ```
//!
//! In reading order: [`serve`] is what is compared, [`load`] its clients, [`compare`] the rounds and
//! the table; [`soak`] is the other program, with its [`client`]s and the [`service`] it watches.
//! [`wire`] is as much HTTP as both kinds of clients need.

mod client;
mod compare;
mod load;
mod machine;
mod options;
mod serve;
mod service;
mod soak;
mod wire;

use std::process::ExitCode;

use options::Options;

const USAGE: &str = "\
usage: http compare [--connections 64] [--seconds 3] [--rounds 5] [--workers 2] [--quick]
       http soak [--connections 512] [--seconds 60] [--seed NUMBER] [--address IP:PORT] [--users 100]
       http serve windlass|axum|hyper-util WORKERS
       http load IP:PORT ROUTE CONNECTIONS WARM_MS MEASURED_MS";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let outcome = match words.as_slice() {
        ["compare", rest @ ..] => compare::run(Options::new(rest)),
        ["soak", rest @ ..] => soak::run(Options::new(rest)),
        ["serve", server, workers] => serve::run(server, workers),
        ["load", rest @ ..] => load::run(rest),
        _ => Err(USAGE.to_owned()),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(text) => {
            eprintln!("{text}");
            ExitCode::FAILURE
        }
    }
}
