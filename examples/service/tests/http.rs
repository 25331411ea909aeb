//! What the running program answers, request by request, over real sockets.

mod kit;

use std::net::Shutdown;
use std::thread;
use std::time::{Duration, Instant};

use http_body_util::{BodyExt, Full};
use hyper::body::Bytes;
use hyper::client::conn::http2;
use kit::*;
use serde_json::{Value, json};
use windlass_compat::{Io, rt};

const MIB: usize = 1024 * 1024;

#[test]
fn a_greeting_gives_back_the_body() {
    let service = Service::start(&[]);
    let reply = service.ask("POST", "/bob", r#"{"k":[1,2]}"#);
    assert_eq!(reply.status, 200);
    assert_eq!(reply.json(), json!({ "message": "Hello bob", "your_data": { "k": [1, 2] } }));
}

#[test]
fn who_gives_no_name_is_anonymous() {
    let service = Service::start(&[]);
    let reply = service.ask("GET", "/", "[true]");
    assert_eq!(reply.status, 200);
    assert_eq!(reply.json(), json!({ "message": "Hello Anonymous", "your_data": [true] }));
}

#[test]
fn a_body_that_is_missing_is_the_clients_mistake_and_costs_no_connection() {
    let service = Service::start(&[]);
    let mut client = service.client();
    let reply = client.ask("GET", "/", "");
    assert_eq!((reply.status, &*reply.code()), (400, "bad_json"));
    assert_eq!(client.ask("GET", "/", "1").status, 200);
}

#[test]
fn a_body_that_is_no_json_is_answered_with_line_and_column() {
    let service = Service::start(&[]);
    let mut client = service.client();
    let reply = client.ask("POST", "/bob", "{\"a\": 1,\n \"b\": }");
    assert_eq!((reply.status, &*reply.code()), (400, "bad_json"));
    assert_eq!(reply.json()["error"]["line"], 2);
    assert_eq!(reply.json()["error"]["column"], 7);
    for body in ["", " ", "{", "nul", "1 2", "'a'", "{\"a\": 1,}"] {
        let reply = client.ask("POST", "/bob", body);
        assert_eq!((reply.status, &*reply.code()), (400, "bad_json"), "{body}");
        assert_eq!(reply.json()["error"]["line"], 1, "{body}");
    }
}

#[test]
fn not_a_number_is_not_json() {
    let service = Service::start(&[]);
    let mut client = service.client();
    for body in ["NaN", "[NaN]", "Infinity", "-Infinity"] {
        assert_eq!(client.ask("POST", "/bob", body).status, 400, "{body}");
    }
}

#[test]
fn of_keys_that_come_twice_the_last_one_wins() {
    let service = Service::start(&[]);
    let reply = service.ask("POST", "/bob", r#"{"a": 1, "b": 2, "a": 3}"#);
    assert_eq!(reply.json()["your_data"], json!({ "a": 3, "b": 2 }));
}

#[test]
fn an_echo_keeps_the_order_of_keys_and_all_digits_of_numbers() {
    let service = Service::start(&[]);
    let body = r#"{"z":12345678901234567890123,"a":0.10000000000000000000001}"#;
    assert!(service.ask("POST", "/bob", body).text().contains(body));
}

#[test]
fn json_that_is_nested_without_end_is_refused() {
    let service = Service::start(&[]);
    assert_eq!(service.ask("POST", "/bob", &"[".repeat(100_000)).status, 400);
}

#[test]
fn a_name_is_decoded_after_the_path_was_matched() {
    let service = Service::start(&[]);
    for (path, name) in [("%E4%B8%AD", "中"), ("b%20c", "b c"), ("a%2Fb", "a/b")] {
        let reply = service.ask("POST", &format!("/{path}"), "1");
        assert_eq!(reply.json()["message"], format!("Hello {name}"));
    }
    let reply = service.ask("POST", "/%FF", "1");
    assert_eq!((reply.status, &*reply.code()), (400, "bad_path"));
}

#[test]
fn a_method_that_is_not_known_is_answered_with_those_that_are() {
    let service = Service::start(&[]);
    let mut client = service.client();
    let cases = [
        ("POST", "/", "GET,HEAD"),
        ("OPTIONS", "/", "GET,HEAD"),
        ("GET", "/bob", "POST"),
        ("PUT", "/bob", "POST"),
        ("GET", "/transfer", "POST"),
    ];
    for (method, path, allowed) in cases {
        let reply = client.ask(method, path, "");
        assert_eq!((reply.status, &*reply.code()), (405, "bad_method"), "{method} {path}");
        assert_eq!(reply.header("allow"), Some(allowed), "{method} {path}");
    }
}

#[test]
fn a_request_for_the_head_is_handled_like_one_for_all_and_has_no_body() {
    let service = Service::start(&[]);
    let mut client = service.client();
    assert_eq!(client.ask("HEAD", "/", "").status, 400);
    let reply = client.ask("HEAD", "/health", "");
    assert_eq!((reply.status, reply.header("content-length")), (200, Some("15")));
    assert_eq!(client.ask("GET", "/health", "").status, 200, "there were no bytes in between");
}

#[test]
fn a_path_that_leads_nowhere_costs_no_connection() {
    let service = Service::start(&[]);
    let mut client = service.client();
    for (method, path, body) in [("GET", "/a/b", ""), ("POST", "/a/", "{}"), ("GET", "//", "")] {
        let reply = client.ask(method, path, body);
        assert_eq!((reply.status, &*reply.code()), (404, "not_found"), "{method} {path}");
    }
    assert_eq!(client.ask("GET", "/health", "").status, 200);
}

#[test]
fn a_client_that_waits_for_leave_to_send_its_body_gets_it() {
    let service = Service::start(&[]);
    let mut client = service.client();
    client.send(
        "POST /bob HTTP/1.1\r\nhost: here\r\ncontent-length: 4\r\nexpect: 100-continue\r\n\r\n",
    );
    assert_eq!(client.reply().status, 100);
    client.send("true");
    assert_eq!(client.reply().json()["your_data"], true);
}

#[test]
fn a_body_may_have_a_mebibyte_and_no_more() {
    let service = Service::start(&[]);
    let mut client = service.client();
    let largest = format!("\"{}\"", "x".repeat(MIB - 2));
    assert_eq!(client.ask("POST", "/bob", &largest).status, 200);

    let length = MIB + 1;
    client.send(format!(
        "POST /bob HTTP/1.1\r\nhost: here\r\ncontent-length: {length}\r\nexpect: 100-continue\r\n\r\n"
    ));
    assert_eq!(client.reply().status, 100);
    client.send("x".repeat(length));
    let reply = client.reply();
    assert_eq!((reply.status, &*reply.code()), (413, "too_large"));
    assert_eq!(reply.json()["error"]["limit"], MIB);
}

#[test]
fn a_client_that_sends_far_too_much_reads_that_it_was_too_much() {
    let service = Service::start(&[]);
    let mut client = service.client();
    // It does not look for an answer before it has sent everything.
    assert_eq!(client.ask("POST", "/bob", &"x".repeat(10 * MIB)).status, 413);

    let mut client = service.client();
    client.send("POST /bob HTTP/1.1\r\nhost: here\r\ncontent-length: 99999999999\r\n\r\n");
    assert_eq!(client.reply().status, 413, "this one was not waited for");
}

#[test]
fn a_body_in_chunks_is_measured_as_it_comes() {
    let service = Service::start(&[]);
    let mut client = service.client();
    client.send("POST /bob HTTP/1.1\r\nhost: here\r\ntransfer-encoding: chunked\r\n\r\n");
    client.send("2\r\n[1\r\n2\r\n,2\r\n1\r\n]\r\n0\r\n\r\n");
    assert_eq!(client.reply().json()["your_data"], json!([1, 2]));

    client.send("POST /bob HTTP/1.1\r\nhost: here\r\ntransfer-encoding: chunked\r\n\r\n");
    let chunk = format!("{:x}\r\n{}\r\n", MIB / 2, "x".repeat(MIB / 2));
    client.send(format!("{chunk}{chunk}{chunk}0\r\n\r\n"));
    assert_eq!(client.reply().status, 413);
}

#[test]
fn what_is_no_request_is_refused_and_the_connection_closed() {
    let service = Service::start(&[]);
    let mut client = service.client();
    client.send("what is this?\r\n\r\n");
    let reply = client.reply();
    assert_eq!(reply.status, 400);
    client.closed();
    assert_eq!(service.ask("GET", "/health", "").status, 200);
}

#[test]
fn requests_sent_ahead_are_answered_in_their_order() {
    let service = Service::start(&[]);
    let mut client = service.client();
    let slow = request("GET", "/fault/sleep/50", "");
    client.send(slow + &request("POST", "/bob", "2") + &request("POST", "/eve", "3"));
    assert_eq!(client.reply().text(), "slept");
    assert_eq!(client.reply().json()["message"], "Hello bob");
    assert_eq!(client.reply().json()["message"], "Hello eve");
}

#[test]
fn one_connection_takes_many_requests() {
    let service = Service::start(&["--quiet"]);
    let mut client = service.client();
    for n in 0..200 {
        assert_eq!(client.ask("POST", "/bob", &n.to_string()).json()["your_data"], n);
    }
    assert_eq!(service.logged("POST"), [""; 0], "it was told to be quiet");
}

#[test]
fn http2_is_spoken_with_those_who_begin_with_it() {
    let service = Service::start(&[]);
    let address = service.address;
    windlass::run(async move {
        let stream = windlass::net::TcpStream::connect(address).await.unwrap();
        let (mut client, connection) =
            http2::handshake(rt::Executor, Io::new(stream)).await.unwrap();
        let connection = windlass::spawn(connection);
        let mut replies = Vec::new();
        for n in 0..20 {
            let request = hyper::Request::post(format!("http://{address}/bob"));
            let body = Full::new(Bytes::from(n.to_string()));
            replies.push(client.send_request(request.body(body).unwrap()));
        }
        for (n, reply) in replies.into_iter().enumerate() {
            let body = reply.await.unwrap().into_body().collect().await.unwrap().to_bytes();
            let body: Value = serde_json::from_slice(&body).unwrap();
            assert_eq!(body["your_data"], n);
        }
        drop(client);
        connection.await.unwrap().unwrap();
    });
}

#[test]
fn a_client_that_goes_in_the_middle_of_its_body_is_told_of_once() {
    let service = Service::start(&[]);
    let mut client = service.client();
    client.send("POST /bob HTTP/1.1\r\nhost: here\r\ncontent-length: 100\r\n\r\n{\"half\": ");
    drop(client);
    service.logs("connection of 127.0.0.1");
    assert_eq!(service.ask("GET", "/health", "").status, 200);
    assert_eq!(service.logged("connection of").len(), 1);
    assert_eq!(service.logged("panic"), [""; 0]);
}

#[test]
fn a_handler_goes_on_when_its_client_has_gone() {
    let service = Service::start(&[]);
    let mut client = service.client();
    client.send(request("GET", "/fault/sleep/300", ""));
    until("the handler runs", || service.figure("service_handlers") == 1);
    drop(client);
    let line = service.logs("/fault/sleep/300");
    assert!(line.contains(" 200 ") && line.ends_with("client gone"), "{line}");
    assert_eq!(service.figure("service_clients_gone_total"), 1);
}

#[test]
fn a_handler_that_asks_is_told_when_its_client_has_gone() {
    let service = Service::start(&[]);
    let mut client = service.client();
    client.send(request("GET", "/fault/until-gone", ""));
    until("the handler runs", || service.figure("service_handlers") == 1);
    client.stream.shutdown(Shutdown::Both).unwrap();
    let line = service.logs("/fault/until-gone");
    assert!(line.contains(" 200 "), "{line}");
}

#[test]
fn a_handler_that_panics_is_answered_for_and_reported_once() {
    let service = Service::start(&[]);
    let (mut one, mut other) = (service.client(), service.client());
    other.send(request("GET", "/fault/sleep/100", ""));
    let reply = one.ask("GET", "/fault/panic", "");
    assert_eq!((reply.status, &*reply.code()), (500, "panic"));
    assert!(!reply.text().contains("asked for"), "why is not the client's business");
    assert_eq!(one.ask("GET", "/health", "").status, 200, "the connection lives");
    assert_eq!(other.reply().text(), "slept", "and so do the others");
    let reports = service.logged("panicked: a fault that was asked for");
    assert_eq!(reports.len(), 1);
    assert!(reports[0].contains("\"GET /fault/panic\""), "{reports:?}");
    assert_eq!(service.logged("windlass:"), [""; 0]);
    assert_eq!(service.figure("service_panics_total"), 1);
}

#[test]
fn a_request_that_takes_too_long_is_cut_off() {
    let service = Service::start(&["--timeout", "100ms"]);
    let mut client = service.client();
    let reply = client.ask("GET", "/fault/sleep/60000", "");
    assert_eq!((reply.status, &*reply.code()), (504, "timeout"));
    assert_eq!(reply.json()["error"]["changed"], "no");
    assert_eq!(client.ask("GET", "/health", "").status, 200);
    assert_eq!(service.figure("service_handlers"), 0);
    assert_eq!(service.figure("service_timeouts_total"), 1);
}

#[test]
fn a_body_that_never_ends_is_cut_off_in_time() {
    let service = Service::start(&["--timeout", "100ms"]);
    let mut client = service.client();
    client.send("POST /bob HTTP/1.1\r\nhost: here\r\ncontent-length: 9\r\n\r\n1");
    assert_eq!(client.reply().status, 504);
}

#[test]
fn requests_beyond_the_limit_wait_for_their_turn() {
    let service = Service::start(&["--max-handlers", "2"]);
    let begun = Instant::now();
    let mut clients: Vec<_> = (0..6).map(|_| service.client()).collect();
    for client in &mut clients {
        client.send(request("GET", "/fault/sleep/100", ""));
    }
    assert!(service.figure("service_handlers") <= 2, "and the figures do not wait");
    for client in &mut clients {
        assert_eq!(client.reply().text(), "slept");
    }
    assert!(begun.elapsed() >= Duration::from_millis(300), "six, two at a time");
}

#[test]
fn who_has_waited_in_vain_for_a_turn_is_told_to_come_again() {
    let flags = ["--max-handlers", "1", "--timeout", "200ms", "--workers", "2"];
    let service = Service::start(&flags);
    let (mut first, mut other) = (service.client(), service.client());
    first.send(request("GET", "/fault/block/1000", "")); // no timeout reaches it in that time
    until("it has the turn", || service.figure("service_handlers") == 1);
    let reply = other.ask("POST", "/bob", "1");
    assert_eq!((reply.status, &*reply.code()), (503, "overloaded"));
    assert_eq!(reply.header("retry-after"), Some("1"));
    assert_eq!(first.reply().code(), "timeout");
    assert_eq!(other.ask("POST", "/bob", "1").status, 200);
}

#[test]
fn a_user_can_be_asked_for() {
    let service = Service::start(&["--users", "3"]);
    let reply = service.ask("GET", "/users/3", "");
    assert_eq!(reply.json(), json!({ "id": 3, "name": "user 3", "balance": 1000 }));
    let reply = service.ask("GET", "/users/4", "");
    assert_eq!((reply.status, &*reply.code()), (404, "no_such_user"));
    let reply = service.ask("GET", "/users/three", "");
    assert_eq!((reply.status, &*reply.code()), (400, "bad_path"));
}

#[test]
fn money_goes_from_one_to_the_other() {
    let service = Service::start(&[]);
    let reply = service.ask("POST", "/transfer", r#"{"from": 1, "to": 2, "amount": 30}"#);
    assert_eq!(reply.status, 200);
    assert_eq!(reply.json()["from"], json!({ "id": 1, "balance": 970 }));
    assert_eq!(reply.json()["to"], json!({ "id": 2, "balance": 1030 }));
    assert_eq!(service.ask("GET", "/users/2", "").json()["balance"], 1030);
}

#[test]
fn a_transfer_that_cannot_be_is_refused_and_changes_nothing() {
    let service = Service::start(&["--users", "2"]);
    let mut client = service.client();
    let cases = [
        (r#"{"from": 1, "to": 2, "amount": 1001}"#, 409, "insufficient"),
        (r#"{"from": 1, "to": 3, "amount": 10}"#, 404, "no_such_user"),
        (r#"{"from": 3, "to": 1, "amount": 10}"#, 404, "no_such_user"),
        (r#"{"from": 1, "to": 2, "amount": 0}"#, 400, "bad_transfer"),
        (r#"{"from": 1, "to": 2, "amount": -10}"#, 400, "bad_transfer"),
        (r#"{"from": 1, "to": 1, "amount": 10}"#, 400, "bad_transfer"),
        (r#"{"from": 1, "to": 2, "amount": 1.5}"#, 400, "bad_json"),
        (r#"{"from": 1, "to": 2, "amount": 99999999999999999999}"#, 400, "bad_json"),
        (r#"{"from": 1, "to": 2}"#, 400, "bad_json"),
        (r#"{"from": 1, "to": 2, "amount": 1, "tip": 1}"#, 400, "bad_json"),
        ("[1, 2, 3, 4]", 400, "bad_json"),
    ];
    for (body, status, code) in cases {
        let reply = client.ask("POST", "/transfer", body);
        assert_eq!((reply.status, &*reply.code()), (status, code), "{body}");
    }
    for id in [1, 2] {
        let reply = client.ask("GET", &format!("/users/{id}"), "");
        assert_eq!(reply.json()["balance"], 1000);
    }
}

#[test]
fn a_transfer_that_took_too_long_is_told_what_became_of_it() {
    let folder = tempfolder("too-long");
    let (path, database) = (format!("{folder}/users.db"), format!("sqlite:{folder}/users.db"));
    let service = Service::start(&["--database", &database, "--timeout", "300ms"]);
    let other = rusqlite::Connection::open(path).unwrap();
    other.execute_batch("begin immediate").unwrap(); // nobody else may write now
    let transfer = r#"{"from": 1, "to": 2, "amount": 30}"#;
    let reply = service.ask("POST", "/transfer", transfer);
    assert_eq!((reply.status, &*reply.code()), (504, "timeout"));
    assert_eq!(reply.json()["error"]["changed"], "no");
    other.execute_batch("commit").unwrap();
    until("its connection is back", || service.figure("pool_connections{state=\"in_use\"}") == 0);
    assert_eq!(service.ask("GET", "/users/1", "").json()["balance"], 1000, "it is true");
    assert_eq!(service.ask("POST", "/transfer", transfer).status, 200);
    drop(service);
    std::fs::remove_dir_all(folder).unwrap();
}

#[test]
fn transfers_in_all_directions_leave_the_sum_as_it_was() {
    let service = Service::start(&["--users", "4", "--quiet"]);
    thread::scope(|scope| {
        for client in 0..8 {
            let service = &service;
            scope.spawn(move || {
                let mut connection = service.client();
                for n in 0..25 {
                    let (from, to) = ((client + n) % 4 + 1, (client + n * 2 + 1) % 4 + 1);
                    let body = json!({ "from": from, "to": to, "amount": 7 }).to_string();
                    let reply = connection.ask("POST", "/transfer", &body);
                    let expected = if from == to { 400 } else { 200 };
                    assert_eq!(reply.status, expected, "{}", reply.text());
                }
            });
        }
    });
    let balance = |id| service.ask("GET", &format!("/users/{id}"), "").json()["balance"].as_i64();
    assert_eq!((1..=4).map(|id| balance(id).unwrap()).sum::<i64>(), 4000);
}

#[test]
fn the_figures_are_such_as_prometheus_reads() {
    let service = Service::start(&["--pool-min", "2", "--workers", "2"]);
    let reply = service.ask("GET", "/metrics", "");
    assert_eq!(reply.header("content-type"), Some("text/plain; version=0.0.4; charset=utf-8"));
    let mut helped = Vec::new();
    for line in reply.text().lines() {
        match line.strip_prefix("# ") {
            Some(about) => helped.push(about.split(' ').nth(1).unwrap().to_owned()),
            None => {
                let (name, value) = line.rsplit_once(' ').unwrap();
                let name = name.split('{').next().unwrap();
                assert!(helped.iter().any(|helped| helped == name), "{line}");
                value.parse::<f64>().unwrap();
            }
        }
    }
    assert_eq!(service.figure("pool_connections{state=\"idle\"}"), 2);
    assert_eq!(service.figure("windlass_workers"), 2);
}

#[test]
fn each_request_is_a_line_in_the_log() {
    let service = Service::start(&[]);
    service.ask("POST", "/bob?secret=1", "[1]");
    let line = service.logs("POST /bob 200 ");
    let words: Vec<_> = line.split(' ').collect();
    assert_eq!(words[..5], ["service:", "POST", "/bob", "200", "39"], "{line}");
    assert!(words[5].ends_with("ms") && words.len() == 6, "{line}");
}

#[test]
fn clients_that_come_and_go_leave_nothing_behind() {
    let service = Service::start(&["--quiet"]);
    let figures = || {
        let names = ["windlass_tasks", "windlass_sources", "pool_connections{state=\"in_use\"}"];
        names.map(|name| service.figure(name))
    };
    assert_eq!(service.ask("GET", "/users/1", "").status, 200);
    let before = figures();
    let paths = ["/fault/sleep/20", "/users/1", "/fault/panic", "/health", "/nothing/here"];
    for (n, path) in paths.iter().cycle().take(100).enumerate() {
        let mut client = service.client();
        client.send(request("GET", path, ""));
        if n % 2 == 0 {
            client.reply(); // the others do not wait for it
        }
    }
    until("no more is there than before", || {
        figures().iter().zip(before).all(|(now, before)| *now <= before)
    });
}
