//! The toolchain that some checks need and that need not be there.

use std::process::Command;

use crate::output;

/// Cargo of the nightly toolchain; `None`, told loudly, if there is none.
pub fn cargo(check: &str) -> Option<Command> {
    if output("cargo", &["+nightly", "--version"]).is_err() {
        eprintln!("\n*** {check} is SKIPPED: it needs `rustup toolchain install nightly` ***\n");
        return None;
    }
    let mut cargo = Command::new("cargo");
    cargo.arg("+nightly");
    Some(cargo)
}

/// The name of this machine's target. Flags for a named target leave build scripts alone, which
/// must run without them.
///
/// # Errors
/// A text, if the compiler does not tell.
pub fn host() -> Result<String, String> {
    let text = output("rustc", &["-vV"])?;
    let host = text.lines().find_map(|line| line.strip_prefix("host: "));
    host.map(str::to_owned).ok_or("rustc -vV names no host".into())
}
