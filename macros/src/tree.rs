//! Tokens as the parsers see them, and the way they refuse one.

/// One token, or one bracketed group of them. `S` is where it stands in the user's code.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Tree<S> {
    /// A keyword, a name, `true` or `false`.
    Word(String, S),
    /// One character of punctuation.
    Sign(char, S),
    /// A number or a string, as it is written.
    Literal(String, S),
    /// Everything between two brackets.
    Group(Bracket, Vec<Tree<S>>, S),
}

/// The kind of a group.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bracket {
    /// `( )`
    Round,
    /// `[ ]`
    Square,
    /// `{ }`
    Curly,
    /// Nothing is written: the group is what a `macro_rules` variable stood for.
    Invisible,
}

/// Why the code is not accepted, and the token to point at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal<S> {
    /// What is wrong, and the cure.
    pub message: String,
    /// Where the compiler shows it.
    pub at: S,
}

impl<S: Copy> Tree<S> {
    /// Where it stands.
    pub fn at(&self) -> S {
        match self {
            Tree::Word(_, at) | Tree::Sign(_, at) | Tree::Literal(_, at) => *at,
            Tree::Group(_, _, at) => *at,
        }
    }

    /// True for this very word.
    pub fn is_word(&self, wanted: &str) -> bool {
        matches!(self, Tree::Word(text, _) if text == wanted)
    }

    /// True for this very sign.
    pub fn is_sign(&self, wanted: char) -> bool {
        matches!(self, Tree::Sign(sign, _) if *sign == wanted)
    }

    /// What stands between the brackets, if these are the brackets.
    pub fn inside(&self, wanted: Bracket) -> Option<&[Tree<S>]> {
        match self {
            Tree::Group(bracket, inner, _) if *bracket == wanted => Some(inner),
            _ => None,
        }
    }
}

/// A refusal as the error of a parser.
pub fn refuse<T, S>(at: S, message: impl Into<String>) -> Result<T, Refusal<S>> {
    Err(Refusal { message: message.into(), at })
}

#[cfg(test)]
pub mod lexer;
