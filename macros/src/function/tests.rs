use super::*;
use crate::tree::lexer::lex;

/// Parses the text as the item under `#[windlass::test]`; a refusal as the text it points at.
fn parse(item: &str) -> Result<Function, (String, &str)> {
    let end = item.len();
    Function::parse("test", &lex(item), end)
        .map_err(|refusal| (refusal.message, &item[refusal.at..]))
}

fn refused(item: &str) -> (String, &str) {
    parse(item).expect_err("the item is refused")
}

#[test]
fn a_bare_function_is_all_signature() {
    let function = parse("async fn works() { }").unwrap();
    let expected = Function { qualifiers: 0, async_: 0, name_at: 2, body: 4, name: "works".into() };
    assert_eq!(function, expected);
}

#[test]
fn attributes_and_visibility_come_before_the_signature() {
    let function =
        parse("#[doc = \"x\"] #[ignore] pub(crate) async fn r#loop() -> u8 { }").unwrap();
    // # [] # [] pub () async fn name () - > u8 {}
    let expected = Function { qualifiers: 6, async_: 6, name_at: 8, body: 13, name: "loop".into() };
    assert_eq!(function, expected);
}

#[test]
fn a_visibility_from_a_macro_variable_is_skipped() {
    let mut item = lex("async fn works() { }");
    item.insert(0, Tree::Group(Bracket::Invisible, vec![], 0));
    let function = Function::parse("test", &item, 0).unwrap();
    assert_eq!((function.qualifiers, function.async_), (1, 1));
}

#[test]
fn a_plain_function_is_refused_at_its_fn() {
    let (message, at) = refused("pub fn works() { }");
    assert_eq!(message, "`#[windlass::test]` needs an `async fn`: add `async` here");
    assert_eq!(at, "fn works() { }");
}

#[test]
fn an_argument_is_refused_at_its_name() {
    let (message, at) = refused("async fn works(n: u8) { }");
    assert_eq!(message, "a function under `#[windlass::test]` takes no arguments");
    assert_eq!(at, "n: u8) { }");
}

#[test]
fn generics_are_refused_at_their_bracket() {
    let (message, at) = refused("async fn works<T>() { }");
    assert_eq!(message, "a function under `#[windlass::test]` cannot be generic");
    assert_eq!(at, "<T>() { }");
}

#[test]
fn unsafe_is_refused_where_it_stands() {
    let (message, at) = refused("async unsafe fn works() { }");
    assert_eq!(message, "a function under `#[windlass::test]` cannot be `unsafe`");
    assert_eq!(at, "unsafe fn works() { }");
}

#[test]
fn what_is_no_function_is_refused_at_its_first_word() {
    let (message, at) = refused("#[derive(Debug)] pub struct Works { }");
    assert_eq!(message, "`#[windlass::test]` belongs on an `async fn`");
    assert_eq!(at, "struct Works { }");
}

#[test]
fn a_function_without_a_body_is_refused_at_its_semicolon() {
    let (message, at) = refused("async fn works();");
    assert_eq!(message, "`#[windlass::test]` needs a body");
    assert_eq!(at, ";");
}

#[test]
fn a_second_test_attribute_is_refused() {
    let (message, at) = refused("#[test] async fn works() { }");
    assert_eq!(message, "`#[windlass::test]` makes a test of it already: remove this `#[test]`");
    assert_eq!(at, "test] async fn works() { }");
}

#[test]
fn every_prefix_of_a_function_is_refused_and_none_panics() {
    let item = lex("#[ignore] pub(crate) async fn works() -> u8 { }");
    for length in 0..item.len() {
        assert!(Function::parse("main", &item[..length], 0).is_err(), "{length} trees");
    }
}
