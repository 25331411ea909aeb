//! Options from a list of words, each of them with a value or a mere flag.

use std::str::FromStr;

/// The words that nobody has taken yet.
#[derive(Debug)]
pub struct Options<'a>(Vec<&'a str>);

impl<'a> Options<'a> {
    pub fn new(words: &[&'a str]) -> Options<'a> {
        Options(words.to_vec())
    }

    /// Whether the word is there.
    pub fn flag(&mut self, name: &str) -> bool {
        let before = self.0.len();
        self.0.retain(|word| *word != name);
        self.0.len() < before
    }

    /// The value after the word, if it is there.
    ///
    /// # Errors
    /// A text, if the value is missing or not of its type.
    pub fn value<T: FromStr>(&mut self, name: &str) -> Result<Option<T>, String> {
        let Some(at) = self.0.iter().position(|word| *word == name) else { return Ok(None) };
        let value = self.0.get(at + 1).copied().ok_or(format!("{name} needs a value"))?;
        self.0.drain(at..=at + 1);
        value.parse().map(Some).map_err(|_| format!("{name} cannot be {value}"))
    }

    /// # Errors
    /// A text, if a word is left.
    pub fn end(self) -> Result<(), String> {
        self.0.first().map_or(Ok(()), |word| Err(format!("no such option: {word}")))
    }
}
