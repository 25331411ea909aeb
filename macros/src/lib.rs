//! `#[windlass::main]` and `#[windlass::test]`, written with nothing but `proc_macro`.
//!
//! Both take an `async fn` without arguments and make a plain `fn` of it. The async function moves,
//! as it is written, inside the plain one, which calls it and hands the future to the runtime:
//!
//! ```text
//!  #[windlass::main(workers = 2)]           fn main() -> Result<(), Error> {
//!  async fn main()                              async fn main() -> Result<(), Error> { body }
//!      -> Result<(), Error>          ==>        ::windlass::__private::run_main(
//!  { body }                                         ::windlass::__private::MainOptions { .. },
//!                                                   main(),
//!                                               )
//!                                           }
//! ```
//!
//! So the compiler judges the body against the return type the user wrote, at the tokens the user
//! wrote, and coercions, `?` and early returns work as in any `async fn`. An `async` block in place
//! of the inner function would have to guess its type and move the errors to the attribute.
//!
//! Attributes, doc comments and the visibility stay on the plain function; `#[should_panic]`,
//! `#[ignore]` and `#[cfg]` mean what they mean on any test.
//!
//! A parser for all of Rust (syn, quote and proc-macro2) would cost every user several seconds of
//! build time. What is needed here is the header of one function and a list of options, so it is
//! parsed by hand. `proc_macro` works only inside the compiler, so the parsers read a tree of their
//! own, which the tests can build: `tree` is that tree, `function` finds the parts of the
//! function, `options` reads the list, and this file turns the compiler's tokens into trees and
//! the answer into tokens.
//!
//! The examples of both macros are with their re-exports in the `windlass` crate, which this crate
//! cannot name. The tests under `tests/` expand them over a stand-in for the runtime.
#![forbid(unsafe_code)]

extern crate proc_macro;

mod function;
mod options;
mod tree;

use proc_macro::{Delimiter, Group, Ident, Literal, Punct, Spacing, Span, TokenStream, TokenTree};

use function::Function;
use tree::{Bracket, Refusal, Tree};

/// Makes an `async fn main` the start of the program: builds a runtime, runs the function on it,
/// and shuts the runtime down.
///
/// Options, all of them optional: `workers = 2` (the number of worker seats, the calling thread
/// included), `debug` or `debug = true` (the reports of `WINDLASS_DEBUG=1`). What is left out is
/// decided as by `windlass::run`.
///
/// The function may return whatever a plain `main` may return. It may have any name; the plain
/// function has the same.
#[proc_macro_attribute]
pub fn main(options: TokenStream, item: TokenStream) -> TokenStream {
    let item: Vec<TokenTree> = item.into_iter().collect();
    expand_main(options, &item).unwrap_or_else(|refusal| {
        let mut answer = complaint(&refusal);
        // Without any `main` the compiler would add a second error, which says nothing new.
        answer.extend(stream("fn main() {}"));
        answer
    })
}

/// Makes an `async fn` a test with a runtime of its own, which fails also when the function leaves
/// tasks behind, when nobody reads the panic of a task, and when it hangs.
///
/// Options, all of them optional:
/// - `workers = 1`: the number of worker seats.
/// - `paused` or `paused = true`: the clock stands still, but for jumps to the next deadline when
///   nothing else is left to do; so sleeps take no time. The test may also advance it.
/// - `timeout_ms = 5000`: after this many milliseconds of real time the test fails and shows what
///   each task waits for; 60,000 if left out. A test that blocks its thread is given 10 s more, and
///   then the process is aborted.
/// - `leaks = allow`: tasks that outlive the function are no failure, if they end within 5 s of being
///   cancelled. Panics that nobody reads still are.
///
/// `#[should_panic]`, `#[ignore]` and a `Result` as return type work as with `#[test]`, which must
/// not be written beside it.
#[proc_macro_attribute]
pub fn test(options: TokenStream, item: TokenStream) -> TokenStream {
    let item: Vec<TokenTree> = item.into_iter().collect();
    expand_test(options, &item).unwrap_or_else(|refusal| complaint(&refusal))
}

fn expand_main(options: TokenStream, item: &[TokenTree]) -> Result<TokenStream, Refusal<Span>> {
    let function = Function::parse("main", &trees(item), Span::call_site())?;
    let options = options::main(&trees(&tokens(options)))?;
    let call = format!(
        "::windlass::__private::MainOptions {{ workers: {}, debug: {} }},",
        option(options.workers),
        option(options.debug),
    );
    let mut call = stream(&call);
    call.extend([name_of(&function, item), parentheses(TokenStream::new())]);
    Ok(wrap(&function, item, TokenStream::new(), "run_main", call))
}

fn expand_test(options: TokenStream, item: &[TokenTree]) -> Result<TokenStream, Refusal<Span>> {
    let function = Function::parse("test", &trees(item), Span::call_site())?;
    let options = options::test(&trees(&tokens(options)))?;
    let call = format!(
        "::windlass::__private::TestOptions {{ workers: {}, paused: {}, timeout_ms: {}, \
         allow_leaks: {}, name: ::core::concat!(::core::module_path!(), \"::\", {:?}) }},",
        option(options.workers),
        options.paused,
        options.timeout_ms,
        options.allow_leaks,
        function.name,
    );
    let mut call = stream(&call);
    call.extend([name_of(&function, item)]);
    Ok(wrap(&function, item, stream("#[::core::prelude::v1::test]"), "run_test", call))
}

/// The plain function around the async one; `run` is the function of the facade that it calls.
fn wrap(
    function: &Function,
    item: &[TokenTree],
    attribute: TokenStream,
    run: &str,
    call: TokenStream,
) -> TokenStream {
    let mut body: TokenStream = item[function.qualifiers..].iter().cloned().collect();
    body.extend(stream(&format!("::windlass::__private::{run}")));
    body.extend([parentheses(call)]);
    let mut body = Group::new(Delimiter::Brace, body);
    body.set_span(item[function.body].span());

    let mut answer = attribute;
    answer.extend(item[..function.qualifiers].iter().cloned());
    let signature = (function.qualifiers..function.body).filter(|at| *at != function.async_);
    answer.extend(signature.map(|at| item[at].clone()));
    answer.extend([TokenTree::Group(body)]);
    answer
}

/// The name of the function, at its own place in the user's code.
fn name_of(function: &Function, item: &[TokenTree]) -> TokenTree {
    item[function.name_at].clone()
}

fn parentheses(inner: TokenStream) -> TokenTree {
    TokenTree::Group(Group::new(Delimiter::Parenthesis, inner))
}

fn option(value: Option<impl ToString>) -> String {
    let name = "::core::option::Option";
    value.map_or(format!("{name}::None"), |value| format!("{name}::Some({})", value.to_string()))
}

fn stream(code: &str) -> TokenStream {
    code.parse().expect("the macros write only Rust")
}

fn tokens(stream: TokenStream) -> Vec<TokenTree> {
    stream.into_iter().collect()
}

/// The compiler's tokens as our own trees, one for one.
fn trees(tokens: &[TokenTree]) -> Vec<Tree<Span>> {
    tokens.iter().map(tree).collect()
}

fn tree(token: &TokenTree) -> Tree<Span> {
    let span = token.span();
    match token {
        TokenTree::Ident(word) => Tree::Word(word.to_string(), span),
        TokenTree::Punct(sign) => Tree::Sign(sign.as_char(), span),
        TokenTree::Literal(literal) => Tree::Literal(literal.to_string(), span),
        TokenTree::Group(group) => {
            let mut inner = trees(&self::tokens(group.stream()));
            let bracket = match group.delimiter() {
                Delimiter::Parenthesis => Bracket::Round,
                Delimiter::Brace => Bracket::Curly,
                Delimiter::Bracket => Bracket::Square,
                // What a `macro_rules` variable stood for; a single token is just that token.
                Delimiter::None if inner.len() == 1 => return inner.remove(0),
                Delimiter::None => Bracket::Invisible,
            };
            Tree::Group(bracket, inner, span)
        }
    }
}

/// `::core::compile_error! { "message" }`, at the token that is refused.
fn complaint(refusal: &Refusal<Span>) -> TokenStream {
    let sign = |sign, spacing| TokenTree::Punct(Punct::new(sign, spacing));
    let word = |word| TokenTree::Ident(Ident::new(word, Span::call_site()));
    let message = TokenTree::Literal(Literal::string(&refusal.message));
    let tokens = [
        sign(':', Spacing::Joint),
        sign(':', Spacing::Alone),
        word("core"),
        sign(':', Spacing::Joint),
        sign(':', Spacing::Alone),
        word("compile_error"),
        sign('!', Spacing::Alone),
        TokenTree::Group(Group::new(Delimiter::Brace, message.into())),
    ];
    tokens
        .into_iter()
        .map(|mut token| {
            token.set_span(refusal.at);
            token
        })
        .collect()
}
