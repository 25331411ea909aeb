use super::*;

const FILE: &str = "timer/src/some.rs";
const TEXT: &str = "fn f() {\n    fence(SeqCst);\n    word.swap(1, AcqRel)\n}\nfn g(AcqRel) {}\n";

fn bug(number: u32, find: &str, replace: &str) -> Bug {
    Bug {
        number,
        name: format!("bug-{number}"),
        model: "some_model".into(),
        file: FILE.into(),
        what: "nothing".into(),
        find: find.into(),
        nth: None,
        replace: replace.into(),
        survives: None,
        alone: false,
    }
}

fn wrapped(bugs: &[Bug]) -> String {
    wrap(FILE, TEXT, &bugs.iter().collect::<Vec<_>>()).unwrap()
}

fn refused(bugs: &[Bug]) -> String {
    wrap(FILE, TEXT, &bugs.iter().collect::<Vec<_>>()).unwrap_err().to_string()
}

#[test]
fn a_statement_is_wrapped_bare_and_an_expression_in_brackets() {
    let text = wrapped(&[bug(1, "fence(SeqCst);", ""), bug(2, "word.swap(1, AcqRel)", "0")]);
    assert_eq!(
        text,
        "fn f() {\n    if windlass_sync::shim::seeded(1) {  } else { fence(SeqCst); }\n    \
         (if windlass_sync::shim::seeded(2) { 0 } else { word.swap(1, AcqRel) })\n}\n\
         fn g(AcqRel) {}\n"
    );
}

#[test]
fn the_sync_crate_asks_itself() {
    let text = wrap("sync/src/some.rs", "now();", &[&bug(3, "now();", "later();")]).unwrap();
    assert_eq!(text, "if crate::shim::seeded(3) { later(); } else { now(); }");
}

#[test]
fn bugs_of_one_place_share_it() {
    let text = wrapped(&[bug(1, "fence(SeqCst);", ""), bug(2, "fence(SeqCst);", "fence(AcqRel);")]);
    let shared = "if windlass_sync::shim::seeded(1) {  } \
                  else if windlass_sync::shim::seeded(2) { fence(AcqRel); } \
                  else { fence(SeqCst); }";
    assert!(text.contains(shared), "{text}");
}

#[test]
fn a_place_may_lie_within_another() {
    let inner = Bug { nth: Some(1), ..bug(2, "AcqRel", "Relaxed") };
    let text = wrapped(&[inner, bug(1, "word.swap(1, AcqRel)", "0")]);
    let nested = "(if windlass_sync::shim::seeded(1) { 0 } else { word.swap(1, \
                  (if windlass_sync::shim::seeded(2) { Relaxed } else { AcqRel })) })";
    assert!(text.contains(nested), "{text}");
}

#[test]
fn places_that_cross_are_refused() {
    let crossing = [bug(1, "word.swap(1", "x"), bug(2, "(1, AcqRel)", "y")];
    assert_eq!(refused(&crossing), "bug-1 and bug-2: their places in timer/src/some.rs overlap");
}

#[test]
fn a_place_must_be_there_and_be_the_only_one_or_be_chosen() {
    assert_eq!(refused(&[bug(1, "park()", "")]), "bug-1: timer/src/some.rs has no `park()`");
    assert_eq!(
        refused(&[bug(1, "AcqRel", "Relaxed")]),
        "bug-1: timer/src/some.rs has 2 times `AcqRel`, in lines 3, 5; choose with `nth`"
    );
    let third = Bug { nth: Some(3), ..bug(1, "AcqRel", "Relaxed") };
    assert_eq!(refused(&[third]), "bug-1: timer/src/some.rs has 2 times `AcqRel`, but nth = 3");
    let second = Bug { nth: Some(2), ..bug(1, "AcqRel", "Relaxed") };
    assert!(wrapped(&[second]).contains("fn g((if "));
}

#[test]
fn what_cannot_be_wrapped_is_refused() {
    assert!(refused(&[bug(1, "word.swap(1, AcqRel)", "")]).contains("replaced by nothing"));
    assert!(refused(&[bug(1, "fence(SeqCst);", "fence(SeqCst);")]).contains("there already"));
    assert!(refused(&[bug(1, "swap(1, AcqRel)", "load(1)")]).contains("begin at its object"));
    let declares = wrap(FILE, "let x = 1;", &[&bug(1, "let x = 1;", "")]).unwrap_err();
    assert!(declares.to_string().contains("name its initialiser"));
}

#[test]
fn a_bug_that_is_alone_is_left_out_and_replaced_plainly() {
    let alone = Bug { alone: true, ..bug(1, "fn g(AcqRel) {}", "fn g() {}") };
    assert_eq!(wrapped(std::slice::from_ref(&alone)), TEXT);
    assert_eq!(replace(FILE, TEXT, &alone).unwrap(), TEXT.replace("g(AcqRel)", "g()"));
}
