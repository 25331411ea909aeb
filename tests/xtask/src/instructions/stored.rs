//! The figures in `benches/README.md`.

use super::Figure;
use crate::section;

/// The part of `benches/README.md` between the marks of this name.
const SECTION: &str = "instructions";
/// How far a figure may be off. Other versions of the C library move some by a few percent.
const TOLERANCE: f64 = 0.05;

/// A row and its figures, runtime by runtime.
pub type Line = (String, Vec<Figure>);

pub fn write(runtimes: &[&str], table: &[Line]) -> Result<(), String> {
    let runtimes = runtimes.join(" | ");
    let mut text = format!("| row | {runtimes} | locked: {runtimes} | calls: {runtimes} |\n|---|");
    for (row, figures) in table {
        if text.ends_with("|---|") {
            text.push_str(&"--:|".repeat(3 * figures.len()));
        }
        text.push_str(&format!("\n| {row} |"));
        text.extend(figures.iter().map(|figure| format!(" {:.0} |", figure.instructions)));
        text.extend(figures.iter().map(|figure| format!(" {:.1} |", figure.locked)));
        text.extend(figures.iter().map(|figure| format!(" {:.3} |", figure.calls)));
    }
    let with = [crate::output("rustc", &["-V"])?, crate::output("valgrind", &["--version"])?];
    let libc = crate::output("getconf", &["GNU_LIBC_VERSION"])?;
    text.push_str(&format!("\n\nCounted with {}, {libc}.", with.join(", ")));
    section::write(SECTION, &text)
}

/// Compares the first column.
///
/// # Errors
/// A text with every figure that is off.
pub fn check(table: &[Line]) -> Result<(), String> {
    let stored = section::read(SECTION)?;
    let mut off = Vec::new();
    for (row, figures) in table {
        let now = figures[0].instructions;
        let line = stored.lines().find_map(|line| line.strip_prefix(&format!("| {row} | ")));
        let before = line.and_then(|line| line.split(" |").next()?.parse::<f64>().ok());
        match before {
            Some(before) if (now / before - 1.0).abs() <= TOLERANCE => {}
            Some(before) => off.push(format!("{row}: {now:.0}, and {before:.0} is stored")),
            None => off.push(format!("{row}: {now:.0}, and nothing is stored")),
        }
    }
    if off.is_empty() {
        return Ok(());
    }
    let cure = "if that is meant: cargo xtask instructions --write";
    Err(format!("{}\n{cure}", off.join("\n")))
}
