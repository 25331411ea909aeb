//! The toolchain that some checks need and that need not be there.

use std::process::Command;

use crate::output;

/// True if there is one; if not, this check is skipped, which is told loudly.
pub fn is_there(check: &str) -> bool {
    let there = output("cargo", &["+nightly", "--version"]).is_ok();
    if !there {
        eprintln!("\n*** {check} is SKIPPED: it needs `rustup toolchain install nightly` ***\n");
    }
    there
}

/// Cargo of the nightly toolchain.
pub fn cargo() -> Command {
    let mut cargo = Command::new("cargo");
    cargo.arg("+nightly");
    cargo
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
