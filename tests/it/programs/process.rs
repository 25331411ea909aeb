//! An example program as a process of its own.

use std::io::{BufRead, BufReader, Read};
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

/// A program that says nothing for so long hangs.
const HANGS: Duration = Duration::from_secs(60);

/// A running program. It is killed if the test ends first.
pub struct Program {
    child: Child,
    /// Lines of its standard output, and when each came.
    lines: Receiver<(Instant, String)>,
    /// Lines of its standard error.
    errors: Receiver<(Instant, String)>,
    /// What has been taken out of `lines`.
    seen: Vec<(Instant, String)>,
    /// What has been taken out of `errors`.
    seen_errors: String,
}

/// A program that has ended.
pub struct Ended {
    pub status: ExitStatus,
    /// The lines of its standard output.
    pub lines: Vec<String>,
    pub errors: String,
    /// From its first line to its end.
    pub lasted: Duration,
}

impl Ended {
    /// Fails unless the program has ended well.
    #[track_caller]
    pub fn well(&self) -> &Self {
        assert!(self.status.success(), "{}: {:?}\n{}", self.status, self.lines, self.errors);
        self
    }
}

/// Where Cargo has put an example: beside the folder of this test.
pub fn path(example: &str) -> PathBuf {
    let test = std::env::current_exe().expect("a test knows its own path");
    let folder = test.parent().and_then(|deps| deps.parent()).expect("tests are in target/*/deps");
    let path = folder.join("examples").join(example);
    assert!(path.exists(), "{} is missing: `cargo build --examples` makes it", path.display());
    path
}

/// An example with arguments, not started yet.
pub fn example(name: &str, arguments: &[&str]) -> Command {
    let mut command = Command::new(path(name));
    command.args(arguments);
    command
}

/// An example that can open only so many files.
pub fn example_with_files(files: usize, name: &str, arguments: &[&str]) -> Command {
    let mut command = Command::new("sh");
    command.arg("-c").arg(format!("ulimit -n {files} && exec \"$0\" \"$@\""));
    command.arg(path(name)).args(arguments);
    command
}

impl Program {
    pub fn start(command: &mut Command) -> Program {
        // What the machine has set for other purposes must not change what is tested.
        for variable in ["WINDLASS_DEBUG", "RUST_BACKTRACE"] {
            command.env_remove(variable);
        }
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("the program can be started");
        let output = lines(child.stdout.take().expect("stdout is a pipe"));
        let errors = lines(child.stderr.take().expect("stderr is a pipe"));
        Program { child, lines: output, errors, seen: Vec::new(), seen_errors: String::new() }
    }

    /// Waits for a line that begins like this, and returns the rest of it.
    #[track_caller]
    pub fn line(&mut self, begin: &str) -> String {
        loop {
            match self.next_line() {
                Some(line) => {
                    if let Some(rest) = line.strip_prefix(begin) {
                        return rest.to_owned();
                    }
                }
                None => panic!("it ended without saying {begin:?}: {}", self.all()),
            }
        }
    }

    /// Waits until it complains with these words.
    #[track_caller]
    pub fn complaint(&mut self, words: &str) {
        while !self.seen_errors.contains(words) {
            match self.errors.recv_timeout(HANGS) {
                Ok((_, line)) => self.seen_errors += &(line + "\n"),
                Err(_) => panic!("it does not say {words:?}: {}", self.all()),
            }
        }
    }

    #[track_caller]
    fn next_line(&mut self) -> Option<String> {
        match self.lines.recv_timeout(HANGS) {
            Ok(line) => {
                self.seen.push(line.clone());
                Some(line.1)
            }
            Err(RecvTimeoutError::Disconnected) => None,
            Err(RecvTimeoutError::Timeout) => panic!("it hangs: {}", self.all()),
        }
    }

    /// Presses Ctrl-C.
    pub fn interrupt(&self) {
        self.interrupt_process(self.child.id() as i32);
    }

    /// Presses Ctrl-C for a program that runs under this one.
    pub fn interrupt_process(&self, pid: i32) {
        let pid = Pid::from_raw(pid).expect("a process has a number above zero");
        kill_process(pid, Signal::INT).expect("the program runs");
    }

    /// Waits for its end.
    #[track_caller]
    pub fn end(mut self) -> Ended {
        while self.next_line().is_some() {}
        let end = Instant::now();
        let status = self.child.wait().expect("nobody else waits for it");
        let first = self.seen.first().map_or(end, |(at, _)| *at);
        let lines = std::mem::take(&mut self.seen).into_iter().map(|(_, line)| line).collect();
        Ended { status, lines, errors: self.all_errors(), lasted: end - first }
    }

    /// Everything it has said, after killing it.
    fn all(&mut self) -> String {
        self.kill();
        let errors = self.all_errors();
        format!("{:?}\n{errors}", self.seen)
    }

    /// Its standard error to the end.
    fn all_errors(&mut self) -> String {
        let rest = self.errors.iter().map(|(_, line)| line + "\n");
        std::mem::take(&mut self.seen_errors) + &rest.collect::<String>()
    }

    fn kill(&mut self) {
        // It fails if the program has ended, which is as well.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        self.kill();
    }
}

/// Reads lines in the background.
fn lines(from: impl Read + Send + 'static) -> Receiver<(Instant, String)> {
    let (sender, lines) = channel();
    thread::spawn(move || {
        for line in BufReader::new(from).lines() {
            let line = (Instant::now(), line.expect("the programs print UTF-8"));
            if sender.send(line).is_err() {
                return;
            }
        }
    });
    lines
}
