//! The service's voice: `say!` for what its user asked to see, `log!` for the rest.

use std::fmt::Arguments;
use std::io::Write;

/// Prints a line on standard output.
#[macro_export]
macro_rules! say {
    ($($part:tt)*) => {
        $crate::print::line(std::io::stdout(), format_args!("{}\n", format_args!($($part)*)))
    };
}

/// Prints a line on standard error, after the service's name.
#[macro_export]
macro_rules! log {
    ($($part:tt)*) => {
        $crate::print::line(std::io::stderr(), format_args!("service: {}\n", format_args!($($part)*)))
    };
}

/// Writes the line as one piece, where `eprintln!` would make a system call of each part. An error
/// is ignored: that nobody reads it is no reason to end, as `println!` does.
pub fn line(mut to: impl Write, line: Arguments<'_>) {
    let _ = to.write_all(line.to_string().as_bytes());
}
