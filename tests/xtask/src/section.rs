//! Parts of `benches/README.md` that a program writes, between `<!-- NAME -->` and `<!-- /NAME -->`.

use std::path::PathBuf;

/// What stands between the marks.
///
/// # Errors
/// A text, if the file or a mark is missing.
pub fn read(name: &str) -> Result<String, String> {
    let (path, marks) = (path(), marks(name));
    let text = std::fs::read_to_string(&path).map_err(|error| format!("{path:?}: {error}"))?;
    let inside = text.split_once(&marks[0]).and_then(|(_, rest)| rest.split_once(&marks[1]));
    inside.map(|(inside, _)| inside.to_owned()).ok_or(format!("{path:?} has no {}", marks[0]))
}

/// Puts `text` between the marks.
///
/// # Errors
/// A text, if the file or a mark is missing.
pub fn write(name: &str, text: &str) -> Result<(), String> {
    let (path, marks) = (path(), marks(name));
    let inside = read(name)?;
    let whole = std::fs::read_to_string(&path).map_err(|error| format!("{path:?}: {error}"))?;
    let old = format!("{}{inside}{}", marks[0], marks[1]);
    let new = format!("{}\n{}\n{}", marks[0], text.trim_end(), marks[1]);
    std::fs::write(&path, whole.replace(&old, &new)).map_err(|error| format!("{path:?}: {error}"))
}

fn path() -> PathBuf {
    crate::root().join("benches/README.md")
}

fn marks(name: &str) -> [String; 2] {
    [format!("<!-- {name} -->"), format!("<!-- /{name} -->")]
}
