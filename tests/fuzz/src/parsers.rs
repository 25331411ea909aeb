//! The parsers of the attributes: whatever the tokens, they answer, and the answer is one that the
//! macros can use.
//!
//! The bytes are turned into trees: any sequence of words, signs, literals and groups, most of them
//! ones that mean something to the parsers.

use crate::bytes::Bytes;
use crate::function::Function;
use crate::options;
use crate::tree::{Bracket, Refusal, Tree};

const WORDS: [&str; 19] = [
    "async",
    "fn",
    "pub",
    "crate",
    "const",
    "unsafe",
    "extern",
    "test",
    "main",
    "r#loop",
    "r#",
    "workers",
    "paused",
    "timeout_ms",
    "debug",
    "leaks",
    "allow",
    "true",
    "false",
];
const SIGNS: [char; 10] = ['#', '=', ',', '<', '>', '-', ';', '!', ':', '\''];
const LITERALS: [&str; 11] = [
    "2",
    "0",
    "1_000",
    "5u64",
    "4usize",
    "_",
    "18446744073709551616",
    "0x10",
    "1.5",
    "\"C\"",
    "usize",
];
const BRACKETS: [Bracket; 4] =
    [Bracket::Round, Bracket::Square, Bracket::Curly, Bracket::Invisible];
/// Groups in groups; the compiler stops much later, and so do the parsers, which do not recurse.
const DEPTH: usize = 6;

/// Parses the trees that the bytes stand for as everything they may be.
pub fn run(data: &[u8]) {
    let mut bytes = Bytes(data);
    let mut at = 0;
    let mut trees = Vec::new();
    if bytes.below(2) == 0 {
        // Something near what is accepted, or few inputs would get far.
        for word in ["async", "fn", "works"] {
            trees.push(Tree::Word(word.into(), at));
            at += 1;
        }
    }
    trees.extend(some(&mut bytes, &mut at, 0));
    for attribute in ["main", "test"] {
        match Function::parse(attribute, &trees, usize::MAX) {
            Ok(function) => check(&function, &trees),
            Err(refusal) => check_refusal(&refusal, at),
        }
    }
    match options::main(&trees) {
        Ok(options) => assert_ne!(options.workers, Some(0), "a runtime needs a worker"),
        Err(refusal) => check_refusal(&refusal, at),
    }
    match options::test(&trees) {
        Ok(options) => assert!(options.workers != Some(0) && options.timeout_ms > 0),
        Err(refusal) => check_refusal(&refusal, at),
    }
}

/// Some trees, each at a number of its own.
fn some(bytes: &mut Bytes<'_>, at: &mut usize, depth: usize) -> Vec<Tree<usize>> {
    let mut trees = Vec::new();
    while !bytes.is_over() {
        let here = *at;
        *at += 1;
        trees.push(match bytes.below(16) {
            0..=5 => Tree::Word(bytes.pick(&WORDS).into(), here),
            6..=8 => Tree::Sign(bytes.pick(&SIGNS), here),
            9 | 10 => Tree::Literal(bytes.pick(&LITERALS).into(), here),
            11 => Tree::Literal(text(bytes), here),
            12 => Tree::Word(text(bytes), here),
            13 | 14 if depth < DEPTH => {
                let bracket = bytes.pick(&BRACKETS);
                let empty = bytes.below(2) == 0;
                let inner = if empty { Vec::new() } else { some(bytes, at, depth + 1) };
                Tree::Group(bracket, inner, here)
            }
            _ => return trees,
        });
    }
    trees
}

/// A text that nobody thought of.
fn text(bytes: &mut Bytes<'_>) -> String {
    let length = bytes.below(12).min(bytes.0.len());
    let (text, rest) = bytes.0.split_at(length);
    bytes.0 = rest;
    String::from_utf8_lossy(text).into_owned()
}

/// What the macros rely on when they take the function apart.
fn check(function: &Function, trees: &[Tree<usize>]) {
    let Function { qualifiers, async_, name_at, body, name } = function;
    assert!(qualifiers <= async_ && async_ < name_at && name_at < body, "{function:?}");
    assert_eq!(*body, trees.len() - 1);
    assert!(trees[*async_].is_word("async") && trees[*name_at - 1].is_word("fn"));
    assert!(matches!(&trees[*name_at], Tree::Word(word, _) if word.ends_with(name)));
    assert!(trees[*body].inside(Bracket::Curly).is_some());
    assert_eq!(trees[*name_at + 1].inside(Bracket::Round), Some(&[][..]), "it takes no arguments");
}

/// It points at a tree, or at the end, and says something.
fn check_refusal(refusal: &Refusal<usize>, trees: usize) {
    assert!(refusal.at == usize::MAX || refusal.at < trees, "{refusal:?}");
    assert!(!refusal.message.is_empty());
}
