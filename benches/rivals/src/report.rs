//! Table and plot of `benches/`, from what `compare --log` has written down.

use std::path::{Path, PathBuf};

use crate::figures::Figures;
use crate::{plot, python, table};

/// The parts of `benches/README.md` that are written here, by the name in their marks. Logs with
/// Python in them are about the article's programs.
const SECTIONS: [&str; 2] = ["figures", "article"];

/// Writes what these logs say; rows of a later log stand for those of an earlier one.
///
/// # Errors
/// A text, if a file cannot be read or written, or has no figures in it.
pub fn run(logs: &[&str]) -> Result<(), String> {
    let readme = in_benches("README.md");
    let mut parts: [Option<Figures>; SECTIONS.len()] = Default::default();
    for path in logs {
        let figures = Figures::read(&read(Path::new(path))?);
        if figures.runtimes.is_empty() {
            return Err(format!("{path}: no log of compare"));
        }
        let about_article = figures.runtimes.iter().any(|name| python::has(name));
        match &mut parts[usize::from(about_article)] {
            Some(earlier) => earlier.replace_with(figures),
            part => *part = Some(figures),
        }
    }
    for (name, figures) in SECTIONS.iter().zip(&parts) {
        let Some(figures) = figures else { continue };
        let text = replaced(&read(&readme)?, name, &table::markdown(figures));
        write(&readme, &text.ok_or(format!("{} has no part {name}", readme.display()))?)?;
    }
    match &parts[0] {
        Some(figures) => write(&in_benches("rivals.svg"), &plot::svg(figures)),
        None => Ok(()),
    }
}

/// `text` with something else between the marks of `name`.
fn replaced(text: &str, name: &str, inside: &str) -> Option<String> {
    let marks = [format!("<!-- {name} -->\n"), format!("<!-- /{name} -->")];
    let (before, rest) = text.split_once(&marks[0])?;
    let (_, after) = rest.split_once(&marks[1])?;
    Some(format!("{before}{}{inside}\n{}{after}", marks[0], marks[1]))
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
