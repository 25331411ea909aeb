//! The service as a program: `cargo run --release -p service`.

use std::process::ExitCode;
use std::time::Duration;

use clap::Parser;
use service::options::Options;
use service::service::Service;
use service::{log, say};
use windlass::runtime::Builder;
use windlass::time::sleep;

/// How long the runtime may take to end. All that should is over by then.
const SHUTDOWN: Duration = Duration::from_secs(5);

fn main() -> ExitCode {
    let options = Options::parse();
    let mut builder = Builder::new().name("service");
    if let Some(workers) = options.workers {
        builder = builder.workers(workers);
    }
    if options.debug {
        builder = builder.debug(true);
    }
    let runtime = match builder.build() {
        Ok(runtime) => runtime,
        Err(error) => {
            log!("{error}");
            return ExitCode::FAILURE;
        }
    };
    let tick = options.tick;
    let service = Service::new(options)
        .on_startup(move |background| background.spawn("background task", background_task(tick)));
    let ended = runtime.block_on(service.run());
    let left = runtime.shutdown(SHUTDOWN);
    if !left.is_clean() {
        log!("{left}");
    }
    match ended {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            log!("{error}");
            ExitCode::FAILURE
        }
    }
}

async fn background_task(pause: Duration) {
    loop {
        sleep(pause).await;
        say!("Background task running");
    }
}
