//! What the compiler says, and where it points, when the macros are used wrongly.
//!
//! Each sample is given to rustc with the macros just built. It is a crate named `windlass`, as in
//! `expansion.rs`, with as much of the runtime as the compiler wants to see.

use std::io::Write;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::SystemTime;

/// Comes after the sample, so that lines count from the sample's first.
const STAND_IN: &str = "
extern crate self as windlass;
pub mod __private {
    pub struct MainOptions { pub workers: Option<usize>, pub debug: Option<bool> }
    pub fn run_main<F: Future>(_: MainOptions, _: F) -> F::Output { loop {} }
}
";

/// The macros as cargo built them: the newest of their libraries beside this test.
fn library() -> PathBuf {
    let this = std::env::current_exe().expect("a running program has a path");
    let folder = this.parent().expect("the path of a program has a folder");
    let (prefix, suffix) = (std::env::consts::DLL_PREFIX, std::env::consts::DLL_SUFFIX);
    let files = folder.read_dir().expect("the folder of a running program can be read");
    files
        .map(|file| file.expect("the folder can be read to its end").path())
        .filter(|path| {
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            name.starts_with(&format!("{prefix}windlass_macros-")) && name.ends_with(suffix)
        })
        .max_by_key(|path| {
            path.metadata().and_then(|data| data.modified()).unwrap_or(SystemTime::UNIX_EPOCH)
        })
        .expect("cargo builds the macros before their tests")
}

/// The errors of the sample, as `line:column: text`.
fn errors(sample: &str, crate_type: &str, flags: &[&str]) -> Vec<String> {
    let mut library_flag = std::ffi::OsString::from("windlass_macros=");
    library_flag.push(library());
    let thread = std::thread::current().id();
    let output_name = format!("windlass-refusals-{}-{thread:?}", std::process::id());
    let output = std::env::temp_dir().join(output_name);
    let mut rustc = Command::new("rustc")
        .args(["--edition=2024", "--error-format=short", "--emit=metadata", "-o"])
        .arg(&output)
        .args(["--crate-name=sample", "--crate-type", crate_type, "--extern"])
        .arg(library_flag)
        .args(flags)
        .arg("-")
        .stdin(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("rustc runs where cargo does");
    let mut input = rustc.stdin.take().expect("the input is a pipe");
    write!(input, "{sample}\n{STAND_IN}").expect("rustc reads all of its input");
    drop(input);
    let said = rustc.wait_with_output().expect("rustc ends");
    let _ = std::fs::remove_file(output); // not written if there was an error
    String::from_utf8_lossy(&said.stderr)
        .lines()
        .filter_map(|line| line.strip_prefix("<anon>:"))
        .map(str::to_owned)
        .collect()
}

/// Each error begins as expected: the rest of the compiler's own texts is the compiler's business.
#[track_caller]
fn agree(found: &[String], expected: &[&str]) {
    assert_eq!(found.len(), expected.len(), "{found:#?}");
    for (found, expected) in found.iter().zip(expected) {
        assert!(found.starts_with(expected), "{found}\ndoes not begin with\n{expected}");
    }
}

#[track_caller]
fn main_is_refused(sample: &str, expected: &[&str]) {
    agree(&errors(sample, "bin", &[]), expected);
}

#[track_caller]
fn test_is_refused(sample: &str, expected: &[&str]) {
    agree(&errors(sample, "lib", &["--test"]), expected);
}

#[test]
fn a_right_main_has_no_errors() {
    main_is_refused("#[windlass_macros::main]\nasync fn main() {}", &[]);
}

#[test]
fn a_main_that_is_not_async_is_one_error_at_its_fn() {
    main_is_refused(
        "#[windlass_macros::main]\npub fn main() {}",
        &["2:5: error: `#[windlass::main]` needs an `async fn`: add `async` here"],
    );
}

#[test]
fn an_argument_is_one_error_at_the_argument() {
    main_is_refused(
        "#[windlass_macros::main]\nasync fn main(many: u8) {}",
        &["2:15: error: a function under `#[windlass::main]` takes no arguments"],
    );
}

#[test]
fn generics_are_one_error_at_their_bracket() {
    test_is_refused(
        "#[windlass_macros::test]\nasync fn works<T>() {}",
        &["2:15: error: a function under `#[windlass::test]` cannot be generic"],
    );
}

#[test]
fn an_unknown_option_is_one_error_at_its_name() {
    main_is_refused(
        "#[windlass_macros::main(debug, threads = 2)]\nasync fn main() {}",
        &["1:32: error: `#[windlass::main]` has no option `threads`, only `workers`, `debug`"],
    );
}

#[test]
fn a_wrong_value_is_one_error_at_the_value() {
    test_is_refused(
        "#[windlass_macros::test(workers = 0)]\nasync fn works() {}",
        &["1:35: error: `workers` takes a whole number from 1 up: `workers = 2`"],
    );
}

#[test]
fn a_struct_is_one_error_at_the_struct() {
    test_is_refused(
        "#[windlass_macros::test]\nstruct Works;",
        &["2:1: error: `#[windlass::test]` belongs on an `async fn`"],
    );
}

#[test]
fn a_type_error_in_the_body_keeps_its_place() {
    main_is_refused(
        "#[windlass_macros::main]\nasync fn main() {\n    let _: u8 = true;\n}",
        &["3:17: error[E0308]"],
    );
}

#[test]
fn a_body_of_the_wrong_type_is_an_error_at_the_body_not_at_the_attribute() {
    main_is_refused(
        "#[windlass_macros::main]\nasync fn main() -> Result<(), u8> {\n    7\n}",
        &["3:5: error[E0308]"],
    );
}

#[test]
fn a_return_type_that_main_cannot_have_is_an_error_at_that_type() {
    main_is_refused(
        "#[windlass_macros::main]\nasync fn main() -> u8 {\n    7\n}",
        &["2:20: error[E0277]"],
    );
}
