//! The figures, as Prometheus reads them.

use std::fmt::{Display, Write};
use std::sync::atomic::Ordering::Relaxed;

use windlass::runtime::Handle;

use crate::app::App;

/// Prometheus' own.
pub const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

const COUNTER: &str = "counter";
const GAUGE: &str = "gauge";

/// All figures of this moment: those of the service, of its pool, of the runtime.
pub fn text(app: &App) -> String {
    let mut text = String::new();
    service(&mut text, app);
    pool(&mut text, app);
    runtime(&mut text);
    text
}

fn service(text: &mut String, app: &App) {
    let counts = &app.counts;
    head(text, "service_responses_total", COUNTER, "Responses, by the class of their status.");
    for (class, count) in counts.responses() {
        sample(text, "service_responses_total", &[("class", &class)], count);
    }
    let busy = app.max_handlers - app.handlers.available_permits();
    one(text, "service_handlers", GAUGE, "Requests that are worked on.", busy);
    let waiting = app.handlers.stats().waiting;
    one(text, "service_handlers_waiting", GAUGE, "Requests that wait for others.", waiting);
    let counters = [
        ("service_panics_total", "Handlers that have panicked.", &counts.panics),
        ("service_timeouts_total", "Requests that took too long.", &counts.timeouts),
        ("service_clients_gone_total", "Clients that did not wait.", &counts.gone),
    ];
    for (name, help, counter) in counters {
        one(text, name, COUNTER, help, counter.load(Relaxed));
    }
}

fn pool(text: &mut String, app: &App) {
    let stats = app.store.stats();
    head(text, "pool_connections", GAUGE, "Connections to the database, by what they do.");
    let states = [
        ("idle", stats.idle),
        ("in_use", stats.in_use),
        ("opening", stats.opening),
        ("in_upkeep", stats.in_upkeep),
    ];
    for (state, count) in states {
        sample(text, "pool_connections", &[("state", state)], count);
    }
    one(text, "pool_waiting", GAUGE, "Requests that wait for a connection.", stats.waiting);
    let counters = [
        ("pool_opened_total", "Connections opened.", stats.opened),
        ("pool_failed_total", "Connections that could not be opened.", stats.failed),
        ("pool_acquire_timeouts_total", "Requests that got none in time.", stats.acquire_timeouts),
        ("pool_discarded_total", "Connections closed.", stats.discarded.total()),
    ];
    for (name, help, count) in counters {
        one(text, name, COUNTER, help, count);
    }
}

fn runtime(text: &mut String) {
    let metrics = Handle::current().metrics();
    let gauges = [
        ("windlass_workers", "Threads that run tasks.", metrics.workers.len()),
        ("windlass_workers_parked", "Those that sleep.", metrics.parked),
        ("windlass_tasks", "Tasks that are not done.", metrics.tasks),
        ("windlass_sources", "Sockets the reactor looks after.", metrics.sources),
        ("windlass_timers", "Timers armed.", metrics.timers),
    ];
    for (name, help, count) in gauges {
        one(text, name, GAUGE, help, count);
    }
    head(text, "windlass_polls_total", COUNTER, "Tasks polled, by worker.");
    for (worker, counters) in metrics.workers.iter().enumerate() {
        let worker = worker.to_string();
        sample(text, "windlass_polls_total", &[("worker", &worker)], counters.polls);
    }
    let panics = metrics.unobserved_panics;
    one(text, "windlass_unobserved_panics_total", COUNTER, "Panics that nobody has seen.", panics);
}

fn one(text: &mut String, name: &str, kind: &str, help: &str, value: impl Display) {
    head(text, name, kind, help);
    sample(text, name, &[], value);
}

fn head(text: &mut String, name: &str, kind: &str, help: &str) {
    let _ = writeln!(text, "# HELP {name} {help}\n# TYPE {name} {kind}");
}

fn sample(text: &mut String, name: &str, labels: &[(&str, &str)], value: impl Display) {
    let labels: Vec<String> = labels.iter().map(|(key, is)| format!("{key}=\"{is}\"")).collect();
    let labels =
        if labels.is_empty() { String::new() } else { format!("{{{}}}", labels.join(",")) };
    let _ = writeln!(text, "{name}{labels} {value}");
}
