//! What the macros write, compiled and run over a stand-in for the runtime.
//!
//! The stand-in is this test crate itself: it calls itself `windlass` and has the two functions
//! and the two option types that the expansion names.

extern crate self as windlass;

use std::cell::RefCell;

pub(crate) mod __private {
    use std::future::Future;
    use std::pin::pin;
    use std::task::{Context, Poll, Waker};

    #[derive(Debug, PartialEq, Eq)]
    pub(crate) struct MainOptions {
        pub(crate) workers: Option<usize>,
        pub(crate) debug: Option<bool>,
    }

    #[derive(Debug, PartialEq, Eq)]
    pub(crate) struct TestOptions {
        pub(crate) workers: Option<usize>,
        pub(crate) paused: bool,
        pub(crate) timeout_ms: u64,
        pub(crate) allow_leaks: bool,
        pub(crate) name: &'static str,
    }

    pub(crate) fn run_main<F: Future>(options: MainOptions, future: F) -> F::Output {
        super::LAST_MAIN.replace(Some(options));
        run(future)
    }

    pub(crate) fn run_test<F: Future>(options: TestOptions, body: impl Fn() -> F) -> F::Output {
        super::LAST_TEST.replace(Some(options));
        run(body())
    }

    fn run<F: Future>(future: F) -> F::Output {
        match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(output) => output,
            Poll::Pending => panic!("the functions of this file never wait"),
        }
    }
}

thread_local! {
    static LAST_MAIN: RefCell<Option<__private::MainOptions>> = const { RefCell::new(None) };
    static LAST_TEST: RefCell<Option<__private::TestOptions>> = const { RefCell::new(None) };
}

fn last_test() -> __private::TestOptions {
    LAST_TEST.take().expect("a function under the macro runs inside the stand-in")
}

mod mains {
    #[windlass_macros::main]
    pub async fn plain() -> u8 {
        std::future::ready(7).await
    }

    #[windlass_macros::main(workers = 2, debug = true)]
    pub async fn tuned() {}

    #[windlass_macros::main]
    pub async fn failing() -> Result<(), Box<dyn std::error::Error>> {
        let _number: u8 = "many".parse()?;
        Ok(())
    }

    // The return type decides what `into` makes, and turns the closure into a trait object.
    #[windlass_macros::main]
    pub async fn coerced() -> (String, Box<dyn Fn() -> u8>) {
        if true {
            return ("early".into(), Box::new(|| 1));
        }
        ("late".into(), Box::new(|| 2))
    }

    #[windlass_macros::main]
    pub(super) async fn opaque() -> impl Iterator<Item = u8> {
        0..3
    }

    #[windlass_macros::main]
    #[expect(unused_variables, reason = "the attribute reaches into the async function")]
    pub async fn r#loop() {
        let nobody_reads_me = 1;
    }
}

#[test]
fn a_main_returns_what_its_body_returns() {
    assert_eq!(mains::plain(), 7);
    let options = __private::MainOptions { workers: None, debug: None };
    assert_eq!(LAST_MAIN.take(), Some(options));
}

#[test]
fn the_options_of_main_arrive() {
    mains::tuned();
    let options = __private::MainOptions { workers: Some(2), debug: Some(true) };
    assert_eq!(LAST_MAIN.take(), Some(options));
}

#[test]
fn a_question_mark_leaves_a_main_with_its_error() {
    let error = mains::failing().expect_err("`many` is no number");
    assert_eq!(error.to_string(), "invalid digit found in string");
}

#[test]
fn the_return_type_guides_the_body_as_in_any_function() {
    let (text, number) = mains::coerced();
    assert_eq!((text.as_str(), number()), ("early", 1));
    assert_eq!(mains::opaque().sum::<u8>(), 3);
    mains::r#loop();
}

mod tests {
    #[windlass_macros::test]
    async fn a_test_without_options_gets_the_defaults() {
        let options = crate::last_test();
        assert_eq!((options.workers, options.paused), (None, false));
        assert_eq!((options.timeout_ms, options.allow_leaks), (60_000, false));
    }

    #[windlass_macros::test(workers = 1, paused, timeout_ms = 5000, leaks = allow)]
    async fn the_options_of_a_test_arrive() {
        let options = crate::last_test();
        assert_eq!((options.workers, options.paused), (Some(1), true));
        assert_eq!((options.timeout_ms, options.allow_leaks), (5_000, true));
    }

    #[windlass_macros::test]
    async fn a_test_knows_its_path() {
        assert_eq!(crate::last_test().name, "expansion::tests::a_test_knows_its_path");
    }

    #[windlass_macros::test]
    #[should_panic(expected = "as it should")]
    async fn should_panic_means_what_it_means_on_any_test() {
        panic!("as it should");
    }

    #[windlass_macros::test]
    async fn a_test_may_return_a_result() -> Result<(), std::num::ParseIntError> {
        let seven: u8 = "7".parse()?;
        assert_eq!(seven, 7);
        Ok(())
    }

    /// A macro of the user's that writes tests: each token arrives wrapped in a variable.
    macro_rules! written {
        ($visibility:vis $name:ident, $output:ty, $body:block, $workers:literal) => {
            /// With a doc comment.
            #[windlass_macros::test(workers = $workers)]
            $visibility async fn $name() -> $output $body
        };
    }
    written!(a_macro_can_write_a_test, Result<(), String>, {
        assert_eq!(crate::last_test().workers, Some(3));
        Ok(())
    }, 3);
    written!(pub(super) a_macro_can_write_a_visible_test, (), {}, 1);
}
