//! The service's voice: `say!` for what the user asked to see, `log!` for the rest.

/// Prints a line on standard output. It is no fault of the service's if nobody reads it, so an error
/// is ignored, where `println!` would panic.
#[macro_export]
macro_rules! say {
    ($($part:tt)*) => {{
        use std::io::Write;
        let _ = writeln!(std::io::stdout(), $($part)*);
    }};
}

/// Prints a line on standard error, after the service's name.
#[macro_export]
macro_rules! log {
    ($($part:tt)*) => {{
        use std::io::Write;
        let _ = writeln!(std::io::stderr(), "service: {}", format_args!($($part)*));
    }};
}
