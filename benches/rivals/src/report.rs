//! Table and plot of `benches/`, from what `compare --log` has written down.

use std::path::{Path, PathBuf};

use crate::figures::Figures;
use crate::{plot, table};

/// The table in `benches/README.md` stands between these.
const MARKS: [&str; 2] = ["<!-- figures -->\n", "<!-- /figures -->"];

/// Writes both from these logs; rows of a later log stand for those of an earlier one.
///
/// # Errors
/// A text, if a file cannot be read or written, or has no figures in it.
pub fn run(logs: &[&str]) -> Result<(), String> {
    let mut all = logs.iter().map(|path| read(Path::new(path)).map(|text| Figures::read(&text)));
    let mut figures = all.next().ok_or("report what? LOG...")??;
    for later in all {
        figures.replace_with(later?);
    }
    if figures.runtimes.is_empty() {
        return Err(format!("{}: no log of compare", logs[0]));
    }
    let (readme, picture) = (in_benches("README.md"), in_benches("rivals.svg"));
    let text = replaced(&read(&readme)?, &table::markdown(&figures))
        .ok_or_else(|| format!("{} has no {}", readme.display(), MARKS[0]))?;
    write(&readme, &text)?;
    write(&picture, &plot::svg(&figures))
}

/// `text` with something else between the marks.
fn replaced(text: &str, inside: &str) -> Option<String> {
    let (before, rest) = text.split_once(MARKS[0])?;
    let (_, after) = rest.split_once(MARKS[1])?;
    Some(format!("{before}{}{inside}\n{}{after}", MARKS[0], MARKS[1]))
}

fn in_benches(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).with_file_name(name)
}

fn read(path: &Path) -> Result<String, String> {
    std::fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))
}

fn write(path: &Path, text: &str) -> Result<(), String> {
    std::fs::write(path, text).map_err(|error| format!("{}: {error}", path.display()))
}
