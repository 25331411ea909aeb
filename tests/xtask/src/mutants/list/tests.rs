use super::super::root;
use super::*;

fn bug(name: &str, find: &str) -> Bug {
    Bug {
        number: 1,
        name: name.into(),
        model: "reactor_no_edge_is_lost".into(),
        file: "tests/models/reactor.rs".into(),
        what: "nothing".into(),
        find: find.into(),
        nth: None,
        replace: "instead".into(),
        survives: None,
        alone: false,
    }
}

#[test]
fn every_bug_of_the_lists_has_its_place_and_its_model() {
    let bugs = read(root()).unwrap();
    assert!(!bugs.is_empty());
    check(root(), &bugs).unwrap();
}

#[test]
fn a_bug_without_a_place_a_model_or_a_name_of_its_own_is_found() {
    let check = |bugs: &[Bug]| check(root(), bugs).unwrap_err().to_string();
    let fine = bug("fine", "readiness::no_edge_is_lost");
    let stray = Bug { model: "no_such".into(), ..fine.clone() };
    assert_eq!(check(&[fine.clone(), fine.clone()]), "fine: two bugs have this name");
    assert_eq!(check(&[stray]), "fine: there is no model `no_such`");
    assert_eq!(check(&[bug("Not fine", "x")]), "`Not fine` is no name in kebab case");
    let gone = check(&[bug("gone", "not there")]);
    assert!(gone.starts_with("gone: tests/models/reactor.rs has no `not there`"), "{gone}");
}

#[test]
fn a_model_is_proven_only_by_a_bug_that_is_caught() {
    let models = BTreeSet::from(["reactor_no_edge_is_lost".to_owned(), "another".to_owned()]);
    let caught = bug("caught", "x");
    let survivor = Bug { survives: Some("it is blind".into()), ..caught.clone() };
    assert_eq!(models_without_a_bug(&[caught], &models), ["another"]);
    assert_eq!(models_without_a_bug(&[survivor], &models), ["another", "reactor_no_edge_is_lost"]);
}
