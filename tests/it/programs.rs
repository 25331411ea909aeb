//! The example programs, run as processes: what they print, and how they end.
//!
//! No time is compared with a figure of ours: delays are ratios to delays that the same program has
//! waited, as it printed them itself. The programs that take seconds all run at the same time.

mod process;

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::ops::Range;
use std::sync::LazyLock;

use process::{Ended, Program, example, example_with_files};

/// The programs that wait for seconds, each run once for all tests.
struct Slow {
    first_on_one: Ended,
    first_on_two: Ended,
    hybrid: Ended,
    fetches: Ended,
    semaphore: Ended,
}

static SLOW: LazyLock<Slow> = LazyLock::new(|| {
    let workers =
        |name, workers| Program::start(example(name, &[]).env("WINDLASS_WORKERS", workers));
    let first_on_one = workers("first_completed", "1");
    let first_on_two = workers("first_completed", "2");
    let hybrid = workers("hybrid_worker", "1");
    let fetches = workers("fetch_with_timeout", "2");
    // Slower than by default, so that a busy machine does not blur its waves.
    let mut semaphore = example("semaphore", &["--delay", "0.6"]);
    let semaphore = Program::start(semaphore.env("WINDLASS_WORKERS", "2"));
    Slow {
        first_on_one: first_on_one.end(),
        first_on_two: first_on_two.end(),
        hybrid: hybrid.end(),
        fetches: fetches.end(),
        semaphore: semaphore.end(),
    }
});

fn run(name: &str, arguments: &[&str]) -> Ended {
    Program::start(&mut example(name, arguments)).end()
}

/// Splits `[2026-11-22 10:49:03.000123] Task A started` into seconds of the day and the rest.
#[track_caller]
fn stamped(line: &str) -> (f64, &str) {
    let shape: String =
        line.chars().map(|char| if char.is_ascii_digit() { '0' } else { char }).take(29).collect();
    assert_eq!(shape, "[0000-00-00 00:00:00.000000] ", "{line}");
    let number = |range: Range<usize>| -> f64 { line[range].parse().expect("this is its shape") };
    (number(12..14) * 3600.0 + number(15..17) * 60.0 + number(18..27), &line[29..])
}

/// The lines of `first_completed` without their times.
#[track_caller]
fn unstamped(lines: &[String]) -> Vec<&str> {
    let text = |line| if str::starts_with(line, "[") { stamped(line).1 } else { line };
    lines.iter().map(|line| text(line)).collect()
}

// TSK, WAI-02: the article's first program, to the letter.
#[test]
fn first_completed_prints_its_five_lines_in_order_on_one_worker() {
    let ended = SLOW.first_on_one.well();
    let expected = [
        "Task A started", // in spawn order, all before any timer
        "Task B started",
        "Task C started",
        "Task B finished",
        "First completed: Result-B",
    ];
    assert_eq!(unstamped(&ended.lines), expected);
    assert_eq!(ended.errors, "");
}

#[test]
fn first_completed_prints_the_same_lines_on_two_workers() {
    let ended = SLOW.first_on_two.well();
    let mut lines = unstamped(&ended.lines);
    assert_eq!(lines.split_off(3), ["Task B finished", "First completed: Result-B"]);
    lines.sort_unstable();
    assert_eq!(lines, ["Task A started", "Task B started", "Task C started"]);
    assert_eq!(ended.errors, "");
}

// RUN-03: the cancelled tasks are reaped, and take no time.
#[test]
fn first_completed_ends_long_before_the_cancelled_tasks_would() {
    for ended in [&SLOW.first_on_one, &SLOW.first_on_two] {
        let stamps: Vec<_> = ended.lines[..4].iter().map(|line| stamped(line)).collect();
        let end_of_b = stamps.iter().find(|(_, text)| *text == "Task B finished");
        let delay_of_b = end_of_b.expect("B finishes first").0 - stamps[0].0;
        let delay_of_b = delay_of_b.rem_euclid(24.0 * 3600.0); // midnight may have passed
        // A would finish after twice the delay of B, C after three times that.
        let ratio = ended.lasted.as_secs_f64() / delay_of_b;
        assert!(ratio < 1.7, "it lasted {ratio:.2} times the delay of its first task");
    }
}

#[test]
fn first_completed_fails_with_the_task_that_failed_first() {
    let ended = run("first_completed", &["--fail", "B", "60", "0.05", "60"]);
    assert_eq!(ended.status.code(), Some(1));
    assert_eq!(unstamped(&ended.lines[..3]).len(), ended.lines.len(), "nobody finished");
    assert!(ended.errors.contains("\"B\""), "it names the task: {}", ended.errors);
    assert!(ended.errors.contains("examples/first_completed.rs:"), "and the line that spawned it");
}

// WAI-02: whoever has finished before the wait is over is among the done.
#[test]
fn first_completed_reports_every_task_that_has_finished_with_the_first() {
    let mut command = example("first_completed", &["0.05", "0.05", "0.05"]);
    let ended = Program::start(command.env("WINDLASS_WORKERS", "1")).end();
    let lines = unstamped(&ended.well().lines);
    let finished = lines.iter().filter_map(|line| line.strip_suffix(" finished"));
    let finished = finished.map(|task| task.trim_start_matches("Task "));
    let reported = lines.iter().filter_map(|line| line.strip_prefix("First completed: Result-"));
    assert_eq!(finished.collect::<Vec<_>>(), reported.collect::<Vec<_>>());
}

// EXE-01, EXE-04.
#[test]
fn hybrid_worker_prints_the_results_of_both_pools() {
    let ended = SLOW.hybrid.well();
    assert_eq!(ended.lines, ["IO result", "Custom pool: IO result"]);
}

// EXE-04, EXE-05: neither job, nor the end of the pool, stops the tasks.
#[test]
fn hybrid_worker_ticks_while_its_jobs_block() {
    let words: Vec<&str> = SLOW.hybrid.errors.split(' ').collect();
    let [ticks, "ticks,", "at", "most", longest, "ms", "apart\n"] = words[..] else {
        panic!("not the line of the ticker: {:?}", SLOW.hybrid.errors);
    };
    let (ticks, longest): (u32, u32) = (ticks.parse().unwrap(), longest.parse().unwrap());
    assert!(ticks >= 20, "{ticks} ticks of 100 ms during two jobs of a second");
    // A ticker that a job has stopped would show a gap as long as the job.
    assert!(longest < 1000 / 2, "two ticks are {longest} ms apart");
}

// TMO-01, TIM-06: never early, and not much later.
#[test]
fn fetch_with_timeout_gives_up_the_slow_fetches_at_the_limit() {
    let ended = SLOW.fetches.well();
    assert_eq!(ended.lines, ["Request timed out"; 2], "quick and failing print nothing");
    for kind in ["slow", "spawned"] {
        let took = took(&ended.errors, &format!("{kind}: over after "));
        assert!((3.0..3.0 * 1.5).contains(&took), "{kind} took {took} s");
    }
}

#[test]
fn fetch_with_timeout_returns_early_if_the_fetch_does() {
    let errors = &SLOW.fetches.errors;
    let slow = took(errors, "slow: over after ");
    assert!(took(errors, "quick: over after ") < slow / 2.0);
    assert!(took(errors, "failing: failed after ") < slow / 2.0);
}

// WFR-02: what was waited for ends with the wait: no task, timer or socket is left.
#[test]
fn fetch_with_timeout_leaves_nothing_behind() {
    let left = SLOW.fetches.errors.lines().last();
    assert_eq!(left, Some("left: 0 tasks, 0 timers, 0 sockets"));
}

// TMO-02.
#[test]
fn a_quick_fetch_prints_nothing() {
    let ended = run("fetch_with_timeout", &["quick"]);
    assert_eq!(ended.well().lines, [""; 0]);
}

// TMO-22, TMO-23: an error that comes in time is not taken for a timeout.
#[test]
fn a_failing_fetch_fails_with_its_own_error() {
    let ended = run("fetch_with_timeout", &["failing"]);
    assert_eq!((ended.status.code(), ended.lines.len()), (Some(1), 0));
    assert!(ended.errors.contains("the server gave no answer"), "{}", ended.errors);
}

/// The seconds in the line that begins like this.
#[track_caller]
fn took(errors: &str, begin: &str) -> f64 {
    let line = errors.lines().find_map(|line| line.strip_prefix(begin)).expect(begin);
    let end = line.find(" s").expect("seconds");
    line[..end].parse().expect("a number")
}

/// What `semaphore` says of its waves: requests, and seconds to the first of them.
#[track_caller]
fn waves(lines: &[String]) -> Vec<(usize, f64)> {
    let waves = lines.iter().filter(|line| line.starts_with("wave "));
    let wave = |line: &String| {
        let words: Vec<&str> = line.split(' ').collect();
        let ["wave", _, count, "requests,", "the", "first", "after", seconds, "s"] = words[..]
        else {
            panic!("not the line of a wave: {line}");
        };
        (count.parse().unwrap(), seconds.parse().unwrap())
    };
    waves.map(wave).collect()
}

// SEM-18
#[test]
fn semaphore_fetches_thirty_five_pages_in_four_waves_ten_at_a_time() {
    let lines = &SLOW.semaphore.well().lines;
    let pages: Vec<String> = (0..35).map(|page| page.to_string()).collect();
    assert_eq!(lines[0], format!("pages: {}", pages.join(" ")), "in argument order");
    let waves = waves(lines);
    let counts: Vec<usize> = waves.iter().map(|(count, _)| *count).collect();
    assert_eq!(counts, [10, 10, 10, 5]);
    assert_eq!(lines[5..], ["peak 10", "free permits 10"]);
    // The waves follow each other after one delay each, not later.
    let last = waves[3].1 / waves[1].1;
    assert!((2.0..4.0).contains(&last), "the last wave came after {last:.1} delays");
}

// SEM-18: whatever the figures are, no more than so many at a time.
#[test]
fn semaphore_never_has_more_requests_under_way_than_permits() {
    let ended = run("semaphore", &["--jobs", "40", "--permits", "3", "--delay", "0.01"]);
    let lines = &ended.well().lines;
    let waves = waves(lines);
    assert!(waves.iter().all(|(count, _)| *count <= 3), "{lines:?}");
    assert_eq!(waves.iter().map(|(count, _)| count).sum::<usize>(), 40);
    assert!(lines.ends_with(&["peak 3".to_owned(), "free permits 3".to_owned()]), "{lines:?}");
}

// SEM-19, GTH-03: `try_gather` returns when the others are gone.
#[test]
fn semaphore_ends_with_the_error_of_a_fetch_and_every_permit_is_free_by_then() {
    let ended = run("semaphore", &["--jobs", "15", "--fail", "4", "--delay", "30"]);
    assert_eq!(ended.status.code(), Some(1));
    assert_eq!(ended.lines, ["free permits 10"]);
    assert!(ended.errors.contains("no page 4"), "{}", ended.errors);
}

/// The lines of `producer_consumer`, as the article's program prints them.
const TEN_LINES: [&str; 10] = [
    "Produced: 0", // three have room
    "Produced: 1",
    "Produced: 2",
    "Consumed: 0", // one consumer drains the queue without waiting
    "Consumed: 1",
    "Consumed: 2",
    "Produced: 3", // the producers who waited put their items themselves
    "Produced: 4",
    "Consumed: 3",
    "Consumed: 4",
];

// QUE-07, QUE-26: the article's queue program, to the letter.
#[test]
fn producer_consumer_prints_its_ten_lines_in_order_on_one_worker() {
    for arguments in [&[][..], &["--shutdown"]] {
        let mut command = example("producer_consumer", arguments);
        let ended = Program::start(command.env("WINDLASS_WORKERS", "1")).end();
        assert_eq!(ended.well().lines, TEN_LINES);
        assert_eq!(ended.errors, "");
    }
}

#[test]
fn producer_consumer_prints_each_line_once_on_two_workers() {
    for arguments in [&[][..], &["--shutdown"]] {
        let mut command = example("producer_consumer", arguments);
        let mut ended = Program::start(command.env("WINDLASS_WORKERS", "2")).end();
        let mut expected = TEN_LINES;
        expected.sort_unstable();
        ended.lines.sort_unstable();
        assert_eq!(ended.well().lines, expected);
        assert_eq!(ended.errors, "");
    }
}

// QUE-37: the item that was taken is marked as done, and the other consumer goes on.
#[test]
fn producer_consumer_ends_though_a_consumer_fails_after_a_get() {
    let ended = run("producer_consumer", &["--fail", "1"]);
    assert_eq!((ended.status.code(), ended.lines.len()), (Some(1), 9), "{:?}", ended.lines);
    assert!(!ended.lines.contains(&"Consumed: 1".to_owned()));
    assert!(ended.errors.contains("told to fail at item 1"), "{}", ended.errors);
}

// QUE-38, QUE-44: where the article's program hangs, a producer gets its item back.
#[test]
fn producer_consumer_fails_instead_of_hanging_when_no_consumer_is_left() {
    for arguments in [&["--consumers", "0"][..], &["--consumers", "1", "--fail", "0"]] {
        let ended = run("producer_consumer", arguments);
        assert_eq!(ended.status.code(), Some(1));
        assert!(ended.errors.contains("was not put"), "{}", ended.errors);
    }
}

#[test]
fn echo_answers_every_request_of_its_own_load() {
    for workers in ["1", "2"] {
        let load = ["--connections", "8", "--requests", "200", "--workers", workers];
        let ended = run("echo", &load);
        let lines = &ended.well().lines;
        let [listening, rate, stopped] = &lines[..] else { panic!("{lines:?}") };
        assert!(listening.starts_with("listening on 127.0.0.1:"), "{listening}");
        assert!(rate.starts_with("1600 requests in "), "{rate}");
        assert!(rate.ends_with(" requests per second"), "{rate}");
        assert_eq!(stopped, "stopped");
    }
}

/// An echo server on a free port, and its address.
fn echo_server(mut program: Program) -> (Program, SocketAddr) {
    let address = program.line("listening on ").parse().expect("an address");
    program.line("press Ctrl-C");
    (program, address)
}

fn start_echo(listen: &str) -> (Program, SocketAddr) {
    echo_server(Program::start(&mut example("echo", &["--listen", listen, "--workers", "2"])))
}

/// Sends a word and takes it back.
#[track_caller]
fn exchange(stream: &mut TcpStream) {
    let mut answer = [0; 5];
    stream.write_all(b"hello").unwrap();
    stream.read_exact(&mut answer).unwrap();
    assert_eq!(&answer, b"hello");
}

// SIG-08: the server sleeps in the poller when the signal comes.
#[test]
fn ctrl_c_ends_echo_with_status_0_and_closes_its_connections() {
    let (server, address) = start_echo("127.0.0.1:0");
    let mut client = TcpStream::connect(address).unwrap();
    exchange(&mut client);
    server.interrupt();
    let ended = server.end();
    assert_eq!(ended.well().lines.last().unwrap(), "stopped");
    assert_eq!(client.read(&mut [0]).unwrap(), 0, "the end of the stream, not a reset");
}

// SRV-05: the connections of its former life do not keep the address.
#[test]
fn a_stopped_echo_can_be_started_again_at_once() {
    let (server, address) = start_echo("127.0.0.1:0");
    let mut client = TcpStream::connect(address).unwrap();
    exchange(&mut client);
    server.interrupt();
    server.end().well();
    let (server, again) = start_echo(&address.to_string());
    assert_eq!(address, again);
    exchange(&mut TcpStream::connect(again).unwrap());
    server.interrupt();
    server.end().well();
}

// SRV-06.
#[test]
fn echo_names_the_address_that_is_in_use() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let ended = run("echo", &["--listen", &address]);
    assert_eq!((ended.status.code(), ended.lines.len()), (Some(1), 0));
    assert!(ended.errors.contains(&address), "{}", ended.errors);
    assert!(ended.errors.contains("in use"), "{}", ended.errors);
}

// SRV-04: accepting pauses, what is connected is served, and then accepting goes on.
#[test]
fn echo_survives_running_out_of_descriptors() {
    const FILES: usize = 24;
    let arguments = ["--listen", "127.0.0.1:0", "--workers", "2"];
    let program = Program::start(&mut example_with_files(FILES, "echo", &arguments));
    let (mut server, address) = echo_server(program);
    // More than can be accepted. The kernel connects the rest, and keeps them in the queue.
    let mut early: Vec<_> = (0..FILES).map(|_| TcpStream::connect(address).unwrap()).collect();
    let mut late = early.pop().unwrap();
    server.complaint("cannot accept for now");
    exchange(&mut early[0]); // those it has are served
    late.set_nonblocking(true).unwrap();
    late.write_all(b"hello").unwrap();
    assert!(late.read(&mut [0]).is_err(), "nobody has accepted it yet");
    late.set_nonblocking(false).unwrap();
    drop(early); // room for everybody
    let mut answer = [0; 5];
    late.read_exact(&mut answer).unwrap();
    assert_eq!(&answer, b"hello");
    server.interrupt();
    server.end().well();
}

// The kernel's edge is consumed by a short read, so nothing is asked twice.
#[cfg(target_os = "linux")]
#[test]
fn echo_needs_three_system_calls_a_request() {
    const REQUESTS: usize = 500;
    const OTHERS: usize = 100; // starting, accepting, stopping
    // What a server does per request, or could by mistake. The loader's calls are not among them.
    const COUNTED: [&str; 8] = [
        "epoll_wait",
        "recvfrom",
        "sendto",
        "epoll_ctl",
        "futex",
        "timerfd_settime",
        "read",
        "write",
    ];
    // Traced, the server is slow. A request must not be there before it asks: that would save it
    // the call that finds nothing, if it makes one.
    const PAUSE: std::time::Duration = std::time::Duration::from_millis(1);
    if std::process::Command::new("strace").arg("-V").output().is_err() {
        return eprintln!("skipped: there is no strace here");
    }
    let counts = std::env::temp_dir().join(format!("windlass-echo-{}", std::process::id()));
    let mut strace = std::process::Command::new("strace");
    strace.args(["-f", "-c", "-U", "calls,name", "-o"]).arg(&counts);
    // strace takes no Ctrl-C for its program, so the program says who it is.
    strace.args(["sh", "-c", "echo pid $$ && exec \"$0\" \"$@\""]).arg(process::path("echo"));
    strace.args(["--listen", "127.0.0.1:0", "--workers", "1"]);
    let mut program = Program::start(&mut strace);
    let pid = program.line("pid ").parse().unwrap();
    let (server, address) = echo_server(program);

    let mut client = TcpStream::connect(address).unwrap();
    client.set_nodelay(true).unwrap();
    for _ in 0..REQUESTS {
        exchange(&mut client);
        std::thread::sleep(PAUSE);
    }
    server.interrupt_process(pid);
    server.end().well();

    let table = std::fs::read_to_string(&counts).unwrap();
    std::fs::remove_file(&counts).unwrap();
    let calls = |line: &str| {
        let (count, name) = line.trim().split_once(' ')?;
        COUNTED.contains(&name.trim()).then(|| count.parse::<usize>().unwrap())
    };
    let total: usize = table.lines().filter_map(calls).sum();
    assert!(total >= 2 * REQUESTS, "too few to be true:\n{table}");
    assert!(total < 3 * REQUESTS + OTHERS, "{total} for {REQUESTS} requests:\n{table}");
}

#[test]
fn embed_lives_in_a_foreign_loop_that_sleeps() {
    let ended = run("embed", &[]);
    let (last, lines) = ended.well().lines.split_last().unwrap();
    let expected = [
        "the host reads \"two\"",
        "the host reads \"one\"",
        "the task for \"one\" has ended: one, one", // "two" has a nap
        "the task for \"two\" has ended: two, two",
    ];
    assert_eq!(lines, expected);
    let passes = last.strip_prefix("the host has passed through its loop ").unwrap();
    let passes: u32 = passes.strip_suffix(" times").unwrap().parse().unwrap();
    // A loop that spins during the nap goes round some ten thousand times.
    assert!(passes < 100, "{passes} passes");
}
