//! Finds the parts of an `async fn` that the macros move around.
//!
//! ```text
//!  #[ignore]  pub(crate)  async fn  name  ()  -> Result<(), Error>  { .. }
//!  attributes visibility  ^                                        ^
//!                         qualifiers                               body
//! ```

use crate::tree::{Bracket, Refusal, Tree, refuse};

/// Where the parts of the function are; indices into its trees.
#[derive(Debug, PartialEq, Eq)]
pub struct Function {
    /// The first tree after attributes and visibility.
    pub qualifiers: usize,
    /// The word `async`.
    pub async_: usize,
    /// The name.
    pub name_at: usize,
    /// The body, which is the last tree.
    pub body: usize,
    /// The name as text, without a leading `r#`.
    pub name: String,
}

impl Function {
    /// Reads the function under the attribute `windlass::NAME`. `end` is where to point if the
    /// trees run out.
    pub fn parse<S: Copy>(attribute: &str, trees: &[Tree<S>], end: S) -> Result<Self, Refusal<S>> {
        let qualifiers = skip_visibility(trees, skip_attributes(attribute, trees)?);
        let fn_ = find_fn(attribute, trees, qualifiers, end)?;
        let async_ = check_qualifiers(attribute, trees, qualifiers, fn_)?;

        let name_at = fn_ + 1;
        let Some(Tree::Word(name, _)) = trees.get(name_at) else {
            return refuse(trees[fn_].at(), "this function has no name");
        };
        check_arguments(attribute, trees, name_at + 1, end)?;

        let body = trees.len() - 1;
        if trees[body].inside(Bracket::Curly).is_none() {
            return refuse(trees[body].at(), format!("`#[windlass::{attribute}]` needs a body"));
        }
        let name = name.strip_prefix("r#").unwrap_or(name).to_owned();
        Ok(Function { qualifiers, async_, name_at, body, name })
    }
}

/// The index after the attributes.
fn skip_attributes<S: Copy>(attribute: &str, trees: &[Tree<S>]) -> Result<usize, Refusal<S>> {
    let mut at = 0;
    while let Some(sign) = trees.get(at)
        && sign.is_sign('#')
    {
        let inner = trees.get(at + 1).and_then(|group| group.inside(Bracket::Square));
        if let Some([word]) = inner
            && attribute == "test"
            && word.is_word("test")
        {
            let message = "`#[windlass::test]` makes a test of it already: remove this `#[test]`";
            return refuse(word.at(), message);
        }
        at += 2;
    }
    Ok(at)
}

/// The index after `pub`, `pub(crate)` or nothing, also if it came out of a `macro_rules` variable.
fn skip_visibility<S: Copy>(trees: &[Tree<S>], mut at: usize) -> usize {
    if trees.get(at).is_some_and(|tree| tree.inside(Bracket::Invisible).is_some()) {
        return at + 1;
    }
    if trees.get(at).is_some_and(|tree| tree.is_word("pub")) {
        at += 1;
        if trees.get(at).is_some_and(|tree| tree.inside(Bracket::Round).is_some()) {
            at += 1;
        }
    }
    at
}

/// The index of the word `fn`, before which only qualifiers stand.
fn find_fn<S: Copy>(
    attribute: &str,
    trees: &[Tree<S>],
    from: usize,
    end: S,
) -> Result<usize, Refusal<S>> {
    for (at, tree) in trees.iter().enumerate().skip(from) {
        match tree {
            Tree::Word(word, _) if word == "fn" => return Ok(at),
            Tree::Word(word, _) if ["async", "const", "unsafe", "extern"].contains(&&**word) => {}
            Tree::Literal(..) => {} // the "C" of `extern "C"`
            _ => break,
        }
    }
    let at = trees.get(from).map_or(end, Tree::at);
    refuse(at, format!("`#[windlass::{attribute}]` belongs on an `async fn`"))
}

/// The index of `async`, the only qualifier there may be.
fn check_qualifiers<S: Copy>(
    attribute: &str,
    trees: &[Tree<S>],
    from: usize,
    fn_: usize,
) -> Result<usize, Refusal<S>> {
    let Some(async_) = (from..fn_).find(|at| trees[*at].is_word("async")) else {
        let message = format!("`#[windlass::{attribute}]` needs an `async fn`: add `async` here");
        return refuse(trees[fn_].at(), message);
    };
    match trees[from..fn_].iter().find(|tree| !tree.is_word("async")) {
        Some(Tree::Word(word, at)) => {
            refuse(*at, format!("a function under `#[windlass::{attribute}]` cannot be `{word}`"))
        }
        _ => Ok(async_),
    }
}

/// Refuses generics and arguments.
fn check_arguments<S: Copy>(
    attribute: &str,
    trees: &[Tree<S>],
    at: usize,
    end: S,
) -> Result<(), Refusal<S>> {
    let Some(tree) = trees.get(at) else {
        return refuse(end, "this function has no list of arguments");
    };
    if tree.is_sign('<') {
        let message = format!("a function under `#[windlass::{attribute}]` cannot be generic");
        return refuse(tree.at(), message);
    }
    match tree.inside(Bracket::Round) {
        None => refuse(tree.at(), "a list of arguments, `()`, is expected here"),
        Some([]) => Ok(()),
        Some([first, ..]) => {
            let message = format!("a function under `#[windlass::{attribute}]` takes no arguments");
            refuse(first.at(), message)
        }
    }
}

#[cfg(test)]
mod tests;
