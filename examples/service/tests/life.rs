//! How the program starts, stops and starts again.

mod kit;

use std::net::{TcpListener, TcpStream};
use std::process::Output;
use std::time::{Duration, Instant};

use kit::*;
use rustix::process::{Pid, Signal, kill_process};

/// Much longer than what does not wait takes, and much shorter than what it must not wait for.
const SOON: Duration = Duration::from_secs(5);

fn output(flags: &[&str]) -> (Option<i32>, String) {
    let Output { status, stderr, .. } = command(flags).output().unwrap();
    (status.code(), String::from_utf8(stderr).unwrap())
}

#[test]
fn both_signals_end_it_in_order_and_with_status_0() {
    for signal in [Signal::INT, Signal::TERM] {
        let mut service = Service::start(&["--debug"]);
        assert_eq!(service.ask("GET", "/users/1", "").status, 200);
        service.signal(signal);
        assert_eq!(service.ended().code(), Some(0));
        let lines = service.logged("");
        assert!(matches!(&lines[..], [line] if line.contains("GET /users/1 200")), "{lines:?}");
    }
}

#[test]
fn a_signal_ends_it_while_it_still_waits_for_its_database() {
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let database = format!("postgres://me@{}/users", silent.local_addr().unwrap());
    let mut child = command(&["--listen", "127.0.0.1:0", "--database", &database]).spawn().unwrap();
    let _connection = silent.accept().unwrap(); // and no word
    kill_process(Pid::from_child(&child), Signal::TERM).unwrap();
    // Unheard, it would go on until the database takes too long, and fail.
    assert_eq!(child.wait().unwrap().code(), Some(0));
}

#[test]
fn an_address_in_use_is_named() {
    let service = Service::start(&[]);
    let address = service.address.to_string();
    let (status, text) = output(&["--listen", &address]);
    assert_eq!(status, Some(1));
    assert!(text.contains(&address) && text.contains("in use"), "{text}");
    assert_eq!(service.ask("GET", "/health", "").status, 200, "the first one goes on");
}

#[test]
fn a_database_that_cannot_be_opened_is_told_and_ends_it() {
    let (status, text) = output(&["--listen", "127.0.0.1:0", "--database", "sqlite:/no/such/file"]);
    assert_eq!(status, Some(1));
    assert!(text.contains("unable to open"), "{text}");
}

#[test]
fn flags_that_make_no_sense_are_explained() {
    let cases = [
        (["--listen", "nowhere"], "socket address"),
        (["--database", "mysql:x"], "sqlite:PATH or postgres://"),
        (["--workers", "0"], "a number from 1 on"),
        (["--grace", "5"], "200ms, 1.5s or 2m"),
        (["--tick", "xs"], "200ms, 1.5s or 2m"),
        (["--grace", "10000000000000000000s"], "longer than a year"),
        (["--max-connections", "18446744073709551615"], "from 1 on, to 1000000"),
        (["--unknown", "flag"], "--unknown"),
    ];
    for (flags, explanation) in cases {
        let (status, text) = output(&flags);
        assert_eq!(status, Some(2), "{flags:?}: {text}");
        assert!(text.contains(explanation), "{flags:?}: {text}");
    }
}

#[test]
fn the_environment_says_what_the_flags_do_not() {
    let refused = command(&[]).env("SERVICE_LISTEN", "nowhere").output().unwrap();
    assert_eq!(refused.status.code(), Some(2));
    let workers = command(&["--listen", "127.0.0.1:0"]).env("SERVICE_WORKERS", "99").output();
    let text = String::from_utf8(workers.unwrap().stderr).unwrap();
    assert!(text.contains("from 1 to 48"), "{text}");
}

#[test]
fn the_background_task_runs_beside_the_requests_and_ends_silently() {
    let mut service = Service::start(&["--tick", "20ms", "--debug"]);
    until("it has run", || service.said("Background task running").len() >= 3);
    assert_eq!(service.ask("POST", "/bob", "1").status, 200);
    service.signal(Signal::TERM);
    assert_eq!(service.ended().code(), Some(0));
    assert_eq!(service.logged("windlass:"), [""; 0]);
}

#[test]
fn a_request_in_flight_finishes_and_new_connections_are_refused() {
    let mut service = Service::start(&[]);
    let mut busy = service.client();
    busy.send(request("GET", "/fault/sleep/1000", ""));
    until("the handler runs", || service.figure("service_handlers") == 1);
    service.signal(Signal::TERM);
    service.says("stopping");
    until("nobody listens", || TcpStream::connect(service.address).is_err());
    assert_eq!(busy.reply().text(), "slept");
    busy.closed();
    assert_eq!(service.ended().code(), Some(0));
}

#[test]
fn connections_that_do_nothing_do_not_delay_the_end() {
    let mut service = Service::start(&["--grace", "60s"]);
    let mut clients: Vec<_> = (0..5).map(|_| service.client()).collect();
    for client in &mut clients {
        assert_eq!(client.ask("GET", "/health", "").status, 200);
    }
    let begun = Instant::now();
    service.signal(Signal::INT);
    assert_eq!(service.ended().code(), Some(0));
    assert!(begun.elapsed() < SOON);
    clients.iter_mut().for_each(Client::closed);
}

#[test]
fn what_outlasts_the_grace_is_cancelled() {
    let mut service = Service::start(&["--grace", "200ms", "--debug"]);
    let mut busy = service.client();
    busy.send(request("GET", "/fault/sleep/60000", ""));
    until("the handler runs", || service.figure("service_handlers") == 1);
    let begun = Instant::now();
    service.signal(Signal::TERM);
    busy.closed();
    assert_eq!(service.ended().code(), Some(0));
    assert!(begun.elapsed() < SOON);
    assert_eq!(service.logged("requests were cancelled").len(), 1);
    assert_eq!(service.logged("windlass:"), [""; 0], "nothing of it was left to the runtime");
}

#[test]
fn a_handler_whose_client_has_gone_may_finish_within_the_grace() {
    let mut service = Service::start(&[]);
    let mut client = service.client();
    client.send(request("GET", "/fault/sleep/700", ""));
    until("the handler runs", || service.figure("service_handlers") == 1);
    drop(client);
    until("it is seen to have gone", || service.figure("service_clients_gone_total") == 1);
    service.signal(Signal::TERM);
    assert_eq!(service.ended().code(), Some(0));
    assert_eq!(service.logged("/fault/sleep/700 200").len(), 1, "{service:?}");
    assert_eq!(service.logged("cancelled"), [""; 0]);
}

#[test]
fn a_second_signal_ends_it_without_grace() {
    let mut service = Service::start(&["--grace", "60s", "--debug"]);
    let mut busy = service.client();
    busy.send(request("GET", "/fault/sleep/60000", ""));
    until("the handler runs", || service.figure("service_handlers") == 1);
    service.signal(Signal::INT);
    service.says("stopping, in 60s at the latest");
    let begun = Instant::now();
    service.signal(Signal::INT);
    service.says("stopping at once");
    busy.closed();
    assert_eq!(service.ended().code(), Some(0));
    assert!(begun.elapsed() < SOON);
}

#[test]
fn another_one_can_listen_there_at_once_and_finds_the_users_as_they_were() {
    let folder = tempfolder("restart");
    let database = format!("sqlite:{folder}/users.db");
    let mut first = Service::start(&["--database", &database, "--users", "2"]);
    let mut old = first.client();
    let body = r#"{"from": 1, "to": 2, "amount": 400}"#;
    assert_eq!(old.ask("POST", "/transfer", body).status, 200);
    let address = first.address.to_string();
    first.signal(Signal::TERM);
    assert_eq!(first.ended().code(), Some(0));

    let second = Service::start_at(&address, &["--database", &database, "--users", "3"]);
    old.closed();
    let balance = |id| second.ask("GET", &format!("/users/{id}"), "").json()["balance"].clone();
    assert_eq!([balance(1), balance(2), balance(3)], [600, 1400, 1000]);
    drop(second);
    std::fs::remove_dir_all(folder).unwrap();
}

#[test]
fn a_temporary_database_is_gone_when_it_ends() {
    let folder = tempfolder("temporary");
    let mut child = command(&["--listen", "127.0.0.1:0"]).env("TMPDIR", &folder).spawn().unwrap();
    let files = || std::fs::read_dir(&folder).unwrap().count();
    until("there is a database", || files() == 1);
    let stdout = child.stdout.take().unwrap();
    let mut lines = std::io::BufRead::lines(std::io::BufReader::new(stdout));
    assert!(lines.next().unwrap().unwrap().contains(&folder));
    rustix::process::kill_process(rustix::process::Pid::from_child(&child), Signal::TERM).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(0));
    assert_eq!(files(), 0);
    std::fs::remove_dir_all(folder).unwrap();
}

#[test]
fn it_goes_on_when_nobody_reads_what_it_prints() {
    let mut child = command(&["--listen", "127.0.0.1:0", "--tick", "10ms"]).spawn().unwrap();
    let mut stdout = std::io::BufReader::new(child.stdout.take().unwrap());
    let mut line = String::new();
    std::io::BufRead::read_line(&mut stdout, &mut line).unwrap();
    drop((stdout, child.stderr.take()));
    let address = line.split("http://").nth(1).unwrap().split(' ').next().unwrap();
    let mut client = Client::connect(address.parse().unwrap());
    for _ in 0..5 {
        std::thread::sleep(Duration::from_millis(20)); // time for the background task to print
        assert_eq!(client.ask("GET", "/health", "").status, 200);
    }
    rustix::process::kill_process(rustix::process::Pid::from_child(&child), Signal::TERM).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(0));
}

#[test]
fn a_task_that_a_handler_has_forgotten_is_named_at_the_end_in_debug_mode() {
    let mut service = Service::start(&["--debug"]);
    assert_eq!(service.ask("GET", "/fault/leak", "").text(), "spawned");
    service.signal(Signal::TERM);
    assert_eq!(service.ended().code(), Some(0));
    let reports = service.logged("windlass:");
    assert_eq!(reports.len(), 1, "{reports:?}");
    for part in ["\"forgotten\"", "src/faults.rs:", "waits for sleep", "age "] {
        assert!(reports[0].contains(part), "no {part:?} in {reports:?}");
    }
}

#[test]
fn without_debug_mode_there_is_no_such_report() {
    let mut service = Service::start(&[]);
    assert_eq!(service.ask("GET", "/fault/leak", "").text(), "spawned");
    service.signal(Signal::TERM);
    assert_eq!(service.ended().code(), Some(0));
    assert_eq!(service.logged("windlass:"), [""; 0]);
}

#[test]
fn a_handler_that_blocks_its_worker_is_named_in_debug_mode() {
    let service = Service::start(&["--debug"]);
    assert_eq!(service.ask("GET", "/fault/block/120", "").text(), "blocked");
    let report = service.logs("slow poll");
    assert!(report.contains("\"GET /fault/block/120\""), "{report}");
}
