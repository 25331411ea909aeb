use super::*;
use crate::tree::lexer::lex;

fn refused_by_test(options: &str) -> (String, &str) {
    let refusal = test(&lex(options)).expect_err("the options are refused");
    (refusal.message, &options[refusal.at..])
}

#[test]
fn no_options_are_the_defaults() {
    assert_eq!(main(&lex("")).unwrap(), Main { workers: None, debug: None });
    let expected = Test { workers: None, paused: false, timeout_ms: 60_000, allow_leaks: false };
    assert_eq!(test(&lex("")).unwrap(), expected);
}

#[test]
fn every_option_of_main_is_read() {
    let expected = Main { workers: Some(2), debug: Some(false) };
    assert_eq!(main(&lex("workers = 2, debug = false")).unwrap(), expected);
}

#[test]
fn every_option_of_test_is_read_in_any_order_and_with_a_last_comma() {
    let options = test(&lex("leaks = allow, timeout_ms = 5_000u64, paused, workers = 1,")).unwrap();
    let expected = Test { workers: Some(1), paused: true, timeout_ms: 5_000, allow_leaks: true };
    assert_eq!(options, expected);
}

#[test]
fn a_flag_can_be_spelled_out() {
    assert!(!test(&lex("paused = false")).unwrap().paused);
    assert_eq!(main(&lex("debug")).unwrap().debug, Some(true));
    assert!(!test(&lex("leaks = deny")).unwrap().allow_leaks);
}

#[test]
fn an_unknown_option_is_refused_with_the_known_ones() {
    let (message, at) = refused_by_test("paused, threads = 2");
    assert_eq!(
        message,
        "`#[windlass::test]` has no option `threads`, only `workers`, `paused`, `timeout_ms`, `leaks`"
    );
    assert_eq!(at, "threads = 2");
    // An option of the other macro is as unknown.
    let refusal = main(&lex("paused")).expect_err("main has no paused clock");
    assert_eq!(
        refusal.message,
        "`#[windlass::main]` has no option `paused`, only `workers`, `debug`"
    );
}

#[test]
fn a_repeated_option_is_refused_at_its_second_place() {
    let (message, at) = refused_by_test("paused, paused");
    assert_eq!((message.as_str(), at), ("`paused` is given twice", "paused"));
}

#[test]
fn a_number_that_is_none_is_refused_at_the_value() {
    let wrong = ["0", "-1", "\"2\"", "2.5", "2u8", "many", "0x10", "1 + 1", "99999999999999999999"];
    for value in wrong {
        let options = format!("workers = {value}");
        let (message, at) = refused_by_test(&options);
        assert_eq!(message, "`workers` takes a whole number from 1 up: `workers = 2`", "{value}");
        assert_eq!(at, value);
    }
}

#[test]
fn a_number_without_value_is_refused() {
    let (_, at) = refused_by_test("workers");
    assert_eq!(at, "workers");
    let (message, at) = refused_by_test("workers = ");
    assert_eq!((message.as_str(), at), ("the value of `workers` is missing", "= "));
}

#[test]
fn a_choice_names_its_words() {
    let (message, at) = refused_by_test("leaks = yes");
    assert_eq!((message.as_str(), at), ("`leaks` is either `allow` or `deny`", "yes"));
    let (message, at) = refused_by_test("paused = 1");
    assert_eq!((message.as_str(), at), ("`paused` is either `true` or `false`", "1"));
}

#[test]
fn what_is_no_name_is_refused() {
    let (message, at) = refused_by_test("2");
    let expected = "the name of an option is expected here, one of \
                    `workers`, `paused`, `timeout_ms`, `leaks`";
    assert_eq!((message.as_str(), at), (expected, "2"));
    let (_, at) = refused_by_test("paused,, workers = 1");
    assert_eq!(at, ", workers = 1");
    let (message, at) = refused_by_test("paused workers = 1");
    assert_eq!((message.as_str(), at), ("`=` or a comma is expected here", "workers = 1"));
}
