//! The options in the brackets of the attribute: `workers = 2, paused, leaks = allow`.

use crate::tree::{Refusal, Tree, refuse};

/// How long a test may take if it does not say.
const DEFAULT_TIMEOUT_MS: u64 = 60_000; // far above any honest test, far below a CI run's limit

/// What `#[windlass::main(..)]` was told.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Main {
    /// The number of worker seats, if given.
    pub workers: Option<usize>,
    /// Whether the debug reports are on, if given.
    pub debug: Option<bool>,
}

/// What `#[windlass::test(..)]` was told.
#[derive(Debug, PartialEq, Eq)]
pub struct Test {
    /// The number of worker seats, if given.
    pub workers: Option<usize>,
    /// Whether the clock stands still.
    pub paused: bool,
    /// After how many milliseconds the test has failed.
    pub timeout_ms: u64,
    /// Whether tasks may outlive the test.
    pub allow_leaks: bool,
}

/// Reads the options of `#[windlass::main]`.
pub fn main<S: Copy>(trees: &[Tree<S>]) -> Result<Main, Refusal<S>> {
    let mut options = Main::default();
    for entry in entries("main", &["workers", "debug"], trees)? {
        match entry.key {
            "workers" => options.workers = Some(entry.number()?),
            _ => options.debug = Some(entry.flag()?),
        }
    }
    Ok(options)
}

/// Reads the options of `#[windlass::test]`.
pub fn test<S: Copy>(trees: &[Tree<S>]) -> Result<Test, Refusal<S>> {
    let mut options =
        Test { workers: None, paused: false, timeout_ms: DEFAULT_TIMEOUT_MS, allow_leaks: false };
    for entry in entries("test", &["workers", "paused", "timeout_ms", "leaks"], trees)? {
        match entry.key {
            "workers" => options.workers = Some(entry.number()?),
            "paused" => options.paused = entry.flag()?,
            "timeout_ms" => options.timeout_ms = entry.number()?,
            _ => options.allow_leaks = entry.choice(["deny", "allow"])? == "allow",
        }
    }
    Ok(options)
}

/// One option as it is written.
struct Entry<'a, S> {
    /// Its name, one of the known ones.
    key: &'static str,
    /// Where the name stands.
    at: S,
    /// What follows the `=`; empty if there is no `=`.
    value: &'a [Tree<S>],
}

/// Splits the list at its commas. Refuses unknown names and repeated ones.
fn entries<'a, S: Copy>(
    attribute: &str,
    known: &[&'static str],
    trees: &'a [Tree<S>],
) -> Result<Vec<Entry<'a, S>>, Refusal<S>> {
    let mut entries: Vec<Entry<'a, S>> = Vec::new();
    let mut rest = trees;
    while let Some(first) = rest.first() {
        let end = rest.iter().position(|tree| tree.is_sign(',')).unwrap_or(rest.len());
        let entry = entry(attribute, known, first, &rest[..end])?;
        if entries.iter().any(|earlier| earlier.key == entry.key) {
            return refuse(entry.at, format!("`{}` is given twice", entry.key));
        }
        entries.push(entry);
        rest = rest.get(end + 1..).unwrap_or_default();
    }
    Ok(entries)
}

fn entry<'a, S: Copy>(
    attribute: &str,
    known: &[&'static str],
    first: &Tree<S>,
    trees: &'a [Tree<S>],
) -> Result<Entry<'a, S>, Refusal<S>> {
    let names: Vec<String> = known.iter().map(|name| format!("`{name}`")).collect();
    let names = names.join(", ");
    let [Tree::Word(name, at), value @ ..] = trees else {
        let message = format!("the name of an option is expected here, one of {names}");
        return refuse(first.at(), message);
    };
    let Some(key) = known.iter().find(|known| *known == name) else {
        let message = format!("`#[windlass::{attribute}]` has no option `{name}`, only {names}");
        return refuse(*at, message);
    };
    match value {
        [] => Ok(Entry { key, at: *at, value }),
        [equals] if equals.is_sign('=') => {
            refuse(equals.at(), format!("the value of `{name}` is missing"))
        }
        [equals, value @ ..] if equals.is_sign('=') => Ok(Entry { key, at: *at, value }),
        [other, ..] => refuse(other.at(), "`=` or a comma is expected here"),
    }
}

impl<S: Copy> Entry<'_, S> {
    /// A whole number from 1 up.
    fn number<N: TryFrom<u64>>(&self) -> Result<N, Refusal<S>> {
        let value = match self.value {
            [Tree::Literal(text, _)] => number(text),
            _ => None,
        };
        match value.and_then(|value| N::try_from(value).ok()) {
            Some(value) => Ok(value),
            None => {
                let name = self.key;
                let message = format!("`{name}` takes a whole number from 1 up: `{name} = 2`");
                refuse(self.value_at(), message)
            }
        }
    }

    /// `true`, `false`, or the bare name, which is `true`.
    fn flag(&self) -> Result<bool, Refusal<S>> {
        if self.value.is_empty() { Ok(true) } else { Ok(self.choice(["false", "true"])? == "true") }
    }

    /// One of two words.
    fn choice(&self, words: [&'static str; 2]) -> Result<&'static str, Refusal<S>> {
        if let [value] = self.value
            && let Some(word) = words.into_iter().find(|word| value.is_word(word))
        {
            return Ok(word);
        }
        let (name, [first, second]) = (self.key, words);
        refuse(self.value_at(), format!("`{name}` is either `{second}` or `{first}`"))
    }

    /// Where to point if the value is wrong.
    fn value_at(&self) -> S {
        self.value.first().map_or(self.at, Tree::at)
    }
}

/// The value of a decimal literal such as `5_000` or `2usize`, unless it is zero.
fn number(text: &str) -> Option<u64> {
    let plain = ["usize", "u64"].iter().find_map(|suffix| text.strip_suffix(suffix));
    let digits = plain.unwrap_or(text).replace('_', "");
    digits.parse().ok().filter(|value| *value > 0)
}

#[cfg(test)]
mod tests;
