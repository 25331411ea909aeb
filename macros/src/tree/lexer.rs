//! Trees from text, for the tests of the parsers. A tree stands at its offset in the text.

use super::{Bracket, Tree};

/// Reads well-formed code without comments.
pub fn lex(text: &str) -> Vec<Tree<usize>> {
    let mut at = 0;
    let trees = until(text, &mut at, None);
    assert_eq!(at, text.len(), "the brackets of the sample match");
    trees
}

fn until(text: &str, at: &mut usize, close: Option<char>) -> Vec<Tree<usize>> {
    let mut trees = Vec::new();
    while let Some(next) = text[*at..].chars().next() {
        let from = *at;
        match next {
            _ if Some(next) == close => break,
            ' ' | '\n' => *at += 1,
            'a'..='z' | 'A'..='Z' | '_' => {
                let raw = if text[from..].starts_with("r#") { 2 } else { 0 };
                *at = from + raw;
                skip(text, at, |c| c.is_alphanumeric() || c == '_');
                trees.push(Tree::Word(text[from..*at].to_owned(), from));
            }
            '0'..='9' => {
                skip(text, at, |c| c.is_alphanumeric() || c == '_' || c == '.');
                trees.push(Tree::Literal(text[from..*at].to_owned(), from));
            }
            '"' => {
                *at += 1;
                skip(text, at, |c| c != '"');
                *at += 1;
                trees.push(Tree::Literal(text[from..*at].to_owned(), from));
            }
            '(' | '[' | '{' => {
                let (bracket, close) = match next {
                    '(' => (Bracket::Round, ')'),
                    '[' => (Bracket::Square, ']'),
                    _ => (Bracket::Curly, '}'),
                };
                *at += 1;
                let inner = until(text, at, Some(close));
                *at += 1;
                trees.push(Tree::Group(bracket, inner, from));
            }
            _ => {
                *at += 1;
                trees.push(Tree::Sign(next, from));
            }
        }
    }
    trees
}

fn skip(text: &str, at: &mut usize, belongs: fn(char) -> bool) {
    *at += text[*at..].find(|c| !belongs(c)).unwrap_or(text.len() - *at);
}
